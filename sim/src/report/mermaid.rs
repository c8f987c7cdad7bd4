//! The calls of an execution as a sequence diagram of Mermaid's.

use std::collections::BTreeMap;
use std::fmt::Write;

use mapi_sync::contract::{Call, CallId, SyncId};

use super::words::call_in_words;
use crate::check::{Breach, BreachPlace, Execution};
use crate::engine::TaskId;
use crate::world::SeenCall;

/// How many calls a diagram shows. Mermaid refuses long ones.
const MOST: usize = 60;

/// How many characters of a call it shows.
const WIDEST: usize = 100;

/// The diagram, without a fence: the host, the tasks that call, and their calls.
pub(super) fn diagram(execution: &Execution, breach: &Breach) -> String {
    let places = shown(execution, breach);
    let mut text = "sequenceDiagram\n    participant H as host\n".to_owned();
    let mut tasks: Vec<TaskId> = Vec::new();
    for seen in places.iter().map(|place| &execution.calls[*place]) {
        if !tasks.contains(&seen.task) {
            tasks.push(seen.task);
            let name = escape(execution.task_of(seen));
            let _ = writeln!(text, "    participant T{} as {name}", seen.task.index());
        }
    }
    // Who began a callback, for its end.
    let mut begun: BTreeMap<(usize, SyncId, CallId), usize> = BTreeMap::new();
    let mut next = 0;
    for place in places {
        if place > next {
            let left_out = match place - next {
                1 => "1 call is left out".to_owned(),
                several => format!("{several} calls are left out"),
            };
            let _ = writeln!(text, "    Note over H: {left_out}");
        }
        next = place + 1;
        let seen = &execution.calls[place];
        let task = seen.task.index();
        let sync = seen.call.sync;
        let words = escape(&format!("{} ms, {}", seen.call.at_ms, call_in_words(&seen.call, " ")));
        let line = match &seen.call.call {
            Call::Progress { .. } | Call::Error { .. } | Call::Done { .. } => {
                if let Some(number) = seen.call.number {
                    begun.insert((seen.account, sync, number), task);
                }
                format!("T{task}->>H: {words}")
            }
            Call::Ended { call, .. } => {
                let of = begun.get(&(seen.account, sync, *call)).copied().unwrap_or(task);
                format!("H-->>T{of}: {words}")
            }
            Call::Start { .. } | Call::Shutdown { .. } => format!("H->>T{task}: {words}"),
            Call::StartReturned { .. } | Call::ShutdownReturned { .. } => {
                format!("T{task}-->>H: {words}")
            }
            _ => format!("Note over T{task}: {words}"),
        };
        let _ = writeln!(text, "    {line}");
        if breach.place == BreachPlace::At(place) {
            let _ = writeln!(text, "    Note over H,T{task}: {} is broken here", breach.defect);
        }
    }
    if let BreachPlace::After(_) = breach.place {
        let _ =
            writeln!(text, "    Note over H: {} is broken, something never came", breach.defect);
    }
    text
}

/// The places of the calls that are shown: what is said with the least of them, and all around
/// those that are involved.
fn shown(execution: &Execution, breach: &Breach) -> Vec<usize> {
    let matters =
        |place: usize| breach.place == BreachPlace::At(place) || breach.involved.contains(&place);
    let is_shown = |(place, seen): &(usize, &SeenCall)| matters(*place) || !is_bookkeeping(seen);
    let mut places: Vec<usize> =
        execution.calls.iter().enumerate().filter(is_shown).map(|(place, _)| place).collect();
    if places.len() > MOST {
        let at = places.iter().position(|place| matters(*place)).unwrap_or(places.len());
        let first = at.saturating_sub(MOST / 2).min(places.len() - MOST);
        let near = first..first + MOST;
        let mut number = 0;
        places.retain(|place| {
            number += 1;
            near.contains(&(number - 1)) || matters(*place)
        });
    }
    places
}

/// Whether a diagram does without it.
fn is_bookkeeping(seen: &SeenCall) -> bool {
    matches!(
        seen.call.call,
        Call::Queried
            | Call::AddRef
            | Call::Release
            | Call::EventCreated { .. }
            | Call::EventDuplicated { .. }
            | Call::EventWaited { .. }
            | Call::TextRead { .. }
    )
}

/// A text as Mermaid shows it. Letters, digits and a few signs stand for themselves; all else is a
/// numeric entity, so that nothing ends a line or begins another.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for (number, c) in text.chars().enumerate() {
        if number == WIDEST {
            escaped.push_str("...");
            break;
        }
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '_' | '.' | ',' | '(' | ')' | '/' => {
                escaped.push(c);
            }
            c if c.is_control() || is_invisible(c) => escaped.push('\u{fffd}'),
            c if c.is_alphanumeric() => escaped.push(c),
            c => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
        }
    }
    // It ends a block where it stands for itself.
    if escaped.trim().eq_ignore_ascii_case("end") { format!("{escaped}.") } else { escaped }
}

/// Whether a character changes the direction of others, or cannot be seen.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_line() {
        let hostile = "a;b#c\nend\u{202e}%%{init: {}}%%<br/>-->>";
        let escaped = escape(hostile);
        assert_eq!(
            escaped,
            "a#59;b#35;c\u{fffd}end\u{fffd}#37;#37;#123;init#58; #123;#125;#125;#37;#37;#60;br/#62;\
             #45;#45;#62;#62;"
        );
        assert_eq!(escape("end"), "end.");
        assert_eq!(escape(&"x".repeat(200)).len(), WIDEST + 3);
    }
}
