//! What went wrong, in one sentence: which task did what to whom.

use mapi_sync::contract::{Call, CallRecord, Rule};

use super::{Breach, BreachPlace, Counterexample, Defect, Execution, Why};
use crate::decision::Kind;
use crate::engine::TaskId;
use crate::world::SeenCall;

impl Execution {
    /// What broke this rule, in one sentence that names the tasks; of another defect, its message.
    /// `None` if the execution does not show it.
    #[must_use]
    pub fn sentence(&self, defect: Defect) -> Option<String> {
        let breach = self.breach(defect)?;
        let sentence = Tale { execution: self, breach }.tell();
        let account = breach.account.and_then(|account| self.accounts.get(account));
        Some(match account.filter(|_| self.accounts.len() > 1) {
            Some(account) => format!("in the account `{account}`, {sentence}"),
            None => sentence,
        })
    }
}

impl Counterexample {
    /// What went wrong, in one sentence: what broke the first of its rules, and the fault or the
    /// order of steps without which it does not show.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.defects.first().map_or_else(String::new, |defect| self.sentence_of(*defect))
    }

    /// The same for another of its defects. What decides is known of the first only.
    #[must_use]
    pub fn sentence_of(&self, defect: Defect) -> String {
        let sentence = self.execution.sentence(defect).unwrap_or_default();
        let why = self.why.as_ref().filter(|_| self.defects.first() == Some(&defect));
        match (defect, why) {
            (Defect::Rule(rule), Some(why)) => with_cause(sentence, rule, why),
            _ => sentence,
        }
    }
}

/// The sentence with what decides, unless it says that by itself.
fn with_cause(sentence: String, rule: Rule, why: &Why) -> String {
    match why {
        Why::Decision { kind: Kind::Fault | Kind::Drop | Kind::DropWaiting, what, .. } => {
            format!("when {what}: {sentence}")
        }
        Why::Order { first, second, .. } => {
            let (first, second) = (&first.task, &second.task);
            let is_told = sentence.contains(": nothing ") || NOT_OF_ORDER.contains(&rule);
            let is_of_clock = [first, second].iter().any(|task| *task == "clock");
            if is_told || is_of_clock || first == second {
                return sentence;
            }
            format!("{sentence}: nothing keeps `{first}` from going before `{second}`")
        }
        _ => sentence,
    }
}

/// The rules that are not broken for want of an order, although one is needed to see it.
const NOT_OF_ORDER: [Rule; 2] = [Rule::OVERLAP, Rule::SHUTDOWN_STOPS_WORK];

/// A breach, to be told.
struct Tale<'a> {
    execution: &'a Execution,
    breach: &'a Breach,
}

impl Tale<'_> {
    fn tell(&self) -> String {
        let told = match self.breach.defect {
            Defect::Rule(rule) => self.of_rule(rule),
            _ => None,
        };
        told.unwrap_or_else(|| self.breach.message.clone())
    }

    /// `None` if the message says it as well as it can be said.
    fn of_rule(&self, rule: Rule) -> Option<String> {
        Some(match rule.id() {
            "done-once" if self.breach.never_came => {
                "the sync was started, and nobody ever sent Done".to_owned()
            }
            "done-once" => {
                let (first, second) = (self.shown(0)?, self.culprit()?);
                let (one, other) = (self.task(first), self.task(second));
                if one == other {
                    format!("{one} sent Done twice, though the first had ended the sync")
                } else {
                    format!("{one} sent Done, and {other} sent it again")
                }
            }
            "done-last" => self.done_last()?,
            "no-call-on-failed-start" => self.failed_start()?,
            "event-published" => {
                let call = self.culprit()?;
                match (&call.call.call, self.calls().first()) {
                    (Call::EventPublished { .. }, Some(before))
                        if matches!(before.call, Call::StartReturned { .. }) =>
                    {
                        let task = self.task(call);
                        format!(
                            "{task} put the event in the out-pointer when the start had returned: \
                             nothing makes the start wait for {task}"
                        )
                    }
                    _ => return None,
                }
            }
            "event-after-done" if self.breach.never_came => {
                "Done came, and nobody ever signalled the event: whoever waits for it waits for \
                 ever"
                    .to_owned()
            }
            "event-after-done" => self.early_event()?,
            "event-same" => {
                let call = self.culprit()?;
                let Call::Done { event, .. } = call.call.call else { return None };
                let task = self.task(call);
                format!(
                    "{task} gave {event} to Done, which is not the handle that the start published"
                )
            }
            "event-owner" => self.event_owner()?,
            "event-closed-once" => {
                let message = &self.breach.message;
                let is_close = |call: &&CallRecord| matches!(call.call, Call::EventClosed { .. });
                if self.calls().iter().filter(is_close).count() > 1 {
                    format!("{message}: by then it can be the handle of another object")
                } else {
                    return None;
                }
            }
            "progress-range" | "progress-forward" | "progress-complete" => self.position(rule)?,
            "error-code" => {
                let task = self.task(self.culprit()?);
                format!(
                    "{task} reported an error with the code S_OK, which says that nothing failed"
                )
            }
            "error-text" => {
                let call = self.culprit()?;
                let Call::Error { result, .. } = call.call.call else { return None };
                format!("{} reported the error {result} without a text", self.task(call))
            }
            "status-honest" => {
                let (error, done) = (self.shown(0)?, self.culprit()?);
                let (Call::Error { result, .. }, Call::Done { status, .. }) =
                    (&error.call.call, &done.call.call)
                else {
                    return None;
                };
                let (reporter, ender) = (self.task(error), self.task(done));
                let ender = if ender == reporter { String::new() } else { format!("{ender} ") };
                format!(
                    "{reporter} reported the failure {result}, yet {ender}ended the sync with \
                     {status}"
                )
            }
            "callback-held" => self.callback_held()?,
            "strings-copied" => {
                let Call::TextRead { call } = self.culprit()?.call.call else { return None };
                format!(
                    "the host read the text of call {} when that call had returned, and the text \
                     was gone",
                    call.0
                )
            }
            "host-error-survived" => {
                let failed = self.shown(1)?;
                let (task, kind) = (self.task(failed), callback(&failed.call)?);
                format!("the host failed {kind}, called by {task}, and nobody ever sent Done")
            }
            "cancel-answered" => self.cancel()?,
            "shutdown-drained" => {
                let released = self.culprit()?.call.at_ms;
                format!(
                    "the store was let go of at {released} ms, while a sync still ran: nothing \
                     waits for its Done"
                )
            }
            "shutdown-stops-work" => {
                let call = self.culprit()?;
                match call.call.call {
                    Call::Progress { .. } => format!(
                        "{} went on with its work after NotifyProcessShutdown",
                        self.task(call)
                    ),
                    _ => "a sync was started after NotifyProcessShutdown".to_owned(),
                }
            }
            "shutdown-quiet" => {
                let call = self.culprit()?;
                let (task, kind) = (self.task(call), callback(&call.call)?);
                format!(
                    "{task} called {kind} when DoFastShutdown had returned: nothing makes \
                     DoFastShutdown wait for {task}"
                )
            }
            "serial-calls" => {
                let (open, call) = (self.shown(0)?, self.culprit()?);
                let (one, other) = (self.task(open), self.task(call));
                let kinds = (callback(&open.call)?, callback(&call.call)?);
                format!(
                    "{other} called {} while {one} was still in {}: nothing keeps the two apart",
                    kinds.1, kinds.0
                )
            }
            "bounded-silence" => format!("the sync was silent: {}", self.breach.message),
            _ => return None,
        })
    }

    fn done_last(&self) -> Option<String> {
        let (before, call) = (self.shown(0)?, self.culprit()?);
        let task = self.task(call);
        let Call::Done { .. } = call.call.call else {
            let kind = callback(&call.call)?;
            if self.task(before) == task {
                return Some(format!("{task} called {kind} after it had sent Done itself"));
            }
            let last = if self.is_last_of_several(call) { "last " } else { "" };
            return Some(format!(
                "{task}'s {last}{kind} began after Done: nothing waits for {task}"
            ));
        };
        let (reporter, kind) = (self.task(before), callback(&before.call)?);
        Some(if reporter == task {
            format!(
                "{task} sent Done before its own {kind} had returned: nothing waits for that call"
            )
        } else {
            format!(
                "{task} sent Done while {reporter} was still in {kind}: nothing waits for \
                 {reporter}"
            )
        })
    }

    fn failed_start(&self) -> Option<String> {
        let call = self.culprit()?;
        match (&call.call.call, self.calls().first()) {
            (Call::StartReturned { result, event }, Some(early)) => match callback(early) {
                Some(kind) => {
                    let task = self.task(self.shown(0)?);
                    Some(format!("{task} called {kind} for a start that then failed with {result}"))
                }
                None => Some(format!(
                    "the start failed with {result} and left {event} in the out-pointer"
                )),
            },
            (_, Some(returned)) => {
                let Call::StartReturned { result, .. } = returned.call else { return None };
                let (task, kind) = (self.task(call), callback(&call.call)?);
                Some(format!("{task} called {kind} although the start had failed with {result}"))
            }
            _ => None,
        }
    }

    fn early_event(&self) -> Option<String> {
        let set = self.calls().iter().rev().find(|call| matches!(call.call, Call::EventSet { .. }));
        let set = self.find(set?)?;
        let task = self.task(set);
        Some(match self.done_before(set) {
            Some(done) if self.task(done) == task => {
                format!("{task} signalled the event when its own Done had not yet returned")
            }
            Some(done) => format!(
                "{task} signalled the event while {} was still in Done: nothing makes {task} wait \
                 for it",
                self.task(done)
            ),
            None => format!("{task} signalled the event, which says that all is over, before Done"),
        })
    }

    fn event_owner(&self) -> Option<String> {
        let call = self.culprit()?;
        let task = self.task(call);
        let (did, event) = match &call.call.call {
            Call::EventSet { event, .. } => ("signalled through", event),
            Call::EventClosed { event, .. } => ("closed", event),
            Call::EventDuplicated { from, .. } => ("duplicated", from),
            Call::EventWaited { event, .. } => ("waited for", event),
            _ => return None,
        };
        Some(match self.calls().len() {
            1 => format!("{task} {did} {event}, which is the host's to close"),
            _ => format!(
                "{task} {did} {event} after Done had given it to the host, which may have closed it"
            ),
        })
    }

    fn position(&self, rule: Rule) -> Option<String> {
        let call = self.culprit()?;
        let task = self.task(call);
        let Call::Progress { index, index_max, .. } = call.call.call else {
            let Call::Progress { index, index_max, .. } = self.calls().first()?.call else {
                return None;
            };
            return Some(format!(
                "{task} sent Done(S_OK) when the last position was {index} of \
                 {index_max}"
            ));
        };
        if rule == Rule::PROGRESS_RANGE {
            return Some(format!("{task} reported position {index} of only {index_max}"));
        }
        let last = self.calls().first()?;
        let Call::Progress { index: from, .. } = last.call else { return None };
        let by = self.find(last).map(|seen| self.task(seen)).filter(|by| *by != task);
        Some(match (rule == Rule::PROGRESS_COMPLETE, by) {
            (true, None) => format!(
                "{task} reported {from} of {index_max}, which says that the phase is complete, and \
                 went on with {index}"
            ),
            (true, Some(by)) => format!(
                "{by} reported {from} of {index_max}, which says that the phase is complete, and \
                 {task} went on with {index}"
            ),
            (false, None) => {
                format!("{task} went back to {index} of {index_max}, having reported {from}")
            }
            (false, Some(by)) => format!(
                "{task} took the position back to {index} of {index_max}, after {by} had reported \
                 {from}"
            ),
        })
    }

    fn callback_held(&self) -> Option<String> {
        let Some(call) = self.culprit() else {
            return Some(
                "not every reference to the callback was released: the host's object is never \
                 freed"
                    .to_owned(),
            );
        };
        let task = self.task(call);
        Some(match &call.call.call {
            Call::Release if self.breach.message.contains("more often") => {
                format!("{task} released the callback more often than it had taken a reference")
            }
            Call::Release => {
                format!("{task} released the callback before Done had returned")
            }
            Call::Progress { .. } | Call::Error { .. } | Call::Done { .. } => format!(
                "{task} called {} when every reference to the callback was released",
                callback(&call.call)?
            ),
            _ => return None,
        })
    }

    fn cancel(&self) -> Option<String> {
        let cancel = self.calls().iter().find(|call| matches!(call.call, Call::CancelRequested))?;
        let at_ms = cancel.at_ms;
        if self.breach.never_came {
            return Some(format!(
                "the sync was asked to stop at {at_ms} ms, and nobody ever sent Done"
            ));
        }
        let done = self.culprit()?;
        let task = self.task(done);
        let Call::Done { status, .. } = done.call.call else { return None };
        // Both can be broken, and the first is told.
        Some(if self.breach.message.starts_with("Done came ") {
            let taken = done.call.at_ms.saturating_sub(at_ms);
            format!(
                "the sync was asked to stop at {at_ms} ms, and {task} sent Done only {taken} ms \
                 later"
            )
        } else {
            format!(
                "the sync was asked to stop at {at_ms} ms, yet {task} ended it with {status} \
                 instead of MAPI_E_USER_CANCEL"
            )
        })
    }

    /// The calls that show the violation, in order.
    fn calls(&self) -> &[CallRecord] {
        self.breach.violation.as_ref().map_or(&[], |violation| &violation.calls)
    }

    /// The call of this number among those that show the violation.
    fn shown(&self, number: usize) -> Option<&SeenCall> {
        self.find(self.calls().get(number)?)
    }

    /// Where the log has a call that shows the violation.
    fn find(&self, wanted: &CallRecord) -> Option<&SeenCall> {
        let involved = self.breach.involved.iter();
        let mut seen = involved.filter_map(|place| self.execution.calls.get(*place));
        seen.find(|seen| {
            let is_same = match wanted.number {
                Some(_) => seen.call.number == wanted.number,
                None => seen.call.at_ms == wanted.at_ms,
            };
            is_same && seen.call.call.kind() == wanted.call.kind()
        })
    }

    /// The call that broke the rule, if one did.
    fn culprit(&self) -> Option<&SeenCall> {
        match self.breach.place {
            BreachPlace::At(place) => self.execution.calls.get(place),
            BreachPlace::After(_) => None,
        }
    }

    /// The Done of the sync among the calls that show the violation.
    fn done(&self) -> Option<&CallRecord> {
        self.calls().iter().find(|call| matches!(call.call, Call::Done { .. }))
    }

    /// The Done that was under way when `call` was made.
    fn done_before(&self, call: &SeenCall) -> Option<&SeenCall> {
        let done = self.find(self.done()?)?;
        (done.step <= call.step).then_some(done)
    }

    /// Whether its task made several calls of its kind in the sync, and this one is the last.
    fn is_last_of_several(&self, call: &SeenCall) -> bool {
        let is_alike = |seen: &&SeenCall| {
            seen.account == call.account
                && seen.call.sync == call.call.sync
                && seen.task == call.task
                && seen.call.call.kind() == call.call.call.kind()
        };
        let alike = || self.execution.calls.iter().filter(is_alike);
        alike().count() > 1 && alike().next_back() == Some(call)
    }

    /// The task that made a call, in quotes.
    fn task(&self, seen: &SeenCall) -> String {
        if seen.task == TaskId::CLOCK {
            return "the clock".to_owned();
        }
        format!("`{}`", self.execution.task_of(seen))
    }
}

/// The name of a callback.
fn callback(call: &CallRecord) -> Option<&'static str> {
    match call.call {
        Call::Progress { .. } => Some("Progress"),
        Call::Error { .. } => Some("Error"),
        Call::Done { .. } => Some("Done"),
        _ => None,
    }
}
