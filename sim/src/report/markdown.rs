//! Markdown with Mermaid's diagrams, to paste into an issue.

use std::io::{self, Write};

use super::cases::{Finding, Shown, Suite, Verdict};
use super::mermaid::{diagram, is_invisible};
use super::{Document, Format, human, unsupported};

/// Writes a document that is a verdict: what is broken with its diagram and its time line, and a
/// table of all cases.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    let suite = Suite::of(document).ok_or_else(|| unsupported(Format::Markdown, document))?;
    for (name, finding) in suite.findings() {
        write_finding(out, suite.name, name, finding)?;
    }
    let count = |wanted: fn(&Verdict<'_>) -> bool| {
        suite.cases.iter().filter(|case| wanted(&case.verdict)).count()
    };
    let broken = count(|verdict| matches!(verdict, Verdict::Broken(_)));
    let held = count(|verdict| matches!(verdict, Verdict::Held));
    writeln!(out, "## {}: {broken} broken, {held} held\n", escape(suite.name))?;
    writeln!(out, "| case | verdict | |\n|---|---|---|")?;
    for case in &suite.cases {
        let (verdict, why) = match &case.verdict {
            Verdict::Held => ("held", ""),
            Verdict::Skipped(why) => ("not judged", why.as_str()),
            Verdict::Broken(finding) => ("**broken**", finding.sentence.as_str()),
            Verdict::Incomplete(why) => ("**incomplete**", why.as_str()),
        };
        writeln!(out, "| {} | {verdict} | {} |", escape(case.name), escape(why))?;
    }
    for warning in &suite.warnings {
        writeln!(out, "\nWarning: {}", escape(warning))?;
    }
    Ok(())
}

fn write_finding(
    out: &mut dyn Write,
    suite: &str,
    name: &str,
    finding: &Finding<'_>,
) -> io::Result<()> {
    let Finding { level, blame, sentence, message, statement, source, command, shown, .. } =
        finding;
    writeln!(out, "## {} in {}\n", escape(name), escape(suite))?;
    writeln!(out, "{}\n", escape(sentence))?;
    if !message.is_empty() && message != sentence {
        writeln!(out, "- What was found: {}", escape(message))?;
    }
    write!(out, "- Rule ({level}): {}", escape(statement))?;
    writeln!(
        out,
        "{}",
        if source.is_empty() { String::new() } else { format!(". Source: {}", escape(source)) }
    )?;
    if let Some(blame) = blame {
        writeln!(out, "- Who broke it: the {blame}")?;
    }
    if !command.is_empty() {
        writeln!(out, "- To replay:\n\n{}", indented(&fenced("sh", command)))?;
    }
    writeln!(out)?;
    if let Shown::Execution(execution, breach, _) = shown
        && !execution.calls.is_empty()
    {
        writeln!(out, "{}", fenced("mermaid", &diagram(execution, breach)))?;
    }
    let details = human::details(shown);
    if !details.is_empty() {
        writeln!(out, "<details><summary>Time line</summary>\n")?;
        writeln!(out, "{}\n</details>\n", fenced("text", &details))?;
    }
    Ok(())
}

/// A code block, with a fence that is longer than any run of backquotes in the text.
fn fenced(language: &str, text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(runs + 1));
    format!("{fence}{language}\n{}\n{fence}\n", visible(text.trim_end()))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The text without what a terminal or a page would obey instead of showing it.
fn visible(text: &str) -> String {
    let show =
        |c: char| if c.is_control() && c != '\n' || is_invisible(c) { '\u{fffd}' } else { c };
    text.chars().map(show).collect()
}

/// A text as Markdown shows it, in one line: no markup, no HTML, no mention and no reference.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in visible(text).chars() {
        match c {
            '\n' => escaped.push(' '),
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '!' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // No protocol, no link.
            ':' if escaped.ends_with("http") || escaped.ends_with("https") => {
                escaped.push_str("&#58;");
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_and_not_obeyed() {
        assert_eq!(
            escape("a | `b` <img> @all #12\nhttps://x.y \u{202e}"),
            "a \\| \\`b\\` &lt;img&gt; &#64;all &#35;12 https&#58;//x.y \u{fffd}"
        );
        assert_eq!(fenced("text", "```\n<b>"), "````text\n```\n<b>\n````\n");
    }
}
