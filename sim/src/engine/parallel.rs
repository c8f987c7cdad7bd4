//! Many executions over several threads, with the same result for every number of threads.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

/// What the outside sees of a running sweep, and says to it.
#[derive(Debug, Default)]
pub struct Control {
    done: AtomicU64,
    /// The bits of a number between 0 and 1.
    share: AtomicU64,
    interrupted: AtomicBool,
}

impl Control {
    /// Nothing done, not interrupted.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            done: AtomicU64::new(0),
            share: AtomicU64::new(0),
            interrupted: AtomicBool::new(false),
        }
    }

    /// Counts an execution as done.
    pub fn count(&self, executions: u64) {
        self.done.fetch_add(executions, Ordering::Relaxed);
    }

    /// How many executions are done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Says which share of the whole is done, if nobody knows how many executions there are.
    pub fn set_share(&self, share: f64) {
        self.share.store(share.to_bits(), Ordering::Relaxed);
    }

    /// Which share of the whole is done, from 0 to 1, as far as that is known.
    pub fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed)).clamp(0.0, 1.0)
    }

    /// Asks for an early end.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// Whether an early end was asked for. Workers look at it between executions.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// Runs the executions `0..total` in chunks of `chunk` on `jobs` threads, and hands each chunk's result to `merge` in
/// the order of the chunks.
///
/// `worker` is called once on each thread and makes what runs one chunk: usually a closure that owns an
/// [`Engine`](super::Engine). When `merge` breaks, the chunks that come later are neither run nor merged, even if some
/// were run ahead. So what was merged is the same for every number of jobs, provided that a chunk's result follows from
/// its range alone, and nobody interrupts.
///
/// After an interrupt, the chunks that are under way are merged, and no more.
///
/// # Panics
///
/// If `chunk` is 0, or a worker panics.
pub fn sweep<T, R>(
    total: u64,
    chunk: u64,
    jobs: usize,
    control: &Control,
    worker: impl Fn() -> R + Sync,
    mut merge: impl FnMut(T) -> ControlFlow<()>,
) where
    T: Send,
    R: FnMut(Range<u64>) -> T,
{
    assert!(chunk > 0, "a chunk holds at least one execution");
    let chunks = total.div_ceil(chunk);
    let range = |n: u64| n * chunk..total.min((n + 1) * chunk);
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let take = || {
        if stop.load(Ordering::Relaxed) || control.is_interrupted() {
            return None;
        }
        let n = next.fetch_add(1, Ordering::Relaxed);
        (n < chunks).then_some(n)
    };
    if jobs <= 1 {
        let mut run = worker();
        while let Some(n) = take() {
            if merge(run(range(n))).is_break() {
                break;
            }
        }
        return;
    }
    thread::scope(|scope| {
        let (results, inbox) = mpsc::channel();
        for _ in 0..jobs {
            let results = results.clone();
            let (take, worker, range) = (&take, &worker, &range);
            scope.spawn(move || {
                let mut run = worker();
                while let Some(n) = take() {
                    if results.send((n, run(range(n)))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (n, result) in inbox {
            early.insert(n, result);
            while let Some(result) = early.remove(&due) {
                due += 1;
                if merge(result).is_break() {
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(jobs: usize, limit: usize) -> Vec<u64> {
        let mut all = Vec::new();
        let control = Control::new();
        let worker = || {
            |range: Range<u64>| {
                control.count(range.end - range.start);
                range.filter(|n| n % 7 == 3).collect::<Vec<_>>()
            }
        };
        sweep(1000, 16, jobs, &control, worker, |found: Vec<u64>| {
            all.extend(found);
            if all.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        all
    }

    #[test]
    fn every_number_of_jobs_merges_the_same() {
        for limit in [1, 5, 50, 1000] {
            let one = merged(1, limit);
            assert_eq!(one.first(), Some(&3));
            for jobs in [2, 3, 8] {
                assert_eq!(merged(jobs, limit), one);
            }
        }
        assert_eq!(merged(2, 1000).len(), 143);
    }

    #[test]
    fn an_interrupt_ends_it() {
        let control = Control::new();
        let mut seen = 0;
        sweep(
            u64::MAX,
            1,
            2,
            &control,
            || |_range| control.count(1),
            |()| {
                seen += 1;
                if seen == 10 {
                    control.interrupt();
                }
                ControlFlow::Continue(())
            },
        );
        assert!(seen >= 10 && seen <= control.done());
    }
}
