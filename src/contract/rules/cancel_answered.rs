//! A cancel request ends the sync soon, as a cancelled one, unless its end was settled by then.

use super::done_once;
use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Answer, Call, CallRecord, Findings, Level, Progress, RuleCheck, RuleInfo, Situation, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "cancel-answered",
    "after a cancel request the sync ends in bounded time, the host's own time inside callbacks \
     not counted, with Done(MAPI_E_USER_CANCEL) or a status settled by then: success or a warning \
     if no Progress began after the request, or none ever, or the position is at its maximum and \
     each task that reports began at most one Progress after the request (tasks unknown: at most \
     8, settable); a failure after a failing Error, E_UNEXPECTED, or a code that says what failed \
     (not E_FAIL, not MAPI_E_CANCEL)",
)
.bounds_time()
.level(Level::Policy)
.needs_ends()
.needs(Situation::Cancel)
.source("policy, after IMAPISupport::SpoolerYield")
// The calls cannot show that the cancel cost the Done.
.follows_from(&[&done_once::INFO])
.wrong(&[
    Step::Started,
    Step::Made(progress(1, 10)),
    Step::Made(Call::CancelRequested),
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
    Step::Made(progress(1, 3)),
    Step::Made(Call::CancelRequested),
    Step::Made(progress(2, 3)),
    Step::Made(done(HResult::MAPI_E_USER_CANCEL)),
    Step::Finished,
]);

#[derive(Debug, Default)]
pub(super) struct CancelAnswered {
    cancel: Option<Cancel>,
}

/// The first cancel request, and what came after it.
#[derive(Debug)]
struct Cancel {
    at_ms: u64,
    /// How long at least one callback was in flight since, in milliseconds.
    host_ms: u64,
    /// Up to when that is summed.
    seen_ms: u64,
    /// How many calls of Progress began since, by each task.
    by_task: Vec<(u64, u32)>,
    /// How many began since in tasks that are not known.
    by_unknown: u32,
}

impl Cancel {
    fn new(at_ms: u64) -> Self {
        Self { at_ms, host_ms: 0, seen_ms: at_ms, by_task: Vec::new(), by_unknown: 0 }
    }

    /// The request as a call of its own: it may have come as the answer to another one.
    fn record(&self, sync: &SyncState) -> CallRecord {
        CallRecord { sync: sync.id(), at_ms: self.at_ms, number: None, call: Call::CancelRequested }
    }

    /// Time passes until this call. While a callback is in flight, it is the host's.
    fn pass(&mut self, at_ms: u64, sync: &SyncState) {
        if !sync.in_flight().is_empty() {
            self.host_ms += at_ms.saturating_sub(self.seen_ms);
        }
        self.seen_ms = at_ms;
    }

    fn progress(&mut self, task: Option<u64>) {
        let Some(task) = task else {
            self.by_unknown = self.by_unknown.saturating_add(1);
            return;
        };
        match self.by_task.iter_mut().find(|(known, _)| *known == task) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.by_task.push((task, 1)),
        }
    }

    /// Why a success was not settled when the request came; `None` if it was.
    fn unsettled(&self, last: Option<&Progress>, most: u32) -> Option<String> {
        let begun = self.by_task.iter().map(|(_, count)| *count);
        let all = begun.clone().fold(self.by_unknown, u32::saturating_add);
        let last = last.filter(|_| all > 0)?;
        if !last.is_complete() {
            return Some(format!("the last position was {} of {}", last.index, last.index_max));
        }
        let by_one = begun.max().unwrap_or(0);
        if by_one > 1 {
            return Some(format!(
                "one task began {by_one} calls of Progress after the request, where one is allowed"
            ));
        }
        (self.by_unknown > most).then(|| {
            format!(
                "{} calls of Progress began after the request, where {most} are allowed",
                self.by_unknown
            )
        })
    }
}

/// The answer by which a host asks the sync to stop.
const CANCELS: Answer = Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE);

/// Failures that do not say what failed.
const NO_REASON: [HResult; 2] = [HResult::E_FAIL, HResult::MAPI_E_CANCEL];

/// What a provider writes to keep the rule.
const ADVICE: &str = "once a cancel is requested, finish the piece of work at hand at most, and \
                      end with MAPI_E_USER_CANCEL, as `SyncSession::done_or_cancelled` does";

impl CancelAnswered {
    fn request(&mut self, at_ms: u64, sync: &SyncState) {
        if self.cancel.is_none() && sync.done().is_none() {
            self.cancel = Some(Cancel::new(at_ms));
        }
    }
}

impl RuleCheck for CancelAnswered {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Some(cancel) = &mut self.cancel {
            cancel.pass(call.at_ms, sync);
        }
        match call.call {
            Call::CancelRequested => self.request(call.at_ms, sync),
            Call::Ended { call: number, answer: CANCELS } => {
                let ended = sync.find_in_flight(number).map(|ended| &ended.call);
                if !matches!(ended, None | Some(Call::Done { .. })) {
                    self.request(call.at_ms, sync);
                }
            }
            Call::Progress { .. } if sync.done().is_none() => {
                if let Some(cancel) = &mut self.cancel {
                    cancel.progress(findings.task());
                }
            }
            Call::Done { status, .. } if sync.done().is_none() => {
                if let Some(cancel) = &self.cancel {
                    check_done(cancel, call, status, sync, findings);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Some(cancel) = &self.cancel
            && sync.owes_done()
            && sync.done().is_none()
        {
            findings
                .broken("Done never came after the cancel request")
                .shows(sync.start())
                .shows(&cancel.record(sync));
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        self.cancel.is_none()
    }
}

fn check_done(
    cancel: &Cancel,
    done: &CallRecord,
    status: HResult,
    sync: &SyncState,
    findings: &mut Findings<'_>,
) {
    let request = cancel.record(sync);
    let host_ms = cancel.host_ms;
    let taken = done.at_ms.saturating_sub(cancel.at_ms).saturating_sub(host_ms);
    let bound = findings.policy().cancel_within_ms();
    if taken > bound {
        let not_counted = match host_ms {
            0 => String::new(),
            _ => format!(" (and {host_ms} ms of the host's own inside callbacks)"),
        };
        let message = format!(
            "Done came {taken} ms after the cancel request{not_counted}, where at most {bound} ms \
             are allowed; {ADVICE}"
        );
        findings.broken(message).shows(&request).shows(done);
    }
    let why = if status == HResult::MAPI_E_USER_CANCEL {
        None
    } else if status.is_success() {
        let most = findings.policy().progress_after_cancel();
        cancel.unsettled(sync.last_progress(), most)
    } else {
        let is_said = sync.failing_error().is_some() || !NO_REASON.contains(&status);
        (!is_said).then(|| "the code does not say what failed, and no Error did".to_owned())
    };
    if let Some(why) = why {
        let message = format!(
            "a cancel request was answered with Done({status}) instead of MAPI_E_USER_CANCEL, \
             although {why}; {ADVICE}"
        );
        findings.broken(message).shows(&request).shows(done);
    }
}
