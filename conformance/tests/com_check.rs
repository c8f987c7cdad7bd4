//! The command `com-check`, on DLLs: each form of the providers, in C++ and Rust, has its verdict.
#![cfg(windows)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mapi_sync_conformance::com_check::{Dll, FORMS, Form, How, Verdict, built};
use serde_json::Value;

/// Compiled by the build script, where there is a compiler for the target.
const CPP_STORE: &str = match option_env!("CPP_STORE_DLL") {
    Some(dll) => dll,
    None => "cpp_store.dll",
};
const CPP_FORMS: &str = match option_env!("CPP_FORMS_DLL") {
    Some(dll) => dll,
    None => "cpp_forms.dll",
};

fn path(dll: Dll) -> PathBuf {
    match dll {
        Dll::Store => CPP_STORE.into(),
        Dll::Forms => CPP_FORMS.into(),
        Dll::Rust => built("examples/scenario_store.dll"),
        Dll::RustForms => built("examples/rust_forms.dll"),
    }
}

fn command(dll: &Path, how: How, more: &[&str]) -> Command {
    let mut command = Command::new(built("mapi-sync.exe"));
    command.arg("com-check").arg(dll).args(["--format", "json"]).args(more);
    command.args(["--syncs", &how.syncs.to_string()]);
    command.args(["--patience", &how.patience_ms.to_string()]);
    command
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{errors}"))
}

fn checked(form: &Form, more: &[&str]) -> (Option<i32>, Value) {
    let mut command = command(&path(form.dll), form.how, more);
    command.env(form.dll.variable(), form.name);
    let output = command.output().expect("the command runs");
    (output.status.code(), json(&output))
}

/// A form of `forms_dll.cpp`.
fn form(name: &str) -> &'static Form {
    FORMS.iter().find(|form| form.dll == Dll::Forms && form.name == name).expect("a form")
}

fn rules(report: &Value) -> Vec<&str> {
    let violations = report["violations"].as_array().expect("violations");
    violations.iter().map(|violation| violation["rule"].as_str().expect("a name")).collect()
}

fn message<'a>(report: &'a Value, rule: &str) -> &'a str {
    let violations = report["violations"].as_array().expect("violations");
    let broken = violations.iter().find(|violation| violation["rule"] == rule);
    broken.unwrap_or_else(|| panic!("{rule} in {report}"))["message"].as_str().expect("a text")
}

/// What is wrong with the answer, if anything.
fn judge(form: &Form) -> Result<(), String> {
    let (status, report) = checked(form, &[]);
    let rules = rules(&report);
    let right = match form.verdict_here() {
        Verdict::Holds => status == Some(0) && rules.is_empty(),
        Verdict::Breaks(rule) => status == Some(1) && rules.contains(&rule),
        Verdict::Vacuous => status == Some(3) && report["vacuous"] == true,
        Verdict::Unusable(why) => {
            status == Some(2) && report["unusable"].as_str().is_some_and(|text| text.contains(why))
        }
    };
    for violation in report["violations"].as_array().expect("violations") {
        for key in ["rule", "level", "blame", "message", "token", "calls"] {
            assert!(violation.get(key).is_some(), "{key} in {violation}");
        }
    }
    if right { Ok(()) } else { Err(format!("{form:?}: status {status:?}, {report:#}")) }
}

/// Most of a check is waiting, so several run at once.
#[test]
fn every_form_has_its_verdict() {
    const AT_ONCE: usize = 6;

    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(form) = FORMS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = Instant::now();
                    let judged = judge(form);
                    println!("{:>6.1} s {}", began.elapsed().as_secs_f64(), form.name);
                    if let Err(answer) = judged {
                        wrong.lock().unwrap().push(answer);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), FORMS.len(), wrong.join("\n"));
}

#[test]
fn what_the_host_did_is_in_the_report() {
    let (status, report) = checked(form("fails-with-errors"), &["--seed", "9"]);
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(report["not_exercised"], Value::Array(Vec::new()));
    let exercised = report["exercised"].as_array().expect("a list");
    let mut did: Vec<_> = exercised.iter().map(|did| did["what"].as_str().unwrap()).collect();
    did.sort_unstable();
    let all = [
        "all-flags",
        "done-fails",
        "error-fails",
        "exit",
        "lingers-in-done",
        "longer-block",
        "other-flags",
        "overlaps",
        "progress-fails",
        "releases-store",
        "session",
        "single-threaded",
        "slow",
        "starts-in-done",
        "starts-in-error",
        "starts-in-progress",
        "unload",
    ];
    assert_eq!(did, all);
}

#[test]
fn a_crash_has_a_place_and_keeps_what_was_found_before() {
    let store = FORMS.iter().find(|form| form.name == "crashes").expect("a form");
    let (_, report) = checked(store, &[]);
    let crash = message(&report, "process-survives");
    assert!(crash.contains("in the start of sync 1: access violation (0xC0000005)"), "{crash}");
    assert!(crash.contains("at cpp_store.dll+0x"), "{crash}");
    assert!(crash.contains("in thread ") && crash.contains("wrote 0x0"), "{crash}");

    // After many syncs.
    let (_, report) = checked(form("release-crashes"), &[]);
    assert!(report["syncs"].as_u64().is_some_and(|syncs| syncs > 1), "{report:#}");
    assert!(report["dones"].as_u64().is_some_and(|dones| dones > 1), "{report:#}");
    assert!(report["calls"].as_u64().is_some_and(|calls| calls > 4), "{report:#}");
    assert!(!report["exercised"].as_array().unwrap().is_empty(), "{report:#}");
}

#[test]
fn a_minidump_is_written_where_it_is_asked_for() {
    let dump = std::env::temp_dir().join(format!("com-check-{}.dmp", std::process::id()));
    let path = dump.to_str().expect("a path in Unicode");
    let (status, report) = checked(form("breakpoint"), &["--minidump", path]);
    assert_eq!(status, Some(1));
    let crash = message(&report, "process-survives");
    assert!(crash.contains("breakpoint (0x80000003) at cpp_forms.dll+0x"), "{crash}");
    assert!(!crash.contains("no minidump"), "{crash}");
    let bytes = std::fs::read(&dump).expect("a minidump");
    std::fs::remove_file(&dump).expect("it is ours");
    assert_eq!(&bytes[..4], b"MDMP");

    let (_, report) = checked(form("breakpoint"), &["--minidump", "no/such/folder/x.dmp"]);
    let crash = message(&report, "process-survives");
    assert!(crash.contains("no minidump"), "{crash}");
}

#[test]
fn the_result_is_a_page_for_the_browser_too() {
    let page = std::env::temp_dir().join(format!("com-check-{}.html", std::process::id()));
    let path = page.to_str().expect("a path in Unicode");
    let (status, report) = checked(form("breakpoint"), &["--report", path]);
    let shown = std::fs::read_to_string(&page).expect("a page");
    std::fs::remove_file(&page).expect("it is ours");
    assert_eq!(status, Some(1));
    assert!(shown.starts_with("<!DOCTYPE html>") && shown.ends_with("</html>\n"), "{shown}");
    for part in ["cpp_forms.dll", "process-survives", "What it had no chance to do"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains(&message(&report, "process-survives")[..40]), "{shown}");

    // Said before the provider is run.
    let mut command = command(CPP_FORMS.as_ref(), form("breakpoint").how, &[]);
    let refused = command.args(["--report", "no/such/folder/x.html"]).output();
    let refused = refused.expect("the command runs");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no/such/folder/x.html"));
}

#[test]
fn a_cancel_is_answered_by_the_example_store() {
    let how = How { syncs: 3, patience_ms: 5000 };
    let example = Form { how, ..FORMS[0] };
    let (status, report) = checked(&example, &["--cancel-after", "5"]);
    assert_eq!((status, rules(&report)), (Some(0), vec![]));
}

#[test]
fn the_process_that_a_provider_starts_ends_with_the_check() {
    let began = Instant::now();
    let (status, report) = checked(form("grandchild"), &[]);
    assert_eq!(status, Some(0), "{report:#}");
    // It holds the standard error stream, so this would wait for its minute.
    assert!(began.elapsed() < Duration::from_secs(40));
}

#[test]
fn files_that_are_no_provider_are_refused_with_a_reason() {
    let how = How { syncs: 1, patience_ms: 1000 };
    let this_program = std::env::current_exe().expect("this test has a path");
    let text = std::env::temp_dir().join(format!("com-check-{}.dll", std::process::id()));
    std::fs::write(&text, "no image").expect("room for a file");
    let other = if cfg!(target_pointer_width = "64") { "32-bit" } else { "64-bit" };
    let own = if cfg!(target_pointer_width = "64") { "64-bit" } else { "32-bit" };
    let mut image = vec![0_u8; 512];
    image[..2].copy_from_slice(b"MZ");
    image[0x3C] = 0x80;
    image[0x80..0x86].copy_from_slice(&if other == "32-bit" {
        *b"PE\0\0\x4C\x01"
    } else {
        *b"PE\0\0\x64\x86"
    });
    let foreign = text.with_extension("other.dll");
    std::fs::write(&foreign, image).expect("room for a file");
    let width = format!("this DLL is {other}, this checker {own}");
    let cases: [(&Path, &[&str], &str); 5] = [
        ("no_such.dll".as_ref(), &[], "there is no such file"),
        (&text, &[], "Windows error"),
        (&foreign, &[], &width),
        (CPP_FORMS.as_ref(), &["--export", "NoSuchExport"], "no export NoSuchExport"),
        (&this_program, &[], "cannot be"),
    ];
    for (dll, more, why) in cases {
        let output = command(dll, how, more).output().expect("the command runs");
        assert_eq!(output.status.code(), Some(2), "{dll:?}");
        let report = json(&output);
        let unusable = report["unusable"].as_str().expect("a reason");
        if dll != this_program {
            assert!(unusable.contains(why), "{unusable}");
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("error:") && errors.contains(unusable), "{errors}");
    }
    std::fs::remove_file(&text).expect("it is ours");
    std::fs::remove_file(&foreign).expect("it is ours");
}
