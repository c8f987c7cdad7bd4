//! After NotifyProcessShutdown no sync starts, and no task takes another piece of work.

use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallKind, CallRecord, Findings, Level, RuleCheck, RuleInfo, Situation, SyncState,
};
use crate::{HResult, ShutdownMethod};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "shutdown-stops-work",
    "after NotifyProcessShutdown no sync starts, and each task that reports ends at most the piece \
     it is at: one last Progress (tasks unknown: at most 8 in all, settable with that of \
     cancel-answered)",
)
.level(Level::Policy)
.needs_ends()
.needs(Situation::FastShutdown)
.judges_parts()
.source(
    "policy, after IMAPIProviderShutdown::NotifyProcessShutdown and Best Practices for Fast \
     Shutdown: nothing is done at shutdown that is not needed to save data",
)
.looks_at(&[CallKind::Start, CallKind::StartReturned, CallKind::Progress])
.wrong(&[
    Step::Started,
    Step::Made(progress(1, 10)),
    Step::Made(Call::Shutdown { method: ShutdownMethod::NotifyProcessShutdown }),
    Step::Made(Call::ShutdownReturned {
        method: ShutdownMethod::NotifyProcessShutdown,
        result: HResult::S_OK,
    }),
    Step::Made(progress(2, 10)),
    Step::Made(progress(3, 10)),
    Step::Made(progress(4, 10)),
    Step::Made(progress(5, 10)),
    Step::Made(progress(6, 10)),
    Step::Made(progress(7, 10)),
    Step::Made(progress(8, 10)),
    Step::Made(progress(9, 10)),
    Step::Made(progress(10, 10)),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Made(progress(1, 10)),
    Step::Made(Call::Shutdown { method: ShutdownMethod::NotifyProcessShutdown }),
    Step::Made(progress(2, 10)),
    Step::Made(Call::ShutdownReturned {
        method: ShutdownMethod::NotifyProcessShutdown,
        result: HResult::S_OK,
    }),
    Step::Made(progress(3, 10)),
    Step::Made(done(HResult::MAPI_E_USER_CANCEL)),
    Step::Finished,
]);

/// What a provider writes to keep the rule.
const ADVICE: &str = "request the cancel of each sync in NotifyProcessShutdown, and fail a start \
                      with MAPI_E_END_OF_SESSION from then on";

#[derive(Debug, Default)]
pub(super) struct ShutdownStopsWork {
    /// The start, if it began after the notice.
    late_start: Option<CallRecord>,
    /// The last Progress of each task since the notice.
    by_task: Vec<(u64, CallRecord)>,
    /// How many began since in tasks that are not known.
    by_unknown: u32,
}

impl ShutdownStopsWork {
    fn progress(&mut self, call: &CallRecord, notified: &CallRecord, findings: &mut Findings<'_>) {
        let Some(task) = findings.task() else {
            self.by_unknown = self.by_unknown.saturating_add(1);
            let most = findings.policy().progress_after_cancel();
            if self.by_unknown > most {
                let message = format!(
                    "{} calls of Progress began after NotifyProcessShutdown, where {most} are \
                     allowed; {ADVICE}",
                    self.by_unknown
                );
                findings.broken(message).shows(notified).shows(call);
            }
            return;
        };
        match self.by_task.iter_mut().find(|(known, _)| *known == task) {
            Some((_, before)) => {
                let message = format!(
                    "one task began a second Progress after NotifyProcessShutdown, where one is \
                     allowed; {ADVICE}"
                );
                findings.broken(message).shows(notified).shows(&*before).shows(call);
            }
            None => self.by_task.push((task, call.clone())),
        }
    }
}

impl RuleCheck for ShutdownStopsWork {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let Some(notified) = sync.notified() else { return };
        match call.call {
            Call::Start { .. } => self.late_start = Some(call.clone()),
            Call::StartReturned { result, .. } if result.is_success() => {
                if let Some(start) = &self.late_start {
                    let message =
                        format!("a sync was started after NotifyProcessShutdown; {ADVICE}");
                    findings.broken(message).shows(notified).shows(start).shows(call);
                }
            }
            // What comes after DoFastShutdown is the matter of another rule.
            Call::Progress { .. } if sync.done().is_none() && !sync.is_exiting() => {
                self.progress(call, notified, findings);
            }
            _ => {}
        }
    }

    fn skips_repeat_progress(&self, sync: &SyncState) -> bool {
        sync.notified().is_none() || sync.is_exiting()
    }
}
