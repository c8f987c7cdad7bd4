//! No sync is running when the store is released.

use crate::contract::trace::{Step, done};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncState,
};
use crate::{HResult, ShutdownMethod};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "shutdown-drained",
    "every started sync is done before the store is released, in a full shutdown or in a fast \
     one that was refused",
)
.level(Level::Policy)
.needs_start()
.needs(Situation::Release)
.source("policy, after IMsgStore::StoreLogoff and IMAPIProviderShutdown::QueryFastShutdown")
.looks_at(&[CallKind::StoreReleased])
.wrong(&[
    Step::Started,
    Step::Made(Call::StoreReleased),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Made(Call::Shutdown { method: ShutdownMethod::StoreLogoff }),
    Step::Made(done(HResult::MAPI_E_USER_CANCEL)),
    Step::Finished,
    Step::Made(Call::ShutdownReturned {
        method: ShutdownMethod::StoreLogoff,
        result: HResult::S_OK,
    }),
    Step::Made(Call::StoreReleased),
]);

#[derive(Debug, Default)]
pub(super) struct ShutdownDrained;

impl RuleCheck for ShutdownDrained {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        // In a fast shutdown the client releases its store in the middle of whatever goes on.
        if sync.is_started()
            && !sync.is_done_ended()
            && !sync.is_exiting()
            && let Call::StoreReleased = call.call
        {
            findings
                .broken("the store was released while the sync was not done")
                .shows(sync.start())
                .shows(sync.done())
                .shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
