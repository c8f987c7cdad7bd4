//! One search on several threads, with the same result for every number of threads.
//!
//! A part is the search under one assignment of values, faults and drops: nothing that one finds bears on another, except
//! that it plans assignments. Parts are put together in the order in which they were planned, and that does not
//! depend on which thread ran them, nor on when.
//!
//! What lies below one assignment is one part. It could be split further only by running branches of a state before the
//! ones ahead of them are through; but what is found below those belongs into the wakeup trees of the later branches, and
//! without it a branch can miss a class: it relies on what sleeps.

use super::certificate::Certificate;
use super::names::Names;
use super::rounds::{Assignment, Plans};
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
        while let Some((number, assignment)) = shared.take(control) {
            let mut part = Reduced::new(word);
            part.names = names.of_another_part();
            part.choices.assignment = assignment;
            part.link = Some(Link { others: Arc::clone(&shared) as Arc<dyn Others>, number });
            let found = run(part);
            let mut state = shared.lock();
            state.finish(number, found);
            control.set_share(state.share());
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
    let share = state.share();
    let mut total = mem::take(&mut state.total);
    let complete = state.over && !state.partial && !total.found.ends();
    for stage in mem::take(&mut state.rounds) {
        if let Stage::Done(done) = stage {
            total.append(done);
        }
    }
    let share = if complete { 1.0 } else { share };
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
    pub(super) fn end(&self, plans: Plans, tally: Tally) {
        self.others.ended(self.number, plans, tally);
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
    fn ended(&self, number: u64, plans: Plans, tally: Tally);
}

struct Shared<T> {
    state: Mutex<State<T>>,
    change: Condvar,
}

struct State<T> {
    /// The assignments that are not done with, in order.
    rounds: VecDeque<Stage<T>>,
    /// The number of the first of them.
    first: u64,
    /// The number of the first after which nothing is of interest.
    last: u64,
    plans: Plans,
    total: Done<T>,
    over: bool,
    /// A part was left before its end.
    partial: bool,
}

enum Stage<T> {
    Waiting(Assignment),
    Running,
    /// Through, but for what the worker saw.
    Ended(Plans, Tally),
    Done(Done<T>),
}

/// What a part, or several in their order, have come to.
#[derive(Default)]
struct Done<T> {
    found: T,
    plans: Plans,
    tally: Tally,
}

impl<T: Findings> Done<T> {
    fn append(&mut self, later: Self) {
        if !self.found.ends() {
            self.found.append(later.found);
            self.plans.absorb(later.plans);
            self.tally.add(later.tally);
        }
    }
}

impl<T: Findings> State<T> {
    fn new() -> Self {
        Self {
            rounds: VecDeque::from([Stage::Waiting(Assignment::new())]),
            first: 0,
            last: u64::MAX,
            plans: Plans::default(),
            total: Done::default(),
            over: false,
            partial: false,
        }
    }

    fn round(&mut self, number: u64) -> Option<&mut Stage<T>> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.rounds.get_mut(place)
    }

    fn take(&mut self) -> Option<(u64, Assignment)> {
        let waits = |stage: &Stage<T>| matches!(stage, Stage::Waiting(_));
        let place = self.rounds.iter().position(waits)?;
        let number = self.first + place as u64;
        match mem::replace(&mut self.rounds[place], Stage::Running) {
            Stage::Waiting(assignment) if number <= self.last => Some((number, assignment)),
            _ => None,
        }
    }

    /// A part has come to its end, or was left.
    fn finish(&mut self, number: u64, found: T) {
        if found.ends() {
            self.last = self.last.min(number);
        }
        let ends = found.ends();
        let Some(stage) = self.round(number) else { return };
        let (through, plans, tally) = match mem::replace(stage, Stage::Running) {
            Stage::Ended(plans, tally) => (true, plans, tally),
            _ => (ends, Plans::default(), Tally::default()),
        };
        *stage = Stage::Done(Done { found, plans, tally });
        self.partial |= !through;
        while let Some(Stage::Done(_)) = self.rounds.front() {
            if let Some(Stage::Done(done)) = self.rounds.pop_front() {
                self.total.append(done);
            }
            self.first += 1;
            self.plans.absorb(mem::take(&mut self.total.plans));
            while let Some(assignment) = self.plans.next() {
                self.rounds.push_back(Stage::Waiting(assignment));
            }
        }
        if self.total.found.ends() {
            self.rounds.clear();
        }
        self.over |= self.rounds.is_empty();
    }

    /// The share of the assignments known so far that are done with.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn share(&self) -> f64 {
        self.first as f64 / (self.first as f64 + self.rounds.len() as f64).max(1.0)
    }
}

impl<T: Findings> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next part, when there is one.
    fn take(&self, control: &Control) -> Option<(u64, Assignment)> {
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
        !state.over && number <= state.last
    }

    fn ended(&self, number: u64, plans: Plans, tally: Tally) {
        if let Some(stage) = self.lock().round(number) {
            *stage = Stage::Ended(plans, tally);
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
