//! The command `com-check`, on DLLs: the example store, and the C++ provider in each of its forms.
#![cfg(windows)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Compiled by the build script, where there is a compiler for the target.
const CPP_STORE: &str = match option_env!("CPP_STORE_DLL") {
    Some(dll) => dll,
    None => "cpp_store.dll",
};

/// What cargo has built beside the tests: the folder above theirs.
fn built(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("this test has a path");
    let built = tests.parent().and_then(Path::parent).expect("a folder of test programs");
    let path = built.join(name);
    assert!(path.exists(), "{} is not built: scripts/test-windows builds it", path.display());
    path
}

fn com_check(dll: &Path, form: &str, more: &[&str]) -> Output {
    let mut command = Command::new(built("mapi-sync.exe"));
    command.arg("com-check").arg(dll).args(["--format", "json"]).args(more);
    if !more.contains(&"--patience") {
        command.args(["--patience", "3000"]);
    }
    command.env("MAPI_SYNC_FORM", form).env("MAPI_SYNC_SCENARIO", "tiny-sync");
    command.output().expect("the command runs")
}

/// Exit status, and the rules found broken.
fn checked(dll: &Path, form: &str, more: &[&str]) -> (i32, Vec<String>) {
    let output = com_check(dll, form, more);
    let text = String::from_utf8(output.stdout).expect("JSON");
    let errors = String::from_utf8_lossy(&output.stderr);
    let report: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{errors}"));
    assert!(report["syncs"].as_u64().is_some_and(|syncs| syncs > 0), "{text}");
    let violations = report["violations"].as_array().expect("violations");
    for violation in violations {
        for key in ["rule", "level", "blame", "message", "token", "calls"] {
            assert!(violation.get(key).is_some(), "{key} in {violation}");
        }
    }
    let rules =
        violations.iter().map(|violation| violation["rule"].as_str().expect("a name").into());
    (output.status.code().expect("it ended by itself"), rules.collect())
}

#[test]
fn the_example_store_holds() {
    let dll = built("examples/scenario_store.dll");
    assert_eq!(checked(&dll, "", &["--syncs", "6"]), (0, vec![]));
}

#[test]
fn the_example_store_answers_a_cancel() {
    let dll = built("examples/scenario_store.dll");
    assert_eq!(checked(&dll, "", &["--syncs", "3", "--cancel-after", "5"]), (0, vec![]));
}

#[test]
fn the_correct_cpp_forms_hold() {
    for form in ["correct", "inline", "null-handle"] {
        assert_eq!(checked(CPP_STORE.as_ref(), form, &["--syncs", "12"]), (0, vec![]), "{form}");
    }
}

#[test]
fn a_wrong_cpp_form_is_found() {
    for (form, rule) in [("done-twice", "done-once"), ("signals-published", "event-after-done")] {
        let (status, rules) = checked(CPP_STORE.as_ref(), form, &["--syncs", "4"]);
        assert_eq!(status, 1, "{form}");
        assert!(rules.iter().any(|broken| broken == rule), "{form}: {rules:?}");
    }
}

#[test]
fn leaked_handles_are_found() {
    let (status, rules) = checked(CPP_STORE.as_ref(), "leaks-event", &["--syncs", "30"]);
    assert_eq!((status, rules), (1, vec!["handles-closed".to_owned()]));
}

#[test]
fn handles_closed_twice_are_found() {
    let (status, rules) = checked(CPP_STORE.as_ref(), "closes-twice", &["--syncs", "2"]);
    assert_eq!((status, rules), (1, vec!["handles-closed-once".to_owned()]));
    // The host's own handle, which it has closed inside Done.
    let (status, rules) = checked(CPP_STORE.as_ref(), "closes-handle", &["--syncs", "1"]);
    assert_eq!((status, rules), (1, vec!["handles-closed-once".to_owned()]));
    // And one that it has not.
    let (status, rules) = checked(CPP_STORE.as_ref(), "closes-handle", &["--syncs", "2"]);
    assert_eq!(status, 1);
    assert!(rules.iter().any(|rule| rule == "event-owner"), "{rules:?}");
}

#[test]
fn a_crash_is_reported_and_stays_in_its_process() {
    let (status, rules) = checked(CPP_STORE.as_ref(), "crashes", &["--syncs", "3"]);
    assert_eq!((status, rules), (1, vec!["process-survives".to_owned()]));
}

#[test]
fn a_hang_is_reported_and_ended() {
    let (status, rules) =
        checked(CPP_STORE.as_ref(), "hangs", &["--syncs", "3", "--patience", "500"]);
    assert_eq!(status, 1);
    assert!(rules.iter().any(|rule| rule == "sync-ends"), "{rules:?}");
}

#[test]
fn a_file_without_a_provider_is_refused() {
    for (dll, more) in [("no_such.dll", &[][..]), (CPP_STORE, &["--export", "NoSuchExport"][..])] {
        let output = com_check(dll.as_ref(), "correct", more);
        assert_eq!(output.status.code(), Some(2));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains("error:"), "{errors}");
    }
}
