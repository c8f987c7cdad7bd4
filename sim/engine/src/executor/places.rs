//! Where tasks wait, found by a backtrace.
//!
//! Only the operations of [`sync`](crate::sync) know their callers. Other code waits by keeping a
//! clone of the waker that it was polled with, deep down in the calls of the poll. A backtrace
//! taken there shows them all. So a task that waits for ever is polled twice more: the first time
//! with a waker of which nobody else keeps a clone, the second time with another one. The code
//! that waits replaces the first by the second, and so drops the last clone of the first.

use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{self, Wake, Waker};

use super::Engine;
use crate::context::Context;
use crate::id::TaskId;
use crate::lock::lock;
use crate::yield_flag;

/// Crates without an interest in who waits: those that only pass a poll on, or wait for others.
const LIBRARIES: [&str; 11] = [
    "std",
    "core",
    "alloc",
    "tokio",
    "tokio_util",
    "futures",
    "futures_core",
    "futures_util",
    "futures_channel",
    "async_trait",
    "mapi_sync_engine",
];

/// Where the source of such crates lies.
const FOLDERS: [&str; 4] = ["/rustc/", "/rustlib/", "/registry/src/", "/git/checkouts/"];

impl Engine {
    /// Finds out where each task waits at a deadlock, from now on. That polls the tasks that wait
    /// twice more, and takes backtraces: it is for a second run, of which nothing else is used.
    /// Code of the crates with these names is not where a task waits.
    pub fn find_places(&mut self, libraries: &'static [&'static str]) {
        self.libraries = Some(libraries);
    }

    /// Where a task waits that can never run again, if a backtrace shows it.
    pub(super) fn place_of(&mut self, cx: &Context, task: TaskId) -> Option<String> {
        let libraries = self.libraries?;
        let watch = Arc::new(DropWatch::default());
        let waker = Waker::from(Arc::new(WatchedWaker(Arc::clone(&watch))));
        let waits = self.poll_with(cx, task, &waker);
        drop(waker);
        watch.armed.store(true, Relaxed);
        if waits {
            self.poll_with(cx, task, Waker::noop());
        }
        watch.armed.store(false, Relaxed);
        let backtrace = lock(&watch.backtrace).take()?;
        place_in(&backtrace.to_string(), libraries)
    }

    /// Polls a task outside of the schedule. Returns whether it still waits. [`place_in`] looks for
    /// this function by its name.
    #[inline(never)]
    fn poll_with(&mut self, cx: &Context, task: TaskId, waker: &Waker) -> bool {
        let slot = &mut self.slots[task.index()];
        let Some(future) = &mut slot.future else { return false };
        cx.current.set(task);
        yield_flag::begin_without_flag();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            future.as_mut().poll(&mut task::Context::from_waker(waker)).is_pending()
        }));
        yield_flag::end();
        if let Ok(true) = polled {
            return true;
        }
        self.drop_future(cx, task);
        false
    }
}

/// A waker that takes a backtrace where its last clone is dropped.
struct WatchedWaker(Arc<DropWatch>);

#[derive(Default)]
struct DropWatch {
    armed: AtomicBool,
    backtrace: Mutex<Option<Backtrace>>,
}

impl Wake for WatchedWaker {
    fn wake(self: Arc<Self>) {}
}

impl Drop for WatchedWaker {
    fn drop(&mut self) {
        if self.0.armed.load(Relaxed) {
            *lock(&self.0.backtrace) = Some(Backtrace::force_capture());
        }
    }
}

/// The innermost call in a printed backtrace that is of no library: its file and line, or else its
/// function.
fn place_in(backtrace: &str, libraries: &[&str]) -> Option<String> {
    let mut lines = backtrace.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some((number, function)) = line.split_once(": ") else { continue };
        if number.parse::<u32>().is_err() {
            continue;
        }
        let file = lines.next_if(|next| next.starts_with("at ")).map(|next| &next["at ".len()..]);
        if function.contains("::poll_with") {
            break;
        }
        let root = function.trim_start_matches(['<', '&', '*', '(', '[']);
        let root = root.split("::").next().unwrap_or_default();
        let is_library = |name: &str| LIBRARIES.contains(&name) || libraries.contains(&name);
        let is_passed_on = is_library(root)
            || !function.contains("::")
            || file.is_some_and(|file| FOLDERS.iter().any(|folder| file.contains(folder)));
        if is_passed_on {
            continue;
        }
        return Some(match file {
            // Without the column.
            Some(file) => file.rsplit_once(':').map_or(file, |(line, _)| line).to_owned(),
            None => format!("`{}`", function.replace("::{{closure}}", "")),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKTRACE: &str = "   0: <mapi_sync_engine::executor::places::WatchedWaker as \
        core::ops::drop::Drop>::drop\n             at ./engine/src/executor/places.rs:95:55\n   \
        1: core::ptr::drop_in_place<alloc::sync::Arc<x>>\n             at /rustc/ab/library/core/\
        src/ptr/mod.rs:804:1\n   2: tokio::sync::oneshot::Inner<T>::poll_recv\n             at \
        /home/me/.cargo/registry/src/index/tokio-1.0.0/src/sync/oneshot.rs:9:8\n   3: \
        store::fetch::{{closure}}\n             at ./src/fetch.rs:17:24\n   4: \
        store::main::{{closure}}\n             at ./src/main.rs:3:4\n";

    #[test]
    fn place_is_the_innermost_call_of_the_program() {
        assert_eq!(place_in(BACKTRACE, &[]).as_deref(), Some("./src/fetch.rs:17"));
        assert_eq!(place_in(BACKTRACE, &["store"]), None);
        let within = BACKTRACE.replace("store::fetch", "mapi_sync_engine::Engine::poll_with");
        assert_eq!(place_in(&within, &[]), None);
    }

    #[test]
    fn without_debug_information_the_function_is_named() {
        let bare: String = BACKTRACE
            .lines()
            .filter(|line| !line.trim().starts_with("at "))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(place_in(&bare, &[]).as_deref(), Some("`store::fetch`"));
    }
}
