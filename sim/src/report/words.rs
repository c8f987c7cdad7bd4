//! Calls and rules in words, the same in every format.

use mapi_sync::contract::{Answer, Call, CallId, CallRecord, Rule};

/// A call in words, with the number of a callback before it. `gap` stands between that number and
/// how the callback ended.
pub(super) fn call_in_words(record: &CallRecord, gap: &str) -> String {
    match (&record.call, record.number) {
        (Call::Ended { call: CallId(number), answer }, _) => match answer {
            Answer::Returned(result) => format!("#{number}{gap}returned {result}"),
            Answer::Panicked => format!("#{number}{gap}panicked in the host"),
            Answer::Dropped => format!("#{number}{gap}dropped by the provider before it returned"),
        },
        (call, Some(CallId(number))) => format!("#{number} {call}"),
        (call, None) => call.to_string(),
    }
}

/// Where nothing is seen of a rule, in words.
pub(super) fn unseen(rule: Rule) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(situation) = rule.needs() {
        words.push(format!("a run in which {situation} says nothing of it"));
    }
    if rule.needs_start() {
        words.push(
            "a recording has callbacks only, no start, reference or event: `trace check` does not \
             judge it"
                .to_owned(),
        );
        return words;
    }
    if rule.needs_ends() {
        words.push(
            "a recording that does not say how calls end (`\"ends\":false`) cannot show it"
                .to_owned(),
        );
    }
    if !rule.judges_parts() {
        words.push("a recording shows it of those syncs only that it has as a whole".to_owned());
    }
    if [Rule::CANCEL_ANSWERED, Rule::SHUTDOWN_STOPS_WORK].contains(&rule) {
        words.push(
            "a recording does not say which task calls: some late calls of Progress pass"
                .to_owned(),
        );
    }
    if rule == Rule::CANCEL_ANSWERED {
        words.push("a recording shows a cancel only if a call was answered with it".to_owned());
    }
    words
}
