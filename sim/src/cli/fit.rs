//! Fits text to a terminal: its width, and the characters that it can show.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::{env, str};

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter};

/// The width where there is no terminal to ask.
const WIDTH: usize = 80;

/// No line is made narrower than this: below, wrapping does more harm than good.
const NARROWEST: usize = 40;

/// What an output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// In columns.
    pub(super) width: usize,
    pub(super) is_ascii: bool,
}

impl Fit {
    /// What the standard output can show: `COLUMNS` wide, if that is set, else as the terminal is.
    pub(super) fn of_stdout() -> Self {
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let of_terminal = || {
            let stdout = io::stdout();
            let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(stdout));
            size.flatten().map(|(width, _)| usize::from(width.0))
        };
        let width = columns.filter(|columns| *columns > 0).or_else(of_terminal).unwrap_or(WIDTH);
        Self { width: width.max(NARROWEST), is_ascii: !is_utf8() }
    }

    /// The line, without its line feed, as one or more that fit.
    fn lines<'a>(&self, line: &'a str) -> Vec<Cow<'a, str>> {
        let line = if self.is_ascii { to_ascii(line) } else { Cow::Borrowed(line) };
        if display_width(&line) <= self.width {
            return vec![line];
        }
        let (head, rest) = line.split_at(hanging(&line, self.width));
        let indent = " ".repeat(display_width(head));
        let options = Options::new(self.width)
            .initial_indent(head)
            .subsequent_indent(&indent)
            .break_words(false)
            .word_separator(WordSeparator::Custom(words))
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::wrap(rest, options).into_iter().map(|line| line.into_owned().into()).collect()
    }
}

/// Where the last column of a line begins, in bytes: behind the last gap of several spaces in its
/// first half. The lines that follow stand below.
fn hanging(line: &str, width: usize) -> usize {
    let margin = line.len() - line.trim_start_matches([' ', '|', '-', '>']).len();
    let mut place = if margin < line.len() { margin } else { 0 };
    let mut spaces = 0;
    for (column, (at, c)) in visible(line).enumerate() {
        if column >= width / 2 {
            break;
        }
        if c == ' ' {
            spaces += 1;
        } else {
            // How a callback returned stands behind its number, in one column with it.
            let before = line[..at].trim_end().rsplit(' ').next().unwrap_or_default();
            if spaces > 1 && !before.starts_with('#') {
                place = at;
            }
            spaces = 0;
        }
    }
    place
}

/// The characters with their places, without escape sequences.
fn visible(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut is_escape = false;
    line.char_indices().filter(move |(_, c)| match (is_escape, *c) {
        (false, '\u{1b}') => {
            is_escape = true;
            false
        }
        (true, 'm') => {
            is_escape = false;
            false
        }
        (is_escape, _) => !is_escape,
    })
}

/// The words of a line. A command that replays a token is one word, so that it can be copied.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut start = 0;
    let mut is_space = false;
    for (at, c) in line.char_indices() {
        let begins = is_space && c != ' ';
        let of_command = |text: &str| {
            let mut parts = text.trim_end().rsplit(' ');
            let last = parts.next().unwrap_or_default();
            let is_token = |part: &str| part.starts_with("ms2-") || part.starts_with("ms1-");
            last.ends_with("mapi-sync")
                || last == "replay" && parts.next().is_some_and(|it| it.ends_with("mapi-sync"))
                || is_token(last) && line[at..].starts_with("SCENARIO-FILE")
        };
        if begins && !of_command(&line[start..at]) {
            words.push(Word::from(&line[start..at]));
            start = at;
        }
        is_space = c == ' ';
    }
    if start < line.len() {
        words.push(Word::from(&line[start..]));
    }
    Box::new(words.into_iter())
}

/// Whether the locale's characters are UTF-8: so they are unless it names others.
pub(super) fn is_utf8() -> bool {
    if cfg!(windows) {
        return true;
    }
    let set = |name: &&str| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// The text in ASCII. What has no likeness there is written as its number.
pub(super) fn to_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut ascii = String::new();
    for c in text.chars() {
        match c {
            '…' => ascii.push_str("..."),
            '–' | '—' => ascii.push('-'),
            '→' => ascii.push_str("->"),
            '‘' | '’' => ascii.push('\''),
            '“' | '”' => ascii.push('"'),
            '\u{a0}' => ascii.push(' '),
            c if c.is_ascii() => ascii.push(c),
            c => ascii.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(ascii)
}

/// Fits what is written to it, line by line.
pub(super) struct Fitted<W> {
    out: W,
    fit: Fit,
    /// The line so far.
    line: Vec<u8>,
}

impl<W: Write> Fitted<W> {
    pub(super) fn new(out: W, fit: Fit) -> Self {
        Self { out, fit, line: Vec::new() }
    }

    fn write_line(&mut self, end: &str) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        match str::from_utf8(&line) {
            Ok(line) => {
                for (number, line) in self.fit.lines(line).iter().enumerate() {
                    let gap = if number > 0 { "\n" } else { "" };
                    write!(self.out, "{gap}{line}")?;
                }
            }
            Err(_) => self.out.write_all(&line)?,
        }
        self.out.write_all(end.as_bytes())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            self.write_line("")?;
        }
        self.out.flush()
    }
}

impl<W: Write> Write for Fitted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(rest) => {
                    self.line.extend_from_slice(rest);
                    self.write_line("\n")?;
                }
                None => self.line.extend_from_slice(part),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(text: &str, width: usize, is_ascii: bool) -> String {
        let mut out = Vec::new();
        let mut fitted = Fitted::new(&mut out, Fit { width, is_ascii });
        // In pieces, as a formatter writes.
        for part in text.as_bytes().chunks(7) {
            fitted.write_all(part).unwrap();
        }
        fitted.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_call_is_wrapped_in_its_column() {
        let line = "       1 ms  sync    #2 Progress(\"Synchronizing Folder 1\", 1, 1) and more\n";
        let below = "                       ";
        assert_eq!(
            fitted(line, 50, false),
            format!(
                "       1 ms  sync    #2 Progress(\"Synchronizing\n{}Folder 1\", 1, 1) and more\n",
                &below[..21]
            )
        );
        assert_eq!(fitted(line, 90, false), line);
    }

    #[test]
    fn a_command_stays_in_one_piece() {
        let token = "ms2-".to_owned() + &"A".repeat(100);
        for command in [
            format!("mapi-sync replay {token}"),
            format!("mapi-sync replay {token} SCENARIO-FILE"),
            format!(".replay(\"{token}\")"),
        ] {
            let text = fitted(&format!("   exchanged, done-last is gone: {command}\n"), 60, false);
            assert_eq!(text, format!("   exchanged, done-last is gone:\n   {command}\n"));
        }
    }

    #[test]
    fn colours_have_no_width() {
        let line = format!("\u{1b}[1m{}\u{1b}[0m {}\n", "a".repeat(30), "b".repeat(30));
        assert_eq!(fitted(&line, 61, false), line);
        assert_eq!(fitted(&line, 60, false).lines().count(), 2);
    }

    #[test]
    fn wide_characters_count_twice() {
        let text = fitted(&format!("{} {}\n", "漢".repeat(20), "字".repeat(20)), 60, false);
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn other_characters_become_ascii() {
        assert_eq!(fitted("a … b → c é\n", 80, true), "a ... b -> c \\u{e9}\n");
        assert_eq!(fitted("a … b\n", 80, false), "a … b\n");
    }
}
