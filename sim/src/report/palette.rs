//! Colours, by what they mean.

use anstyle::{AnsiColor, Style};

/// The style of each sort of text. Whether a terminal shows colours is for the caller to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Palette {
    /// The contract held.
    pub good: Style,
    /// What is broken, and the step that broke it.
    pub bad: Style,
    /// Steps that are involved, and warnings.
    pub involved: Style,
    /// Headings.
    pub heading: Style,
    /// What matters less.
    pub faint: Style,
    /// What can be typed or copied.
    pub literal: Style,
}

impl Palette {
    /// No styles at all.
    pub const PLAIN: Self = Self {
        good: Style::new(),
        bad: Style::new(),
        involved: Style::new(),
        heading: Style::new(),
        faint: Style::new(),
        literal: Style::new(),
    };

    /// For a terminal, in its own 16 colours.
    pub const COLOUR: Self = Self {
        good: AnsiColor::Green.on_default().bold(),
        bad: AnsiColor::Red.on_default().bold(),
        involved: AnsiColor::Yellow.on_default(),
        heading: Style::new().bold(),
        faint: Style::new().dimmed(),
        literal: AnsiColor::Cyan.on_default(),
    };
}
