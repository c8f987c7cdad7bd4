//! Diagrams of executions of mutants, row by row.

use super::*;
use crate::report::dialog::State;
use crate::{Check, Counterexample};

fn found(mutant: &str) -> Counterexample {
    let check = Check::named(mutant).unwrap().schedules(5_000).jobs(1).fail_fast(true);
    check.run().counterexamples.remove(0)
}

fn sequence(found: &Counterexample) -> Sequence {
    let breaches: Vec<&Breach> = found.execution.breaches.iter().collect();
    Sequence::new(&found.execution, &breaches, found.why.as_ref())
}

/// A row as `from -> to: words`.
fn in_words(sequence: &Sequence, row: &Row) -> String {
    let name = |lane: &usize| sequence.lanes[*lane].name.as_str();
    let to: Vec<&str> = row.to.iter().map(name).collect();
    format!("{} -> {}: {}", name(&row.from), to.join(", "), row.words)
}

#[test]
fn calls_are_arrows_between_the_lanes_of_their_tasks_and_the_host() {
    let found = found("done-twice");
    let sequence = sequence(&found);
    let names: Vec<&str> = sequence.lanes.iter().map(|lane| lane.name.as_str()).collect();
    assert_eq!(names[..2], ["Host", "Provider's start"]);
    assert!(names.contains(&"sync"), "{names:?}");
    let calls = sequence.rows.iter().filter(|row| row.kind == RowKind::Call);
    let calls: Vec<String> = calls.map(|row| in_words(&sequence, row)).collect();
    assert_eq!(calls.len(), found.execution.calls.len());
    assert!(calls[0].starts_with("Host -> Provider's start: SynchronizeInBackground("));
    let returned = calls.iter().find(|call| call.contains("SynchronizeInBackground returned"));
    assert!(returned.unwrap().starts_with("Provider's start -> Host: "));
    let done =
        calls.iter().filter(|call| call.starts_with("sync -> Host: ") && call.contains(" Done("));
    assert_eq!(done.count(), 2);
    let broke = sequence.rows.iter().filter(|row| !row.broke.is_empty());
    let broke: Vec<String> = broke.map(|row| in_words(&sequence, row)).collect();
    assert!(broke.len() == 1 && broke[0].contains(" Done("), "{broke:?}");
}

#[test]
fn a_row_knows_who_woke_its_task() {
    let found = found("index-before-await");
    let sequence = sequence(&found);
    let woken = sequence.steps.iter().filter_map(|(step, facts)| match facts.cause {
        Cause::Woken(by) => Some((*step, facts.task, by)),
        _ => None,
    });
    let mut count = 0;
    for (step, task, by) in woken {
        assert!(by < step);
        let waker = found.execution.segments.iter().find(|note| note.step == by).unwrap();
        assert!(waker.woke.contains(&task));
        // The row that shows the wake leads to the lane of the task.
        let row = sequence.rows.iter().find(|row| row.step == by && row.kind == RowKind::Wake);
        assert!(row.is_some_and(|row| row.words.contains("wakes ")));
        count += 1;
    }
    assert!(count > 0);
    for facts in sequence.steps.values() {
        assert!(facts.could_run.contains(&facts.task) || facts.task == TaskId::CLOCK);
    }
}

#[test]
fn times_never_go_back_and_every_lane_has_a_row() {
    for mutant in ["event-never", "counts-before-report", "late-ticker"] {
        let found = found(mutant);
        let sequence = sequence(&found);
        assert!(sequence.rows.is_sorted_by_key(|row| row.at_ms), "{mutant}");
        for lane in 0..sequence.lanes.len() {
            let is_used = |row: &Row| row.from == lane || row.to.contains(&lane);
            assert!(sequence.rows.iter().any(is_used), "{mutant}: {:?}", sequence.lanes[lane]);
        }
        assert!(sequence.violation().is_some(), "{mutant}");
    }
}

#[test]
fn what_never_came_is_a_row_of_its_own() {
    let found = found("event-never");
    let sequence = sequence(&found);
    let row = &sequence.rows[sequence.violation().unwrap()];
    assert_eq!((row.kind, row.broke.as_slice()), (RowKind::Absence, &["event-after-done"][..]));
}

#[test]
fn the_dialog_follows_the_calls() {
    let found = found("counts-before-report");
    let sequence = sequence(&found);
    let last = sequence.dialog_after(sequence.rows.len());
    assert!(matches!(last.accounts[0].state, State::Done(_)));
    let first_progress = sequence.rows.iter().position(|row| row.words.contains(" Progress("));
    let then = sequence.dialog_after(first_progress.unwrap());
    assert_eq!(then.accounts[0].state, State::Running);
    assert!(then.accounts[0].index_max > 0);
}
