//! The fast path, held against the full one.

use std::time::Duration;

use proptest::prelude::*;

use crate::contract::judge::{Judge, StoreRules};
use crate::contract::sync_state::Scope;
use crate::contract::{
    Answer, Call, CallId, CallInFlight, CallRecord, Findings, Monitor, MonitorConfig, Party,
    Policy, Rule, RuleCheck, RuleInfo, SyncId, SyncState, Violation, VirtualClock,
};
use crate::{HResult, RawEvent, ShutdownMethod, SyncFlags};

#[derive(Clone, Debug)]
enum Event {
    /// Milliseconds pass.
    Later(u64),
    Call(Call<&'static str>),
    /// One of the callbacks in flight ends, this one of them.
    Ends(prop::sample::Index, Answer),
    /// The one that has been in flight for the longest time ends well.
    FirstEnds,
}

fn progress() -> impl Strategy<Value = Event> {
    // Mostly the same again, which is what the fast path takes.
    let text = prop::sample::select(vec![
        Some("Inbox"),
        Some("Inbox"),
        Some("Inbox"),
        None,
        Some("Drafts"),
        // Texts that their ends do not tell apart.
        Some("Inbox of Alice at home"),
        Some("Inbox of Karin at home"),
    ]);
    let index = prop::sample::select(vec![1, 1, 1, 1, 1, 0, 2, 3]);
    let index_max = prop::sample::select(vec![2, 2, 2, 2, 2, 2, 2, 4]);
    (text, index, index_max)
        .prop_map(|(text, index, index_max)| Event::Call(Call::Progress { text, index, index_max }))
}

fn other() -> impl Strategy<Value = Event> {
    let event = RawEvent::NULL;
    let (handle, other) = (RawEvent::from_value(4), RawEvent::from_value(8));
    let call = |call| Just(Event::Call(call));
    prop_oneof![
        call(Call::Queried),
        call(Call::AddRef),
        call(Call::Release),
        call(Call::StartReturned { result: HResult::S_OK, event }),
        call(Call::StartReturned { result: HResult::E_FAIL, event }),
        call(Call::Error { result: HResult::E_FAIL, text: Some("lost") }),
        call(Call::Done { event, status: HResult::S_OK }),
        call(Call::Done { event, status: HResult::MAPI_E_USER_CANCEL }),
        call(Call::CancelRequested),
        call(Call::TextRead { call: CallId(2) }),
        call(Call::StoreReleased),
        call(Call::ShutdownReturned {
            method: ShutdownMethod::NotifyProcessShutdown,
            result: HResult::S_OK
        }),
        call(Call::ShutdownReturned {
            method: ShutdownMethod::DoFastShutdown,
            result: HResult::S_OK
        }),
        call(Call::Start { flags: SyncFlags::BACKGROUND }),
        call(Call::EventCreated { event: handle }),
        call(Call::EventDuplicated { by: Party::Provider, from: handle, event: other }),
        call(Call::EventPublished { event: handle }),
        call(Call::EventPublished { event }),
        call(Call::EventSet { by: Party::Provider, event: handle }),
        call(Call::EventWaited { by: Party::Host, event: handle }),
        call(Call::EventClosed { by: Party::Host, event: handle }),
        call(Call::EventClosed { by: Party::Provider, event: other }),
        call(Call::Done { event: handle, status: HResult::S_OK }),
        call(Call::StartReturned { result: HResult::S_OK, event: handle }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let answer = prop::sample::select(vec![
        Answer::Returned(HResult::S_OK),
        Answer::Returned(HResult::S_OK),
        Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE),
        Answer::Returned(HResult::E_FAIL),
        Answer::Dropped,
    ]);
    let end =
        (any::<prop::sample::Index>(), answer).prop_map(|(which, how)| Event::Ends(which, how));
    prop_oneof![
        1 => (1..=8_u64).prop_map(Event::Later),
        8 => progress(),
        6 => end,
        1 => other(),
    ]
}

/// What the full path finds, with the number of each callback. The rules that do not look at a call
/// are asked about it too: that changes nothing.
fn full_path(scope: Scope, policy: &Policy, events: &[Event]) -> (Vec<Violation>, Vec<CallId>) {
    let mut judge = Judge::new(SyncId(1), scope, false, policy);
    let mut store = StoreRules::new(policy);
    let (mut now, mut open, mut numbers) = (0, Vec::new(), Vec::new());
    for event in events {
        let call = match event {
            Event::Later(ms) => {
                now += ms;
                continue;
            }
            Event::Call(call) => *call,
            Event::Ends(..) | Event::FirstEnds if open.is_empty() => continue,
            Event::FirstEnds => {
                let answer = Answer::Returned(HResult::S_OK);
                Call::Ended { call: open.remove(0), answer }
            }
            Event::Ends(which, answer) => {
                let call = open.remove(which.index(open.len()));
                Call::Ended { call, answer: *answer }
            }
        };
        judge.ask_others(now, call, policy, &mut store);
        let record = judge.observe(now, call, policy, None, Some(&mut store));
        if let Some(number) = record.number {
            open.push(number);
            numbers.push(number);
        }
        judge.state.apply(record);
    }
    judge.finish(now, policy, Some(&mut store));
    (judge.take_found().unwrap_or_default(), numbers)
}

/// The same of a monitor with this clock, whose calls take the fast path where they can.
fn fast_path(
    monitor: &Monitor,
    clock: &VirtualClock,
    scope: Scope,
    events: &[Event],
) -> (Vec<Violation>, Vec<CallId>) {
    let sync = match scope {
        Scope::Callback => monitor.callback_sync(),
        Scope::Request => monitor.request_sync(),
    };
    let mut open: Vec<CallInFlight<'_>> = Vec::new();
    let mut numbers = Vec::new();
    for event in events {
        match event {
            Event::Later(ms) => clock.set(clock.now() + ms),
            Event::Call(call) => {
                let begun = sync.begin(*call);
                if let Some(number) = begun.number() {
                    numbers.push(number);
                    open.push(begun);
                }
            }
            Event::Ends(..) | Event::FirstEnds if open.is_empty() => {}
            Event::FirstEnds => {
                open.remove(0).end(HResult::S_OK);
            }
            Event::Ends(which, answer) => {
                let ended = open.remove(which.index(open.len()));
                match answer {
                    Answer::Returned(result) => {
                        ended.end(*result);
                    }
                    Answer::Dropped | Answer::Panicked => drop(ended),
                }
            }
        }
    }
    let found = monitor.finish();
    (found, numbers)
}

/// A rule that is asked for every call, and says how many there were.
#[derive(Debug, Default)]
struct CountsCalls {
    progress: u32,
    ends: u32,
}

static COUNTS_CALLS: RuleInfo = RuleInfo::new("counts-calls", "no call is counted");

impl RuleCheck for CountsCalls {
    fn info(&self) -> &'static RuleInfo {
        &COUNTS_CALLS
    }

    fn observe(&mut self, call: &CallRecord, _: &SyncState, _: &mut Findings<'_>) {
        self.progress += u32::from(matches!(call.call, Call::Progress { .. }));
        self.ends += u32::from(matches!(call.call, Call::Ended { .. }));
    }

    fn finish(&mut self, _: &SyncState, findings: &mut Findings<'_>) {
        findings.broken(format!("{} calls of Progress, {} ends", self.progress, self.ends));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn fast_path_finds_what_full_path_finds(
        mut events in prop::collection::vec(event(), 0..60),
        request in any::<bool>(),
        serial in any::<bool>(),
        own in any::<bool>(),
        usual_end in any::<bool>(),
    ) {
        let scope = if request { Scope::Request } else { Scope::Callback };
        if request {
            // Else nearly all would break the rules of a start at once.
            let started = [
                Call::Start { flags: SyncFlags::BACKGROUND },
                Call::Queried,
                Call::StartReturned { result: HResult::S_OK, event: RawEvent::NULL },
            ];
            events.splice(0..0, started.map(Event::Call));
        }
        if usual_end {
            // As most syncs end: no call is in flight any more, and the last one said that all is
            // complete.
            let complete = Call::Progress { text: Some("Inbox"), index: 2, index_max: 2 };
            let done = Call::Done { event: RawEvent::NULL, status: HResult::S_OK };
            let open = events.len();
            events.extend((0..open).map(|_| Event::FirstEnds));
            for call in [complete, done, complete] {
                events.extend([Event::Call(call), Event::FirstEnds]);
            }
        }
        let mut policy = Policy::default().with_bounded_silence(Duration::from_millis(5));
        if serial {
            policy = policy.with(Rule::SERIAL_CALLS);
        }
        if own {
            policy = policy.with_rule(CountsCalls::default);
        }
        let expected = full_path(scope, &policy, &events);
        let monitors: [fn(MonitorConfig, VirtualClock) -> Monitor; 4] = [
            |config, clock| Monitor::new(config, move || clock.now()),
            |config, clock| Monitor::new(config, clock),
            |config, clock| Monitor::single_threaded(config, move || clock.now()),
            |config, clock| Monitor::single_threaded(config, clock),
        ];
        for monitor in monitors {
            for keep_log in [false, true] {
                let clock = VirtualClock::new();
                let config =
                    MonitorConfig::default().with_policy(policy.clone()).with_log(keep_log);
                let monitor = monitor(config, clock.clone());
                let found = fast_path(&monitor, &clock, scope, &events);
                prop_assert_eq!(&found, &expected);
                if keep_log {
                    let begun = monitor.log().into_iter().filter_map(|call| call.number);
                    prop_assert_eq!(begun.collect::<Vec<_>>(), expected.1.clone());
                }
            }
        }
    }
}

#[test]
fn single_threaded_monitor_refuses_calls_of_other_threads() {
    let config = MonitorConfig::default;
    for monitor in [
        Monitor::single_threaded(config(), || 0),
        Monitor::single_threaded(config(), VirtualClock::new()),
    ] {
        let sync = monitor.callback_sync();
        let progress = Call::Progress { text: None, index: 0, index_max: 1 };
        assert_eq!(sync.observe(progress), Some(CallId(1)));
        let elsewhere = std::thread::spawn({
            let sync = sync.clone();
            move || sync.observe(progress)
        });
        let panic = elsewhere.join().unwrap_err();
        assert_eq!(
            panic.downcast_ref::<&str>(),
            Some(&"a call was reported to a single-threaded monitor by another thread")
        );
        assert_eq!(sync.observe(progress), Some(CallId(2)));
    }
}

#[test]
fn calls_that_several_threads_end_are_all_seen() {
    let monitor = Monitor::new(MonitorConfig::default(), || 0);
    let sync = monitor.callback_sync();
    let progress = Call::Progress { text: Some("Inbox"), index: 1, index_max: 1 };
    sync.begin(progress).end(HResult::S_OK);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for turn in 0..500 {
                    let call = sync.begin(progress);
                    // Now and then, the path closes while calls are in flight.
                    if turn % 7 == 0 {
                        sync.observe(Call::AddRef);
                        sync.observe(Call::Release);
                    }
                    call.end(HResult::S_OK);
                }
            });
        }
    });
    // Were one lost, Done would begin while it is in flight.
    sync.begin(Call::Done { event: RawEvent::NULL, status: HResult::S_OK }).end(HResult::S_OK);
    let broken = monitor.finish();
    let rules: Vec<Rule> = broken.iter().map(|violation| violation.rule).collect();
    assert!(!rules.contains(&Rule::DONE_LAST), "{broken:?}");
    assert!(!rules.contains(&Rule::DONE_ONCE), "{broken:?}");
}
