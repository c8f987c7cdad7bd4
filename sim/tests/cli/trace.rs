//! `trace check`, as a user runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn check(trace: &str, more: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mapi-sync"))
        .args(["trace", "check", "-"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    if let Err(error) = child.stdin.take().expect("piped").write_all(trace.as_bytes()) {
        // It does not read on when it has refused a line.
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    child.wait_with_output().expect("it ends")
}

const GOOD: &str = r#"{"mapi-sync-trace":1,"file":0,"texts":true}
{"t":1,"event":"open","sync":1,"flags":"0x00000080"}
{"t":2000,"event":"progress","sync":1,"thread":1,"call":1,"text":"Inbox","index":2,"max":2}
{"t":2001,"event":"returned","call":1,"result":"0x00000000"}
{"t":5000,"event":"done","sync":1,"thread":1,"call":2,"handle":4,"status":"0x00000000"}
{"t":5001,"event":"returned","call":2,"result":"0x00000000"}
{"t":9000,"event":"close","sync":1}
"#;

#[test]
fn a_good_recording_holds() {
    let output = check(GOOD, &[]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["1 syncs, 2 calls", "no rule was broken"]);
    assert!(lines[2].starts_with("not judged, for a trace has callbacks only: "), "{text}");
    assert!(text.contains("not judged, for no cancel was requested: cancel-answered\n"), "{text}");
}

#[test]
fn a_bad_recording_is_reported_with_its_calls() {
    let again = GOOD.lines().nth(4).expect("the Done").replace(r#""call":2"#, r#""call":3"#);
    let output = check(
        &GOOD.replace("{\"t\":9000", &format!("{again}\n{{\"t\":9000")),
        &["--format", "json"],
    );
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["calls"], 3);
    assert_eq!(report["violations"][0]["rule"], "done-once");
    assert_eq!(report["violations"][0]["token"], serde_json::Value::Null);
    assert!(report["violations"][0]["calls"].as_array().is_some_and(|calls| calls.len() >= 2));
}

#[test]
fn other_files_are_refused() {
    for trace in
        ["", "hello\n", &GOOD.replace("flags", "flag"), &GOOD.replace(":1,\"file", ":9,\"file")]
    {
        let output = check(trace, &[]);
        assert_eq!(output.status.code(), Some(2), "{trace}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error:"));
    }
}

#[test]
fn records_that_were_dropped_later_count_from_the_beginning() {
    // Without its Done, a whole sync breaks a rule.
    let without: String = GOOD
        .lines()
        .filter(|line| !line.contains("call\":2"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(check(&without, &[]).status.code(), Some(1));
    let dropped = format!("{without}{{\"t\":9001,\"event\":\"dropped\",\"count\":2}}\n");
    let output = check(&dropped, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn recordings_that_show_too_little_are_incomplete() {
    let header = GOOD.lines().next().expect("a header");
    let cut_off = &GOOD[..GOOD.len() - 10];
    for trace in [&format!("{header}\n"), cut_off] {
        assert_eq!(check(trace, &[]).status.code(), Some(3), "{trace}");
    }
}

#[test]
fn long_lines_are_refused() {
    let long = format!("{GOOD}{}", "x".repeat(3 << 20));
    let output = check(&long, &[]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("line 8 is longer than 1048576 bytes"), "{message}");
}

#[test]
fn too_many_syncs_at_once_are_refused() {
    use std::fmt::Write;

    let mut trace = GOOD.to_owned();
    for sync in 2..=10_100 {
        writeln!(trace, r#"{{"t":1,"event":"open","sync":{sync},"flags":"0x000000c0"}}"#)
            .expect("memory");
    }
    let output = check(&trace, &[]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("more than 10000 syncs or calls are under way"), "{message}");
}

#[test]
fn policies_are_given_on_the_command_line() {
    let back = GOOD.replace("\"t\":5", "\"t\":70005");
    assert_eq!(check(&back, &[]).status.code(), Some(1));
    assert_eq!(check(&back, &["--bounded-silence", "70010"]).status.code(), Some(0));
    let output = check(&back, &["--without", "bounded-silence", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let not_judged = report["not_judged"].as_array().expect("a list");
    let of = |id: &str| not_judged.iter().find(|rule| rule["rule"] == id);
    assert_eq!(of("cancel-answered").expect("it is there")["why"], "no cancel was requested");
    assert_eq!(of("bounded-silence"), None);
    assert_eq!(check(&back, &["--without", "bounded"]).status.code(), Some(2));
    assert_eq!(check(GOOD, &["--with", "serial-calls"]).status.code(), Some(0));
}
