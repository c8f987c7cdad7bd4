//! The tables that tests compute are in the pages.

const DESIGN: &str = include_str!("../../../docs/design.md");
const READ_ME: &str = include_str!("../../../README.md");

#[test]
fn the_design_page_states_what_was_searched() {
    let file = include_str!("../../../sim/tests/suite/session_search.md");
    let (table, sum) = file.trim_end().rsplit_once("\n\n").expect("a table and a sum");
    assert!(DESIGN.contains(table) && DESIGN.contains(sum), "the page is to say {sum}:\n{table}");
}

#[test]
fn the_read_me_has_the_exit_statuses() {
    let table = include_str!("../../../sim/src/cli/status.md");
    assert!(READ_ME.contains(table), "the read-me lacks:\n{table}");
}
