//! Calls in words, the same in every format for people.

use mapi_sync::contract::{Answer, Call, CallId, CallRecord};

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
