//! The event occurs after Done has returned, and always in the end.

use crate::HResult;
use crate::contract::trace::{Step, done};
use crate::contract::{Call, CallRecord, Findings, Party, RuleCheck, RuleInfo, SyncState};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "event-after-done",
    "the event occurs once the background work is complete: after Done returned, never before, \
     and always in the end",
)
.source("MAPISIB, phSyncDoneEvent")
.judges_parts()
.wrong(&[
    Step::Started,
    Step::Made(Call::EventSet { by: Party::Provider, event: Step::PRIVATE }),
    Step::Made(done(HResult::S_OK)),
    Step::Made(Call::EventClosed { by: Party::Host, event: Step::EVENT }),
    Step::Made(Call::Release),
])
.right(&[Step::Started, Step::Made(done(HResult::S_OK)), Step::Finished]);

#[derive(Debug, Default)]
pub(super) struct EventAfterDone;

impl RuleCheck for EventAfterDone {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Call::EventSet { event, .. } = call.call
            && !sync.handles().is_signalled()
            && sync.handles().is_published_event(event)
            && !sync.is_done_ended()
            && !sync.has_failed_start()
        {
            let message = match sync.done() {
                Some(_) => "the event was signalled before Done had returned",
                None => "the event was signalled before Done",
            };
            findings.broken(message).shows(sync.done()).shows(call);
        }
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        if !sync.is_callback_only()
            && sync.is_started()
            && sync.done().is_some()
            && !sync.published().is_null()
            && !sync.handles().is_signalled()
        {
            findings.broken("Done came and the event was never signalled").shows(sync.done());
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
