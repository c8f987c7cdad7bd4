//! The host hears something now and then while work goes on.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, SyncState,
};

pub(super) static INFO: RuleInfo =
    RuleInfo::new("bounded-silence", "while work goes on, a callback comes within the bound")
        .level(Level::Policy)
        .bounds_time()
        .source("policy: Progress is documented as called periodically")
        .needs_ends()
        .looks_at(&[CallKind::Progress, CallKind::Error, CallKind::Done])
        .wrong(&[
            Step::Started,
            Step::Made(progress(0, 1)),
            Step::Later(60_001),
            Step::Made(progress(1, 1)),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ])
        .right(&[
            Step::Started,
            Step::Made(progress(0, 1)),
            Step::Later(60_000),
            Step::Made(progress(1, 1)),
            Step::Made(done(HResult::S_OK)),
            Step::Finished,
        ]);

#[derive(Debug, Default)]
pub(super) struct BoundedSilence;

impl RuleCheck for BoundedSilence {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let begins =
            matches!(call.call, Call::Progress { .. } | Call::Error { .. } | Call::Done { .. });
        // Work goes on from the return of the start, or, where that is not seen, from the first
        // call. While a call is in flight, it is the host that keeps silent.
        let is_working = sync.owes_done() && sync.done().is_none();
        if !begins || !is_working || !sync.in_flight().is_empty() {
            return;
        }
        let silence = call.at_ms.saturating_sub(sync.last_activity_ms());
        let bound = findings.policy().bounded_silence_ms();
        if silence > bound {
            let message =
                format!("no callback for {silence} ms, where at most {bound} ms are allowed");
            findings.broken(message).shows(call);
        }
    }

    // No repeat Progress begins after a longer silence.
    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
