//! A sync ends with exactly one Done.

use super::host_error_survived;
use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, SyncState};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("done-once", "a sync whose start succeeded ends with exactly one Done")
        .source("IMAPISyncProgressCallback::Done")
        .judges_parts()
        .follows_from(&[&host_error_survived::INFO])
        .looks_at(&[CallKind::Done])
        .wrong(&[Step::Started, Step::Made(progress(1, 1)), Step::Later(100)])
        .right(&[
            Step::Started,
            Step::Made(progress(1, 1)),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct DoneOnce;

impl RuleCheck for DoneOnce {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Done { .. } = call.call
            && let Some(first) = sync.done()
        {
            findings.broken("Done was called again").shows(first).shows(call);
        }
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        if sync.owes_done() && sync.done().is_none() {
            let last = sync.last_progress().map(|progress| progress.record(sync.id()));
            findings
                .broken("the sync was started and Done never came")
                .shows(sync.start())
                .shows(last.as_ref());
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
