//! The ways to show a document.

use std::io::{self, Write};

use super::{Document, Palette, html, human, json};
#[cfg(feature = "cli")]
use super::{calls, github, junit, markdown, perfetto, sarif};

/// A way to show a [`Document`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Format {
    /// Words, tables and time lines
    Human,
    /// One JSON object
    Json,
    /// One file for the browser
    Html,
    /// JUnit XML, for dashboards: a case for each rule
    #[cfg(feature = "cli")]
    Junit,
    /// SARIF 2.1.0, for code scanners: a result for each broken rule, its time line as a thread
    /// flow
    #[cfg(feature = "cli")]
    Sarif,
    /// Annotations of GitHub Actions
    #[cfg(feature = "cli")]
    Github,
    /// Markdown with Mermaid sequence diagrams, to paste into an issue
    #[cfg(feature = "cli")]
    Markdown,
    /// A trace for ui.perfetto.dev, a track for each task; it is binary
    #[cfg(feature = "cli")]
    Perfetto,
    /// The calls of the first counterexample as a recorder writes them, for `trace check`
    #[cfg(feature = "cli")]
    Calls,
}

impl Format {
    /// Writes `document` in this format. Formats without colours ignore `palette`.
    ///
    /// # Errors
    ///
    /// The errors of `out`; [`Unsupported`](io::ErrorKind::Unsupported) for a document that this
    /// format cannot show. [`Self::Human`] and [`Self::Json`] show every one.
    pub fn write(
        self,
        out: &mut dyn Write,
        document: Document<'_>,
        palette: &Palette,
    ) -> io::Result<()> {
        match self {
            Self::Human => human::write(out, document, palette),
            Self::Json => json::write(out, document),
            Self::Html => html::write(out, document),
            #[cfg(feature = "cli")]
            Self::Junit => junit::write(out, document),
            #[cfg(feature = "cli")]
            Self::Sarif => sarif::write(out, document),
            #[cfg(feature = "cli")]
            Self::Github => github::write(out, document),
            #[cfg(feature = "cli")]
            Self::Markdown => markdown::write(out, document),
            #[cfg(feature = "cli")]
            Self::Perfetto => perfetto::write(out, document),
            #[cfg(feature = "cli")]
            Self::Calls => calls::write(out, document),
        }
    }

    /// Whether its output may contain the escape sequences of a [`Palette`].
    #[must_use]
    pub fn has_colours(self) -> bool {
        self == Self::Human
    }

    /// Whether its output is text.
    #[must_use]
    pub fn is_text(self) -> bool {
        #[cfg(feature = "cli")]
        if self == Self::Perfetto {
            return false;
        }
        true
    }
}
