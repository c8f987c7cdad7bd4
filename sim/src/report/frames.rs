//! An execution as a screen shows it: step by step, with the dialog beside it.

use super::dialog::{AccountLine, State};
use super::html::{LINE, plain};
use super::sequence::{Cause, Row, RowKind, Sequence, StepFacts};
use crate::check::{Breach, Execution};
use crate::engine::TaskId;

/// An execution, step by step.
#[derive(Clone, Debug)]
pub struct Frames {
    sequence: Sequence,
    lines: Vec<Line>,
    steps: Vec<u64>,
    /// The tasks' names, by number.
    names: Vec<(TaskId, String)>,
}

/// One line of what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The step, from 0.
    pub step: u64,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// What it is.
    pub kind: LineKind,
    /// Who does it: a task, the host, the clock or the network.
    pub from: String,
    /// Whom it reaches.
    pub to: Vec<String>,
    /// What happens, in words: what a provider says is cut, and shows characters that have no
    /// glyph by their codes.
    pub words: String,
    /// Whether readers seldom look for it.
    pub is_faint: bool,
    /// The names of the defects that show here.
    pub broke: Vec<&'static str>,
}

/// What a [`Line`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineKind {
    /// A call between provider and host, or the end of one.
    Call,
    /// A step of a program.
    Step,
    /// Something that went wrong and that nobody could prevent.
    Fault,
    /// Another decision.
    Decision,
    /// What the author noted.
    Note,
    /// Somebody was woken, or began to sleep.
    Wake,
    /// What should have come by then.
    Absence,
}

/// The line of one account in the Send/Receive dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountFrame {
    /// The account's name.
    pub name: String,
    /// How far its sync is, in words.
    pub state: String,
    /// Whether a sync of it is under way.
    pub is_running: bool,
    /// The text beside the bar.
    pub text: Option<String>,
    /// The position and the maximum that were reported last; the maximum is 0 before that.
    pub position: (u32, u32),
    /// The errors of this sync, the latest last.
    pub errors: Vec<String>,
}

impl Frames {
    /// The frames of an execution.
    #[must_use]
    pub fn new(execution: &Execution) -> Self {
        let breaches: Vec<&Breach> = execution.breaches.iter().collect();
        let sequence = Sequence::new(execution, &breaches, None);
        let name = |lane: usize| plain(&sequence.lanes[lane].name, LINE);
        let line = |row: &Row| Line {
            step: row.step,
            at_ms: row.at_ms,
            kind: LineKind::of(row.kind),
            from: name(row.from),
            to: row.to.iter().map(|to| name(*to)).collect(),
            words: plain(&row.words, LINE),
            is_faint: row.is_faint,
            broke: row.broke.clone(),
        };
        let lines = sequence.rows.iter().map(line).collect();
        let steps = sequence.steps.keys().copied().collect();
        let tasks = sequence.steps.values().flat_map(|facts| facts.could_run.iter());
        let mut names: Vec<_> =
            tasks.map(|task| (*task, plain(execution.task_name(*task), LINE))).collect();
        names.extend(
            sequence
                .steps
                .values()
                .map(|facts| (facts.task, plain(execution.task_name(facts.task), LINE))),
        );
        names.sort_unstable();
        names.dedup();
        Self { sequence, lines, steps, names }
    }

    /// All lines, in order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The numbers of the steps, ascending.
    #[must_use]
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// How many lines are over when this step is.
    #[must_use]
    pub fn lines_until(&self, step: u64) -> usize {
        self.lines.iter().rposition(|line| line.step <= step).map_or(0, |place| place + 1)
    }

    /// The step in which the first defect shows.
    #[must_use]
    pub fn violation(&self) -> Option<u64> {
        self.sequence.violation().map(|place| self.sequence.rows[place].step)
    }

    /// When a step begins, in virtual milliseconds.
    #[must_use]
    pub fn at_ms(&self, step: u64) -> u64 {
        self.facts(step).map_or(0, |facts| facts.at_ms)
    }

    /// Whose step it is.
    #[must_use]
    pub fn task(&self, step: u64) -> &str {
        self.facts(step).map_or("", |facts| self.name(facts.task))
    }

    /// The tasks that could have taken a step, the one that did among them.
    #[must_use]
    pub fn could_run(&self, step: u64) -> Vec<&str> {
        let tasks = self.facts(step).map_or(&[][..], |facts| &facts.could_run);
        tasks.iter().map(|task| self.name(*task)).collect()
    }

    /// Why the task of a step could run, in words.
    #[must_use]
    pub fn cause(&self, step: u64) -> String {
        match self.facts(step).map(|facts| facts.cause) {
            None => String::new(),
            Some(Cause::New) => "it is new".to_owned(),
            Some(Cause::GoesOn) => "it did not wait".to_owned(),
            Some(Cause::Woken(by)) => format!("`{}` woke it in step {}", self.task(by), by + 1),
        }
    }

    /// The dialog when a number of lines are over.
    #[must_use]
    pub fn dialog(&self, lines: usize) -> Vec<AccountFrame> {
        let dialog = match lines.checked_sub(1) {
            None => self.sequence.dialog.clone(),
            Some(last) => self.sequence.dialog_after(last),
        };
        dialog.accounts.into_iter().map(AccountFrame::from).collect()
    }

    fn facts(&self, step: u64) -> Option<&StepFacts> {
        self.sequence.steps.get(&step)
    }

    fn name(&self, task: TaskId) -> &str {
        let place = self.names.binary_search_by_key(&task, |(task, _)| *task);
        place.map_or("", |place| &self.names[place].1)
    }
}

impl LineKind {
    const fn of(kind: RowKind) -> Self {
        match kind {
            RowKind::Call => Self::Call,
            RowKind::Step => Self::Step,
            RowKind::Fault => Self::Fault,
            RowKind::Decision => Self::Decision,
            RowKind::Note => Self::Note,
            RowKind::Wake => Self::Wake,
            RowKind::Absence => Self::Absence,
        }
    }
}

impl From<AccountLine> for AccountFrame {
    fn from(line: AccountLine) -> Self {
        let AccountLine { name, state, text, index, index_max, errors } = line;
        Self {
            name: plain(&name, LINE),
            state: state.in_words(),
            is_running: matches!(state, State::Running | State::Cancelling),
            text: text.map(|text| plain(&text, LINE)),
            position: (index, index_max),
            errors: errors.iter().map(|error| plain(error, LINE)).collect(),
        }
    }
}
