//! Results for people and for programs.
//!
//! A result is a [`Document`]. A [`Format`] writes it to any [`Write`](std::io::Write). Only
//! [`Format::Human`] uses the colours of a [`Palette`].
//!
//! [`Format::Human`] and [`Format::Json`] show every document. The formats of other tools show
//! those that are a verdict, from the same list of cases.
//!
//! A new format is a file beside `human` and `json` with one function that writes a document, a
//! name in [`Format`], and an arm in [`Format::write`].

#[cfg(feature = "cli")]
mod calls;
#[cfg(feature = "cli")]
mod cases;
mod changes;
mod command;
mod dialog;
mod document;
mod format;
#[cfg(feature = "cli")]
mod frames;
#[cfg(feature = "cli")]
mod github;
mod html;
mod human;
mod json;
#[cfg(feature = "cli")]
mod junit;
#[cfg(feature = "cli")]
mod markdown;
#[cfg(feature = "cli")]
mod mermaid;
mod palette;
#[cfg(feature = "cli")]
mod perfetto;
#[cfg(feature = "cli")]
mod sarif;
mod sequence;
mod words;

#[cfg(feature = "cli")]
use std::io;

pub use document::{Document, FileMistake, ScenarioFile};
pub use format::Format;
#[cfg(feature = "cli")]
pub use frames::{AccountFrame, Frames, Line, LineKind};
#[cfg(feature = "cli")]
pub use json::json_schema;
pub use palette::Palette;

/// The error of a format that cannot show a document.
#[cfg(feature = "cli")]
fn unsupported(format: Format, document: Document<'_>) -> io::Error {
    let message = format!("the format {format:?} cannot show {}", document.in_words());
    io::Error::new(io::ErrorKind::Unsupported, message)
}
