//! The programs' world, on interweave.
//!
//! Each operation on an atomic or a channel is a scheduling point. The part of a task before its
//! first one is not scheduled.

use interweave::Atomic;

/// Builds the processes and objects of a program.
pub struct World<'w, 'a>(pub &'w mut interweave::World<'a>);

impl World<'_, '_> {
    pub fn cell(&mut self) -> Cell {
        Cell(self.0.atomic("cell", 0))
    }

    pub fn channel(&mut self) -> (Sender, Receiver) {
        let (sender, receiver) = self.0.channel("channel");
        (Sender(sender), Receiver(receiver))
    }

    pub fn task(&mut self, task: impl Future<Output = ()> + 'static) {
        self.0.spawn("task", async {
            task.await;
            Ok(())
        });
    }
}

#[derive(Clone)]
pub struct Cell(Atomic<u32>);

impl Cell {
    pub async fn load(&self) -> u32 {
        self.0.load().await
    }

    pub async fn store(&self, value: u32) {
        self.0.store(value).await;
    }
}

#[derive(Clone)]
pub struct Sender(interweave::Sender<u32>);

impl Sender {
    pub async fn send(&self, message: u32) {
        self.0.send(message).await;
    }
}

pub struct Receiver(interweave::Receiver<u32>);

impl Receiver {
    pub async fn recv(&mut self) -> u32 {
        self.0.recv().await
    }
}
