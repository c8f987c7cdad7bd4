//! What the contract sees: the calls between the two sides, and nothing else.

use std::fmt;
use std::sync::Arc;

use super::Party;
use crate::{HResult, RawEvent, ShutdownMethod, SyncFlags};

/// A sync, numbered from 1 in the order of the starts that one monitor saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SyncId(pub u32);

impl SyncId {
    /// No sync: a call belongs to the store as a whole.
    pub const STORE: Self = Self(0);
}

/// A callback that was made, numbered from 1 within its sync in the order in which the calls began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u32);

impl CallId {
    /// The call of this number; none for 0.
    #[inline]
    pub(super) fn numbered(number: u32) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }
}

/// How a callback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It returned this.
    Returned(HResult),
    /// The host panicked in it.
    Panicked,
    /// The provider dropped the call before it returned.
    Dropped,
}

impl Answer {
    /// Whether the host failed the call: with a failing code, or by panicking.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::Returned(result) => result.is_failure(),
            Self::Panicked => true,
            Self::Dropped => false,
        }
    }
}

/// One thing that happened between provider and host in a sync, with its arguments.
///
/// `Text` is how texts are held: borrowed while a call is observed, shared in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call<Text> {
    /// The host called SynchronizeInBackground.
    Start {
        /// What it asked for.
        flags: SyncFlags,
    },
    /// SynchronizeInBackground returned.
    StartReturned {
        /// What it returned.
        result: HResult,
        /// What stands in the out-pointer.
        event: RawEvent,
    },
    /// The provider asked for the callback interface and got it, with a reference.
    Queried,
    /// The provider called AddRef.
    AddRef,
    /// The provider called Release.
    Release,
    /// The provider called Progress.
    Progress {
        /// The current step; `None` is NULL.
        text: Option<Text>,
        /// The position.
        index: u32,
        /// The position that means complete.
        index_max: u32,
    },
    /// The provider called Error.
    Error {
        /// The error or warning.
        result: HResult,
        /// Its text; `None` is NULL.
        text: Option<Text>,
    },
    /// The provider called Done.
    Done {
        /// The handle that it passed back.
        event: RawEvent,
        /// The final status.
        status: HResult,
    },
    /// A callback ended.
    Ended {
        /// Which.
        call: CallId,
        /// How.
        answer: Answer,
    },
    /// An event was created.
    EventCreated {
        /// Its first handle.
        event: RawEvent,
    },
    /// A handle was duplicated.
    EventDuplicated {
        /// By whom.
        by: Party,
        /// The handle that was given.
        from: RawEvent,
        /// The handle that came of it.
        event: RawEvent,
    },
    /// The provider wrote the out-pointer.
    EventPublished {
        /// What it wrote; NULL takes the event back.
        event: RawEvent,
    },
    /// An event was signalled.
    EventSet {
        /// By whom.
        by: Party,
        /// Through which handle.
        event: RawEvent,
    },
    /// Somebody began to wait for an event.
    EventWaited {
        /// Who.
        by: Party,
        /// Through which handle.
        event: RawEvent,
    },
    /// A handle was closed.
    EventClosed {
        /// By whom.
        by: Party,
        /// Which.
        event: RawEvent,
    },
    /// The user or the host asked the sync to stop.
    CancelRequested,
    /// The host read the text of a callback.
    TextRead {
        /// Of which one.
        call: CallId,
    },
    /// The host released the store.
    StoreReleased,
    /// The host called a method of shutdown. Such a call belongs to the [store](SyncId::STORE), and
    /// each sync's rules are asked about it.
    Shutdown {
        /// Which.
        method: ShutdownMethod,
    },
    /// A method of shutdown returned.
    ShutdownReturned {
        /// Which.
        method: ShutdownMethod,
        /// What it returned.
        result: HResult,
    },
}

/// Which [`Call`] it is, without its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// [`Call::Start`].
    Start,
    /// [`Call::StartReturned`].
    StartReturned,
    /// [`Call::Queried`].
    Queried,
    /// [`Call::AddRef`].
    AddRef,
    /// [`Call::Release`].
    Release,
    /// [`Call::Progress`].
    Progress,
    /// [`Call::Error`].
    Error,
    /// [`Call::Done`].
    Done,
    /// [`Call::Ended`].
    Ended,
    /// [`Call::EventCreated`].
    EventCreated,
    /// [`Call::EventDuplicated`].
    EventDuplicated,
    /// [`Call::EventPublished`].
    EventPublished,
    /// [`Call::EventSet`].
    EventSet,
    /// [`Call::EventWaited`].
    EventWaited,
    /// [`Call::EventClosed`].
    EventClosed,
    /// [`Call::CancelRequested`].
    CancelRequested,
    /// [`Call::TextRead`].
    TextRead,
    /// [`Call::StoreReleased`].
    StoreReleased,
    /// [`Call::Shutdown`].
    Shutdown,
    /// [`Call::ShutdownReturned`].
    ShutdownReturned,
}

impl CallKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Start,
        Self::StartReturned,
        Self::Queried,
        Self::AddRef,
        Self::Release,
        Self::Progress,
        Self::Error,
        Self::Done,
        Self::Ended,
        Self::EventCreated,
        Self::EventDuplicated,
        Self::EventPublished,
        Self::EventSet,
        Self::EventWaited,
        Self::EventClosed,
        Self::CancelRequested,
        Self::TextRead,
        Self::StoreReleased,
        Self::Shutdown,
        Self::ShutdownReturned,
    ];
}

impl<Text> Call<Text> {
    /// Which call it is.
    #[must_use]
    pub fn kind(&self) -> CallKind {
        match self {
            Self::Start { .. } => CallKind::Start,
            Self::StartReturned { .. } => CallKind::StartReturned,
            Self::Queried => CallKind::Queried,
            Self::AddRef => CallKind::AddRef,
            Self::Release => CallKind::Release,
            Self::Progress { .. } => CallKind::Progress,
            Self::Error { .. } => CallKind::Error,
            Self::Done { .. } => CallKind::Done,
            Self::Ended { .. } => CallKind::Ended,
            Self::EventCreated { .. } => CallKind::EventCreated,
            Self::EventDuplicated { .. } => CallKind::EventDuplicated,
            Self::EventPublished { .. } => CallKind::EventPublished,
            Self::EventSet { .. } => CallKind::EventSet,
            Self::EventWaited { .. } => CallKind::EventWaited,
            Self::EventClosed { .. } => CallKind::EventClosed,
            Self::CancelRequested => CallKind::CancelRequested,
            Self::TextRead { .. } => CallKind::TextRead,
            Self::StoreReleased => CallKind::StoreReleased,
            Self::Shutdown { .. } => CallKind::Shutdown,
            Self::ShutdownReturned { .. } => CallKind::ShutdownReturned,
        }
    }
}

impl<Text> Call<Text> {
    /// Whether it belongs to the store, and to none of its syncs.
    pub(super) fn is_of_store(&self) -> bool {
        matches!(self, Self::Shutdown { .. } | Self::ShutdownReturned { .. })
    }
}

impl Call<&str> {
    /// The same call, with its text, if it has one, held as `share` holds it.
    pub(super) fn sharing(self, share: impl FnOnce(&str) -> Arc<str>) -> Call<Arc<str>> {
        match self {
            Self::Start { flags } => Call::Start { flags },
            Self::StartReturned { result, event } => Call::StartReturned { result, event },
            Self::Queried => Call::Queried,
            Self::AddRef => Call::AddRef,
            Self::Release => Call::Release,
            Self::Progress { text, index, index_max } => {
                Call::Progress { text: text.map(share), index, index_max }
            }
            Self::Error { result, text } => Call::Error { result, text: text.map(share) },
            Self::Done { event, status } => Call::Done { event, status },
            Self::Ended { call, answer } => Call::Ended { call, answer },
            Self::EventCreated { event } => Call::EventCreated { event },
            Self::EventDuplicated { by, from, event } => Call::EventDuplicated { by, from, event },
            Self::EventPublished { event } => Call::EventPublished { event },
            Self::EventSet { by, event } => Call::EventSet { by, event },
            Self::EventWaited { by, event } => Call::EventWaited { by, event },
            Self::EventClosed { by, event } => Call::EventClosed { by, event },
            Self::CancelRequested => Call::CancelRequested,
            Self::TextRead { call } => Call::TextRead { call },
            Self::StoreReleased => Call::StoreReleased,
            Self::Shutdown { method } => Call::Shutdown { method },
            Self::ShutdownReturned { method, result } => Call::ShutdownReturned { method, result },
        }
    }
}

/// A call that was made, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallRecord {
    /// The sync that it belongs to, or [`SyncId::STORE`].
    pub sync: SyncId,
    /// When it was, in (virtual) milliseconds since the monitor's epoch.
    pub at_ms: u64,
    /// Its number, if it is a callback.
    pub number: Option<CallId>,
    /// The call.
    pub call: Call<Arc<str>>,
}

impl<Text: AsRef<str>> fmt::Display for Call<Text> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn quoted<Text: AsRef<str>>(text: Option<&Text>) -> String {
            text.map_or_else(|| "NULL".to_owned(), |text| format!("{:?}", text.as_ref()))
        }
        match self {
            Self::Start { flags } => write!(f, "SynchronizeInBackground({flags})"),
            Self::StartReturned { result, event } => {
                write!(
                    f,
                    "SynchronizeInBackground returned {result}, with {event} in the out-pointer"
                )
            }
            Self::Queried => f.write_str("QueryInterface of the callback"),
            Self::AddRef => f.write_str("AddRef of the callback"),
            Self::Release => f.write_str("Release of the callback"),
            Self::Progress { text, index, index_max } => {
                write!(f, "Progress({}, {index}, {index_max})", quoted(text.as_ref()))
            }
            Self::Error { result, text } => write!(f, "Error({result}, {})", quoted(text.as_ref())),
            Self::Done { event, status } => write!(f, "Done({event}, {status})"),
            Self::Ended { call, answer } => match answer {
                Answer::Returned(result) => write!(f, "call {} returned {result}", call.0),
                Answer::Panicked => write!(f, "call {} panicked", call.0),
                Answer::Dropped => write!(f, "call {} was dropped", call.0),
            },
            Self::EventCreated { event } => write!(f, "CreateEvent gave {event}"),
            Self::EventDuplicated { by, from, event } => {
                write!(f, "DuplicateHandle({from}) by the {by} gave {event}")
            }
            Self::EventPublished { event } => write!(f, "{event} put in the out-pointer"),
            Self::EventSet { by, event } => write!(f, "SetEvent({event}) by the {by}"),
            Self::EventWaited { by, event } => write!(f, "wait for {event} by the {by}"),
            Self::EventClosed { by, event } => write!(f, "CloseHandle({event}) by the {by}"),
            Self::CancelRequested => f.write_str("cancel requested"),
            Self::TextRead { call } => write!(f, "text of call {} read", call.0),
            Self::StoreReleased => f.write_str("store released"),
            Self::Shutdown { method } => write!(f, "{method}()"),
            Self::ShutdownReturned { method, result } => write!(f, "{method} returned {result}"),
        }
    }
}

impl CallRecord {
    /// A call that belongs to the store.
    pub(super) fn of_store(at_ms: u64, call: Call<&str>) -> Self {
        Self {
            sync: SyncId::STORE,
            at_ms,
            number: None,
            call: call.sharing(|text| Arc::from(text)),
        }
    }
}

impl fmt::Display for CallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms, ", self.at_ms)?;
        match self.sync {
            SyncId::STORE => f.write_str("the store")?,
            SyncId(number) => write!(f, "sync {number}")?,
        }
        if let Some(CallId(number)) = self.number {
            write!(f, ", call {number}")?;
        }
        write!(f, ": {}", self.call)
    }
}
