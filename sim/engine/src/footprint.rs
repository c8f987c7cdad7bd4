//! The footprint of a poll segment: its uses of tracked objects, and its choices.

use super::context::{self, WaitFor};
use super::executor::EngineView;
use super::id::{ObjectId, TaskId, TaskKey};
use super::log::Kind;

/// How a segment used a tracked object. Two accesses conflict when they are of different segments,
/// of the same object, and not both reads or both of the commuting kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Looked at it.
    Read,
    /// Changed it, or took part in an order that others can see.
    Write,
    /// Changed it in a way that gives the same result in any order with others of its kind, as
    /// counting does.
    Commute,
}

impl Mode {
    /// Whether the order of two accesses to one object can be seen.
    #[must_use]
    pub const fn conflicts(self, other: Self) -> bool {
        !matches!((self, other), (Self::Read, Self::Read) | (Self::Commute, Self::Commute))
    }
}

/// One entry of a footprint.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The segment used an object. The order with a conflicting access of another segment can be
    /// reversed.
    Access(ObjectId, Mode),
    /// The segment could not have run before that earlier step (counted from 0): the step sent the
    /// message that this one received, finished the task that it joined, or granted the permit
    /// that it took.
    After(u64),
}

/// A choice that a segment made inside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chosen {
    /// What was chosen: a value, a fault, or to drop the task.
    pub kind: Kind,
    /// The hash of the site's name; 0 for a drop.
    pub site: u32,
    /// How many values there were to choose from.
    pub arity: u32,
    /// The value, below `arity`.
    pub value: u32,
}

/// A finished poll segment, as an observer sees it.
#[non_exhaustive]
pub struct Segment<'a> {
    /// The step's number in its execution, from 0.
    pub step: u64,
    /// Whose segment it was; [`TaskId::CLOCK`] when the clock moved.
    pub task: TaskId,
    /// That task's identity across schedules.
    pub key: TaskKey,
    /// Its accesses, in order and with repetitions.
    pub effects: &'a [Effect],
    /// Its choices, in order.
    pub choices: &'a [Chosen],
    /// The tasks that it spawned.
    pub spawned: &'a [TaskId],
    /// The tasks that it woke or spawned, itself among them, whether or not they were ready
    /// already.
    pub woken: &'a [TaskId],
    /// Whether the task came to its end.
    pub finished: bool,
    pub(super) view: EngineView<'a>,
}

impl Segment<'_> {
    /// The objects that it used, and how, in order and with repetitions.
    pub fn accesses(&self) -> impl Iterator<Item = (ObjectId, Mode)> + '_ {
        self.effects.iter().filter_map(|effect| match effect {
            Effect::Access(object, mode) => Some((*object, *mode)),
            Effect::After(_) => None,
        })
    }

    /// The identity of any task of the execution.
    #[must_use]
    pub fn key_of(&self, task: TaskId) -> TaskKey {
        self.view.key(task)
    }
}

/// A tracked object: what the engine knows of a channel, a lock, a cell.
///
/// The objects of [this module](super) hold one. Your own types that tasks share can hold one too,
/// and report their uses with [`read`](Self::read), [`write`](Self::write) and
/// [`commute`](Self::commute); the exhaustive search is sound for it then.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    id: ObjectId,
    name: &'static str,
}

impl Object {
    /// A new object. Its identity comes from the task that makes it, and from how many that task
    /// made before.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let object = Self { id: context::next_object(), name };
        object.is_noted();
        object
    }

    /// An object for what is made where no code can run, as a `static` is. All of these are one
    /// object: uses of two of them conflict, so a search is sound and takes longer.
    #[must_use]
    pub const fn of_static(name: &'static str) -> Self {
        Self { id: ObjectId::STATIC, name }
    }

    /// Its identity across schedules.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Its name, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The running segment looked at it.
    #[inline]
    pub fn read(&self) {
        context::effect(Effect::Access(self.id, Mode::Read));
    }

    /// The running segment changed it.
    #[inline]
    pub fn write(&self) {
        context::effect(Effect::Access(self.id, Mode::Write));
    }

    /// The running segment changed it in a way that commutes with others of its kind.
    #[inline]
    pub fn commute(&self) {
        context::effect(Effect::Access(self.id, Mode::Commute));
    }

    /// The running task waits until the object changes, and has left one clone of its waker there.
    /// A report of a deadlock names the object.
    pub fn waits(&self) {
        let what = WaitFor::Object { kind: "a change of", name: self.name };
        context::names_wait(what, None);
    }

    /// The running task took what it waited for: a use of this object at that step provided it.
    #[inline]
    pub fn provided(&self, step: u64) {
        context::consumed(self.id, step);
    }

    /// Whether the running task waited for this object alone before this segment. Only known where
    /// [footprints are kept](super::is_recording).
    #[must_use]
    pub fn was_awaited_alone(&self) -> bool {
        context::waited_for_alone(self.id)
    }

    /// A part of the object that is tracked by itself.
    #[must_use]
    pub fn part(&self, part: u64) -> Self {
        let part = Self { id: self.id.part(part), name: self.name };
        part.is_noted();
        part
    }

    /// The same, under a name of its own. `name` is called only where notes are kept for a reader.
    #[must_use]
    pub fn named_part(&self, part: u64, name: impl FnOnce() -> &'static str) -> Self {
        let is_read = context::with(|cx| cx.notes.borrow().is_some());
        let name = if is_read { name() } else { self.name };
        let part = Self { id: self.id.part(part), name };
        part.is_noted();
        part
    }

    /// Keeps the name for the reader of the execution, if notes are kept.
    fn is_noted(&self) {
        context::with(|cx| {
            if let Some(notes) = &mut *cx.notes.borrow_mut() {
                notes.objects.insert(self.id, self.name);
            }
        });
    }
}
