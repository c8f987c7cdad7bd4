//! What the script of a page reads: who could have run at each step, why, and what the dialog
//! shows.
//!
//! Names and texts stand in tables, so that thousands of rows stay small.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counterexample::Shown;
use super::text::{LINE, plain};
use crate::engine::TaskId;
use crate::report::dialog::AccountLine;
use crate::report::sequence::{Cause, Sequence};

/// How many of the tasks that could have run are named.
const NAMED: usize = 12;

/// How many characters are shown of a text that each change of the dialog repeats.
const SHORT: usize = 120;

/// The data of a page: one entry for each diagram.
#[derive(Serialize)]
pub(super) struct Data {
    diagrams: Vec<Diagram>,
}

impl Data {
    pub(super) fn new(all: &[Shown<'_>]) -> Self {
        Self { diagrams: all.iter().map(Diagram::new).collect() }
    }
}

#[derive(Serialize)]
struct Diagram {
    /// The place of the first row at which a defect shows.
    violation: Option<usize>,
    /// The number of each row's step.
    rows: Vec<u64>,
    tasks: Vec<String>,
    steps: BTreeMap<u64, Step>,
    /// The dialog before the first row.
    accounts: Vec<Account>,
    /// By row: which account's line is another one from there on.
    changes: Vec<(usize, usize, Account)>,
}

/// A segment: task, tasks that could have run, how many more, and why it could run (the step that
/// woke it, -1 for a new task, -2 for one that had not begun to wait).
#[derive(Serialize)]
struct Step(usize, Vec<usize>, usize, i64, Option<u64>);

/// A line of the dialog.
#[derive(Serialize)]
struct Account {
    name: String,
    state: String,
    text: String,
    at: u32,
    of: u32,
    errors: Vec<String>,
}

impl From<&AccountLine> for Account {
    fn from(line: &AccountLine) -> Self {
        Self {
            name: plain(&line.name, LINE),
            state: line.state.in_words(),
            text: plain(line.text.as_deref().unwrap_or_default(), SHORT),
            at: line.index,
            of: line.index_max,
            errors: line.errors.iter().rev().take(3).map(|error| plain(error, SHORT)).collect(),
        }
    }
}

impl Diagram {
    fn new(shown: &Shown<'_>) -> Self {
        let Sequence { rows, steps, dialog, .. } = &shown.sequence;
        let mut numbers: BTreeMap<TaskId, usize> = BTreeMap::new();
        let mut tasks: Vec<String> = Vec::new();
        let mut number = |task: TaskId| {
            *numbers.entry(task).or_insert_with(|| {
                tasks.push(plain(shown.execution.task_name(task), LINE));
                tasks.len() - 1
            })
        };
        let kept: BTreeMap<u64, ()> = shown.places().map(|place| (rows[place].step, ())).collect();
        let steps = steps.iter().filter(|(step, _)| kept.contains_key(step));
        let steps = steps.map(|(step, facts)| {
            let named = facts.could_run.iter().take(NAMED).map(|task| number(*task)).collect();
            let more = facts.could_run.len().saturating_sub(NAMED);
            let cause = match facts.cause {
                Cause::New => -1,
                Cause::GoesOn => -2,
                Cause::Woken(step) => i64::try_from(step).unwrap_or(i64::MAX),
            };
            (*step, Step(number(facts.task), named, more, cause, facts.sleeps_until))
        });
        let steps = steps.collect();
        let mut changes = Vec::new();
        let mut lines = dialog.accounts.clone();
        let mut from = 0;
        for (row, place) in shown.places().enumerate() {
            let since = &rows[from..=place];
            from = place + 1;
            for (account, line) in since.iter().filter_map(|row| row.dialog.as_ref()) {
                if lines[*account] != *line {
                    lines[*account] = line.clone();
                    changes.push((row, *account, Account::from(line)));
                }
            }
        }
        Self {
            violation: shown.violation(),
            rows: shown.places().map(|place| rows[place].step).collect(),
            tasks,
            steps,
            accounts: dialog.accounts.iter().map(Account::from).collect(),
            changes,
        }
    }
}
