//! Documents in the formats of other tools. `scripts/test-formats` holds them to those tools.

use mapi_sync_sim::Check;
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::world::{MUTANTS, Scenario};
use serde_json::Value;

use super::{report, reports};

fn written(format: Format, document: Document<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    format.write(&mut out, document, &Palette::PLAIN).expect("it is written");
    out
}

fn text(format: Format, document: Document<'_>) -> String {
    String::from_utf8(written(format, document)).expect("it is text")
}

#[test]
fn junit_has_a_case_for_each_rule() {
    let junit = text(Format::Junit, Document::Check(report("late-error")));
    let read = quick_junit::Report::deserialize_from_str(&junit).expect("it is read");
    let [suite] = &read.test_suites[..] else { panic!("{junit}") };
    assert_eq!(suite.name.as_str(), "late-error");
    let names: Vec<&str> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
    let rules = mapi_sync::contract::Rule::ALL.iter().filter(|rule| rule.id() != "serial-calls");
    for rule in rules {
        assert_eq!(names.iter().filter(|name| **name == rule.id()).count(), 1, "{rule}: {junit}");
    }
    let quick_junit::TestCaseStatus::NonSuccess { message, .. } = &suite.test_cases[0].status
    else {
        panic!("{junit}")
    };
    let sentence = report("late-error").counterexamples[0].sentence();
    assert_eq!(message.as_ref().map(quick_junit::XmlString::as_str), Some(&*sentence));
    assert_eq!(names[0], "done-last");
}

#[test]
fn sarif_has_the_time_line_as_a_thread_flow() {
    for (name, report) in reports() {
        let sarif = written(Format::Sarif, Document::Check(report));
        let log: Value = serde_json::from_slice(&sarif).expect("it is JSON");
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["name"], "mapi-sync");
        let results = run["results"].as_array().expect("results");
        let defects: usize = report.counterexamples.iter().map(|shown| shown.defects.len()).sum();
        assert_eq!(results.len(), defects, "{name}");
        let flow = &results[0]["codeFlows"][0]["threadFlows"][0]["locations"];
        let steps = flow.as_array().expect("a flow");
        assert_eq!(steps.len(), report.counterexamples[0].execution.calls.len(), "{name}");
        let essential = steps.iter().filter(|step| step["importance"] == "essential").count();
        assert!(essential <= 1, "{name}: {essential} steps break the rule");
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number"));
            let rule = &run["tool"]["driver"]["rules"][index.expect("it fits")];
            assert_eq!(rule["id"], result["ruleId"], "{name}");
        }
    }
}

/// Names and texts that mean something to a format, if they are not escaped.
const HOSTILE: &str =
    "a|b`c`\u{1b}[31m::error::d%0A]]><script>&amp;\u{202e};e#f\u{1}-->>@all\u{2028}%%{";

/// A check of a mutant whose account has such a name.
fn hostile() -> mapi_sync_sim::Report {
    let info = MUTANTS.iter().find(|info| info.name == "done-twice").expect("it is there");
    let mut scenario: Scenario = info.scenario();
    HOSTILE.clone_into(&mut scenario.name);
    HOSTILE.clone_into(&mut scenario.accounts[0].name);
    let second =
        mapi_sync_sim::world::Account { name: "other".to_owned(), ..scenario.accounts[0].clone() };
    scenario.accounts.push(second);
    Check::simulated(scenario).schedules(50).jobs(1).fail_fast(true).shrink(false).run()
}

#[test]
fn hostile_names_are_data_in_every_format() {
    let report = hostile();
    let document = Document::Check(&report);
    assert!(report.counterexamples[0].sentence().contains("in the account `a|b"));

    let github = text(Format::Github, document);
    for line in github.lines() {
        let (head, message) = line[2..].split_once("::").expect("a command");
        assert!(head.starts_with("error title=") || head.starts_with("warning title="), "{line}");
        assert!(!head.contains("script>,") && !message.contains('\r'), "{line}");
    }
    let commands = github.lines().filter(|line| line.starts_with("::")).count();
    assert_eq!(commands, github.lines().count(), "{github}");

    let junit = text(Format::Junit, document);
    assert!(!junit.contains("<script>") && !junit.contains('\u{1b}') && !junit.contains('\u{1}'));
    quick_junit::Report::deserialize_from_str(&junit).expect("it is read");

    let markdown = text(Format::Markdown, document);
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        let ticks = line.trim_start().split(|c| c != '`').next().unwrap_or_default();
        match fence {
            Some(open) if ticks.len() >= open.len() => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                let shown = line.replace("\\|", "").replace("\\`", "");
                assert!(!shown.contains("<script>") && !shown.contains("@all"), "{line}");
                assert!(!shown.contains('`') && !shown.contains("|b"), "{line}");
            }
        }
        assert!(line.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line:?}");
    }
    assert_eq!(fence, None, "{markdown}");
    for line in markdown.lines().skip_while(|line| !line.ends_with("```mermaid")).skip(1) {
        if line.starts_with("```") {
            break;
        }
        assert!(!line.contains("%%") && !line.contains('<'), "{line}");
    }

    for format in [Format::Sarif, Format::Json] {
        let value: Value = serde_json::from_slice(&written(format, document)).expect("JSON");
        assert!(value.to_string().contains("script>"));
    }
    assert!(!written(Format::Perfetto, document).is_empty());
}

#[test]
fn a_format_refuses_what_it_cannot_show() {
    let document = Document::Rules(mapi_sync::contract::Rule::ALL);
    for format in [Format::Junit, Format::Sarif, Format::Github, Format::Markdown, Format::Calls] {
        let refused = format.write(&mut Vec::new(), document, &Palette::PLAIN);
        let error = refused.expect_err("rules are no verdict");
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
        assert_eq!(error.to_string(), format!("the format {format:?} cannot show rules"));
    }
}

/// The file is one message of Protocol Buffers: packets, each with its length. Every step has a
/// packet for its begin and one for its end.
#[test]
fn perfetto_is_a_list_of_packets() {
    for (name, report) in reports() {
        let trace = written(Format::Perfetto, Document::Check(report));
        let mut rest = &trace[..];
        let mut packets = 0;
        while let [0x0a, after @ ..] = rest {
            let mut length = 0_usize;
            let bytes = after.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
            for (place, byte) in after[..bytes].iter().enumerate() {
                length |= usize::from(byte & 0x7f) << (7 * place);
            }
            rest = &after[bytes + length..];
            packets += 1;
        }
        assert!(rest.is_empty(), "{name}");
        let steps = report.counterexamples.iter().map(|shown| shown.execution.segments.len());
        let least = 2 * steps.sum::<usize>();
        assert!(packets > least, "{name}: {packets} packets of {least} ends of steps");
    }
}
