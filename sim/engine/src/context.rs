//! The state of the execution that runs on this thread.
//!
//! It lives in a thread-local, so that the handles which tasks hold are plain numbers and `Send`.
//! Each field has a cell of its own: user code never runs while one of them is borrowed, save for a
//! strategy's, which must not call the engine.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::beacon::Beacon;
use super::early::EarlyRun;
use super::fatal::Origin;
use super::footprint::{Chosen, Effect, Mode};
use super::id::{ObjectId, Site, TaskId, TaskKey};
use super::log::{Answer, Kind};
use super::note::Notes;
use super::oracle::{ChoicePoint, Strategy};
use super::outcome::TaskPanic;
use super::property::{Look, Seen};
use super::timers::Timers;
use super::wakeup::Wakeup;

/// A task's future.
pub(super) type BoxedTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that was spawned in the running segment.
pub(super) struct SpawnedTask {
    pub(super) future: BoxedTask,
    pub(super) droppable: bool,
    pub(super) background: bool,
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskState {
    Running,
    Finished,
    Panicked,
    Aborted,
}

/// The state of a task that others may ask for.
pub(super) struct TaskMeta {
    pub(super) name: Cow<'static, str>,
    /// The task that spawned it, and as which of its children; no task for the main one.
    pub(super) parent: Option<TaskId>,
    pub(super) ordinal: u32,
    pub(super) children: u32,
    pub(super) objects: u32,
    pub(super) life: TaskState,
    pub(super) ended_at: u64,
    pub(super) joiner: Option<Wakeup>,
    /// What the task last waited for.
    pub(super) waits: Option<Wait>,
}

/// What only footprints need to know of a task.
#[derive(Default)]
pub(super) struct Traced {
    /// How many segments have ended.
    pub(super) segments: u32,
    /// The step that first woke it since its last segment.
    pub(super) enabler: Option<u64>,
    /// How many things it waited for at once when it last waited, and at which step that was.
    pub(super) waits: u32,
    pub(super) step: u64,
    /// The objects that it waited for.
    pub(super) awaited: Vec<ObjectId>,
    /// The objects that it looked at to see whether it had to wait.
    pub(super) objects: Vec<ObjectId>,
    /// The step that satisfied its wait before the wait began.
    pub(super) given: Option<u64>,
    /// The same of the last wait, if it was for that alone.
    pub(super) given_before: Option<u64>,
}

impl Traced {
    fn count_wait(&mut self, step: u64) {
        if self.step != step {
            self.waits = 0;
            self.objects.clear();
            self.awaited.clear();
            self.given = None;
        }
        self.waits += 1;
        self.step = step;
    }
}

/// What a task waits for, and since which step. Valid until the task is polled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) step: u64,
    pub(super) what: WaitFor,
    pub(super) place: Place,
}

/// Where the program waits, if the operation knows.
pub(super) type Place = Option<&'static Location<'static>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    Task(TaskId),
    Clock,
    Object { kind: &'static str, name: &'static str },
}

pub(super) struct Context {
    pub(super) active: Cell<bool>,
    /// The execution is over, and the tasks that are left are being dropped.
    pub(super) closing: Cell<bool>,
    /// What to do before those are dropped.
    pub(super) before_closing: Cell<Option<Box<dyn FnOnce()>>>,
    pub(super) step: Cell<u64>,
    pub(super) current: Cell<TaskId>,
    /// Something is in `spawned` or `aborts`, or footprints are kept: a segment's end is more than
    /// a step.
    pub(super) dirty: Cell<bool>,
    /// What `dirty` is at the beginning of a segment: footprints, notes or properties want to know
    /// of each segment's end.
    pub(super) stays_dirty: Cell<bool>,
    /// The end of a segment does more than admit and abort tasks.
    pub(super) has_extras: Cell<bool>,
    /// Something is in `before_closing`, `aborts`, `keys`, `timers`, `answers`, `reported`,
    /// `looks` or `seen`: the end of the execution has more to clear. Most executions are over
    /// without.
    pub(super) touched: Cell<bool>,
    pub(super) faults_left: Cell<u32>,
    /// Nothing is asked any more: every answer is the default.
    pub(super) takes_defaults: Cell<bool>,
    /// [`Limits::late_percent`](super::Limits::late_percent).
    pub(super) late_percent: Cell<u32>,
    /// [`Limits::early_segments`](super::Limits::early_segments).
    pub(super) early_segments: Cell<u32>,
    /// The program has [asked](super::calm) for nothing more to go wrong.
    pub(super) is_calm: Cell<bool>,
    /// A task is polled whose `spawn` has not returned.
    pub(super) is_early: Cell<bool>,
    pub(super) panic_place: RefCell<Option<String>>,
    /// The last panics of tasks, for [`write_fatal`](super::write_fatal).
    pub(super) last_panics: RefCell<Vec<String>>,
    /// The number of the execution.
    pub(super) index: Cell<u64>,
    /// What the executions of this thread's engines are run for, by the engines' numbers, where
    /// that was said.
    pub(super) origins: RefCell<Vec<(u64, Origin)>>,
    /// Panics that were caught, and that nobody took.
    pub(super) reported: RefCell<Vec<TaskPanic>>,
    pub(super) spawned: RefCell<Vec<SpawnedTask>>,
    /// Those of them that ran before their `spawn` returned.
    pub(super) early_runs: RefCell<Vec<EarlyRun>>,
    pub(super) aborts: RefCell<Vec<TaskId>>,
    pub(super) tasks: RefCell<Vec<TaskMeta>>,
    /// The keys of the first tasks, derived lazily: those of the others follow when one is needed.
    pub(super) keys: RefCell<Vec<TaskKey>>,
    /// A row for each task if footprints are kept, and none otherwise.
    pub(super) traced: RefCell<Vec<Traced>>,
    pub(super) timers: RefCell<Timers>,
    pub(super) answers: RefCell<Vec<Answer>>,
    /// What the program noted; `None` if nobody keeps it.
    pub(super) notes: RefCell<Option<Notes>>,
    /// Where the answers are said, if a watchdog wants to know.
    pub(super) beacon: RefCell<Option<Arc<Beacon>>>,
    pub(super) effects: RefCell<Vec<Effect>>,
    pub(super) chosen: RefCell<Vec<Chosen>>,
    /// The properties that are looked at.
    pub(super) looks: RefCell<Vec<Look>>,
    /// What they showed, and which goals were met.
    pub(super) seen: RefCell<Seen>,
    pub(super) strategy: RefCell<Option<Box<dyn Strategy>>>,
}

impl Context {
    const fn new() -> Self {
        Self {
            active: Cell::new(false),
            closing: Cell::new(false),
            before_closing: Cell::new(None),
            step: Cell::new(0),
            current: Cell::new(TaskId::MAIN),
            dirty: Cell::new(false),
            stays_dirty: Cell::new(false),
            has_extras: Cell::new(false),
            touched: Cell::new(false),
            faults_left: Cell::new(0),
            takes_defaults: Cell::new(false),
            late_percent: Cell::new(0),
            early_segments: Cell::new(0),
            is_calm: Cell::new(false),
            is_early: Cell::new(false),
            panic_place: RefCell::new(None),
            last_panics: RefCell::new(Vec::new()),
            index: Cell::new(0),
            origins: RefCell::new(Vec::new()),
            reported: RefCell::new(Vec::new()),
            spawned: RefCell::new(Vec::new()),
            early_runs: RefCell::new(Vec::new()),
            aborts: RefCell::new(Vec::new()),
            tasks: RefCell::new(Vec::new()),
            keys: RefCell::new(Vec::new()),
            traced: RefCell::new(Vec::new()),
            timers: RefCell::new(Timers::new()),
            answers: RefCell::new(Vec::new()),
            notes: RefCell::new(None),
            beacon: RefCell::new(None),
            effects: RefCell::new(Vec::new()),
            chosen: RefCell::new(Vec::new()),
            looks: RefCell::new(Vec::new()),
            seen: RefCell::new(Seen::new()),
            strategy: RefCell::new(None),
        }
    }

    pub(super) fn key(&self, task: TaskId) -> TaskKey {
        if task == TaskId::CLOCK {
            return TaskKey::CLOCK;
        }
        let mut keys = self.keys.borrow_mut();
        if keys.len() <= task.index() {
            self.touched.set(true);
            add_keys(&mut keys, &self.tasks.borrow()[..=task.index()]);
        }
        keys[task.index()]
    }

    /// How many segments of a task have ended, if footprints are kept.
    pub(super) fn segments(&self, task: TaskId) -> u32 {
        self.traced.borrow().get(task.index()).map_or(0, |traced| traced.segments)
    }

    /// Adds a task's row, as the next child of `parent`.
    #[inline(always)]
    pub(super) fn register(&self, name: Cow<'static, str>, parent: Option<TaskId>) -> TaskId {
        let mut tasks = self.tasks.borrow_mut();
        let mut ordinal = 0;
        if let Some(parent) = parent.and_then(|id| tasks.get_mut(id.index())) {
            ordinal = parent.children;
            parent.children += 1;
        }
        let id = u32::try_from(tasks.len())
            .ok()
            .filter(|id| *id < u32::MAX >> 1)
            .expect("fewer than 2^31 - 1 tasks");
        tasks.push(TaskMeta {
            name,
            parent,
            ordinal,
            children: 0,
            objects: 0,
            life: TaskState::Running,
            ended_at: 0,
            joiner: None,
            waits: None,
        });
        if is_recording() {
            self.traced.borrow_mut().push(Traced::default());
        }
        TaskId(id)
    }

    /// Clears what `touched` stands for.
    #[inline(never)]
    pub(super) fn clear_touched(&self) {
        // What that drops may touch the rest.
        drop(self.before_closing.take());
        self.aborts.borrow_mut().clear();
        self.answers.borrow_mut().clear();
        self.keys.borrow_mut().clear();
        self.timers.borrow_mut().clear();
        self.touched.set(false);
    }

    /// Asks the strategy for a value, and writes it down.
    pub(super) fn choose(&self, kind: Kind, site: Site, arity: u32, left: u32) -> u32 {
        if self.takes_defaults.get() {
            return 0;
        }
        let task = self.current.get();
        let point = ChoicePoint { kind, task, key: self.key(task), site, arity, left };
        let value = match self.strategy.borrow_mut().as_mut() {
            Some(strategy) => strategy.choose(&point),
            None => 0,
        };
        if let Some(notes) = &mut *self.notes.borrow_mut() {
            notes.sites.insert(site.hash(), site.name());
        }
        let value = if value < arity { value } else { 0 };
        if let Some(beacon) = &*self.beacon.borrow() {
            beacon.answers(value);
        }
        let step = self.step.get();
        self.touched.set(true);
        self.answers.borrow_mut().push(Answer { step, kind, task, site: site.hash(), value });
        if is_recording() {
            self.chosen.borrow_mut().push(Chosen { kind, site: site.hash(), arity, value });
        }
        value
    }
}

/// Works out the keys of all tasks, given those of the first ones.
pub(super) fn add_keys(keys: &mut Vec<TaskKey>, tasks: &[TaskMeta]) {
    for task in &tasks[keys.len()..] {
        // A child comes after its parent. The clock has no row, and one child at most: a guest.
        keys.push(match task.parent {
            None => TaskKey::MAIN,
            Some(TaskId::CLOCK) => TaskKey::CLOCK.child(0),
            Some(parent) => keys[parent.index()].child(task.ordinal),
        });
    }
}

/// Footprints are kept.
const RECORDING: u8 = 1;
/// Progress is noted.
const WATCHING: u8 = 2;

thread_local! {
    pub(super) static CONTEXT: Context = const { Context::new() };
    /// What is noted of tracked operations: `RECORDING`, `WATCHING`. It is not part of `CONTEXT`,
    /// because every tracked operation reads it, and a thread-local without a destructor is cheaper
    /// to read.
    static OBSERVED: Cell<u8> = const { Cell::new(0) };
    /// The last step that made progress, as far as that was noted.
    static PROGRESS: Cell<u64> = const { Cell::new(u64::MAX) };
    /// The virtual time, in milliseconds. It is separate for the same reason.
    static NOW: Cell<u64> = const { Cell::new(0) };
    /// The same, shared with others.
    static CLOCK: Arc<AtomicU64> = Arc::default();
    /// Whether the program has looked at the time since it was last moved on for that.
    static CLOCK_READ: Cell<bool> = const { Cell::new(false) };
    /// How many objects have been made outside of executions since the last one ended.
    static OUTSIDE: Cell<u32> = const { Cell::new(0) };
    /// How many executions have begun.
    static EXECUTIONS: Cell<u64> = const { Cell::new(0) };
}

/// Whether an execution on this thread keeps footprints: whether uses of [tracked
/// objects](crate::Object) are noted.
#[inline]
#[must_use]
pub fn is_recording() -> bool {
    OBSERVED.get() & RECORDING != 0
}

/// Whether footprints are kept from now on. Progress is not noted.
pub(super) fn set_recording(recording: bool) {
    OBSERVED.set(if recording { RECORDING } else { 0 });
    PROGRESS.set(u64::MAX);
}

/// The virtual time, in milliseconds since the execution began.
#[inline]
pub(super) fn now() -> u64 {
    NOW.get()
}

/// The program looks at the time.
#[inline]
pub(super) fn note_clock_read() {
    CLOCK_READ.set(true);
}

/// Whether it has, since the last call.
pub(super) fn take_clock_read() -> bool {
    CLOCK_READ.replace(false)
}

pub(super) fn set_now(ms: u64) {
    NOW.set(ms);
    CLOCK.with(|clock| clock.store(ms, Ordering::Relaxed));
}

/// The clock of the executions on this thread: the virtual time of the one that is running, in
/// milliseconds. The engine sets it whenever time moves; others only load it.
#[must_use]
pub fn clock() -> Arc<AtomicU64> {
    CLOCK.with(Arc::clone)
}

/// Runs `f` with the execution that is running on this thread.
#[inline]
pub(super) fn with<R>(f: impl FnOnce(&Context) -> R) -> R {
    CONTEXT.with(f)
}

/// Whether an execution is running on this thread: whether the caller is inside a simulation.
#[inline]
#[must_use]
pub fn is_simulated() -> bool {
    with(|cx| cx.active.get())
}

/// Which execution is running on this thread, counted from 1 over all engines; `None` if none is.
/// What a program keeps in a thread-local is of this execution if it carries this number.
#[must_use]
pub fn execution() -> Option<u64> {
    is_simulated().then(|| EXECUTIONS.get())
}

/// An execution begins on this thread.
pub(super) fn count_execution() {
    EXECUTIONS.set(EXECUTIONS.get() + 1);
}

/// The execution on this thread has ended.
pub(super) fn forget_outside_objects() {
    OUTSIDE.set(0);
}

/// Whether the execution on this thread is over and its remaining tasks are being dropped: a task
/// that is spawned now never runs.
#[inline]
#[must_use]
pub fn is_closing() -> bool {
    with(|cx| cx.closing.get())
}

/// The last panics of tasks that were caught within them, and that of the running task if it
/// unwinds: each with its place, a colon and its text.
#[must_use]
pub fn caught_panics() -> Vec<String> {
    with(|cx| cx.last_panics.borrow().clone())
}

/// Runs `last` once the execution is over, before the tasks that are left are dropped: what they do
/// when they are dropped is no part of the program. Does nothing if no task is left. Only the last
/// one that is given counts.
pub fn before_closing(last: impl FnOnce() + 'static) {
    with(|cx| {
        if cx.active.get() && !cx.closing.get() {
            cx.touched.set(true);
            drop(cx.before_closing.replace(Some(Box::new(last))));
        }
    });
}

/// Writes an effect into the running segment's footprint, if one is kept.
#[inline]
pub(crate) fn effect(effect: Effect) {
    if OBSERVED.get() != 0 {
        note_effect(effect);
    }
}

#[inline(never)]
fn note_effect(effect: Effect) {
    if !matches!(effect, Effect::Access(_, Mode::Read) | Effect::After(_)) {
        progress();
    }
    if is_recording() {
        with(|cx| cx.effects.borrow_mut().push(effect));
    }
}

/// Notes that the running segment did something that others can see, such as a call out of the
/// program. Tracked objects note their own changes.
///
/// A task that yields many times in a row and does nothing that others can see has to wait until
/// the others, and the clock, had a turn.
#[inline]
pub fn progress() {
    if OBSERVED.get() & WATCHING != 0 {
        with(|cx| PROGRESS.set(cx.step.get()));
    }
}

/// Notes progress from now on, until the execution ends.
pub(super) fn watch_progress() {
    OBSERVED.set(OBSERVED.get() | WATCHING);
}

/// Whether the running segment made progress that was noted.
pub(super) fn has_progressed(cx: &Context) -> bool {
    PROGRESS.get() == cx.step.get()
        || !cx.spawned.borrow().is_empty()
        || !cx.aborts.borrow().is_empty()
}

/// Notes that the running segment could not have run before the given step.
#[inline]
pub(crate) fn after(step: u64) {
    effect(Effect::After(step));
}

/// Whether the program has asked for nothing more to go wrong. The answer depends on whether that
/// came first, so asking reads an object that asking for it writes.
pub(super) fn is_calm(cx: &Context) -> bool {
    effect(Effect::Access(CALM, Mode::Read));
    cx.is_calm.get()
}

/// No other object is outside of an execution and has this ordinal.
pub(super) const CALM: ObjectId = ObjectId::of(TaskKey::CLOCK, 0);

/// The running step's number.
#[inline]
pub(crate) fn step() -> u64 {
    with(|cx| cx.step.get())
}

/// The identity of the next object of the running task.
pub(super) fn next_object() -> ObjectId {
    with(|cx| {
        let current = cx.current.get();
        let ordinal =
            cx.tasks.borrow_mut().get_mut(current.index()).filter(|_| cx.active.get()).map(
                |task| {
                    task.objects += 1;
                    task.objects - 1
                },
            );
        match ordinal {
            Some(ordinal) => ObjectId::of(cx.key(current), ordinal),
            // Made outside of any execution: objects of one program text share no identity with
            // those made inside. What makes a program may make objects for it: the same ones before
            // each execution.
            None => OUTSIDE.with(|count| {
                count.set(count.get() + 1);
                ObjectId::of(TaskKey::CLOCK, count.get())
            }),
        }
    })
}

/// Changes the record of the running task's waits, if footprints are kept.
#[inline]
fn note_wait(note: impl FnOnce(&mut Traced, u64)) {
    if is_recording() {
        with(|cx| {
            if let Some(traced) = cx.traced.borrow_mut().get_mut(cx.current.get().index()) {
                note(traced, cx.step.get());
            }
        });
    }
}

/// Notes what the running task waits for, and where. A report of a deadlock shows it.
#[inline]
pub(super) fn waits_for(what: WaitFor, place: Place) {
    names_wait(what, place);
    note_wait(Traced::count_wait);
}

/// Notes the same of a wait that footprints need not know.
#[inline]
pub(super) fn names_wait(what: WaitFor, place: Place) {
    with(|cx| {
        let step = cx.step.get();
        if let Some(task) = cx.tasks.borrow_mut().get_mut(cx.current.get().index()) {
            task.waits = Some(Wait { step, what, place });
        }
    });
}

/// Notes the objects that the running task observes to see whether it has to wait. For a single
/// wait, that is no access: whether the task can run once the object changes does not depend on
/// which came first. Among several waits, it is.
#[inline]
pub(super) fn observes(objects: &[ObjectId]) {
    note_wait(|traced, _| {
        traced.objects.extend_from_slice(objects);
        traced.awaited.extend_from_slice(objects);
    });
}

/// Notes that the running task is enqueued on an object and waits without observing it.
#[inline]
pub(super) fn enqueued_on(object: ObjectId) {
    note_wait(|traced, _| traced.awaited.push(object));
}

/// Notes that the running task's wait is satisfied already, by the given step: without that step,
/// the task would have to wait.
#[inline]
pub(super) fn available_since(step: u64) {
    note_wait(|traced, _| traced.given = Some(step));
}

/// Notes, for footprints, that the running task yields and waits for nothing else.
#[inline]
pub(super) fn yields() {
    note_wait(Traced::count_wait);
}

/// Notes that the running task consumed what it waited for: the given step provided it, by its use
/// of `object`.
///
/// A task that waited for this alone could not have run before. One that waited for several things
/// at once could have, and so could one that waited for something else: a joiner that is kept after
/// a `select!` and polled again later, or one of many futures of which only the woken ones are
/// polled. There the task observes which of them came first, so this is an access like others, and
/// the order can be reversed.
#[inline]
pub(super) fn consumed(object: ObjectId, step: u64) {
    if is_recording() {
        note_consumption(object, step);
    }
}

fn note_consumption(object: ObjectId, step: u64) {
    if waited_for_alone(object) && !was_woken_before(step) {
        after(step);
    } else {
        effect(Effect::Access(object, Mode::Read));
    }
}

/// Whether the running task could have run this segment before the given step. Only known with
/// footprints.
fn was_woken_before(step: u64) -> bool {
    with(|cx| {
        let traced = cx.traced.borrow();
        let enabler = traced.get(cx.current.get().index()).and_then(|traced| traced.enabler);
        enabler.is_some_and(|enabler| enabler < step)
    })
}

/// Whether what the running task waited for before this segment was this and nothing else. Only
/// known with footprints.
pub(super) fn waited_for_alone(object: ObjectId) -> bool {
    is_recording()
        && with(|cx| {
            let traced = cx.traced.borrow();
            traced
                .get(cx.current.get().index())
                .is_some_and(|traced| traced.waits == 1 && traced.awaited.contains(&object))
        })
}
