//! Why a scenario file was refused, and where.

use std::fmt;
use std::ops::Range;

use crate::suggest::nearest;

/// A scenario that cannot be used, with the place in its file.
///
/// `Display` prints the place as `file:line:column`, the sentence, the offending line and a mark
/// under it. Lines and columns count from 1, columns in characters. Of a long line, only what is
/// near the place is printed.
///
/// `Debug` prints the same as `Display`: it is what a failed `unwrap` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ScenarioError {
    origin: String,
    line: usize,
    column: usize,
    /// Where the mark begins in `text`, in characters from 0, and its width.
    indent: usize,
    width: usize,
    text: String,
    message: String,
}

impl ScenarioError {
    /// The file, or the name given for it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The sentence without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// An error at a range of bytes of `source`.
    pub(super) fn at(origin: &str, source: &str, span: Range<usize>, message: String) -> Self {
        let start = floor_char(source, span.start);
        let end = floor_char(source, span.end).max(start);
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
        let text = source[line_start..line_end].trim_end_matches('\r');
        let column = source[line_start..start].chars().count() + 1;
        let marked = &source[start..end.min(line_end)];
        // A tab would move the mark away from its place, a control character could move the cursor.
        let printed = |c: char| if c.is_control() { ' ' } else { c };
        let skipped = if text.chars().nth(WIDEST).is_some() {
            (column - 1).saturating_sub(WIDEST / 2)
        } else {
            0
        };
        let indent = column - 1 - skipped;
        Self {
            origin: origin.to_owned(),
            line: source[..start].matches('\n').count() + 1,
            column,
            indent,
            // A mistake at the end of a line that is shown whole stands behind it.
            width: marked.chars().count().min(WIDEST - indent).max(1),
            text: text.chars().skip(skipped).take(WIDEST).map(printed).collect(),
            message,
        }
    }

    pub(super) fn from_toml(origin: &str, source: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or(0..0);
        Self::at(origin, source, span, plain(error.message()))
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, line, column, indent, width, text, message } = self;
        let gutter = line.to_string().len();
        writeln!(f, "{origin}:{line}:{column}: {message}")?;
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{line} | {text}")?;
        write!(f, "{:gutter$} | {:indent$}{:^<width$}", "", "", "")
    }
}

impl fmt::Debug for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ScenarioError {}

/// The most characters of a line that are printed.
const WIDEST: usize = 120;

/// The most characters of a name that a sentence repeats.
const LONGEST: usize = 60;

/// Rewrites serde's "unknown field" sentences in a user's words, with the nearest known name.
fn plain(message: &str) -> String {
    for (kind, word) in [("unknown field `", "key"), ("unknown variant `", "value")] {
        let Some(rest) = message.strip_prefix(kind) else { continue };
        let Some((found, expected)) = rest.split_once('`') else { continue };
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        if let Some((end, _)) = found.char_indices().nth(LONGEST) {
            return format!("unknown {word} `{}…`", &found[..end]);
        }
        return match nearest(found, &known) {
            Some(near) => format!("unknown {word} `{found}`, did you mean `{near}`?"),
            None if known.is_empty() => format!("unknown {word} `{found}`"),
            None => format!("unknown {word} `{found}`, known are {}", known.join(", ")),
        };
    }
    message.replace("missing field", "missing key")
}

fn floor_char(source: &str, at: usize) -> usize {
    source.floor_char_boundary(at.min(source.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_the_place() {
        let source = "version = 1\nname = \"é\" # x\n";
        let error = ScenarioError::at("a.toml", source, 19..23, "no".into());
        assert_eq!(error.to_string(), "a.toml:2:8: no\n  |\n2 | name = \"é\" # x\n  |        ^^^");
    }

    #[test]
    fn a_place_outside_the_text_is_its_end() {
        let error = ScenarioError::at("a", "x", 90..95, "no".into());
        assert_eq!((error.line(), error.column()), (1, 2));
    }
}
