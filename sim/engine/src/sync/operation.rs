//! Operations of primitives that another crate made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::context::{self, WaitFor};
use crate::footprint::{Effect, Mode, Object};
use crate::lock::lock;
use crate::wakeup::Wakeup;
use crate::yield_flag;

/// One asynchronous operation of a primitive that the engine does not know, such as the future of
/// `tokio::sync::Mutex::lock`, as an operation on a tracked [`Object`].
///
/// The primitive keeps its own state and its own queue. This adds what the objects of
/// [this module](super) do too: the operation starts a segment of its own, a footprint holds what
/// it did, a report of a deadlock names the object, and the step that let the operation go on is
/// known. Outside of an execution it adds nothing.
///
/// One value stands for one operation, from its first poll to its end. If it is dropped while it
/// waits, the primitive has to notice that too: drop both in one segment.
#[derive(Debug, Default)]
pub struct Operation {
    stage: Stage,
    object: Option<Object>,
    grant: Option<Arc<Grant>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    New,
    /// The operation's own segment has begun.
    Begun,
    Waits,
    Done,
    /// No execution runs.
    Outside,
}

/// What a waiting operation gets when it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gain {
    /// Something that was handed to this operation alone, as a lock is: nobody can see when the
    /// operation picks it up.
    Handed,
    /// A look at what all share, as it is by then.
    Seen,
}

impl Operation {
    /// An operation that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self { stage: Stage::New, object: None, grant: None }
    }

    /// Polls the operation, which begins with an access of this mode to `object`. `kind` says in
    /// words what it waits for: `kind` "mutex" leads to "waits for mutex "name"".
    pub fn poll<T>(
        &mut self,
        object: &Object,
        kind: &'static str,
        mode: Mode,
        gain: Gain,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match self.stage {
            Stage::New => {
                if !context::is_simulated() {
                    self.stage = Stage::Outside;
                    return poll(cx);
                }
                self.stage = Stage::Begun;
                if yield_flag::yield_at_point(cx) {
                    // The segment in which a new operation begins is over, and the task can run
                    // again.
                    return Poll::Pending;
                }
                context::effect(Effect::Access(object.id(), mode));
            }
            Stage::Begun => context::effect(Effect::Access(object.id(), mode)),
            Stage::Waits => {}
            Stage::Done | Stage::Outside => return poll(cx),
        }
        let waited = self.stage == Stage::Waits;
        let polled = self.poll_inner(cx, poll);
        if polled.is_pending() {
            self.stage = Stage::Waits;
            self.object = Some(*object);
            if waited {
                // Somebody else woke the task: that there was nothing yet has been seen.
                object.read();
            }
            context::waits_for(WaitFor::Object { kind, name: object.name() }, None);
            context::enqueued_on(object.id());
            return Poll::Pending;
        }
        self.stage = Stage::Done;
        if waited {
            match (gain, self.granted()) {
                (Gain::Handed, Some(step)) => context::consumed(object.id(), step),
                _ => context::effect(Effect::Access(object.id(), mode)),
            }
        }
        polled
    }

    /// Polls a wait for something that no other task can take away, such as a message. It only
    /// observes `objects`, so whether it or a change comes first does not matter.
    ///
    /// `there` holds the step that brought what it waits for, if that is there already. When this
    /// is ready, say by [`Object::provided`] which steps brought what it took.
    pub fn poll_observing<T>(
        &mut self,
        objects: &[Object],
        kind: &'static str,
        there: Option<u64>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match self.stage {
            Stage::New if !context::is_simulated() => {
                self.stage = Stage::Outside;
                return poll(cx);
            }
            Stage::New if there.is_some() && !yield_flag::is_polled_once(cx) => {
                cx.waker().wake_by_ref();
            }
            Stage::New => {
                let polled = self.poll_inner(cx, poll);
                if polled.is_ready() {
                    self.stage = Stage::Done;
                    objects.iter().for_each(Object::read);
                    return polled;
                }
            }
            Stage::Done | Stage::Outside => return poll(cx),
            Stage::Begun | Stage::Waits => {
                let polled = self.poll_inner(cx, poll);
                if polled.is_ready() {
                    self.stage = Stage::Done;
                    return polled;
                }
                objects.iter().for_each(Object::read);
            }
        }
        self.stage = Stage::Waits;
        let name = objects.first().map_or("", Object::name);
        context::waits_for(WaitFor::Object { kind, name }, None);
        if context::is_recording() {
            objects.iter().for_each(|object| context::observes(&[object.id()]));
            if let Some(step) = there {
                context::available_since(step);
            }
        }
        Poll::Pending
    }

    /// The operation has begun within the running segment, by an access of this mode, and waits.
    pub fn begin(&mut self, object: &Object, mode: Mode) {
        if self.stage == Stage::New && context::is_simulated() {
            context::effect(Effect::Access(object.id(), mode));
            self.stage = Stage::Waits;
            self.object = Some(*object);
        }
    }

    /// Whether the operation waits in an execution: dropping it now gives a wait up.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.stage == Stage::Waits
    }

    #[inline]
    fn poll_inner<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if !context::is_recording() {
            return poll(cx);
        }
        let grant = Arc::clone(self.grant.get_or_insert_default());
        grant.renew(cx);
        poll(&mut Context::from_waker(&Waker::from(grant)))
    }

    /// The step that woke the operation last.
    fn granted(&self) -> Option<u64> {
        let step = self.grant.as_ref()?.step.load(Ordering::Relaxed);
        (step != NEVER).then_some(step)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.stage == Stage::Waits
            && let Some(object) = &self.object
        {
            object.write();
        }
    }
}

const NEVER: u64 = u64::MAX;

/// The waker that a primitive gets where footprints are kept: it knows at which step it woke.
#[derive(Debug)]
struct Grant {
    wakeup: Mutex<Option<Wakeup>>,
    step: AtomicU64,
}

impl Default for Grant {
    fn default() -> Self {
        Self { wakeup: Mutex::default(), step: AtomicU64::new(NEVER) }
    }
}

impl Grant {
    fn renew(&self, cx: &Context<'_>) {
        let before = lock(&self.wakeup).replace(Wakeup::new(cx));
        drop(before);
    }
}

impl Wake for Grant {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakeup = lock(&self.wakeup).take();
        if let Some(wakeup) = wakeup {
            self.step.store(context::step(), Ordering::Relaxed);
            wakeup.wake();
        }
    }
}
