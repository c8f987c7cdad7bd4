//! One search in several parts, each run by whatever thread is free, with the same result for every number of threads.
//!
//! A part explores what lies below one step. Every so many executions it leaves the branches nearest to the root to others;
//! where it does so follows from the number of its own executions, not from time. What a part finds to be run above the
//! branches that are its own, it keeps until it is through. Then that is added where it belongs, part after part in the order
//! of a depth-first search.
//!
//! Branches of one state that were planned before may run side by side: each is told which steps the ones ahead of it
//! began with, and sleeps on them. What one finds to be run from that state is planned when all of them are through, unless
//! one of them leads there; that it then has been run follows from the search below each being complete (section 6 of
//! the paper named in the [module](super)'s guide).
//!
//! Each thread goes on with the branches that it left last, and takes the oldest of another's if it has none: so the
//! branches that wait are no more than threads times depth times tasks.

use super::certificate::Certificate;
use super::event::{Event, Process};
use super::frame::{Frame, sleeps};
use super::names::Names;
use super::rounds::{Assignment, Plans};
use super::tree::{Finds, Node, insert};
use super::{Reduced, Tally, TrackedSharing};
use crate::engine::parallel::Control;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A part leaves branches to others once in so many of its executions. It takes a large tree for that to pay.
const PERIOD: u32 = 1 << 30;

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
/// That, put together in the order of a depth-first search, is returned, and what it is worth.
/// Both are the same for every number of jobs, unless `control` is interrupted; workers look at that between
/// executions, and return early.
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
    let shared = Arc::new(Shared {
        names: Names::new(),
        state: Mutex::new(State::new()),
        change: Condvar::new(),
    });
    let work = |number| {
        let _guard = Guard(&shared);
        let mut run = worker();
        while let Some((unit, seed)) = shared.take(number, control) {
            let mut part = Reduced::new(word);
            part.names = shared.names.of_another_part();
            seed.plant(&mut part, Link::new(&shared, unit));
            let found = run(part);
            let mut state = shared.lock();
            state.finish(unit, found);
            control.set_share(state.share);
            shared.change.notify_all();
        }
    };
    if jobs <= 1 {
        work(0);
    } else {
        thread::scope(|scope| {
            for number in 0..jobs {
                let work = &work;
                scope.spawn(move || work(number));
            }
        });
    }
    let mut state = shared.lock();
    let mut total = mem::take(&mut state.total);
    let complete = state.over && !state.partial && !total.found.ends();
    total.append(state.gather());
    let share = if complete { 1.0 } else { state.share };
    (total.found, total.tally.certificate(complete, share))
}

/// What connects a part with the others.
pub(super) struct Link {
    others: Arc<dyn Others>,
    unit: u64,
    runs: u32,
}

/// The state before one step of a part, as others take it over.
#[derive(Debug)]
pub(super) struct Handed {
    event: Arc<Event>,
    sleep: Vec<Arc<Event>>,
    todo: Vec<Node>,
}

impl Handed {
    /// The steps that others will run from there.
    pub(super) fn planned(&self) -> Vec<Arc<Event>> {
        self.todo.iter().map(|node| Arc::clone(&node.event)).collect()
    }

    /// Takes what is still to be run from a frame.
    pub(super) fn of(frame: &mut Frame) -> Option<Self> {
        let event = frame.event.clone()?;
        Some(Self { event, sleep: frame.sleep.clone(), todo: mem::take(&mut frame.todo) })
    }
}

impl Link {
    fn new<T: Findings>(shared: &Arc<Shared<T>>, unit: u64) -> Self {
        Self { others: Arc::clone(shared) as Arc<dyn Others>, unit, runs: 0 }
    }

    /// Notes the end of an execution, which began with `event` where the part begins. Returns whether others still want
    /// to know of the rest.
    pub(super) fn goes_on(&mut self, event: Option<Arc<Event>>) -> bool {
        if self.runs == 0 {
            self.others.begun(self.unit, event);
        }
        self.runs = self.runs.wrapping_add(1);
        !self.is_time() || self.others.want(self.unit)
    }

    /// Whether the part is to leave branches to others now.
    pub(super) fn is_time(&self) -> bool {
        self.runs.is_multiple_of(PERIOD)
    }

    /// Leaves these states to others, from the one where the part begins on; and what was found above them until now.
    pub(super) fn hand_over(&self, handed: Vec<Handed>, outside: Vec<Finds>) {
        self.others.take_over(self.unit, handed, outside);
    }

    /// The part is through.
    pub(super) fn end(&self, outside: Vec<Finds>, plans: Plans, tally: Tally) {
        self.others.ended(self.unit, Rest { outside, plans, tally });
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("unit", &self.unit).finish_non_exhaustive()
    }
}

/// The other parts, as one of them sees them.
trait Others: Send + Sync {
    fn begun(&self, unit: u64, event: Option<Arc<Event>>);
    fn want(&self, unit: u64) -> bool;
    fn take_over(&self, unit: u64, handed: Vec<Handed>, outside: Vec<Finds>);
    fn ended(&self, unit: u64, rest: Rest);
}

struct Shared<T> {
    names: Names,
    state: Mutex<State<T>>,
    change: Condvar,
}

struct State<T> {
    /// The parts that run, by number.
    units: BTreeMap<u64, Unit>,
    /// The states whose branches are run by several parts; later ones have higher numbers.
    forks: BTreeMap<u64, Fork<T>>,
    /// The assignments that are not done with, in order.
    rounds: VecDeque<Stage<Assignment, T>>,
    /// The number of the first of them.
    first_round: u64,
    plans: Plans,
    total: Done<T>,
    next_number: u64,
    over: bool,
    /// A part was left before its end.
    partial: bool,
    /// The share of the whole that is done, as far as it is known.
    share: f64,
}

struct Unit {
    parent: Parent,
    worker: usize,
    assignment: Arc<Assignment>,
    stem: Arc<Stem>,
    /// The share of the whole that it has before it.
    width: f64,
    rest: Option<Rest>,
}

/// The steps that lead to a state.
type Stem = [Level];

#[derive(Clone)]
struct Level {
    process: Process,
    /// What sleeps in the state before the step.
    sleep: Vec<Arc<Event>>,
    /// What else is planned to be run from there, after this step.
    planned: Vec<Arc<Event>>,
}

/// What something is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Round(u64),
    /// A branch of a fork.
    Branch(u64, usize),
}

enum Stage<S, T> {
    Waiting(S),
    Running,
    Done(Done<T>),
}

/// A state with branches that were planned together.
struct Fork<T> {
    parent: Parent,
    worker: usize,
    assignment: Arc<Assignment>,
    stem: Arc<Stem>,
    /// What sleeps there, but for the branches.
    sleep: Vec<Arc<Event>>,
    branches: Vec<Branch<T>>,
    /// Branches are put together in their order: so many have been.
    merged: usize,
    /// The first branch after which nothing is of interest.
    last: usize,
    /// What is to be run when all branches have been.
    next: Vec<Node>,
    done: Done<T>,
    /// The share of the whole that each branch has.
    width: f64,
    /// The share that branches have which are still to be found.
    reserve: f64,
}

struct Branch<T> {
    /// What its first step did when it was last seen.
    plan: Arc<Event>,
    /// What it does here, once it has run.
    event: Arc<Event>,
    begun: bool,
    stage: Stage<Vec<Node>, T>,
}

#[derive(Default)]
struct Rest {
    outside: Vec<Finds>,
    plans: Plans,
    tally: Tally,
}

/// What a part, or several in their order, have come to.
#[derive(Default)]
struct Done<T> {
    found: T,
    outside: Vec<Finds>,
    plans: Plans,
    tally: Tally,
}

/// Where a part begins.
struct Seed {
    assignment: Arc<Assignment>,
    /// The last step of it is the first of the part's own.
    stem: Arc<Stem>,
    /// What is known to follow it.
    after: Vec<Node>,
}

impl Seed {
    fn plant(self, part: &mut Reduced, link: Link) {
        part.link = Some(link);
        part.choices.assignment.clone_from(&self.assignment);
        for Level { process, sleep, planned } in self.stem.iter().cloned() {
            part.frames.push(Frame { process: Some(process), sleep, ..Frame::default() });
            part.planned.push(planned);
        }
        if let Some(last) = part.frames.last_mut() {
            last.after = self.after;
        }
        part.base = part.frames.len();
        part.outside.resize_with(part.base, Finds::default);
    }
}

impl<T: Findings> Done<T> {
    fn append(&mut self, later: Self) {
        if self.found.ends() {
            return;
        }
        self.found.append(later.found);
        self.plans.absorb(later.plans);
        self.tally.add(later.tally);
    }
}

impl<T: Findings> Fork<T> {
    /// The first branch that waits and can be run: what the ones ahead of it begin with is known.
    fn startable(&self) -> Option<usize> {
        let begun = self.branches.iter().take_while(|branch| branch.begun).count();
        let waits = |branch: &Branch<T>| matches!(branch.stage, Stage::Waiting(_));
        let end = self.branches.len().min(begun + 1).min(self.last.saturating_add(1));
        self.branches[..end].iter().position(waits)
    }

    fn start(&mut self, at: usize) -> Seed {
        let ahead = self.branches[..at].iter().map(|branch| Arc::clone(&branch.event));
        let sleep = self.sleep.iter().cloned().chain(ahead).collect();
        let later = self.branches[at + 1..].iter();
        let planned = later.map(|branch| Arc::clone(&branch.plan)).collect();
        let branch = &mut self.branches[at];
        let after = match mem::replace(&mut branch.stage, Stage::Running) {
            Stage::Waiting(after) => after,
            Stage::Running | Stage::Done(_) => Vec::new(),
        };
        let stem = self
            .stem
            .iter()
            .cloned()
            .chain([Level { process: branch.event.process, sleep, planned }])
            .collect();
        Seed { assignment: Arc::clone(&self.assignment), stem, after }
    }

    /// Puts together what is done. Returns whether that is all there is.
    fn merge(&mut self) -> bool {
        loop {
            while let Some(branch) = self.branches.get_mut(self.merged) {
                let Stage::Done(_) = &branch.stage else { return false };
                let Stage::Done(mut done) = mem::replace(&mut branch.stage, Stage::Running) else {
                    return false;
                };
                self.merged += 1;
                for (depth, finds) in mem::take(&mut done.outside).into_iter().enumerate() {
                    if depth < self.stem.len() {
                        finds.drain(|sequence| self.done.outside[depth].add(sequence));
                    } else {
                        // Of later ones it is not asked what they do here: they may have begun, or not.
                        let (through, later) = self.branches.split_at(self.merged);
                        let through = through.iter().map(|branch| &branch.event);
                        let branches = through.chain(later.iter().map(|branch| &branch.plan));
                        let sleep: Vec<_> = self.sleep.iter().chain(branches).cloned().collect();
                        finds.drain(|sequence| {
                            if !sequence.is_covered_by(&sleep) {
                                insert(&mut self.next, sequence);
                            }
                        });
                    }
                }
                self.done.append(done);
                if self.done.found.ends() {
                    return true;
                }
            }
            let branches = mem::take(&mut self.branches);
            self.sleep.extend(branches.into_iter().map(|branch| branch.event));
            self.merged = 0;
            for Node { event, children } in mem::take(&mut self.next) {
                if !sleeps(&self.sleep, event.process) {
                    self.branches.push(Branch::new(event, children));
                }
            }
            if self.branches.is_empty() {
                return true;
            }
            self.width = share(self.reserve, self.branches.len() + 1);
            self.reserve = self.width;
        }
    }
}

impl<T> Branch<T> {
    fn new(event: Arc<Event>, children: Vec<Node>) -> Self {
        Self { plan: Arc::clone(&event), event, begun: false, stage: Stage::Waiting(children) }
    }
}

impl<T: Findings> State<T> {
    fn new() -> Self {
        Self {
            units: BTreeMap::new(),
            forks: BTreeMap::new(),
            rounds: VecDeque::from([Stage::Waiting(Assignment::new())]),
            first_round: 0,
            plans: Plans::default(),
            total: Done::default(),
            next_number: 0,
            over: false,
            partial: false,
            share: 0.0,
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The next part for a worker: of what it left last, of what others left first, a new assignment.
    fn take(&mut self, worker: usize) -> Option<(u64, Seed)> {
        let startable = |(number, fork): (&u64, &Fork<T>)| Some((*number, fork.startable()?));
        let own = self.forks.iter().rev().filter(|(_, fork)| fork.worker == worker);
        let branch =
            own.clone().find_map(startable).or_else(|| self.forks.iter().find_map(startable));
        let (parent, width, seed) = match branch {
            Some((number, at)) => {
                let fork = self.forks.get_mut(&number)?;
                (Parent::Branch(number, at), fork.width, fork.start(at))
            }
            None => {
                let waits = |round: &Stage<_, _>| matches!(round, Stage::Waiting(_));
                let at = self.rounds.iter().position(waits)?;
                let width = share(1.0 - self.share, self.rounds.len());
                match mem::replace(&mut self.rounds[at], Stage::Running) {
                    Stage::Waiting(assignment) => {
                        let assignment = Arc::new(assignment);
                        let seed = Seed { assignment, stem: Arc::from([]), after: Vec::new() };
                        (Parent::Round(self.first_round + at as u64), width, seed)
                    }
                    Stage::Running | Stage::Done(_) => return None,
                }
            }
        };
        let unit = self.number();
        let (assignment, stem) = (Arc::clone(&seed.assignment), Arc::clone(&seed.stem));
        self.units.insert(unit, Unit { parent, worker, assignment, stem, width, rest: None });
        Some((unit, seed))
    }

    /// A part has come to its end, or was left.
    fn finish(&mut self, unit: u64, found: T) {
        let Some(Unit { mut parent, width, rest, .. }) = self.units.remove(&unit) else { return };
        self.share += width;
        self.partial |= rest.is_none() && !found.ends();
        let Rest { outside, plans, tally } = rest.unwrap_or_default();
        let mut done = Done { found, outside, plans, tally };
        loop {
            match parent {
                Parent::Branch(number, at) => {
                    // What nobody wants any more is gone.
                    let Some(fork) = self.forks.get_mut(&number) else { return };
                    if done.found.ends() {
                        fork.last = fork.last.min(at);
                    }
                    fork.branches[at].begun = true;
                    fork.branches[at].stage = Stage::Done(done);
                    if !fork.merge() {
                        return;
                    }
                    let Some(fork) = self.forks.remove(&number) else { return };
                    self.share += fork.reserve;
                    parent = fork.parent;
                    done = fork.done;
                }
                Parent::Round(number) => {
                    let place = number.checked_sub(self.first_round);
                    let place = place.and_then(|place| usize::try_from(place).ok());
                    if let Some(round) = place.and_then(|place| self.rounds.get_mut(place)) {
                        *round = Stage::Done(done);
                    }
                    return self.merge_rounds();
                }
            }
        }
    }

    fn merge_rounds(&mut self) {
        while let Some(Stage::Done(_)) = self.rounds.front() {
            if let Some(Stage::Done(done)) = self.rounds.pop_front() {
                self.total.append(done);
            }
            self.first_round += 1;
            self.plans.absorb(mem::take(&mut self.total.plans));
            while let Some(assignment) = self.plans.next() {
                self.rounds.push_back(Stage::Waiting(assignment));
            }
        }
        if self.total.found.ends() {
            self.rounds.clear();
            self.forks.clear();
        }
        self.over |= self.rounds.is_empty();
    }

    /// What was seen under assignments that were not done with.
    fn gather(&mut self) -> Done<T> {
        let mut all = Done::default();
        for round in mem::take(&mut self.rounds) {
            all.append(self.gather_stage(round, Parent::Round(self.first_round)));
            self.first_round += 1;
        }
        all
    }

    fn gather_stage<S>(&mut self, stage: Stage<S, T>, place: Parent) -> Done<T> {
        if let Stage::Done(done) = stage {
            return done;
        }
        let fork = self.forks.iter().find(|(_, fork)| fork.parent == place).map(|(n, _)| *n);
        let Some((number, fork)) = fork.and_then(|n| Some((n, self.forks.remove(&n)?))) else {
            return Done::default();
        };
        let mut done = fork.done;
        for (at, branch) in fork.branches.into_iter().enumerate().skip(fork.merged) {
            done.append(self.gather_stage(branch.stage, Parent::Branch(number, at)));
        }
        done
    }

    /// Whether what comes of a unit is still of interest.
    fn wants(&self, unit: u64) -> bool {
        let Some(unit) = self.units.get(&unit) else { return false };
        let mut parent = unit.parent;
        loop {
            match parent {
                Parent::Round(number) => return number >= self.first_round && !self.over,
                Parent::Branch(number, at) => match self.forks.get(&number) {
                    Some(fork) if at <= fork.last => parent = fork.parent,
                    _ => return false,
                },
            }
        }
    }

    fn take_over(&mut self, number: u64, handed: Vec<Handed>, outside: Vec<Finds>) {
        let Some(unit) = self.units.get_mut(&number) else { return };
        let (mut parent, mut width, worker) = (unit.parent, unit.width, unit.worker);
        let assignment = Arc::clone(&unit.assignment);
        let mut stem = unit.stem.to_vec();
        let mut outside = Some(outside);
        for handed in handed {
            let planned = handed.planned();
            let Handed { event, sleep, todo } = handed;
            let reserve = if todo.is_empty() { 0.0 } else { share(width, todo.len() + 2) };
            width = if todo.is_empty() { width } else { reserve };
            let mut branches =
                vec![Branch { begun: true, ..Branch::new(Arc::clone(&event), vec![]) }];
            branches[0].stage = Stage::Running;
            branches.extend(
                todo.into_iter().map(|Node { event, children }| Branch::new(event, children)),
            );
            let finds = outside.take().unwrap_or_default();
            let mut done = Done { outside: finds, ..Done::default() };
            done.outside.resize_with(stem.len(), Finds::default);
            let fork = Fork {
                parent,
                worker,
                assignment: Arc::clone(&assignment),
                stem: Arc::from(stem.as_slice()),
                sleep: sleep.clone(),
                branches,
                merged: 0,
                last: usize::MAX,
                next: Vec::new(),
                done,
                width,
                reserve,
            };
            let fork_number = self.number();
            self.forks.insert(fork_number, fork);
            parent = Parent::Branch(fork_number, 0);
            stem.push(Level { process: event.process, sleep, planned });
        }
        if let Some(unit) = self.units.get_mut(&number) {
            (unit.parent, unit.width, unit.stem) = (parent, width, Arc::from(stem));
        }
    }
}

impl<T: Findings> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next part for a worker, when there is one.
    fn take(&self, worker: usize, control: &Control) -> Option<(u64, Seed)> {
        let mut state = self.lock();
        loop {
            if state.over || control.is_interrupted() {
                return None;
            }
            if let Some(part) = state.take(worker) {
                return Some(part);
            }
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Findings> Others for Shared<T> {
    fn begun(&self, unit: u64, event: Option<Arc<Event>>) {
        let mut state = self.lock();
        let Some(Parent::Branch(fork, at)) = state.units.get(&unit).map(|unit| unit.parent) else {
            return;
        };
        if let Some(branch) = state.forks.get_mut(&fork).map(|fork| &mut fork.branches[at]) {
            branch.begun = true;
            if let Some(event) = event {
                branch.event = event;
            }
            self.change.notify_all();
        }
    }

    fn want(&self, unit: u64) -> bool {
        self.lock().wants(unit)
    }

    fn take_over(&self, unit: u64, handed: Vec<Handed>, outside: Vec<Finds>) {
        self.lock().take_over(unit, handed, outside);
        self.change.notify_all();
    }

    fn ended(&self, unit: u64, rest: Rest) {
        if let Some(unit) = self.lock().units.get_mut(&unit) {
            unit.rest = Some(rest);
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

fn share(width: f64, among: usize) -> f64 {
    width / f64::from(u32::try_from(among).unwrap_or(u32::MAX))
}
