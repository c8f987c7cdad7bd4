//! What is recorded, what becomes of it on disk, and what it comes to when it is held against the
//! contract.
#![cfg(feature = "trace")]

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mapi_sync::contract::{
    Call, CallRecord, Findings, Policy, Rule, RuleCheck, RuleInfo, SyncState,
};
use mapi_sync::record::{Event, Record, Recorder, Text, TraceError, check};
use mapi_sync::{HResult, RawEvent, SyncFlags, SyncProgressCallback, async_trait};

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
    assert!(matches!(error(""), TraceError::NoTrace));
    assert!(matches!(error("hello\n"), TraceError::NoTrace));
    let other = "{\"mapi-sync-trace\":2,\"file\":0,\"texts\":true}\n";
    assert!(matches!(error(other), TraceError::Version(2)));
    let bad = error(&trace(&[OPEN, "{\"t\":1,\"event\":\"dance\"}\n"].concat()));
    assert!(matches!(bad, TraceError::Line { line: 3, .. }), "{bad}");
    assert!(bad.to_string().contains("dance"), "{bad}");
}
