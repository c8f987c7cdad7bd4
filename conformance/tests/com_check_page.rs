//! The tables of `docs/com-check.md` are made from the host's habits, the rules and the provider
//! DLLs that the tests run.
//!
//! `BLESS=1 cargo test -p mapi-sync-conformance --test com_check_page` writes them anew.

// Reads the sources where they were built; under Wine they lie elsewhere.
#![cfg(not(windows))]

use std::collections::BTreeSet;
use std::fmt::Write;

use mapi_sync::contract::Rule;
use mapi_sync_conformance::com_check::{FORMS, Form, Verdict};
use mapi_sync_sim::foreign::{Habit, ProcessRule};

#[test]
fn the_tables_are_what_the_tests_run() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/com-check.md");
    let found = std::fs::read_to_string(path).expect("the page can be read");
    let mut page = found.clone();
    for (name, table) in
        [("habits", habits()), ("rules", rules()), ("others", others()), ("correct", correct())]
    {
        page = replaced(&page, name, &table);
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &page).expect("the page can be written");
    } else {
        assert!(found == page, "docs/com-check.md is not up to date: run this test with BLESS=1");
    }
}

#[test]
fn there_are_many_forms_and_each_is_there_once() {
    let correct = FORMS.iter().filter(|form| form.verdict == Verdict::Holds).count();
    assert!(correct >= 20, "{correct} correct forms");
    assert!(FORMS.len() - correct >= 40, "{} wrong forms", FORMS.len() - correct);
    let names: BTreeSet<_> = FORMS.iter().map(|form| (form.dll.name(), form.name)).collect();
    assert_eq!(names.len(), FORMS.len());
}

#[test]
fn each_rule_of_a_form_is_a_rule() {
    for form in FORMS {
        if let Verdict::Breaks(rule) = form.verdict {
            let of_process = ProcessRule::ALL.iter().any(|known| known.id() == rule);
            assert!(of_process || rule.parse::<Rule>().is_ok(), "{form:?}");
        }
    }
    for rule in ProcessRule::ALL {
        let broken = FORMS.iter().any(|form| form.verdict == Verdict::Breaks(rule.id()));
        assert!(broken, "no form breaks {}", rule.id());
    }
}

/// The page with this text between the two marks of this name.
fn replaced(page: &str, name: &str, text: &str) -> String {
    let begin = format!("<!-- {name} -->\n");
    let end = format!("<!-- end of {name} -->");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no mark {begin:?}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no mark {end:?}"));
    format!("{before}{begin}\n{text}\n{end}{after}")
}

fn habits() -> String {
    let mut table = "| habit | the host |\n|---|---|\n".to_owned();
    for habit in Habit::ALL {
        let _ = writeln!(table, "| `{}` | {} |", habit.id(), habit.about());
    }
    table
}

fn names<'a>(forms: impl Iterator<Item = &'a Form>) -> String {
    let names: Vec<_> = forms
        .map(|form| format!("`{}` ({}): {}", form.name, form.dll.name(), form.about))
        .collect();
    names.join("; ")
}

fn rules() -> String {
    let mut table = "| rule | a correct provider | the wrong DLLs |\n|---|---|---|\n".to_owned();
    let of_process = ProcessRule::ALL.iter().map(|rule| (rule.id(), rule.statement()));
    let of_contract = Rule::ALL.iter().map(|rule| (rule.id(), rule.statement()));
    for (rule, statement) in of_process.chain(of_contract) {
        let broken = names(FORMS.iter().filter(|form| form.verdict == Verdict::Breaks(rule)));
        if !broken.is_empty() {
            let _ = writeln!(table, "| `{rule}` | {statement} | {broken} |");
        }
    }
    table
}

fn others() -> String {
    let mut table = "| the DLL | the answer |\n|---|---|\n".to_owned();
    for form in FORMS {
        let answer = match form.verdict {
            Verdict::Vacuous => "status 3: nothing was checked".to_owned(),
            Verdict::Unusable(why) => format!("status 2, for a reason with \"{why}\""),
            Verdict::Holds | Verdict::Breaks(_) => continue,
        };
        let _ = writeln!(table, "| `{}`: {} | {answer} |", form.name, form.about);
    }
    table
}

fn correct() -> String {
    let mut list = String::new();
    for form in FORMS.iter().filter(|form| form.verdict == Verdict::Holds) {
        let _ = writeln!(list, "- `{}` ({}): {}", form.name, form.dll.name(), form.about);
    }
    list
}
