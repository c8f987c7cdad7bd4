//! A depth-first search on several threads, with the same result for every number of threads.

use std::ops::ControlFlow;

use super::Dfs;
use crate::Engine;
use crate::parallel::{Control, run_splittable};

/// A part hands over its rest once in this number of its executions. Fixed, so that results
/// do not depend on the threads.
const PERIOD: u32 = 256;

/// Runs every schedule of a search on `jobs` threads, round after round, and hands the result of
/// each part to `merge` in the order of the search. Returns the search, with everything that was
/// run.
///
/// `engine` makes the engine of each thread. `run` runs one part: it executes the program until the
/// engine has nothing left, and asks after each execution whether to go on. It is told whether no
/// part comes before this one in its round. When `merge` breaks, the search ends.
///
/// # Panics
///
/// If `run` panics.
pub fn explore_rounds<T: Send>(
    mut search: Dfs,
    jobs: usize,
    control: &Control,
    engine: impl Fn() -> Engine + Sync,
    run: impl Fn(&mut Engine, bool, &mut dyn FnMut(&mut Engine) -> bool) -> T + Sync,
    mut merge: impl FnMut(T) -> ControlFlow<()> + Send,
) -> Dfs {
    loop {
        let worker = || {
            let (mut engine, run) = (engine(), &run);
            move |part: Dfs, others: &dyn Fn(Option<Dfs>) -> bool| {
                let first = part.is_first();
                drop(engine.set_strategy(part));
                let mut runs = 0_u32;
                let result = run(&mut engine, first, &mut |engine| {
                    runs = runs.wrapping_add(1);
                    !runs.is_multiple_of(PERIOD)
                        || others(engine.strategy::<Dfs>().and_then(Dfs::split))
                });
                (result, engine.strategy::<Dfs>().cloned())
            }
        };
        let mut stopped = false;
        let whole = search.whole_round();
        run_splittable(whole, jobs, control, worker, |(result, part): (T, Option<Dfs>)| {
            let flow = merge(result);
            if let Some(part) = part {
                search.absorb(&part);
            }
            stopped |= flow.is_break();
            flow
        });
        if stopped || control.is_interrupted() || !search.deepen() {
            return search;
        }
    }
}
