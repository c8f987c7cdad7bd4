//! The fast path: Progress calls that repeat the one before them, and the memory of syncs.
//!
//! Most calls of a sync are a *repeat Progress*: the text and the maximum of the last Progress, a
//! position no further back, within the bound on silence, answered with `S_OK`. Such a call breaks
//! no rule as long as every rule [says so](crate::contract::RuleCheck::skips_repeat_progress) of
//! the sync as it stands. The fast path notes it in one of 16 slots, without a lock and without
//! asking a rule.
//!
//! One way in: [`SyncEntry::begin_fast`], while the path is open. One way out:
//! [`SyncEntry::on_full_path`], which closes the path and has the sync catch up with what came this
//! way; so the rules always see all of it. The monitor opens the path after each call that took the
//! full path, if all rules agree. Nothing else in the contract knows of it. `tests.rs` holds the
//! fast path against the full one.
//!
//! The gain, beginning and end of a call together: 6 ns in a single-threaded monitor and 13 to 18
//! ns behind a lock, where the full path takes 95 to 120 ns. `benches/monitor.rs` measures it.

mod slots;
mod storage;
#[cfg(test)]
mod tests;
mod text;

use slots::FastPath;
pub(super) use storage::{SyncEntry, Syncs};
