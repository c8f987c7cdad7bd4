//! What stands in a time line besides calls: decisions, notes, wakes, sleeps, which tasks could
//! have run at the steps that decide, and what never came.

use std::io::{self, Write};

use super::timeline::Columns;
use crate::Defect;
use crate::check::{Breach, BreachPlace, Execution};
use crate::engine::{SegmentNote, TaskId};
use crate::report::Palette;

/// How many segments are shown between two calls, at each end of a longer stretch. JSON has all.
const SHOWN: usize = 4;

/// The lines, in order.
pub(super) struct Besides {
    lines: Vec<Line>,
}

struct Line {
    /// How many of the calls come before.
    before: usize,
    step: u64,
    /// The order of the lines of one step.
    rank: u8,
    at_ms: Option<u64>,
    task: String,
    text: String,
    /// The number of the decisive step, if it is one of two.
    number: Option<usize>,
}

/// Stands before what happened in the step.
const COULD_RUN: u8 = 0;
/// Happened in the step.
const EVENT: u8 = 1;
/// Came of the step.
const SEGMENT: u8 = 2;
/// Did not come by then.
const ABSENCE: u8 = 3;

impl Besides {
    /// Those of an execution with these breaches, in which these steps decide.
    pub(super) fn of(execution: &Execution, breaches: &[&Breach], decisive: &[u64]) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        for event in &execution.events {
            lines.push(Line {
                before: event.before,
                step: event.step,
                rank: EVENT,
                at_ms: event.at_ms,
                task: event.task.clone(),
                text: event.text.clone(),
                number: None,
            });
        }
        add_absences(&mut lines, execution, breaches);
        for note in &execution.segments {
            let line = |rank, before, text, number| Line {
                before,
                step: note.step,
                rank,
                at_ms: Some(note.at_ms),
                task: execution.task_name(note.task).to_owned(),
                text,
                number,
            };
            if let Some(place) = decisive.iter().position(|step| *step == note.step) {
                let before = execution.lines_before(note.step);
                let number = (decisive.len() > 1).then_some(place + 1);
                let text = match note.could_run[..] {
                    [only] => format!("only `{}` could run", execution.task_name(only)),
                    _ => format!("could run: {}", names(execution, &note.could_run)),
                };
                lines.push(line(COULD_RUN, before, text, number));
            }
            // The line of a program's step says it.
            let has_line = execution.is_of_program && note.task != TaskId::CLOCK;
            if let Some(text) = segment_in_words(execution, note).filter(|_| !has_line) {
                let before = execution.lines_before(note.step + 1);
                lines.push(line(SEGMENT, before, text, None));
            }
        }
        lines.sort_by_key(|line| (line.before, line.step, line.rank));
        Self { lines }
    }

    /// The tasks that they name in their column.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.task.as_str())
    }

    /// Writes those after the first `place` calls.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        place: usize,
        columns: &Columns,
        palette: &Palette,
    ) -> io::Result<()> {
        let first = self.lines.partition_point(|line| line.before < place);
        let end = self.lines.partition_point(|line| line.before <= place);
        let lines = &self.lines[first..end];
        let segments = lines.iter().filter(|line| line.rank == SEGMENT).count();
        let mut number = 0;
        for line in lines {
            if line.rank == ABSENCE {
                let text = columns.absence(line.at_ms.unwrap_or_default(), &line.text);
                let bad = palette.bad;
                writeln!(out, "{bad}-> {text}{bad:#}")?;
                continue;
            }
            let style = if line.rank == EVENT { palette.heading } else { palette.faint };
            if line.rank == SEGMENT {
                number += 1;
                if segments > 2 * SHOWN && (SHOWN + 1..=segments - SHOWN).contains(&number) {
                    if number == SHOWN + 1 {
                        let left_out = segments - 2 * SHOWN;
                        let text = format!("      … {left_out} wakes and sleeps …");
                        writeln!(out, "   {style}{text}{style:#}")?;
                    }
                    continue;
                }
            }
            let text = columns.event(line.at_ms, &line.task, &line.text);
            write!(out, "   {style}{text}{style:#}")?;
            if let Some(number) = line.number {
                let involved = palette.involved;
                write!(out, "  {involved}({number}){involved:#}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// Adds the breaches whose call never came.
fn add_absences(lines: &mut Vec<Line>, execution: &Execution, breaches: &[&Breach]) {
    let first = lines.len();
    for breach in breaches {
        let BreachPlace::After(before) = breach.place else { continue };
        let id = breach.defect.id();
        if let Some(line) = lines[first..].iter_mut().find(|line| line.before == before) {
            line.text = format!("{}, {id}", line.text);
            continue;
        }
        let panic = execution.outcome.panics.first().filter(|_| breach.defect == Defect::Panic);
        let by_then = execution.segments.partition_point(|note| note.at_ms <= breach.at_ms);
        let by_then = by_then.checked_sub(1).map_or(0, |place| execution.segments[place].step);
        lines.push(Line {
            before,
            step: panic.map_or(by_then, |panic| panic.step),
            rank: ABSENCE,
            at_ms: Some(breach.at_ms),
            task: String::new(),
            text: id.to_owned(),
            number: None,
        });
    }
}

/// What came of a segment, if it is worth a line.
pub(in crate::report) fn segment_in_words(
    execution: &Execution,
    note: &SegmentNote,
) -> Option<String> {
    let wakes = (!note.woke.is_empty()).then(|| format!("wakes {}", names(execution, &note.woke)));
    let sleeps = note.sleeps_until.map(|until| format!("sleeps until {until} ms"));
    let parts: Vec<String> = wakes.into_iter().chain(sleeps).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Names of tasks, the first eight of them.
fn names(execution: &Execution, tasks: &[TaskId]) -> String {
    const NAMED: usize = 8;
    let named: Vec<String> =
        tasks.iter().take(NAMED).map(|task| format!("`{}`", execution.task_name(*task))).collect();
    match tasks.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{} and {more} more", named.join(", ")),
        _ => named.join(", "),
    }
}
