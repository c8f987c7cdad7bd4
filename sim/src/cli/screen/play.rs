//! `play`: the Send/Receive dialog of a simulated execution, live.

use std::time::Duration;

use mapi_sync_sim::report::{AccountFrame, Frames, Line};
use mapi_sync_sim::{Check, Walk};
use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line as Text;
use ratatui::widgets::{List, ListItem, ListState, Paragraph};

use super::explore::{is_of_interest, item};
use super::{Screen, Then, block, cut, draw_keys, help, run};
use crate::cli::args::PlayArgs;
use crate::cli::failure::Failure;
use crate::cli::fit::is_utf8;
use crate::cli::source;
use crate::cli::status::Status;

/// How many virtual milliseconds pass in one of the reader's, by the step of the speed.
const SPEEDS: [f64; 9] = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0, 100.0];

/// The speed at the beginning.
const SPEED: usize = 3;

/// No pause between two lines takes a reader longer than this, in milliseconds.
const PAUSE: f64 = 1_000.0;

const KEYS: &[(&str, &str)] = &[
    ("Space", "go on, or stop"),
    ("Right l n", "the next line alone"),
    ("Left h p", "the line before"),
    ("Home End", "the beginning, the end"),
    ("+ -", "faster, slower"),
    ("c", "press Cancel All now"),
    ("r", "another schedule, drawn at random"),
    ("f", "show or hide lines that readers seldom look for"),
    ("y", "copy the token of this execution"),
    ("?", "these keys"),
    ("q Esc", "quit; the token is printed"),
];

/// `play`.
pub(in crate::cli) fn play(args: &PlayArgs) -> Result<Status, Failure> {
    let check = source::check(&args.scenario)?.seed(args.seed);
    run("`mapi-sync check SCENARIO --report FILE.html` makes a page that shows the dialog", || {
        Ok(Player::new(check, args.paused))
    })
}

/// An execution that is played.
pub(super) struct Player {
    check: Check,
    /// The number of the schedule; the one by default comes before all.
    schedule: Option<u64>,
    walk: Walk,
    frames: Frames,
    token: String,
    /// How many of the lines are over.
    lines: usize,
    /// In virtual milliseconds.
    now: f64,
    is_going: bool,
    speed: usize,
    shows_faint: bool,
    shows_help: bool,
    message: Option<String>,
}

impl Player {
    pub(super) fn new(check: Check, is_paused: bool) -> Self {
        let walk = check.walk_default();
        let frames = Frames::new(walk.execution());
        let token = walk.token().to_string();
        Self {
            check,
            schedule: None,
            walk,
            frames,
            token,
            lines: 0,
            now: 0.0,
            is_going: !is_paused,
            speed: SPEED,
            shows_faint: false,
            shows_help: false,
            message: None,
        }
    }

    /// Plays another execution.
    fn put(&mut self, walk: Walk) {
        self.frames = Frames::new(walk.execution());
        self.token = walk.token().to_string();
        self.walk = walk;
    }

    /// Goes to where this number of lines is over.
    fn go_to(&mut self, lines: usize) {
        self.lines = lines.min(self.frames.lines().len());
        let last = self.lines.checked_sub(1).map(|last| &self.frames.lines()[last]);
        self.now = last.map_or(0.0, |line| float(line.at_ms));
    }

    fn is_shown(&self, line: &Line) -> bool {
        self.shows_faint || is_of_interest(line)
    }

    fn next(&mut self) {
        let lines = self.frames.lines();
        let next = (self.lines..lines.len()).find(|place| self.is_shown(&lines[*place]));
        let all = lines.len();
        self.go_to(next.map_or(all, |place| place + 1));
    }

    fn back(&mut self) {
        let lines = self.frames.lines();
        // The last line that is shown goes.
        let last = (0..self.lines).rev().find(|place| self.is_shown(&lines[*place]));
        self.go_to(last.unwrap_or(0));
    }

    fn cancel(&mut self) {
        let at_ms = self.lines.checked_sub(1).map_or(0, |last| self.frames.lines()[last].at_ms);
        let Some(cancelled) = self.walk.cancel_at(at_ms + 1) else {
            self.message =
                Some("the scenario lets no user cancel now: see `host.cancel_after`".to_owned());
            return;
        };
        self.put(cancelled);
        // What was seen before the cancel was the same.
        let seen = self.frames.lines().partition_point(|line| line.at_ms <= at_ms);
        self.go_to(seen);
        self.message = Some(format!("the user presses Cancel All after {at_ms} ms"));
    }

    fn another(&mut self) {
        let number = self.schedule.map_or(0, |number| number + 1);
        let Some(walk) = self.check.walk_schedule(number) else {
            self.message = Some("there is no other schedule".to_owned());
            return;
        };
        self.schedule = Some(number);
        self.put(walk);
        self.go_to(0);
    }

    fn headline(&self) -> String {
        let going = if self.lines == self.frames.lines().len() {
            "ended"
        } else if self.is_going {
            "playing"
        } else {
            "stopped"
        };
        let schedule = match self.schedule {
            None => "the schedule by default".to_owned(),
            Some(number) => format!("schedule {}", number + 1),
        };
        let name = &self.walk.subject().name;
        let speed = SPEEDS[self.speed];
        format!("{name}: {schedule}, {:.0} ms, {going}, speed {speed}", self.now)
    }

    fn draw_dialog(&self, frame: &mut Frame<'_>, area: Rect) {
        let dialog = block("Send/Receive");
        let room = dialog.inner(area);
        frame.render_widget(dialog, area);
        let width = usize::from(room.width);
        let accounts = self.frames.dialog(self.lines);
        let lines: Vec<Text<'_>> =
            accounts.iter().flat_map(|account| account_lines(account, width)).collect();
        frame.render_widget(Paragraph::new(lines), room);
    }

    fn draw_calls(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = self.frames.lines()[..self.lines].iter();
        let shown: Vec<&Line> = lines.filter(|line| self.is_shown(line)).collect();
        let height = usize::from(area.height.saturating_sub(2));
        let first = shown.len().saturating_sub(height);
        let width = usize::from(area.width.saturating_sub(2));
        let last = shown.len().saturating_sub(1);
        let items = shown.iter().enumerate().skip(first);
        let items: Vec<ListItem<'_>> =
            items.map(|(place, line)| item(line, place == last, width)).collect();
        let list = List::new(items).block(block("Calls"));
        frame.render_stateful_widget(list, area, &mut ListState::default());
    }

    /// What is said in the line above the keys.
    fn remark(&self) -> String {
        if let Some(message) = &self.message {
            return message.clone();
        }
        let is_over = self.lines == self.frames.lines().len();
        let execution = self.walk.execution();
        match execution.breaches.first().filter(|_| is_over) {
            Some(breach) => {
                let sentence = execution.sentence(breach.defect);
                let sentence = sentence.unwrap_or_else(|| breach.message.clone());
                format!("{} breaks: {sentence}", breach.defect.id())
            }
            None if is_over => "the end; nothing is broken".to_owned(),
            None => format!("token: {}", self.token),
        }
    }
}

impl Screen for Player {
    fn draw(&mut self, frame: &mut Frame<'_>) {
        let [head, middle, remark, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(8),
            Constraint::Length(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let headline = cut(&self.headline(), usize::from(head.width));
        frame.render_widget(Paragraph::new(headline).style(bold), head);
        let panes = if middle.width >= 110 {
            Layout::horizontal([Constraint::Fill(2), Constraint::Fill(3)])
        } else {
            Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)])
        };
        let [dialog, calls] = panes.areas(middle);
        self.draw_dialog(frame, dialog);
        self.draw_calls(frame, calls);
        let words = cut(&self.remark(), usize::from(remark.width));
        frame.render_widget(Paragraph::new(words), remark);
        draw_keys(
            frame,
            foot,
            "Space go/stop  Left Right step  + - speed  c cancel  r another  ? help  q quit",
            "Space go/stop  Right step  c cancel  ? help  q quit",
        );
        if self.shows_help {
            help::draw(frame, KEYS);
        }
    }

    fn key(&mut self, key: KeyCode) -> Then {
        if self.shows_help && key != KeyCode::Char('q') {
            self.shows_help = false;
            return Then::GoOn;
        }
        self.message = None;
        match key {
            KeyCode::Char(' ') => self.is_going = !self.is_going,
            KeyCode::Right | KeyCode::Char('l' | 'n') => {
                self.is_going = false;
                self.next();
            }
            KeyCode::Left | KeyCode::Char('h' | 'p') => {
                self.is_going = false;
                self.back();
            }
            KeyCode::Home => self.go_to(0),
            KeyCode::End => self.go_to(usize::MAX),
            KeyCode::Char('+' | '=') => self.speed = (self.speed + 1).min(SPEEDS.len() - 1),
            KeyCode::Char('-') => self.speed = self.speed.saturating_sub(1),
            KeyCode::Char('c') => self.cancel(),
            KeyCode::Char('r') => self.another(),
            KeyCode::Char('f') => self.shows_faint = !self.shows_faint,
            KeyCode::Char('y') => {
                self.message = Some("the terminal was asked to copy the token".to_owned());
                return Then::Copy(self.token.clone());
            }
            KeyCode::Char('?') => self.shows_help = true,
            KeyCode::Char('q') | KeyCode::Esc => return Then::Quit,
            _ => {}
        }
        Then::GoOn
    }

    fn pass(&mut self, time: Duration) {
        if !self.is_going || self.shows_help {
            return;
        }
        let speed = SPEEDS[self.speed];
        self.now += time.as_secs_f64() * 1_000.0 * speed;
        if let Some(next) = self.frames.lines().get(self.lines) {
            // Hours in which nothing happens take a second.
            self.now = self.now.max(float(next.at_ms) - PAUSE * speed);
        }
        let over = self.frames.lines()[self.lines..].iter();
        self.lines += over.take_while(|line| float(line.at_ms) <= self.now).count();
    }

    fn farewell(&self) -> String {
        format!("mapi-sync explore {}", self.token)
    }
}

/// Virtual times stay far below 2^53 milliseconds.
#[expect(clippy::cast_precision_loss, reason = "only a clock on the screen is made of it")]
fn float(ms: u64) -> f64 {
    ms as f64
}

/// The lines of one account: its name and state, its bar, and its last error.
fn account_lines(account: &AccountFrame, width: usize) -> Vec<Text<'static>> {
    let AccountFrame { name, state, text, position: (index, max), errors, .. } = account;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut lines = vec![Text::styled(cut(&format!("{name}: {state}"), width), bold)];
    let share = if *max == 0 { 0.0 } else { (f64::from(*index) / f64::from(*max)).clamp(0.0, 1.0) };
    let text = text.as_deref().unwrap_or("");
    let words = format!("] {index} of {max}  {text}");
    lines.push(Text::from(cut(&format!("[{}{words}", bar(share, 24)), width)));
    if let Some(last) = errors.last() {
        let more = match errors.len() {
            1 => String::new(),
            count => format!(" (and {} before)", count - 1),
        };
        let words = cut(&format!("error: {last}{more}"), width);
        lines.push(Text::styled(words, Style::new().fg(Color::Red)));
    }
    lines
}

/// A progress bar of this width in columns.
fn bar(share: f64, width: usize) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the share is between 0 and 1, the width a few columns"
    )]
    let full = (share * width as f64).round() as usize;
    let (done, left) = if is_utf8() { ("█", "░") } else { ("#", ".") };
    done.repeat(full) + &left.repeat(width - full)
}
