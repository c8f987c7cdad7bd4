//! The format for the browser: one file that needs no other, and no network.
//!
//! A page can be read without its script, which only steps through the rows. Everything that comes
//! from a provider, a scenario or a recording goes through [`text`]; the page's own policy lets the
//! style and the script of this module run, by their hashes, and nothing else.

mod counterexample;
mod data;
mod observed;
mod rows;
mod summary;
mod text;

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac_sha256::Hash;

use self::counterexample::Shown;
use self::text::shown;
#[cfg(feature = "cli")]
pub(super) use self::text::{LINE, plain};
use super::{Document, Format, Palette};
use crate::check::{Counterexample, Replayed, Report};

/// How many lanes have a place of their own. What is beyond shares the last one.
const LANES: usize = 24;

/// How many rows all diagrams of a page have together.
const ROWS: usize = 16_000;

/// Writes a document as a page.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    match document {
        Document::Check(report) => write_check(out, report),
        Document::Replay(replayed) => write_replay(out, replayed),
        #[cfg(feature = "cli")]
        Document::Trace(report) => observed::write_trace(out, report),
        #[cfg(any(windows, feature = "com-vtable-testing"))]
        Document::Foreign { provider, export, report } => {
            observed::write_foreign(out, provider, export, report)
        }
        // Tables and lists: what people read in a terminal.
        _ => {
            let mut words = Vec::new();
            Format::Human.write(&mut words, document, &Palette::PLAIN)?;
            begin(out, "mapi-sync")?;
            // By lines: each has its own bound.
            writeln!(out, "<main><h1>mapi-sync</h1><pre tabindex=\"0\">")?;
            for line in String::from_utf8_lossy(&words).lines() {
                writeln!(out, "{}", shown(line))?;
            }
            writeln!(out, "</pre></main>")?;
            end(out, None)
        }
    }
}

fn write_check(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    begin(out, &report.scenario)?;
    writeln!(out, "<main>")?;
    summary::write_head(out, report)?;
    let mut left = ROWS;
    let mut all = Vec::new();
    for (number, found) in report.counterexamples.iter().enumerate() {
        let shown = Shown::of_counterexample(number, found, &mut left);
        shown.write(out)?;
        all.push(shown);
    }
    summary::write(out, report)?;
    writeln!(out, "</main>")?;
    end(out, Some(&data::Data::new(&all)))
}

fn write_replay(out: &mut dyn Write, replayed: &Replayed) -> io::Result<()> {
    begin(out, &replayed.subject.name)?;
    writeln!(out, "<main>")?;
    summary::write_replay_head(out, replayed)?;
    let shown = Shown::of_replay(replayed);
    shown.write(out)?;
    writeln!(out, "</main>")?;
    end(out, Some(&data::Data::new(&[shown])))
}

impl Report {
    /// Writes it as a page for the browser: one file that needs no other, and no network. As
    /// [`Format::Html`] does.
    ///
    /// ```no_run
    /// use std::fs::File;
    ///
    /// let report = mapi_sync_sim::explore(|| async {}).run();
    /// report.write_html(&mut File::create("report.html")?)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of `out`.
    pub fn write_html(&self, out: &mut dyn Write) -> io::Result<()> {
        write_check(out, self)
    }
}

impl Counterexample {
    /// Writes it alone as a page for the browser, as [`Report::write_html`] does.
    ///
    /// # Errors
    ///
    /// The errors of `out`.
    pub fn write_html(&self, out: &mut dyn Write) -> io::Result<()> {
        begin(out, &self.subject.name)?;
        writeln!(out, "<main>")?;
        summary::write_title(out, &self.subject.name, "✕ broken")?;
        writeln!(out, "</header>")?;
        let shown = Shown::of_counterexample(0, self, &mut { ROWS });
        shown.write(out)?;
        writeln!(out, "</main>")?;
        end(out, Some(&data::Data::new(&[shown])))
    }
}

impl Replayed {
    /// Writes it as a page for the browser, as [`Report::write_html`] does.
    ///
    /// # Errors
    ///
    /// The errors of `out`.
    pub fn write_html(&self, out: &mut dyn Write) -> io::Result<()> {
        write_replay(out, self)
    }
}

/// Writes the head of a page, up to its content.
fn begin(out: &mut dyn Write, title: &str) -> io::Result<()> {
    let (style, script) = (style(), script());
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        source(&style),
        source(&script)
    );
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"mapi-sync {}\">\n\
         <title>{} – mapi-sync</title>\n<style>{style}</style>\n</head>\n<body>",
        env!("CARGO_PKG_VERSION"),
        shown(title)
    )
}

/// Writes the end of a page, with what its script reads.
fn end(out: &mut dyn Write, data: Option<&data::Data>) -> io::Result<()> {
    if let Some(data) = data {
        let json = serde_json::to_string(data).map_err(io::Error::from)?;
        let json = text::in_script(&json);
        writeln!(out, "<script type=\"application/json\" id=\"data\">{json}</script>")?;
        writeln!(out, "<script>{}</script>", script())?;
    }
    writeln!(out, "</body>\n</html>")
}

/// The source expression by which a policy knows an element's content.
fn source(content: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Hash::hash(content.as_bytes())))
}

/// The style, with a class for each place that an arrow may begin or end at. An inline style would
/// need a laxer policy.
fn style() -> String {
    let mut style = with_line_feeds(include_str!("report.css"));
    for lane in 0..LANES {
        // To a String, which takes everything.
        let _ = write!(style, ".a{lane}{{--a:{lane}}}.b{lane}{{--b:{lane}}}");
        let _ = write!(style, ".n{0}{{--n:{0}}}", lane + 1);
    }
    for percent in 0..=100 {
        let _ = write!(style, ".p{percent}{{--p:{percent}%}}");
    }
    style
}

fn script() -> String {
    with_line_feeds(include_str!("report.js"))
}

/// A browser hashes an element's content after it has made every line end a line feed.
fn with_line_feeds(text: &str) -> String {
    text.replace('\r', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_text_has_its_known_hash() {
        assert_eq!(
            source("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn style_and_script_cannot_end_their_elements() {
        assert!(!style().contains("</") && !script().contains("</"));
        assert!(!script().contains("<!--"));
    }
}
