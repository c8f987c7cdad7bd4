//! A start that fails leaves nothing behind: no call, no event.

use crate::contract::trace::Step;
use crate::contract::{
    Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, Situation, SyncState,
};
use crate::{HResult, RawEvent};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "no-call-on-failed-start",
    "if the start failed, the callback is never called for it and no event is left in the \
     out-pointer",
)
.needs_start()
.needs(Situation::FailedStart)
.source("COM: on failure an out-parameter is NULL; IMAPISync::SynchronizeInBackground")
.judges_parts()
.looks_at(&[CallKind::StartReturned, CallKind::Progress, CallKind::Error, CallKind::Done])
.wrong(&[
    Step::Starting,
    Step::Made(Call::Release),
    Step::Made(Call::StartReturned { result: HResult::E_FAIL, event: Step::EVENT }),
])
.right(&[
    Step::Starting,
    Step::Made(Call::EventPublished { event: RawEvent::NULL }),
    Step::Made(Call::Release),
    Step::Made(Call::StartReturned { result: HResult::E_FAIL, event: RawEvent::NULL }),
]);

/// A call that was wrong all along becomes known as such when the start fails.
#[derive(Debug, Default)]
pub(super) struct NoCallOnFailedStart {
    /// The first call of a sync whose start has not returned.
    early: Option<CallRecord>,
}

impl RuleCheck for NoCallOnFailedStart {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        match call.call {
            Call::Progress { .. } | Call::Error { .. } | Call::Done { .. }
                if sync.done().is_none() || !matches!(call.call, Call::Done { .. }) =>
            {
                if self.early.is_none() && sync.is_starting() {
                    self.early = Some(call.clone());
                }
                if sync.has_failed_start() {
                    findings
                        .broken("the callback was called for a sync whose start had failed")
                        .shows(sync.returned())
                        .shows(call);
                }
            }
            Call::StartReturned { result, event } if result.is_failure() => {
                if let Some(early) = &self.early {
                    findings
                        .broken("the start failed, yet the callback had been called for it")
                        .shows(early)
                        .shows(call);
                }
                if !event.is_null() {
                    let message = format!("the start failed and left {event} in the out-pointer");
                    findings.broken(message).shows(call);
                }
            }
            _ => {}
        }
    }

    fn skips_repeat_progress(&self, sync: &SyncState) -> bool {
        !sync.has_failed_start() && (self.early.is_some() || !sync.is_starting())
    }
}
