//! Executions, one after another: how each begins and ends, and the log of the last.

mod background;
mod drops;
mod ends;
mod fair_end;
mod fairness;
mod footprints;
mod guests;
mod noting;
mod open_close;
mod places;
mod properties;
mod run;
mod timers_apart;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use self::fair_end::FairEnd;
use self::fairness::PausedTask;
use self::guests::Guest;
use super::beacon::Beacon;
use super::context::{self, BoxedTask, TaskMeta};
use super::fatal::{KnownOrigin, Origin};
use super::id::{ObjectId, TaskId, TaskKey};
use super::log::{Answer, LogStep};
use super::note::{Note, Notes, SegmentNote};
use super::oracle::{Strategy, UniformRng};
use super::outcome::{Limits, Nondeterminism, Outcome, TaskPanic};
use super::outside::OutsideThreads;
use super::proof::Proof;
use super::property::Seen;
use super::ready::ReadySet;
use super::timers::TimerKey;

/// A task's future, and how it is run.
struct TaskSlot {
    future: Option<BoxedTask>,
    /// Kept from one execution to the next, as the slot is: it depends on the task's number only.
    waker: Waker,
    background: bool,
    droppable: bool,
    aborting: bool,
    /// How many more polls nothing is asked about, before or after: see [`TaskSlot::polls`]. Below
    /// zero while a poll that is watched begins: counting down and looking at the sign is one
    /// instruction and a branch.
    unwatched: i32,
    /// The number of polls after which each is watched; of a task that is watched, the polls so
    /// far.
    watched_from: u32,
    /// The last poll that yielded, counted from 1.
    last_yield: u32,
    /// How many polls in a row did, up to that one, as far as they brought nothing.
    yields: u32,
    /// The poll before the first of all that did in a row.
    row: u32,
}

impl TaskSlot {
    /// How often the task has been polled. Counting down alone, a poll that is not watched pays for
    /// one number: 1 % of an execution that mostly yields.
    fn polls(&self) -> u32 {
        self.watched_from - self.unwatched.cast_unsigned()
    }

    /// Watches the task from the next poll on.
    fn watch(&mut self) {
        self.watched_from = self.polls();
        self.unwatched = 0;
    }
}

/// The engine as a strategy may ask it.
#[derive(Clone, Copy)]
pub(super) struct EngineView<'a>(&'a Engine);

impl EngineView<'_> {
    #[inline]
    pub(super) fn current(&self) -> TaskId {
        context::with(|cx| cx.current.get())
    }

    #[inline]
    pub(super) fn step(&self) -> u64 {
        context::step()
    }

    pub(super) fn key(&self, task: TaskId) -> TaskKey {
        context::with(|cx| cx.key(task))
    }

    pub(super) fn segments(&self, task: TaskId) -> u32 {
        if task == TaskId::CLOCK {
            self.0.clock_moves
        } else {
            self.0.slots.get(task.index()).map_or(0, TaskSlot::polls)
        }
    }
}

/// Runs executions one after another on one thread, and keeps their buffers.
///
/// # Examples
///
/// ```
/// use mapi_sync_engine::{self as engine, Engine, Limits, End};
/// use mapi_sync_engine::strategy::Random;
///
/// let mut engine = Engine::new(Limits::default(), Random::new(7));
/// let outcome = engine
///     .execute(0, async {
///         let child = engine::spawn("child", async { engine::sleep(30).await });
///         child.await.unwrap();
///         assert_eq!(engine::now(), 30);
///     })
///     .unwrap();
/// assert_eq!(outcome.end, End::Completed);
/// assert_eq!(outcome.virtual_ms, 30);
/// ```
pub struct Engine {
    limits: Limits,
    strategy: Option<Box<dyn Strategy>>,
    ready: ReadySet,
    /// Those of this execution's tasks, followed by unused ones of longer executions.
    slots: Vec<TaskSlot>,
    /// How many tasks this execution has had.
    admitted: usize,
    /// The steps of this execution, followed by unused rows of longer ones.
    log: Vec<LogStep>,
    /// How many steps the last execution took.
    steps: usize,
    /// The answers of the last execution.
    answers: Vec<Answer>,
    keeps_notes: bool,
    /// What the last execution noted.
    notes: Notes,
    /// The tasks of the last execution, in order of spawning.
    tasks: Vec<TaskMeta>,
    panics: Vec<TaskPanic>,
    foreground: usize,
    clock_moves: u32,
    /// How many wakes had come from threads outside before this execution.
    wakes_before: u64,
    drops_left: u32,
    spurious_left: u32,
    recording: bool,
    /// Whether the strategy is asked where one task alone can run.
    every_step: bool,
    /// Set if the engine draws the picks itself.
    rng: Option<UniformRng>,
    /// Whether [`can_use_fast_loop`](Self::can_use_fast_loop) holds.
    fast_loop: bool,
    /// Where it says what it is at, if anyone wants to know.
    beacon: Option<Arc<Beacon>>,
    /// What its executions are run for.
    origin: Option<KnownOrigin>,
    /// A runtime of another crate that takes part.
    guest: Option<Guest>,
    /// The tasks that have to wait for their turn, because they only yielded.
    paused: Vec<PausedTask>,
    /// Set if it is to be found out where tasks wait: crates that are not where.
    libraries: Option<&'static [&'static str]>,
    /// The waiting tasks that are to be dropped before they run again.
    doomed: Vec<TaskId>,
    /// The continuation of an execution whose budget of steps has run out.
    fair_end: Option<FairEnd>,
    /// The step since which the tasks in the background are being dropped, step by step.
    ends_from: Option<u64>,
    /// What the last execution showed of properties and goals.
    seen: Seen,
    /// Whether `notes` or `seen` is of the last execution, and to be cleared.
    has_leftovers: bool,
    /// The due timers that have not fired.
    held: Vec<TimerKey>,
    /// The tasks that could run before the segment, without the one that was picked, if the
    /// segment is noted.
    could_run: Vec<TaskId>,
    /// How many tasks there were before the segment, if that is noted.
    admitted_before: usize,
    woken: Vec<TaskId>,
    spawned: Vec<TaskId>,
}

impl Engine {
    /// An engine that asks `strategy`.
    #[must_use]
    pub fn new(limits: Limits, strategy: impl Strategy) -> Self {
        super::outcome::quiet_panics();
        Self {
            limits,
            strategy: Some(Box::new(strategy)),
            ready: ReadySet::new(),
            slots: Vec::new(),
            admitted: 0,
            log: Vec::new(),
            steps: 0,
            answers: Vec::new(),
            keeps_notes: false,
            notes: Notes::default(),
            tasks: Vec::new(),
            panics: Vec::new(),
            foreground: 0,
            clock_moves: 0,
            wakes_before: 0,
            drops_left: 0,
            spurious_left: 0,
            recording: false,
            every_step: false,
            rng: None,
            fast_loop: false,
            beacon: None,
            origin: None,
            guest: None,
            paused: Vec::new(),
            libraries: None,
            doomed: Vec::new(),
            fair_end: None,
            ends_from: None,
            seen: Seen::new(),
            has_leftovers: false,
            held: Vec::new(),
            could_run: Vec::new(),
            admitted_before: 0,
            woken: Vec::new(),
            spawned: Vec::new(),
        }
    }

    /// The strategy, if it is an `S`.
    ///
    /// # Panics
    ///
    /// From inside of an execution of this engine's.
    pub fn strategy<S: Strategy>(&mut self) -> Option<&mut S> {
        let strategy: &mut dyn Any = &mut **self.strategy.as_mut().expect("the strategy is in use");
        strategy.downcast_mut()
    }

    /// Changes the strategy, and gives back the one before.
    ///
    /// # Panics
    ///
    /// From inside of an execution of this engine's.
    pub fn set_strategy(&mut self, strategy: impl Strategy) -> Box<dyn Strategy> {
        self.strategy.replace(Box::new(strategy)).expect("the strategy is in use")
    }

    /// How far the strategy's search has come, if it ends by itself.
    ///
    /// # Panics
    ///
    /// From inside of an execution of this engine's.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        self.strategy.as_ref().expect("the strategy is in use").proof(&self.limits)
    }

    /// How many tasks the last execution dropped at an await point by decision.
    #[must_use]
    pub fn drops(&self) -> u32 {
        self.limits.drops.saturating_sub(self.drops_left)
    }

    /// How many tasks the last execution polled without their having been woken.
    #[must_use]
    pub fn spurious_polls(&self) -> u32 {
        self.limits.spurious.saturating_sub(self.spurious_left)
    }

    /// Knows and learns the same of threads outside as other engines of a search.
    pub fn share_outside_threads(&mut self, threads: &OutsideThreads) {
        *self.ready.home().threads() = threads.clone();
    }

    /// Says from the next execution on what it is at. Without this, it does not, and that is
    /// faster.
    #[must_use]
    pub fn beacon(&mut self) -> Arc<Beacon> {
        Arc::clone(self.beacon.get_or_insert_with(|| Arc::new(Beacon::new())))
    }

    /// Says what the executions are run for, in the words that are [written](super::write_fatal) if
    /// the process ends inside of one.
    pub fn set_origin(&mut self, origin: Origin) {
        self.origin = Some(KnownOrigin::new(self.ready.home().engine(), origin));
    }

    /// The limits of each execution.
    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Runs execution number `index` of the program whose main task is `main`. `None` if the
    /// strategy has nothing left.
    ///
    /// # Panics
    ///
    /// From inside of another execution on this thread, and if the strategy panics. A panicking
    /// task is an [outcome](Outcome::panics).
    pub fn execute(
        &mut self,
        index: u64,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Option<Outcome> {
        self.execute_boxed(index, Box::pin(main))
    }

    /// [`execute`](Self::execute) for a future that is boxed already.
    ///
    /// # Panics
    ///
    /// As `execute` does.
    pub fn execute_boxed(&mut self, index: u64, main: BoxedTask) -> Option<Outcome> {
        context::with(|cx| {
            assert!(!cx.active.get(), "an execution is running on this thread already");
            let mut strategy =
                self.strategy.take().expect("no execution is running, so the strategy is here");
            if !strategy.begin(index) {
                self.strategy = Some(strategy);
                return None;
            }
            self.recording = strategy.observer().is_some();
            self.every_step = strategy.asks_every_step();
            self.rng = strategy.uniform_rng();
            self.open(cx, strategy, index, main);
            let end = self.drive(cx);
            Some(self.close(cx, index, end))
        })
    }

    /// Runs `main` once under another strategy, and takes its own up again. `None` if that strategy
    /// has nothing left.
    ///
    /// # Panics
    ///
    /// As [`execute`](Self::execute) does.
    pub fn execute_under(
        &mut self,
        strategy: impl Strategy,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Option<Outcome> {
        let own = self.set_strategy(strategy);
        let outcome = self.execute(0, main);
        self.strategy = Some(own);
        outcome
    }

    /// Runs the last execution once more, under a strategy that takes the same decisions, and
    /// compares every step and answer. The last execution's log and tasks stay.
    ///
    /// # Errors
    ///
    /// The first step at which the two differ.
    ///
    /// # Panics
    ///
    /// As `execute` does.
    pub(crate) fn repeat_under(
        &mut self,
        strategy: impl Strategy,
        last: &Outcome,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Nondeterminism> {
        let (first, answers) = (self.log().to_vec(), mem::take(&mut self.answers));
        let (steps, ends_from) = (self.steps_without_end(), self.ends_from);
        // If the two differ, so may their tasks.
        let tasks = mem::take(&mut self.tasks);
        let second = self.execute_under(strategy, main);
        // Only some strategies have the last drops as steps of their own.
        let again = self.steps_without_end();
        let (one, other) = (&first[..steps], &self.log()[..again]);
        let parted = LogStep::settled(one).zip(LogStep::settled(other)).position(|(a, b)| a != b);
        let parted = parted.or((steps != again).then(|| steps.min(again)));
        let answered = answers.iter().zip(&self.answers).find(|(a, b)| a != b).map(|(a, _)| a.step);
        let answered = answered.or((answers.len() != self.answers.len()).then_some(last.steps));
        // A guest numbers its tasks on from one execution to the next, and panics name them.
        let texts_count = self.guest.is_none();
        let same_end = second.is_some_and(|second| {
            mem::discriminant(&last.end) == mem::discriminant(&second.end)
                && last.virtual_ms == second.virtual_ms
                && TaskPanic::are_same(&last.panics, &second.panics, texts_count)
        });
        (self.steps, self.log, self.answers) = (first.len(), first, answers);
        (self.tasks, self.ends_from) = (tasks, ends_from);
        let step = [parted.map(|step| step as u64), answered].into_iter().flatten().min();
        match step.or((!same_end).then_some(last.steps)) {
            Some(step) => Err(Nondeterminism { step }),
            None => Ok(()),
        }
    }

    /// A number that two executions share only if they took the same steps and decisions (but for
    /// collisions of 64 bits).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let steps = LogStep::settled(self.log()).fold(0, |hash, (task, departed)| {
            super::id::mix(hash ^ u64::from(task.0) << 1 ^ u64::from(departed))
        });
        self.answers.iter().fold(steps, |hash, answer| super::id::mix(hash ^ answer.bits()))
    }

    /// The tasks in the order in which the last execution ran their segments, the clock among them.
    pub fn trace(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.log().iter().map(|step| step.task())
    }

    /// Whether [notes](super::note) are kept in the executions from now on. Without this, they are
    /// not.
    pub fn keep_notes(&mut self, keeps: bool) {
        self.keeps_notes = keeps;
    }

    /// What the last execution noted, in order.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes.list
    }

    /// What the last execution did in each of its segments, in order, if [notes](Self::keep_notes)
    /// were kept.
    #[must_use]
    pub fn segment_notes(&self) -> &[SegmentNote] {
        &self.notes.segments
    }

    /// The name of the site with this hash, if the last execution was asked there and
    /// [notes](Self::keep_notes) were kept.
    #[must_use]
    pub fn site_name(&self, hash: u32) -> Option<&str> {
        self.notes.sites.get(&hash).copied().filter(|name| !name.is_empty())
    }

    /// The names of the tracked objects of the last execution, the tasks' ends among them, if
    /// [notes](Self::keep_notes) were kept.
    #[must_use]
    pub fn object_names(&self) -> BTreeMap<ObjectId, String> {
        let objects = self.notes.objects.iter();
        let mut names: BTreeMap<_, _> =
            objects.map(|(id, name)| (*id, (*name).to_owned())).collect();
        for (key, task) in self.keys().into_iter().zip(&self.tasks) {
            names.insert(ObjectId::of_task(key).part(1), format!("end of {}", task.name));
        }
        names
    }

    /// How many steps the last execution took until only tasks in the background were left.
    fn steps_without_end(&self) -> usize {
        self.ends_from.map_or(self.steps, |step| self.steps.min(step as usize))
    }

    /// The steps of the last execution.
    pub(crate) fn log(&self) -> &[LogStep] {
        &self.log[..self.steps]
    }

    /// The answers of the last execution.
    pub(crate) fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The keys of the last execution's tasks, in order of spawning.
    pub(crate) fn keys(&self) -> Vec<TaskKey> {
        let mut keys = Vec::new();
        context::add_keys(&mut keys, &self.tasks);
        keys
    }

    /// The name of a task of the last execution; empty for the clock.
    #[must_use]
    pub fn task_name(&self, task: TaskId) -> &str {
        self.tasks.get(task.index()).map_or("", |meta| &meta.name)
    }
}
