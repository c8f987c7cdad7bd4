//! Which rules a trace can show to be broken, and what is said of the others.
#![cfg(feature = "trace")]

use std::io::Cursor;

use mapi_sync::HResult;
use mapi_sync::contract::{Answer, Call, Policy, Rule, Situation, Step};
use mapi_sync::record::{Event, Record, Text, TraceReport, WhyNotJudged, check};

fn report(text: &str, policy: &Policy) -> TraceReport {
    check(Cursor::new(text), policy.clone()).expect("a trace")
}

/// What a recorder around the callback writes where this happens. `ends` says whether it writes
/// how calls end.
struct Recording {
    ends: bool,
    at_ms: u64,
    sync: u64,
    syncs: Vec<u64>,
    calls: u64,
    /// The calls of the current sync, by their numbers there.
    of_sync: Vec<u64>,
    shutdowns: Vec<u64>,
    lines: Vec<String>,
}

impl Recording {
    fn of(steps: &[Step], ends: bool) -> String {
        let header = if ends { "" } else { ",\"ends\":false" };
        let header = format!("{{\"mapi-sync-trace\":1,\"file\":0,\"texts\":true{header}}}");
        let mut recording = Self {
            ends,
            at_ms: 0,
            sync: 1,
            syncs: Vec::new(),
            calls: 0,
            of_sync: Vec::new(),
            shutdowns: Vec::new(),
            lines: vec![header],
        };
        steps.iter().for_each(|step| recording.step(*step));
        for sync in recording.syncs.clone() {
            recording.write(Event::Close { sync });
        }
        recording.lines.join("\n") + "\n"
    }

    fn write(&mut self, event: Event) {
        let record = Record { at: self.at_ms * 1000, event };
        self.lines.push(serde_json::to_string(&record).expect("a record is JSON"));
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Later(ms) => self.at_ms += ms,
            Step::InSync(number) => self.sync = number.into(),
            Step::Begins(call) => {
                self.begin(call);
            }
            Step::Made(call) => {
                let call = self.begin(call);
                self.end(call, Answer::Returned(HResult::S_OK));
            }
            Step::Answered(call, answer) => {
                let call = self.begin(call);
                self.end(call, answer);
            }
            Step::Returns(number) => {
                let call = self.of_sync[number as usize - 1];
                self.end(Some(call), Answer::Returned(HResult::S_OK));
            }
            _ => {}
        }
    }

    fn begin(&mut self, call: Call<&str>) -> Option<u64> {
        let (sync, thread) = (self.sync, 1);
        let number = self.calls + 1;
        let text = |text: Option<&str>| text.map_or(Text::Null, |text| Text::Is(text.to_owned()));
        let event = match call {
            Call::Progress { text: said, index, index_max: max } => {
                Event::Progress { sync, thread, call: number, text: text(said), index, max }
            }
            Call::Error { result: code, text: said } => {
                Event::Error { sync, thread, call: number, code, text: text(said) }
            }
            Call::Done { event, status } => {
                let handle = event.value() as u64;
                Event::Done { sync, thread, call: number, handle, status }
            }
            Call::Shutdown { method } => {
                self.calls = number;
                self.shutdowns.push(number);
                self.write(Event::Shutdown { thread, call: number, method });
                return None;
            }
            Call::ShutdownReturned { result, .. } => {
                let call = self.shutdowns.pop().expect("it was called");
                self.end(Some(call), Answer::Returned(result));
                return None;
            }
            _ => return None,
        };
        if !self.syncs.contains(&sync) {
            self.syncs.push(sync);
            self.write(Event::Open { sync, flags: 0x80 });
        }
        self.calls = number;
        self.of_sync.push(number);
        self.write(event);
        Some(number)
    }

    fn end(&mut self, call: Option<u64>, answer: Answer) {
        let Some(call) = call.filter(|_| self.ends) else { return };
        self.write(match answer {
            Answer::Returned(result) => Event::Returned { call, result },
            Answer::Panicked => Event::Panicked { call },
            Answer::Dropped => Event::Abandoned { call },
        });
    }
}

fn progress(index: u32, index_max: u32) -> Step {
    Step::Made(Call::Progress { text: None, index, index_max })
}

/// A request to cancel reaches a recording only as an answer.
const CANCELLED: [Step; 4] = [
    Step::Answered(
        Call::Progress { text: None, index: 1, index_max: 10 },
        Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE),
    ),
    Step::Made(Call::Progress { text: None, index: 2, index_max: 10 }),
    Step::Later(60_000),
    Step::Made(Call::Done { event: Step::EVENT, status: HResult::MAPI_E_USER_CANCEL }),
];

#[test]
fn rules_say_what_a_trace_must_have_to_show_them_broken() {
    let policy = Rule::ALL.iter().fold(Policy::default(), |policy, rule| policy.with(*rule));
    for rule in Rule::ALL {
        let wrong = if *rule == Rule::CANCEL_ANSWERED { &CANCELLED } else { rule.wrong() };
        let is_broken = |ends| {
            let report = report(&Recording::of(wrong, ends), &policy);
            report.violations.iter().any(|violation| violation.rule == *rule)
        };
        assert_eq!(is_broken(true), !rule.needs_start(), "{rule}");
        if rule.needs_start() || rule.needs_ends() {
            assert!(!is_broken(false), "{rule}");
        }
    }
}

#[test]
fn traces_without_ends_accuse_nobody_of_what_is_right() {
    for rule in Rule::ALL {
        let report = report(&Recording::of(rule.right(), false), &Policy::default());
        assert_eq!(report.violations, [], "{rule}");
    }
}

#[test]
fn what_was_not_judged_is_named_with_the_reason() {
    let steps = [progress(1, 1), Step::Made(Call::Done { event: Step::EVENT, status: S_OK })];
    let not_judged = |ends| {
        let report = report(&Recording::of(&steps, ends), &Policy::default());
        let of = |why| {
            let of = report.not_judged.iter().filter(|not| not.why == why);
            of.map(|not| not.rule.id()).collect::<Vec<_>>()
        };
        (
            of(WhyNotJudged::CallbacksOnly).len(),
            of(WhyNotJudged::NoEnds),
            of(WhyNotJudged::Missing(Situation::Cancel)),
            of(WhyNotJudged::Missing(Situation::Error)),
            of(WhyNotJudged::PartsOnly),
        )
    };
    let errors = vec!["error-code", "error-text", "status-honest"];
    assert_eq!(not_judged(true), (10, vec![], vec!["cancel-answered"], errors.clone(), vec![]));
    let needs_ends = vec![
        "host-error-survived",
        "cancel-answered",
        "shutdown-stops-work",
        "shutdown-quiet",
        "bounded-silence",
    ];
    let (all, mut ends, cancel, error, parts) = not_judged(false);
    ends.sort_unstable();
    let mut expected = needs_ends;
    expected.sort_unstable();
    assert_eq!((all, ends, cancel, error, parts), (10, expected, vec![], errors, vec![]));
}

const S_OK: HResult = HResult::S_OK;

#[test]
fn trace_of_nothing_judges_nothing() {
    let report = report(&Recording::of(&[], true), &Policy::default());
    assert_eq!(report.not_judged.len(), Policy::default().rules().count());
}

#[test]
fn ends_are_refused_where_the_first_line_says_that_there_are_none() {
    let text = Recording::of(&[progress(1, 1)], true).replace("true}", "true,\"ends\":false}");
    let error = check(Cursor::new(text), Policy::default()).expect_err("it has an end");
    assert_eq!(
        error.to_string(),
        "line 4, column 1: the first line says that the trace does not say how calls end"
    );
}

#[test]
fn refused_files_have_one_clear_reason() {
    let refusal = |text: &str| {
        check(Cursor::new(text.to_owned()), Policy::default()).expect_err("refused").to_string()
    };
    assert_eq!(refusal(""), "the file is empty: a trace has at least its first line");
    assert!(refusal("hello\n").starts_with("this is no trace"));
    let newer = "{\"mapi-sync-trace\":2,\"file\":0,\"texts\":true}\n";
    assert!(refusal(newer).starts_with("the trace has version 2, and version 1 is known here"));
    let first = "{\"mapi-sync-trace\":1,\"file\":0,\"texts\":true}\n";
    let message = refusal(&format!("{first}{{\"t\":1,\"event\":\"dance\"}}\n"));
    assert!(message.starts_with("line 2, column "), "{message}");
    assert_eq!(message.matches("line").count(), 1, "{message}");
}

#[test]
fn number_of_a_sync_can_be_used_again() {
    let one = Recording::of(&[progress(1, 1), Step::Made(DONE)], true);
    let (first, body) = one.split_at(one.find('\n').expect("a first line") + 1);
    let body = body.to_owned();
    let report = report(&[first, &body, &body].concat(), &Policy::default());
    assert_eq!((report.syncs, report.violations.len()), (2, 0));
}

const DONE: Call<&str> = Call::Done { event: Step::EVENT, status: S_OK };

#[test]
fn what_was_found_before_a_gap_stays_found() {
    let back = [progress(2, 3), progress(1, 3), progress(3, 3), Step::Made(DONE)];
    let text = Recording::of(&back, true).replace("true}", "true,\"exact_gaps\":true}");
    let gap = "{\"t\":0,\"event\":\"dropped\",\"count\":1}";
    let with_gap = |line: usize| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(line, gap);
        let report = report(&(lines.join("\n") + "\n"), &Policy::default());
        report.violations.iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    // After the two that show it, and between them.
    assert_eq!(with_gap(6), [Rule::PROGRESS_FORWARD]);
    assert_eq!(with_gap(4), []);
}

/// A sync whose host answers the first Progress with a cancel. It reports this often again, and
/// ends with this status.
fn after_a_cancel(more: u32, status: HResult) -> TraceReport {
    let progress = |index| Call::Progress { text: Some("Inbox"), index, index_max: more + 1 };
    let cancel = Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE);
    let mut steps = vec![Step::Started, Step::Answered(progress(1), cancel)];
    steps.extend((0..more).map(|n| Step::Made(progress(n + 2))));
    steps.push(Step::Made(Call::Done { event: Step::EVENT, status }));
    report(&Recording::of(&steps, true), &Policy::default())
}

#[test]
fn late_calls_whose_tasks_are_not_known_are_no_pass() {
    let why = |report: &TraceReport| {
        let not = report.not_judged.iter().find(|not| not.rule == Rule::CANCEL_ANSWERED);
        not.map(|not| not.why)
    };
    let holds = |report: &TraceReport| report.held.contains(&Rule::CANCEL_ANSWERED);
    // Each task may report once more.
    let one = after_a_cancel(1, HResult::S_OK);
    assert!(why(&one).is_none() && holds(&one), "{one:?}");
    // Two may be of one task or of two.
    let two = after_a_cancel(2, HResult::S_OK);
    assert_eq!(why(&two), Some(WhyNotJudged::TasksUnknown { most: 8 }));
    assert!(two.violations.is_empty() && !holds(&two), "{two:?}");
    // An answer settles it, and too many calls do.
    let answered = after_a_cancel(2, HResult::MAPI_E_USER_CANCEL);
    assert!(why(&answered).is_none() && holds(&answered), "{answered:?}");
    let nine = after_a_cancel(9, HResult::S_OK);
    assert_eq!(nine.violations[0].rule, Rule::CANCEL_ANSWERED);
    assert!(why(&nine).is_none() && !holds(&nine), "{nine:?}");
}

#[test]
fn a_sync_without_a_call_says_nothing_of_its_done() {
    let trace = r#"{"mapi-sync-trace":1,"file":0,"texts":true,"exact_gaps":true}
{"t":1,"event":"open","sync":1,"flags":"0x00000080"}
{"t":2,"event":"close","sync":1}
"#;
    let report = report(trace, &Policy::default());
    let not = report.not_judged.iter().find(|not| not.rule == Rule::DONE_ONCE).expect("it says");
    assert_eq!(not.why, WhyNotJudged::NoCalls);
    assert!(report.violations.is_empty() && !report.held.contains(&Rule::DONE_ONCE));
}
