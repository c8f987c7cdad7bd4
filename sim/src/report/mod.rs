//! Results for people and for programs, written to any [`Write`](std::io::Write).
//!
//! What people read is coloured by a [`Palette`]; what programs read is JSON, whose shape is the
//! structs of [`json`].

mod human;
pub mod json;
mod palette;
mod timeline;

pub use human::{write_mutants, write_replay, write_report, write_rule, write_rules};
pub use palette::Palette;
