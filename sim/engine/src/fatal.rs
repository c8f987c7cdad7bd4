//! What can still be said when the process ends inside of a task's code: by a stack overflow, an
//! abort, or a panic that cannot unwind.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::io;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use super::context::{self, Context};
use super::{outside, yield_flag};

/// How many panics of a thread are remembered.
const PANICS: usize = 3;

/// What the executions of an engine are run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    numbered: bool,
    words: Cow<'static, str>,
}

impl Origin {
    /// The schedules of a search have numbers; `words`, such as `, seed 7`, follow that of the
    /// schedule.
    #[must_use]
    pub fn numbered(words: impl Into<Cow<'static, str>>) -> Self {
        Self { numbered: true, words: words.into() }
    }

    /// They have no numbers that say anything to a person; `words`, such as ` of a replay`, follow
    /// the number of the step.
    #[must_use]
    pub fn unnumbered(words: impl Into<Cow<'static, str>>) -> Self {
        Self { numbered: false, words: words.into() }
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::numbered("")
    }
}

/// Lets this thread know what the executions of an engine are run for, until it is dropped.
pub(super) struct KnownOrigin {
    engine: u64,
}

impl KnownOrigin {
    pub(super) fn new(engine: u64, origin: Origin) -> Self {
        context::with(|cx| cx.origins.borrow_mut().push((engine, origin)));
        Self { engine }
    }
}

impl Drop for KnownOrigin {
    fn drop(&mut self) {
        // The first: one that takes its place is pushed before it is dropped.
        let forget = |cx: &Context| {
            let mut origins = cx.origins.borrow_mut();
            let place = origins.iter().position(|(engine, _)| *engine == self.engine);
            place.map(|place| origins.remove(place))
        };
        // A thread that ends has forgotten them all.
        let _ = context::CONTEXT.try_with(forget);
    }
}

/// Writes which task's code runs on this thread, in which step of which schedule, and its last
/// panics: once in a process, because after that it ends. Writes nothing if no task's code runs.
///
/// It is for a handler of fatal signals: it allocates nothing, waits for nothing, and cannot panic.
/// The [hook](std::panic::set_hook) that every engine sets does the same before a panic that cannot
/// unwind.
///
/// # Errors
///
/// Those of `out`.
pub fn write_fatal(out: &mut dyn Write) -> fmt::Result {
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    // The flag has no destructor. A thread that never ran a task has no context yet, and must not
    // make one now.
    if !yield_flag::is_running() || WRITTEN.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    context::CONTEXT.try_with(|cx| write_running(out, cx)).unwrap_or(Ok(()))
}

fn write_running(out: &mut dyn Write, cx: &Context) -> fmt::Result {
    let task = cx.current.get();
    out.write_str("the process ends in the code of task ")?;
    let tasks = cx.tasks.try_borrow().ok();
    match tasks.as_ref().and_then(|tasks| tasks.get(task.index())) {
        Some(meta) => write!(out, "`{}`", meta.name)?,
        None => write!(out, "number {}", task.index())?,
    }
    write!(out, ": step {}", cx.step.get() + 1)?;
    let origins = cx.origins.try_borrow().ok();
    let origin = origins.as_ref().and_then(|origins| {
        origins.iter().rfind(|(engine, _)| outside::is_running_here(*engine)).map(|(_, it)| it)
    });
    if origin.is_none_or(|origin| origin.numbered) {
        write!(out, " of schedule {}", cx.index.get().saturating_add(1))?;
    }
    out.write_str(origin.map_or("", |origin| &origin.words))?;
    if let Ok(panics) = cx.last_panics.try_borrow() {
        for panic in panics.iter() {
            write!(out, "; it panicked at {panic}")?;
        }
    }
    out.write_char('\n')
}

/// Remembers a panic of a task until it is caught, or until others come.
pub(super) fn remember(cx: &Context, info: &PanicHookInfo<'_>) {
    if let Ok(mut panics) = cx.last_panics.try_borrow_mut() {
        if panics.len() == PANICS {
            panics.remove(0);
        }
        let message = info.payload_as_str().unwrap_or("a panic without a text");
        panics.push(match info.location() {
            Some(place) => format!("{}:{}: {message}", place.file(), place.line()),
            None => message.to_owned(),
        });
    }
}

/// Whether a panic ends the process, as the standard library says it in the panic's text alone.
pub(super) fn cannot_unwind(info: &PanicHookInfo<'_>) -> bool {
    const TEXTS: [&str; 3] = [
        "panic in a destructor during cleanup",
        "panic in a function that cannot unwind",
        "unsafe precondition(s) violated",
    ];
    let text = info.payload_as_str().unwrap_or_default();
    TEXTS.iter().any(|begin| text.starts_with(begin))
}

/// [`write_fatal`] to the standard error stream, past what a test harness captures: what that holds
/// back is lost with the process.
pub(super) fn print() {
    let mut text = String::new();
    if write_fatal(&mut text).is_ok() && !text.is_empty() {
        let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes());
    }
}
