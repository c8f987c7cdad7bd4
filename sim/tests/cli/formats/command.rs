//! The command: width and characters of its words, formats, and what shells know of it.

use std::process::{Command, Output, Stdio};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mapi-sync"));
    command.args(args).stdin(Stdio::null());
    for name in
        ["CLICOLOR_FORCE", "COLUMNS", "GITHUB_ACTIONS", "LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR"]
    {
        command.env_remove(name);
    }
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("what is printed is UTF-8")
}

/// Runs it, expects this exit status, and returns what it printed.
#[track_caller]
fn prints(status: i32, args: &[&str]) -> String {
    let Output { status: ended, stdout, stderr } = command(args).output().expect("it starts");
    assert_eq!(ended.code(), Some(status), "{}", text(stderr));
    text(stdout)
}

/// Runs it, expects it to refuse its input, and returns what it says of it.
#[track_caller]
fn refuses(args: &[&str]) -> String {
    let Output { status, stderr, .. } = command(args).output().expect("it starts");
    let message = text(stderr);
    assert_eq!(status.code(), Some(2), "{message}");
    message
}

/// Runs it with these variables, and returns what it printed.
fn prints_with(variables: &[(&str, &str)], args: &[&str]) -> String {
    let mut command = command(args);
    text(command.envs(variables.iter().copied()).output().expect("it starts").stdout)
}

#[test]
fn words_fit_the_width() {
    let check = ["check", "late-ticker", "--schedules", "500", "--fail-fast"];
    for (columns, width) in [(None, 80), (Some("50"), 50), (Some("120"), 120), (Some("x"), 80)] {
        let variables: Vec<(&str, &str)> =
            columns.into_iter().map(|columns| ("COLUMNS", columns)).collect();
        for args in
            [&check[..], &["rules"], &["rules", "done-last"], &["doctor"], &["scenario", "list"]]
        {
            let said = prints_with(&variables, args);
            let long = said.lines().filter(|line| line.chars().count() > width);
            // A token is not broken, so that it can be copied, nor is any other word.
            let is_word = |line: &str| !line.rsplit("  ").next().unwrap_or_default().contains(' ');
            let long: Vec<&str> =
                long.filter(|line| !line.contains(" ms2-") && !is_word(line)).collect();
            assert_eq!(long, [""; 0], "{args:?} in {width} columns");
        }
    }
}

#[cfg(unix)]
#[test]
fn words_are_ascii_where_the_locale_is() {
    let args = ["check", "late-ticker", "--schedules", "500", "--no-shrink", "--fail-fast"];
    let wide = prints_with(&[("LC_ALL", "C.UTF-8")], &args);
    assert!(wide.contains(" … "), "{wide}");
    let ascii = prints_with(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")], &args);
    assert!(ascii.is_ascii() && ascii.contains(" ... "), "{ascii}");
    assert!(prints_with(&[("LANG", "de_DE.utf8")], &args).contains(" … "));
}

#[test]
fn annotations_follow_the_words_within_github_actions() {
    let args = ["check", "done-twice", "--schedules", "100", "--fail-fast"];
    let said = prints_with(&[("GITHUB_ACTIONS", "true")], &args);
    assert!(said.starts_with("`sync` sent Done twice"), "{said}");
    let title = "\n::error title=done-once in done-twice::`sync` sent Done twice, ";
    assert_eq!(said.matches(title).count(), 1, "{said}");
    assert!(!prints_with(&[], &args).contains("::error"));
    let rules = prints_with(&[("GITHUB_ACTIONS", "true")], &["rules"]);
    assert!(!rules.contains("::"), "{rules}");
}

#[test]
fn what_check_writes_trace_check_reads() {
    let calls =
        prints(1, &["check", "done-twice", "-n", "100", "--fail-fast", "--format", "calls"]);
    let name = format!("calls-{}.jsonl", std::process::id());
    let recording = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&recording, calls).expect("the target directory can be written to");
    let path = recording.to_str().expect("the path is UTF-8");
    let said = prints(1, &["trace", "check", path, "--format", "junit"]);
    assert!(said.contains("<testcase name=\"done-once\" classname=\"trace\">"), "{said}");
    let said = prints(1, &["trace", "check", path, "--format", "github"]);
    std::fs::remove_file(&recording).expect("it can go");
    assert!(said.starts_with("::error title=done-once in trace::in sync 1, Done was"), "{said}");
}

#[test]
fn shells_and_manuals_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = prints(0, &["completions", shell]);
        for name in ["replay", "trace", "--format", "doctor"] {
            // Some shells have the name without its dashes.
            let name = name.trim_start_matches('-');
            assert!(script.contains(name), "{shell}: {name}");
        }
    }
    let page = prints(0, &["man"]);
    assert!(page.contains(".TH mapi-sync 1") && page.contains("mapi\\-sync\\-check(1)"), "{page}");
    let folder = format!("man-{}", std::process::id());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    prints(0, &["man", "--folder", folder.to_str().expect("the path is UTF-8")]);
    let mut pages: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    std::fs::remove_dir_all(&folder).expect("it can go");
    for name in ["mapi-sync.1", "mapi-sync-check.1", "mapi-sync-trace-check.1"] {
        assert!(pages.iter().any(|page| page == name), "{pages:?}");
    }
}

#[test]
fn every_mistyped_name_has_the_nearest_one_suggested() {
    for (args, meant) in [
        (&["chek"][..], "check"),
        (&["check", "late-tiker"], "late-ticker"),
        (&["check", "--format", "jnit"], "junit"),
        (&["check", "--strategy", "portfolo"], "portfolio"),
        (&["check", "--schedule", "5"], "--schedules"),
        (&["rules", "done-lst"], "done-last"),
        (&["trace", "chek", "x"], "check"),
        (&["trace", "check", "-", "--without", "overlp"], "overlap"),
        (&["completions", "bsh"], "bash"),
    ] {
        let message = refuses(args);
        assert!(
            message.contains(&format!("`{meant}`?")) || message.contains(&format!("'{meant}'")),
            "{args:?}: {message}"
        );
    }
}

#[test]
fn help_has_examples() {
    for command in ["check", "replay", "mutants", "rules", "completions", "man"] {
        let help = prints(0, &[command, "--help"]);
        assert!(help.contains("Examples:\n  mapi-sync "), "{help}");
    }
}
