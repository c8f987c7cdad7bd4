//! The whole terminal as a screen: what `explore` and `play` share.

mod explore;
mod help;
mod play;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
pub(super) use explore::explore;
pub(super) use play::play;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::Line as Text;
use ratatui::widgets::{Block, Paragraph, Wrap};
use ratatui::{DefaultTerminal, Frame};

use super::failure::Failure;
use super::fit::{is_utf8, to_ascii};
use super::progress;
use super::status::Status;

/// The least width and height. Below, nothing can be read.
const LEAST: (u16, u16) = (60, 16);

/// How long a screen waits for a key before it looks at the time and at signals.
const TICK: Duration = Duration::from_millis(50);

/// In a debug build, the key `P` panics if this variable is set: a test sees what is left then.
const PANIC_KEY: &str = "MAPI_SYNC_PANIC_KEY";

/// A border for terminals without line characters.
const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// What can be shown and used by keys.
trait Screen {
    /// Draws everything. The area is no smaller than [`LEAST`].
    fn draw(&mut self, frame: &mut Frame<'_>);

    /// Takes a key.
    fn key(&mut self, key: KeyCode) -> Then;

    /// Some time has passed.
    fn pass(&mut self, time: Duration) {
        let _ = time;
    }

    /// What is said after the screen is gone.
    fn farewell(&self) -> String;
}

/// What follows a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    Quit,
    /// This text goes to the clipboard.
    Copy(String),
}

/// Runs a screen to its end. `open` makes it once the terminal is taken: whatever panics in a
/// simulated task from then on is the engine's affair, and any other panic gives the terminal back.
fn run<S: Screen>(
    instead: &'static str,
    open: impl FnOnce() -> Result<S, Failure>,
) -> Result<Status, Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::NoTerminal { instead });
    }
    let ended = progress::terminated()?;
    let taken = Taken(Some(ratatui::try_init()?));
    let (screen, status) = match open() {
        Ok(screen) => serve(taken, screen, &ended)?,
        Err(failure) => {
            drop(taken);
            return Err(failure);
        }
    };
    match writeln!(io::stdout(), "{}", screen.farewell()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(status),
    }
}

/// The terminal, which is given back when this is dropped.
struct Taken(Option<DefaultTerminal>);

impl Drop for Taken {
    fn drop(&mut self) {
        if self.0.take().is_some() {
            // Nobody is left to tell if the terminal is gone.
            let _ = ratatui::try_restore();
        }
    }
}

fn serve<S: Screen>(
    mut taken: Taken,
    mut screen: S,
    ended: &OnceLock<Status>,
) -> io::Result<(S, Status)> {
    let mut last = Instant::now();
    loop {
        if let Some(status) = ended.get() {
            return Ok((screen, *status));
        }
        if let Some(terminal) = &mut taken.0 {
            terminal.draw(|frame| draw(&mut screen, frame))?;
        }
        if event::poll(TICK)?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
        {
            if is_panic_key(&key) {
                panic!("the key P was pressed, and {PANIC_KEY} is set");
            }
            if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
                return Ok((screen, Status::Held));
            }
            match screen.key(key.code) {
                Then::GoOn => {}
                Then::Quit => return Ok((screen, Status::Held)),
                Then::Copy(text) => copy(&text)?,
            }
        }
        let now = Instant::now();
        screen.pass(now - last);
        last = now;
    }
}

fn is_panic_key(key: &KeyEvent) -> bool {
    cfg!(debug_assertions) && key.code == KeyCode::Char('P') && env::var_os(PANIC_KEY).is_some()
}

/// Asks the terminal to put a text on the clipboard (OSC 52). Many do; none says so.
fn copy(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "\x1b]52;c;{}\x07", BASE64_STANDARD.encode(text))?;
    out.flush()
}

/// Draws a screen, or says that there is no room.
fn draw(screen: &mut impl Screen, frame: &mut Frame<'_>) {
    let Rect { width, height, .. } = frame.area();
    let (least_width, least_height) = LEAST;
    if width >= least_width && height >= least_height {
        return screen.draw(frame);
    }
    let text = format!(
        "This terminal has {width} columns and {height} lines: {least_width} and {least_height} \
         are needed. Make it larger, or press q."
    );
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), frame.area());
}

/// A frame with a heading.
fn block(heading: &str) -> Block<'_> {
    let block = Block::bordered()
        .title(Text::styled(format!(" {heading} "), Style::new().add_modifier(Modifier::BOLD)));
    if is_utf8() { block } else { block.border_set(ASCII) }
}

/// Draws the line at the bottom: the longer text where there is room for it.
fn draw_keys(frame: &mut Frame<'_>, area: Rect, long: &str, short: &str) {
    let has_room = long.len() <= usize::from(area.width);
    let line = Paragraph::new(if has_room { long } else { short });
    frame.render_widget(line.style(Style::new().add_modifier(Modifier::REVERSED)), area);
}

/// Cuts a text after a number of columns, and shows that it was cut.
fn cut(text: &str, width: usize) -> String {
    let text = if is_utf8() { Cow::Borrowed(text) } else { to_ascii(text) };
    let text = &*text;
    if textwrap::core::display_width(text) <= width {
        return text.to_owned();
    }
    let end = if is_utf8() { "…" } else { "~" };
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if textwrap::core::display_width(&kept) + 1 > width {
            kept.pop();
            break;
        }
    }
    kept + end
}
