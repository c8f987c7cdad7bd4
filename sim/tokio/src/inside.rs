//! What the parts of this crate ask about the execution that runs on this thread.

use std::any::type_name;

use mapi_sync_engine as engine;

/// Whether an execution is running on this thread.
#[inline]
pub(crate) fn is_inside() -> bool {
    engine::is_simulated()
}

/// A name for a task that runs an `F`: the function that made the future.
pub(crate) fn task_name<F>() -> &'static str {
    let mut name = type_name::<F>();
    while let Some(shorter) = name.strip_suffix("::{{closure}}") {
        name = shorter;
    }
    name
}

/// Refuses what an execution cannot control.
#[track_caller]
pub(crate) fn refuse(item: &str, instead: &str) {
    assert!(!is_inside(), "{item} is not under control inside an execution: {instead}");
}
