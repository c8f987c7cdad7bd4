//! The provider never touches a handle that is the host's.

use crate::HResult;
use crate::contract::trace::{Step, done};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Party, RuleCheck, RuleInfo, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "event-owner",
    "after a handle went to Done the provider never touches that handle again: the host may have \
     closed it",
)
.source("IMAPISyncProgressCallback::Done, hThreadDoneEvent")
.needs_start()
.looks_at(&[
    CallKind::EventDuplicated,
    CallKind::EventSet,
    CallKind::EventWaited,
    CallKind::EventClosed,
])
.wrong(&[
    Step::Started,
    Step::Made(done(HResult::S_OK)),
    Step::Made(Call::EventSet { by: Party::Provider, event: Step::EVENT }),
    Step::Made(Call::EventClosed { by: Party::Host, event: Step::EVENT }),
    Step::Made(Call::Release),
])
.right(&[
    Step::Started,
    Step::Made(done(HResult::S_OK)),
    Step::Made(Call::EventSet { by: Party::Provider, event: Step::PRIVATE }),
    Step::Made(Call::EventClosed { by: Party::Host, event: Step::EVENT }),
    Step::Made(Call::Release),
]);

#[derive(Debug, Default)]
pub(super) struct EventOwner;

impl RuleCheck for EventOwner {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let (Call::EventDuplicated { by: Party::Provider, from: event, .. }
        | Call::EventSet { by: Party::Provider, event }
        | Call::EventWaited { by: Party::Provider, event }
        | Call::EventClosed { by: Party::Provider, event }) = call.call
        else {
            return;
        };
        if sync.handles().is_given_away(event) {
            let message = format!("the provider used {event} after it had given it to Done");
            findings.broken(message).shows(sync.done()).shows(call);
        } else if let Call::EventClosed { .. } = call.call
            && sync.handles().is_published(event)
            && sync.is_started()
        {
            let message = format!("the provider closed {event}, which is the host's to close");
            findings.broken(message).shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
