//! `explore`: steps through an execution, and leads it elsewhere.

use mapi_sync_sim::report::{Frames, Line, LineKind};
use mapi_sync_sim::{Alternative, Walk};
use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line as Text;
use ratatui::widgets::{List, ListItem, ListState, Paragraph, Wrap};

use super::{Screen, Then, block, cut, draw_keys, help, run};
use crate::cli::args::ExploreArgs;
use crate::cli::failure::Failure;
use crate::cli::source;
use crate::cli::status::Status;

/// How many executions can be gone back to.
const TRAIL: usize = 100;

const KEYS: &[(&str, &str)] = &[
    ("Right l n", "the next step"),
    ("Left h p", "the step before"),
    ("PgDn PgUp", "ten steps on, ten back"),
    ("Home End", "the first step, the last one"),
    ("v", "the step that breaks a rule"),
    ("Down Up", "choose what else could happen at this step"),
    ("Enter", "let it happen, and see where it leads"),
    ("u", "back to the execution before"),
    ("f", "show or hide lines that readers seldom look for"),
    ("y", "copy the token of where you are"),
    ("?", "these keys"),
    ("q Esc", "quit; the token is printed"),
];

/// `explore`.
pub(in crate::cli) fn explore(args: &ExploreArgs) -> Result<Status, Failure> {
    // What is wrong with the token is said without touching the terminal.
    let check = source::of_token(&args.token, args.scenario.as_deref())?;
    run(
        "`mapi-sync replay TOKEN` prints the execution, and `--report FILE.html` makes a page",
        || Ok(Explorer::new(check.walk(&args.token)?)),
    )
}

/// An execution on the screen.
pub(super) struct Explorer {
    now: Stop,
    /// Those that were left for another one, the latest last.
    trail: Vec<Stop>,
    shows_faint: bool,
    shows_help: bool,
    message: Option<String>,
}

/// An execution, and where in it somebody is.
struct Stop {
    walk: Walk,
    frames: Frames,
    token: String,
    /// The place of the step among the steps.
    at: usize,
    /// The place of the alternative among those of the step.
    chosen: usize,
}

impl Stop {
    fn new(walk: Walk, step: Option<u64>) -> Self {
        let frames = Frames::new(walk.execution());
        let token = walk.token().to_string();
        let mut stop = Self { walk, frames, token, at: 0, chosen: 0 };
        stop.go_to(step.unwrap_or(0));
        stop
    }

    /// Goes to this step, or to the last one before it that there is.
    fn go_to(&mut self, step: u64) {
        let after = self.frames.steps().partition_point(|other| *other <= step);
        (self.at, self.chosen) = (after.saturating_sub(1), 0);
    }

    fn step(&self) -> u64 {
        self.frames.steps().get(self.at).copied().unwrap_or(0)
    }

    fn alternatives(&self) -> &[Alternative] {
        self.walk.alternatives_at(self.step())
    }
}

impl Explorer {
    pub(super) fn new(walk: Walk) -> Self {
        let mut now = Stop::new(walk, None);
        if let Some(step) = now.frames.violation() {
            now.go_to(step);
        }
        Self { now, trail: Vec::new(), shows_faint: false, shows_help: false, message: None }
    }

    fn move_by(&mut self, steps: isize) {
        let last = self.now.frames.steps().len().saturating_sub(1);
        self.now.at = self.now.at.saturating_add_signed(steps).min(last);
        self.now.chosen = 0;
    }

    fn choose_by(&mut self, places: isize) {
        let last = self.now.alternatives().len().saturating_sub(1);
        self.now.chosen = self.now.chosen.saturating_add_signed(places).min(last);
    }

    fn take(&mut self) {
        let Some(other) = self.now.alternatives().get(self.now.chosen).cloned() else {
            self.message = Some("nothing else could happen at this step".to_owned());
            return;
        };
        let there = Stop::new(self.now.walk.take(&other), Some(other.step));
        let before = std::mem::replace(&mut self.now, there);
        if self.trail.len() == TRAIL {
            self.trail.remove(0);
        }
        self.trail.push(before);
        self.message = Some(format!("{}; from here on all is decided by default", other.what));
    }

    fn headline(&self) -> String {
        let Stop { walk, frames, at, .. } = &self.now;
        let step = self.now.step();
        let steps = frames.steps().len();
        let what = &walk.subject().name;
        let back = if self.trail.is_empty() {
            String::new()
        } else {
            format!(", {} back", self.trail.len())
        };
        format!("{what}: step {} of {steps}, {} ms{back}", at + 1, frames.at_ms(step))
    }

    /// What became of the execution, in one sentence.
    fn verdict(&self) -> String {
        let execution = self.now.walk.execution();
        match execution.breaches.first() {
            None => "nothing is broken in this execution".to_owned(),
            Some(breach) => {
                let sentence = execution.sentence(breach.defect);
                let sentence = sentence.unwrap_or_else(|| breach.message.clone());
                format!("{} breaks: {sentence}", breach.defect.id())
            }
        }
    }

    fn draw_lines(&self, frame: &mut Frame<'_>, area: Rect) {
        let (step, frames) = (self.now.step(), &self.now.frames);
        let shown: Vec<&Line> = frames
            .lines()
            .iter()
            .filter(|line| self.shows_faint || line.step == step || is_of_interest(line))
            .collect();
        let width = usize::from(area.width.saturating_sub(2));
        let items: Vec<ListItem<'_>> =
            shown.iter().map(|line| item(line, line.step == step, width)).collect();
        let here = shown.iter().rposition(|line| line.step <= step);
        let height = usize::from(area.height.saturating_sub(2));
        // The step stays in the middle, so that both what led to it and what follows is seen.
        let offset = here.unwrap_or(0).saturating_sub(height / 2);
        let offset = offset.min(shown.len().saturating_sub(height));
        let mut state = ListState::default().with_offset(offset);
        let list = List::new(items).block(block("What happened"));
        frame.render_stateful_widget(list, area, &mut state);
    }

    fn draw_step(&self, frame: &mut Frame<'_>, area: Rect) {
        let (step, frames) = (self.now.step(), &self.now.frames);
        let cause = frames.cause(step);
        let cause = if cause.is_empty() { String::new() } else { format!(" ({cause})") };
        let lines = vec![
            Text::from(format!("runs: `{}`{cause}", frames.task(step))),
            Text::from(format!("could have run: {}", frames.could_run(step).join(", "))),
        ];
        let inner = block("This step");
        let room = inner.inner(area);
        frame.render_widget(inner, area);
        let [words, others] =
            Layout::vertical([Constraint::Length(3), Constraint::Min(1)]).areas(room);
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), words);
        let alternatives = self.now.alternatives();
        if alternatives.is_empty() {
            frame.render_widget(Paragraph::new("nothing else could happen here"), others);
            return;
        }
        let width = usize::from(room.width);
        let line = |other: &Alternative| {
            ListItem::new(cut(&format!("{:<7}{}", other.kind.name(), other.what), width - 2))
        };
        let list = List::new(alternatives.iter().map(line))
            .highlight_symbol("> ")
            .highlight_style(Style::new().add_modifier(Modifier::REVERSED));
        let mut state = ListState::default().with_selected(Some(self.now.chosen));
        frame.render_stateful_widget(list, others, &mut state);
    }
}

impl Screen for Explorer {
    fn draw(&mut self, frame: &mut Frame<'_>) {
        let [head, verdict, middle, token, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(2),
            Constraint::Min(8),
            Constraint::Length(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let bold = Style::new().add_modifier(Modifier::BOLD);
        frame.render_widget(Paragraph::new(self.headline()).style(bold), head);
        let colour = if self.now.walk.execution().breaches.is_empty() {
            Style::new()
        } else {
            Style::new().fg(Color::Red)
        };
        let words = Paragraph::new(self.verdict()).wrap(Wrap { trim: true }).style(colour);
        frame.render_widget(words, verdict);
        // Beside each other where there is room for both.
        let panes = if middle.width >= 110 {
            Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)])
        } else {
            Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)])
        };
        let [lines, step] = panes.areas(middle);
        self.draw_lines(frame, lines);
        self.draw_step(frame, step);
        let last = match &self.message {
            Some(message) => message.clone(),
            None => format!("token: {}", self.now.token),
        };
        frame.render_widget(Paragraph::new(cut(&last, usize::from(token.width))), token);
        draw_keys(
            frame,
            foot,
            "Left Right step  Up Down choose  Enter take  u back  y copy  ? help  q quit",
            "Left Right step  Enter take  u back  ? help  q quit",
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
            KeyCode::Right | KeyCode::Char('l' | 'n') => self.move_by(1),
            KeyCode::Left | KeyCode::Char('h' | 'p') => self.move_by(-1),
            KeyCode::PageDown => self.move_by(10),
            KeyCode::PageUp => self.move_by(-10),
            KeyCode::Home => self.move_by(isize::MIN),
            KeyCode::End => self.move_by(isize::MAX),
            KeyCode::Down | KeyCode::Char('j') => self.choose_by(1),
            KeyCode::Up | KeyCode::Char('k') => self.choose_by(-1),
            KeyCode::Enter => self.take(),
            KeyCode::Char('u') | KeyCode::Backspace => match self.trail.pop() {
                Some(before) => self.now = before,
                None => self.message = Some("this is the execution of the token".to_owned()),
            },
            KeyCode::Char('v') => match self.now.frames.violation() {
                Some(step) => self.now.go_to(step),
                None => self.message = Some("nothing is broken in this execution".to_owned()),
            },
            KeyCode::Char('f') => self.shows_faint = !self.shows_faint,
            KeyCode::Char('y') => {
                self.message = Some("the terminal was asked to copy the token".to_owned());
                return Then::Copy(self.now.token.clone());
            }
            KeyCode::Char('?') => self.shows_help = true,
            KeyCode::Char('q') | KeyCode::Esc => return Then::Quit,
            _ => {}
        }
        Then::GoOn
    }

    fn farewell(&self) -> String {
        format!("mapi-sync explore {}", self.now.token)
    }
}

/// Whether a reader looks for it.
pub(super) fn is_of_interest(line: &Line) -> bool {
    !line.is_faint || !line.broke.is_empty()
}

/// A line of what happened. What breaks a rule is marked by a sign and not by its colour alone.
pub(super) fn item(line: &Line, is_here: bool, width: usize) -> ListItem<'static> {
    let to = line.to.join(", ");
    let to = if to.is_empty() { to } else { format!(" > {to}") };
    let sign = match (line.broke.is_empty(), is_here) {
        (false, _) => "->",
        (true, true) => " *",
        (true, false) => "  ",
    };
    let sort = match line.kind {
        LineKind::Fault => "fault: ",
        LineKind::Decision => "decided: ",
        LineKind::Absence => "missing: ",
        _ => "",
    };
    let broke: String = line.broke.iter().map(|id| format!("  <- {id}")).collect();
    let text = format!("{sign}{:>6} ms  {}{to}: {sort}{}", line.at_ms, line.from, line.words);
    let room = width.saturating_sub(broke.chars().count());
    let style = match (line.broke.is_empty(), is_here, line.is_faint) {
        (false, ..) => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        (true, true, _) => Style::new().add_modifier(Modifier::BOLD),
        (true, false, true) => Style::new().add_modifier(Modifier::DIM),
        (true, false, false) => Style::new(),
    };
    ListItem::new(Text::styled(cut(&text, room) + &broke, style))
}
