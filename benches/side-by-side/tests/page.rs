//! The page docs/side-by-side.md has the figures of the command.

use side_by_side::table::{PEERS, run};
use side_by_side::{MOST, PROGRAMS, SEEDS};

const PAGE: &str = include_str!("../../../docs/side-by-side.md");

/// The cells of each row of the page's table, the header first.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = PAGE.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// A cell without its seconds, which depend on the machine.
fn schedules(cell: &str) -> &str {
    cell.rsplit_once(", ").map_or(cell, |(schedules, _)| schedules)
}

#[test]
fn table_has_a_column_for_each_peer_and_a_row_for_each_program() {
    let rows = rows();
    let titles: Vec<&str> = PEERS.iter().map(|(_, title)| *title).collect();
    assert_eq!(rows[0], [&["program"][..], &titles].concat());
    let programs: Vec<&str> = rows[2..].iter().map(|row| row[0]).collect();
    assert_eq!(programs, PROGRAMS);
    for cell in rows[2..].iter().flat_map(|row| &row[1..]) {
        let known = [format!("no ({MOST})"), "not there".to_owned()];
        let of_all = |text: &str| {
            let found = text.strip_suffix(&format!(" of {SEEDS}")).unwrap_or(text);
            found.parse::<u64>().is_ok_and(|found| (1..=MOST).contains(&found))
        };
        assert!(
            known.iter().any(|text| text == schedules(cell)) || of_all(schedules(cell)),
            "{cell}"
        );
    }
}

#[test]
fn our_column_is_that_of_a_run() {
    let rows = rows();
    let shown: Vec<(&str, &str)> =
        rows[2..].iter().map(|row| (row[0], schedules(row[1]))).collect();
    let ran = run("ours").unwrap();
    let ran: Vec<(&str, &str)> =
        ran.iter().map(|(program, cell)| (program.as_str(), schedules(cell))).collect();
    assert_eq!(shown, ran);
}
