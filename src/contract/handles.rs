//! The rules about the event: published in time, signalled in time, closed once, and never touched
//! by the wrong side.

use super::machine::{Facts, Scope};
use super::{Call, KeptCall, Policy, Rule, Side};
use crate::RawEvent;

#[derive(Debug, Default)]
pub(super) struct Handles {
    /// The provider's open handles, each with the number of its object.
    open: Vec<(RawEvent, usize)>,
    objects: usize,
    published: RawEvent,
    /// The object behind the published handle.
    object: Option<usize>,
    /// The Done that gave the handle away.
    given_away: Option<KeptCall>,
    /// The provider closed the handle that it had published.
    withdrawn: Option<KeptCall>,
    set: bool,
    closed: Option<KeptCall>,
}

impl Handles {
    pub(super) fn published_handle(&self) -> RawEvent {
        self.published
    }

    pub(super) fn created(&mut self, event: RawEvent) {
        self.objects += 1;
        self.add(event, self.objects);
    }

    pub(super) fn duplicated(&mut self, from: RawEvent, event: RawEvent) {
        match self.object_of(from) {
            Some(object) => self.add(event, object),
            None => self.created(event),
        }
    }

    pub(super) fn published(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        event: RawEvent,
        policy: &Policy,
    ) {
        let call = facts.kept(at_ms, None, Call::EventPublished { event });
        if let Some(returned) = facts.returned.clone() {
            let message =
                "the out-pointer was written after the start had returned, when it was dead";
            facts.broken(
                policy,
                Rule::EventPublished,
                at_ms,
                message,
                [Some(&returned), Some(&call)],
            );
            return;
        }
        self.published = event;
        self.object = self.object_of(event);
        if !event.is_null() && self.object.is_none() {
            let message = format!("{event} was published, which is no open handle");
            facts.broken(policy, Rule::EventPublished, at_ms, message, [Some(&call)]);
        }
    }

    pub(super) fn start_returned(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        event: RawEvent,
        policy: &Policy,
    ) {
        if facts.scope == Scope::Callback {
            return;
        }
        let returned = facts.returned.clone();
        if facts.failed() {
            if !event.is_null() {
                let message = format!("the start failed and left {event} in the out-pointer");
                facts.broken(
                    policy,
                    Rule::NoCallOnFailedStart,
                    at_ms,
                    message,
                    [returned.as_ref()],
                );
            }
            return;
        }
        if event.is_null() {
            let message = "the start succeeded and left no event in the out-pointer";
            facts.broken(policy, Rule::EventPublished, at_ms, message, [returned.as_ref()]);
        } else if let Some(withdrawn) = self.withdrawn.clone() {
            let message =
                format!("the start succeeded with {event} in the out-pointer, which it had closed");
            facts.broken(
                policy,
                Rule::EventPublished,
                at_ms,
                message,
                [Some(&withdrawn), returned.as_ref()],
            );
        }
        // Where the out-pointer itself is not watched, this is the first that is seen of it.
        if self.published.is_null() {
            self.published = event;
            self.object = self.object_of(event);
        }
        let done = facts.done.clone();
        if let Some(Call::Done { event: passed, .. }) = done.as_ref().map(|done| &done.call)
            && !passed.is_null()
            && *passed != event
        {
            let message = format!("Done was given {passed}, while the start published {event}");
            facts.broken(
                policy,
                Rule::EventSame,
                at_ms,
                message,
                [done.as_ref(), returned.as_ref()],
            );
        }
    }

    pub(super) fn done(&mut self, facts: &mut Facts, at_ms: u64, event: RawEvent, policy: &Policy) {
        if event.is_null() || facts.scope == Scope::Callback {
            return;
        }
        let done = facts.done.clone();
        if event != self.published && (!self.published.is_null() || facts.returned.is_some()) {
            let message = format!("Done was given {event}, while {} is published", self.published);
            facts.broken(policy, Rule::EventSame, at_ms, message, [done.as_ref()]);
        }
        if self.given_away.is_none() {
            self.given_away = done;
        }
    }

    /// Any use of a handle. Called before what the use does is taken into account.
    pub(super) fn touched(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        by: Side,
        event: RawEvent,
        call: Call<&str>,
        policy: &Policy,
    ) {
        if by != Side::Provider {
            return;
        }
        if self.is_given_away(event) {
            let touch = facts.kept(at_ms, None, call.into_shared());
            let message = format!("the provider used {event} after it had given it to Done");
            let done = self.given_away.as_ref();
            facts.broken(policy, Rule::EventOwner, at_ms, message, [done, Some(&touch)]);
        }
    }

    pub(super) fn set(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        by: Side,
        event: RawEvent,
        policy: &Policy,
    ) {
        let ours = self.object.is_some() && self.object_of(event) == self.object;
        if self.set || !(ours || event == self.published) {
            return;
        }
        self.set = true;
        if !facts.done_ended && !facts.failed() {
            let done = facts.done.clone();
            let call = facts.kept(at_ms, None, Call::EventSet { by, event });
            let message = match done {
                Some(_) => "the event was signalled before Done had returned",
                None => "the event was signalled before Done",
            };
            facts.broken(
                policy,
                Rule::EventAfterDone,
                at_ms,
                message,
                [done.as_ref(), Some(&call)],
            );
        }
    }

    pub(super) fn closed_by_provider(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        event: RawEvent,
        policy: &Policy,
    ) {
        if event == self.published && !event.is_null() {
            let call = facts.kept(at_ms, None, Call::EventClosed { by: Side::Provider, event });
            if facts.started() {
                let message = format!("the provider closed {event}, which is the host's to close");
                facts.broken(policy, Rule::EventOwner, at_ms, message, [Some(&call)]);
            }
            self.withdrawn = Some(call);
        }
        if !self.is_given_away(event) {
            self.open.retain(|(open, _)| *open != event);
        }
    }

    pub(super) fn closed_by_host(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        event: RawEvent,
        policy: &Policy,
    ) {
        if event != self.published || event.is_null() {
            return;
        }
        let call = facts.kept(at_ms, None, Call::EventClosed { by: Side::Host, event });
        let done = facts.done.clone();
        let message = if self.closed.is_some() {
            Some("the host closed the published handle again")
        } else {
            match done.as_ref().map(|done| &done.call) {
                None => Some("the host closed the published handle before Done"),
                Some(Call::Done { event, .. }) if event.is_null() && !self.set => Some(
                    "Done was given NULL, and the host closed the published handle without waiting for the event",
                ),
                Some(_) => None,
            }
        };
        if let Some(message) = message {
            let before = self.closed.clone();
            facts.broken(
                policy,
                Rule::EventClosedOnce,
                at_ms,
                message,
                [done.as_ref(), before.as_ref(), Some(&call)],
            );
        }
        self.closed = Some(call);
    }

    pub(super) fn finish(&mut self, facts: &mut Facts, at_ms: u64, policy: &Policy) {
        if facts.scope == Scope::Callback
            || !facts.started()
            || facts.done.is_none()
            || self.published.is_null()
        {
            return;
        }
        let done = facts.done.clone();
        if !self.set {
            let message = "Done came and the event was never signalled";
            facts.broken(policy, Rule::EventAfterDone, at_ms, message, [done.as_ref()]);
        }
        // A host cannot be asked to wait for what never comes.
        let waits_in_vain = !self.set
            && matches!(done.as_ref().map(|done| &done.call), Some(Call::Done { event, .. }) if event.is_null());
        if facts.host_watched && self.closed.is_none() && self.withdrawn.is_none() && !waits_in_vain
        {
            let message = "the host never closed the published handle";
            facts.broken(policy, Rule::EventClosedOnce, at_ms, message, [done.as_ref()]);
        }
    }

    pub(super) fn settled(&self, facts: &Facts) -> bool {
        let nothing_owed =
            facts.scope == Scope::Callback || facts.failed() || self.published.is_null();
        nothing_owed || (self.set && (self.closed.is_some() || !facts.host_watched))
    }

    fn add(&mut self, event: RawEvent, object: usize) {
        // A kernel may give out the value of a closed handle again.
        self.open.retain(|(open, _)| *open != event);
        self.open.push((event, object));
        if self.is_given_away(event) {
            self.given_away = None;
        }
    }

    fn is_given_away(&self, event: RawEvent) -> bool {
        let done = self.given_away.as_ref().map(|done| &done.call);
        matches!(done, Some(Call::Done { event: given, .. }) if *given == event)
    }

    fn object_of(&self, event: RawEvent) -> Option<usize> {
        self.open.iter().find(|(open, _)| *open == event).map(|(_, object)| *object)
    }
}
