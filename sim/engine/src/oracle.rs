//! The oracle: how a strategy is asked for what a program leaves open, and how it observes the
//! execution.

use std::any::Any;

use super::executor::EngineView;
use super::footprint::Segment;
use super::id::{Site, TaskId, TaskKey};
use super::log::Kind;
use super::outcome::Limits;
use super::proof::Proof;
use super::ready::Ready;

/// Decides which task runs next, which value a choice takes, and where faults strike.
///
/// An execution asks [`begin`](Self::begin) first, then its questions in the program's order, then
/// calls [`end`](Self::end). A strategy that explores a tree keeps its position in itself. A
/// strategy must not call the engine's free functions.
pub trait Strategy: Any + Send {
    /// Starts the execution with this number (from 0). `false` means that nothing is left to run.
    ///
    /// What a strategy does in an execution must follow from its construction and from `index`
    /// alone if executions are to be spread over threads.
    fn begin(&mut self, index: u64) -> bool;

    /// Picks the task that runs next, among those that can. An answer that cannot run counts as
    /// [`Decision::default_task`].
    ///
    /// The engine asks only where more than one candidate exists, unless
    /// [`asks_every_step`](Self::asks_every_step) says otherwise.
    fn pick(&mut self, at: &Decision<'_>) -> TaskId;

    /// Picks a value below `at.arity`; a greater one counts as 0.
    fn choose(&mut self, at: &ChoicePoint) -> u32;

    /// Takes note that the budget of steps has run out: what follows until the end is none of its
    /// decisions.
    fn cut_short(&mut self) {}

    /// Takes note of the execution's end.
    fn end(&mut self) {}

    /// Whether [`pick`](Self::pick) is asked before every step of the execution that has begun,
    /// even if only one task can run.
    fn asks_every_step(&self) -> bool {
        false
    }

    /// The generator with which the engine may draw every pick of the execution that has begun by
    /// itself, instead of asking [`pick`](Self::pick).
    ///
    /// A fast path for strategies that pick each candidate with equal chances: a draw costs less
    /// than a call. `pick` must give the same answers with the same generator.
    fn uniform_rng(&mut self) -> Option<UniformRng> {
        None
    }

    /// The observer of the execution that has begun. The engine records footprints only if there is
    /// one. The answer must stay the same from `begin` to `end`.
    fn observer(&mut self) -> Option<&mut dyn Observer> {
        None
    }

    /// How far the search has come, in executions within these limits, if it ends by itself.
    fn proof(&self, limits: &Limits) -> Option<Proof> {
        let _ = limits;
        None
    }
}

/// Observes an execution by the footprints of its segments, and may cut it off.
pub trait Observer {
    /// Takes note of a finished segment.
    fn segment(&mut self, segment: &Segment<'_>);

    /// Whether the running execution is of no more use and is to be cut off here. The engine asks
    /// before each step.
    fn abandons(&mut self) -> bool {
        false
    }

    /// Whether the execution that has just ended is equivalent to an earlier one and does not
    /// count.
    fn discards(&mut self) -> bool {
        self.abandons()
    }
}

/// Draws numbers with equal chances.
#[derive(Clone, Debug)]
pub struct UniformRng(fastrand::Rng);

impl UniformRng {
    /// The draws of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number below `len`, by the multiplication of D. Lemire, "Fast Random Integer Generation in
    /// an Interval" (ACM TOMACS 29, 2019), without its rejection loop. The bias is below 2^-26 for
    /// any real task count; the loop costs a register in the engine's hot loop.
    #[inline(always)]
    #[must_use]
    pub fn below(&mut self, len: u32) -> u32 {
        ((u64::from(self.0.u32(..)) * u64::from(len)) >> 32) as u32
    }
}

/// A point at which a strategy picks the task that runs next.
#[derive(Clone, Copy)]
pub struct Decision<'a> {
    pub(super) ready: Ready<'a>,
    pub(super) clock: bool,
    /// The default, if it is not the current task or else the lowest one.
    pub(super) default: Option<TaskId>,
    pub(super) view: EngineView<'a>,
}

impl<'a> Decision<'a> {
    /// The tasks that can run.
    #[must_use]
    pub fn ready(&self) -> Ready<'a> {
        self.ready
    }

    /// Whether the clock may move now, although tasks can run: the next deadline is within the
    /// stated skew.
    #[must_use]
    pub fn clock(&self) -> bool {
        self.clock
    }

    /// How many there are to pick from, the clock among them.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        self.ready.len() + u32::from(self.clock)
    }

    /// Never: at least one task can run at every decision.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number `n` of those to pick from: the tasks by ascending number, then the clock.
    #[inline]
    #[must_use]
    pub fn nth(&self, n: u32) -> TaskId {
        self.ready
            .nth(n)
            .unwrap_or_else(|| if self.clock { TaskId::CLOCK } else { self.default_task() })
    }

    /// The candidate whose index `choose` returns, given the number of candidates. For random
    /// strategies: it costs less than [`len`](Self::len) and [`nth`](Self::nth).
    #[inline]
    #[must_use]
    pub fn sample(&self, choose: impl FnOnce(u32) -> u32) -> TaskId {
        if self.clock { self.nth(choose(self.len())) } else { self.ready.sample(choose) }
    }

    /// Those to pick from, as [`nth`](Self::nth) counts them.
    pub fn candidates(&self) -> impl Iterator<Item = TaskId> + 'a {
        self.ready.iter().chain(self.clock.then_some(TaskId::CLOCK))
    }

    /// Whether `task` can be picked.
    #[inline]
    #[must_use]
    pub fn contains(&self, task: TaskId) -> bool {
        if task == TaskId::CLOCK { self.clock } else { self.ready.contains(task) }
    }

    /// The task that ran last.
    #[inline]
    #[must_use]
    pub fn current(&self) -> TaskId {
        self.view.current()
    }

    /// How many segments [`current`](Self::current) has run: with its key, the place of this
    /// decision.
    #[must_use]
    pub fn ordinal(&self) -> u32 {
        self.segments(self.current())
    }

    /// How many segments a task has run.
    #[must_use]
    pub fn segments(&self, task: TaskId) -> u32 {
        self.view.segments(task)
    }

    /// The number of the step to come, from 0.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.view.step()
    }

    /// A task's identity across schedules.
    #[must_use]
    pub fn key(&self, task: TaskId) -> TaskKey {
        self.view.key(task)
    }

    /// The default: the current task carries on; if it cannot, the lowest one that can run does. A
    /// task that is to be dropped while it waits comes after all others, and after the clock.
    #[inline]
    #[must_use]
    pub fn default_task(&self) -> TaskId {
        self.default.unwrap_or_else(|| self.ready.default_after(self.current()))
    }
}

/// A place where a value is chosen.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct ChoicePoint {
    /// Any but [`Kind::Run`].
    pub kind: Kind,
    /// The task that asks.
    pub task: TaskId,
    /// Its identity across schedules.
    pub key: TaskKey,
    /// Where.
    pub site: Site,
    /// How many values there are: 2 for a fault or a drop. The default is 0.
    pub arity: u32,
    /// How many answers other than 0 the budget still allows in this execution; no end of them for
    /// a choice.
    pub left: u32,
}
