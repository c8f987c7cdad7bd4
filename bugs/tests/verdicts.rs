//! Each bug is found in the version that has it, and the version without it holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bugs::sets;
use bugs::table::{BUGS, Bug};

#[test]
fn each_bug_is_found_and_each_fixed_version_holds() {
    let shown = sets::run().unwrap();
    let wrong: Vec<&str> = shown
        .iter()
        .filter(|shown| !shown.is_as_expected())
        .map(|shown| shown.bug.program)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{}", sets::table(&shown));
}

#[test]
fn table_lists_every_program() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let files: BTreeSet<String> = fs::read_dir(programs)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let listed: BTreeSet<String> = BUGS.iter().map(|bug| bug.program.to_owned()).collect();
    assert_eq!(files, listed);
}

#[test]
fn sets_pin_the_versions_of_the_table() {
    let sets = Path::new(env!("CARGO_MANIFEST_DIR")).join("sets");
    for bug in BUGS {
        for version in [&bug.buggy, &bug.fixed] {
            let lock = fs::read_to_string(sets.join(version.set).join("Cargo.lock")).unwrap();
            let pinned = format!("name = \"{}\"\nversion = \"{}\"\n", bug.name, version.version);
            assert!(lock.contains(&pinned), "{}: {pinned}", version.set);
        }
    }
}

#[test]
fn page_lists_every_bug() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/bugs-found.md");
    let page = fs::read_to_string(page).unwrap();
    for Bug { about, link, name, buggy, .. } in BUGS {
        let row = format!("| [{about}]({link}) | {name} | {} |", buggy.version);
        assert!(page.contains(&row), "{row}");
    }
}
