//! Callbacks of one sync come one after another.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, SyncState,
};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("serial-calls", "callbacks of one sync do not overlap one another")
        .level(Level::Policy)
        .source(
            "policy, off by default: MAPI is free-threaded and the client's callbacks are \
             thread-safe",
        )
        .needs_ends()
        .looks_at(&[CallKind::Progress, CallKind::Error, CallKind::Done])
        .wrong(&[
            Step::Started,
            Step::Begins(progress(0, 1)),
            Step::Begins(progress(1, 1)),
            Step::Returns(1),
            Step::Returns(2),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Begins(progress(0, 1)),
            Step::Returns(1),
            Step::Begins(progress(1, 1)),
            Step::Returns(2),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct SerialCalls;

impl RuleCheck for SerialCalls {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let begins = match call.call {
            Call::Progress { .. } | Call::Error { .. } => true,
            Call::Done { .. } => sync.done().is_none(),
            _ => false,
        };
        if begins && let Some(open) = sync.first_in_flight() {
            findings.broken("a call began while another was in flight").shows(open).shows(call);
        }
    }
}
