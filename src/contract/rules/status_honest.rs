//! Done does not say that all is well after an Error that failed.

use crate::HResult;
use crate::contract::trace::{Step, done, error};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "status-honest",
    "after a failing Error, Done's status is a failure, MAPI_W_ERRORS_RETURNED or \
     MAPI_W_PARTIAL_COMPLETION",
)
.level(Level::Should)
.needs(Situation::Error)
.source("IMAPISyncProgressCallback::Done, hResult: the final status")
.looks_at(&[CallKind::Done])
.wrong(&[
    Step::Started,
    Step::Made(error(HResult::MAPI_E_NETWORK_ERROR)),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Made(error(HResult::MAPI_E_NETWORK_ERROR)),
    Step::Made(done(HResult::MAPI_W_ERRORS_RETURNED)),
    Step::Finished,
]);

/// The successes that admit a failure.
const ADMITS: [HResult; 2] = [HResult::MAPI_W_ERRORS_RETURNED, HResult::MAPI_W_PARTIAL_COMPLETION];

#[derive(Debug, Default)]
pub(super) struct StatusHonest;

impl RuleCheck for StatusHonest {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Done { status, .. } = call.call
            && sync.done().is_none()
            && let Some(error) = sync.failing_error()
            && status.is_success()
            && !ADMITS.contains(&status)
        {
            let message = format!("a failing Error was reported, yet Done says {status}");
            findings.broken(message).shows(error).shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
