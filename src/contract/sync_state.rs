//! What is known of one sync: what several rules need, derived once for each call.

use std::sync::Arc;

use super::handles::Handles;
use super::{Call, CallId, CallRecord, SyncId};
use crate::{HResult, RawEvent, ShutdownMethod};

/// How much of a sync is watched. A rule about something that is not watched is not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The three calls of the callback alone.
    Callback,
    /// Start, QueryInterface, references, out-pointer and events as well.
    Request,
}

/// What is known of a sync, as its rules see it: what it has come to before the call that they
/// judge.
#[derive(Debug)]
pub struct SyncState {
    id: SyncId,
    scope: Scope,
    host_watched: bool,
    /// Calls that are no callbacks, and no ends of callbacks.
    other_calls: u32,
    pub(super) callbacks: u32,
    start: Option<CallRecord>,
    returned: Option<CallRecord>,
    done: Option<CallRecord>,
    done_ended: bool,
    pub(super) in_flight: Vec<CallRecord>,
    pub(super) last_progress: Option<Progress>,
    /// The text of the last Progress that had one: unchanged text is compared, not copied.
    last_text: Option<Arc<str>>,
    failing_error: Option<CallRecord>,
    pub(super) last_activity_ms: u64,
    references: Option<i32>,
    handles: Handles,
    shutdown: Option<Box<Told>>,
}

/// What a store's provider knows of a fast shutdown.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// NotifyProcessShutdown has returned.
    notified: CallRecord,
    /// DoFastShutdown has returned.
    exiting: Option<CallRecord>,
}

impl Told {
    /// Takes a call into account.
    pub(super) fn apply(told: &mut Option<Box<Self>>, record: &CallRecord) {
        let Call::ShutdownReturned { method, .. } = record.call else { return };
        let is_exit = method == ShutdownMethod::DoFastShutdown;
        if !is_exit && method != ShutdownMethod::NotifyProcessShutdown {
            return;
        }
        // A host that leaves the notice out has told the provider all the same.
        let told =
            told.get_or_insert_with(|| Box::new(Self { notified: record.clone(), exiting: None }));
        if is_exit && told.exiting.is_none() {
            told.exiting = Some(record.clone());
        }
    }
}

/// A call of Progress.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// When it began, in (virtual) milliseconds since the monitor's epoch.
    pub at_ms: u64,
    /// Its number.
    pub number: CallId,
    /// The current step; `None` is NULL.
    pub text: Option<Arc<str>>,
    /// The position.
    pub index: u32,
    /// The position that means complete.
    pub index_max: u32,
}

impl Progress {
    /// Whether the position equals the maximum.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.index == self.index_max
    }

    pub(super) fn record(&self, sync: SyncId) -> CallRecord {
        let Self { at_ms, number, ref text, index, index_max } = *self;
        let call = Call::Progress { text: text.clone(), index, index_max };
        CallRecord { sync, at_ms, number: Some(number), call }
    }
}

impl SyncState {
    pub(super) fn new(id: SyncId, scope: Scope, host_watched: bool) -> Self {
        Self {
            id,
            scope,
            host_watched,
            other_calls: 0,
            callbacks: 0,
            start: None,
            returned: None,
            done: None,
            done_ended: false,
            in_flight: Vec::new(),
            last_progress: None,
            last_text: None,
            failing_error: None,
            last_activity_ms: 0,
            references: None,
            handles: Handles::default(),
            shutdown: None,
        }
    }

    /// Begins again with another sync, in the same memory. The last text stays: it saves a copy
    /// where the next sync begins with the same.
    pub(super) fn renew(&mut self, id: SyncId, scope: Scope, host_watched: bool) {
        // Each in its place: a whole new state would be built elsewhere and copied.
        let Self {
            id: own_id,
            scope: own_scope,
            host_watched: own_host_watched,
            other_calls,
            callbacks,
            start,
            returned,
            done,
            done_ended,
            in_flight,
            last_progress,
            last_text: _,
            failing_error,
            last_activity_ms,
            references,
            handles,
            shutdown,
        } = self;
        (*own_id, *own_scope, *own_host_watched) = (id, scope, host_watched);
        (*other_calls, *callbacks, *last_activity_ms) = (0, 0, 0);
        (*start, *returned, *done, *failing_error) = (None, None, None, None);
        (*last_progress, *references, *done_ended) = (None, None, false);
        in_flight.clear();
        handles.clear();
        *shutdown = None;
    }

    /// Which sync this is.
    #[must_use]
    pub fn id(&self) -> SyncId {
        self.id
    }

    /// Whether nothing is seen of this sync but the calls of its callback: no start, no references,
    /// no events.
    #[must_use]
    pub fn is_callback_only(&self) -> bool {
        self.scope == Scope::Callback
    }

    /// Whether the host's own use of handles is observed too.
    #[must_use]
    pub fn is_host_watched(&self) -> bool {
        self.host_watched
    }

    /// The host's call of SynchronizeInBackground.
    #[must_use]
    pub fn start(&self) -> Option<&CallRecord> {
        self.start.as_ref()
    }

    /// The return of SynchronizeInBackground.
    #[must_use]
    pub fn returned(&self) -> Option<&CallRecord> {
        self.returned.as_ref()
    }

    /// Whether the start is observed and has not returned.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.scope == Scope::Request && self.returned.is_none()
    }

    /// Whether the start returned a success.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.start_result().is_some_and(HResult::is_success)
    }

    /// Whether the start returned a failure.
    #[must_use]
    pub fn has_failed_start(&self) -> bool {
        self.start_result().is_some_and(HResult::is_failure)
    }

    fn start_result(&self) -> Option<HResult> {
        match self.returned.as_ref()?.call {
            Call::StartReturned { result, .. } => Some(result),
            _ => None,
        }
    }

    /// The first Done.
    #[must_use]
    pub fn done(&self) -> Option<&CallRecord> {
        self.done.as_ref()
    }

    /// Whether a Done has returned, or ended in another way.
    #[must_use]
    pub fn is_done_ended(&self) -> bool {
        self.done_ended
    }

    /// Whether a Done is owed: the start succeeded, or, where no start is seen, a callback was
    /// made; and the process is not [exiting](Self::exiting).
    #[must_use]
    pub fn owes_done(&self) -> bool {
        (self.is_started() || (self.is_callback_only() && self.callbacks > 0)) && !self.is_exiting()
    }

    /// The return of NotifyProcessShutdown, or that of DoFastShutdown if that came first. It may be
    /// older than the sync.
    #[must_use]
    pub fn notified(&self) -> Option<&CallRecord> {
        self.shutdown.as_ref().map(|told| &told.notified)
    }

    /// The return of DoFastShutdown: from now on the process may end at any moment, and nothing
    /// more is owed. It may be older than the sync.
    #[must_use]
    pub fn exiting(&self) -> Option<&CallRecord> {
        self.shutdown.as_ref()?.exiting.as_ref()
    }

    /// Whether the provider was notified of a fast shutdown.
    #[inline]
    pub(super) fn is_told(&self) -> bool {
        self.shutdown.is_some()
    }

    pub(super) fn is_exiting(&self) -> bool {
        self.exiting().is_some()
    }

    /// Takes over what the provider was told before the sync began.
    pub(super) fn told(&mut self, told: &Told) {
        self.shutdown = Some(Box::new(told.clone()));
    }

    /// The callbacks that have begun and not ended, in no order.
    #[must_use]
    pub fn in_flight(&self) -> &[CallRecord] {
        &self.in_flight
    }

    /// The callback that has been in flight for the longest time.
    #[must_use]
    pub fn first_in_flight(&self) -> Option<&CallRecord> {
        self.in_flight.iter().min_by_key(|call| call.number)
    }

    /// The callback of this number, if it is in flight.
    #[must_use]
    pub fn find_in_flight(&self, number: CallId) -> Option<&CallRecord> {
        self.in_flight.iter().find(|call| call.number == Some(number))
    }

    /// The last Progress that began, in flight or not.
    #[must_use]
    pub fn last_progress(&self) -> Option<&Progress> {
        self.last_progress.as_ref()
    }

    /// The first Error with a failing code.
    #[must_use]
    pub fn failing_error(&self) -> Option<&CallRecord> {
        self.failing_error.as_ref()
    }

    /// When the last callback ended, or the start returned, in (virtual) milliseconds since the
    /// monitor's epoch; 0 before that.
    #[must_use]
    pub fn last_activity_ms(&self) -> u64 {
        self.last_activity_ms
    }

    /// How many references the provider holds to the callback: queries and AddRefs less Releases.
    /// `None` if it never asked for one.
    #[must_use]
    pub fn references(&self) -> Option<i32> {
        self.references
    }

    /// The handle that stands in the out-pointer; NULL if there is none.
    #[must_use]
    pub fn published(&self) -> RawEvent {
        self.handles.published()
    }

    /// How many calls there were, the ends of callbacks not counted.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.other_calls + self.callbacks
    }

    pub(super) fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Whether nothing has been seen of this sync.
    pub(super) fn is_untouched(&self) -> bool {
        self.position() == 0
    }

    /// Whether this is the text of the last Progress that had one.
    pub(super) fn is_last_text(&self, text: &str) -> bool {
        self.last_text.as_deref() == Some(text)
    }

    /// Whether nothing more is owed by either side, so that the sync need not be remembered.
    pub(super) fn is_settled(&self) -> bool {
        let ended = match self.scope {
            Scope::Callback => self.done_ended,
            Scope::Request => self.has_failed_start() || (self.is_started() && self.done_ended),
        };
        let event_settled = self.is_callback_only()
            || self.has_failed_start()
            || self.handles.is_settled(self.host_watched);
        ended
            && self.in_flight.is_empty()
            && self.references.is_none_or(|references| references == 0)
            && event_settled
    }

    /// A call that is made now. A callback gets the next number.
    pub(super) fn record(&self, at_ms: u64, call: Call<&str>) -> CallRecord {
        let is_callback =
            matches!(call, Call::Progress { .. } | Call::Error { .. } | Call::Done { .. });
        let number = is_callback.then(|| CallId(self.callbacks + 1));
        let is_progress = matches!(call, Call::Progress { .. });
        let call = call.sharing(|text| match &self.last_text {
            Some(last) if is_progress && **last == *text => Arc::clone(last),
            _ => Arc::from(text),
        });
        let sync = if call.is_of_store() { SyncId::STORE } else { self.id };
        CallRecord { sync, at_ms, number, call }
    }

    /// Takes a call into account.
    pub(super) fn apply(&mut self, record: CallRecord) {
        let at_ms = record.at_ms;
        match record.call {
            Call::Ended { call, .. } => return self.end(at_ms, call),
            Call::Progress { .. } | Call::Error { .. } | Call::Done { .. } => {
                return self.begin(record);
            }
            // Of the store, not of the sync.
            Call::Shutdown { .. } => return,
            Call::ShutdownReturned { .. } => return Told::apply(&mut self.shutdown, &record),
            _ => self.other_calls += 1,
        }
        match record.call {
            Call::Start { .. } => self.start = Some(record),
            Call::StartReturned { event, .. } => {
                self.last_activity_ms = self.last_activity_ms.max(at_ms);
                self.returned = Some(record);
                if !self.is_callback_only() && self.is_started() {
                    self.handles.start_returned(event);
                }
            }
            Call::Queried | Call::AddRef => *self.references.get_or_insert(0) += 1,
            Call::Release => *self.references.get_or_insert(0) -= 1,
            // The pointer is dead once the start has returned.
            Call::EventPublished { .. } if self.returned.is_some() => {}
            _ => self.handles.apply(record),
        }
    }

    /// Takes a callback into account that begins.
    fn begin(&mut self, record: CallRecord) {
        self.callbacks += 1;
        match &record.call {
            Call::Progress { text, index, index_max } => {
                // As a rule it is the same one, and counting its users is not free.
                if let Some(text) = text
                    && !self.last_text.as_ref().is_some_and(|last| Arc::ptr_eq(last, text))
                {
                    self.last_text = Some(Arc::clone(text));
                }
                self.last_progress = Some(Progress {
                    at_ms: record.at_ms,
                    number: CallId(self.callbacks),
                    text: text.clone(),
                    index: *index,
                    index_max: *index_max,
                });
            }
            Call::Error { result, .. } if self.failing_error.is_none() && result.is_failure() => {
                self.failing_error = Some(record.clone());
            }
            Call::Done { event, .. } if self.done.is_none() => {
                if !event.is_null() && !self.is_callback_only() {
                    self.handles.given_to_done(*event);
                }
                self.done = Some(record.clone());
            }
            _ => {}
        }
        self.in_flight.push(record);
    }

    fn end(&mut self, at_ms: u64, number: CallId) {
        self.last_activity_ms = at_ms;
        let place = self.in_flight.iter().rposition(|call| call.number == Some(number));
        if let Some(place) = place {
            let ended = self.in_flight.swap_remove(place);
            self.done_ended |= matches!(ended.call, Call::Done { .. });
        }
    }
}
