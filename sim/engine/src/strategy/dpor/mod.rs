//! One execution for each class of equivalent schedules: dynamic partial-order reduction.
//!
//! Two schedules are equivalent when one becomes the other by exchanging adjacent segments whose
//! [footprints](crate::Segment) are not in conflict: the same trace in the sense of
//! Mazurkiewicz. [`Dpor`] runs one of each class, by dynamic partial-order reduction:
//!
//! - P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas, "Source Sets: A Foundation for Optimal Dynamic
//!   Partial Order Reduction", Journal of the ACM 64(4), 2017: optimality by wakeup trees;
//! - P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996: sleep
//!   sets.
//!
//! # How it fits tasks that are polled
//!
//! An *event* is a poll segment. The published algorithms assume that a process which can run can
//! go on to run whatever others do. Blocking breaks that assumption for threads; here it holds by
//! construction:
//!
//! - A task that can run stays able to run. No task takes a lock, a permit or a message away from
//!   one that was promised it: waiters queue, and what comes free goes to the head of the queue.
//!   The order in which they came to the queue is the conflict.
//! - A task that waits is not able to run until a segment wakes it. That segment *happens before*
//!   the next one of the task; the two cannot be exchanged, so they are no race. Likewise for a
//!   message's sending and its receipt, a task's end and its being joined, spawning and the first
//!   segment.
//! - A task that waits for several things may be woken by any of them. Two wakes of one wait are in
//!   conflict; giving up a wait reads what was waited for.
//! - Aborting a task writes the task, and each of its segments reads it.
//! - The clock moves when no task can run: everything before happens before, everything after
//!   happens after. Tasks whose timers are due together are woken together, and their order is a
//!   matter of their conflicts. A clock that may run ahead
//!   ([`Limits::skew_ms`](crate::Limits::skew_ms)) races with everything, and is not searched here:
//!   see [`Certificate`].
//! - Choices, faults and drops are settled from outside: the search runs once for each *assignment*
//!   of values to the places that ask for one, and under an assignment the program is a matter of
//!   order alone. It begins with the defaults everywhere, and adds one place after another as they
//!   come up, depth first. Every assignment has one from which it is reached, so none is searched
//!   twice, and none needs to be remembered. An execution that does not ask at all the places of
//!   its assignment is one of a smaller assignment, and is not counted again.
//!
//! Two executions of one class are never both run to their end. None is cut off either, if each
//! segment uses one object and asks for the same choices in every order; what a segment would have
//! done at another time is a guess otherwise, and a wrong guess costs an execution that is given up
//! once it is seen to lead where others have been.
//!
//! # Assumption
//!
//! Tasks must share state through tracked objects only. The engine cannot see an `Arc<Mutex<_>>`,
//! so the caller declares it, by [`TrackedSharing`]. Otherwise use [`Dfs`](super::Dfs), which
//! reduces nothing.

mod assignments;
mod certificate;
mod event;
mod findings;
mod fork;
mod frame;
mod history;
mod interner;
mod parts;
mod probe;
mod races;
mod tree;

use std::mem;

use assignments::{Choices, Plans};
pub use certificate::Certificate;
use event::{Node, Process};
pub use findings::Findings;
use fork::SplitState;
use frame::{Frame, happens_before, sleeps};
use history::History;
use interner::Interner;
use parts::Link;
pub use parts::{Periods, explore, explore_split};
pub use probe::Probe;

use crate::decision::Kind;
pub use crate::proof::Gap;
use crate::{ChoicePoint, Decision, Limits, Observer, Proof, Segment, Strategy, TaskId};

/// Declares that the tasks of a program share state through tracked objects only: those of
/// [`engine::sync`](crate::sync), or any that report their uses through an
/// [`Object`](crate::Object).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedSharing;

/// One execution for each class of equivalent schedules.
///
/// # Examples
///
/// Two tasks that write a cell twice each, and a third that is on its own: 6 orders matter.
///
/// ```
/// use mapi_sync_engine::{self as engine, Engine, Limits, sync::Register};
/// use mapi_sync_engine::strategy::{Dpor, TrackedSharing};
///
/// let search = Dpor::new(TrackedSharing);
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
/// let certificate = engine.strategy::<Dpor>().unwrap().certificate();
/// assert_eq!(certificate.to_string(), "6 classes, exhaustive");
/// ```
#[derive(Debug)]
pub struct Dpor {
    interner: Interner,
    history: History,
    frames: Vec<Frame>,
    spare: Vec<Frame>,
    /// The depth of the step to come.
    depth: usize,
    /// How many of the frames are in the care of another part of the search.
    base: usize,
    /// For each of those, the sequences found to be run from there.
    outside: Vec<Vec<Node>>,
    /// And the processes whose steps other parts will run from there anyway.
    planned: Vec<Vec<Process>>,
    /// Races of the current execution that no earlier one has shown, by the depths of their steps.
    races: Vec<(usize, usize)>,
    /// Those of which each execution may show something new.
    uncertain: Vec<(usize, usize)>,
    choices: Choices,
    plans: Plans,
    /// The other parts, if there are any.
    link: Option<Link>,
    abandoned: bool,
    started: bool,
    finished: bool,
    tally: Tally,
}

/// The counts of a search.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    classes: u64,
    blocked: u64,
    races: u64,
    gap: Option<Gap>,
}

impl Dpor {
    /// A search that has not begun.
    #[must_use]
    pub fn new(_tracked_sharing: TrackedSharing) -> Self {
        Self {
            interner: Interner::new(),
            history: History::default(),
            frames: Vec::new(),
            spare: Vec::new(),
            depth: 0,
            base: 0,
            outside: Vec::new(),
            planned: Vec::new(),
            races: Vec::new(),
            uncertain: Vec::new(),
            choices: Choices::default(),
            plans: Plans::default(),
            link: None,
            abandoned: false,
            started: false,
            finished: false,
            tally: Tally::default(),
        }
    }

    /// The result so far.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.tally.certificate(self.finished, self.explored())
    }

    /// The share of the tree that has been run, between 0 and 1, as far as the tree is known
    /// (Knuth, "Estimating the Efficiency of Backtrack Programs", 1975). What later races will
    /// add is not known.
    #[must_use]
    pub fn explored(&self) -> f64 {
        if self.finished {
            return 1.0;
        }
        let (mut share, mut width) = self.plans.share();
        for frame in &self.frames[self.base..] {
            let done = f64::from(frame.explored);
            let todo = f64::from(u32::try_from(frame.todo.len()).unwrap_or(u32::MAX));
            width /= done + 1.0 + todo;
            share += width * done;
        }
        share + width
    }

    /// Whether it is a whole search, or the first part of one.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.base == 0 && self.choices.is_first()
    }

    /// Backtracks to a frame that has something left to run, and takes that up.
    fn backtrack(&mut self) -> bool {
        if self.choices.are_of_another() {
            self.leave_all();
        }
        while self.frames.len() > self.base {
            let Some(mut frame) = self.frames.pop() else { return false };
            if let Some(event) = frame.event.take() {
                self.history.undo(&mut frame, &event);
                frame.explored += 1;
                frame.sleep.push(event);
            }
            if frame.take_up() {
                self.forget_races(self.frames.len());
                self.frames.push(frame);
                return true;
            }
            self.spare.push(frame);
        }
        false
    }

    /// Drops every frame, with its remaining steps.
    fn leave_all(&mut self) {
        for mut frame in self.frames.drain(..).rev() {
            frame.event = None;
            frame.todo.clear();
            self.spare.push(frame);
        }
        self.uncertain.clear();
    }

    /// Opens the frame of the step to come.
    fn open_frame(&mut self) {
        let mut frame = self.spare.pop().unwrap_or_default();
        frame.follow(self.frames.last_mut());
        self.frames.push(frame);
    }

    /// Follows the wakeup tree, or carries on.
    fn choose_step(&mut self, at: &Decision<'_>) -> TaskId {
        self.open_frame();
        if self.frames[self.depth].take_up() { self.follow_plan(at) } else { self.carry_on(at) }
    }

    /// Any task that need not sleep.
    fn carry_on(&mut self, at: &Decision<'_>) -> TaskId {
        let default = at.default_task();
        let others = at.ready().iter().filter(|task| *task != default);
        for task in std::iter::once(default).chain(others) {
            let process = self.interner.process(at.key(task));
            let frame = &mut self.frames[self.depth];
            if !sleeps(&frame.sleep, process) {
                frame.process = Some(process);
                return task;
            }
        }
        self.abandoned = true;
        default
    }

    /// The task that the frame at this depth is to run.
    fn follow_plan(&mut self, at: &Decision<'_>) -> TaskId {
        loop {
            let process = self.frames[self.depth].process;
            let key = process.map(|process| self.interner.key(process));
            if let Some(task) = at.ready().iter().find(|task| Some(at.key(*task)) == key) {
                return task;
            }
            // It was to follow a step that has done something else than was known of it, and there
            // is no such sequence.
            if !self.frames[self.depth].take_up() {
                break;
            }
        }
        if self.frames[self.depth].explored == 0 {
            return self.carry_on(at);
        }
        self.abandoned = true;
        at.default_task()
    }

    /// Moves on to the next assignment.
    fn next_assignment(&mut self) -> bool {
        // Another part has the assignments in its care, if there is one.
        if self.link.is_some() {
            return false;
        }
        let Some(assignment) = self.plans.next(self.choices.planned()) else { return false };
        self.choices.take_up(assignment);
        self.uncertain.clear();
        self.history.clear();
        true
    }

    /// Leaves to others what branches off nearest to the root. Returns whether there is any use in
    /// going on.
    fn share(&mut self) -> bool {
        let Some(link) = &mut self.link else { return true };
        let event = self.base.checked_sub(1).and_then(|last| self.frames[last].event.clone());
        if !link.goes_on(event) {
            return false;
        }
        // On which way an assignment is searched is settled by the first execution that asks all of
        // its places.
        if !link.is_time() || !self.choices.are_settled() {
            return true;
        }
        let own = &mut self.frames[self.base..];
        let Some(place) = own.iter().position(|frame| !frame.todo.is_empty()) else { return true };
        if !link.is_time_at_any_cost() && !own[place].wakes_all() {
            return true;
        }
        let split: Option<Vec<_>> = own[..=place].iter_mut().map(SplitState::of).collect();
        if let Some(split) = split {
            self.base += split.len();
            self.planned.extend(split.iter().map(SplitState::planned));
            link.hand_over(self.choices.assignment(), split, mem::take(&mut self.outside));
            self.outside.resize_with(self.base, Vec::new);
        }
        true
    }
}

impl Tally {
    fn add(&mut self, later: Self) {
        self.classes += later.classes;
        self.blocked += later.blocked;
        self.races += later.races;
        self.gap = self.gap.or(later.gap);
    }

    fn certificate(&self, finished: bool, explored: f64) -> Certificate {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let classes = self.classes as f64;
        Certificate {
            complete: finished && self.gap.is_none(),
            classes: self.classes,
            blocked: self.blocked,
            races: self.races,
            estimate: classes / explored,
            gap: self.gap,
        }
    }
}

impl Strategy for Dpor {
    fn begin(&mut self, _index: u64) -> bool {
        if self.finished {
            return false;
        }
        if self.started && !(self.share() && (self.backtrack() || self.next_assignment())) {
            self.finished = true;
            if let Some(link) = &mut self.link {
                link.end(mem::take(&mut self.outside), self.choices.planned(), self.tally);
            }
            return false;
        }
        self.started = true;
        self.abandoned = false;
        self.depth = 0;
        self.choices.begin();
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        if at.clock() {
            self.tally.gap.get_or_insert(Gap::Skew);
        }
        if self.abandoned {
            return at.default_task();
        }
        match self.frames.get(self.depth) {
            None => self.choose_step(at),
            Some(Frame { task: Some(task), event: Some(_), .. }) => *task,
            Some(_) => self.follow_plan(at),
        }
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        let gap = match at.kind {
            Kind::Spurious => Some(Gap::Spurious),
            Kind::DropWaiting => Some(Gap::DropsWaiting),
            Kind::Timer => Some(Gap::TimersApart),
            Kind::Early => Some(Gap::EarlyTasks),
            _ => None,
        };
        if let Some(gap) = gap {
            self.tally.gap.get_or_insert(gap);
            return 0;
        }
        self.choices.answer(at, self.depth)
    }

    fn cut_short(&mut self) {
        self.tally.gap.get_or_insert(Gap::Steps);
    }

    fn end(&mut self) {
        if self.discards() {
            self.tally.blocked += 1;
        } else {
            self.tally.classes += 1;
            self.choices.plan(|first, second| happens_before(&self.frames, first, second));
        }
        self.reverse_races();
    }

    fn proof(&self, limits: &Limits) -> Option<Proof> {
        let certificate = self.certificate();
        Some(certificate.proof(certificate.classes, limits))
    }

    fn asks_every_step(&self) -> bool {
        true
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl Observer for Dpor {
    fn segment(&mut self, segment: &Segment<'_>) {
        if self.abandoned {
            return;
        }
        if segment.task == TaskId::CLOCK && self.depth == self.frames.len() {
            self.open_frame();
        }
        match self.frames.get(self.depth).map(|frame| &frame.event) {
            Some(Some(event)) if self.interner.key(event.process) == segment.key => {}
            Some(None) => {
                let Self { history, frames, interner, races, .. } = self;
                history.record(frames, self.depth, segment, interner, races);
            }
            _ => {
                self.tally.gap = Some(Gap::Untracked);
                self.abandoned = true;
            }
        }
        self.depth += 1;
    }

    fn abandons(&mut self) -> bool {
        self.abandoned
    }

    fn discards(&mut self) -> bool {
        let before = |first, second| happens_before(&self.frames, first, second);
        self.abandoned || !self.choices.hold(before)
    }
}
