//! The JSON of a time line: its calls or steps, and what happened besides.

use mapi_sync::contract::CallId;
use serde::Serialize;

use crate::check::{Event, Execution};
use crate::engine::{Mode, SegmentNote, TaskId};
use crate::world::{SeenCall, SeenStep};

/// Something that happened between the calls of a time line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct TimelineEvent {
    /// How many of the calls came before.
    before: usize,
    /// The step of the execution in which it happened, or before which, from 0.
    step: u64,
    /// When a note was made, in virtual milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<u64>,
    task: String,
    text: String,
}

impl From<&Event> for TimelineEvent {
    fn from(event: &Event) -> Self {
        let Event { before, step, at_ms, task, text, .. } = event.clone();
        Self { before, step, at_ms, task, text }
    }
}

/// A segment, or a move of the clock, in which a task was woken or began to sleep, or before which
/// several tasks could have run.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Segment {
    /// From 0.
    step: u64,
    /// Virtual milliseconds.
    at_ms: u64,
    /// The task that ran; `clock` for the clock.
    task: String,
    /// The tasks that could have run, it among them; of more than 64, the first 64.
    could_run: Vec<String>,
    /// The tasks that it woke.
    wakes: Vec<String>,
    /// When the clock is to wake it, in virtual milliseconds, if it sleeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    sleeps_until_ms: Option<u64>,
}

impl Segment {
    pub(super) fn all(execution: &Execution) -> Vec<Self> {
        let says = |note: &&SegmentNote| {
            note.could_run.len() > 1 || !note.woke.is_empty() || note.sleeps_until.is_some()
        };
        let names = |tasks: &[TaskId]| {
            tasks.iter().map(|task| execution.task_name(*task).to_owned()).collect()
        };
        let segment = |note: &SegmentNote| Self {
            step: note.step,
            at_ms: note.at_ms,
            task: execution.task_name(note.task).to_owned(),
            could_run: names(&note.could_run),
            wakes: names(&note.woke),
            sleeps_until_ms: note.sleeps_until,
        };
        execution.segments.iter().filter(says).map(segment).collect()
    }
}

/// A line of a time line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum Line {
    Call(Call),
    Step(ProgramStep),
}

impl Line {
    pub(super) fn at(execution: &Execution, place: usize) -> Option<Self> {
        if execution.is_of_program {
            let seen = execution.steps.get(place)?;
            return Some(Self::Step(ProgramStep::new(execution, seen)));
        }
        execution.calls.get(place).map(|seen| Self::Call(Call::new(execution, seen)))
    }

    pub(super) fn all(execution: &Execution) -> Vec<Self> {
        (0..).map_while(|place| Self::at(execution, place)).collect()
    }
}

/// A step of a program.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct ProgramStep {
    /// Virtual milliseconds.
    at_ms: u64,
    /// The step of the execution, from 0.
    step: u64,
    /// The task whose it was.
    task: String,
    /// What it did, in words.
    what: String,
    /// Which tracked objects it used.
    uses: Vec<ObjectUse>,
}

/// A use of a tracked object.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct ObjectUse {
    object: String,
    /// `read`, `write` or `count`: the last commutes with others of its kind.
    mode: &'static str,
}

impl ProgramStep {
    fn new(execution: &Execution, seen: &SeenStep) -> Self {
        let uses = seen.uses.iter().map(|used| ObjectUse {
            object: used.object.clone(),
            mode: match used.mode {
                Mode::Read => "read",
                Mode::Write => "write",
                Mode::Commute => "count",
            },
        });
        Self {
            at_ms: seen.at_ms,
            step: seen.step,
            task: execution.task_of_step(seen).to_owned(),
            what: execution.step_in_words(seen),
            uses: uses.collect(),
        }
    }
}

/// A call between provider and host.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Call {
    /// Virtual milliseconds.
    at_ms: u64,
    /// The step of the execution, from 0.
    step: u64,
    account: Option<String>,
    /// The sync's number in its account, from 1; 0 for a call of the store's.
    sync: u32,
    /// The task that made it.
    task: String,
    /// A callback's number in its sync, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    /// The call with its arguments.
    call: String,
}

impl Call {
    fn new(execution: &Execution, seen: &SeenCall) -> Self {
        Self {
            at_ms: seen.call.at_ms,
            step: seen.step,
            account: execution.accounts.get(seen.account).cloned(),
            sync: seen.call.sync.0,
            task: execution.task_of(seen).to_owned(),
            number: seen.call.number.map(|CallId(number)| number),
            call: seen.call.call.to_string(),
        }
    }
}
