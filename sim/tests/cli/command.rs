//! The command, from outside: what it prints, and how it ends.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(super) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mapi-sync"));
    command.args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    // ERROR_INTERNAL_ERROR. Wine answers this to one start in thousands, when others start at the
    // same time.
    const WINE_LOST_IT: i32 = 1359;
    let lost = |error: &std::io::Error| cfg!(windows) && error.raw_os_error() == Some(WINE_LOST_IT);
    let mut output = command(args).output();
    for _ in 0..3 {
        if output.as_ref().is_err_and(lost) {
            output = command(args).output();
        }
    }
    output.expect("the command starts")
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what is printed is UTF-8")
}

/// Runs it, expects this exit status and nothing on the other stream, and returns what it printed.
#[track_caller]
pub(super) fn prints(status: i32, args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout)
}

#[track_caller]
pub(super) fn json(status: i32, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    serde_json::from_str(&prints(status, &args)).expect("one JSON value")
}

/// Runs it, expects it to refuse its input, and returns what it says of it.
#[track_caller]
pub(super) fn refuses(args: &[&str]) -> String {
    let output = run(args);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert_eq!(text(&output.stdout), "");
    assert!(message.starts_with("error: "), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// A file that is there as long as this is.
pub(super) struct File(std::path::PathBuf);

impl File {
    pub(super) fn new(name: &str, content: &str) -> Self {
        let name = format!("{name}-{}.toml", std::process::id());
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, content).expect("the target directory can be written to");
        Self(path)
    }

    pub(super) fn path(&self) -> &str {
        self.0.to_str().expect("the path is UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

const BROKEN: &str = "version = 1\nname = \"late\"\nmutant = \"late-ticker\"\n\
    [[account]]\nname = \"Mailbox\"\nfolders = 2\nmessages = 2\n\
    [provider]\nkeep_alive_ms = 2\n";

#[test]
fn a_contract_that_holds_is_status_0() {
    let said = prints(0, &["check", "tiny-sync", "--schedules", "200"]);
    assert!(said.starts_with("tiny-sync: the contract held\n  200 schedules, "), "{said}");
    let said = prints(0, &["check", "--schedules", "64", "--strategy", "random"]);
    assert!(said.starts_with("default: the contract held\n"), "{said}");
}

#[test]
fn a_violation_is_status_1_and_replays_by_itself() {
    let said = prints(1, &["check", "late-ticker", "--schedules", "500", "--fail-fast"]);
    let sentence = "`ticker`'s Progress began after Done: nothing waits for `ticker`\n";
    let head = format!("{sentence}done-last (must): the provider is to blame\n");
    assert!(said.starts_with(&head), "{said}");
    assert_eq!(said.matches("\n-> ").count(), 1, "{said}");
    let replay = said
        .lines()
        .rfind(|line| line.trim_start().starts_with("mapi-sync replay "))
        .expect("a command");
    let token = replay.split_whitespace().last().expect("a token");
    let again = prints(1, &["replay", token]);
    let arrow = |text: &str| {
        text.lines().find(|line| line.starts_with("-> ")).expect("a marked step").to_owned()
    };
    assert_eq!(arrow(&said), arrow(&again));
    assert!(again.starts_with(&head), "{again}");
    // A scenario that is named besides must be the same.
    prints(1, &["replay", token, "late-ticker"]);
    let message = refuses(&["replay", token, "default"]);
    assert!(message.contains("the token is of the mutant `late-ticker`"), "{message}");
    assert!(message.contains("not of `default`"), "{message}");
}

#[test]
fn a_page_is_written_beside_what_is_printed() {
    let file = File::new("page.html", "");
    let path = file.path();
    let page = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--report", path]).collect();
        let printed = prints(1, &args);
        (printed, std::fs::read_to_string(path).unwrap())
    };
    let (printed, checked) = page(&["check", "done-twice", "-n", "500"]);
    assert!(printed.contains("done-once (must): the provider is to blame"), "{printed}");
    let token = printed.split_whitespace().find(|word| word.starts_with("ms2-")).unwrap();
    assert!(checked.starts_with("<!DOCTYPE html>") && checked.ends_with("</html>\n"));
    assert!(checked.contains(&format!("mapi-sync replay {token}")));
    let (_, replayed) = page(&["replay", token]);
    assert!(replayed.contains("✕ broken") && replayed.contains(token));
    let none = refuses(&["check", "done-twice", "--report", "/no/such/folder/page.html"]);
    assert!(none.contains("cannot write the report to /no/such/folder/page.html"), "{none}");
}

#[test]
fn a_check_that_met_nothing_warns_and_fails_when_strict() {
    let said = prints(0, &["check", "flaky-network", "-n", "1"]);
    assert!(said.contains("\n  warning: every execution was the same one\n"), "{said}");
    assert!(said.contains("\n  warning: never exercised: "), "{said}");
    let said = prints(3, &["check", "flaky-network", "-n", "1", "--strict"]);
    assert!(said.contains("\n  failed: every execution was the same one\n"), "{said}");
    prints(0, &["check", "--schedules", "2000", "--strict"]);
    let silent = json(0, &["check", "--schedules", "2000"]);
    assert_eq!(silent["warnings"], Value::Array(vec![]));
}

#[test]
fn wrong_usage_is_status_2() {
    let message = refuses(&["check", "--strategy", "randon"]);
    assert!(message.contains("a similar value exists: 'random'"), "{message}");
    let message = refuses(&["rules", "done-onec"]);
    assert!(message.contains("a similar value exists: 'done-once'"), "{message}");
    for args in [
        &["check", "--schedules", "0"][..],
        &["check", "--schedules", "-1"],
        &["check", "--jobs", "0"],
        &["check", "--format", "xml"],
        &["check", "a", "b"],
        &["replay"],
        &["scenario", "check"],
        &["no-such-command"],
    ] {
        refuses(args);
    }
    assert_eq!(run(&[]).status.code(), Some(2));
    let help = prints(0, &["--help"]);
    assert!(help.contains("  2  the input or the usage is wrong\n"), "{help}");
    assert!(help.contains("143  SIGTERM ended it before a violation was found\n"), "{help}");
    let help = prints(0, &["check", "--help"]);
    assert!(help.contains("unless --fail-fast"), "{help}");
}

#[test]
fn unknown_scenarios_are_status_2() {
    let message = refuses(&["check", "defalt"]);
    assert!(
        message.contains("`defalt`") && message.contains("did you mean `default`?"),
        "{message}"
    );
    let message = refuses(&["check", "no/such/file.toml"]);
    assert!(message.contains("cannot read no/such/file.toml: "), "{message}");
    let message = refuses(&["scenario", "show", "zebra"]);
    assert!(message.contains("see `mapi-sync scenario list`"), "{message}");
    refuses(&["check", env!("CARGO_TARGET_TMPDIR")]);
}

#[test]
fn a_broken_file_is_status_2_with_its_place() {
    let file = File::new("broken", "version = 1\nname = \"x\"\n[[account]]\nnme = \"y\"\n");
    for args in [&["check", file.path()][..], &["scenario", "check", file.path()]] {
        let message = refuses(args);
        assert!(message.contains(":4:1: unknown key `nme`, did you mean `name`?"), "{message}");
    }
    let checked = run(&["scenario", "check", file.path(), "--format", "json"]);
    assert_eq!(checked.status.code(), Some(2));
    let checked: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    assert_eq!(checked["valid"], false);
    assert_eq!(checked["files"][0]["line"], 4);
    let syntax = File::new("syntax", "version = [");
    refuses(&["check", syntax.path()]);
    let bytes = File::new("bytes", "");
    std::fs::write(&bytes.0, [0xff, 0xfe, 0]).expect("it can be written");
    refuses(&["check", bytes.path()]);
    let mutant = File::new("mutant", &BROKEN.replace("late-ticker", "late-tickers"));
    refuses(&["check", mutant.path()]);
}

#[test]
fn damaged_tokens_are_status_2() {
    let found = json(1, &["check", "done-twice", "--schedules", "1"]);
    let token = found["violations"][0]["token"].as_str().expect("a token").to_owned();
    prints(1, &["replay", &token]);
    for end in 0..token.len() {
        refuses(&["replay", "--", &token[..end]]);
    }
    let mut altered = token.clone().into_bytes();
    for place in 0..altered.len() {
        let was = altered[place];
        altered[place] = if was == b'A' { b'B' } else { b'A' };
        refuses(&["replay", "--", &text(&altered)]);
        altered[place] = was;
    }
    let message = refuses(&["replay", "ms3-AAAA"]);
    assert!(message.contains("format 3"), "{message}");
}

#[test]
fn a_token_of_a_file_wants_that_file() {
    let file = File::new("late", BROKEN);
    let found = json(1, &["check", file.path(), "--schedules", "500", "--fail-fast"]);
    let violation = &found["violations"][0];
    let token = violation["token"].as_str().expect("a token");
    let again = json(1, &["replay", token, file.path()]);
    assert_eq!(again["kind"], "file");
    assert_eq!(again["violations"][0]["message"], violation["message"]);
    assert_eq!(again["violations"][0]["calls"], violation["calls"]);
    assert_eq!(again["timeline"], violation["timeline"]);

    let message = refuses(&["replay", token]);
    assert!(message.contains("a scenario file named `late`: give that scenario"), "{message}");
    let other = File::new("other", &BROKEN.replace("messages = 2", "messages = 3"));
    let message = refuses(&["replay", token, other.path()]);
    assert!(message.contains("digest") && message.contains("not of `late`"), "{message}");
    // What does not change an execution does not change the digest.
    let dressed = File::new("dressed", &format!("# a remark\n{BROKEN}retries = 1\n"));
    prints(1, &["replay", token, dressed.path()]);
}

#[test]
fn colours_are_for_terminals_only_and_never_under_no_color() {
    let args = ["check", "done-twice", "--schedules", "10"];
    let coloured = |configure: &dyn Fn(&mut Command)| {
        let mut command = command(&args);
        configure(&mut command);
        text(&command.output().expect("it starts").stdout).contains('\u{1b}')
    };
    assert!(!coloured(&|_| {}));
    assert!(coloured(&|command| {
        command.env("CLICOLOR_FORCE", "1");
    }));
    assert!(!coloured(&|command| {
        command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    }));
}

#[test]
fn check_says_in_json_what_it_saw() {
    let held = json(0, &["check", "--schedules", "300", "--seed", "5"]);
    assert_eq!(
        keys(&held),
        [
            "chance_to_see_1_percent",
            "complete",
            "coverage",
            "elapsed_s",
            "interrupted",
            "jobs",
            "kind",
            "no_chance",
            "repeated",
            "requested",
            "scenario",
            "schedules",
            "schedules_per_s",
            "seed",
            "steps",
            "strategy",
            "violations",
            "warnings"
        ]
    );
    assert_eq!((&held["schedules"], &held["seed"]), (&300.into(), &5.into()));
    assert_eq!((&held["scenario"], &held["complete"]), (&"default".into(), &true.into()));
    assert!(held["steps"].as_u64() > Some(300));
    assert!(held["schedules_per_s"].as_f64() > Some(0.0));
    let coverage = held["coverage"].as_object().expect("counters");
    for counter in ["done", "errors", "cancels", "network_loss", "callback_panic", "task_dropped"] {
        assert!(coverage[counter].as_u64() > Some(0), "{counter}");
    }
    assert_eq!(held["violations"], Value::Array(vec![]));

    let broken = json(1, &["check", "late-ticker", "--schedules", "300"]);
    let violation = &broken["violations"][0];
    assert_eq!(
        keys(violation),
        [
            "account",
            "at_call",
            "at_ms",
            "blame",
            "calls",
            "changes",
            "context_switches",
            "decisions",
            "decisive",
            "events",
            "found_decisions",
            "level",
            "message",
            "rule",
            "schedule",
            "segments",
            "sentence",
            "shrink_executions",
            "statement",
            "timeline",
            "token"
        ]
    );
    assert_eq!(violation["rule"], "done-last");
    assert_eq!((&violation["level"], &violation["blame"]), (&"must".into(), &"provider".into()));
    let calls = violation["calls"].as_array().expect("calls");
    assert!(calls[0]["call"].as_str().expect("a call").starts_with("Done("));
    let place = usize::try_from(violation["at_call"].as_u64().expect("a place")).expect("small");
    assert_eq!(Some(&violation["timeline"][place]), calls.last());
    assert_eq!(keys(&calls[0]), ["account", "at_ms", "call", "number", "step", "sync", "task"]);
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let cases: [(&[&str], i32); 4] = [
        (&["check", "--schedules", "700"], 0),
        (&["check", "late-error", "--schedules", "700"], 1),
        (&["check", "late-error", "--schedules", "7000", "--fail-fast"], 1),
        (&["check", "event-never", "--schedules", "100"], 1),
    ];
    for (args, status) in cases {
        let result = |jobs: &str| {
            let args: Vec<&str> = args.iter().copied().chain(["--jobs", jobs]).collect();
            let mut value = json(status, &args);
            let object = value.as_object_mut().expect("an object");
            for key in ["elapsed_s", "schedules_per_s", "jobs"] {
                assert!(object.remove(key).is_some());
            }
            value
        };
        let one = result("1");
        assert_eq!(one, result("2"));
        assert_eq!(one, result("5"));
    }
}

#[test]
fn an_execution_that_cannot_go_on_is_a_finding() {
    let found = json(1, &["check", "dies-on-callback-panic", "--schedules", "300"]);
    let violations = found["violations"].as_array().expect("violations");
    let of = |rule: &str| violations.iter().find(|violation| violation["rule"] == rule);
    let deadlock = of("deadlock").expect("the host waits for ever");
    let message = deadlock["message"].as_str().expect("a message");
    assert!(message.contains("task \"main\" waits for event \"Done\""), "{message}");
    let panic = of("panic").expect("a task of the provider died");
    assert!(panic["message"].as_str().expect("a message").contains("task \"sync\" panicked at "));
    let again = json(1, &["replay", panic["token"].as_str().expect("a token")]);
    let rules: Vec<&str> = again["violations"]
        .as_array()
        .expect("violations")
        .iter()
        .filter_map(|violation| violation["rule"].as_str())
        .collect();
    assert!(rules.contains(&"deadlock") && rules.contains(&"panic"), "{rules:?}");
}

#[test]
fn mutants_are_found_and_variants_are_not_accused() {
    let report = json(0, &["mutants", "--variant-schedules", "50"]);
    assert_eq!(keys(&report), ["correct_variants", "interrupted", "mutants", "right"]);
    let mutants = report["mutants"].as_array().expect("mutants");
    assert!(mutants.len() >= 30);
    for mutant in mutants {
        assert_eq!(mutant["rule"], mutant["found_rule"], "{mutant}");
        assert_eq!(mutant["found"], true);
        assert!(mutant["schedules"].as_u64() > Some(0) && mutant["name"].is_string());
        assert!(mutant["token"].as_str().expect("a token").starts_with("ms2-"));
    }
    let variants = report["correct_variants"].as_array().expect("variants");
    assert!(variants.len() >= 10);
    assert!(variants.iter().all(|variant| variant["accused"] == false));
    // One schedule is not enough for those that need a fault.
    let report = json(1, &["mutants", "--schedules", "1", "--variant-schedules", "1"]);
    assert_eq!(report["right"], false);
}

#[test]
fn rules_and_scenarios_are_shown() {
    let table = prints(0, &["rules"]);
    let is_row = |line: &&str| !line.starts_with(' ');
    assert_eq!(table.lines().filter(is_row).count(), 25);
    let lesson = prints(0, &["rules", "done-once"]);
    for part in ["exactly one Done", "done-twice", "what cannot be seen", "\nwrong: ", "\nright: "]
    {
        assert!(lesson.contains(part), "{part} is missing:\n{lesson}");
    }
    let rules = json(0, &["rules"]);
    assert_eq!(rules["rules"].as_array().map(Vec::len), Some(mapi_sync::contract::Rule::ALL.len()));
    assert_eq!(json(0, &["rules", "overlap"])["rules"][0]["level"], "policy");

    let list = json(0, &["scenario", "list"]);
    assert!(list["scenarios"].as_array().expect("scenarios").len() >= 6);
    assert!(prints(0, &["scenario", "list"]).contains("default"));
    let shown = File::new("shown", &prints(0, &["scenario", "show", "flaky-network"]));
    // A long path takes the whole line, and what is said of the file stands on the next.
    let said = prints(0, &["scenario", "check", shown.path()]);
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words, [&format!("{}:", shown.path()), "valid:", "flaky-network"]);
    let digest = |value: &Value| value["digest"].clone();
    let checked = json(0, &["scenario", "check", shown.path()]);
    let builtin = list["scenarios"].as_array().expect("scenarios").iter();
    let builtin = builtin.clone().find(|row| row["name"] == "flaky-network").expect("it is listed");
    assert_eq!(digest(&checked["files"][0]), digest(builtin));
    assert_eq!(json(0, &["scenario", "show", "default"])["version"], 1);
}

#[test]
fn a_scenario_may_come_through_a_pipe() {
    let mut child = command(&["check", "-", "--schedules", "200"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(BROKEN.as_bytes()).expect("it is read");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for format in ["human", "json"] {
        let mut child = command(&["check", "late-ticker", "--schedules", "64", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        assert_eq!(said, "");
        assert_eq!(child.wait().expect("it ends").code(), Some(1));
    }
}

/// Starts a check without an end, sends it a signal of this name, and returns how it ended. The
/// signal is sent once the process has said that it handles it, so nothing here waits for a time.
#[cfg(target_os = "linux")]
fn ended_by(signal: &str, number: u32) -> Output {
    let args = ["check", "--schedules", "1000000000000", "--format", "json"];
    let child = command(&args).stdout(Stdio::piped()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let handles_it = || {
        let status = std::fs::read_to_string(&status).expect("the process runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
        u64::from_str_radix(caught.trim(), 16).expect("a mask") & 1 << (number - 1) != 0
    };
    while !handles_it() {
        std::thread::yield_now();
    }
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
    child.wait_with_output().expect("it ends")
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_with_a_summary_of_what_was_run() {
    let output = ended_by("-INT", 2);
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["complete"], &report["interrupted"]), (&false.into(), &true.into()));
    assert!(report["schedules"].as_u64() < Some(1_000_000_000_000));
}

#[cfg(target_os = "linux")]
#[test]
fn sigterm_is_status_143() {
    let output = ended_by("-TERM", 15);
    assert_eq!(output.status.code(), Some(143));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["interrupted"], true);
}

#[test]
fn incomplete_checks_are_status_3() {
    let said = prints(3, &["check", "tiny-sync", "--strategy", "exhaustive", "-n", "2"]);
    assert!(said.contains("the contract held"), "{said}");
}

const TRACE: &str = "{\"mapi-sync-trace\":1,\"file\":0,\"texts\":true}\n";

#[test]
fn every_command_ends_with_a_status_of_the_table() {
    let scenario = File::new("whole", &BROKEN.replace("mutant = \"late-ticker\"\n", ""));
    let empty = File::new("empty", TRACE);
    let found = json(1, &["check", "done-twice", "--schedules", "1"]);
    let token = found["violations"][0]["token"].as_str().expect("a token");
    let cases: [(&[&str], i32); 13] = [
        (&["check", "--schedules", "50"], 0),
        (&["check", "done-twice", "--schedules", "1"], 1),
        (&["check", "no-such"], 2),
        (&["check", "flaky-network", "-n", "1", "--strict"], 3),
        (&["replay", token], 1),
        (&["replay", "ms2-AAAA"], 2),
        (&["mutants", "-n", "1", "--variant-schedules", "1"], 1),
        (&["rules"], 0),
        (&["rules", "no-such"], 2),
        (&["scenario", "list"], 0),
        (&["scenario", "check", scenario.path()], 0),
        (&["scenario", "check", "no-such.toml"], 2),
        (&["trace", "check", empty.path()], 3),
    ];
    for (args, status) in cases {
        let output = run(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", text(&output.stderr));
    }
}

/// Runs a command in this many KiB of address space, so that what reads its whole input fails.
#[cfg(target_os = "linux")]
fn runs_in(kib: u32, args: &[&str]) -> Output {
    let script = format!("ulimit -v {kib}; exec \"$@\"");
    Command::new("sh")
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_mapi-sync")])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("sh is there")
}

#[cfg(target_os = "linux")]
#[test]
fn endless_input_is_refused_in_little_memory() {
    for args in [
        &["check", "/dev/zero"][..],
        &["scenario", "show", "/dev/zero"],
        &["scenario", "check", "/dev/zero"],
        &["trace", "check", "/dev/zero"],
    ] {
        let output = runs_in(200_000, args);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains("/dev/zero: ") && message.contains("bytes"), "{message}");
    }
}

#[test]
fn large_scenario_is_refused() {
    let file = File::new("large", &format!("{BROKEN}#{}\n", " ".repeat(50_000_000)));
    let message = refuses(&["check", file.path()]);
    assert!(message.contains("it is larger than 4194304 bytes"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn long_recording_is_read_in_little_memory() {
    use std::fmt::Write as _;

    let mut trace = TRACE.to_owned();
    // 30 MB: one sync after another, each with a hundred calls.
    for sync in 1..=1_000 {
        writeln!(trace, r#"{{"t":1,"event":"open","sync":{sync},"flags":"0x000000c0"}}"#).unwrap();
        let place = |n| format!(r#""sync":{sync},"thread":1,"call":{}"#, sync * 1_000 + n);
        let returned = |n| format!(r#""call":{},"result":"0x00000000""#, sync * 1_000 + n);
        for n in 1..=100 {
            let long = "x".repeat(120);
            let said = format!(r#""text":"{long}{n}","index":{n},"max":100"#);
            writeln!(trace, r#"{{"t":1,"event":"progress",{},{said}}}"#, place(n)).unwrap();
            writeln!(trace, r#"{{"t":1,"event":"returned",{}}}"#, returned(n)).unwrap();
        }
        let said = r#""handle":4,"status":"0x00000000""#;
        writeln!(trace, r#"{{"t":1,"event":"done",{},{said}}}"#, place(0)).unwrap();
        writeln!(trace, r#"{{"t":1,"event":"returned",{}}}"#, returned(0)).unwrap();
        writeln!(trace, r#"{{"t":1,"event":"close","sync":{sync}}}"#).unwrap();
    }
    let file = File::new("long", &trace);
    // The command alone takes a good part of this.
    let output = runs_in(40_000, &["trace", "check", file.path()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.starts_with("1000 syncs, 101000 calls\nno rule was broken\n"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn file_names_need_not_be_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(OsStr::from_bytes(b"caf\xe9.toml"));
    std::fs::write(&path, BROKEN).expect("it can be written");
    for args in [&["check", "-n", "200"][..], &["scenario", "show"], &["scenario", "check"]] {
        let output = command(args).arg(&path).output().expect("it starts");
        let status = i32::from(args[0] == "check");
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
    }
    std::fs::write(&path, TRACE).expect("it can be written");
    let output = command(&["trace", "check"]).arg(&path).output().expect("it starts");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    std::fs::remove_file(&path).expect("it is there");
}

#[test]
fn a_search_whose_time_is_over_is_incomplete() {
    let text = prints(3, &["check", "default", "--strategy", "dfs", "--time", "1"]);
    assert!(
        text.contains("the search is incomplete: it ended when its time was over, 1s"),
        "{text}"
    );
}
