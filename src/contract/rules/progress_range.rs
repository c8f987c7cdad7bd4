//! No position is beyond its maximum.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("progress-range", "the position is at most the maximum")
        .needs(Situation::Progress)
        .source("IMAPISyncProgressCallback::Progress, ulIndex and ulIndexMax")
        .judges_parts()
        .looks_at(&[CallKind::Progress])
        .wrong(&[
            Step::Started,
            Step::Made(progress(3, 2)),
            Step::Made(done(HResult::E_FAIL)),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Made(progress(2, 2)),
            Step::Made(done(HResult::E_FAIL)),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct ProgressRange;

impl RuleCheck for ProgressRange {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, _: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Progress { index, index_max, .. } = call.call
            && index > index_max
        {
            let message = format!("position {index} is beyond its maximum {index_max}");
            findings.broken(message).shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
