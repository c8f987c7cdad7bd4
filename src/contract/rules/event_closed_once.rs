//! The host closes the published handle once.

use crate::HResult;
use crate::contract::trace::{Step, done};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Party, RuleCheck, RuleInfo, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "event-closed-once",
    "the host closes the published handle exactly once: after Done received it, or after waiting \
     when Done received NULL",
)
.blame(Party::Host)
.source("IMAPISyncProgressCallback::Done, hThreadDoneEvent")
.needs_start()
.looks_at(&[CallKind::EventClosed])
.wrong(&[
    Step::Started,
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
    Step::Made(Call::EventClosed { by: Party::Host, event: Step::EVENT }),
])
.right(&[Step::Started, Step::Made(done(HResult::S_OK)), Step::Finished]);

#[derive(Debug, Default)]
pub(super) struct EventClosedOnce;

impl RuleCheck for EventClosedOnce {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let Call::EventClosed { by: Party::Host, event } = call.call else { return };
        if !sync.handles().is_published(event) {
            return;
        }
        let before = sync.handles().closed();
        let message = if before.is_some() {
            "the host closed the published handle again"
        } else if sync.done().is_none() {
            "the host closed the published handle before Done"
        } else if was_given_null(sync) && !sync.handles().is_signalled() {
            "Done was given NULL, and the host closed the published handle without waiting for \
             the event"
        } else {
            return;
        };
        findings.broken(message).shows(sync.done()).shows(before).shows(call);
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        let handles = sync.handles();
        let is_due = sync.is_host_watched()
            && !sync.is_exiting()
            && sync.is_started()
            && sync.done().is_some()
            && !sync.published().is_null();
        // A host may wait for the event before it closes the handle. Where the event never comes,
        // that is the provider's fault: see `event-after-done`.
        let waits_in_vain = !handles.is_signalled();
        if is_due && handles.closed().is_none() && handles.withdrawn().is_none() && !waits_in_vain {
            findings.broken("the host never closed the published handle").shows(sync.done());
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}

fn was_given_null(sync: &SyncState) -> bool {
    let done = sync.done().map(|done| &done.call);
    matches!(done, Some(Call::Done { event, .. }) if event.is_null())
}
