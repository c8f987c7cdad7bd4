//! What is recorded, what becomes of it on disk, and what it comes to when it is held against the
//! contract.
#![cfg(feature = "trace")]

use std::collections::VecDeque;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mapi_sync::contract::{
    Call, CallRecord, Findings, Policy, Rule, RuleCheck, RuleInfo, SyncState,
};
use mapi_sync::record::{Event, Record, Recorder, Text, TraceError, check};
use mapi_sync::{
    Events, HResult, MapiSync, ProcessEvents, ProviderShutdown, RawEvent, ShutdownMethod,
    SyncFlags, SyncProgressCallback, SyncRequest, TokioRuntime, async_trait,
};
use proptest::prelude::*;

struct Host;

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, _text: Option<&str>, _index: u32, _index_max: u32) -> HResult {
        HResult::MAPI_W_ERRORS_RETURNED
    }

    async fn error(&self, _result: HResult, text: Option<&str>) -> HResult {
        assert_ne!(text, Some("panic"), "as the test asks");
        HResult::S_OK
    }

    async fn done(&self, _event: RawEvent, _status: HResult) -> HResult {
        HResult::S_OK
    }
}

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mapi-sync-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("trace.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the system's own folder for such things does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn records(text: &str) -> Vec<Record> {
    text.lines().skip(1).map(|line| serde_json::from_str(line).expect("a record")).collect()
}

#[tokio::test]
async fn calls_are_recorded_in_order_with_their_answers() {
    let folder = Folder::new("order");
    let recorder = Recorder::to_file(folder.file()).start().expect("a recorder");
    let callback = recorder.around(Arc::new(Host), SyncFlags::ON_DEMAND);
    let answer = callback.progress(Some("Grüße \"\n"), 1, 2).await;
    assert_eq!(answer, HResult::MAPI_W_ERRORS_RETURNED);
    callback.progress(None, 2, 2).await;
    callback.error(HResult::MAPI_E_OFFLINE, Some("offline")).await;
    callback.done(RawEvent::from_value(640), HResult::MAPI_E_OFFLINE).await;
    drop(callback);
    assert!(recorder.flush(MINUTE));

    let records = records(&fs::read_to_string(folder.file()).expect("a file"));
    assert!(records.is_sorted_by_key(|record| record.at));
    let events: Vec<Event> = records.into_iter().map(|record| record.event).collect();
    let Event::Progress { thread, .. } = events[1] else { panic!("{events:?}") };
    let returned = |call, result| Event::Returned { call, result };
    let sync = 1;
    assert_eq!(
        events,
        [
            Event::Open { sync, flags: 0x2000_0000 },
            Event::Progress {
                sync,
                thread,
                call: 1,
                text: Text::Is("Grüße \"\n".into()),
                index: 1,
                max: 2
            },
            returned(1, HResult::MAPI_W_ERRORS_RETURNED),
            Event::Progress { sync, thread, call: 2, text: Text::Null, index: 2, max: 2 },
            returned(2, HResult::MAPI_W_ERRORS_RETURNED),
            Event::Error {
                sync,
                thread,
                call: 3,
                code: HResult::MAPI_E_OFFLINE,
                text: Text::Is("offline".into())
            },
            returned(3, HResult::S_OK),
            Event::Done { sync, thread, call: 4, handle: 640, status: HResult::MAPI_E_OFFLINE },
            returned(4, HResult::S_OK),
            Event::Close { sync },
        ]
    );
    assert_eq!(recorder.counts().written, 10);
}

#[tokio::test]
async fn texts_are_left_out_on_request() {
    let folder = Folder::new("texts");
    let recorder = Recorder::to_file(folder.file()).without_texts().start().expect("a recorder");
    let callback = recorder.around(Arc::new(Host), SyncFlags::empty());
    callback.progress(Some("secret"), 0, 1).await;
    callback.error(HResult::E_FAIL, Some("secret")).await;
    assert!(recorder.flush(MINUTE));
    let text = fs::read_to_string(folder.file()).expect("a file");
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains(r#""text":true"#), "{text}");
}

#[tokio::test]
async fn panicking_and_dropped_calls_are_distinguished() {
    struct Waits;

    #[async_trait]
    impl SyncProgressCallback for Waits {
        async fn progress(&self, _: Option<&str>, _: u32, _: u32) -> HResult {
            std::future::pending().await
        }
        async fn error(&self, _: HResult, _: Option<&str>) -> HResult {
            panic!("as the test asks")
        }
        async fn done(&self, _: RawEvent, _: HResult) -> HResult {
            HResult::S_OK
        }
    }

    let folder = Folder::new("panic");
    let recorder = Recorder::to_file(folder.file()).start().expect("a recorder");
    let callback = recorder.around(Arc::new(Waits), SyncFlags::empty());
    let panics = Arc::clone(&callback);
    let panicked = tokio::spawn(async move { panics.error(HResult::E_FAIL, Some("")).await }).await;
    assert!(panicked.is_err());
    let waited = tokio::time::timeout(Duration::ZERO, callback.progress(None, 0, 1)).await;
    assert!(waited.is_err());
    assert!(recorder.flush(MINUTE));
    let records = records(&fs::read_to_string(folder.file()).expect("a file"));
    assert_eq!(records[2].event, Event::Panicked { call: 1 });
    assert_eq!(records[4].event, Event::Abandoned { call: 2 });
}

#[tokio::test]
async fn files_rotate_by_size_and_the_oldest_goes() {
    let folder = Folder::new("rotate");
    let recorder = Recorder::to_file(folder.file()).with_max_bytes(2_000).with_kept_files(2);
    let recorder = recorder.start().expect("a recorder");
    let callback = recorder.around(Arc::new(Host), SyncFlags::empty());
    for index in 0..100 {
        callback.progress(Some("a text of some length"), index, 100).await;
    }
    assert!(recorder.flush(MINUTE));
    let mut names: Vec<_> = fs::read_dir(&folder.0)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert_eq!(names, ["trace.jsonl", "trace.jsonl.1", "trace.jsonl.2"]);
    for name in names {
        let text = fs::read_to_string(folder.0.join(name)).expect("a file");
        assert!(text.len() <= 2_000);
        assert!(text.starts_with(r#"{"mapi-sync-trace":1,"#), "{text}");
        // A file that begins in mid-sync accuses nobody of what it does not hold.
        assert_eq!(check(Cursor::new(text), Policy::default()).expect("a trace").violations, []);
    }
}

#[tokio::test]
async fn a_full_queue_drops_counts_and_never_blocks() {
    let folder = Folder::new("full");
    let recorder = Recorder::to_file(folder.file()).with_queue(4).start().expect("a recorder");
    let callback = recorder.around(Arc::new(Host), SyncFlags::empty());
    let calls = 20_000;
    for index in 0..calls {
        let answer = callback.progress(Some("text"), index, calls).await;
        assert_eq!(answer, HResult::MAPI_W_ERRORS_RETURNED);
    }
    assert!(recorder.flush(MINUTE));
    let counts = recorder.counts();
    let text = fs::read_to_string(folder.file()).expect("a file");
    let all = records(&text);
    let dropped = all.iter().map(|record| match record.event {
        Event::Dropped { count } => count,
        _ => 0,
    });
    let dropped: u64 = dropped.sum();
    assert_eq!(dropped, counts.dropped);
    // Everything is either in the file or counted there.
    let of_calls =
        all.iter().filter(|record| !matches!(record.event, Event::Dropped { .. })).count();
    assert_eq!(of_calls as u64 + dropped, u64::from(calls) * 2 + 1);
}

/// Where the process that the test below starts records.
#[cfg(unix)]
const FULL: &str = "MAPI_SYNC_FULL_DISK";

/// In that process: records more than its files may hold.
#[cfg(unix)]
#[tokio::test]
async fn records_when_asked_to() {
    let Some(path) = std::env::var_os(FULL) else { return };
    let recorder = Recorder::to_file(path.clone()).start().expect("a recorder");
    let callback = recorder.around(Arc::new(Host), SyncFlags::empty());
    for index in 0..500 {
        callback.progress(Some("a text of some length"), index, 500).await;
        assert!(recorder.flush(MINUTE));
    }
    let records = records(&fs::read_to_string(path).expect("a file"));
    let marks = |record: &&Record| matches!(record.event, Event::Dropped { .. });
    let records = (records.len() - records.iter().filter(marks).count()) as u64;
    let counts = recorder.counts();
    assert!(counts.dropped > 500);
    assert_eq!((counts.written, counts.written + counts.dropped), (records, 1_001));
}

#[cfg(unix)]
#[test]
fn full_disk_leaves_what_is_stored_and_the_counters_say_so() {
    let folder = Folder::new("disk");
    let program = std::env::current_exe().expect("this is a program");
    // A write beyond the limit fails; without the trap, its signal would end the process.
    // The limit is one of the process, so its own output must not go to a file either.
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 24; exec \"$0\" --exact records_when_asked_to"])
        .arg(program)
        .env(FULL, folder.file())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let text = fs::read_to_string(folder.file()).expect("a file");
    assert!(text.ends_with('\n'));
    assert!(text.len() > 10_000, "{}", text.len());
    assert_eq!(found(&text), []);
}

fn trace(lines: &str) -> String {
    format!("{{\"mapi-sync-trace\":1,\"file\":0,\"texts\":true}}\n{lines}")
}

fn broken(lines: &str) -> Vec<Rule> {
    let report = check(Cursor::new(trace(lines)), Policy::default()).expect("a trace");
    report.violations.iter().map(|violation| violation.rule).collect()
}

const OPEN: &str = r#"{"t":1,"event":"open","sync":7,"flags":"0x00000080"}
"#;
const DONE: &str = concat!(
    r#"{"t":5000,"event":"done","sync":7,"thread":1,"call":9,"handle":4,"status":"0x00000000"}"#,
    "\n",
    r#"{"t":5001,"event":"returned","call":9,"result":"0x00000000"}"#,
    "\n",
);
const CLOSE: &str = r#"{"t":9000,"event":"close","sync":7}
"#;
const HALF: &str = concat!(
    r#"{"t":2000,"event":"progress","sync":7,"thread":1,"call":1,"#,
    r#""text":null,"index":1,"max":2}"#,
    "\n",
    r#"{"t":2001,"event":"returned","call":1,"result":"0x00000000"}"#,
    "\n",
);

static SILENT: RuleInfo = RuleInfo::new("silent", "there is no Progress").judges_parts();

/// An author's own rule.
struct Silent;

impl RuleCheck for Silent {
    fn info(&self) -> &'static RuleInfo {
        &SILENT
    }

    fn observe(&mut self, call: &CallRecord, _: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Progress { .. } = call.call {
            findings.broken("a Progress").shows(call);
        }
    }
}

#[test]
fn a_trace_is_judged_by_an_authors_own_rules() {
    let policy = || Policy::default().with_rule(|| Silent);
    let held = |text: String, policy| check(Cursor::new(text), policy).expect("a trace").violations;
    let found = held(trace(&[OPEN, HALF, HALF, CLOSE].concat()), policy());
    let rules: Vec<&str> = found.iter().map(|violation| violation.rule.id()).collect();
    assert_eq!(rules, ["silent", "done-once"]);
    assert_eq!((found[0].sync.0, found[0].at_ms), (7, 2));
    // Where calls are missing too, for it says that it judges parts.
    assert_eq!(held(trace(HALF), policy()).len(), 1);
    assert_eq!(held(trace(HALF), policy().without(Rule::new(&SILENT))), []);
}

#[test]
fn counts_of_dropped_records_do_not_overflow() {
    let dropped = |count: u64| format!("{{\"t\":3,\"event\":\"dropped\",\"count\":{count}}}\n");
    let text = trace(&[OPEN, &dropped(u64::MAX), &dropped(1), HALF, DONE, CLOSE].concat());
    let report = check(Cursor::new(text), Policy::default()).expect("a trace");
    assert_eq!((report.dropped, report.violations), (u64::MAX, Vec::new()));
}

#[test]
fn a_trace_is_judged_by_the_contract() {
    assert_eq!(broken(&[OPEN, DONE, CLOSE].concat()), []);
    assert_eq!(broken(&[OPEN, DONE, DONE, CLOSE].concat()), [Rule::DONE_ONCE]);
    assert_eq!(broken(&[OPEN, HALF, DONE, CLOSE].concat()), [Rule::PROGRESS_COMPLETE]);
    assert_eq!(broken(&[OPEN, HALF, CLOSE].concat()), [Rule::DONE_ONCE]);
    let report = check(Cursor::new(trace(&[OPEN, HALF, CLOSE].concat())), Policy::default());
    let report = report.expect("a trace");
    assert_eq!((report.syncs, report.calls), (1, 1));
    assert_eq!(report.violations[0].sync.0, 7);
}

#[test]
fn calls_outside_of_a_trace_are_not_missed() {
    // It goes on elsewhere.
    assert_eq!(broken(&[OPEN, HALF].concat()), []);
    // It began elsewhere.
    assert_eq!(broken(&[HALF, CLOSE].concat()), []);
    assert_eq!(broken(&[HALF, DONE, CLOSE].concat()), []);
    // Something is missing.
    let dropped = "{\"t\":3000,\"event\":\"dropped\",\"count\":2}\n";
    assert_eq!(broken(&[OPEN, HALF, dropped, DONE, CLOSE].concat()), []);
    // The calls that are there are judged all the same.
    assert_eq!(broken(&[OPEN, HALF, dropped, DONE, DONE, CLOSE].concat()), [Rule::DONE_ONCE]);
}

#[test]
fn rules_that_need_the_end_of_a_call_are_not_applied_where_ends_may_be_missing() {
    let dropped = "{\"t\":9001,\"event\":\"dropped\",\"count\":1}\n";
    let (begins, _) = HALF.split_at(HALF.find('\n').expect("two lines") + 1);
    assert_eq!(broken(&[OPEN, begins, DONE, CLOSE, dropped].concat()), []);
    // Without the record that says so, the call was in flight.
    let whole = broken(&[OPEN, begins, DONE, CLOSE].concat());
    assert!(whole.contains(&Rule::DONE_LAST), "{whole:?}");
}

#[test]
fn rules_that_compare_two_calls_are_not_applied_where_others_are_missing() {
    // A phase of another size may have come between the two.
    let again = HALF.replace("\"call\":1", "\"call\":2").replace("\"index\":1", "\"index\":0");
    let dropped = "{\"t\":2500,\"event\":\"dropped\",\"count\":1}\n";
    assert_eq!(broken(&[OPEN, HALF, dropped, &again].concat()), []);
    assert_eq!(broken(&[OPEN, HALF, &again].concat()), [Rule::PROGRESS_FORWARD]);
}

#[test]
fn silence_between_recorded_calls_is_found() {
    let later = DONE.replace("\"t\":500", "\"t\":900000000");
    let complete = HALF.replace("\"max\":2", "\"max\":1");
    assert_eq!(broken(&[OPEN, &complete, &later, CLOSE].concat()), [Rule::BOUNDED_SILENCE]);
}

#[test]
fn a_cut_off_last_line_is_left_out() {
    let text = trace(&[OPEN, HALF].concat());
    let report = check(Cursor::new(&text[..text.len() - 10]), Policy::default()).expect("a trace");
    assert!(report.cut_off);
    assert_eq!(report.calls, 1);
}

#[test]
fn other_files_are_refused_with_the_place() {
    let error =
        |text: &str| check(Cursor::new(text.to_owned()), Policy::default()).expect_err("refused");
    assert!(matches!(error(""), TraceError::Empty));
    assert!(matches!(error("hello\n"), TraceError::NoTrace));
    let other = "{\"mapi-sync-trace\":2,\"file\":0,\"texts\":true}\n";
    assert!(matches!(error(other), TraceError::Version(2)));
    let bad = error(&trace(&[OPEN, "{\"t\":1,\"event\":\"dance\"}\n"].concat()));
    assert!(matches!(bad, TraceError::Line { line: 3, .. }), "{bad}");
    assert!(bad.to_string().contains("dance"), "{bad}");
}

/// The rules that a trace of these lines breaks.
fn broken_in(lines: &[&str]) -> Vec<Rule> {
    let header = "{\"mapi-sync-trace\":1,\"file\":0,\"texts\":true}";
    let text: String = [header].iter().chain(lines).map(|line| format!("{line}\n")).collect();
    let report = check(Cursor::new(text), Policy::default()).expect("a trace");
    report.violations.iter().map(|violation| violation.rule).collect()
}

#[test]
fn a_shutdown_in_a_trace_is_judged() {
    const OPEN: &str = r#"{"t":1000,"event":"open","sync":1,"flags":"0x00000080"}"#;
    const PROGRESS: &str = concat!(
        r#"{"t":2000,"event":"progress","sync":1,"thread":1,"call":1,"#,
        r#""text":null,"index":1,"max":2}"#,
        "\n",
        r#"{"t":2001,"event":"returned","call":1,"result":"0x00000000"}"#,
    );
    const EXIT: &str =
        r#"{"t":3000,"event":"shutdown","thread":1,"call":2,"method":"DoFastShutdown"}"#;
    const EXITED: &str = r#"{"t":4000,"event":"returned","call":2,"result":"0x00000000"}"#;
    const DONE: &str = concat!(
        r#"{"t":5000,"event":"done","sync":1,"thread":1,"call":3,"#,
        r#""handle":4,"status":"0x80040113"}"#,
    );
    const CLOSE: &str = r#"{"t":6000,"event":"close","sync":1}"#;

    assert_eq!(broken_in(&[OPEN, PROGRESS, CLOSE]), [Rule::DONE_ONCE]);
    // Nobody waits for a Done once the process exits.
    assert_eq!(broken_in(&[OPEN, PROGRESS, EXIT, EXITED, CLOSE]), []);
    assert_eq!(broken_in(&[OPEN, PROGRESS, EXIT, EXITED, DONE, CLOSE]), [Rule::SHUTDOWN_QUIET]);
    // Until DoFastShutdown has returned, calls may begin.
    assert_eq!(broken_in(&[OPEN, PROGRESS, EXIT, DONE, CLOSE]), []);
    assert_eq!(broken_in(&[OPEN, EXIT, PROGRESS, EXITED, CLOSE]), []);
    // A sync that begins later knows of it, and a gap in the trace hides no call that is there.
    assert_eq!(broken_in(&[EXIT, EXITED, OPEN, DONE, CLOSE]), [Rule::SHUTDOWN_QUIET]);
    let gap = r#"{"t":4500,"event":"dropped","count":7}"#;
    assert_eq!(broken_in(&[EXIT, EXITED, gap, OPEN, DONE, CLOSE]), [Rule::SHUTDOWN_QUIET]);
    // One that panicked never returned.
    let panicked = r#"{"t":4000,"event":"panicked","call":2}"#;
    assert_eq!(broken_in(&[OPEN, PROGRESS, EXIT, panicked, DONE, CLOSE]), []);
}

/// A provider whose syncs wait for NotifyProcessShutdown.
#[derive(Default)]
struct Ending(Arc<tokio::sync::Notify>);

#[async_trait]
impl MapiSync for Ending {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let ends = Arc::clone(&self.0);
        request.start(|session| async move {
            ends.notified().await;
            session.done(HResult::MAPI_E_USER_CANCEL).await
        })
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        Some(self)
    }
}

#[async_trait]
impl ProviderShutdown for Ending {
    async fn query_fast_shutdown(&self) -> HResult {
        HResult::S_OK
    }

    async fn notify_process_shutdown(&self) -> HResult {
        self.0.notify_one();
        HResult::S_OK
    }

    async fn do_fast_shutdown(&self) -> HResult {
        HResult::MAPI_E_NO_SUPPORT
    }
}

#[tokio::test]
async fn the_methods_of_shutdown_are_recorded() {
    let folder = Folder::new("shutdown");
    let recorder = Recorder::to_file(folder.file()).start().expect("a recorder");
    let provider = recorder.around_provider(Ending::default());
    let events: Arc<dyn Events> = Arc::new(ProcessEvents::new());
    let runtime = Arc::new(TokioRuntime::current(Arc::clone(&events)));
    let request = SyncRequest::new(Arc::new(Host), runtime);
    let out = Arc::clone(request.event_out());
    assert_eq!(provider.synchronize_in_background(request).await, HResult::S_OK);
    let shutdown = provider.shutdown().expect("it has the interface");
    shutdown.notify_process_shutdown().await;
    std::future::poll_fn(|cx| events.poll_wait(out.published(), cx)).await;
    assert_eq!(shutdown.do_fast_shutdown().await, HResult::MAPI_E_NO_SUPPORT);
    assert!(recorder.flush(MINUTE));
    let text = fs::read_to_string(folder.file()).expect("a file");
    let called: Vec<(u64, ShutdownMethod)> = records(&text)
        .into_iter()
        .filter_map(|record| match record.event {
            Event::Shutdown { call, method, .. } => Some((call, method)),
            _ => None,
        })
        .collect();
    let methods: Vec<ShutdownMethod> = called.iter().map(|(_, method)| *method).collect();
    assert_eq!(methods, [ShutdownMethod::NotifyProcessShutdown, ShutdownMethod::DoFastShutdown]);
    let returned = Event::Returned { call: called[1].0, result: HResult::MAPI_E_NO_SUPPORT };
    assert!(records(&text).iter().any(|record| record.event == returned));
    let report = check(Cursor::new(text), Policy::default()).expect("a trace");
    assert_eq!(report.violations, []);
}

/// What a sync does, whole, with the number of its calls.
fn calls_of_sync(sync: u64, first: u64, body: &[Body]) -> Vec<Event> {
    let (thread, returned) = (sync, HResult::S_OK);
    let mut events = vec![Event::Open { sync, flags: 0x80 }];
    for (call, body) in (first..).zip(body) {
        events.push(match *body {
            Body::Progress(index, max) => {
                Event::Progress { sync, thread, call, text: Text::Null, index, max }
            }
            Body::Done => Event::Done { sync, thread, call, handle: 4, status: HResult::S_OK },
        });
        events.push(Event::Returned { call, result: returned });
    }
    events.push(Event::Close { sync });
    events
}

#[derive(Clone, Copy, Debug)]
enum Body {
    Progress(u32, u32),
    Done,
}

const BACK: [Body; 4] =
    [Body::Progress(2, 3), Body::Progress(1, 3), Body::Progress(3, 3), Body::Done];

/// A run without a mistake: a few syncs side by side, each with this many pieces. `picks` says
/// whose record comes next.
fn correct_run(pieces: &[u32], picks: &[u8]) -> Vec<Event> {
    let syncs = (1_u64..).zip(pieces).map(|(sync, pieces)| {
        let mut body: Vec<Body> =
            (1..=*pieces).map(|piece| Body::Progress(piece, *pieces)).collect();
        body.push(Body::Done);
        VecDeque::from(calls_of_sync(sync, 100 * sync, &body))
    });
    let mut syncs: Vec<VecDeque<Event>> = syncs.collect();
    let mut run = Vec::new();
    let mut picks = picks.iter().cycle();
    while !syncs.is_empty() {
        let at = usize::from(*picks.next().unwrap_or(&0)) % syncs.len();
        run.extend(syncs[at].pop_front());
        if syncs[at].is_empty() {
            syncs.remove(at);
        }
    }
    run
}

/// What a recorder leaves of a run that loses these records: each gap has its mark. `rotated` many
/// records are in a file before this one.
fn recorded(run: &[Event], lost: impl Fn(usize) -> bool, rotated: usize) -> String {
    let mut lines = vec![format!(
        "{{\"mapi-sync-trace\":1,\"file\":{},\"texts\":true,\"exact_gaps\":true}}",
        u8::from(rotated > 0)
    )];
    let line = |at: usize, event: &Event| {
        let record = Record { at: at as u64, event: event.clone() };
        serde_json::to_string(&record).expect("a record is JSON")
    };
    let mut gap = 0;
    for (at, event) in run.iter().enumerate() {
        if lost(at) {
            gap += 1;
            continue;
        }
        if gap > 0 && at >= rotated {
            lines.push(line(at, &Event::Dropped { count: gap }));
        }
        gap = 0;
        if at >= rotated {
            lines.push(line(at, event));
        }
    }
    if gap > 0 {
        lines.push(line(run.len(), &Event::Dropped { count: gap }));
    }
    lines.join("\n") + "\n"
}

fn found(text: &str) -> Vec<(u32, Rule)> {
    let report = check(Cursor::new(text), Policy::default()).expect("a trace");
    report.violations.iter().map(|violation| (violation.sync.0, violation.rule)).collect()
}

proptest! {
    #[test]
    fn nobody_is_accused_of_what_a_recording_lacks(
        pieces in prop::collection::vec(0..4_u32, 1..5),
        picks in prop::collection::vec(any::<u8>(), 1..40),
        gaps in prop::collection::vec((0..60_usize, 1..9_usize), 0..4),
        rotated in 0..20_usize,
        killed_at in any::<prop::sample::Index>(),
    ) {
        let run = correct_run(&pieces, &picks);
        let lost = |at: usize| gaps.iter().any(|(from, len)| (*from..from + len).contains(&at));
        let text = recorded(&run, lost, rotated.min(run.len()));
        prop_assert_eq!(found(&text), []);
        // A process that is ended leaves any beginning of it.
        let header = text.find('\n').expect("a header") + 1;
        let end = header + killed_at.index(text.len() - header + 1);
        prop_assert_eq!(found(&text[..end]), []);
    }

    #[test]
    fn mistake_outside_of_the_gaps_is_found(
        pieces in prop::collection::vec(0..4_u32, 1..5),
        picks in prop::collection::vec(any::<u8>(), 1..40),
        gaps in prop::collection::vec((0..60_usize, 1..9_usize), 0..4),
        place in any::<prop::sample::Index>(),
        (mistake, rule) in prop_oneof![
            Just((vec![Body::Done, Body::Done], Rule::DONE_ONCE)),
            Just((vec![Body::Progress(1, 1)], Rule::DONE_ONCE)),
            Just((vec![Body::Progress(1, 2), Body::Done], Rule::PROGRESS_COMPLETE)),
            Just((BACK.to_vec(), Rule::PROGRESS_FORWARD)),
            Just((vec![Body::Done, Body::Progress(1, 1)], Rule::DONE_LAST)),
            Just((vec![Body::Progress(3, 2), Body::Done], Rule::PROGRESS_RANGE)),
        ],
    ) {
        let mut run = correct_run(&pieces, &picks);
        let place = place.index(run.len() + 1);
        let wrong = calls_of_sync(9, 900, &mistake);
        let whole = place..place + wrong.len();
        run.splice(place..place, wrong);
        let lost = |at: usize| {
            !whole.contains(&at) && gaps.iter().any(|(from, len)| (*from..from + len).contains(&at))
        };
        let found = found(&recorded(&run, lost, 0));
        prop_assert!(found.contains(&(9, rule)), "{:?}", found);
        prop_assert!(found.iter().all(|(sync, _)| *sync == 9), "{:?}", found);
    }
}

#[test]
fn calls_whose_ends_were_dropped_do_not_pile_up() {
    let mut run = vec![Event::Open { sync: 1, flags: 0x80 }];
    let calls = (1..12_000).flat_map(|call| {
        let (text, index, max) = (Text::Null, call as u32, 12_000);
        let progress = Event::Progress { sync: 1, thread: 1, call, text, index, max };
        [progress, Event::Returned { call, result: HResult::S_OK }]
    });
    run.extend(calls);
    assert_eq!(found(&recorded(&run, |at| at > 0 && at % 2 == 0, 0)), []);
}
