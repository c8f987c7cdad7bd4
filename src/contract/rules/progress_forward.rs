//! Within a phase, which is known by its maximum, the position moves in one direction.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("progress-forward", "within one maximum the position never goes back")
        .level(Level::Should)
        .needs(Situation::Progress)
        .source("IMAPIProgress::Progress: a single positive direction")
        .looks_at(&[CallKind::Progress])
        .wrong(&[
            Step::Started,
            Step::Made(progress(2, 3)),
            Step::Made(progress(1, 3)),
            Step::Made(progress(3, 3)),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Made(progress(2, 3)),
            Step::Made(progress(1, 4)),
            Step::Made(progress(4, 4)),
            Step::Made(progress(0, 4)),
            Step::Made(progress(4, 4)),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct ProgressForward;

impl RuleCheck for ProgressForward {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        // A position beyond its maximum breaks another rule.
        if let Call::Progress { index, index_max, .. } = call.call
            && index <= index_max
            && let Some(last) = sync.last_progress()
            && last.index_max == index_max
            && index < last.index
            && !last.is_complete()
        {
            let message = format!(
                "the position went back from {} to {index} of the same {index_max}",
                last.index
            );
            findings.broken(message).shows(&last.record(sync.id())).shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
