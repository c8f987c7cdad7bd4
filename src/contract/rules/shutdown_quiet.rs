//! No callback begins once DoFastShutdown has returned.

use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, Situation, SyncState,
};
use crate::{HResult, ShutdownMethod};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "shutdown-quiet",
    "once DoFastShutdown has returned no call of the callback begins",
)
.needs_ends()
.needs(Situation::FastShutdown)
.source(
    "IMAPIProviderShutdown::DoFastShutdown: the client exits at once, and its callback \
             goes with it",
)
.judges_parts()
.looks_at(&[CallKind::Progress, CallKind::Error, CallKind::Done])
.wrong(&[
    Step::Started,
    Step::Made(progress(1, 2)),
    Step::Made(Call::Shutdown { method: ShutdownMethod::DoFastShutdown }),
    Step::Made(Call::ShutdownReturned {
        method: ShutdownMethod::DoFastShutdown,
        result: HResult::S_OK,
    }),
    Step::Made(done(HResult::MAPI_E_USER_CANCEL)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Made(progress(1, 2)),
    Step::Made(Call::Shutdown { method: ShutdownMethod::DoFastShutdown }),
    Step::Made(progress(2, 2)),
    Step::Made(Call::ShutdownReturned {
        method: ShutdownMethod::DoFastShutdown,
        result: HResult::S_OK,
    }),
]);

#[derive(Debug, Default)]
pub(super) struct ShutdownQuiet;

impl RuleCheck for ShutdownQuiet {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let begins =
            matches!(call.call, Call::Progress { .. } | Call::Error { .. } | Call::Done { .. });
        if begins && let Some(exiting) = sync.exiting() {
            findings
                .broken("the callback was called after DoFastShutdown had returned")
                .shows(exiting)
                .shows(call);
        }
    }

    fn skips_repeat_progress(&self, sync: &SyncState) -> bool {
        sync.exiting().is_none()
    }
}
