//! Programs without a bug. A closed formula gives the number of their classes.

use crate::world::World;

/// The program of this name.
pub fn named(program: &str) -> Option<fn(&mut World)> {
    Some(match program {
        "readers(2)" => |world| readers(world, 2),
        "readers(13)" => |world| readers(world, 13),
        "writers(8)" => |world| writers(world, 8),
        "lastzero(12)" => |world| lastzero(world, 12),
        _ => return None,
    })
}

/// One task stores to a cell, and the others load it: each load comes before the store or after it.
fn readers(world: &mut World, tasks: usize) {
    let cell = world.cell();
    let written = cell.clone();
    world.task(async move { written.store(1).await });
    for _ in 0..tasks {
        let cell = cell.clone();
        world.task(async move {
            cell.load().await;
        });
    }
}

/// Each task stores to the same cell.
fn writers(world: &mut World, tasks: u32) {
    let cell = world.cell();
    for task in 0..tasks {
        let cell = cell.clone();
        world.task(async move { cell.store(task).await });
    }
}

/// Each task but the first stores to its cell one more than it loads from the previous cell. The
/// first searches for the last cell that is still 0.
fn lastzero(world: &mut World, tasks: usize) {
    let cells: Vec<_> = (0..=tasks).map(|_| world.cell()).collect();
    let seen = cells.clone();
    world.task(async move {
        let mut place = tasks;
        // Nobody stores to the first cell.
        while seen[place].load().await != 0 {
            place -= 1;
        }
    });
    for task in 1..=tasks {
        let (from, to) = (cells[task - 1].clone(), cells[task].clone());
        world.task(async move {
            let value = from.load().await;
            to.store(value + 1).await;
        });
    }
}
