//! One execution for each class of schedules that cannot be told apart.
//!
//! Two schedules are equivalent when one becomes the other by exchanging adjacent segments whose
//! [footprints](crate::engine::Segment) are not in conflict: the same trace in the sense of Mazurkiewicz. [`Reduced`] runs
//! one of each class, by dynamic partial-order reduction:
//!
//! - P. Abdulla, S. Aronsson, B. Jonsson, K. Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial Order
//!   Reduction", Journal of the ACM 64(4), 2017: optimality by wakeup trees;
//! - P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996: sleep sets.
//!
//! # How it fits tasks that are polled
//!
//! An *event* is a poll segment. The published algorithms assume that a process which can run can go on to run
//! whatever others do. Blocking breaks that assumption for threads; here it holds by construction:
//!
//! - A task that can run stays able to run. No task takes a lock, a permit or a message away from one that was promised it:
//!   waiters queue, and what comes free goes to the head of the queue. The order in which they came to the queue is
//!   the conflict.
//! - A task that waits is not able to run until a segment wakes it. That segment *happens before* the next one of the
//!   task; the two cannot be exchanged, so they are no race. Likewise for a message's sending and its receipt, a task's end
//!   and its being joined, spawning and the first segment.
//! - A task that waits for several things may be woken by any of them. Two wakes of one wait are in conflict; giving up
//!   a wait reads what was waited for.
//! - Aborting a task writes the task, and each of its segments reads it.
//! - The clock moves when no task can run: everything before happens before, everything after happens after. Tasks whose
//!   timers are due together are woken together, and their order is a matter of their conflicts. A clock that may run ahead
//!   ([`Limits::skew_ms`](crate::engine::Limits::skew_ms)) races with everything, and is not searched here: see
//!   [`Certificate`].
//! - Choices, faults and drops are settled from outside: the search runs once for each *assignment* of values to the places
//!   that ask for one, and under an assignment the program is a matter of order alone. It begins with the defaults
//!   everywhere, and adds one place after another as they come up. An execution that does not ask at all the places of
//!   its assignment is one of a smaller assignment, and is not counted again.
//!
//! Two executions of one class are never both run to their end. None is given up on the way either, if each segment uses
//! one object and asks for the same choices in every order; what a segment would have done at another time is a guess
//! otherwise, and a wrong guess costs an execution that is given up once it is seen to lead where others have been.
//!
//! # What it takes on trust
//!
//! That tasks share state through tracked objects alone. The engine cannot see an `Arc<Mutex<_>>`, so the caller gives
//! their word for it, by [`TrackedSharing`]. Without it, use [`Dfs`](super::Dfs), which reduces nothing.

mod event;
mod tree;

use crate::decision::{Kind, Place};
use crate::engine::{
    ChoicePoint, Decision, Effect, Mode, ObjectId, Segment, Strategy, TaskId, TaskKey,
};
use event::{Event, Process, VectorClock};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use tree::{Node, Sequence, insert};

/// The caller's word that the tasks of a program share state through tracked objects only: those of
/// [`engine::sync`](crate::engine::sync), or any that report their uses through an [`Object`](crate::engine::Object).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedSharing;

/// What a finished, or unfinished, search has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Whether every class was run.
    pub complete: bool,
    /// Executions that ran to their end, each the only one of its class.
    pub classes: u64,
    /// Executions that were given up, or not counted, because others like them had been run.
    pub blocked: u64,
    /// Pairs of segments whose order mattered.
    pub races: u64,
    /// About how many classes there are; exact when `complete`.
    pub estimate: f64,
    /// Why the search is not exhaustive although it has ended, if so.
    pub gap: Option<Gap>,
}

/// What keeps an ended search from being exhaustive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The clock could run ahead of tasks, and it was not let.
    Skew,
    /// Tasks could be polled without being woken, and were not.
    Spurious,
    /// The program behaved differently under the same decisions: it depends on something that is not tracked.
    Untracked,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.complete {
            write!(f, "{} classes, exhaustive", self.classes)
        } else {
            match self.gap {
                None => write!(f, "not finished: {} of about {:.0}", self.classes, self.estimate),
                Some(Gap::Skew) => {
                    write!(f, "{} classes, without the clock running ahead", self.classes)
                }
                Some(Gap::Spurious) => {
                    write!(f, "{} classes, without spurious polls", self.classes)
                }
                Some(Gap::Untracked) => {
                    write!(
                        f,
                        "{} classes, and the program depends on what is not tracked",
                        self.classes
                    )
                }
            }
        }
    }
}

/// The state before a step of the current execution, and that step.
#[derive(Debug, Default)]
struct Frame {
    process: Option<Process>,
    task: Option<TaskId>,
    event: Option<Arc<Event>>,
    /// Its number among the events of its process, from 1.
    count: u32,
    clock: VectorClock,
    /// Steps that need not be run from this state: explored here, or before and not in conflict since.
    sleep: Vec<Arc<Event>>,
    /// How many steps have been explored from here.
    explored: u32,
    /// What is still to be run from here.
    todo: Vec<Node>,
    /// What is still to be run after the step.
    after: Vec<Node>,
    /// What the step changed in `enablers`, to be undone.
    undo: Vec<(Process, Option<usize>)>,
}

impl Frame {
    /// Takes up the next of the planned steps that does not sleep. One sleeps if what was known of a later step when the
    /// plan was made has turned out otherwise.
    fn take_up(&mut self) -> bool {
        while !self.todo.is_empty() {
            let Node { event, children } = self.todo.remove(0);
            if self.sleep.iter().all(|sleeper| sleeper.process != event.process) {
                self.process = Some(event.process);
                self.after = children;
                return true;
            }
        }
        false
    }
}

/// One execution for each class of equivalent schedules.
///
/// # Examples
///
/// Two tasks that write a cell twice each, and a third that is on its own: 6 orders matter.
///
/// ```
/// use mapi_sync_sim::engine::{self, Engine, Limits, sync::Register};
/// use mapi_sync_sim::strategy::{Reduced, TrackedSharing};
///
/// let search = Reduced::new(TrackedSharing);
/// let mut engine = Engine::new(Limits::default(), search);
/// let program = || async {
///     let (shared, lonely) = (Register::new("shared", 0), Register::new("lonely", 0));
///     for i in 0..2 {
///         let shared = shared.clone();
///         engine::spawn("writer", async move {
///             shared.write(i).await;
///             shared.write(i + 2).await;
///         });
///     }
///     engine::spawn("loner", async move { lonely.write(1).await });
/// };
/// while engine.execute(0, program()).is_some() {}
/// let certificate = engine.strategy::<Reduced>().unwrap().certificate();
/// assert_eq!(certificate.to_string(), "6 classes, exhaustive");
/// ```
#[derive(Debug)]
pub struct Reduced {
    frames: Vec<Frame>,
    spare: Vec<Frame>,
    /// The depth of the step to come.
    depth: usize,
    /// The values that places take in this round; elsewhere it is the default.
    assignment: BTreeMap<Place, u32>,
    /// The places that the current execution has asked, with how many values each takes.
    asked: BTreeMap<Place, u32>,
    /// How often each task asked at each site.
    counts: BTreeMap<(Kind, TaskKey, u32), u32>,
    /// Assignments still to be run, and all that were ever planned.
    /// How many faults and drops an execution may have.
    budgets: BTreeMap<Kind, u32>,
    waiting: VecDeque<BTreeMap<Place, u32>>,
    planned: BTreeSet<BTreeMap<Place, u32>>,
    rounds: u32,
    keys: BTreeMap<TaskKey, Process>,
    names: Vec<TaskKey>,
    objects: BTreeMap<ObjectId, u32>,
    /// For each object, the depths of the steps that used it.
    uses: Vec<Vec<(usize, Mode)>>,
    /// For each process, the depths of its steps.
    steps: Vec<Vec<usize>>,
    /// For each process that can run, the step that made it so.
    enablers: Vec<Option<usize>>,
    barriers: Vec<usize>,
    found: Vec<(usize, usize)>,
    scratch: Vec<usize>,
    abandoned: bool,
    started: bool,
    finished: bool,
    classes: u64,
    blocked: u64,
    races: u64,
    gap: Option<Gap>,
}

const CLOCK: Process = 0;

impl Reduced {
    /// A search that has not begun.
    #[must_use]
    pub fn new(_word: TrackedSharing) -> Self {
        Self {
            frames: Vec::new(),
            spare: Vec::new(),
            depth: 0,
            assignment: BTreeMap::new(),
            asked: BTreeMap::new(),
            counts: BTreeMap::new(),
            budgets: BTreeMap::new(),
            waiting: VecDeque::new(),
            planned: BTreeSet::new(),
            rounds: 0,
            keys: BTreeMap::from([(TaskKey::CLOCK, CLOCK)]),
            names: vec![TaskKey::CLOCK],
            objects: BTreeMap::new(),
            uses: Vec::new(),
            steps: vec![Vec::new()],
            enablers: vec![None],
            barriers: Vec::new(),
            found: Vec::new(),
            scratch: Vec::new(),
            abandoned: false,
            started: false,
            finished: false,
            classes: 0,
            blocked: 0,
            races: 0,
            gap: None,
        }
    }

    /// What has been shown so far.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        let complete = self.finished && self.gap.is_none();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let classes = self.classes as f64;
        Certificate {
            complete,
            classes: self.classes,
            blocked: self.blocked,
            races: self.races,
            estimate: classes / self.explored(),
            gap: self.gap,
        }
    }

    /// The share of the tree that has been run, between 0 and 1, as far as the tree is known (Knuth, "Estimating the
    /// Efficiency of Backtrack Programs", 1975). What later races will add is not known.
    #[must_use]
    pub fn explored(&self) -> f64 {
        if self.finished {
            return 1.0;
        }
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let mut width = 1.0 / (f64::from(self.rounds) + 1.0 + f64::from(waiting));
        let mut share = width * f64::from(self.rounds);
        for frame in &self.frames {
            let done = f64::from(frame.explored);
            let todo = f64::from(u32::try_from(frame.todo.len()).unwrap_or(u32::MAX));
            width /= done + 1.0 + todo;
            share += width * done;
        }
        share + width
    }

    fn process(&mut self, key: TaskKey) -> Process {
        *self.keys.entry(key).or_insert_with(|| {
            self.names.push(key);
            self.steps.push(Vec::new());
            self.enablers.push(None);
            u32::try_from(self.names.len() - 1).expect("fewer than 2^32 tasks")
        })
    }

    fn object(&mut self, id: ObjectId) -> u32 {
        *self.objects.entry(id).or_insert_with(|| {
            self.uses.push(Vec::new());
            u32::try_from(self.uses.len() - 1).expect("fewer than 2^32 objects")
        })
    }

    fn new_frame(&mut self) -> Frame {
        let mut frame = self.spare.pop().unwrap_or_default();
        frame.clock.clear();
        frame.explored = 0;
        frame
    }

    /// Takes the deepest frame's step back, as if it had not been run.
    fn undo_step(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let Some(event) = frame.event.take() else { return };
        for (process, before) in frame.undo.drain(..).rev() {
            self.enablers[process as usize] = before;
        }
        for (object, _) in &event.accesses {
            self.uses[*object as usize].pop();
        }
        self.steps[event.process as usize].pop();
        if event.barrier {
            self.barriers.pop();
        }
        frame.explored += 1;
        frame.sleep.push(event);
    }

    /// Leaves what was explored, up to a frame that has something left to run, and takes that up.
    fn backtrack(&mut self) -> bool {
        loop {
            self.undo_step();
            let Some(frame) = self.frames.last_mut() else { return false };
            if frame.take_up() {
                return true;
            }
            let mut frame = self.frames.pop().unwrap_or_default();
            frame.sleep.clear();
            frame.after.clear();
            self.spare.push(frame);
        }
    }

    /// Opens the frame of the step to come.
    fn open_frame(&mut self) {
        let mut frame = self.new_frame();
        if let Some(parent) = self.frames.last_mut() {
            frame.todo = std::mem::take(&mut parent.after);
            if let Some(event) = &parent.event {
                let awake = |sleeper: &&Arc<Event>| !sleeper.conflicts(event);
                frame.sleep.extend(parent.sleep.iter().filter(awake).cloned());
            }
        }
        self.frames.push(frame);
    }

    /// Follows the wakeup tree, or carries on with a task that need not sleep.
    fn choose_step(&mut self, at: &Decision<'_>) -> TaskId {
        self.open_frame();
        let depth = self.frames.len() - 1;
        let frame = &mut self.frames[depth];
        if frame.take_up() {
            return self.find(at);
        }
        let default = at.default_task();
        let others = at.ready().iter().filter(|task| *task != default);
        for task in std::iter::once(default).chain(others) {
            let process = self.process(at.key(task));
            let frame = &mut self.frames[depth];
            if frame.sleep.iter().all(|event| event.process != process) {
                frame.process = Some(process);
                return task;
            }
        }
        self.abandoned = true;
        default
    }

    /// The task that the deepest frame is to run.
    fn find(&mut self, at: &Decision<'_>) -> TaskId {
        let process = self.frames.last().and_then(|frame| frame.process);
        let key = process.map(|process| self.names[process as usize]);
        if let Some(task) = at.ready().iter().find(|task| Some(at.key(*task)) == key) {
            return task;
        }
        // A task that could run here before cannot now.
        self.gap = Some(Gap::Untracked);
        self.abandoned = true;
        at.default_task()
    }

    /// Makes an event of a segment, and notes with which earlier ones it races.
    fn record(&mut self, segment: &Segment<'_>) {
        let depth = self.depth;
        let process = self.process(segment.key);
        let barrier = segment.task == TaskId::CLOCK;
        let mut event = Event { process, accesses: Vec::new(), barrier };
        let mut clock = std::mem::take(&mut self.frames[depth].clock);
        clock.clear();
        let cause = self.steps[process as usize].last().copied();
        let enabler = self.enablers[process as usize];
        for cause in cause.into_iter().chain(enabler).chain(self.barriers.last().copied()) {
            clock.join(&self.frames[cause].clock);
        }
        for effect in segment.effects {
            match effect {
                Effect::Access(id, mode) => {
                    let object = self.object(*id);
                    event.access(object, *mode);
                }
                Effect::After(step) => {
                    if let Ok(step) = usize::try_from(*step)
                        && step < depth
                    {
                        clock.join(&self.frames[step].clock);
                    }
                }
            }
        }
        event.accesses.sort_unstable();
        if barrier {
            for frame in &self.frames[..depth] {
                clock.join(&frame.clock);
            }
        }
        self.scratch.clear();
        for (object, mode) in &event.accesses {
            for (step, other) in self.uses[*object as usize].iter().rev() {
                if mode.conflicts(*other) {
                    self.scratch.push(*step);
                }
                if *other == Mode::Write {
                    // What came before conflicts with this write, and so happens before it.
                    break;
                }
            }
        }
        self.scratch.sort_unstable();
        self.scratch.dedup();
        for step in self.scratch.drain(..).rev() {
            let frame = &self.frames[step];
            let other = frame.event.as_ref().map_or(CLOCK, |event| event.process);
            if clock.get(other) < frame.count {
                clock.join(&frame.clock);
                self.found.push((step, depth));
            }
        }
        let steps = &mut self.steps[process as usize];
        steps.push(depth);
        let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        clock.set(process, count);
        for (object, mode) in &event.accesses {
            self.uses[*object as usize].push((depth, *mode));
        }
        if barrier {
            self.barriers.push(depth);
        }
        let mut undo = std::mem::take(&mut self.frames[depth].undo);
        undo.clear();
        undo.push((process, self.enablers[process as usize].take()));
        for task in segment.woken {
            let woken = self.process(segment.key_of(*task));
            let enabler = &mut self.enablers[woken as usize];
            if enabler.is_none() {
                undo.push((woken, None));
                *enabler = Some(depth);
            }
        }
        let frame = &mut self.frames[depth];
        frame.task = Some(segment.task);
        frame.event = Some(Arc::new(event));
        frame.count = count;
        frame.clock = clock;
        frame.undo = undo;
    }

    /// Whether the step at depth `first` happens before that at `second`.
    fn before(frames: &[Frame], first: usize, second: usize) -> bool {
        let process = frames[first].event.as_ref().map_or(CLOCK, |event| event.process);
        first != second && frames[second].clock.get(process) >= frames[first].count
    }

    /// Sees to it that the other order of each race is run.
    fn reverse_races(&mut self) {
        let found = std::mem::take(&mut self.found);
        self.races += found.len() as u64;
        for (first, second) in &found {
            let (first, second) = (*first, *second);
            let frames = &self.frames;
            let ran = |step: &usize| frames[*step].event.is_some();
            let rest = (first + 1..frames.len())
                .filter(ran)
                .filter(|step| !Self::before(frames, first, *step));
            let events: Vec<_> = rest
                .chain([second, first])
                .filter_map(|step| frames[step].event.clone().map(|event| (step, event)))
                .collect();
            let sleep = &frames[first].sleep;
            let before = |a, b| if b == first { a == second } else { Self::before(frames, a, b) };
            let sequence = Sequence { events: events.clone(), before: &before };
            // The first step comes last: a step that sleeps and is in conflict with it must not stand in for the sequence.
            // The published algorithm can leave it out because it knows what the second step will do.
            // Taken out while the tree is changed: the sequence looks at the other frames.
            let covered = sequence.is_covered_by(sleep);
            if covered {
                continue;
            }
            let mut todo = std::mem::take(&mut self.frames[first].todo);
            let frames = &self.frames;
            let before = |a, b| if b == first { a == second } else { Self::before(frames, a, b) };
            let sequence = Sequence { events, before: &before };
            insert(&mut todo, sequence);
            self.frames[first].todo = todo;
        }
        self.found = found;
        self.found.clear();
    }
}

impl Reduced {
    /// Plans an assignment for each value of each place that the execution asked and that has the default.
    fn plan_assignments(&mut self) {
        for (place, arity) in &self.asked {
            let taken = self.assignment.keys().filter(|known| known.kind == place.kind).count();
            let budget = self.budgets.get(&place.kind).copied().unwrap_or(0);
            if self.assignment.contains_key(place) || taken as u64 >= u64::from(budget) {
                continue;
            }
            for value in 1..*arity {
                let mut assignment = self.assignment.clone();
                assignment.insert(*place, value);
                if self.planned.insert(assignment.clone()) {
                    self.waiting.push_back(assignment);
                }
            }
        }
    }

    /// Goes on to the next assignment.
    fn next_round(&mut self) -> bool {
        self.rounds += 1;
        let Some(assignment) = self.waiting.pop_front() else { return false };
        self.assignment = assignment;
        for of_process in &mut self.steps {
            of_process.clear();
        }
        for enabler in &mut self.enablers {
            *enabler = None;
        }
        for of_object in &mut self.uses {
            of_object.clear();
        }
        self.barriers.clear();
        true
    }
}

impl Strategy for Reduced {
    fn begin(&mut self, _index: u64) -> bool {
        if self.finished {
            return false;
        }
        if self.started && !self.backtrack() && !self.next_round() {
            self.finished = true;
            return false;
        }
        self.started = true;
        self.abandoned = false;
        self.depth = 0;
        self.asked.clear();
        self.counts.clear();
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        if at.clock() {
            self.gap.get_or_insert(Gap::Skew);
        }
        if self.abandoned {
            return at.default_task();
        }
        if self.depth == self.frames.len() {
            return self.choose_step(at);
        }
        let frame = &self.frames[self.depth];
        match frame.task {
            Some(task) if frame.event.is_some() => task,
            _ => self.find(at),
        }
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        if at.kind == Kind::Spurious {
            self.gap.get_or_insert(Gap::Spurious);
            return 0;
        }
        let site = at.site.hash();
        let count = self.counts.entry((at.kind, at.key, site)).or_default();
        let place = Place { kind: at.kind, task: at.key, site, ordinal: *count };
        *count += 1;
        self.asked.insert(place, at.arity);
        let budget = self.budgets.entry(at.kind).or_default();
        *budget = at.left.max(*budget);
        self.assignment.get(&place).copied().unwrap_or(0)
    }

    fn wants_footprints(&self) -> bool {
        true
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        if self.abandoned {
            return;
        }
        if segment.task == TaskId::CLOCK && self.depth == self.frames.len() {
            self.open_frame();
        }
        match self.frames.get(self.depth).map(|frame| &frame.event) {
            Some(Some(event)) if self.names[event.process as usize] == segment.key => {}
            Some(None) => self.record(segment),
            _ => {
                self.gap = Some(Gap::Untracked);
                self.abandoned = true;
            }
        }
        self.depth += 1;
    }

    fn abandons(&mut self) -> bool {
        self.abandoned
    }

    fn discards(&mut self) -> bool {
        self.abandoned || !self.assignment.keys().all(|place| self.asked.contains_key(place))
    }

    fn end(&mut self) {
        if self.discards() {
            self.blocked += 1;
        } else {
            self.classes += 1;
            self.plan_assignments();
        }
        self.reverse_races();
    }
}
