//! A cancel request ends the sync soon, as a cancelled one.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Answer, Call, CallRecord, Findings, Level, Progress, RuleCheck, RuleInfo, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "cancel-answered",
    "after a cancel request the sync ends in bounded time with Done(MAPI_E_USER_CANCEL), unless \
     it was already complete",
)
.level(Level::Policy)
.source("policy, after IMAPISupport::SpoolerYield")
.wrong(&[
    Step::Started,
    Step::Made(progress(1, 3)),
    Step::Made(Call::CancelRequested),
    Step::Made(progress(2, 3)),
    Step::Made(progress(3, 3)),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Made(progress(1, 3)),
    Step::Made(Call::CancelRequested),
    Step::Made(progress(2, 3)),
    Step::Made(done(HResult::MAPI_E_USER_CANCEL)),
    Step::Finished,
]);

#[derive(Debug, Default)]
pub(super) struct CancelAnswered {
    cancel: Option<Cancel>,
}

#[derive(Debug)]
struct Cancel {
    at_ms: u64,
    /// Whether the last position before the request was at its maximum.
    was_complete: bool,
    /// How many calls of Progress began after the request.
    progress_since: u32,
}

impl Cancel {
    /// The request as a call of its own: it may have come as the answer to another one.
    fn record(&self, sync: &SyncState) -> CallRecord {
        CallRecord {
            sync: sync.id(),
            at_ms: self.at_ms,
            number: None,
            call: Call::CancelRequested,
        }
    }
}

/// The answer by which a host asks the sync to stop.
const CANCELS: Answer = Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE);

impl CancelAnswered {
    fn request(&mut self, at_ms: u64, sync: &SyncState) {
        if self.cancel.is_none() && sync.done().is_none() {
            let was_complete = sync.last_progress().is_some_and(Progress::is_complete);
            self.cancel = Some(Cancel { at_ms, was_complete, progress_since: 0 });
        }
    }
}

impl RuleCheck for CancelAnswered {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        match call.call {
            Call::CancelRequested => self.request(call.at_ms, sync),
            Call::Ended { call: number, answer: CANCELS } => {
                let ended = sync.find_in_flight(number).map(|ended| &ended.call);
                if !matches!(ended, None | Some(Call::Done { .. })) {
                    self.request(call.at_ms, sync);
                }
            }
            Call::Progress { .. } => {
                if let Some(cancel) = &mut self.cancel {
                    cancel.progress_since += 1;
                }
            }
            Call::Done { status, .. } if sync.done().is_none() => {
                if let Some(cancel) = &self.cancel {
                    check_done(cancel, call, status, sync, findings);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Some(cancel) = &self.cancel
            && sync.owes_done()
            && sync.done().is_none()
        {
            findings
                .broken("Done never came after the cancel request")
                .shows(sync.start())
                .shows(&cancel.record(sync));
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        self.cancel.is_none()
    }
}

fn check_done(
    cancel: &Cancel,
    done: &CallRecord,
    status: HResult,
    sync: &SyncState,
    findings: &mut Findings<'_>,
) {
    let request = cancel.record(sync);
    let taken = done.at_ms.saturating_sub(cancel.at_ms);
    let bound = findings.policy().cancel_within_ms();
    if taken > bound {
        let message = format!(
            "Done came {taken} ms after the cancel request, where at most {bound} ms are allowed"
        );
        findings.broken(message).shows(&request).shows(done);
    }
    // The request may cross the very last report on its way.
    let is_complete = sync.last_progress().is_none_or(Progress::is_complete);
    let was_complete = cancel.was_complete
        || cancel.progress_since == 0
        || (cancel.progress_since == 1 && is_complete);
    let has_failed_by_itself = sync.failing_error().is_some() || status == HResult::E_UNEXPECTED;
    let is_answered = match status {
        HResult::MAPI_E_USER_CANCEL => true,
        status if status.is_success() => was_complete,
        _ => has_failed_by_itself,
    };
    if !is_answered {
        let message = format!(
            "a cancel request was answered with Done({status}) instead of MAPI_E_USER_CANCEL"
        );
        findings.broken(message).shows(&request).shows(done);
    }
}
