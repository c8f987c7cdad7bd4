//! Annotations of GitHub Actions: workflow commands, one in a line.

use std::io::{self, Write};

use super::cases::{Suite, Verdict};
use super::{Document, Format, unsupported};

/// Writes a document that is a verdict as annotations: an error for what is broken or incomplete, a
/// warning for each warning, and a notice if everything held.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    let suite = Suite::of(document).ok_or_else(|| unsupported(Format::Github, document))?;
    let mut is_good = true;
    for case in &suite.cases {
        let title = format!("{} in {}", case.name, suite.name);
        match &case.verdict {
            Verdict::Held | Verdict::Skipped(_) => continue,
            Verdict::Broken(finding) => {
                let mut message = format!("{}\nrule: {}", finding.sentence, finding.statement);
                if !finding.command.is_empty() {
                    message += &format!("\nto replay: {}", finding.command);
                }
                annotate(out, "error", &title, &message)?;
            }
            Verdict::Incomplete(why) => annotate(out, "error", &title, why)?,
        }
        is_good = false;
    }
    for warning in &suite.warnings {
        annotate(out, "warning", suite.name, warning)?;
    }
    if is_good {
        let held = suite.cases.iter().filter(|case| matches!(case.verdict, Verdict::Held)).count();
        annotate(out, "notice", suite.name, &format!("nothing is broken: {held} held"))?;
    }
    Ok(())
}

fn annotate(out: &mut dyn Write, kind: &str, title: &str, message: &str) -> io::Result<()> {
    writeln!(out, "::{kind} title={}::{}", property(title), data(message))
}

/// A message cannot end its line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property ends at a comma or a colon besides.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_in_their_place() {
        let mut line = Vec::new();
        annotate(&mut line, "error", "a: b, c\r\n::warning::d", "100 %\n::error::e").unwrap();
        let line = String::from_utf8(line).unwrap();
        let title = "a%3A b%2C c%0D%0A%3A%3Awarning%3A%3Ad";
        assert_eq!(line, format!("::error title={title}::100 %25%0A::error::e\n"));
    }
}
