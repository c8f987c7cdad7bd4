//! The file beside a test in which schedules are kept that broke it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use super::environment::KEEP;

/// What a new file begins with.
const HEADER: &str = "\
# Schedules that broke a test of the file beside this one. Each run of the test replays its own
# first. Keep this file under version control, as you keep the test.
";

/// A regression file.
#[derive(Clone, Debug)]
pub(super) struct Regressions {
    path: PathBuf,
    /// The test's source file, if it was found.
    source: Option<PathBuf>,
    /// Whether it is only read.
    stays: bool,
}

/// A schedule that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The test's name.
    pub(super) test: String,
    /// The token.
    pub(super) token: String,
    /// What it shows, for people.
    pub(super) about: String,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Kept(Kept),
    /// A comment, or nothing.
    Other(String),
}

impl Regressions {
    /// The file beside this source file, as the compiler names it: from the root of the workspace.
    /// `None` if the source file is not there.
    pub(super) fn beside(source: &str) -> Option<Self> {
        let here = env::current_dir().ok()?;
        let source = here.ancestors().map(|root| root.join(source)).find(|path| path.is_file())?;
        let path = source.with_extension("regressions");
        Some(Self { path, source: Some(source), stays: false })
    }

    /// The file at this path, which belongs to that source file.
    pub(super) fn at(path: &Path, source: Option<PathBuf>) -> Self {
        Self { path: path.to_owned(), source, stays: false }
    }

    /// The same file, which is only read.
    pub(super) fn that_stays(self) -> Self {
        Self { stays: true, ..self }
    }

    /// Whether it is only read.
    pub(super) fn stays(&self) -> bool {
        self.stays
    }

    /// What is kept, in order.
    pub(super) fn read(&self) -> Result<Vec<Kept>, String> {
        let text = match self.text() {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{self} cannot be read: {error}")),
        };
        let mut kept = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            match Line::read(line) {
                Ok(Line::Kept(line)) => kept.push(line),
                Ok(Line::Other(_)) => {}
                Err(why) => return Err(format!("{self}, line {number}: {why}")),
            }
        }
        Ok(kept)
    }

    /// The file's text, while no test changes it.
    fn text(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.lock_shared()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Whether the source file has no test of this name. If nobody knows, it has.
    pub(super) fn has_lost(&self, test: &str) -> bool {
        let text = self.source.as_ref().and_then(|source| fs::read_to_string(source).ok());
        text.is_some_and(|text| !names(&text, test))
    }

    /// Keeps schedules, but for those that are kept already.
    pub(super) fn keep(&self, new: &[Kept]) -> io::Result<()> {
        self.edit(|lines| {
            for kept in new {
                let same = |line: &Line| {
                    matches!(line, Line::Kept(line)
                        if line.test == kept.test && line.token == kept.token)
                };
                if !lines.iter().any(same) {
                    lines.push(Line::Kept(kept.clone()));
                }
            }
        })
    }

    /// Keeps a schedule no longer.
    pub(super) fn retire(&self, kept: &Kept) -> io::Result<()> {
        self.edit(|lines| lines.retain(|line| *line != Line::Kept(kept.clone())))
    }

    /// Keeps a schedule under the name of another test.
    pub(super) fn rename(&self, kept: &Kept, test: &str) -> io::Result<()> {
        self.edit(|lines| {
            for line in lines {
                if let Line::Kept(line) = line
                    && line == kept
                {
                    test.clone_into(&mut line.test);
                }
            }
        })
    }

    /// Changes the file, while no other test does.
    fn edit(&self, change: impl FnOnce(&mut Vec<Line>)) -> io::Result<()> {
        if self.stays {
            return Err(io::Error::other(format!("{KEEP} is false")));
        }
        let mut options = OpenOptions::new();
        let mut file: File =
            options.read(true).write(true).create(true).truncate(false).open(&self.path)?;
        // The lock goes with the file.
        file.lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if text.is_empty() {
            text.push_str(HEADER);
        }
        let other = |line: &str| Line::Other(line.to_owned());
        let mut lines: Vec<Line> =
            text.lines().map(|line| Line::read(line).unwrap_or_else(|_| other(line))).collect();
        change(&mut lines);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        file.rewind()?;
        // Lines that are left out become empty ones first: a process that is killed in between
        // leaves no part of a line.
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(text.len());
        let padded = format!("{text}{}", "\n".repeat(length.saturating_sub(text.len())));
        file.write_all(padded.as_bytes())?;
        file.set_len(text.len() as u64)
    }
}

impl fmt::Display for Regressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = env::current_dir().ok();
        let shown = here.and_then(|here| self.path.strip_prefix(here).ok().map(Path::to_owned));
        shown.as_deref().unwrap_or(&self.path).display().fmt(f)
    }
}

impl Line {
    fn read(line: &str) -> Result<Self, String> {
        let (kept, about) = line.split_once('#').unwrap_or((line, ""));
        let words: Vec<&str> = kept.split_whitespace().collect();
        match words.as_slice() {
            [] => Ok(Self::Other(line.to_owned())),
            [test, token] => Ok(Self::Kept(Kept {
                test: (*test).to_owned(),
                token: (*token).to_owned(),
                about: about.trim().to_owned(),
            })),
            _ => Err("a line is the name of a test, a token, and perhaps a `#` with what it shows"
                .to_owned()),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(line) => f.write_str(line),
            Self::Kept(Kept { test, token, about }) if about.is_empty() => {
                write!(f, "{test} {token}")
            }
            Self::Kept(Kept { test, token, about }) => write!(f, "{test} {token} # {about}"),
        }
    }
}

/// Whether a source text has a function of this name, or names the test in quotes.
fn names(text: &str, test: &str) -> bool {
    let function = test.rsplit("::").next().unwrap_or(test);
    let is_word = |next: Option<char>| next.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let is_function =
        |(at, found): (usize, &str)| !is_word(text[at + found.len()..].chars().next());
    text.match_indices(&format!("fn {function}")).any(is_function)
        || text.contains(&format!("\"{test}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_or_a_text_names_a_test() {
        let text = "async fn sends_all() {}\ncheck.test(\"by hand\")";
        assert!(names(text, "inner::sends_all") && names(text, "by hand"));
        assert!(!names(text, "sends") && !names(text, "sends_all_of_it") && !names(text, "hand"));
    }

    #[test]
    fn lines_read_back() {
        for line in ["", "# note", "  # note", "a ms2-x", "m::a ms2-x # panic: it # is"] {
            assert_eq!(Line::read(line).unwrap().to_string(), line);
        }
        assert!(Line::read("a b c").is_err() && Line::read("a").is_err());
    }
}
