//! The ways to show a document.

use std::io::{self, Write};

use super::{Document, Palette, html, human, json};

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
}

impl Format {
    /// Writes `document` in this format. Formats without colours ignore `palette`.
    ///
    /// # Errors
    ///
    /// The errors of `out`.
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
        }
    }

    /// Whether its output may contain the escape sequences of a [`Palette`].
    #[must_use]
    pub fn has_colours(self) -> bool {
        self == Self::Human
    }
}
