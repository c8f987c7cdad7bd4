//! No sync is running when the store is released.

use crate::HResult;
use crate::contract::trace::{Step, done};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("shutdown-drained", "every started sync is done before the store is released")
        .level(Level::Policy)
        .needs(Situation::Release)
        .source("policy, after IMAPIProvider and IMSProvider::QueryFastShutdown")
        .looks_at(&[CallKind::StoreReleased])
        .wrong(&[
            Step::Started,
            Step::Made(Call::StoreReleased),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Made(done(HResult::S_OK)),
            Step::Made(Call::StoreReleased),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct ShutdownDrained;

impl RuleCheck for ShutdownDrained {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let is_running =
            sync.start().is_some() && !sync.has_failed_start() && !sync.is_done_ended();
        if let Call::StoreReleased = call.call
            && is_running
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
