//! One search on several threads, with the same result for every number of threads.
//!
//! A part is the search under one assignment of values, faults and drops: nothing that one finds bears on another, except
//! that it plans assignments. Parts are put together in a fixed order, each before those that it plans, and that does not
//! depend on which thread ran them, nor on when.
//!
//! # Why it is not split further
//!
//! What lies below one assignment is one part, for branches of one state cannot be run side by side as they are. With wakeup
//! trees, a step that sleeps stands in for every sequence that it is independent of (a weak initial, in the paper named in the
//! [module](super)'s guide). It may, because what is found below it is planned in the branches after it: a
//! sequence that begins with one of them, and leads to where the step no longer sleeps, is run because it was
//! planned there. Without those plans the two branches each leave the sequence to the other, and a class is lost.
//!
//! Source sets, of the same paper, need no plans: there a step stands in only for sequences that it is part of and can
//! begin (an initial). But whether it can is known of steps that do the same in both orders of a race only. What a task does when
//! it is polled depends on what came before: one that finds a semaphore taken queues, and one that finds it free may go on to its
//! end. So what stands in must be judged by what it did where it sleeps, and against every step that could come before
//! it in any later execution, not against those of the execution in which the race was seen first.
//! The tests keep, for each of the three, the smallest program that loses a class otherwise.

use super::certificate::Certificate;
use super::names::Names;
use super::rounds::{Plan, Round};
use super::{Reduced, Tally, TrackedSharing};
use crate::engine::parallel::Control;
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What executions of a part have shown.
pub trait Findings: Default + Send + 'static {
    /// Adds what was shown by executions that come after these.
    fn append(&mut self, later: Self);

    /// Whether nothing that comes after these executions is of interest.
    fn ends(&self) -> bool {
        false
    }
}

impl Findings for () {
    fn append(&mut self, (): ()) {}
}

/// Runs one execution of each class on `jobs` threads.
///
/// `worker` is called once on each thread, and makes what runs one part of the search to its end: it gives the part to an
/// engine, executes the program until the engine has nothing left to run, and returns what it saw.
/// That, put together in order, is returned, and what it is worth.
/// Both are the same for every number of jobs, unless `control` is interrupted; workers look at that between
/// executions, and return early.
///
/// Each assignment of values, faults and drops is a part: a program that asks for none is run on one thread.
///
/// # Panics
///
/// If a worker panics.
pub fn explore<T, R>(
    word: TrackedSharing,
    jobs: usize,
    control: &Control,
    worker: impl Fn() -> R + Sync,
) -> (T, Certificate)
where
    T: Findings,
    R: FnMut(Reduced) -> T,
{
    let shared = Arc::new(Shared { state: Mutex::new(State::new()), change: Condvar::new() });
    let names = Names::new();
    let work = || {
        let _guard = Guard(&shared);
        let mut run = worker();
        while let Some((number, round)) = shared.take(control) {
            let mut part = Reduced::new(word);
            part.names = names.of_another_part();
            part.choices.take_up(round);
            part.link = Some(Link { others: Arc::clone(&shared) as Arc<dyn Others>, number });
            let found = run(part);
            let mut state = shared.lock();
            state.finish(number, found);
            control.set_share(state.share);
            shared.change.notify_all();
        }
    };
    if jobs <= 1 {
        work();
    } else {
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(work);
            }
        });
    }
    let mut state = shared.lock();
    let mut total = mem::take(&mut state.total);
    let complete = state.over && !state.partial && !total.found.ends();
    for place in mem::take(&mut state.places) {
        if let Stage::Done(done) = place.stage {
            total.append(done);
        }
    }
    let share = if complete { 1.0 } else { state.share };
    (total.found, total.tally.certificate(complete, share))
}

/// What connects a part with the others.
pub(super) struct Link {
    others: Arc<dyn Others>,
    number: u64,
}

impl Link {
    /// Whether the others still want to know of the rest.
    pub(super) fn goes_on(&self) -> bool {
        self.others.want(self.number)
    }

    /// The part is through.
    pub(super) fn end(&self, plan: Plan, tally: Tally) {
        self.others.ended(self.number, plan, tally);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The other parts, as one of them sees them.
trait Others: Send + Sync {
    fn want(&self, number: u64) -> bool;
    fn ended(&self, number: u64, plan: Plan, tally: Tally);
}

struct Shared<T> {
    state: Mutex<State<T>>,
    change: Condvar,
}

struct State<T> {
    /// What is not put together yet, in order. What a part plans comes right after it and is taken first, so for each part
    /// that is running there are no more of them than the largest assignment has places.
    places: VecDeque<Place<T>>,
    /// The number of the next part.
    next: u64,
    total: Done<T>,
    /// The share of the search that is put together.
    share: f64,
    over: bool,
    /// A part was left before its end.
    partial: bool,
}

/// A place in the order of the parts.
struct Place<T> {
    /// Its share of the search. A part is taken to be worth as much as all that follows from one of those that it plans.
    share: f64,
    stage: Stage<T>,
}

enum Stage<T> {
    Waiting(Plan),
    /// The part of this number.
    Running(u64),
    /// Through, but for what the worker saw.
    Ended(u64, Plan, Tally),
    /// One part, or several that come after one another.
    Done(Done<T>),
}

/// What a part, or several in their order, have come to.
#[derive(Default)]
struct Done<T> {
    found: T,
    tally: Tally,
}

impl<T: Findings> Done<T> {
    fn append(&mut self, later: Self) {
        if !self.found.ends() {
            self.found.append(later.found);
            self.tally.add(later.tally);
        }
    }
}

impl<T: Findings> State<T> {
    fn new() -> Self {
        Self {
            places: VecDeque::from([Place { share: 1.0, stage: Stage::Waiting(Plan::new()) }]),
            next: 0,
            total: Done::default(),
            share: 0.0,
            over: false,
            partial: false,
        }
    }

    /// Where the part of this number is, if anything that it finds is of interest.
    fn find(&self, number: u64) -> Option<usize> {
        self.places.iter().position(|place| match place.stage {
            Stage::Running(running) | Stage::Ended(running, ..) => running == number,
            Stage::Waiting(_) | Stage::Done(_) => false,
        })
    }

    fn take(&mut self) -> Option<(u64, Round)> {
        let number = self.next;
        for at in 0..self.places.len() {
            let place = &mut self.places[at];
            let Stage::Waiting(plan) = &mut place.stage else { continue };
            let left = f64::from(plan.left());
            let Some(round) = plan.next() else { continue };
            let stage = Stage::Running(number);
            if plan.is_empty() {
                place.stage = stage;
            } else {
                let share = place.share / left;
                place.share -= share;
                self.places.insert(at, Place { share, stage });
            }
            self.next += 1;
            return Some((number, round));
        }
        None
    }

    /// A part has come to its end, or was left.
    fn finish(&mut self, number: u64, found: T) {
        let Some(at) = self.find(number) else { return };
        let mut later = None;
        let place = &mut self.places[at];
        let tally = match mem::replace(&mut place.stage, Stage::Running(number)) {
            Stage::Ended(_, plan, tally) => {
                if !plan.is_empty() {
                    let share = place.share / (f64::from(plan.left()) + 1.0);
                    let rest = mem::replace(&mut place.share, share) - share;
                    later = Some(Place { share: rest, stage: Stage::Waiting(plan) });
                }
                tally
            }
            _ => {
                self.partial |= !found.ends();
                Tally::default()
            }
        };
        if found.ends() {
            // Nothing that comes after it is of interest.
            self.places.truncate(at + 1);
        } else if let Some(later) = later {
            self.places.insert(at + 1, later);
        }
        self.places[at].stage = Stage::Done(Done { found, tally });
        self.put_together(at);
    }

    /// Adds what is done at `at` to what is done right before it, and to it what is done right after it.
    fn put_together(&mut self, at: usize) {
        for at in [at + 1, at] {
            if at > 0
                && self.is_done(at - 1)
                && self.is_done(at)
                && let Some(Place { share, stage: Stage::Done(later) }) = self.places.remove(at)
                && let Place { share: whole, stage: Stage::Done(done) } = &mut self.places[at - 1]
            {
                *whole += share;
                done.append(later);
            }
        }
        if self.is_done(0)
            && let Some(Place { share, stage: Stage::Done(done) }) = self.places.pop_front()
        {
            self.share += share;
            self.total.append(done);
        }
        if self.total.found.ends() {
            self.places.clear();
        }
        self.over |= self.places.is_empty();
    }

    fn is_done(&self, at: usize) -> bool {
        matches!(self.places.get(at), Some(Place { stage: Stage::Done(_), .. }))
    }
}

impl<T: Findings> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next part, when there is one.
    fn take(&self, control: &Control) -> Option<(u64, Round)> {
        let mut state = self.lock();
        loop {
            if state.over || control.is_interrupted() {
                return None;
            }
            if let Some(part) = state.take() {
                return Some(part);
            }
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Findings> Others for Shared<T> {
    fn want(&self, number: u64) -> bool {
        let state = self.lock();
        !state.over && state.find(number).is_some()
    }

    fn ended(&self, number: u64, plan: Plan, tally: Tally) {
        let mut state = self.lock();
        if let Some(at) = state.find(number) {
            state.places[at].stage = Stage::Ended(number, plan, tally);
        }
    }
}

/// Ends the search if a worker panics: the others would wait for it.
struct Guard<'a, T: Findings>(&'a Shared<T>);

impl<T: Findings> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().over = true;
            self.0.change.notify_all();
        }
    }
}
