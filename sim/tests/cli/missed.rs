//! `missed`: what `cargo mutants` wrote, read and told.

#[cfg(unix)]
use std::process::Output;

use serde_json::Value;

use super::command::{File, json, keys, prints, refuses};
#[cfg(unix)]
use super::command::{command, text};

/// What `cargo mutants` writes of a break of this sort, in the file `src/store.rs`.
fn outcome(summary: &str, line: u32, rest: &str, genre: &str, replacement: &str) -> Value {
    let at = |line: u32, column: u32| serde_json::json!({ "line": line, "column": column });
    let span = |from: Value, to: Value| serde_json::json!({ "start": from, "end": to });
    let name = format!("src/store.rs:{line}:5: {rest}");
    serde_json::json!({
        "scenario": { "Mutant": {
            "name": name,
            "package": "store",
            "file": "src/store.rs",
            "function": { "function_name": "Store::fetch", "return_type": "-> bool",
                "span": span(at(1, 1), at(99, 2)) },
            "span": span(at(line, 5), at(line, 9)),
            "replacement": replacement,
            "genre": genre,
        } },
        "summary": summary,
        "log_path": "mutants.out/log/some.log",
        "diff_path": null,
        "phase_results": [],
    })
}

fn outcomes(name: &str, total: usize, baseline: &str, of_breaks: &[Value]) -> File {
    let first = serde_json::json!({
        "scenario": "Baseline",
        "summary": baseline,
        "log_path": "mutants.out/log/baseline.log",
        "diff_path": null,
        "phase_results": [],
    });
    let all: Vec<&Value> = std::iter::once(&first).chain(of_breaks).collect();
    let file = serde_json::json!({
        "outcomes": all,
        "total_mutants": total,
        "missed": 0, "caught": 0, "timeout": 0, "unviable": 0, "success": 0,
        "start_time": "2026-11-26T12:00:00Z",
        "end_time": "2026-11-26T12:01:00Z",
        "cargo_mutants_version": "27.1.0",
    });
    File::new(name, &file.to_string())
}

fn caught(line: u32) -> Value {
    outcome("CaughtMutant", line, "replace Store::fetch -> bool with true", "FnValue", "true")
}

#[test]
fn breaks_that_are_all_found_are_status_0() {
    let none = outcome("Unviable", 4, "replace Store::fetch -> bool with x", "FnValue", "x");
    let file = outcomes("found", 3, "Success", &[caught(2), caught(3), none]);
    let said = prints(0, &["missed", "--outcomes", file.path()]);
    assert_eq!(said, "2 of 2 breaks found, 1 did not compile\n");
}

#[test]
fn missed_breaks_are_status_1_and_are_said_in_words() {
    let missed = |line, rest: &str, genre: &str, replacement: &str| {
        outcome("MissedMutant", line, rest, genre, replacement)
    };
    let file = outcomes(
        "missed",
        9,
        "Success",
        &[
            missed(120, "replace == with != in Store::fetch", "BinaryOperator", "!="),
            missed(8, "replace Store::fetch -> bool with true", "FnValue", "true"),
            missed(9, "replace Store::fetch with ()", "FnValue", "()"),
            missed(10, "delete ! in Store::fetch", "UnaryOperator", ""),
            missed(11, "delete match arm Some(_) in Store::fetch", "MatchArm", ""),
            missed(
                12,
                "replace match guard n > 1 with false in Store::fetch",
                "MatchArmGuard",
                "false",
            ),
            missed(13, "do what nobody knew before in Store::fetch", "Else", ""),
            outcome("Timeout", 14, "replace += with *= in Store::fetch", "BinaryOperator", "*="),
            caught(7),
        ],
    );
    let args = ["missed", "--outcomes", file.path()];
    let expected = "\
missed: no test fails if
  src/store.rs:8    `Store::fetch` does nothing and returns `true`
  src/store.rs:9    `Store::fetch` does nothing
  src/store.rs:10   `!` is left out in `Store::fetch`
  src/store.rs:11   the match arm `Some(_)` is left out in `Store::fetch`
  src/store.rs:12   the guard `n > 1` is always `false` in `Store::fetch`
  src/store.rs:13   do what nobody knew before in Store::fetch
  src/store.rs:120  `==` is replaced by `!=` in `Store::fetch`

timed out: the tests did not end in time if
  src/store.rs:14  `+=` is replaced by `*=` in `Store::fetch`

1 of 9 breaks found, 7 missed, 1 timed out
";
    assert_eq!(prints(1, &args), expected);
    let json = json(1, &args);
    assert_eq!(json["tried"], 9);
    assert_eq!(json["missed"][0]["what"], "`Store::fetch` does nothing and returns `true`");
    assert_eq!(keys(&json["timed_out"][0]), ["column", "file", "line", "what"]);
    assert_eq!(json["complete"], false);
}

#[test]
fn breaks_that_say_too_little_are_status_3() {
    let timeout = outcome("Timeout", 5, "replace Store::fetch with ()", "FnValue", "()");
    let file = outcomes("timeout", 2, "Success", &[caught(2), timeout]);
    let said = prints(3, &["missed", "--outcomes", file.path()]);
    assert!(said.ends_with("1 of 2 breaks found, 1 timed out\n"), "{said}");
    let file = outcomes("cut-off", 5, "Success", &[caught(2)]);
    let said = prints(3, &["missed", "--outcomes", file.path()]);
    assert_eq!(said, "1 of 1 break found, 4 not tried\n");
    let file = outcomes("unbroken", 5, "Failure", &[]);
    let said = prints(3, &["missed", "--outcomes", file.path()]);
    let expected = "the tests fail, or do not compile, without any break: no break was tried\n";
    assert_eq!(said, expected);
    assert_eq!(json(3, &["missed", "--outcomes", file.path()])["fails_unbroken"], true);
    let file = outcomes("nothing", 0, "Success", &[]);
    let said = prints(3, &["missed", "--outcomes", file.path()]);
    assert!(said.contains("nothing was broken, so this says nothing of the tests"), "{said}");
}

#[test]
fn no_outcomes_are_refused() {
    let message = refuses(&["missed", "--outcomes", "no/such/file.json"]);
    assert!(message.contains("cannot read no/such/file.json"), "{message}");
    let file = File::new("no-outcomes", "{}");
    let message = refuses(&["missed", "--outcomes", file.path()]);
    assert!(message.contains("is no file of `cargo mutants`: missing field"), "{message}");
}

/// Runs the command with a program in the place of cargo.
#[cfg(unix)]
fn with_cargo(name: &str, script: &str, args: &[&str]) -> Output {
    use std::os::unix::fs::PermissionsExt;

    let cargo = File::new(name, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(cargo.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    command(args).env("CARGO", cargo.path()).output().expect("the command starts")
}

#[cfg(unix)]
#[test]
fn without_cargo_mutants_says_how_to_get_it() {
    let output = with_cargo("no-mutants", "echo 'no such command' >&2; exit 101", &["missed"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("`cargo install cargo-mutants --locked` installs it"), "{said}");
    let output = with_cargo("fails", "[ \"$2\" = --version ] || exit 70", &["missed"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("it ended with exit status: 70"));
}

#[cfg(unix)]
#[test]
fn runs_cargo_mutants_and_reads_what_it_wrote() {
    let file = outcomes("written", 1, "Success", &[caught(2)]);
    let script = format!(
        "[ \"$2\" = --version ] && exit 0\n\
         echo \"$MAPI_SYNC_SCHEDULES $MAPI_SYNC_KEEP $@\"\n\
         while [ \"$1\" != --output ]; do shift; done\n\
         mkdir -p \"$2/mutants.out\" && cp '{}' \"$2/mutants.out/outcomes.json\"",
        file.path()
    );
    let args =
        ["missed", "-n", "50", "--package", "store", "--file", "src/a.rs", "--test", "holds"];
    let output = with_cargo("runs", &script, &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "1 of 1 break found\n");
    let said = text(&output.stderr);
    assert!(said.starts_with("50 false mutants --no-shuffle "), "{said}");
    assert!(
        said.contains(" --timeout 120 --package store --file src/a.rs -- -- holds\n"),
        "{said}"
    );
}
