//! What a program notes for whoever reads its execution.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::context;
use crate::id::TaskId;

/// Something that a program noted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The step, from 0.
    pub step: u64,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// The task that ran.
    pub task: TaskId,
    /// What it noted.
    pub text: String,
    /// How many questions the execution had asked before.
    pub answers: usize,
}

/// A segment of an execution, or a move of the clock, as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentNote {
    /// The step, from 0.
    pub step: u64,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// The task that ran, or the clock.
    pub task: TaskId,
    /// The tasks that could have run, it among them, by ascending number; of more than 64, the
    /// first 64.
    pub could_run: Vec<TaskId>,
    /// The other tasks that can run since, because it woke, joined or aborted them. A task that
    /// could run before is none of them, nor is a new one.
    pub woke: Vec<TaskId>,
    /// When the clock is to wake it, in virtual milliseconds, if it waits for that.
    pub sleeps_until: Option<u64>,
}

/// What is kept of an execution for its reader.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) list: Vec<Note>,
    pub(super) segments: Vec<SegmentNote>,
    /// The names of the sites that were asked at, by their hash.
    pub(super) sites: BTreeMap<u32, &'static str>,
}

/// Notes something for the reader of this execution. It stands in the time line of a
/// counterexample and of a replay.
///
/// Where nobody keeps notes, as in a search, nothing is formatted: a note costs as little as a look
/// at a flag. It is no decision and no step, so it changes no schedule and no token. Outside of an
/// execution it is dropped.
///
/// ```
/// use mapi_sync_engine::{self as engine, Engine, Limits};
/// use mapi_sync_engine::strategy::Random;
///
/// let mut engine = Engine::new(Limits::default(), Random::new(1));
/// engine.keep_notes(true);
/// engine.execute(0, async {
///     engine::sleep(5).await;
///     engine::note(format_args!("{} left", 3));
/// });
/// let note = &engine.notes()[0];
/// assert_eq!((note.at_ms, note.text.as_str()), (5, "3 left"));
/// ```
pub fn note(text: impl Display) {
    if !context::with(|cx| cx.active.get() && cx.notes.borrow().is_some()) {
        return;
    }
    // The caller's code runs here: nothing is borrowed.
    let text = text.to_string();
    context::with(|cx| {
        let (step, at_ms, task) = (cx.step.get(), context::now(), cx.current.get());
        let answers = cx.answers.borrow().len();
        if let Some(notes) = &mut *cx.notes.borrow_mut() {
            notes.list.push(Note { step, at_ms, task, text, answers });
        }
    });
}

/// How many questions the running execution has asked, and how many notes were made in it: what
/// came before something that happens now.
#[must_use]
pub fn marks() -> (usize, usize) {
    context::with(|cx| {
        (cx.answers.borrow().len(), cx.notes.borrow().as_ref().map_or(0, |notes| notes.list.len()))
    })
}
