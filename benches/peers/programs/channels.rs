//! Programs with a channel from many senders to one receiver.

use crate::world::World;

/// The program of this name.
pub fn named(program: &str) -> Option<fn(&mut World)> {
    Some(match program {
        "senders(7)" => |world| senders(world, 7),
        _ => return None,
    })
}

/// Each task sends a message, and another task receives them all, in any order.
fn senders(world: &mut World, tasks: u32) {
    let (sender, mut receiver) = world.channel();
    for task in 0..tasks {
        let sender = sender.clone();
        world.task(async move { sender.send(task).await });
    }
    world.task(async move {
        for _ in 0..tasks {
            receiver.recv().await;
        }
    });
}
