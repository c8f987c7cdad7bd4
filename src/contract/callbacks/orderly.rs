//! The short ways through the rules: calls that are known at a glance to break none, in a sync
//! where all goes smoothly.

use super::Callbacks;
use crate::contract::machine::{Facts, Scope};
use crate::contract::plain::Progress;
use crate::contract::{Call, CallId, Policy};
use crate::{HResult, RawEvent};

impl Callbacks {
    /// Takes the first Progress of a sync where all goes smoothly. `None` if it is not known to be
    /// one, and nothing has been done.
    pub(in crate::contract) fn first_progress(
        &mut self,
        facts: &Facts,
        at_ms: u64,
        text: Option<&str>,
        index: u32,
        index_max: u32,
        policy: &Policy,
    ) -> Option<CallId> {
        let plain = self.plain();
        let orderly = plain.begun() == 0
            && index <= index_max
            && text.is_none_or(|text| self.is_text(text))
            && self.is_smooth(facts, policy)
            && !self.is_silent(at_ms, policy);
        let number = CallId(1);
        let now = Progress { at_ms, number, has_text: text.is_some(), index, index_max };
        (orderly && plain.note(now)).then(|| {
            plain.open(now);
            plain.next_number()
        })
    }

    /// Takes a Done that follows only calls of Progress, all of which have ended, in a sync where
    /// all goes smoothly. `None` if it is not known to be one, and nothing has been done.
    pub(in crate::contract) fn orderly_done(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        event: RawEvent,
        status: HResult,
        policy: &Policy,
    ) -> Option<CallId> {
        let orderly = facts.scope == Scope::Callback
            && self.is_smooth(facts, policy)
            && !self.is_silent(at_ms, policy)
            && self.failing_error.is_none()
            && self.in_flight.is_empty()
            && (status != HResult::S_OK || self.in_flight.last().is_none_or(Progress::is_complete));
        if !orderly {
            return None;
        }
        let number = self.plain().next_number();
        self.plain().shut();
        let call = facts.kept(at_ms, Some(number), Call::Done { event, status });
        facts.done = Some(call.clone());
        self.in_flight.keep(call);
        Some(number)
    }

    /// Takes the end of a Done that breaks no rule, whatever it answers: of a sync of which only
    /// the callback is seen. `false` if it is not known to be one, and nothing has been done.
    pub(in crate::contract) fn orderly_end(
        &mut self,
        facts: &Facts,
        at_ms: u64,
        number: CallId,
    ) -> bool {
        let is_done = facts.done.as_ref().is_some_and(|done| done.number == Some(number));
        let ended = facts.scope == Scope::Callback && is_done && self.in_flight.drop_last(number);
        if ended {
            self.plain().hear(at_ms);
        }
        ended
    }
}
