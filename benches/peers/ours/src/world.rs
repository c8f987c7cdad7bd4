//! The programs' world, on the engine of `mapi-sync-sim`.
//!
//! Each end of a poll segment is a scheduling point: each operation on a [`Cell`], each lock, and
//! each wait.

use futures::FutureExt;
use futures::future::BoxFuture;
use mapi_sync_sim::engine;
use mapi_sync_sim::engine::sync::{self, Register};

/// Collects the tasks of a program.
#[derive(Default)]
pub struct World {
    tasks: Vec<BoxFuture<'static, ()>>,
}

impl World {
    /// The main task of a program. If spawning is a scheduling point, as it is for shuttle, other
    /// tasks may run before each spawn.
    pub async fn run(program: impl Fn(&mut Self), spawning_is_a_point: bool) {
        let mut world = Self::default();
        program(&mut world);
        for task in world.tasks {
            if spawning_is_a_point {
                engine::yield_now().await;
            }
            engine::spawn("task", task);
        }
    }

    pub fn cell(&mut self) -> Cell {
        Cell(Register::new("cell", 0))
    }

    pub fn channel(&mut self) -> (Sender, Receiver) {
        let (sender, receiver) = sync::unbounded("channel");
        (Sender(sender), Receiver(receiver))
    }

    pub fn lock<T>(&mut self, value: T) -> (sync::Mutex<T>, sync::Condvar) {
        (sync::Mutex::new("lock", value), sync::Condvar::new("changed"))
    }

    pub fn task(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(task.boxed());
    }

    pub fn task_made_by<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        make: impl FnOnce() -> F,
    ) {
        self.task(make());
    }
}

#[derive(Clone)]
pub struct Cell(Register<u32>);

impl Cell {
    pub async fn load(&self) -> u32 {
        self.0.read().await
    }

    pub async fn store(&self, value: u32) {
        self.0.write(value).await;
    }

    pub async fn add(&self, value: u32) -> u32 {
        self.0.modify(|cell| std::mem::replace(cell, cell.wrapping_add(value))).await
    }

    pub async fn sub(&self, value: u32) -> u32 {
        self.0.modify(|cell| std::mem::replace(cell, cell.wrapping_sub(value))).await
    }
}

#[derive(Clone)]
pub struct Sender(sync::Sender<u32>);

impl Sender {
    pub async fn send(&self, message: u32) {
        self.0.send(message).await.expect("the receiver is there");
    }
}

pub struct Receiver(sync::Receiver<u32>);

impl Receiver {
    pub async fn recv(&mut self) -> u32 {
        self.0.recv().await.expect("a sender is there")
    }
}
