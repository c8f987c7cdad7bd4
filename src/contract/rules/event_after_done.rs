//! The event occurs after Done has returned, and always in the end.

use crate::contract::trace::{Step, done};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Party, RuleCheck, RuleInfo, SyncState,
};
use crate::{HResult, RawEvent};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "event-after-done",
    "the event occurs once the background work is complete: after Done returned, never before, \
     and always in the end",
)
.source("MAPISIB, phSyncDoneEvent")
.needs_start()
.looks_at(&[CallKind::StartReturned, CallKind::EventPublished, CallKind::EventSet])
.wrong(&[
    Step::Started,
    Step::Made(Call::EventSet { by: Party::Provider, event: Step::PRIVATE }),
    Step::Made(done(HResult::S_OK)),
    Step::Made(Call::EventClosed { by: Party::Host, event: Step::EVENT }),
    Step::Made(Call::Release),
])
.right(&[Step::Started, Step::Made(done(HResult::S_OK)), Step::Finished]);

#[derive(Debug, Default)]
pub(super) struct EventAfterDone {
    /// The first signal of each event before Done had returned, while none was published.
    early: Vec<Early>,
}

#[derive(Debug)]
struct Early {
    object: Option<usize>,
    event: RawEvent,
    set: CallRecord,
}

impl EventAfterDone {
    /// An event is published: it must not have been signalled before.
    fn published(
        &self,
        event: RawEvent,
        call: &CallRecord,
        sync: &SyncState,
        findings: &mut Findings<'_>,
    ) {
        let object = sync.handles().object_of(event);
        let is_this = |early: &&Early| match early.object {
            Some(_) => early.object == object,
            None => early.event == event,
        };
        if let Some(Early { set, .. }) = self.early.iter().find(is_this) {
            let message = "the event was signalled before it was published, and before Done";
            findings.broken(message).shows(set).shows(call);
        }
    }
}

impl RuleCheck for EventAfterDone {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let handles = sync.handles();
        match call.call {
            // Once the process exits, no Done is owed.
            Call::EventSet { .. }
                if sync.is_done_ended() || sync.has_failed_start() || sync.is_exiting() => {}
            Call::EventSet { event, .. } if handles.is_published_event(event) => {
                if handles.is_signalled() {
                    return;
                }
                let message = match sync.done() {
                    Some(_) => "the event was signalled before Done had returned",
                    None => "the event was signalled before Done",
                };
                findings.broken(message).shows(sync.done()).shows(call);
            }
            Call::EventSet { event, .. } if handles.published().is_null() => {
                let object = handles.object_of(event);
                if self.early.iter().all(|early| (early.object, early.event) != (object, event)) {
                    self.early.push(Early { object, event, set: call.clone() });
                }
            }
            Call::EventPublished { event } if sync.returned().is_none() && !event.is_null() => {
                self.published(event, call, sync, findings);
            }
            // Where the out-pointer itself is not watched.
            Call::StartReturned { result, event }
                if result.is_success() && handles.published().is_null() && !event.is_null() =>
            {
                self.published(event, call, sync, findings);
            }
            _ => {}
        }
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        if sync.is_started()
            && sync.done().is_some()
            && !sync.is_exiting()
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
