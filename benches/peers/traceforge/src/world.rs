//! The programs' world, on TraceForge.
//!
//! Each send and each receive of a message is a scheduling point. A cell is a thread that answers
//! messages, made by the library's `sync::atomic`. A task is a thread. Its operations block, so its
//! future is ready at the first poll.

use std::sync::atomic::Ordering;

use futures::FutureExt;
use traceforge::channel::{Builder, Channel};
use traceforge::sync::atomic::AtomicU32;
use traceforge::thread;

/// Spawns the tasks of a program.
pub struct World;

impl World {
    pub fn cell(&mut self) -> Cell {
        Cell(AtomicU32::new(0))
    }

    pub fn channel(&mut self) -> (Sender, Receiver) {
        let (sender, receiver): Channel<u32> = Builder::new().build();
        (Sender(sender), Receiver(receiver))
    }

    pub fn task(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| task.now_or_never().expect("it blocks instead of waiting"));
    }
}

#[derive(Clone)]
pub struct Cell(AtomicU32);

impl Cell {
    pub async fn load(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub async fn store(&self, value: u32) {
        self.0.store(value, Ordering::SeqCst);
    }
}

#[derive(Clone)]
pub struct Sender(traceforge::channel::Sender<u32>);

impl Sender {
    pub async fn send(&self, message: u32) {
        self.0.send_msg(message);
    }
}

pub struct Receiver(traceforge::channel::Receiver<u32>);

impl Receiver {
    pub async fn recv(&mut self) -> u32 {
        self.0.recv_msg_block()
    }
}
