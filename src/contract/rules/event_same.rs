//! Done is given the published handle or NULL.

use crate::contract::trace::Step;
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Party, RuleCheck, RuleInfo, SyncState,
};
use crate::{HResult, RawEvent};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("event-same", "the handle given to Done is NULL or the published one")
        .source("IMAPISyncProgressCallback::Done, hThreadDoneEvent")
        .needs_start()
        .looks_at(&[CallKind::StartReturned, CallKind::Done])
        .wrong(&[
            Step::Started,
            Step::Made(Call::Done { event: RawEvent::from_value(12), status: HResult::S_OK }),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Made(Call::Done { event: RawEvent::NULL, status: HResult::S_OK }),
            Step::Made(Call::Release),
            Step::Made(Call::EventSet { by: Party::Provider, event: Step::PRIVATE }),
            Step::Made(Call::EventClosed { by: Party::Provider, event: Step::PRIVATE }),
            Step::Made(Call::EventClosed { by: Party::Host, event: Step::EVENT }),
        ]);

#[derive(Debug, Default)]
pub(super) struct EventSame;

impl RuleCheck for EventSame {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        match call.call {
            Call::Done { event, .. } => {
                let published = sync.published();
                let is_known = !published.is_null() || sync.returned().is_some();
                if !event.is_null() && event != published && is_known {
                    let message = format!("Done was given {event}, while {published} is published");
                    findings.broken(message).shows(call);
                }
            }
            // Done may come before the start has returned, and before anything is published.
            Call::StartReturned { result, event } if result.is_success() => {
                if let Some(done) = sync.done()
                    && let Call::Done { event: given, .. } = done.call
                    && !given.is_null()
                    && given != event
                {
                    let message =
                        format!("Done was given {given}, while the start published {event}");
                    findings.broken(message).shows(done).shows(call);
                }
            }
            _ => {}
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
