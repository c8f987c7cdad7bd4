//! Many executions over several threads, with the same result for every number of threads.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, Scope};

use crate::lock::{lock, wait};

/// The stack of each thread of a search, in bytes: that of a main thread. Whether a program has
/// enough of it does not depend on the number of threads.
pub const STACK: usize = 8 << 20;

/// What the outside sees of a running search, and says to it.
#[derive(Debug, Default)]
pub struct Control {
    whole: Arc<WholeControl>,
    /// What was said to this part alone.
    stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct WholeControl {
    done: AtomicU64,
    /// The bits of a number between 0 and 1.
    share: AtomicU64,
    /// The bits of an estimate of how many executions there are; 0 if there is none.
    whole: AtomicU64,
    interrupted: AtomicBool,
}

impl Control {
    /// Nothing done, not interrupted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The control of a part of the work. What the part counts is counted here too, and an
    /// interrupt reaches it. It can be [stopped](Self::stop) by itself.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { whole: Arc::clone(&self.whole), stopped: AtomicBool::new(false) }
    }

    /// Counts an execution as done.
    pub fn count(&self, executions: u64) {
        self.whole.done.fetch_add(executions, Ordering::Relaxed);
    }

    /// How many executions are done.
    pub fn done(&self) -> u64 {
        self.whole.done.load(Ordering::Relaxed)
    }

    /// Sets the share of the whole that is done, where the number of executions is unknown.
    pub fn set_share(&self, share: f64) {
        self.whole.share.store(share.to_bits(), Ordering::Relaxed);
    }

    /// Sets about how many executions there are, where the number is unknown.
    pub fn set_whole(&self, executions: f64) {
        self.whole.whole.store(executions.to_bits(), Ordering::Relaxed);
    }

    /// About how many executions there are, if that was estimated.
    pub fn whole(&self) -> Option<f64> {
        let whole = f64::from_bits(self.whole.whole.load(Ordering::Relaxed));
        (whole > 0.0).then_some(whole)
    }

    /// The share of the whole that is done, from 0 to 1, if it is known.
    pub fn share(&self) -> f64 {
        if let Some(whole) = self.whole() {
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let done = self.done() as f64;
            // As long as it goes on, something is left.
            return (done / whole).clamp(0.0, 0.99);
        }
        f64::from_bits(self.whole.share.load(Ordering::Relaxed)).clamp(0.0, 1.0)
    }

    /// Asks for an early end.
    pub fn interrupt(&self) {
        self.whole.interrupted.store(true, Ordering::Relaxed);
    }

    /// Asks for an early end of this part alone.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether an early end was asked for. Workers look at it between executions.
    pub fn is_interrupted(&self) -> bool {
        self.whole.interrupted.load(Ordering::Relaxed) || self.stopped.load(Ordering::Relaxed)
    }
}

/// Runs the executions `0..total` in chunks of `chunk` on `jobs` threads, and hands each chunk's
/// result to `merge` in the order of the chunks.
///
/// `worker` is called once on each thread and makes what runs one chunk: usually a closure that
/// owns an [`Engine`](super::Engine). When `merge` breaks, the chunks that come later are neither
/// run nor merged, even if some were run ahead. So what was merged is the same for every number of
/// jobs, provided that a chunk's result follows from its range alone, and no interrupt comes.
///
/// After an interrupt, the chunks that are under way are merged, and no more.
///
/// # Panics
///
/// If `chunk` is 0, or a worker panics.
pub fn run_chunks<T, R>(
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
            start(scope, move || {
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

/// Runs work that can be split, on `jobs` threads, and hands the result of each part to `merge` in
/// the order of the parts.
///
/// `worker` is called once on each thread and makes a closure that runs one part. The closure gets
/// the part and a function: through it, the part may hand over its rest, which comes right after it
/// and before everything that it handed over earlier. The function returns whether the part's
/// result is still wanted. When `merge` breaks, later parts are neither run nor merged. So the
/// merged result is the same for every number of jobs, provided that the behaviour of a part and
/// where it is split follow from the part alone, and that no interrupt comes. Workers check
/// `control` themselves; after an interrupt, running parts are merged, and no others start.
///
/// # Panics
///
/// If a worker panics.
pub fn run_splittable<P, T, R>(
    whole: P,
    jobs: usize,
    control: &Control,
    worker: impl Fn() -> R + Sync,
    merge: impl FnMut(T) -> ControlFlow<()> + Send,
) where
    P: Send,
    T: Send,
    R: FnMut(P, &dyn Fn(Option<P>) -> bool) -> T,
{
    let splitting = Splitting {
        queue: Mutex::new(PartQueue {
            parts: VecDeque::from([Part::Waiting(whole)]),
            next: 0,
            merge,
        }),
        change: Condvar::new(),
    };
    on_threads(jobs, |_| {
        let _guard = StopOnPanic(&splitting);
        let mut run = worker();
        while let Some((number, part)) = splitting.take(control) {
            let result = run(part, &|rest| splitting.hand_over(number, rest));
            splitting.lock().finish(number, result);
            splitting.change.notify_all();
        }
    });
}

/// Does the same work on `jobs` threads, each of which gets its number; on the calling thread if
/// one is enough.
pub(crate) fn on_threads(jobs: usize, work: impl Fn(usize) + Sync) {
    if jobs <= 1 {
        return work(0);
    }
    thread::scope(|scope| {
        for number in 0..jobs {
            let work = &work;
            start(scope, move || work(number));
        }
    });
}

/// Starts a thread of a search: with as much stack as a search on one thread has, and with the name
/// of the thread that waits for it.
fn start<'s>(scope: &'s Scope<'s, '_>, work: impl FnOnce() + Send + 's) {
    let name = thread::current().name().unwrap_or("search").to_owned();
    let thread = thread::Builder::new().name(name).stack_size(STACK);
    thread.spawn_scoped(scope, work).expect("a thread can be started");
}

/// Work that is being split.
struct Splitting<P, T, M> {
    queue: Mutex<PartQueue<P, T, M>>,
    change: Condvar,
}

/// The parts that are not merged yet, in order.
struct PartQueue<P, T, M> {
    parts: VecDeque<Part<P, T>>,
    next: u64,
    merge: M,
}

enum Part<P, T> {
    Waiting(P),
    /// The part of this number.
    Running(u64),
    Done(T),
}

impl<P, T, M> Splitting<P, T, M> {
    fn lock(&self) -> MutexGuard<'_, PartQueue<P, T, M>> {
        lock(&self.queue)
    }

    /// The first part that waits, when there is one.
    fn take(&self, control: &Control) -> Option<(u64, P)> {
        let mut queue = self.lock();
        loop {
            if queue.parts.is_empty() || control.is_interrupted() {
                return None;
            }
            if let Some(part) = queue.take() {
                return Some(part);
            }
            queue = wait(&self.change, queue);
        }
    }

    /// Puts the rest of a part right after it. Returns whether the part is still wanted.
    fn hand_over(&self, number: u64, rest: Option<P>) -> bool {
        let mut queue = self.lock();
        let Some(at) = queue.find(number) else { return false };
        if let Some(rest) = rest {
            queue.parts.insert(at + 1, Part::Waiting(rest));
            self.change.notify_one();
        }
        true
    }
}

impl<P, T, M> PartQueue<P, T, M> {
    fn find(&self, number: u64) -> Option<usize> {
        self.parts.iter().position(|place| matches!(place, Part::Running(n) if *n == number))
    }

    fn take(&mut self) -> Option<(u64, P)> {
        let place = self.parts.iter_mut().find(|place| matches!(place, Part::Waiting(_)))?;
        let number = self.next;
        self.next += 1;
        match mem::replace(place, Part::Running(number)) {
            Part::Waiting(part) => Some((number, part)),
            Part::Running(_) | Part::Done(_) => None,
        }
    }
}

impl<P, T, M: FnMut(T) -> ControlFlow<()>> PartQueue<P, T, M> {
    fn finish(&mut self, number: u64, result: T) {
        let Some(at) = self.find(number) else { return };
        self.parts[at] = Part::Done(result);
        while let Some(Part::Done(_)) = self.parts.front() {
            if let Some(Part::Done(result)) = self.parts.pop_front()
                && (self.merge)(result).is_break()
            {
                self.parts.clear();
            }
        }
    }
}

/// Ends the work if a worker panics: the others would wait for it.
struct StopOnPanic<'a, P, T, M>(&'a Splitting<P, T, M>);

impl<P, T, M> Drop for StopOnPanic<'_, P, T, M> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().parts.clear();
            self.0.change.notify_all();
        }
    }
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
        run_chunks(1000, 16, jobs, &control, worker, |found: Vec<u64>| {
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
        run_chunks(
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

    /// Numbers from a range, of which each part hands over the upper half when it has run three.
    fn divided(jobs: usize, limit: usize) -> Vec<u64> {
        let mut all = Vec::new();
        let worker = || {
            |part: Range<u64>, others: &dyn Fn(Option<Range<u64>>) -> bool| {
                let mut seen = Vec::new();
                let mut end = part.end;
                for number in part.clone() {
                    if number >= end {
                        break;
                    }
                    seen.push(number);
                    let half = number.midpoint(end);
                    let splits = seen.len() == 3 && number + 1 < half;
                    if !others(splits.then_some(half..end)) {
                        break;
                    }
                    if splits {
                        end = half;
                    }
                }
                seen
            }
        };
        run_splittable(0..1_000, jobs, &Control::new(), worker, |seen: Vec<u64>| {
            all.extend(seen);
            if all.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        all
    }

    #[test]
    fn parts_are_merged_in_order() {
        for limit in [1, 300, usize::MAX] {
            let one = divided(1, limit);
            assert!(one.iter().copied().eq(0..one.len() as u64), "{one:?}");
            assert!(limit < usize::MAX || one.len() == 1_000);
            for jobs in [2, 3, 8] {
                assert_eq!(divided(jobs, limit), one, "{jobs} jobs");
            }
        }
    }
}
