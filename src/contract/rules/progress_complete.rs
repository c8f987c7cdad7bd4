//! The maximum means complete.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "progress-complete",
    "the position equals the maximum only when that phase is complete, and a Done(S_OK) after \
     progress is preceded by it",
)
.level(Level::Should)
.needs(Situation::Progress)
.source("IMAPIProgress::Progress: equal to the maximum only at completion")
.looks_at(&[CallKind::Progress, CallKind::Done])
.wrong(&[
    Step::Started,
    Step::Made(progress(1, 2)),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Made(progress(1, 2)),
    Step::Made(progress(2, 2)),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
]);

/// Calls cannot show whether a phase is complete. They show it too late: the same phase goes on.
#[derive(Debug, Default)]
pub(super) struct ProgressComplete;

impl RuleCheck for ProgressComplete {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let Some(last) = sync.last_progress() else { return };
        let message = match call.call {
            // A phase that was complete may be followed by another of the same size, from 0.
            Call::Progress { index, index_max, .. }
                if last.index_max == index_max && index < index_max && index > 0 =>
            {
                if !last.is_complete() {
                    return;
                }
                format!("{index_max} of {index_max} was reported, yet the phase went on at {index}")
            }
            Call::Done { status: HResult::S_OK, .. }
                if sync.done().is_none() && !last.is_complete() =>
            {
                let (index, index_max) = (last.index, last.index_max);
                format!("Done(S_OK) came when the last position was {index} of {index_max}")
            }
            _ => return,
        };
        findings.broken(message).shows(&last.record(sync.id())).shows(call);
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
