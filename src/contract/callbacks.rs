//! The rules about the calls of the callback: their order, their arguments, their answers, and the
//! reference that they are made through.

mod orderly;

use std::sync::Arc;

use super::in_flight::InFlight;
use super::machine::{Facts, Scope};
use super::plain::{Plain, Progress};
use super::{Answer, Call, CallId, KeptCall, Policy, Rule};
use crate::{HResult, RawEvent};

#[derive(Debug, Default)]
pub(super) struct Callbacks {
    in_flight: InFlight,
    /// The first call of a sync whose start has not returned: if the start fails, it should not
    /// have been made.
    early: Option<KeptCall>,
    /// The text of the last Progress that had one: unchanged text is compared, not copied.
    text: Option<Arc<str>>,
    failing_error: Option<KeptCall>,
    /// A Progress or Error that the host failed.
    host_failure: Option<KeptCall>,
    cancel: Option<Cancel>,
    references: Option<i32>,
}

#[derive(Debug)]
struct Cancel {
    at_ms: u64,
    was_complete: bool,
    progress_since: u32,
}

impl Callbacks {
    /// Forgets all but its memory, and the text, which only saves a copy of the next one.
    pub(super) fn clear(&mut self) {
        let Self { in_flight, early, text: _, failing_error, host_failure, cancel, references } =
            self;
        in_flight.clear();
        (*early, *failing_error, *host_failure) = (None, None, None);
        (*cancel, *references) = (None, None);
    }

    pub(super) fn progress(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        text: Option<&str>,
        index: u32,
        index_max: u32,
        policy: &Policy,
    ) -> CallId {
        let number = self.plain().next_number();
        if let Some(text) = text
            && !self.is_text(text)
        {
            self.change_text(text);
        }
        let last = self.in_flight.last();
        let now = Progress { at_ms, number, has_text: text.is_some(), index, index_max };
        if let Some(cancel) = &mut self.cancel {
            cancel.progress_since += 1;
        }
        let went_back = last.is_some_and(|last| last.index_max == index_max && index < last.index);
        if index > index_max || went_back {
            self.check_position(facts, last, now, policy);
        }
        if self.is_irregular(facts, at_ms, policy) {
            let call = now.kept(facts, self.text.as_ref());
            self.check_begin(facts, &call, policy);
        }
        self.in_flight.begin(facts, now, self.text.as_ref());
        number
    }

    /// Settles whether the next Progress may be a plain one. Called after all that is not plain.
    pub(super) fn settle(&mut self, facts: &Facts, policy: &Policy) {
        match self.in_flight.last() {
            Some(last) if self.is_smooth(facts, policy) => self.plain().open(last),
            _ => self.plain().shut(),
        }
    }

    pub(super) fn error(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        result: HResult,
        text: Option<Arc<str>>,
        policy: &Policy,
    ) -> CallId {
        let number = self.plain().next_number();
        let no_text = text.is_none();
        let call = facts.kept(at_ms, Some(number), Call::Error { result, text });
        if result == HResult::S_OK {
            facts.broken(
                policy,
                Rule::ErrorCode,
                at_ms,
                "Error was called with S_OK, which is no error",
                [Some(&call)],
            );
        }
        if no_text {
            facts.broken(
                policy,
                Rule::ErrorText,
                at_ms,
                "Error was called without a text",
                [Some(&call)],
            );
        }
        if result.is_failure() && self.failing_error.is_none() {
            self.failing_error = Some(call.clone());
        }
        self.check_begin(facts, &call, policy);
        self.in_flight.keep(call);
        number
    }

    pub(super) fn done(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        event: RawEvent,
        status: HResult,
        policy: &Policy,
    ) -> CallId {
        let number = self.plain().next_number();
        let call = facts.kept(at_ms, Some(number), Call::Done { event, status });
        if let Some(first) = facts.done.clone() {
            facts.broken(
                policy,
                Rule::DoneOnce,
                at_ms,
                "Done was called again",
                [Some(&first), Some(&call)],
            );
            self.check_held(facts, &call, policy);
        } else {
            let open = self.in_flight.first(facts, self.text.as_ref());
            if open.is_some() {
                let message = "Done began while an earlier call was still in flight";
                facts.broken(policy, Rule::DoneLast, at_ms, message, [open.as_ref(), Some(&call)]);
            }
            self.check_begin(facts, &call, policy);
            self.check_status(facts, &call, status, policy);
            self.check_cancel(facts, &call, status, policy);
            facts.done = Some(call.clone());
        }
        self.in_flight.keep(call);
        number
    }

    #[inline]
    pub(super) fn ended(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        number: CallId,
        answer: Answer,
        policy: &Policy,
    ) {
        self.plain().hear(at_ms);
        if let Some(call) = self.in_flight.end(facts, number, self.text.as_ref()) {
            self.ended_call(facts, call, at_ms, answer, policy);
        }
    }

    /// Where plain calls begin and end without this.
    #[inline]
    pub(super) fn plain(&self) -> &Arc<Plain> {
        self.in_flight.plain()
    }

    /// Whether this is the text of the last Progress that had one.
    pub(super) fn is_text(&self, text: &str) -> bool {
        self.text.as_deref() == Some(text)
    }

    pub(super) fn queried(&mut self, facts: &mut Facts, at_ms: u64, policy: &Policy) {
        if let Some(returned) = facts.returned.clone() {
            let call = facts.kept(at_ms, None, Call::Queried);
            let message =
                "the callback was queried after the start had returned, when the pointer was dead";
            facts.broken(
                policy,
                Rule::CallbackHeld,
                at_ms,
                message,
                [Some(&returned), Some(&call)],
            );
        }
        *self.references.get_or_insert(0) += 1;
    }

    pub(super) fn add_ref(&mut self) {
        *self.references.get_or_insert(0) += 1;
    }

    pub(super) fn release(&mut self, facts: &mut Facts, at_ms: u64, policy: &Policy) {
        let references = self.references.get_or_insert(0);
        *references -= 1;
        let call = facts.kept(at_ms, None, Call::Release);
        if *references < 0 {
            let message = "the callback was released more often than it was AddRef'd";
            facts.broken(policy, Rule::CallbackHeld, at_ms, message, [Some(&call)]);
        } else if *references == 0 && facts.started() && !facts.done_ended {
            let done = facts.done.clone();
            let message = "the callback was released before Done had returned";
            facts.broken(policy, Rule::CallbackHeld, at_ms, message, [done.as_ref(), Some(&call)]);
        }
    }

    pub(super) fn cancel_requested(&mut self, facts: &Facts, at_ms: u64) {
        if self.cancel.is_none() && facts.done.is_none() {
            let was_complete = self.in_flight.last().is_some_and(Progress::is_complete);
            self.cancel = Some(Cancel { at_ms, was_complete, progress_since: 0 });
        }
    }

    pub(super) fn text_read(
        &mut self,
        facts: &mut Facts,
        at_ms: u64,
        call: CallId,
        policy: &Policy,
    ) {
        if !self.in_flight.contains(call) {
            let read = facts.kept(at_ms, None, Call::TextRead { call });
            let message =
                format!("the host read the text of call {} after that call had ended", call.0);
            facts.broken(policy, Rule::StringsCopied, at_ms, message, [Some(&read)]);
        }
    }

    pub(super) fn start_returned(&mut self, facts: &mut Facts, at_ms: u64, policy: &Policy) {
        self.plain().hear(self.plain().heard_ms().max(at_ms));
        let returned = facts.returned.clone();
        if facts.failed() {
            if let Some(early) = self.early.clone() {
                let message = "the start failed, yet the callback had been called for it";
                facts.broken(
                    policy,
                    Rule::NoCallOnFailedStart,
                    at_ms,
                    message,
                    [Some(&early), returned.as_ref()],
                );
            }
        } else if facts.scope == Scope::Request {
            match self.references {
                None => {
                    let message = "the start succeeded without asking for the callback interface";
                    facts.broken(policy, Rule::CallbackHeld, at_ms, message, [returned.as_ref()]);
                }
                Some(references) if references <= 0 && !facts.done_ended => {
                    let message = "the start succeeded without keeping a reference to the callback";
                    facts.broken(policy, Rule::CallbackHeld, at_ms, message, [returned.as_ref()]);
                }
                Some(_) => {}
            }
        }
    }

    pub(super) fn finish(&mut self, facts: &mut Facts, at_ms: u64, policy: &Policy) {
        let owed = facts.started() || (facts.scope == Scope::Callback && self.plain().begun() > 0);
        if owed && facts.done.is_none() {
            self.finish_without_done(facts, at_ms, policy);
        }
        match self.references {
            // Without a Done, no release is due: what is owed is the Done.
            Some(references) if references > 0 && (facts.done.is_some() || !owed) => {
                let message =
                    format!("the callback was never released: {references} references are left");
                let done = facts.done.clone();
                facts.broken(policy, Rule::CallbackHeld, at_ms, message, [done.as_ref()]);
            }
            _ => {}
        }
    }

    pub(super) fn settled(&self) -> bool {
        self.in_flight.is_empty() && self.references.is_none_or(|references| references == 0)
    }

    /// Whether nothing has happened that a Progress need be held against, but for the time, the
    /// last Progress and its text.
    fn is_smooth(&self, facts: &Facts, policy: &Policy) -> bool {
        self.cancel.is_none() && !policy.holds(Rule::SerialCalls) && !self.is_disturbed(facts)
    }

    /// Whether the host has heard nothing for longer than it may.
    fn is_silent(&self, at_ms: u64, policy: &Policy) -> bool {
        at_ms.saturating_sub(self.plain().heard_ms()) > policy.bounded_silence_ms()
    }

    /// Whether any call that begins now needs a closer look.
    fn is_disturbed(&self, facts: &Facts) -> bool {
        (self.early.is_none() && facts.is_starting())
            || facts.done.is_some()
            || facts.failed()
            || self.references.is_some_and(|references| references <= 0)
    }

    /// Whether a call that begins now needs a closer look: everything that an orderly call in
    /// mid-sync is not.
    fn is_irregular(&self, facts: &Facts, at_ms: u64, policy: &Policy) -> bool {
        self.is_disturbed(facts)
            || (policy.holds(Rule::SerialCalls) && !self.in_flight.is_empty())
            || self.is_silent(at_ms, policy)
    }

    /// The rules for the beginning of any call.
    #[cold]
    fn check_begin(&mut self, facts: &mut Facts, call: &KeptCall, policy: &Policy) {
        let at_ms = call.at_ms;
        if self.early.is_none() && facts.is_starting() {
            self.early = Some(call.clone());
        }
        if let Some(done) = facts.done.clone() {
            facts.broken(
                policy,
                Rule::DoneLast,
                at_ms,
                "a call began after Done",
                [Some(&done), Some(call)],
            );
        }
        if facts.failed() {
            let returned = facts.returned.clone();
            let message = "the callback was called for a sync whose start had failed";
            facts.broken(
                policy,
                Rule::NoCallOnFailedStart,
                at_ms,
                message,
                [returned.as_ref(), Some(call)],
            );
        }
        self.check_held(facts, call, policy);
        if let Some(open) = self.in_flight.first(facts, self.text.as_ref()) {
            if policy.holds(Rule::SerialCalls) {
                let message = "a call began while another was in flight";
                facts.broken(policy, Rule::SerialCalls, at_ms, message, [Some(&open), Some(call)]);
            }
        } else if facts.started() && facts.done.is_none() {
            let silence = at_ms.saturating_sub(self.plain().heard_ms());
            let bound = policy.bounded_silence_ms();
            if silence > bound {
                let message =
                    format!("no callback for {silence} ms, where at most {bound} ms are allowed");
                facts.broken(policy, Rule::BoundedSilence, at_ms, message, [Some(call)]);
            }
        }
    }

    fn check_held(&self, facts: &mut Facts, call: &KeptCall, policy: &Policy) {
        if self.references.is_some_and(|references| references <= 0) {
            let message = "the callback was called without a reference to it";
            facts.broken(policy, Rule::CallbackHeld, call.at_ms, message, [Some(call)]);
        }
    }

    #[cold]
    fn check_position(
        &self,
        facts: &mut Facts,
        last: Option<Progress>,
        now: Progress,
        policy: &Policy,
    ) {
        let Progress { at_ms, index, index_max, .. } = now;
        let call = now.kept(facts, self.text.as_ref());
        if index > index_max {
            let message = format!("position {index} is beyond its maximum {index_max}");
            facts.broken(policy, Rule::ProgressRange, at_ms, message, [Some(&call)]);
            return;
        }
        let Some(last) = last else { return };
        // A phase that was complete may be followed by another of the same size, which begins at 0.
        if last.is_complete() && index == 0 {
            return;
        }
        let text = if last.has_text && !now.has_text { self.text.clone() } else { None };
        let number = Some(last.number);
        let earlier =
            facts.kept(last.at_ms, number, Call::Progress { text, index: last.index, index_max });
        if last.is_complete() {
            let message = format!(
                "{index_max} of {index_max} was reported, yet the phase went on at {index}"
            );
            facts.broken(
                policy,
                Rule::ProgressComplete,
                at_ms,
                message,
                [Some(&earlier), Some(&call)],
            );
        } else {
            let message = format!(
                "the position went back from {} to {index} of the same {index_max}",
                last.index
            );
            facts.broken(
                policy,
                Rule::ProgressForward,
                at_ms,
                message,
                [Some(&earlier), Some(&call)],
            );
        }
    }

    fn check_status(&self, facts: &mut Facts, call: &KeptCall, status: HResult, policy: &Policy) {
        const ADMITS: [HResult; 2] =
            [HResult::MAPI_W_ERRORS_RETURNED, HResult::MAPI_W_PARTIAL_COMPLETION];
        if let Some(error) = &self.failing_error
            && status.is_success()
            && !ADMITS.contains(&status)
        {
            let message = format!("a failing Error was reported, yet Done says {status}");
            facts.broken(
                policy,
                Rule::StatusHonest,
                call.at_ms,
                message,
                [Some(error), Some(call)],
            );
        }
        if let Some(progress) = self.in_flight.last()
            && status == HResult::S_OK
            && !progress.is_complete()
        {
            let Progress { index, index_max, .. } = progress;
            let last = progress.kept(facts, self.text.as_ref());
            let message =
                format!("Done(S_OK) came when the last position was {index} of {index_max}");
            facts.broken(
                policy,
                Rule::ProgressComplete,
                call.at_ms,
                message,
                [Some(&last), Some(call)],
            );
        }
    }

    fn check_cancel(&self, facts: &mut Facts, call: &KeptCall, status: HResult, policy: &Policy) {
        let Some(cancel) = &self.cancel else { return };
        let request = facts.kept(cancel.at_ms, None, Call::CancelRequested);
        let (taken, bound) = (call.at_ms.saturating_sub(cancel.at_ms), policy.cancel_within_ms());
        if taken > bound {
            let message = format!(
                "Done came {taken} ms after the cancel request, where at most {bound} ms are allowed"
            );
            facts.broken(
                policy,
                Rule::CancelAnswered,
                call.at_ms,
                message,
                [Some(&request), Some(call)],
            );
        }
        // The request may cross the very last report on its way.
        let complete = self.in_flight.last().is_none_or(Progress::is_complete);
        let was_complete = cancel.was_complete
            || cancel.progress_since == 0
            || (cancel.progress_since == 1 && complete);
        let failed_by_itself = self.failing_error.is_some() || status == HResult::E_UNEXPECTED;
        let answered = match status {
            HResult::MAPI_E_USER_CANCEL => true,
            status if status.is_success() => was_complete,
            _ => failed_by_itself,
        };
        if !answered {
            let message = format!(
                "a cancel request was answered with Done({status}) instead of MAPI_E_USER_CANCEL"
            );
            facts.broken(
                policy,
                Rule::CancelAnswered,
                call.at_ms,
                message,
                [Some(&request), Some(call)],
            );
        }
    }

    #[cold]
    fn ended_call(
        &mut self,
        facts: &mut Facts,
        call: KeptCall,
        at_ms: u64,
        answer: Answer,
        policy: &Policy,
    ) {
        if let Call::Done { .. } = call.call {
            facts.done_ended = true;
            if facts.started() && self.references.is_some_and(|references| references < 0) {
                self.check_held(facts, &call, policy);
            }
            return;
        }
        if answer.is_failure() && self.host_failure.is_none() {
            self.host_failure = Some(call);
        }
        if answer == Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE) {
            self.cancel_requested(facts, at_ms);
        }
    }

    #[cold]
    fn finish_without_done(&mut self, facts: &mut Facts, at_ms: u64, policy: &Policy) {
        let start = facts.start.clone();
        if let Some(failure) = &self.host_failure {
            let message = "Done never came after the host had failed a call";
            facts.broken(
                policy,
                Rule::HostErrorSurvived,
                at_ms,
                message,
                [start.as_ref(), Some(failure)],
            );
        }
        if let Some(cancel) = &self.cancel {
            let request = facts.kept(cancel.at_ms, None, Call::CancelRequested);
            let message = "Done never came after the cancel request";
            facts.broken(
                policy,
                Rule::CancelAnswered,
                at_ms,
                message,
                [start.as_ref(), Some(&request)],
            );
        }
        let last = self.in_flight.last().map(|progress| progress.kept(facts, self.text.as_ref()));
        let message = "the sync was started and Done never came";
        facts.broken(policy, Rule::DoneOnce, at_ms, message, [start.as_ref(), last.as_ref()]);
    }

    /// Makes `text` the current one. Calls in flight that hold the old one keep it.
    #[cold]
    fn change_text(&mut self, text: &str) {
        self.in_flight.text_changes(self.text.as_ref());
        self.text = Some(Arc::from(text));
        self.plain().set_text(text);
    }
}
