//! Error has a text.

use crate::HResult;
use crate::contract::trace::{Step, done, error};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("error-text", "the text given to Error is not NULL")
        .needs(Situation::Error)
        .source("IMAPISyncProgressCallback::Error, pwcszErrorStr")
        .judges_parts()
        .looks_at(&[CallKind::Error])
        .wrong(&[
            Step::Started,
            Step::Made(Call::Error { result: HResult::MAPI_E_NETWORK_ERROR, text: None }),
            Step::Made(done(HResult::MAPI_E_NETWORK_ERROR)),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Made(error(HResult::MAPI_E_NETWORK_ERROR)),
            Step::Made(done(HResult::MAPI_E_NETWORK_ERROR)),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct ErrorText;

impl RuleCheck for ErrorText {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, _: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Error { text: None, .. } = call.call {
            findings.broken("Error was called without a text").shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
