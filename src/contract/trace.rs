//! Traces as data: the calls of a sync, in order, that keep a rule or break it.

use std::collections::BTreeMap;
use std::fmt;

use super::{
    Answer, Call, CallId, Monitor, MonitorConfig, Policy, SyncWatch, Violation, VirtualClock,
};
use crate::contract::Party;
use crate::{HResult, RawEvent, SyncFlags};

/// One step of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The host calls SynchronizeInBackground, and the provider does all that comes before it
    /// returns: [`Self::Prepared`].
    Starting,
    /// The provider queries the callback, creates [`Self::EVENT`], duplicates it as
    /// [`Self::PRIVATE`] and publishes it.
    Prepared,
    /// [`Self::Starting`], and then SynchronizeInBackground returns `S_OK`.
    Started,
    /// This many virtual milliseconds pass.
    Later(u64),
    /// A call is made. A callback returns `S_OK` at once.
    Made(Call<&'static str>),
    /// A callback is made, and ends at once like this.
    Answered(Call<&'static str>, Answer),
    /// A callback begins, and is in flight until its number, from 1, is [ended](Call::Ended).
    Begins(Call<&'static str>),
    /// The callback of this number, from 1, returns `S_OK`.
    Returns(u32),
    /// After a Done that was given [`Self::EVENT`]: the host closes it; the provider releases the
    /// callback, signals [`Self::PRIVATE`] and closes it.
    Finished,
    /// The steps that follow are of the sync of this number, from 1.
    InSync(u32),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("SynchronizeInBackground begins and prepares everything"),
            Self::Prepared => f.write_str("the provider prepares the callback and the event"),
            Self::Started => write!(
                f,
                "SynchronizeInBackground prepares everything, and returns S_OK with {} in the \
                 out-pointer",
                Self::EVENT
            ),
            Self::Later(ms) => write!(f, "{ms} ms pass"),
            Self::Made(call) => call.fmt(f),
            Self::Answered(call, Answer::Returned(result)) => write!(f, "{call} returns {result}"),
            Self::Answered(call, Answer::Panicked) => write!(f, "{call} panics"),
            Self::Answered(call, Answer::Dropped) => write!(f, "{call} is dropped"),
            Self::Begins(call) => write!(f, "{call} begins"),
            Self::Returns(number) => write!(f, "call {number} returns S_OK"),
            Self::Finished => f.write_str("the host closes the event; the provider cleans up"),
            Self::InSync(number) => write!(f, "in sync {number}:"),
        }
    }
}

/// Progress with a text.
pub(super) const fn progress(index: u32, index_max: u32) -> Call<&'static str> {
    Call::Progress { text: Some("Inbox"), index, index_max }
}

/// Error with a text.
pub(super) const fn error(result: HResult) -> Call<&'static str> {
    Call::Error { result, text: Some("the server does not answer") }
}

/// Done with the handle that was published.
pub(super) const fn done(status: HResult) -> Call<&'static str> {
    Call::Done { event: Step::EVENT, status }
}

/// Checks a trace against a policy, and returns the violations. The observation ends after the last
/// step.
///
/// # Panics
///
/// If a step ends a callback that is not in flight, or says that something else than a callback
/// is answered.
///
/// # Examples
///
/// ```
/// use mapi_sync::contract::{Policy, Rule, play};
///
/// let broken = play(Rule::DONE_ONCE.wrong(), &Policy::default());
/// assert_eq!(broken[0].rule, Rule::DONE_ONCE);
/// assert!(play(Rule::DONE_ONCE.right(), &Policy::default()).is_empty());
/// ```
#[must_use]
pub fn play(trace: &[Step], policy: &Policy) -> Vec<Violation> {
    let clock = VirtualClock::new();
    let config = MonitorConfig::default().with_policy(policy.clone());
    let monitor = Monitor::new(config, clock.clone());
    monitor.watch_host();
    let mut syncs: BTreeMap<u32, SyncWatch> = BTreeMap::new();
    let mut current = 1;
    for step in trace {
        if let Step::InSync(number) = step {
            current = *number;
            continue;
        }
        match *step {
            Step::Made(Call::Shutdown { method }) => monitor.shutdown_called(method),
            Step::Made(Call::ShutdownReturned { method, result }) => {
                monitor.shutdown_returned(method, result);
            }
            step => {
                let sync = syncs.entry(current).or_insert_with(|| monitor.request_sync());
                step.play(sync, &clock);
            }
        }
    }
    monitor.finish()
}

impl Step {
    /// The handle that [`Self::Prepared`] publishes.
    pub const EVENT: RawEvent = RawEvent::from_value(4);

    /// The duplicate of [`Self::EVENT`] that the provider keeps for itself.
    pub const PRIVATE: RawEvent = RawEvent::from_value(8);

    fn play(self, sync: &SyncWatch, clock: &VirtualClock) {
        let all = |calls: &[Call<&str>]| {
            for call in calls {
                sync.observe(*call);
            }
        };
        let begin = |call| sync.observe(call).expect("only a callback is answered");
        let end = |call, answer| {
            sync.observe(Call::Ended { call, answer });
        };
        match self {
            Self::Starting => {
                all(&[Call::Start { flags: SyncFlags::BACKGROUND }]);
                Self::Prepared.play(sync, clock);
            }
            Self::Prepared => all(&[
                Call::Queried,
                Call::EventCreated { event: Step::EVENT },
                Call::EventDuplicated {
                    by: Party::Provider,
                    from: Step::EVENT,
                    event: Step::PRIVATE,
                },
                Call::EventPublished { event: Step::EVENT },
            ]),
            Self::Started => {
                Self::Starting.play(sync, clock);
                all(&[Call::StartReturned { result: HResult::S_OK, event: Step::EVENT }]);
            }
            Self::Later(ms) => clock.set(clock.now() + ms),
            Self::Made(call) => {
                if let Some(number) = sync.observe(call) {
                    end(number, Answer::Returned(HResult::S_OK));
                }
            }
            Self::Answered(call, answer) => end(begin(call), answer),
            Self::Begins(call) => {
                begin(call);
            }
            Self::Returns(number) => end(CallId(number), Answer::Returned(HResult::S_OK)),
            Self::Finished => all(&[
                Call::EventClosed { by: Party::Host, event: Step::EVENT },
                Call::Release,
                Call::EventSet { by: Party::Provider, event: Step::PRIVATE },
                Call::EventClosed { by: Party::Provider, event: Step::PRIVATE },
            ]),
            Self::InSync(_) => {}
        }
    }
}
