//! SARIF 2.1.0: a result for each broken rule, with its time line as a thread flow.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mapi_sync::contract::Level;
use serde_sarif::sarif;

use super::cases::{Finding, Shown, Suite, Verdict};
use super::words::call_in_words;
use super::{Document, Format, unsupported};
use crate::check::{Breach, BreachPlace, Execution};

/// Writes a document that is a verdict as a SARIF log, with a line feed after it.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    let suite = Suite::of(document).ok_or_else(|| unsupported(Format::Sarif, document))?;
    let mut rules: Vec<sarif::ReportingDescriptor> = Vec::new();
    let mut results = Vec::new();
    for (name, finding) in suite.findings() {
        let index = rules.iter().position(|rule| rule.id == name).unwrap_or_else(|| {
            rules.push(rule(name, finding));
            rules.len() - 1
        });
        results.push(result(suite.name, name, index, finding));
    }
    let incomplete: Vec<sarif::Notification> = suite
        .cases
        .iter()
        .filter_map(|case| match &case.verdict {
            Verdict::Incomplete(why) => Some(notification(why, "error")),
            _ => None,
        })
        .collect();
    let warnings = suite.warnings.iter().map(|warning| notification(warning, "warning"));
    let invocation = sarif::Invocation::builder()
        .execution_successful(incomplete.is_empty())
        .tool_execution_notifications(incomplete.into_iter().chain(warnings).collect::<Vec<_>>())
        .build();
    let driver = sarif::ToolComponent::builder()
        .name("mapi-sync")
        .version(env!("CARGO_PKG_VERSION"))
        .rules(rules)
        .build();
    let run = sarif::Run::builder()
        .tool(sarif::Tool::builder().driver(driver).build())
        .results(results)
        .invocations(vec![invocation])
        .build();
    let log = sarif::Sarif::builder()
        .schema("https://json.schemastore.org/sarif-2.1.0.json")
        .version("2.1.0")
        .runs(vec![run])
        .build();
    serde_json::to_writer_pretty(&mut *out, &log).map_err(io::Error::from)?;
    writeln!(out)
}

fn notification(text: &str, level: &str) -> sarif::Notification {
    sarif::Notification::builder().message(message(text)).level(level).build()
}

fn rule(name: &str, finding: &Finding<'_>) -> sarif::ReportingDescriptor {
    let statement = sarif::MultiformatMessageString::builder().text(finding.statement).build();
    let source = if finding.source.is_empty() { finding.statement } else { finding.source };
    let help = sarif::MultiformatMessageString::builder().text(source).build();
    sarif::ReportingDescriptor::builder().id(name).short_description(statement).help(help).build()
}

fn result(suite: &str, name: &str, index: usize, finding: &Finding<'_>) -> sarif::Result {
    let level = match finding.level {
        Level::Must => sarif::ResultLevel::Error,
        Level::Should | Level::Policy => sarif::ResultLevel::Warning,
    };
    let mut text = finding.sentence.clone();
    if !finding.command.is_empty() {
        text += &format!(". To replay: {}", finding.command);
    }
    let place = location(suite, "module", None);
    let builder = sarif::Result::builder()
        .rule_id(name)
        .rule_index(i64::try_from(index).unwrap_or(i64::MAX))
        .level(level)
        .message(message(&text))
        .locations(vec![place]);
    let mut result = builder.build();
    if !finding.token.is_empty() {
        let print = BTreeMap::from([("replayToken/v1".to_owned(), finding.token.clone())]);
        result.partial_fingerprints = Some(print);
    }
    let steps = steps(&finding.shown);
    if !steps.is_empty() {
        let flow = sarif::ThreadFlow::builder().locations(steps).build();
        result.code_flows = Some(vec![sarif::CodeFlow::builder().thread_flows(vec![flow]).build()]);
    }
    result
}

/// The time line.
fn steps(shown: &Shown<'_>) -> Vec<sarif::ThreadFlowLocation> {
    let step = |number: i64, importance: &str, location| {
        sarif::ThreadFlowLocation::builder()
            .execution_order(number)
            .importance(importance)
            .location(location)
            .build()
    };
    match shown {
        Shown::Execution(execution, breach, _) => (0..execution.lines())
            .filter_map(|place| {
                let (task, text) = line(execution, place)?;
                let number = i64::try_from(place).unwrap_or(i64::MAX);
                let location = location(task, "function", Some(&text));
                Some(step(number, importance(breach, place), location))
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

fn location(name: &str, kind: &str, text: Option<&str>) -> sarif::Location {
    let place = sarif::LogicalLocation::builder().name(name).kind(kind).build();
    let mut location = sarif::Location::builder().logical_locations(vec![place]).build();
    location.message = text.map(message);
    location
}

fn message(text: &str) -> sarif::Message {
    sarif::Message::builder().text(text).build()
}
