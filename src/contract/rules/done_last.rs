//! Nothing is in flight when Done begins, and nothing begins after it.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, SyncState};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "done-last",
    "when Done begins, no Progress or Error of that sync is in flight, and none begins afterwards",
)
.source("IMAPISyncProgressCallback::Done")
.looks_at(&[CallKind::Progress, CallKind::Error, CallKind::Done])
.wrong(&[
    Step::Started,
    Step::Begins(progress(1, 1)),
    Step::Made(done(HResult::S_OK)),
    Step::Returns(1),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Begins(progress(1, 1)),
    Step::Returns(1),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
]);

#[derive(Debug, Default)]
pub(super) struct DoneLast;

impl RuleCheck for DoneLast {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        match (&call.call, sync.done()) {
            (Call::Progress { .. } | Call::Error { .. }, Some(done)) => {
                findings.broken("a call began after Done").shows(done).shows(call);
            }
            (Call::Done { .. }, None) => {
                if let Some(open) = sync.first_in_flight() {
                    findings
                        .broken("Done began while an earlier call was still in flight")
                        .shows(open)
                        .shows(call);
                }
            }
            _ => {}
        }
    }

    fn skips_repeat_progress(&self, sync: &SyncState) -> bool {
        sync.done().is_none()
    }
}
