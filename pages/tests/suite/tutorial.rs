//! The tutorial's outputs and code are real, its bug is found, and what it mends holds.

#[path = "../../../sim/examples/tutorial.rs"]
mod example;

use mapi_sync_sim::Report;
use mapi_sync_sim::strategy::TrackedSharing;

const PAGE: &str = include_str!("../../../docs/tutorial.md");
const EXAMPLE: &str = include_str!("../../../sim/examples/tutorial.rs");

/// The most lines of a counterexample.
const LINES: usize = 12;

/// The page's blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let blocks: Vec<&str> = PAGE.split("```").skip(1).step_by(2).collect();
    let of_language = blocks.into_iter().filter_map(|block| block.split_once('\n'));
    of_language.filter(|(first, _)| *first == language).map(|(_, rest)| rest).collect()
}

/// The report, as the example prints it.
fn printed(report: &Report) -> String {
    // The test finds the example by another path.
    report.to_string().replace("pages/tests/suite/../../../sim/examples/", "sim/examples/")
}

/// How many lines the time line of the first counterexample has.
fn lines(report: &str) -> usize {
    let rest = report.lines().skip_while(|line| !line.contains("time ms  task")).skip(1);
    rest.take_while(|line| !line.contains("completed after")).count()
}

#[test]
fn each_output_of_the_page_is_real() {
    let outputs = [example::broken().run(), example::mended().run(), exhaustive()];
    let outputs = outputs.map(|report| printed(&report));
    let blocks = blocks("text");
    assert_eq!(blocks.len(), 5);
    for block in blocks {
        let is_real = outputs.iter().any(|output| output.contains(block));
        assert!(is_real, "no output has this:\n{block}\nThere are:\n{}", outputs.join("\n"));
    }
}

#[test]
fn each_piece_of_code_is_of_the_example() {
    let blocks = blocks("rust");
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        assert!(EXAMPLE.contains(block), "the example has no\n{block}");
    }
}

#[test]
fn the_bug_is_found_from_each_of_20_seeds_and_fits_in_12_lines() {
    for seed in 1..=20 {
        let report = example::broken().seed(seed).schedules(10_000).fail_fast(true).run();
        assert!(!report.holds(), "not found from seed {seed}");
        let text = printed(&report);
        assert!(text.contains("message 1 is lost"), "{text}");
        let lines = lines(&text);
        assert!((1..=LINES).contains(&lines), "{lines} lines:\n{text}");
    }
}

#[test]
fn what_is_mended_holds() {
    let report = example::mended().run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
    let exhaustive = exhaustive();
    exhaustive.assert_holds();
    assert!(exhaustive.complete);
}

#[test]
fn the_example_runs() {
    example::main();
}

fn exhaustive() -> Report {
    let check = example::mended().strategy("exhaustive").unwrap();
    check.tracked_sharing(TrackedSharing).run()
}
