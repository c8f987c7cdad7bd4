//! Results for people and for programs.
//!
//! A result is a [`Document`]. A [`Format`] writes it to any [`Write`](std::io::Write). Only
//! [`Format::Human`] uses the colours of a [`Palette`].
//!
//! A new format is a file beside `human` and `json` with one function that writes every document, a
//! name in [`Format`], and an arm in [`Format::write`].

mod changes;
mod dialog;
mod document;
mod format;
mod html;
mod human;
mod json;
mod palette;
mod sequence;

pub use document::{Document, FileMistake, ScenarioFile};
pub use format::Format;
pub use palette::Palette;
