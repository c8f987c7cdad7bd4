//! Programs with a bug whose tasks share cells. Each load and store is a scheduling point.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::world::World;

/// The program of this name.
pub fn named(program: &str) -> Option<fn(&mut World)> {
    Some(match program {
        "done or timeout" => |world| done_or_timeout(world, 10),
        "late write (25)" => |world| late_write(world, 25),
        "late reports (3)" => |world| late_reports(world, 3),
        "late reports (8)" => |world| late_reports(world, 8),
        _ => return None,
    })
}

/// One task stores `stores` times. The bug: the only access of the other comes after all of them.
fn late_write(world: &mut World, stores: u32) {
    let cell = world.cell();
    let other = cell.clone();
    // Spawned first, so that the order of spawning does not show the bug.
    world.task(async move {
        assert_ne!(other.load().await, stores, "the access came last");
    });
    world.task(async move {
        for value in 1..=stores {
            cell.store(value).await;
        }
    });
}

/// Folders report once each, and a closer calls Done after two other steps, without waiting for
/// them. The bug: Done comes before every report.
fn late_reports(world: &mut World, folders: u32) {
    let done = world.cell();
    let late = Arc::new(AtomicU32::new(0));
    for _ in 0..folders {
        let (done, late) = (done.clone(), Arc::clone(&late));
        world.task(async move {
            if done.load().await == 1 {
                // Only for the verdict: no scheduling point.
                let late = late.fetch_add(1, Ordering::Relaxed) + 1;
                assert_ne!(late, folders, "every report came after Done");
            }
        });
    }
    let steps = world.cell();
    world.task(async move {
        steps.store(1).await;
        steps.store(2).await;
        done.store(1).await;
    });
}

/// A worker calls Done when its work is finished, and a watchdog does when the time is up. Each
/// first checks a flag and sets it afterwards. The bug: both call Done.
fn done_or_timeout(world: &mut World, steps: u32) {
    let finished = world.cell();
    let dones = Arc::new(AtomicU32::new(0));
    for _ in ["worker", "watchdog"] {
        let (finished, dones, own) = (finished.clone(), Arc::clone(&dones), world.cell());
        world.task(async move {
            for step in 0..steps {
                own.store(step).await;
            }
            if finished.load().await == 0 {
                finished.store(1).await;
                let dones = dones.fetch_add(1, Ordering::Relaxed) + 1;
                assert_eq!(dones, 1, "Done was called twice");
            }
        });
    }
}
