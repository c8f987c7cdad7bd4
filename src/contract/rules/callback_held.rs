//! The callback is called through a reference that the provider holds, and let go of once.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{Call, CallKind, CallRecord, Findings, RuleCheck, RuleInfo, SyncState};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "callback-held",
    "the callback is queried and AddRef'd before the start returns, released once per AddRef \
     after Done, and not called after that",
)
.source("MAPISIB, punkCallBack; IUnknown::AddRef and IUnknown::Release")
.needs_start()
.looks_at(&[
    CallKind::StartReturned,
    CallKind::Queried,
    CallKind::Release,
    CallKind::Progress,
    CallKind::Error,
    CallKind::Done,
    CallKind::Ended,
])
.wrong(&[
    Step::Started,
    Step::Made(Call::AddRef),
    Step::Made(progress(1, 1)),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Made(Call::AddRef),
    Step::Made(progress(1, 1)),
    Step::Made(Call::Release),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
]);

#[derive(Debug, Default)]
pub(super) struct CallbackHeld;

impl RuleCheck for CallbackHeld {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        match call.call {
            Call::Queried => {
                if let Some(returned) = sync.returned() {
                    let message = "the callback was queried after the start had returned, when \
                                   the pointer was dead";
                    findings.broken(message).shows(returned).shows(call);
                }
            }
            Call::Release => match sync.references().unwrap_or(0) - 1 {
                ..0 => {
                    findings
                        .broken("the callback was released more often than it was AddRef'd")
                        .shows(call);
                }
                0 if sync.is_started() && !sync.is_done_ended() && !sync.is_exiting() => {
                    findings
                        .broken("the callback was released before Done had returned")
                        .shows(sync.done())
                        .shows(call);
                }
                _ => {}
            },
            Call::StartReturned { result, .. } if result.is_success() => {
                let message = match sync.references() {
                    None => "the start succeeded without asking for the callback interface",
                    Some(..=0) if !sync.is_done_ended() => {
                        "the start succeeded without keeping a reference to the callback"
                    }
                    _ => return,
                };
                findings.broken(message).shows(call);
            }
            Call::Progress { .. } | Call::Error { .. } | Call::Done { .. } if is_let_go(sync) => {
                findings.broken(UNHELD).shows(call);
            }
            // A Done that began before the last release needs its reference until it returns.
            Call::Ended { call: number, .. } => {
                if sync.is_started()
                    && sync.references().is_some_and(|references| references < 0)
                    && let Some(done) = sync.find_in_flight(number)
                    && let Call::Done { .. } = done.call
                {
                    findings.broken(UNHELD).shows(done);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        // Where a Done is owed and did not come, or the start never returned, or the process exits,
        // no release is due.
        if let Some(references @ 1..) = sync.references()
            && !sync.is_exiting()
            && (sync.done().is_some() || sync.returned().is_some() && !sync.owes_done())
        {
            let message =
                format!("the callback was never released: {references} references are left");
            findings.broken(message).shows(sync.done());
        }
    }

    fn skips_repeat_progress(&self, sync: &SyncState) -> bool {
        !is_let_go(sync)
    }
}

const UNHELD: &str = "the callback was called without a reference to it";

fn is_let_go(sync: &SyncState) -> bool {
    sync.references().is_some_and(|references| references <= 0)
}
