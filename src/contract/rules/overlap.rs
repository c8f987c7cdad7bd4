//! A second start while a sync runs is refused as busy, or is a sync of its own.

use crate::contract::trace::{Step, done};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncId, SyncState,
};
use crate::{HResult, RawEvent};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "overlap",
    "a second start while one runs fails with MAPI_E_BUSY or is a sync of its own, with its own \
     callback, Done and event",
)
.level(Level::Policy)
.needs_start()
.needs(Situation::Overlap)
.source("policy: the reference does not speak of a second start")
.over_all_syncs()
.looks_at(&[CallKind::Start, CallKind::StartReturned, CallKind::EventPublished, CallKind::Done])
.wrong(&[
    Step::Started,
    Step::InSync(2),
    Step::Starting,
    Step::Made(Call::EventPublished { event: RawEvent::NULL }),
    Step::Made(Call::Release),
    Step::Made(Call::StartReturned { result: HResult::E_FAIL, event: RawEvent::NULL }),
    Step::InSync(1),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::InSync(2),
    Step::Starting,
    Step::Made(Call::EventPublished { event: RawEvent::NULL }),
    Step::Made(Call::Release),
    Step::Made(Call::StartReturned { result: HResult::MAPI_E_BUSY, event: RawEvent::NULL }),
    Step::InSync(1),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
]);

/// Codes that hide what happened. A start may also fail for another reason than the overlap, but
/// then its code says which.
const NO_REASON: [HResult; 2] = [HResult::E_FAIL, HResult::E_UNEXPECTED];

#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The syncs that run, and those that ran when a start began that has not returned, in the
    /// order in which they began.
    syncs: Vec<Known>,
}

/// What is known of a sync of the store.
#[derive(Debug)]
struct Known {
    id: SyncId,
    start: CallRecord,
    /// What stands in its out-pointer.
    published: RawEvent,
    /// Neither has its start failed nor has its Done begun.
    is_running: bool,
    /// The syncs that ran when its start began, until it returns.
    beside: Vec<SyncId>,
}

impl Overlap {
    fn returned(
        &mut self,
        call: &CallRecord,
        result: HResult,
        event: RawEvent,
        findings: &mut Findings<'_>,
    ) {
        let Some(place) = self.syncs.iter().position(|known| known.id == call.sync) else {
            return;
        };
        let beside = std::mem::take(&mut self.syncs[place].beside);
        for earlier in self.syncs.iter().filter(|known| beside.contains(&known.id)) {
            // Once its Done has begun, the host may have closed the handle, and the system given
            // its value to another event.
            let is_earlier = earlier.is_running && event == earlier.published;
            let message = if result.is_success() && !event.is_null() && is_earlier {
                format!(
                    "a second start returned {result} with the event of the sync that was still \
                     running"
                )
            } else if NO_REASON.contains(&result) {
                format!(
                    "a second start while a sync was running failed with {result} instead of \
                     MAPI_E_BUSY"
                )
            } else {
                continue;
            };
            findings.broken(message).shows(&earlier.start).shows(call);
        }
        let known = &mut self.syncs[place];
        if result.is_failure() {
            known.is_running = false;
        } else if known.published.is_null() {
            known.published = event;
        }
        self.forget();
    }

    /// Forgets the syncs that no start has to be held against any more.
    fn forget(&mut self) {
        let beside: Vec<SyncId> =
            self.syncs.iter().flat_map(|known| known.beside.iter().copied()).collect();
        self.syncs.retain(|known| {
            known.is_running || !known.beside.is_empty() || beside.contains(&known.id)
        });
    }
}

impl RuleCheck for Overlap {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        match call.call {
            Call::Start { .. } => {
                let running = self.syncs.iter().filter(|known| known.is_running);
                self.syncs.push(Known {
                    id: call.sync,
                    beside: running.map(|known| known.id).collect(),
                    start: call.clone(),
                    published: RawEvent::NULL,
                    is_running: true,
                });
            }
            Call::StartReturned { result, event } => self.returned(call, result, event, findings),
            Call::EventPublished { event } if sync.returned().is_none() => {
                let own = self.syncs.iter_mut().find(|known| known.id == call.sync);
                if let Some(own) = own {
                    own.published = event;
                }
            }
            Call::Done { .. } if sync.done().is_none() => {
                let own = self.syncs.iter_mut().find(|known| known.id == call.sync);
                if let Some(own) = own {
                    own.is_running = false;
                    self.forget();
                }
            }
            _ => {}
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Policy, Rule, play};

    #[test]
    fn event_of_running_sync_is_not_its_own() {
        let trace = [
            Step::Started,
            Step::InSync(2),
            Step::Made(Call::Start { flags: crate::SyncFlags::BACKGROUND }),
            Step::Made(Call::Queried),
            Step::Made(Call::StartReturned { result: HResult::S_OK, event: Step::EVENT }),
        ];
        let broken = play(&trace, &Policy::default());
        let found = broken.iter().find(|violation| violation.rule == Rule::OVERLAP);
        assert_eq!(
            found.map(|violation| violation.message.as_str()),
            Some("a second start returned S_OK with the event of the sync that was still running")
        );
    }

    #[test]
    fn handle_value_may_come_again_once_the_earlier_done_has_begun() {
        let trace = [
            Step::Started,
            Step::InSync(2),
            Step::Made(Call::Start { flags: crate::SyncFlags::BACKGROUND }),
            Step::InSync(1),
            Step::Made(done(HResult::S_OK)),
            Step::InSync(2),
            Step::Made(Call::Queried),
            Step::Made(Call::StartReturned { result: HResult::S_OK, event: Step::EVENT }),
        ];
        let broken = play(&trace, &Policy::default());
        assert!(broken.iter().all(|violation| violation.rule != Rule::OVERLAP), "{broken:?}");
    }

    #[test]
    fn start_is_judged_that_returns_after_its_own_done() {
        let trace = [
            Step::Started,
            Step::InSync(2),
            Step::Starting,
            Step::Made(done(HResult::S_OK)),
            Step::Made(Call::StartReturned { result: HResult::E_FAIL, event: RawEvent::NULL }),
        ];
        let broken = play(&trace, &Policy::default());
        assert!(broken.iter().any(|violation| violation.rule == Rule::OVERLAP), "{broken:?}");
    }
}
