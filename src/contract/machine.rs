//! The state machine of one sync: calls in, broken rules out. It has no clock, no lock and no
//! memory of what it does not need, so it can run in production, over a recorded trace, and
//! millions of times a second in a simulation.

use std::sync::Arc;

use super::callbacks::Callbacks;
use super::handles::Handles;
use super::plain::Plain;
use super::{Call, CallId, KeptCall, Policy, Rule, Side, SyncId, Violation};
use crate::{HResult, RawEvent};

/// How much of a sync is watched. A rule about something that is not watched is not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The three calls of the callback alone.
    Callback,
    /// Start, QueryInterface, references, out-pointer and events as well.
    Request,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) facts: Facts,
    callbacks: Callbacks,
    handles: Handles,
}

/// What every part of the machine needs to know.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) sync: SyncId,
    pub(super) scope: Scope,
    /// Whether the host's own use of handles is observed too.
    pub(super) host_watched: bool,
    /// Calls seen so far, their ends not counted. Brought up to date before a rule is applied.
    position: u32,
    /// Those of them that are no callbacks.
    others: u32,
    /// A bit for each rule that has been reported.
    reported: u32,
    pub(super) start: Option<KeptCall>,
    pub(super) returned: Option<KeptCall>,
    pub(super) done: Option<KeptCall>,
    pub(super) done_ended: bool,
    /// Violations that nobody has taken yet.
    found: Vec<Violation>,
}

impl Facts {
    fn new(sync: SyncId, scope: Scope, host_watched: bool) -> Self {
        Self {
            sync,
            scope,
            host_watched,
            position: 0,
            others: 0,
            reported: 0,
            start: None,
            returned: None,
            done: None,
            done_ended: false,
            found: Vec::new(),
        }
    }

    /// The start is observed and has not returned.
    #[inline]
    pub(super) fn is_starting(&self) -> bool {
        self.scope == Scope::Request && self.returned.is_none()
    }

    /// The start returned a success.
    pub(super) fn started(&self) -> bool {
        self.start_result().is_some_and(HResult::is_success)
    }

    /// The start returned a failure.
    pub(super) fn failed(&self) -> bool {
        self.start_result().is_some_and(HResult::is_failure)
    }

    fn start_result(&self) -> Option<HResult> {
        match self.returned.as_ref()?.call {
            Call::StartReturned { result, .. } => Some(result),
            _ => None,
        }
    }

    pub(super) fn kept(
        &self,
        at_ms: u64,
        number: Option<CallId>,
        call: Call<Arc<str>>,
    ) -> KeptCall {
        KeptCall { sync: self.sync, at_ms, number, call }
    }

    /// Reports a broken rule, unless the policy does without it or this sync has broken it before.
    #[cold]
    pub(super) fn broken<'k>(
        &mut self,
        policy: &Policy,
        rule: Rule,
        at_ms: u64,
        message: impl Into<String>,
        calls: impl IntoIterator<Item = Option<&'k KeptCall>>,
    ) {
        let bit = 1 << rule as u32;
        if !policy.holds(rule) || self.reported & bit != 0 {
            return;
        }
        self.reported |= bit;
        let calls = calls.into_iter().flatten().cloned().collect();
        let (sync, position) = (self.sync, self.position);
        self.found.push(Violation { rule, sync, at_ms, position, message: message.into(), calls });
    }
}

impl Machine {
    pub(super) fn new(sync: SyncId, scope: Scope, host_watched: bool) -> Self {
        let facts = Facts::new(sync, scope, host_watched);
        Self { facts, callbacks: Callbacks::default(), handles: Handles::default() }
    }

    /// Begins anew with another sync, in the same memory.
    pub(super) fn begin_again(&mut self, sync: SyncId, scope: Scope, host_watched: bool) {
        self.facts = Facts::new(sync, scope, host_watched);
        self.callbacks.clear();
        self.handles = Handles::default();
    }

    /// Takes what was found broken since the last time.
    #[inline]
    pub(super) fn take_found(&mut self) -> Option<Vec<Violation>> {
        if self.facts.found.is_empty() { None } else { Some(std::mem::take(&mut self.facts.found)) }
    }

    /// Takes into account a call of a sync where all goes well: a plain Progress, or the first one,
    /// or Done. `None` if the call is not known to be one that breaks no rule, and nothing has
    /// been done: it is for [`Self::observe`].
    pub(super) fn orderly(
        &mut self,
        at_ms: u64,
        call: Call<&str>,
        policy: &Policy,
    ) -> Option<CallId> {
        let Self { facts, callbacks, .. } = self;
        match call {
            Call::Progress { text, index, index_max } => {
                let silence_ms = policy.bounded_silence_ms();
                let is_text = |text: &str| callbacks.is_text(text);
                callbacks.plain().begin(at_ms, text, index, index_max, silence_ms, is_text).or_else(
                    || callbacks.first_progress(facts, at_ms, text, index, index_max, policy),
                )
            }
            Call::Done { event, status } => {
                callbacks.orderly_done(facts, at_ms, event, status, policy)
            }
            _ => None,
        }
    }

    /// Takes into account the end of a Done that was an [orderly](Self::orderly) one. `false` if
    /// the call is not known to be one, and nothing has been done.
    pub(super) fn orderly_end(&mut self, at_ms: u64, number: CallId) -> bool {
        let Self { facts, callbacks, .. } = self;
        let ended = callbacks.orderly_end(facts, at_ms, number);
        facts.done_ended |= ended;
        ended
    }

    /// Takes one call into account. A callback that begins gets the number that its end must name.
    pub(super) fn observe(
        &mut self,
        at_ms: u64,
        call: Call<&str>,
        policy: &Policy,
    ) -> Option<CallId> {
        match call {
            Call::Ended { .. } => self.count(0),
            Call::Progress { .. } | Call::Error { .. } | Call::Done { .. } => self.count(1),
            _ => {
                self.facts.others += 1;
                self.count(0);
            }
        }
        let number = self.apply(at_ms, call, policy);
        self.callbacks.settle(&self.facts, policy);
        number
    }

    fn apply(&mut self, at_ms: u64, call: Call<&str>, policy: &Policy) -> Option<CallId> {
        let facts = &mut self.facts;
        match call {
            Call::Start { flags } => {
                facts.start = Some(facts.kept(at_ms, None, Call::Start { flags }));
            }
            Call::StartReturned { result, event } => {
                self.start_returned(at_ms, result, event, policy);
            }
            Call::Queried => self.callbacks.queried(facts, at_ms, policy),
            Call::AddRef => self.callbacks.add_ref(),
            Call::Release => self.callbacks.release(facts, at_ms, policy),
            Call::Progress { text, index, index_max } => {
                let callbacks = &mut self.callbacks;
                return Some(callbacks.progress(facts, at_ms, text, index, index_max, policy));
            }
            Call::Ended { call, answer } => {
                self.callbacks.ended(facts, at_ms, call, answer, policy);
            }
            Call::Error { result, text } => {
                return Some(self.callbacks.error(
                    facts,
                    at_ms,
                    result,
                    text.map(Arc::from),
                    policy,
                ));
            }
            Call::Done { event, status } => {
                let call = self.callbacks.done(facts, at_ms, event, status, policy);
                self.handles.done(facts, at_ms, event, policy);
                return Some(call);
            }
            Call::EventCreated { event } => self.handles.created(event),
            Call::EventDuplicated { by, from, event } => {
                self.handles.touched(facts, at_ms, by, from, call, policy);
                self.handles.duplicated(from, event);
            }
            Call::EventPublished { event } => self.handles.published(facts, at_ms, event, policy),
            Call::EventSet { by, event } => {
                self.handles.touched(facts, at_ms, by, event, call, policy);
                self.handles.set(facts, at_ms, by, event, policy);
            }
            Call::EventWaited { by, event } => {
                self.handles.touched(facts, at_ms, by, event, call, policy);
            }
            Call::EventClosed { by, event } => {
                self.handles.touched(facts, at_ms, by, event, call, policy);
                match by {
                    Side::Provider => self.handles.closed_by_provider(facts, at_ms, event, policy),
                    Side::Host => self.handles.closed_by_host(facts, at_ms, event, policy),
                }
            }
            Call::CancelRequested => self.callbacks.cancel_requested(facts, at_ms),
            Call::TextRead { call } => self.callbacks.text_read(facts, at_ms, call, policy),
            Call::StoreReleased => self.store_released(at_ms, policy),
        }
        None
    }

    /// Where a plain callback begins and ends without this.
    pub(super) fn plain(&self) -> &Arc<Plain> {
        self.callbacks.plain()
    }

    /// Ends the observation: what is still owed is broken now.
    pub(super) fn finish(&mut self, at_ms: u64, policy: &Policy) {
        self.count(0);
        self.callbacks.finish(&mut self.facts, at_ms, policy);
        self.handles.finish(&mut self.facts, at_ms, policy);
    }

    /// Applies the overlap rule to this sync, whose start has just returned, given one that
    /// was running when it began.
    pub(super) fn overlapped(&mut self, at_ms: u64, running: &Overlapped, policy: &Policy) {
        // A start may also fail for reasons of its own; only a code that gives no reason hides what
        // happened.
        const NO_REASON: [HResult; 2] = [HResult::E_FAIL, HResult::E_UNEXPECTED];
        self.count(0);
        let Some(returned) = self.facts.returned.clone() else { return };
        let Call::StartReturned { result, event } = returned.call else { return };
        let earlier = running.start.as_ref();
        if result.is_success() && !event.is_null() && event == running.published {
            let message = format!(
                "a second start returned {result} with the event of the sync that was still running"
            );
            self.facts.broken(policy, Rule::Overlap, at_ms, message, [earlier, Some(&returned)]);
        } else if NO_REASON.contains(&result) {
            let message = format!(
                "a second start while a sync was running failed with {result} instead of MAPI_E_BUSY"
            );
            self.facts.broken(policy, Rule::Overlap, at_ms, message, [earlier, Some(&returned)]);
        }
    }

    /// Whether this sync has begun to start and Done has not begun.
    pub(super) fn is_running(&self) -> bool {
        self.facts.start.is_some() && !self.facts.failed() && self.facts.done.is_none()
    }

    /// What a start that overlaps this sync must not share with it.
    pub(super) fn not_to_share(&self) -> Overlapped {
        Overlapped { start: self.facts.start.clone(), published: self.handles.published_handle() }
    }

    /// The handle that the host owns or will own.
    pub(super) fn published_handle(&self) -> RawEvent {
        self.handles.published_handle()
    }

    /// Whether nothing more is owed, so that the sync need not be remembered.
    pub(super) fn settled(&self) -> bool {
        let Facts { scope, done_ended, .. } = self.facts;
        let started = scope == Scope::Callback || self.facts.started();
        let ended = self.facts.failed() || (started && done_ended);
        ended && self.callbacks.settled() && self.handles.settled(&self.facts)
    }

    /// Whether nothing has been seen of this sync.
    pub(super) fn is_untouched(&self) -> bool {
        self.facts.others == 0 && self.plain().begun() == 0
    }

    /// Counts the calls so far, those that began without this among them, and so many callbacks
    /// that begin now.
    #[inline]
    fn count(&mut self, beginning: u32) {
        self.facts.position = self.facts.others + self.plain().begun() + beginning;
    }

    fn start_returned(&mut self, at_ms: u64, result: HResult, event: RawEvent, policy: &Policy) {
        let facts = &mut self.facts;
        facts.returned = Some(facts.kept(at_ms, None, Call::StartReturned { result, event }));
        self.callbacks.start_returned(facts, at_ms, policy);
        self.handles.start_returned(facts, at_ms, event, policy);
    }

    fn store_released(&mut self, at_ms: u64, policy: &Policy) {
        let facts = &mut self.facts;
        let running = facts.start.is_some() && !facts.failed() && !facts.done_ended;
        if running {
            let released = facts.kept(at_ms, None, Call::StoreReleased);
            let (start, done) = (facts.start.clone(), facts.done.clone());
            let message = "the store was released while the sync was not done";
            facts.broken(
                policy,
                Rule::ShutdownDrained,
                at_ms,
                message,
                [start.as_ref(), done.as_ref(), Some(&released)],
            );
        }
    }
}

/// What is known of a sync that was running when another start began.
#[derive(Clone, Debug)]
pub(super) struct Overlapped {
    start: Option<KeptCall>,
    published: RawEvent,
}
