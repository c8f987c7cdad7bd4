//! A check of a file with a protocol tries every order first.

use std::path::Path;
use std::process::{Command, Output};

fn check(file: &str, more: &[&str]) -> (Option<i32>, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocols").join(file);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mapi-sync"));
    let Output { status, stdout, stderr } =
        command.arg("check").arg(path).args(more).output().expect("the command starts");
    assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    (status.code(), String::from_utf8(stdout).expect("what is printed is UTF-8"))
}

#[test]
fn a_small_protocol_is_proved() {
    let (status, said) = check("correct/joined-workers.toml", &[]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("strategy exhaustive") && said.contains("classes, exhaustive"), "{said}");
}

#[test]
fn a_broken_protocol_shows_its_lines() {
    let (status, said) = check("bugs/next-after-complete.toml", &[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("done-last (must)") && said.contains("(note: line 21: progress)"),
        "{said}"
    );
}

#[test]
fn a_strategy_or_a_number_of_schedules_is_obeyed() {
    let (status, said) = check("correct/joined-workers.toml", &["-n", "50"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("50 schedules, strategy portfolio"), "{said}");
}

#[test]
fn a_larger_protocol_is_searched_at_random() {
    let large = std::env::temp_dir().join(format!("large-{}.toml", std::process::id()));
    let text = include_str!("../protocols/correct/joined-workers.toml");
    let text = text.replace("folders = 2", "folders = 8");
    let text = text.replace("[protocol]", "[provider]\nworkers = 4\n\n[protocol]");
    std::fs::write(&large, text).expect("the file is written");
    let (status, said) = check(large.to_str().expect("a path in UTF-8"), &[]);
    std::fs::remove_file(&large).expect("the file was there");
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("100,000 schedules, strategy portfolio"), "{said}");
}
