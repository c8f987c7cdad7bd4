//! Old tokens replay for ever: a file of tokens of format 1, each with the execution that it gave.
//!
//! The file was written once, before format 2 existed. It holds tokens of every built-in scenario,
//! every mutant and every correct variant, shrunk and unshrunk, with changed scenarios and limits.

use std::sync::Arc;

use mapi_sync::contract::{Answer, Call};
use mapi_sync_sim::{Check, ReplayOutcome, Replayed};

const TOKENS: &str = include_str!("ms1.txt");

/// A call on one line. The text is this file's own, so that other texts can be reworded.
fn call_line(call: &Call<Arc<str>>) -> String {
    match call {
        Call::Start { flags } => format!("start {:x}", flags.bits()),
        Call::StartReturned { result, event } => {
            format!("returned {:x} {}", result.bits(), event.value())
        }
        Call::Queried => "queried".to_owned(),
        Call::AddRef => "add-ref".to_owned(),
        Call::Release => "release".to_owned(),
        Call::Progress { text, index, index_max } => {
            format!("progress {text:?} {index} {index_max}")
        }
        Call::Error { result, text } => format!("error {:x} {text:?}", result.bits()),
        Call::Done { event, status } => format!("done {} {:x}", event.value(), status.bits()),
        Call::Ended { call, answer } => match answer {
            Answer::Returned(result) => format!("ended {} {:x}", call.0, result.bits()),
            Answer::Panicked => format!("panicked {}", call.0),
            Answer::Dropped => format!("dropped {}", call.0),
        },
        Call::EventCreated { event } => format!("created {}", event.value()),
        Call::EventDuplicated { by, from, event } => {
            format!("duplicated {by} {} {}", from.value(), event.value())
        }
        Call::EventPublished { event } => format!("published {}", event.value()),
        Call::EventSet { by, event } => format!("set {by} {}", event.value()),
        Call::EventWaited { by, event } => format!("waited {by} {}", event.value()),
        Call::EventClosed { by, event } => format!("closed {by} {}", event.value()),
        Call::CancelRequested => "cancel".to_owned(),
        Call::TextRead { call } => format!("text-read {}", call.0),
        Call::StoreReleased => "store-released".to_owned(),
        other => panic!("no call of an old token: {other:?}"),
    }
}

/// The token's line in the file, from its replay.
fn row(token: &str, replayed: &Replayed) -> String {
    let execution = &replayed.execution;
    // FNV-1a.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for seen in &execution.calls {
        let line = format!(
            "{} {} {} {} {} {} {}\n",
            seen.step,
            seen.task.index(),
            seen.account,
            seen.call.sync.0,
            seen.call.at_ms,
            seen.call.number.map_or(0, |number| number.0),
            call_line(&seen.call.call)
        );
        for byte in line.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    let mut defects = execution
        .breaches
        .iter()
        .map(|breach| format!("{}@{}", breach.defect.id(), breach.at_ms))
        .collect::<Vec<_>>()
        .join(",");
    if defects.is_empty() {
        defects.push('-');
    }
    let calls = execution.calls.len();
    let (steps, virtual_ms) = (execution.outcome.steps, execution.outcome.virtual_ms);
    format!("{token} {calls} {digest:016x} {steps} {virtual_ms} {defects}")
}

#[test]
fn old_tokens_replay_the_same_executions() {
    let mut differences = Vec::new();
    let mut count = 0;
    for expected in TOKENS.lines().filter(|line| !line.starts_with('#')) {
        count += 1;
        let token = expected.split(' ').next().expect("a line begins with its token");
        let found = match Check::of_token(token).and_then(|check| check.replay(token)) {
            Ok(replayed) => {
                assert_eq!(replayed.shows_its_defect(), None, "no token of format 1 names one");
                assert_eq!(replayed.left_over, None, "{token}");
                assert_ne!(replayed.outcome(), ReplayOutcome::NoLongerApplies);
                row(token, &replayed)
            }
            Err(error) => format!("{token} {error}"),
        };
        if found != expected {
            differences.push(format!("expected {expected}\nfound    {found}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(count, 277);
}
