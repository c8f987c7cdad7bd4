//! Programs with a mutex and a condition variable.

use crate::world::World;

/// The program of this name.
pub fn named(program: &str) -> Option<fn(&mut World)> {
    Some(match program {
        "bounded buffer" => |world| bounded_buffer(world, 2, 2),
        _ => return None,
    })
}

/// A bounded buffer whose producers and consumers wait on one condition variable, and each wake
/// one task. The bug: the wake-up goes to a task of the same side, which waits again, and all tasks
/// wait for ever.
fn bounded_buffer(world: &mut World, pairs: usize, items: usize) {
    const CAPACITY: usize = 1;
    let (buffer, changed) = world.lock(0_usize);
    for _ in 0..pairs {
        let (filled, grown) = (buffer.clone(), changed.clone());
        world.task_made_by(move || async move {
            for _ in 0..items {
                let mut count = filled.lock().await;
                while *count == CAPACITY {
                    count = grown.wait(count).await;
                }
                *count += 1;
                drop(count);
                grown.notify_one();
            }
        });
        let (emptied, shrunk) = (buffer.clone(), changed.clone());
        world.task_made_by(move || async move {
            for _ in 0..items {
                let mut count = emptied.lock().await;
                while *count == 0 {
                    count = shrunk.wait(count).await;
                }
                *count -= 1;
                drop(count);
                shrunk.notify_one();
            }
        });
    }
}
