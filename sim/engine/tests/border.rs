//! The crate's border: the engine knows nothing of mail.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_manifest_depends_on_no_other_crate_of_the_workspace() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut names = manifest.lines().filter(|line| line.starts_with("mapi"));
    assert_eq!(names.next(), None);
    assert!(!manifest.contains("path = \"..") && !manifest.contains("path = \"/"));
}

#[test]
fn no_source_names_mail_or_the_crates_above() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    assert!(files.len() > 30, "{}", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for word in ["mapi_sync::", "mapi_sync_sim", "IMAPI", "MapiSync", "HResult", "mailbox"] {
            assert!(!text.contains(word), "{} names {word}", file.display());
        }
    }
}

/// The decision vector, the strategies and the shrinker stand on the executor, which names none of
/// them.
#[test]
fn the_executor_names_no_strategy_and_no_decision_vector() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let above =
        ["lib.rs", "decision", "strategy", "shrink"].map(|name| root().join("src").join(name));
    for file in files {
        if above.iter().any(|above| file.starts_with(above)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for module in ["decision", "strategy", "shrink"] {
            for path in [format!("crate::{module}::"), format!("super::{module}::")] {
                assert!(!text.contains(&path), "{} names {path}", file.display());
            }
        }
    }
}
