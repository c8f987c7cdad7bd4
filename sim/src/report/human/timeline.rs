//! The time line of an execution: each call in order, what happened besides, and what broke where.

use std::io::{self, Write};

use mapi_sync::contract::{Answer, Call};

use super::besides::{Besides, segment_in_words};
use crate::check::{Breach, BreachPlace, Execution};
use crate::report::Palette;
use crate::report::words::call_in_words;
use crate::world::{SeenCall, SeenStep};
use crate::{DecisiveStep, Why};

/// How many calls to show on each side of a call that matters. The others are left out.
const CONTEXT: usize = 12;

/// Writes the calls of an execution, with its breaches marked: the one at fault with an arrow,
/// those involved with a bar. Where the order of two steps decides, these are numbered. Long
/// stretches without any of these are left out, unless `whole`.
pub(super) fn write_timeline(
    out: &mut dyn Write,
    execution: &Execution,
    breaches: &[&Breach],
    why: Option<&Why>,
    palette: &Palette,
    whole: bool,
) -> io::Result<()> {
    let lines = Line::all(execution);
    let pair = match why {
        Some(Why::Order { first, second, .. }) => Some([first, second]),
        _ => None,
    };
    let decisive = why.map_or_else(Vec::new, Why::steps);
    let besides = Besides::of(execution, breaches, &decisive);
    let columns = Columns::of(execution, &besides);
    writeln!(out, "   {}", columns.heading(palette))?;
    let shown = Shown::new(lines.len(), breaches, pair, whole);
    let mut left_out = 0;
    for (place, line) in lines.iter().enumerate() {
        if !shown.contains(place) {
            left_out += 1;
            if !shown.contains(place + 1) || place + 1 == lines.len() {
                continue;
            }
        }
        if left_out > 0 {
            let Palette { faint, .. } = palette;
            let what = columns.what;
            writeln!(out, "   {faint}      … {left_out} {what}s that play no part …{faint:#}")?;
            left_out = 0;
            if !shown.contains(place) {
                continue;
            }
        }
        besides.write(out, place, &columns, palette)?;
        let at_fault: Vec<&str> = breaches
            .iter()
            .filter(|breach| breach.place == BreachPlace::At(place))
            .map(|breach| breach.defect.id())
            .collect();
        let involved = breaches.iter().any(|breach| breach.involved.contains(&place));
        let (mark, style) = if !at_fault.is_empty() {
            ("->", palette.bad)
        } else if involved {
            (" |", palette.involved)
        } else if line.is_faint {
            ("  ", palette.faint)
        } else {
            ("  ", anstyle::Style::new())
        };
        let text = columns.line(line);
        write!(out, "{style}{mark} {text}{style:#}")?;
        if !at_fault.is_empty() {
            let bad = palette.bad;
            write!(out, "  {bad}<- {}{bad:#}", at_fault.join(", "))?;
        }
        for (number, step) in (1..).zip(pair.into_iter().flatten()) {
            if step.calls.contains(&place) {
                let involved = palette.involved;
                write!(out, "  {involved}({number}){involved:#}")?;
            }
        }
        writeln!(out)?;
    }
    besides.write(out, lines.len(), &columns, palette)
}

/// A line of the time line: a call, or a step of a program.
struct Line<'a> {
    at_ms: u64,
    account: &'a str,
    /// The sync's number; 0 where there is none.
    sync: u32,
    task: &'a str,
    words: String,
    /// Whether readers seldom look for it.
    is_faint: bool,
}

impl<'a> Line<'a> {
    fn all(execution: &'a Execution) -> Vec<Self> {
        let call = |seen: &'a SeenCall| Self {
            at_ms: seen.call.at_ms,
            account: execution.accounts.get(seen.account).map_or("", String::as_str),
            sync: seen.call.sync.0,
            task: execution.task_of(seen),
            words: call_in_words(&seen.call, "   "),
            is_faint: is_bookkeeping(seen),
        };
        let step = |seen: &'a SeenStep| Self {
            at_ms: seen.at_ms,
            account: "",
            sync: 0,
            task: execution.task_of_step(seen),
            words: step_words(execution, seen),
            is_faint: false,
        };
        let calls = execution.calls.iter().map(call);
        calls.chain(execution.steps.iter().map(step)).collect()
    }
}

/// A step of a program in words, with whom it woke and how long it sleeps.
pub(in crate::report) fn step_words(execution: &Execution, seen: &SeenStep) -> String {
    let own = execution.step_in_words(seen);
    let place = execution.segments.partition_point(|note| note.step < seen.step);
    let note = execution.segments.get(place).filter(|note| note.step == seen.step);
    match note.and_then(|note| segment_in_words(execution, note)) {
        Some(besides) if own == Execution::GOES_ON => besides,
        Some(besides) => format!("{own}; {besides}"),
        None => own,
    }
}

/// Which calls are shown.
struct Shown {
    /// The first call and the one behind the last of each stretch.
    stretches: Vec<(usize, usize)>,
}

impl Shown {
    fn new(
        calls: usize,
        breaches: &[&Breach],
        pair: Option<[&DecisiveStep; 2]>,
        whole: bool,
    ) -> Self {
        if whole || calls <= 4 * CONTEXT {
            return Self { stretches: vec![(0, calls)] };
        }
        let around = |place: usize| (place.saturating_sub(CONTEXT), place + CONTEXT + 1);
        let mut stretches = vec![(0, CONTEXT)];
        for breach in breaches {
            stretches.extend(breach.involved.iter().map(|place| around(*place)));
            let (BreachPlace::At(place) | BreachPlace::After(place)) = breach.place;
            stretches.push(around(place));
        }
        let decisive = pair.into_iter().flatten().flat_map(|step| &step.calls);
        stretches.extend(decisive.map(|place| around(*place)));
        Self { stretches }
    }

    fn contains(&self, place: usize) -> bool {
        self.stretches.iter().any(|(first, end)| (*first..*end).contains(&place))
    }
}

/// The columns and their widths.
pub(super) struct Columns {
    time: usize,
    account: usize,
    sync: bool,
    task: usize,
    /// What a line is.
    what: &'static str,
}

impl Columns {
    fn of(execution: &Execution, besides: &Besides) -> Self {
        let Execution { accounts, calls, steps, outcome, .. } = execution;
        let width = |text: &str| text.chars().count();
        let several = accounts.len() > 1;
        Self {
            time: outcome.virtual_ms.to_string().len().max(5),
            account: if several {
                accounts.iter().map(|name| width(name)).max().unwrap_or(0).clamp(7, 20)
            } else {
                0
            },
            sync: calls.iter().any(|seen| seen.call.sync.0 > 1),
            task: calls
                .iter()
                .map(|seen| execution.task_of(seen))
                .chain(steps.iter().map(|seen| execution.task_of_step(seen)))
                .chain(besides.tasks())
                .map(width)
                .max()
                .unwrap_or(0)
                .clamp(4, 20),
            what: if execution.is_of_program { "step" } else { "call" },
        }
    }

    fn heading(&self, palette: &Palette) -> String {
        let heading = palette.heading;
        let mut text = format!("{:>1$} ms", "time", self.time);
        if self.account > 0 {
            text += &format!("  {:1$}", "account", self.account);
        }
        if self.sync {
            text += "  sync";
        }
        format!("{heading}{text}  {:2$}  {}{heading:#}", "task", self.what, self.task)
    }

    fn line(&self, line: &Line<'_>) -> String {
        let Line { at_ms, account, sync, task, words, .. } = line;
        let mut text = self.time(*at_ms);
        if self.account > 0 {
            text += &format!("  {:1$}", cut(account, self.account), self.account);
        }
        if self.sync {
            // A call of the store's has none.
            let sync = if *sync > 0 { sync.to_string() } else { String::new() };
            text += &format!("  {sync:>4}");
        }
        format!("{text}  {:1$}  {words}", cut(task, self.task), self.task)
    }

    pub(super) fn event(&self, at_ms: Option<u64>, task: &str, what: &str) -> String {
        let mut text = match at_ms {
            Some(at_ms) => self.time(at_ms),
            None => format!("{:1$}", "", self.time + 3),
        };
        if self.account > 0 {
            text += &format!("  {:1$}", "", self.account);
        }
        if self.sync {
            text += "      ";
        }
        format!("{text}  {:1$}  ({what})", cut(task, self.task), self.task)
    }

    pub(super) fn absence(&self, at_ms: u64, defect: &str) -> String {
        let mut rest = 0;
        if self.account > 0 {
            rest += self.account + 2;
        }
        if self.sync {
            rest += 6;
        }
        format!("{}{:rest$}  here  <- {defect}", self.time(at_ms), "")
    }

    fn time(&self, at_ms: u64) -> String {
        let width = self.time;
        format!("{at_ms:>width$} ms")
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        text.to_owned()
    } else {
        text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    }
}

/// Whether the call only handles references, handles or returns, which readers seldom look for.
pub(in crate::report) fn is_bookkeeping(seen: &SeenCall) -> bool {
    match &seen.call.call {
        Call::Queried
        | Call::AddRef
        | Call::Release
        | Call::EventCreated { .. }
        | Call::EventDuplicated { .. }
        | Call::EventWaited { .. }
        | Call::TextRead { .. } => true,
        Call::Ended { answer: Answer::Returned(result), .. } => result.bits() == 0,
        _ => false,
    }
}

/// A step in words: its task and its calls.
pub(super) fn step_in_words(step: &DecisiveStep, execution: &Execution) -> String {
    let lines = Line::all(execution);
    let line = |place: &usize| lines.get(*place).filter(|line| !line.is_faint);
    let calls: Vec<&str> =
        step.calls.iter().filter_map(line).map(|line| line.words.as_str()).collect();
    let DecisiveStep { step, task, .. } = step;
    if calls.is_empty() {
        format!("step {step}, of `{task}`")
    } else {
        format!("step {step}, of `{task}`: {}", calls.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Check;
    use crate::engine::SegmentNote;

    fn lines(execution: &Execution, palette: &Palette, whole: bool) -> Vec<String> {
        let breaches: Vec<&Breach> = execution.breaches.iter().collect();
        let mut text = Vec::new();
        write_timeline(&mut text, execution, &breaches, None, palette, whole).unwrap();
        String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
    }

    /// The lines of calls: what else happened stands in brackets.
    fn without_events(lines: Vec<String>) -> Vec<String> {
        lines.into_iter().filter(|line| !line.contains("  (")).collect()
    }

    fn execution(mutant: &str) -> Execution {
        let info = crate::world::MUTANTS.iter().find(|info| info.name == mutant).unwrap();
        let report =
            Check::mutant(info).schedules(5_000).jobs(1).fail_fast(true).shrink(false).run();
        report.counterexamples[0].execution.clone()
    }

    #[test]
    fn the_step_at_fault_and_those_involved_are_marked() {
        let execution = execution("done-twice");
        let BreachPlace::At(place) = execution.breaches[0].place else {
            panic!("a call breaks the rule")
        };
        let lines = lines(&execution, &Palette::PLAIN, true);
        let says = |note: &&SegmentNote| !note.woke.is_empty() || note.sleeps_until.is_some();
        let segments = execution.segments.iter().filter(says).count();
        let besides = execution.events.len() + segments;
        assert_eq!(lines.len(), 1 + execution.calls.len() + besides);
        let lines = without_events(lines);
        assert_eq!(lines[0], "    time ms  task      call");
        let marked: Vec<usize> =
            (1..lines.len()).filter(|n| lines[*n].starts_with("-> ")).collect();
        assert_eq!(marked, [place + 1]);
        assert!(
            lines[place + 1].contains(" Done(") && lines[place + 1].ends_with("  <- done-once")
        );
        let involved: Vec<&String> = lines.iter().filter(|line| line.starts_with(" | ")).collect();
        assert_eq!(involved.len(), 1, "the first Done");
        assert!(involved[0].contains(" Done("));
    }

    #[test]
    fn what_never_came_is_marked_at_the_end() {
        let execution = execution("event-never");
        let lines = lines(&execution, &Palette::PLAIN, true);
        let last = lines.last().unwrap();
        assert!(last.starts_with("-> ") && last.contains("  here  <- event-after-done"), "{last}");
    }

    #[test]
    fn long_stretches_are_left_out_unless_all_is_wanted() {
        let execution = execution("late-ticker");
        let all = without_events(lines(&execution, &Palette::PLAIN, true));
        let short = without_events(lines(&execution, &Palette::PLAIN, false));
        let gap = short.iter().position(|line| line.contains("calls that play no part")).unwrap();
        let words: Vec<&str> = short[gap].split_whitespace().collect();
        let left_out: usize = words[1].parse().unwrap();
        assert_eq!(all.len(), short.len() - 1 + left_out);
        assert_eq!(short[..gap], all[..gap]);
        assert_eq!(short[gap + 1..], all[gap + left_out..]);
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let execution = execution("index-before-await");
        let plain = lines(&execution, &Palette::PLAIN, true);
        let coloured = lines(&execution, &Palette::COLOUR, true);
        assert!(plain.iter().all(|line| !line.contains('\u{1b}')));
        assert!(coloured.iter().any(|line| line.contains("\u{1b}[31m")));
        let bare = |line: &String| {
            let mut parts = line.split('\u{1b}');
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
        };
        assert_eq!(coloured.iter().map(bare).collect::<Vec<_>>(), plain);
    }
}
