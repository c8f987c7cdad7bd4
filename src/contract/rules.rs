//! The rules, as data. This table is the contract; everything else in this room only applies it.

use std::fmt;
use std::str::FromStr;

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Documented, or COM's own rule.
    Must,
    /// A convention of the interface's family.
    Should,
    /// The documentation is silent and this is our choice: see [`Policy`](super::Policy).
    Policy,
}

/// Who breaks a rule when it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blame {
    /// The store provider.
    Provider,
    /// The host: Outlook, or whoever plays it.
    Host,
}

macro_rules! rules {
    ($($variant:ident $id:literal $level:ident $blame:ident $statement:literal $source:literal;)*) => {
        /// A rule of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $statement] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The rule's name, for example `done-once`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// How binding the rule is.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)* }
            }

            /// Who breaks it when it is broken.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }

            /// What it says.
            #[must_use]
            pub const fn statement(self) -> &'static str {
                match self { $(Self::$variant => $statement,)* }
            }

            /// Where it comes from: a page of Microsoft's reference, or the reason for a choice of ours.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }
        }
    };
}

rules! {
    DoneOnce "done-once" Must Provider
        "a sync whose start succeeded ends with exactly one Done"
        "IMAPISyncProgressCallback::Done";
    DoneLast "done-last" Must Provider
        "when Done begins, no Progress or Error of that sync is in flight, and none begins afterwards"
        "IMAPISyncProgressCallback::Done";
    NoCallOnFailedStart "no-call-on-failed-start" Must Provider
        "if the start failed, the callback is never called for it and no event is left in the out-pointer"
        "COM: on failure an out-parameter is NULL; IMAPISync::SynchronizeInBackground";
    EventPublished "event-published" Must Provider
        "a successful start has put a valid event in the out-pointer before it returns"
        "MAPISIB, phSyncDoneEvent";
    EventAfterDone "event-after-done" Must Provider
        "the event occurs once the background work is complete: after Done returned, never before, and always in the end"
        "MAPISIB, phSyncDoneEvent";
    EventSame "event-same" Must Provider
        "the handle given to Done is NULL or the published one"
        "IMAPISyncProgressCallback::Done, hThreadDoneEvent";
    EventOwner "event-owner" Must Provider
        "after a handle went to Done the provider never touches that handle again: the host may have closed it"
        "IMAPISyncProgressCallback::Done, hThreadDoneEvent";
    EventClosedOnce "event-closed-once" Must Host
        "the host closes the published handle exactly once: after Done received it, or after waiting when Done received NULL"
        "IMAPISyncProgressCallback::Done, hThreadDoneEvent";
    ProgressRange "progress-range" Must Provider
        "the position is at most the maximum"
        "IMAPISyncProgressCallback::Progress, ulIndex and ulIndexMax";
    ProgressForward "progress-forward" Should Provider
        "within one maximum the position never goes back"
        "IMAPIProgress::Progress: a single positive direction";
    ProgressComplete "progress-complete" Should Provider
        "the position equals the maximum only when that phase is complete, and a Done(S_OK) after progress is preceded by it"
        "IMAPIProgress::Progress: equal to the maximum only at completion";
    ErrorCode "error-code" Must Provider
        "the code given to Error is an error or a warning, never S_OK"
        "IMAPISyncProgressCallback::Error, hResult";
    ErrorText "error-text" Must Provider
        "the text given to Error is not NULL"
        "IMAPISyncProgressCallback::Error, pwcszErrorStr";
    StatusHonest "status-honest" Should Provider
        "after a failing Error, Done's status is a failure, MAPI_W_ERRORS_RETURNED or MAPI_W_PARTIAL_COMPLETION"
        "IMAPISyncProgressCallback::Done, hResult: the final status";
    CallbackHeld "callback-held" Must Provider
        "the callback is queried and AddRef'd before the start returns, released once per AddRef after Done, and not called after that"
        "MAPISIB, punkCallBack; IUnknown::AddRef and IUnknown::Release";
    StringsCopied "strings-copied" Must Host
        "text is copied during the call: the pointer is dead afterwards"
        "COM: memory passed in belongs to the caller and is valid for the call";
    HostErrorSurvived "host-error-survived" Policy Provider
        "a failing or panicking Progress or Error never costs the Done"
        "policy: only S_OK is documented, and the host waits for Done whatever it answered";
    CancelAnswered "cancel-answered" Policy Provider
        "after a cancel request the sync ends in bounded time with Done(MAPI_E_USER_CANCEL), unless it was already complete"
        "policy, after IMAPISupport::SpoolerYield";
    ShutdownDrained "shutdown-drained" Policy Provider
        "every started sync is done before the store is released"
        "policy, after IMAPIProvider and IMSProvider::QueryFastShutdown";
    Overlap "overlap" Policy Provider
        "a second start while one runs fails with MAPI_E_BUSY or is a sync of its own, with its own callback, Done and event"
        "policy: the reference does not speak of a second start";
    SerialCalls "serial-calls" Policy Provider
        "callbacks of one sync do not overlap one another"
        "policy, off by default: MAPI is free-threaded and the client's callbacks are thread-safe";
    BoundedSilence "bounded-silence" Policy Provider
        "while work goes on, a callback comes within the bound"
        "policy: Progress is documented as called periodically";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Policy => "policy",
        })
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Provider => "provider",
            Self::Host => "host",
        })
    }
}

/// A text is not the id of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rule of the contract")]
pub struct UnknownRule(String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|rule| rule.id() == id)
            .ok_or_else(|| UnknownRule(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twenty_two_rules_with_ids_of_their_own() {
        assert_eq!(Rule::ALL.len(), 22);
        for rule in Rule::ALL {
            assert_eq!(rule.id().parse(), Ok(*rule));
        }
        assert_eq!("done-twice".parse::<Rule>(), Err(UnknownRule("done-twice".to_owned())));
    }

    #[test]
    fn levels_and_blames_are_counted() {
        let count = |level| Rule::ALL.iter().filter(|rule| rule.level() == level).count();
        assert_eq!([count(Level::Must), count(Level::Should), count(Level::Policy)], [13, 3, 6]);
        let hosts: Vec<_> = Rule::ALL.iter().filter(|rule| rule.blame() == Blame::Host).collect();
        assert_eq!(hosts, [&Rule::EventClosedOnce, &Rule::StringsCopied]);
    }
}
