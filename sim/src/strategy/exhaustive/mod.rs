//! One execution for each class of schedules that cannot be told apart.
//!
//! Two schedules are equivalent when one becomes the other by exchanging adjacent segments whose
//! [footprints](crate::engine::Segment) are not in conflict: the same trace in the sense of Mazurkiewicz. [`Reduced`] runs
//! one of each class, by dynamic partial-order reduction:
//!
//! - P. Abdulla, S. Aronsson, B. Jonsson, K. Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial Order
//!   Reduction", Journal of the ACM 64(4), 2017: source sets with sleep sets, and optimality by wakeup trees;
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
//! - A choice makes one event for each of its values, each in conflict with the others. A fault or a drop, taken or not,
//!   uses the budget that all share.
//!
//! # What it takes on trust
//!
//! That tasks share state through tracked objects alone. The engine cannot see an `Arc<Mutex<_>>`, so the caller gives
//! their word for it, by [`TrackedSharing`]. Without it, use [`Dfs`](super::Dfs), which reduces nothing.

mod event;
mod tree;

use crate::decision::Kind;
use crate::engine::{
    ChoicePoint, Decision, Effect, Mode, ObjectId, Segment, Strategy, TaskId, TaskKey,
};
use event::{Event, Process, VectorClock};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tree::{Label, Node, Sequence, insert};

/// The caller's word that the tasks of a program share state through tracked objects only: those of
/// [`engine::sync`](crate::engine::sync), or any that report their uses through an [`Object`](crate::engine::Object).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedSharing;

/// How much is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Source sets and sleep sets. Never runs two schedules of a class to their end, but begins some that it has to
    /// give up. Takes less memory.
    SourceSets,
    /// Wakeup trees: every execution is the only one of its class.
    WakeupTrees,
}

/// What a finished, or unfinished, search has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Whether every class was run.
    pub complete: bool,
    /// Executions that ran to their end, each the only one of its class.
    pub classes: u64,
    /// Executions that were given up because others like them had been run.
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
    label: Option<Label>,
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

/// One execution for each class of equivalent schedules.
///
/// # Examples
///
/// Two tasks that write a cell twice each, and a third that is on its own: 6 orders matter.
///
/// ```
/// use mapi_sync_sim::engine::{self, Engine, Limits, sync::Register};
/// use mapi_sync_sim::strategy::{Reduced, Reduction, TrackedSharing};
///
/// let search = Reduced::new(Reduction::WakeupTrees, TrackedSharing);
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
    reduction: Reduction,
    frames: Vec<Frame>,
    spare: Vec<Frame>,
    /// The depth of the step to come.
    depth: usize,
    /// The first frame that this execution does not share with the one before.
    fresh: usize,
    asked: usize,
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
    pub fn new(reduction: Reduction, _word: TrackedSharing) -> Self {
        Self {
            reduction,
            frames: Vec::new(),
            spare: Vec::new(),
            depth: 0,
            fresh: 0,
            asked: 0,
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
        let mut share = 0.0;
        let mut width = 1.0;
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
            if let Some(last) = frame.sleep.last()
                && !last.choices.is_empty()
                && frame.explored > 0
                && !last.barrier
                && frame.todo.iter().all(|node| node.label.process != last.process)
                && let Some(values) = awake(&frame.sleep, last.process, &mut Vec::new())
            {
                // The step had a choice, and a value of it has not been tried.
                let label = Label { process: last.process, values };
                frame.todo.push(Node { label, event: None, children: Vec::new() });
            }
            if frame.todo.is_empty() {
                let mut frame = self.frames.pop().unwrap_or_default();
                frame.sleep.clear();
                frame.after.clear();
                self.spare.push(frame);
                continue;
            }
            let node = frame.todo.remove(0);
            frame.label = Some(node.label);
            frame.after = node.children;
            self.fresh = self.frames.len() - 1;
            return true;
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
        if !frame.todo.is_empty() {
            let node = frame.todo.remove(0);
            frame.label = Some(node.label);
            frame.after = node.children;
            return self.find(at);
        }
        let default = at.default_task();
        let others = at.ready().iter().filter(|task| *task != default);
        for task in std::iter::once(default).chain(others) {
            let process = self.process(at.key(task));
            let frame = &mut self.frames[depth];
            if let Some(values) = awake(&frame.sleep, process, &mut Vec::new()) {
                frame.label = Some(Label { process, values });
                return task;
            }
        }
        self.abandoned = true;
        default
    }

    /// The task of the deepest frame's label.
    fn find(&mut self, at: &Decision<'_>) -> TaskId {
        let label = self.frames.last().and_then(|frame| frame.label.as_ref());
        let key = label.map(|label| self.names[label.process as usize]);
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
        let mut event = Event { process, choices: Vec::new(), accesses: Vec::new(), barrier };
        let chosen = segment.choices.iter().filter(|chosen| chosen.kind != Kind::Spurious);
        event.choices.extend(chosen.map(|chosen| (chosen.value, chosen.arity)));
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
                .chain(std::iter::once(second))
                .filter_map(|step| frames[step].event.clone().map(|event| (step, event)))
                .collect();
            let sleep = &frames[first].sleep;
            let before = |a: usize, b: usize| Self::before(frames, a, b);
            let sequence = Sequence { events: events.clone(), before: &before };
            // Taken out while the tree is changed: the sequence looks at the other frames.
            let covered = match self.reduction {
                Reduction::WakeupTrees => {
                    sleep.iter().any(|sleeper| sequence.is_covered_by(sleeper))
                }
                Reduction::SourceSets => sequence.begins_in(sleep, &frames[first].todo),
            };
            if covered {
                continue;
            }
            let mut todo = std::mem::take(&mut self.frames[first].todo);
            let frames = &self.frames;
            let before = |a: usize, b: usize| Self::before(frames, a, b);
            let mut sequence = Sequence { events, before: &before };
            if self.reduction == Reduction::SourceSets {
                sequence.events.truncate(1);
            }
            insert(&mut todo, sequence);
            self.frames[first].todo = todo;
        }
        self.found = found;
        self.found.clear();
    }
}

/// The values that the first choices of a process's next step must take so that the step does not sleep; none if it
/// sleeps whatever they are. Choices beyond those given are free.
fn awake(sleep: &[Arc<Event>], process: Process, values: &mut Vec<u32>) -> Option<Vec<u32>> {
    let mut alike =
        sleep.iter().filter(|event| event.process == process && event.begins_with(values));
    let Some(first) = alike.next() else { return Some(values.clone()) };
    let (_, arity) = *first.choices.get(values.len())?;
    for value in 0..arity {
        values.push(value);
        let found = awake(sleep, process, values);
        values.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}

impl Strategy for Reduced {
    fn begin(&mut self, _index: u64) -> bool {
        if self.finished {
            return false;
        }
        if self.started && !self.backtrack() {
            self.finished = true;
            return false;
        }
        self.started = true;
        self.abandoned = false;
        self.depth = 0;
        self.asked = 0;
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        self.asked = 0;
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
        let asked = self.asked;
        self.asked += 1;
        let Some(frame) = self.frames.get(self.depth).filter(|_| !self.abandoned) else { return 0 };
        match (&frame.event, &frame.label) {
            (Some(event), _) => event.choices.get(asked).map_or(0, |(value, _)| *value),
            (None, Some(label)) => label.values.get(asked).copied().unwrap_or(0),
            (None, None) => 0,
        }
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
            Some(Some(event)) => {
                if self.names[event.process as usize] != segment.key {
                    self.gap = Some(Gap::Untracked);
                    self.abandoned = true;
                }
            }
            Some(None) => self.record(segment),
            None => {
                self.gap = Some(Gap::Untracked);
                self.abandoned = true;
            }
        }
        self.depth += 1;
    }

    fn abandons(&mut self) -> bool {
        self.abandoned
    }

    fn end(&mut self) {
        if self.abandoned {
            self.blocked += 1;
        } else {
            self.classes += 1;
        }
        self.reverse_races();
    }
}
