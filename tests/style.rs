//! The house style, as far as a program can check it: on stable, without git, on any checkout.
//!
//! `tests/style/exceptions.txt` lists the files that do not keep a rule yet. It may only shrink: an
//! entry that is no longer needed fails the test too.

// Reads the sources where they were built; under Wine they lie elsewhere.
#![cfg(not(windows))]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The most characters that a line of Rust may have.
const COLUMNS: usize = 100;

/// Words that the project no longer uses, each with what to write instead.
///
/// They are matched as whole words in any case, and across the end of a line. `_` separates words.
const RETIRED: &[(&str, &str)] = &[
    ("misbehaviour", "mutant"),
    ("misbehaviours", "mutants"),
    ("orderly", "say what holds"),
    ("short way", "fast path"),
    ("short ways", "fast paths"),
    ("shorter ways", "fast paths"),
    ("long way", "slow path"),
    ("plain run", "default schedule"),
    ("plain schedule", "default schedule"),
    ("bare interface", "raw interface"),
    ("told of", "say who reports what"),
    ("tell of", "report"),
    ("tells of", "reports"),
    ("telling of", "reporting"),
    ("hear of", "learn"),
    ("hears of", "learns"),
    ("one's own", "your own"),
    ("is none to", "say what holds"),
    ("so many", "a number"),
    ("tell slowly", "report_slow"),
];

#[test]
fn lines_fit_in_100_columns() {
    check("columns", |path, text| {
        if extension(path) != "rs" {
            return Vec::new();
        }
        let too_long = |line: &&str| line.chars().count() > COLUMNS && !is_table_row(line);
        let numbered = text.lines().enumerate().filter(|(_, line)| too_long(line));
        numbered.map(|(index, line)| format!("{}: {line}", index + 1)).collect()
    });
}

#[test]
fn imports_stand_in_three_groups() {
    check(
        "imports",
        |path, text| {
            if extension(path) == "rs" { misplaced_imports(text) } else { Vec::new() }
        },
    );
}

#[test]
fn retired_words_stay_away() {
    check("words", |path, text| {
        // This list names them all.
        if path == Path::new("tests/style.rs") {
            return Vec::new();
        }
        let prose = prose(text);
        let found = RETIRED.iter().filter(|(word, _)| prose.contains(&format!(" {word} ")));
        found.map(|(word, instead)| format!("\"{word}\": write {instead}")).collect()
    });
}

#[test]
fn links_between_pages_lead_to_files() {
    check("links", |path, text| {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if extension(path) == "md" { dead_links(&page, text) } else { Vec::new() }
    });
}

/// The links of the Markdown file `page` to files that are not there.
fn dead_links(page: &Path, text: &str) -> Vec<String> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let definitions = text.lines().filter(|line| line.starts_with('['));
    let definitions = definitions.filter_map(|line| Some(line.split_once("]: ")?.1));
    let files = inline.chain(definitions).filter(|target| !target.starts_with("https://"));
    let files = files.map(|target| target.split('#').next().unwrap_or_default());
    let dead = files.filter(|file| !page.with_file_name(file).exists() && !file.is_empty());
    dead.map(|file| format!("no file {file}")).collect()
}

/// A row of a Markdown table in a comment cannot be broken.
fn is_table_row(line: &str) -> bool {
    let comment = line.trim_start().trim_start_matches("//");
    comment.trim_start_matches(['/', '!']).trim_start().starts_with('|')
}

/// The words of `text`, in lower case, each with a space on both sides.
fn prose(text: &str) -> String {
    let mut prose = String::from(" ");
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("//").trim_start_matches(['/', '!', '#']);
        for word in line.split(|c: char| !c.is_alphanumeric() && c != '\'') {
            if !word.is_empty() {
                prose.push_str(&word.to_lowercase());
                prose.push(' ');
            }
        }
    }
    prose
}

/// The group that an import belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Std,
    External,
    Own,
}

impl Group {
    /// The group of the `use` item that begins at `line`, if one does.
    fn of(line: &str) -> Option<Self> {
        let visibility = ["pub(crate) ", "pub(super) ", "pub "];
        let item = visibility.iter().find_map(|pub_| line.strip_prefix(pub_)).unwrap_or(line);
        let path = item.strip_prefix("use ")?.trim_start_matches("::");
        let root = path.split([':', ';', ' ']).next().unwrap_or_default();
        Some(match root {
            "std" | "core" | "alloc" => Self::Std,
            "crate" | "self" | "super" => Self::Own,
            _ => Self::External,
        })
    }
}

/// The imports that do not follow: std, external crates, own modules, a blank line between two
/// groups and none within one.
fn misplaced_imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut last: Option<Group> = None;
    let (mut blank, mut inside) = (false, false);
    for (index, line) in text.lines().enumerate() {
        if inside {
            inside = !line.ends_with(';');
            continue;
        }
        if let Some(group) = Group::of(line) {
            let separated = last.is_some_and(|last| last != group);
            if last.is_some_and(|last| last > group || separated != blank) {
                found.push(format!("{}: {line}", index + 1));
            }
            last = Some(group);
            (blank, inside) = (false, !line.ends_with(';'));
        } else if line.is_empty() {
            blank = true;
        } else if !line.starts_with("#[") {
            // Anything else ends the run of imports.
            last = None;
            blank = false;
        }
    }
    found
}

/// Checks every file against `rule`, which returns what is wrong with one.
fn check(rule: &str, offences: impl Fn(&Path, &str) -> Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = fs::read_to_string(root.join("tests/style/exceptions.txt")).expect("the list");
    let mut excepted: BTreeMap<PathBuf, bool> = listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| *name == rule)
        .map(|(_, path)| (path.into(), false))
        .collect();
    let mut files = Vec::new();
    walk(root, &mut files);
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a text file");
        let path = path.strip_prefix(root).expect("it is under the root");
        let offences = offences(path, &text);
        match excepted.get_mut(path) {
            Some(needed) => *needed = !offences.is_empty(),
            None => wrong.extend(offences.iter().map(|what| format!("{}:{what}", path.display()))),
        }
    }
    let unneeded = excepted.iter().filter(|(_, needed)| !**needed);
    wrong.extend(unneeded.map(|(path, _)| {
        format!("{}: take it off tests/style/exceptions.txt ({rule})", path.display())
    }));
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

/// Finds the Rust, Markdown and TOML files below `folder`, hidden folders and build output aside.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            // Build output lies in a folder that cargo marks.
            if !name.starts_with('.') && !path.join("CACHEDIR.TAG").exists() && name != "target" {
                walk(&path, files);
            }
        } else if matches!(extension(&path), "rs" | "md" | "toml") {
            files.push(path);
        }
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

#[test]
fn the_checks_find_what_they_look_for() {
    let mixed = "use std::fmt;\nuse serde::Serialize;\n\nuse crate::a;\n\nuse std::io;\n";
    assert_eq!(misplaced_imports(mixed), ["2: use serde::Serialize;", "6: use std::io;"]);
    let good = "use std::{\n    fmt,\n};\n\nuse serde::Serialize;\n\n#[cfg(x)]\nuse super::b;\n";
    assert_eq!(misplaced_imports(good), [""; 0]);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = "[a](docs/terms.md) [b](terms.md)\n[c]: docs/design.md#x\n[d]: crate::D\n";
    assert_eq!(dead_links(&readme, page), ["no file terms.md", "no file crate::D"]);
    assert!(prose("/// was told\n/// of it").contains(" told of "));
    assert!(prose("fn tell_slowly() {}").contains(" tell slowly "));
    assert!(is_table_row("    /// | a | b |") && !is_table_row("    a | b"));
}
