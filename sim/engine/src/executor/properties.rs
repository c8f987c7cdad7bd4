//! Looks at what a program promises of its own state, between its segments.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Engine;
use crate::caught::message_of;
use crate::context::{self, Context};
use crate::footprint::{Effect, Mode};
use crate::id::{ObjectId, TaskId};
use crate::outcome::End;
use crate::property::{BrokenProperty, Look, Property, PropertyKind, Seen, UNTRACKED};
use crate::yield_flag;

impl Engine {
    /// The properties that the last execution broke, in the order in which that was seen.
    #[must_use]
    pub fn broken_properties(&self) -> &[BrokenProperty] {
        &self.seen.broken
    }

    /// The properties that the last execution was held to.
    #[must_use]
    pub fn properties(&self) -> &[Property] {
        &self.seen.properties
    }

    /// The goals that the last execution came by, and whether each was met.
    #[must_use]
    pub fn goals(&self) -> &[(&'static str, bool)] {
        &self.seen.goals
    }

    /// A property whose look read nothing that is tracked, if footprints were kept and there was
    /// one: every step counts as a change of what it looks at.
    #[must_use]
    pub fn untracked_property(&self) -> Option<Property> {
        self.seen.untracked
    }

    /// Looks at all properties after a segment of `task`.
    #[cold]
    pub(super) fn look(&mut self, cx: &Context, task: TaskId) {
        // What comes after the budget of steps is no part of the schedule.
        if self.fair_end.is_some() {
            return;
        }
        let mut looks = cx.looks.take();
        let own = cx.effects.borrow().len();
        for look in &mut looks {
            self.look_at(cx, look, task, own);
        }
        // Where footprints are kept, what was untracked once is so to the end.
        looks.retain(|look| !look.is_over || self.recording);
        // A look may not promise anything, but nothing is lost if one does.
        looks.append(&mut cx.looks.borrow_mut());
        *cx.looks.borrow_mut() = looks;
        if self.recording && cx.seen.borrow().untracked.is_some() {
            context::effect(Effect::Access(UNTRACKED, Mode::Write));
        }
    }

    /// Looks at a property. `own` is how much of the footprint is the segment's own.
    fn look_at(&self, cx: &Context, look: &mut Look, task: TaskId, own: usize) {
        let waits_for_end = look.property.kind == PropertyKind::AtEnd;
        if look.is_over || waits_for_end && (!self.recording || look.reads.is_some()) {
            return;
        }
        let before = cx.effects.borrow().len();
        let mut message = called(cx, look);
        if self.recording {
            let of_look = take_reads(cx, look, own, before);
            message = of_look.or(message);
        }
        let at_ms = context::now();
        let never_came = look.property.kind == PropertyKind::Eventually;
        match look.property.kind {
            // It was only to be found out what it reads.
            PropertyKind::AtEnd => return,
            PropertyKind::Eventually if message.is_none() => {
                look.is_over = true;
                return;
            }
            PropertyKind::Eventually if at_ms <= look.deadline => return,
            PropertyKind::Eventually | PropertyKind::Invariant => {}
        }
        if let Some(message) = message {
            look.is_over = true;
            let message = if never_came {
                format!("not by {} ms of virtual time: {message}", look.deadline)
            } else {
                message
            };
            let (property, step) = (look.property, cx.step.get());
            let broken = BrokenProperty { property, message, step, at_ms, task, never_came };
            cx.seen.borrow_mut().broken.push(broken);
        }
    }

    /// The execution has ended: looks at what is promised of that, and keeps what was seen.
    #[cold]
    pub(super) fn finish_properties(&mut self, cx: &Context, end: &End, steps: u64) {
        let mut looks = cx.looks.take();
        for look in &mut looks {
            let judges = !look.is_over
                && match look.property.kind {
                    PropertyKind::Invariant => false,
                    PropertyKind::AtEnd => *end == End::Completed,
                    PropertyKind::Eventually => matches!(end, End::Completed | End::Deadlock(_)),
                };
            if let Some(message) = judges.then(|| called(cx, look)).flatten() {
                let message = if look.property.kind == PropertyKind::Eventually {
                    format!("not before the execution ended: {message}")
                } else {
                    message
                };
                let (property, step) = (look.property, steps.saturating_sub(1));
                let (at_ms, task) = (context::now(), cx.current.get());
                let never_came = true;
                let broken = BrokenProperty { property, message, step, at_ms, task, never_came };
                cx.seen.borrow_mut().broken.push(broken);
            }
        }
        // They are dropped when the tasks are.
        cx.looks.borrow_mut().append(&mut looks);
        self.seen = cx.seen.replace(Seen::new());
        self.has_leftovers = true;
    }
}

/// Drops the properties of an execution that is over. A panic adds nothing.
pub(super) fn drop_looks(cx: &Context) {
    let looks = cx.looks.take();
    yield_flag::begin_without_flag();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(looks))) {
        mem::forget(payload);
    }
    yield_flag::end();
    drop(cx.panic_place.borrow_mut().take());
}

/// Calls a look, and leaves everything else as it was. Returns what is wrong, if something is.
fn called(cx: &Context, look: &mut Look) -> Option<String> {
    let marks = || {
        let (spawned, aborts) = (cx.spawned.borrow().len(), cx.aborts.borrow().len());
        (spawned, aborts, cx.answers.borrow().len())
    };
    let before = marks();
    let clock_was_read = context::take_clock_read();
    yield_flag::begin_without_flag();
    let verdict = catch_unwind(AssertUnwindSafe(|| (look.look)()));
    yield_flag::end();
    context::take_clock_read();
    if clock_was_read {
        context::note_clock_read();
    }
    if marks() != before {
        return Some("the look spawns, aborts or asks for a choice, and may only look".to_owned());
    }
    verdict.unwrap_or_else(|payload| {
        let place = cx.panic_place.borrow_mut().take();
        cx.last_panics.borrow_mut().clear();
        let place = place.map(|place| format!(", at {place}")).unwrap_or_default();
        let message = format!("{}{place}", message_of(&*payload));
        // A payload may panic in its turn when it is dropped. That adds nothing.
        yield_flag::begin_without_flag();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(second);
        }
        yield_flag::end();
        Some(message)
    })
}

/// Takes what a look has read into the footprint of the segment, if that matters: what a look finds
/// can only have changed where the segment changed what it reads. The footprint has the segment's
/// `own` part first, and from `before` on that of the look. Returns what is wrong with the look,
/// if something is.
fn take_reads(cx: &Context, look: &mut Look, own: usize, before: usize) -> Option<String> {
    let mut effects = cx.effects.borrow_mut();
    let mut reads: Vec<ObjectId> = Vec::new();
    let mut changes = false;
    for effect in &effects[before..] {
        match effect {
            Effect::Access(object, Mode::Read) => reads.push(*object),
            Effect::Access(..) => changes = true,
            Effect::After(_) => {}
        }
    }
    reads.sort_unstable();
    reads.dedup();
    if reads.is_empty() {
        cx.seen.borrow_mut().untracked.get_or_insert(look.property);
    }
    let is_read = |object: &ObjectId| {
        reads.contains(object) || look.reads.as_ref().is_some_and(|reads| reads.contains(object))
    };
    let is_changed = |effect: &Effect| match effect {
        Effect::Access(object, mode) => *mode != Mode::Read && is_read(object),
        Effect::After(_) => false,
    };
    let is_first = look.reads.is_none();
    let matters = look.property.kind != PropertyKind::AtEnd
        && (is_first || effects[..own].iter().any(is_changed));
    effects.truncate(before);
    if matters {
        effects.extend(reads.iter().map(|object| Effect::Access(*object, Mode::Read)));
    }
    look.reads = Some(reads);
    changes.then(|| "the look changes a tracked object, and may only look".to_owned())
}
