//! A host that fails a call still gets its Done.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Answer, Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "host-error-survived",
    "a failing or panicking Progress or Error never costs the Done",
)
.level(Level::Policy)
.needs_ends()
.needs(Situation::HostFailure)
.source("policy: only S_OK is documented, and the host waits for Done whatever it answered")
.looks_at(&[CallKind::Ended])
.wrong(&[Step::Started, Step::Answered(progress(1, 1), Answer::Returned(HResult::E_FAIL))])
.right(&[
    Step::Started,
    Step::Answered(progress(1, 1), Answer::Returned(HResult::E_FAIL)),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
]);

#[derive(Debug, Default)]
pub(super) struct HostErrorSurvived {
    /// The first Progress or Error that the host failed.
    failed: Option<CallRecord>,
}

impl RuleCheck for HostErrorSurvived {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, _: &mut Findings<'_>) {
        if let Call::Ended { call: number, answer } = call.call
            && answer.is_failure()
            && self.failed.is_none()
            && let Some(failed) = sync.find_in_flight(number)
            && !matches!(failed.call, Call::Done { .. })
        {
            self.failed = Some(failed.clone());
        }
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Some(failed) = &self.failed
            && sync.owes_done()
            && sync.done().is_none()
        {
            findings
                .broken("Done never came after the host had failed a call")
                .shows(sync.start())
                .shows(failed);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
