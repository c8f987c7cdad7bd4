//! Programs whose tasks also add to cells, in one step.

use crate::world::World;

/// The program of this name.
pub fn named(program: &str) -> Option<fn(&mut World)> {
    Some(match program {
        "broadcast" => broadcast,
        _ => return None,
    })
}

/// A broadcast channel of one message: its slot counts how many receivers have yet to read it, and
/// the last one frees it. The sender counts the receivers, fills the slot, and moves the tail on.
/// The bug: a receiver that subscribes in between is not counted and still sees the message, so the
/// slot is freed before another receiver has read it.
fn broadcast(world: &mut World) {
    let (receivers, remaining, tail) = (world.cell(), world.cell(), world.cell());
    let counted = receivers.clone();
    let (rest, end) = (remaining.clone(), tail.clone());
    world.task(async move {
        counted.add(1).await;
        for _ in 0..2 {
            counted.load().await;
        }
        let readers = counted.load().await;
        rest.store(readers).await;
        end.add(1).await;
    });
    for subscribes in [false, true] {
        let (receivers, remaining, tail) = (receivers.clone(), remaining.clone(), tail.clone());
        world.task(async move {
            let mut position = 0;
            if subscribes {
                receivers.add(1).await;
                position = tail.load().await;
            }
            // It polls a few times and then gives up.
            for _ in 0..3 {
                if tail.load().await > position {
                    assert_ne!(remaining.sub(1).await, 0, "read a slot that had been freed");
                    return;
                }
            }
        });
    }
}
