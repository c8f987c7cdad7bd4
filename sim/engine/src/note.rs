//! What a program notes for whoever reads its execution.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::context;
use crate::id::{ObjectId, TaskId};

/// Something that a program noted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// The task that ran.
    pub task: TaskId,
    /// The step that it was made in, from 0.
    pub step: u64,
    /// What it noted.
    pub text: String,
    /// How many questions the execution had asked before.
    pub answers: usize,
}

/// What is kept of an execution for its reader.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) list: Vec<Note>,
    /// The names of the sites that were asked at, by their hash.
    pub(super) sites: BTreeMap<u32, &'static str>,
    /// The names of the tracked objects that were made.
    pub(super) objects: BTreeMap<ObjectId, &'static str>,
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
        let (at_ms, task, step) = (context::now(), cx.current.get(), cx.step.get());
        let answers = cx.answers.borrow().len();
        if let Some(notes) = &mut *cx.notes.borrow_mut() {
            notes.list.push(Note { at_ms, task, step, text, answers });
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
