//! The format for people: words, tables and time lines.

mod besides;
mod check;
#[cfg(feature = "cli")]
mod missed;
mod mutants;
#[cfg(any(feature = "cli", windows, feature = "com-vtable-testing"))]
mod observed;
mod rules;
mod scenarios;
mod timeline;

use std::io::{self, Write};

pub(super) use self::besides::segment_in_words;
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub(super) use self::observed::write_foreign;
pub(super) use self::timeline::{is_bookkeeping, step_words};
#[cfg(feature = "cli")]
use super::cases::Shown;
use super::{Document, Palette};

/// Writes a document in words.
pub(super) fn write(
    out: &mut dyn Write,
    document: Document<'_>,
    palette: &Palette,
) -> io::Result<()> {
    match document {
        Document::Check(report) => check::write_report(out, report, palette),
        Document::Replay(replayed) => check::write_replay(out, replayed, palette),
        Document::Mutants(report) => mutants::write_mutants(out, report, palette),
        Document::Rules(table) => rules::write_rules(out, table, palette),
        Document::Rule(rule) => rules::write_rule(out, rule, palette),
        Document::Lesson(lesson) => rules::write_lesson(out, lesson, palette),
        Document::Scenarios(list) => scenarios::write_list(out, list, palette),
        Document::Scenario(scenario) => out.write_all(scenario.to_toml().as_bytes()),
        Document::ScenarioFiles(files) => scenarios::write_files(out, files, palette),
        #[cfg(feature = "cli")]
        Document::Missed(report) => missed::write_missed(out, report, palette),
        #[cfg(feature = "cli")]
        Document::Trace(report) => observed::write_trace(out, report),
        #[cfg(any(windows, feature = "com-vtable-testing"))]
        Document::Foreign { report, .. } => write_foreign(out, report),
    }
}

/// What shows a finding, in words: its counterexample or its time line, or its calls.
#[cfg(feature = "cli")]
pub(super) fn details(shown: &Shown<'_>) -> String {
    let mut text = Vec::new();
    let written = match shown {
        Shown::Execution(_, _, Some(shown)) => {
            check::write_counterexample(&mut text, shown, &Palette::PLAIN)
        }
        Shown::Execution(execution, breach, None) => {
            timeline::write_timeline(&mut text, execution, &[breach], None, &Palette::PLAIN, false)
        }
        Shown::Calls(calls) => calls.iter().try_for_each(|call| writeln!(text, "{call}")),
    };
    written.expect("a vector takes every byte");
    String::from_utf8(text).expect("a report in words is UTF-8")
}

/// The widest line of a list: what a terminal has at least.
const WIDEST: usize = 80;

/// Writes words after a heading, in lines of at most that many characters.
fn write_wrapped(out: &mut dyn Write, heading: &str, words: &[String]) -> io::Result<()> {
    let width = heading.chars().count();
    // Behind a long heading there is no room for a column.
    let indent = if width > WIDEST / 2 { 4 } else { width };
    let first = words.first().map_or(0, |word| word.chars().count() + 1);
    let mut column = width;
    if width + first > WIDEST {
        write!(out, "{}\n{:indent$}", heading.trim_end(), "")?;
        column = indent;
    } else {
        write!(out, "{heading}")?;
    }
    for (n, word) in words.iter().enumerate() {
        let comma = if n + 1 < words.len() { "," } else { "" };
        let width = word.chars().count() + comma.len();
        if n > 0 && column + 1 + width > WIDEST {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
        } else if n > 0 {
            write!(out, " ")?;
            column += 1;
        }
        write!(out, "{word}{comma}")?;
        column += width;
    }
    writeln!(out)
}

/// The ids of rules, those together that have the same reason, in the order of the first of each.
fn by_reason<R: PartialEq>(
    rules: impl Iterator<Item = (&'static str, R)>,
) -> Vec<(R, Vec<String>)> {
    let mut groups: Vec<(R, Vec<String>)> = Vec::new();
    for (rule, reason) in rules {
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, same)) => same.push(rule.to_owned()),
            None => groups.push((reason, vec![rule.to_owned()])),
        }
    }
    groups
}

/// A number with a comma between each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is no less than 0, and a saturating cast is good enough"
)]
fn rounded(rate: f64) -> String {
    grouped(rate.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn long_lists_are_wrapped_under_their_heading() {
        let words: Vec<String> = (0..40).map(|n| format!("word {n}")).collect();
        let mut text = Vec::new();
        write_wrapped(&mut text, "  all: ", &words).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= WIDEST));
        assert!(text.lines().skip(1).all(|line| line.starts_with("       word")));
        assert_eq!(text.split_whitespace().filter(|word| *word == "word").count(), 40);
    }
}
