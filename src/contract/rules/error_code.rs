//! Error is called with an error or a warning.

use crate::HResult;
use crate::contract::trace::{Step, done, error};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("error-code", "the code given to Error is an error or a warning, never S_OK")
        .needs(Situation::Error)
        .source("IMAPISyncProgressCallback::Error, hResult")
        .judges_parts()
        .looks_at(&[CallKind::Error])
        .wrong(&[
            Step::Started,
            Step::Made(error(HResult::S_OK)),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Made(error(HResult::MAPI_W_NO_SERVICE)),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct ErrorCode;

impl RuleCheck for ErrorCode {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, _: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Error { result: HResult::S_OK, .. } = call.call {
            findings.broken("Error was called with S_OK, which is no error").shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
