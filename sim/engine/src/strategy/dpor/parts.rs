//! One search on several threads, with the same result for every number of threads.
//!
//! A part explores the subtree below one step. Periodically it leaves the branches nearest to the
//! root to others: when it does so follows from the number of its own executions, not from time. A
//! part keeps the sequences that it finds above its own branches until it ends. Then they are added
//! where they belong, part after part in the order of a depth-first search. Each assignment of
//! values, faults and drops begins with a separate part, which comes before the assignments that it
//! plans.
//!
//! # Why nothing is lost
//!
//! Branches of one state that were planned before may run side by side, so what one of them finds
//! is not known in the others. In the paper named in the [module](super)'s guide, this is the
//! difference between optimality and source sets:
//!
//! - With wakeup trees, a step that sleeps stands in for a sequence already if it is independent of
//!   it (a weak initial). That is right because what is found below the step is planned in the
//!   branches after it, as sequences that they follow.
//! - With source sets, nothing is planned below a branch. There a step may stand in only for
//!   sequences that it is part of and can begin (an initial): then it has been, or will be, the
//!   beginning of all that the sequence leads to.
//!
//! So the wakeup trees end where the search is split. In a part, the steps that sleep because they
//! are run from a state above it stand in by the rule of source sets, and those that came to sleep
//! in the part itself by the other. What is found to be run from a state above is planned there
//! when all of its branches are through, unless a branch begins it.
//!
//! By the rule of source sets, a sequence is judged by the steps up to the second one of the race.
//! These are the same in every execution that has the race, so one look is enough. (What comes
//! later differs between executions. With wakeup trees it belongs to the sequence, for there it is
//! a plan as well.)
//!
//! The algorithm relies on what the second step is in conflict with, and takes that to be the same
//! without the first step. It need not be so here: a task that finds a semaphore taken queues, and
//! one that finds it free may go on to its end; one that is aborted does nothing that it would have
//! done. Two things follow:
//!
//! - What sleeps is judged by what it did where it came to sleep, not by what its task did later.
//!   So a branch is begun only when the first steps of those ahead of it have been run.
//! - If those two differ, then a step after the race can be in conflict with the one and not with
//!   the other. Each such step is a separate reason to run something else first. Such steps are in
//!   some of the executions only, so races of that kind are looked at in every one of them.
//!
//! For each of these rules, the tests keep the smallest program that loses a class without it.
//!
//! No class is run twice: sleep sets alone guarantee that. But where nothing was planned,
//! an execution may reach a state in which all steps sleep, and is cut off. That cannot happen if a
//! branch wakes all that sleeps where it begins, so the search is split there more often
//! ([`Periods`]).
//!
//! # Memory
//!
//! Each thread goes on with the branches that it left last, and takes the oldest of another's if it
//! has none: so the branches that wait are no more than threads times depth times tasks, and of
//! what is found above a part one sequence is kept for each state and task.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::mem;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use super::assignments::{Assignment, Plan};
use super::certificate::Certificate;
use super::event::{Node, SegmentEvent};
use super::findings::Findings;
use super::fork::{
    Branch, BranchStage, Fork, Job, JobResult, Merged, Parent, Prefix, PrefixStep, SplitState,
};
use super::interner::Interner;
use super::{Dpor, Tally, TrackedSharing};
use crate::lock::{lock, wait};
use crate::parallel::{Control, on_threads};

/// How often a part leaves branches to others: once in this number of its executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// Where each branch wakes all sleeping steps, so that it costs no cut-off execution.
    pub free: NonZero<u32>,
    /// Where some may have to be.
    pub costly: NonZero<u32>,
}

impl Default for Periods {
    /// 256 and 4,096.
    fn default() -> Self {
        const { Self { free: NonZero::new(256).unwrap(), costly: NonZero::new(4_096).unwrap() } }
    }
}

/// Runs one execution of each class on `jobs` threads.
///
/// `worker` is called once on each thread, and makes what runs one part of the search to its end:
/// it gives the part to an engine, executes the program until the engine has nothing left to run,
/// and returns what it saw. The findings, merged in the order of a depth-first search, are returned
/// with their certificate. Both are the same for every number of jobs, unless `control` is
/// interrupted; workers look at that between executions, and return early.
///
/// # Panics
///
/// If a worker panics.
pub fn explore<T, R>(
    tracked_sharing: TrackedSharing,
    jobs: usize,
    control: &Control,
    worker: impl Fn() -> R + Sync,
) -> (T, Certificate)
where
    T: Findings,
    R: FnMut(Dpor) -> T,
{
    explore_split(tracked_sharing, jobs, Periods::default(), control, worker)
}

/// [`explore`] with other periods. The classes do not depend on them; their order does, and how
/// many executions are cut off.
///
/// # Panics
///
/// If a worker panics.
pub fn explore_split<T, R>(
    tracked_sharing: TrackedSharing,
    jobs: usize,
    periods: Periods,
    control: &Control,
    worker: impl Fn() -> R + Sync,
) -> (T, Certificate)
where
    T: Findings,
    R: FnMut(Dpor) -> T,
{
    let shared = Arc::new(Coordinator {
        interner: Interner::new(),
        state: Mutex::new(SearchQueue::new()),
        change: Condvar::new(),
    });
    on_threads(jobs, |number| {
        let _guard = StopOnPanic(&shared);
        let mut run = worker();
        while let Some((unit, job)) = shared.take(number, control) {
            let mut part = Dpor::new(tracked_sharing);
            part.interner = shared.interner.of_another_part();
            let others = Arc::clone(&shared) as Arc<dyn Coordination>;
            job.plant(&mut part);
            part.link = Some(Link { others, unit, runs: 0, periods });
            let found = run(part);
            let mut state = shared.lock();
            state.finish(unit, found);
            shared.change.notify_all();
        }
    });
    let mut state = shared.lock();
    let mut total = mem::take(&mut state.total);
    let complete = state.over && !state.partial && !total.found.ends();
    total.append(state.gather());
    let share = if complete { 1.0 } else { state.share.max(f64::MIN_POSITIVE) };
    (total.found, total.tally.certificate(complete, share))
}

/// What connects a part with the others.
pub(super) struct Link {
    others: Arc<dyn Coordination>,
    unit: u64,
    runs: u32,
    periods: Periods,
}

impl Link {
    /// Notes the end of an execution, which began with `event` where the part begins. Returns
    /// whether others still want to know of the rest.
    pub(super) fn goes_on(&mut self, event: Option<Arc<SegmentEvent>>) -> bool {
        if self.runs == 0 {
            self.others.begun(self.unit, event);
        }
        self.runs = self.runs.wrapping_add(1);
        !self.is_time() || self.others.want(self.unit)
    }

    /// Whether the part is to leave branches to others now, if that is free.
    pub(super) fn is_time(&self) -> bool {
        self.runs.is_multiple_of(self.periods.free.get()) || self.is_time_at_any_cost()
    }

    /// Whether it is to do so even if it is not.
    pub(super) fn is_time_at_any_cost(&self) -> bool {
        self.runs.is_multiple_of(self.periods.costly.get())
    }

    /// Leaves these states to others, from the one where the part begins on; and what was found
    /// above them until now.
    pub(super) fn hand_over(
        &self,
        assignment: Assignment,
        split: Vec<SplitState>,
        outside: Vec<Vec<Node>>,
    ) {
        self.others.take_over(self.unit, assignment, split, outside);
    }

    /// The part has ended.
    pub(super) fn end(&self, outside: Vec<Vec<Node>>, plan: Plan, tally: Tally) {
        self.others.ended(self.unit, JobResult { outside, plan, tally });
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("unit", &self.unit).finish_non_exhaustive()
    }
}

/// The other parts, as one of them sees them.
trait Coordination: Send + Sync {
    fn begun(&self, unit: u64, event: Option<Arc<SegmentEvent>>);
    fn want(&self, unit: u64) -> bool;
    fn take_over(
        &self,
        unit: u64,
        assignment: Assignment,
        split: Vec<SplitState>,
        outside: Vec<Vec<Node>>,
    );
    fn ended(&self, unit: u64, rest: JobResult);
}

struct Coordinator<T> {
    interner: Interner,
    state: Mutex<SearchQueue<T>>,
    change: Condvar,
}

struct SearchQueue<T> {
    /// The parts that run, by number.
    units: BTreeMap<u64, RunningJob>,
    /// The states whose branches are run by several parts; later ones have higher numbers.
    forks: BTreeMap<u64, Fork<T>>,
    /// The assignments that are not merged yet, in order. Those that an assignment plans come
    /// right after it and are taken first, so for each running assignment there are no more of
    /// them than the largest assignment has places.
    queue: VecDeque<QueueEntry<T>>,
    total: Merged<T>,
    /// The share of the search that is merged.
    share: f64,
    next_number: u64,
    over: bool,
    /// A part was left before its end.
    partial: bool,
}

/// An entry in the order of the assignments.
struct QueueEntry<T> {
    /// Its share of the search. An assignment counts as much as everything that follows from one
    /// of those that it plans.
    share: f64,
    /// The share of the assignment that has been run, in whatever order.
    ran: f64,
    stage: EntryStage<T>,
}

enum EntryStage<T> {
    Waiting(Plan),
    /// The assignment of this number.
    Running(u64),
    /// One assignment, or several that come after one another.
    Done(Merged<T>),
}

/// A part that runs.
struct RunningJob {
    parent: Parent,
    worker: usize,
    prefix: Arc<Prefix>,
    /// The share of its assignment that it has before it.
    width: f64,
    rest: Option<JobResult>,
}

impl<T: Findings> SearchQueue<T> {
    fn new() -> Self {
        let first = QueueEntry { share: 1.0, ran: 0.0, stage: EntryStage::Waiting(Plan::new()) };
        Self {
            units: BTreeMap::new(),
            forks: BTreeMap::new(),
            queue: VecDeque::from([first]),
            total: Merged::default(),
            share: 0.0,
            next_number: 0,
            over: false,
            partial: false,
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Where the assignment of this number is, if anything that it finds is of interest.
    fn find(&self, number: u64) -> Option<usize> {
        let runs =
            |entry: &QueueEntry<T>| matches!(entry.stage, EntryStage::Running(n) if n == number);
        self.queue.iter().position(runs)
    }

    /// The next part for a worker: the last branch that it left, the first that others left, or a
    /// new assignment.
    fn take(&mut self, worker: usize) -> Option<(u64, Job)> {
        let startable = |(number, fork): (&u64, &Fork<T>)| Some((*number, fork.startable()?));
        let mut own = self.forks.iter().rev().filter(|(_, fork)| fork.worker == worker);
        let branch = own.find_map(startable).or_else(|| self.forks.iter().find_map(startable));
        let (parent, width, job) = match branch {
            Some((number, at)) => {
                let fork = self.forks.get_mut(&number)?;
                (Parent::Branch(number, at), fork.width, fork.start(at))
            }
            None => {
                let (number, assignment) = self.take_assignment()?;
                (Parent::Assignment(number), 1.0, Job::new(assignment))
            }
        };
        let unit = self.number();
        let prefix = Arc::clone(&job.prefix);
        self.units.insert(unit, RunningJob { parent, worker, prefix, width, rest: None });
        Some((unit, job))
    }

    fn take_assignment(&mut self) -> Option<(u64, Assignment)> {
        for at in 0..self.queue.len() {
            let entry = &mut self.queue[at];
            let EntryStage::Waiting(plan) = &mut entry.stage else { continue };
            let left = f64::from(plan.left());
            let Some(assignment) = plan.next() else { continue };
            let all = plan.is_empty();
            let share = if all { entry.share } else { entry.share / left };
            let number = self.number();
            let stage = EntryStage::Running(number);
            if all {
                self.queue[at].stage = stage;
            } else {
                self.queue[at].share -= share;
                self.queue.insert(at, QueueEntry { share, ran: 0.0, stage });
            }
            return Some((number, assignment));
        }
        None
    }

    /// A part has come to its end, or was left.
    fn finish(&mut self, unit: u64, found: T) {
        let Some(RunningJob { mut parent, width, rest, .. }) = self.units.remove(&unit) else {
            return;
        };
        self.partial |= rest.is_none() && !found.ends();
        let mut done = Merged { found, ..Merged::default() };
        if let Some(JobResult { outside, plan, tally }) = rest {
            (done.outside, done.plan, done.tally, done.share) = (outside, Some(plan), tally, width);
            self.count(parent, width);
        }
        loop {
            match parent {
                Parent::Branch(number, at) => {
                    // The result is not wanted any more.
                    let Some(fork) = self.forks.get_mut(&number) else { return };
                    if !fork.finish(at, done) {
                        return;
                    }
                    let Some(mut fork) = self.forks.remove(&number) else { return };
                    self.count(fork.parent, fork.reserve);
                    parent = fork.parent;
                    fork.done.share += fork.reserve;
                    done = fork.done;
                }
                Parent::Assignment(number) => return self.finish_assignment(number, done),
            }
        }
    }

    /// Counts a share of an assignment as run.
    fn count(&mut self, mut parent: Parent, share: f64) {
        while let Parent::Branch(number, _) = parent {
            let Some(fork) = self.forks.get(&number) else { return };
            parent = fork.parent;
        }
        if let Parent::Assignment(number) = parent
            && let Some(at) = self.find(number)
        {
            self.queue[at].ran += share;
        }
    }

    fn finish_assignment(&mut self, number: u64, mut done: Merged<T>) {
        let Some(at) = self.find(number) else { return };
        if done.found.ends() {
            // Nothing that comes after it is of interest.
            self.queue.truncate(at + 1);
            self.queue[at].share *= done.share;
        } else if let Some(plan) = done.plan.take()
            && !plan.is_empty()
        {
            let entry = &mut self.queue[at];
            let share = entry.share / (f64::from(plan.left()) + 1.0);
            let rest = mem::replace(&mut entry.share, share) - share;
            let stage = EntryStage::Waiting(plan);
            self.queue.insert(at + 1, QueueEntry { share: rest, ran: 0.0, stage });
        }
        self.queue[at].ran = 1.0;
        self.queue[at].stage = EntryStage::Done(done);
        self.put_together(at);
    }

    /// Adds what is done at `at` to what is done right before it, and to it what is done right
    /// after it.
    fn put_together(&mut self, at: usize) {
        for at in [at + 1, at] {
            if at > 0
                && self.is_done(at - 1)
                && self.is_done(at)
                && let Some(QueueEntry { share, stage: EntryStage::Done(later), .. }) =
                    self.queue.remove(at)
                && let QueueEntry { share: whole, stage: EntryStage::Done(done), .. } =
                    &mut self.queue[at - 1]
            {
                *whole += share;
                done.append(later);
            }
        }
        if self.is_done(0)
            && let Some(QueueEntry { share, stage: EntryStage::Done(done), .. }) =
                self.queue.pop_front()
        {
            self.share += share;
            self.total.append(done);
        }
        if self.total.found.ends() {
            self.queue.clear();
            self.forks.clear();
        }
        self.over |= self.queue.is_empty();
    }

    fn is_done(&self, at: usize) -> bool {
        matches!(self.queue.get(at), Some(QueueEntry { stage: EntryStage::Done(_), .. }))
    }

    /// The findings under assignments whose search did not end.
    fn gather(&mut self) -> Merged<T> {
        let mut all = Merged::default();
        for QueueEntry { share, stage, .. } in mem::take(&mut self.queue) {
            let (done, share) = match stage {
                EntryStage::Waiting(_) => continue,
                EntryStage::Running(number) => {
                    let done = self.gather_branches(Parent::Assignment(number));
                    let share = share * done.share;
                    (done, share)
                }
                EntryStage::Done(done) => (done, share),
            };
            self.share += share;
            all.append(done);
        }
        all
    }

    fn gather_branches(&mut self, parent: Parent) -> Merged<T> {
        let fork = self.forks.iter().find(|(_, fork)| fork.parent == parent).map(|(n, _)| *n);
        let Some((number, fork)) = fork.and_then(|n| Some((n, self.forks.remove(&n)?))) else {
            return Merged::default();
        };
        let mut done = fork.done;
        for (at, branch) in fork.branches.into_iter().enumerate().skip(fork.merged) {
            done.append(match branch.stage {
                BranchStage::Done(done) => done,
                _ => self.gather_branches(Parent::Branch(number, at)),
            });
        }
        done
    }

    /// Whether the result of a part is still wanted.
    fn wants(&self, unit: u64) -> bool {
        let Some(unit) = self.units.get(&unit) else { return false };
        let mut parent = unit.parent;
        loop {
            match parent {
                Parent::Assignment(number) => return !self.over && self.find(number).is_some(),
                Parent::Branch(number, at) => match self.forks.get(&number) {
                    Some(fork) if at <= fork.last => parent = fork.parent,
                    _ => return false,
                },
            }
        }
    }

    fn take_over(
        &mut self,
        number: u64,
        assignment: Assignment,
        split: Vec<SplitState>,
        outside: Vec<Vec<Node>>,
    ) {
        let Some(unit) = self.units.get_mut(&number) else { return };
        let (mut parent, mut width, worker) = (unit.parent, unit.width, unit.worker);
        let assignment = Arc::new(assignment);
        let mut prefix = unit.prefix.to_vec();
        let mut outside = Some(outside);
        for split in split {
            let mut fork = Fork::new(parent, worker, &assignment, &prefix, &split, width);
            fork.done.outside = outside.take().unwrap_or_default();
            fork.done.outside.resize_with(prefix.len(), Vec::new);
            width = fork.width;
            prefix.push(PrefixStep::of(&split));
            fork.branches.extend(split.todo.into_iter().map(Branch::new));
            let number = self.number();
            self.forks.insert(number, fork);
            parent = Parent::Branch(number, 0);
        }
        if let Some(unit) = self.units.get_mut(&number) {
            (unit.parent, unit.width, unit.prefix) = (parent, width, Arc::from(prefix));
        }
    }
}

impl<T: Findings> Coordinator<T> {
    fn lock(&self) -> MutexGuard<'_, SearchQueue<T>> {
        lock(&self.state)
    }

    /// The next part for a worker, when there is one.
    fn take(&self, worker: usize, control: &Control) -> Option<(u64, Job)> {
        let mut state = self.lock();
        loop {
            if state.over || control.is_interrupted() {
                return None;
            }
            if let Some(part) = state.take(worker) {
                return Some(part);
            }
            state = wait(&self.change, state);
        }
    }
}

impl<T: Findings> Coordination for Coordinator<T> {
    fn begun(&self, unit: u64, event: Option<Arc<SegmentEvent>>) {
        let mut state = self.lock();
        let Some(Parent::Branch(fork, at)) = state.units.get(&unit).map(|unit| unit.parent) else {
            return;
        };
        if let Some(fork) = state.forks.get_mut(&fork) {
            fork.begun(at, event);
            self.change.notify_all();
        }
    }

    fn want(&self, unit: u64) -> bool {
        self.lock().wants(unit)
    }

    fn take_over(
        &self,
        unit: u64,
        assignment: Assignment,
        split: Vec<SplitState>,
        outside: Vec<Vec<Node>>,
    ) {
        self.lock().take_over(unit, assignment, split, outside);
        self.change.notify_all();
    }

    fn ended(&self, unit: u64, rest: JobResult) {
        if let Some(unit) = self.lock().units.get_mut(&unit) {
            unit.rest = Some(rest);
        }
    }
}

/// Ends the search if a worker panics: the others would wait for it.
struct StopOnPanic<'a, T: Findings>(&'a Coordinator<T>);

impl<T: Findings> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().over = true;
            self.0.change.notify_all();
        }
    }
}
