//! The list of keys, over whatever is on the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout};
use ratatui::text::Line as Text;
use ratatui::widgets::{Clear, Paragraph};

/// Shows these keys, each with what it does, in the middle.
pub(super) fn draw(frame: &mut Frame<'_>, keys: &[(&str, &str)]) {
    let height = u16::try_from(keys.len()).unwrap_or(u16::MAX).saturating_add(2);
    let [area] =
        Layout::horizontal([Constraint::Length(58)]).flex(Flex::Center).areas(frame.area());
    let [area] = Layout::vertical([Constraint::Length(height)]).flex(Flex::Center).areas(area);
    let lines: Vec<Text<'_>> =
        keys.iter().map(|(key, what)| Text::from(format!(" {key:<12}{what}"))).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(super::block("Keys")), area);
}
