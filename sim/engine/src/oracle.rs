//! The oracle that settles what a program leaves open.

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
/// One execution is one straight run: [`begin`](Self::begin), then questions in the program's
/// order, then [`end`](Self::end). A strategy that explores a tree keeps its place in itself. A
/// strategy must not call the engine's free functions.
pub trait Strategy: Any + Send {
    /// Starts the execution of this number (from 0). `false` says that nothing is left to run.
    ///
    /// What a strategy does in an execution must follow from its own making and from `index` alone
    /// if executions are to be spread over threads.
    fn begin(&mut self, index: u64) -> bool;

    /// Picks the task that runs next, among those that can. An answer that cannot run is taken as
    /// [`Decision::default_task`]. It is asked only where there is more than one.
    fn pick(&mut self, at: &Decision<'_>) -> TaskId;

    /// The draws of the execution that has begun, if its tasks are picked from those that can run
    /// with equal chances: the engine then draws by itself, as [`pick`](Self::pick) would, for
    /// to ask costs more than to draw.
    #[doc(hidden)]
    fn uniform_rng(&mut self) -> Option<UniformRng> {
        None
    }

    /// Picks a value below `at.arity`; a greater one is taken as 0.
    fn choose(&mut self, at: &ChoicePoint) -> u32;

    /// Whether [`segment`](Self::segment) is to be called, with footprints.
    fn wants_footprints(&self) -> bool {
        false
    }

    /// Takes note of a finished segment.
    fn segment(&mut self, segment: &Segment<'_>) {
        let _ = segment;
    }

    /// Whether the running execution is of no more use and is to be cut off here. It is asked
    /// before each step if footprints are wanted.
    fn abandons(&mut self) -> bool {
        false
    }

    /// Whether the execution that has come to its end is one that has been run before, in another
    /// order or under other decisions, and is not to be counted.
    fn discards(&mut self) -> bool {
        self.abandons()
    }

    /// Takes note of the execution's end.
    fn end(&mut self) {}

    /// How far the search has come, in executions within these limits, if it ends by itself.
    fn proof(&self, limits: &Limits) -> Option<Proof> {
        let _ = limits;
        None
    }
}

/// UniformRng with equal chances.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct UniformRng(fastrand::Rng);

impl UniformRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number below `len`, each with the same chance but for `len` parts in 2^32: the
    /// multiplication of D. Lemire, "Fast Random Integer Generation in an Interval" (ACM TOMACS
    /// 29, 2019), without the loop that evens that out. It would take registers in the engine's
    /// hottest place, and of the tasks there are, nobody can see the difference.
    #[inline(always)]
    pub(crate) fn below(&mut self, len: u32) -> u32 {
        ((u64::from(self.0.u32(..)) * u64::from(len)) >> 32) as u32
    }
}

/// A place where more than one task can run.
#[derive(Clone, Copy)]
pub struct Decision<'a> {
    pub(super) ready: Ready<'a>,
    pub(super) clock: bool,
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

    /// Never: a place without tasks to run is no decision.
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

    /// The one whose number `choose` gives, told how many there are. For random strategies: it
    /// costs less than [`len`](Self::len) and [`nth`](Self::nth).
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

    /// What happens if nothing is decided: the current task carries on; if it cannot, the lowest
    /// that can runs.
    #[inline]
    #[must_use]
    pub fn default_task(&self) -> TaskId {
        self.ready.default_after(self.current())
    }
}

/// A place where a value is chosen.
#[derive(Clone, Copy, Debug)]
pub struct ChoicePoint {
    /// [`Kind::Choice`], [`Kind::Fault`], [`Kind::Drop`] or [`Kind::Spurious`].
    pub kind: Kind,
    /// Who asks.
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
