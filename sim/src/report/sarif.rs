//! SARIF 2.1.0: a result for each broken rule, with its time line as a thread flow.

mod log;

use std::io::{self, Write};

use mapi_sync::contract::Level;

use super::cases::{Finding, Shown, Suite, Verdict};
use super::words::call_in_words;
use super::{Document, Format, unsupported};
use crate::check::{Breach, BreachPlace, Execution};

/// Writes a document that is a verdict as a SARIF log, with a line feed after it.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    let suite = Suite::of(document).ok_or_else(|| unsupported(Format::Sarif, document))?;
    let mut rules: Vec<log::Rule<'_>> = Vec::new();
    let mut results = Vec::new();
    for (name, finding) in suite.findings() {
        let index = rules.iter().position(|rule| rule.id == name).unwrap_or_else(|| {
            rules.push(rule(name, finding));
            rules.len() - 1
        });
        results.push(result(suite.name, name, index, finding));
    }
    let incomplete: Vec<log::Notification> = suite
        .cases
        .iter()
        .filter_map(|case| match &case.verdict {
            Verdict::Incomplete(why) => Some(notification(why, "error")),
            _ => None,
        })
        .collect();
    let warnings = suite.warnings.iter().map(|warning| notification(warning, "warning"));
    let log = log::Log {
        schema: log::SCHEMA,
        version: log::VERSION,
        runs: [log::Run {
            tool: log::Tool {
                driver: log::Driver {
                    name: "mapi-sync",
                    version: env!("CARGO_PKG_VERSION"),
                    rules,
                },
            },
            results,
            invocations: [log::Invocation {
                execution_successful: incomplete.is_empty(),
                tool_execution_notifications: incomplete.into_iter().chain(warnings).collect(),
            }],
        }],
    };
    serde_json::to_writer_pretty(&mut *out, &log).map_err(io::Error::from)?;
    writeln!(out)
}

fn notification(text: &str, level: &'static str) -> log::Notification {
    log::Notification { message: message(text), level }
}

fn rule<'a>(name: &'a str, finding: &'a Finding<'_>) -> log::Rule<'a> {
    let source = if finding.source.is_empty() { finding.statement } else { finding.source };
    log::Rule {
        id: name,
        short_description: log::Text { text: finding.statement },
        help: log::Text { text: source },
    }
}

fn result<'a>(
    suite: &str,
    name: &'a str,
    index: usize,
    finding: &'a Finding<'_>,
) -> log::Result<'a> {
    let mut text = finding.sentence.clone();
    if !finding.command.is_empty() {
        text += &format!(". To replay: {}", finding.command);
    }
    let token = &finding.token;
    let steps = steps(&finding.shown);
    log::Result {
        rule_id: name,
        rule_index: index,
        level: match finding.level {
            Level::Must => "error",
            Level::Should | Level::Policy => "warning",
        },
        message: message(&text),
        locations: [location(suite, "module", None)],
        partial_fingerprints: (!token.is_empty())
            .then_some(log::Fingerprints { replay_token: token }),
        code_flows: (!steps.is_empty())
            .then_some([log::CodeFlow { thread_flows: [log::ThreadFlow { locations: steps }] }]),
    }
}

/// The time line.
fn steps(shown: &Shown<'_>) -> Vec<log::Step> {
    let step =
        |execution_order, importance, location| log::Step { execution_order, importance, location };
    match shown {
        Shown::Execution(execution, breach, _) => (0..execution.lines())
            .filter_map(|place| {
                let (task, text) = line(execution, place)?;
                let location = location(task, "function", Some(&text));
                Some(step(place, importance(breach, place), location))
            })
            .collect(),
        Shown::Calls(calls) => (0..)
            .zip(calls)
            .map(|(number, call)| {
                step(number, "essential", location("callback", "function", Some(call)))
            })
            .collect(),
    }
}

/// The task and the words of a call, or of a program's step.
fn line(execution: &Execution, place: usize) -> Option<(&str, String)> {
    if execution.is_of_program {
        let seen = execution.steps.get(place)?;
        let what = execution.step_in_words(seen);
        return Some((execution.task_of_step(seen), format!("{} ms: {what}", seen.at_ms)));
    }
    let seen = execution.calls.get(place)?;
    let what = call_in_words(&seen.call, " ");
    Some((execution.task_of(seen), format!("{} ms: {what}", seen.call.at_ms)))
}

fn importance(breach: &Breach, place: usize) -> &'static str {
    if breach.place == BreachPlace::At(place) {
        "essential"
    } else if breach.involved.contains(&place) {
        "important"
    } else {
        "unimportant"
    }
}

fn location(name: &str, kind: &'static str, text: Option<&str>) -> log::Location {
    log::Location {
        logical_locations: [log::LogicalLocation { name: name.to_owned(), kind }],
        message: text.map(message),
    }
}

fn message(text: &str) -> log::Message {
    log::Message { text: text.to_owned() }
}
