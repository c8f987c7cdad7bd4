//! Each rule: how it is broken, and what comes near without breaking it.

mod cancel;
mod policies;
mod properties;
mod rules;
mod shutdown;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi_sync::contract::{
    Answer, Call, CallId, Monitor, MonitorConfig, OnViolation, Party, Policy, Rule, SyncWatch,
    VirtualClock,
};
use mapi_sync::{HResult, RawEvent, ShutdownMethod, SyncFlags};

const EVENT: RawEvent = RawEvent::from_value(4);
const PRIVATE: RawEvent = RawEvent::from_value(8);
const OTHER: RawEvent = RawEvent::from_value(12);
const OK: HResult = HResult::S_OK;

/// One sync as a monitor sees it, call by call.
struct Story {
    monitor: Monitor,
    sync: SyncWatch,
    clock: VirtualClock,
}

impl Story {
    fn new(policy: Policy) -> Self {
        Self::of(MonitorConfig::default().with_policy(policy))
    }

    fn of(config: MonitorConfig) -> Self {
        let clock = VirtualClock::new();
        let monitor = Monitor::new(config, clock.clone());
        monitor.watch_host();
        let sync = monitor.request_sync();
        Self { monitor, sync, clock }.and(Call::Start { flags: SyncFlags::BACKGROUND })
    }

    /// Up to the return of a start that does everything right.
    fn started() -> Self {
        Self::started_under(Policy::default())
    }

    fn started_under(policy: Policy) -> Self {
        Self::new(policy).prepared().returned(OK, EVENT)
    }

    fn prepared(self) -> Self {
        self.and(Call::Queried)
            .and(Call::EventCreated { event: EVENT })
            .and(Call::EventDuplicated { by: Party::Provider, from: EVENT, event: PRIVATE })
            .and(Call::EventPublished { event: EVENT })
    }

    fn and(self, call: Call<&str>) -> Self {
        self.sync.observe(call);
        self
    }

    fn later(self, ms: u64) -> Self {
        self.clock.set(self.clock.now() + ms);
        self
    }

    /// A method of shutdown is called, and returns.
    fn told(self, method: ShutdownMethod) -> Self {
        self.monitor.shutdown_called(method);
        self.monitor.shutdown_returned(method, OK);
        self
    }

    fn returned(self, result: HResult, event: RawEvent) -> Self {
        self.and(Call::StartReturned { result, event })
    }

    /// A callback that begins and ends.
    fn call(self, call: Call<&str>) -> Self {
        self.answered(call, Answer::Returned(OK))
    }

    fn answered(self, call: Call<&str>, answer: Answer) -> Self {
        let number = self.sync.observe(call).expect("a callback has a number");
        self.and(Call::Ended { call: number, answer })
    }

    fn progress(self, index: u32, index_max: u32) -> Self {
        self.call(progress(index, index_max))
    }

    fn done(self, event: RawEvent, status: HResult) -> Self {
        self.call(Call::Done { event, status })
    }

    /// What follows a Done that was given the event, done right.
    fn closed(self) -> Self {
        self.and(Call::EventClosed { by: Party::Host, event: EVENT }).quiet()
    }

    /// What the provider does last.
    fn quiet(self) -> Self {
        self.and(Call::Release)
            .and(Call::EventSet { by: Party::Provider, event: PRIVATE })
            .and(Call::EventClosed { by: Party::Provider, event: PRIVATE })
    }

    fn breaks(self) -> Vec<Rule> {
        self.monitor.finish().iter().map(|violation| violation.rule).collect()
    }

    #[track_caller]
    fn holds(self) {
        assert_eq!(self.monitor.finish(), []);
    }
}

fn progress<'a>(index: u32, index_max: u32) -> Call<&'a str> {
    Call::Progress { text: Some("Inbox"), index, index_max }
}

fn error<'a>(result: HResult) -> Call<&'a str> {
    Call::Error { result, text: Some("it failed") }
}
