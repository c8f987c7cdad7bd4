//! A successful start leaves a valid event in the out-pointer.

use crate::contract::trace::Step;
use crate::contract::trace::done;
use crate::contract::{Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, SyncState};
use crate::{HResult, RawEvent};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "event-published",
    "a successful start has put a valid event in the out-pointer before it returns",
)
.source("MAPISIB, phSyncDoneEvent")
.needs_start()
.looks_at(&[CallKind::StartReturned, CallKind::EventPublished])
.wrong(&[
    Step::Made(Call::Start { flags: crate::SyncFlags::BACKGROUND }),
    Step::Made(Call::Queried),
    Step::Made(Call::StartReturned { result: HResult::S_OK, event: RawEvent::NULL }),
    Step::Made(Call::Done { event: RawEvent::NULL, status: HResult::S_OK }),
    Step::Made(Call::Release),
])
.right(&[Step::Started, Step::Made(done(HResult::S_OK)), Step::Finished]);

#[derive(Debug, Default)]
pub(super) struct EventPublished;

impl RuleCheck for EventPublished {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        match call.call {
            Call::EventPublished { event } => {
                if let Some(returned) = sync.returned() {
                    let message = "the out-pointer was written after the start had returned, when \
                                   it was dead";
                    findings.broken(message).shows(returned).shows(call);
                } else if !event.is_null() && !sync.handles().is_open(event) {
                    let message = format!("{event} was published, which is no open handle");
                    findings.broken(message).shows(call);
                } else if sync.handles().is_given_away(event) {
                    let message = format!(
                        "{event} was published when Done had been given it: it is the host's, and \
                         may be closed"
                    );
                    findings.broken(message).shows(sync.done()).shows(call);
                }
            }
            Call::StartReturned { result, event } if result.is_success() => {
                if event.is_null() {
                    findings
                        .broken("the start succeeded and left no event in the out-pointer")
                        .shows(call);
                } else if let Some(withdrawn) = sync.handles().withdrawn() {
                    let message = format!(
                        "the start succeeded with {event} in the out-pointer, which it had closed"
                    );
                    findings.broken(message).shows(withdrawn).shows(call);
                }
            }
            _ => {}
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
