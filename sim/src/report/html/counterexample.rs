//! An execution on a page: what its reader asks first, each with its answer, and its diagram.

use std::io::{self, Write};

use super::ROWS;
use super::rows::{places, write_lanes, write_rows};
use super::text::{line, shown};
use crate::check::{Breach, BreachPlace, Execution, ReplayOutcome, Replayed};
use crate::engine::TaskId;
use crate::report::changes::changes_in_words;
use crate::report::command::replay_command;
use crate::report::dialog::Dialog;
use crate::report::sequence::{Cause, Row, RowKind, Sequence};
use crate::{Counterexample, Defect, Why};

/// How many wakes are followed back from where it broke.
const CAUSES: usize = 6;

/// How many rows of the other order are shown beside this one.
const BESIDE: usize = 14;

/// How many faults are named.
const FAULTS: usize = 20;

/// An execution to be shown.
pub(super) struct Shown<'a> {
    /// Begins the ids of its elements.
    id: String,
    pub(super) execution: &'a Execution,
    breaches: Vec<&'a Breach>,
    /// What went wrong, in one sentence.
    sentence: String,
    why: Option<&'a Why>,
    /// The execution that is almost the same and does not show the defect.
    without: Option<Sequence>,
    pub(super) sequence: Sequence,
    places: Vec<usize>,
    /// How to run it again, and how to run it without what decides.
    command: String,
    command_without: Option<String>,
    /// Where it came from, in words.
    origin: String,
    /// How its scenario is smaller than that of the check.
    changes: Vec<(String, String, String)>,
}

impl<'a> Shown<'a> {
    /// A counterexample, whose diagram takes its rows from those that are `left`.
    pub(super) fn of_counterexample(
        number: usize,
        found: &'a Counterexample,
        left: &mut usize,
    ) -> Self {
        let execution = &found.execution;
        let breaches: Vec<&Breach> =
            found.defects.iter().filter_map(|defect| execution.breach(*defect)).collect();
        let why = found.why.as_ref();
        let mut origin = format!("first seen in schedule {}", found.index + 1);
        if found.decisions.len() < found.found_decisions {
            let (kept, all) = (found.decisions.len(), found.found_decisions);
            origin += &format!(", with {all} decisions of which {kept} are left");
        }
        if let Some(shortfall) = found.shrinking.shortfall() {
            origin += &format!("; not minimal: {shortfall}");
        } else if let Some(shortfall) = found.explaining.shortfall() {
            origin += &format!("; not explained: {shortfall}");
        }
        let sequence = Sequence::new(execution, &breaches, why);
        // Each has at least what is around its marks.
        let most = (*left).max(200);
        let places = places(&sequence.rows, most);
        *left = left.saturating_sub(places.len());
        let command = |token| replay_command(&found.subject, &token);
        let without = found.without.as_deref();
        Self {
            id: format!("c{number}"),
            command: command(found.token()),
            command_without: why
                .and_then(Why::without)
                .map(|decisions| command(found.subject.token(decisions.clone()))),
            without: without.map(|without| Sequence::new(without, &[], None)),
            changes: changes_in_words(&found.subject, &found.scenario),
            sentence: found.sentence(),
            execution,
            breaches,
            why,
            sequence,
            places,
            origin,
        }
    }

    /// A replay.
    pub(super) fn of_replay(replayed: &'a Replayed) -> Self {
        let execution = &replayed.execution;
        let breaches: Vec<&Breach> = execution.breaches.iter().collect();
        let sequence = Sequence::new(execution, &breaches, None);
        let places = places(&sequence.rows, ROWS);
        let origin = match replayed.outcome() {
            ReplayOutcome::NoLongerApplies => "replayed from a token that no longer applies",
            _ => "replayed from its token",
        };
        Self {
            id: "c0".to_owned(),
            sentence: breaches
                .first()
                .and_then(|breach| execution.sentence(breach.defect))
                .unwrap_or_default(),
            execution,
            breaches,
            why: None,
            without: None,
            sequence,
            places,
            command: replay_command(&replayed.subject, &replayed.token),
            command_without: None,
            origin: origin.to_owned(),
            changes: changes_in_words(&replayed.subject, &replayed.scenario),
        }
    }

    /// The places of the rows that are shown, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().copied()
    }

    /// The number of the row at which the first defect shows, among those that are shown.
    pub(super) fn violation(&self) -> Option<usize> {
        self.row_at(self.sequence.violation()?)
    }

    fn row_at(&self, place: usize) -> Option<usize> {
        self.places.binary_search(&place).ok()
    }

    /// Writes it.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let id = &self.id;
        writeln!(out, "<section class=\"found\" id=\"{id}\" aria-labelledby=\"{id}h\">")?;
        match self.breaches.first() {
            Some(breach) => writeln!(
                out,
                "<h2 id=\"{id}h\">{}</h2>\n<p class=\"sentence\">{}</p>",
                shown(breach.defect.id()),
                shown(&self.sentence)
            )?,
            None => writeln!(out, "<h2 id=\"{id}h\">The execution</h2>")?,
        }
        writeln!(out, "<dl class=\"answers\">")?;
        self.write_rule(out)?;
        self.write_who(out)?;
        self.write_instead(out)?;
        self.write_causes(out)?;
        self.write_user(out)?;
        self.write_faults(out)?;
        self.write_why(out)?;
        self.write_again(out)?;
        writeln!(out, "</dl>")?;
        self.write_beside(out)?;
        self.write_diagram(out)?;
        writeln!(out, "</section>")
    }

    /// Which rule is broken, and where it stands.
    fn write_rule(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.breaches.is_empty() {
            return Ok(());
        }
        let question =
            if self.execution.is_of_program { "What is expected?" } else { "Which rule?" };
        question_of(out, question)?;
        for breach in &self.breaches {
            let Breach { defect, message, .. } = breach;
            write!(out, "<p><strong>{}</strong>", shown(defect.id()))?;
            if !self.execution.is_of_program {
                let blame = match defect.blame() {
                    Some(blame) => format!("the {blame} is to blame"),
                    None => "the calls do not tell who is to blame".to_owned(),
                };
                write!(out, " ({}): {blame}", self.execution.level(*defect))?;
            }
            writeln!(out, "</p>\n<blockquote>{}</blockquote>", shown(defect.statement()))?;
            if let Defect::Rule(rule) = defect {
                writeln!(out, "<p class=\"source\">Source: {}</p>", shown(rule.source()))?;
            }
            if self.breaches.len() > 1 || *message != self.sentence {
                writeln!(out, "<p>{}</p>", shown(message))?;
            }
        }
        for act in &self.execution.undocumented {
            let (words, name) = (act.in_words(), act.name());
            writeln!(
                out,
                "<p>The host’s part: {}, which no document promises (<code>{}</code>)</p>",
                shown(words),
                shown(name)
            )?;
        }
        writeln!(out, "</dd>")
    }

    /// Which task did it, when.
    fn write_who(&self, out: &mut dyn Write) -> io::Result<()> {
        let (Some(breach), Some(place)) = (self.breaches.first(), self.sequence.violation()) else {
            return Ok(());
        };
        question_of(out, "Which task did this?")?;
        let row = &self.sequence.rows[place];
        let lane = &self.sequence.lanes[row.from].name;
        let link = self.link(place, &format!("step {}, at {} ms", row.step, row.at_ms));
        match breach.place {
            BreachPlace::At(_) => {
                writeln!(out, "<p>{}, in {link}: {}</p>", line(lane), line(&row.words))?;
            }
            BreachPlace::After(_) if breach.defect == Defect::Panic => {
                writeln!(out, "<p>The task that panicked, in {link}.</p>")?;
            }
            BreachPlace::After(_) => {
                writeln!(out, "<p>None: something did not come. It was missing after {link}.</p>")?;
            }
        }
        writeln!(out, "</dd>")
    }

    /// What could have run in place of what did, where it matters.
    fn write_instead(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut steps: Vec<u64> = self.why.map_or_else(Vec::new, Why::steps);
        if steps.is_empty() {
            steps.extend(self.sequence.violation().map(|place| self.sequence.rows[place].step));
        }
        let steps: Vec<u64> =
            steps.into_iter().filter(|step| self.sequence.steps.contains_key(step)).collect();
        if steps.is_empty() {
            return Ok(());
        }
        question_of(out, "What could have run instead?")?;
        for step in steps {
            let facts = &self.sequence.steps[&step];
            let ran = self.execution.task_name(facts.task);
            let others = facts.could_run.iter().filter(|task| **task != facts.task);
            let others: Vec<TaskId> = others.copied().collect();
            let at = self.link_of_step(step);
            if others.is_empty() {
                writeln!(out, "<p>At {at} only <q>{}</q> could run.</p>", line(ran))?;
            } else {
                let names = names(self.execution, &others);
                writeln!(out, "<p>At {at} <q>{}</q> ran. So could {names}.</p>", line(ran))?;
            }
        }
        writeln!(out, "</dd>")
    }

    /// Who woke whom, back from where it broke.
    fn write_causes(&self, out: &mut dyn Write) -> io::Result<()> {
        let last = self.sequence.violation().map(|place| self.sequence.rows[place].step);
        let last = last.or_else(|| self.sequence.steps.keys().next_back().copied());
        let Some(mut step) = last else { return Ok(()) };
        let mut chain = Vec::new();
        let steps = &self.sequence.steps;
        // Back over the steps of a task that did not wait, to the one that was woken.
        while let Some(facts) = steps.get(&step).filter(|_| chain.len() < CAUSES) {
            let name = self.execution.task_name(facts.task);
            let at = self.link_of_step(step);
            match facts.cause {
                Cause::Woken(by) => {
                    let waker = steps.get(&by).map_or(TaskId::CLOCK, |facts| facts.task);
                    let waker = if waker == TaskId::CLOCK {
                        "the timer".to_owned()
                    } else {
                        format!("<q>{}</q>", line(self.execution.task_name(waker)))
                    };
                    let by_link = self.link_of_step(by);
                    chain.push(format!(
                        "<q>{}</q> waited until {waker} woke it, in {by_link}; it went on in {at}.",
                        line(name)
                    ));
                    step = by;
                    // What the timer waited for is that its time came.
                    if steps.get(&by).is_some_and(|facts| facts.task == TaskId::CLOCK) {
                        break;
                    }
                }
                Cause::New => {
                    let waits = if chain.is_empty() { "never waited: it" } else { "was new: it" };
                    let name = line(name);
                    chain.push(format!("<q>{name}</q> {waits} could run since its start, {at}."));
                    break;
                }
                Cause::GoesOn => {
                    let task = facts.task;
                    let earlier = steps.range(..step).rev().find(|(_, facts)| facts.task == task);
                    let Some((earlier, _)) = earlier else { break };
                    step = *earlier;
                }
            }
        }
        if chain.is_empty() {
            return Ok(());
        }
        question_of(out, "Why did it wait, and who woke whom?")?;
        writeln!(out, "<ol class=\"chain\">")?;
        for link in chain {
            writeln!(out, "<li>{link}</li>")?;
        }
        writeln!(out, "</ol></dd>")
    }

    /// The dialog where it broke.
    fn write_user(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.sequence.dialog.accounts.is_empty() {
            return Ok(());
        }
        question_of(out, "What did the user see?")?;
        let place = self.sequence.violation().unwrap_or(self.sequence.rows.len());
        write_dialog(out, &self.sequence.dialog_after(place))?;
        writeln!(out, "</dd>")
    }

    /// Which faults struck.
    fn write_faults(&self, out: &mut dyn Write) -> io::Result<()> {
        question_of(out, "Which faults struck?")?;
        let is_fault = |(_, row): &(usize, &Row)| row.kind == RowKind::Fault;
        let faults: Vec<(usize, &Row)> =
            self.sequence.rows.iter().enumerate().filter(is_fault).collect();
        if faults.is_empty() {
            writeln!(out, "<p>None: the order alone does it.</p></dd>")?;
            return Ok(());
        }
        writeln!(out, "<ul>")?;
        for (place, row) in faults.iter().take(FAULTS) {
            let link = self.link(*place, &format!("step {}", row.step));
            writeln!(out, "<li>{} ({link})</li>", line(&row.words))?;
        }
        if faults.len() > FAULTS {
            writeln!(out, "<li>and {} more</li>", faults.len() - FAULTS)?;
        }
        writeln!(out, "</ul></dd>")
    }

    /// What decides.
    fn write_why(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(why) = self.why else { return Ok(()) };
        question_of(out, "What decides it?")?;
        match why {
            Why::Order { first, second, moved, .. } => {
                let adjacent =
                    if second.step == first.step + 1 { "two adjacent steps" } else { "two steps" };
                let (one, two) = (self.link_of_step(first.step), self.link_of_step(second.step));
                write!(
                    out,
                    "<p>The order of {adjacent}: (1) {one}, of <q>{}</q>, ",
                    line(&first.task)
                )?;
                write!(out, "and (2) {two}, of <q>{}</q>", line(&second.task))?;
                if *moved > 1 {
                    write!(out, " with the {} after it", moved - 1)?;
                }
                writeln!(out, ". Exchanged, {} is gone.</p>", self.defect())?;
            }
            Why::Decision { what, .. } => {
                let what = capitalized(what);
                writeln!(out, "<p>{}. Without that, {} is gone.</p>", shown(&what), self.defect())?;
            }
            Why::EverySchedule { others } => writeln!(
                out,
                "<p>Nothing but the {}: {others} other schedules show the same.</p>",
                if self.execution.is_of_program { "program" } else { "scenario" }
            )?,
            Why::Several => writeln!(
                out,
                "<p>Several things together: no single exchange or decision that was tried.</p>"
            )?,
        }
        if self.without.is_some() {
            writeln!(out, "<p><a href=\"#{}b\">The other way beside it</a></p>", self.id)?;
        }
        writeln!(out, "</dd>")
    }

    /// How to see it again, and where it came from.
    fn write_again(&self, out: &mut dyn Write) -> io::Result<()> {
        question_of(out, "How do I see it again?")?;
        write_command(out, &self.command)?;
        if let Some(command) = &self.command_without {
            writeln!(out, "<p>Without what decides:</p>")?;
            write_command(out, command)?;
        }
        writeln!(out, "<p>{}.</p>", shown(&capitalized(&self.origin)))?;
        if !self.changes.is_empty() {
            let words = self.changes.iter().map(|(what, from, to)| format!("{what} {from} → {to}"));
            let words: Vec<String> = words.collect();
            writeln!(out, "<p>In a smaller scenario: {}.</p>", shown(&words.join(", ")))?;
        }
        writeln!(out, "</dd>")
    }

    /// The steps that decide, and beside them the execution in which they are the other way.
    fn write_beside(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(without) = &self.without else { return Ok(()) };
        let first = self.why.and_then(|why| why.steps().first().copied());
        let id = &self.id;
        writeln!(out, "<section class=\"beside\" aria-labelledby=\"{id}b\">")?;
        writeln!(out, "<h3 id=\"{id}b\">As it was, and as it would have been</h3>\n<div>")?;
        // Up to where they part, both are the same.
        let same = |(one, two): &(&Row, &Row)| {
            one.words == two.words && one.at_ms == two.at_ms && one.from == two.from
        };
        let parts = self.sequence.rows.iter().zip(&without.rows).take_while(same).count();
        let decides = self.sequence.rows.iter().position(|row| Some(row.step) == first);
        let begin = decides.unwrap_or(parts).min(parts);
        for (heading, sequence, breaks) in [
            ("As it was: a rule breaks", &self.sequence, true),
            ("As it would have been: none does", without, false),
        ] {
            writeln!(out, "<div><h4>{heading}</h4>\n<ol>")?;
            let rows = sequence.rows.iter().skip(begin).filter(|row| !row.is_faint);
            let last = self.sequence.violation().filter(|_| breaks);
            for row in rows.take(BESIDE) {
                let lane = line(&sequence.lanes[row.from].name);
                let mark = match (row.broke.first(), row.decisive) {
                    (Some(id), _) => format!(" <strong class=\"bad\">✕ {}</strong>", shown(id)),
                    (None, Some(number)) => {
                        format!(" <strong class=\"key\">({number}) decides</strong>")
                    }
                    _ => String::new(),
                };
                let (at_ms, words) = (row.at_ms, line(&row.words));
                writeln!(out, "<li><time>{at_ms} ms</time> <b>{lane}</b> {words}{mark}</li>")?;
                if last.is_some_and(|last| std::ptr::eq(row, &self.sequence.rows[last])) {
                    break;
                }
            }
            writeln!(out, "</ol></div>")?;
        }
        writeln!(out, "</div></section>")
    }

    fn write_diagram(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { id, sequence, execution, places, .. } = self;
        let outcome = &execution.outcome;
        let what = if execution.is_of_program { "step" } else { "call" };
        writeln!(out, "<section class=\"diagram\" data-id=\"{id}\" aria-labelledby=\"{id}d\">")?;
        writeln!(
            out,
            "<h3 id=\"{id}d\">Every {what}, in virtual time</h3>\n\
             <p class=\"end\">{} {what}s, {} rows. {} after {} steps and {} context \
             switches, at {} ms.</p>",
            execution.calls.len().max(execution.steps.len()),
            sequence.rows.len(),
            if outcome.end == crate::engine::End::Completed { "Completed" } else { "Ended" },
            outcome.steps,
            execution.switches,
            outcome.virtual_ms
        )?;
        // The script fills it and shows it.
        writeln!(
            out,
            "<aside class=\"panel\" id=\"{id}p\" aria-label=\"The step\" hidden></aside>\n\
             <div class=\"sequence\">"
        )?;
        write_lanes(out, &sequence.lanes)?;
        write_rows(out, sequence, places, id)?;
        writeln!(out, "</div></section>")
    }

    /// What it shows.
    fn defect(&self) -> String {
        self.breaches
            .first()
            .map_or("it".to_owned(), |breach| shown(breach.defect.id()).to_string())
    }

    /// A link to a row, if it is shown.
    fn link(&self, place: usize, words: &str) -> String {
        match self.row_at(place) {
            Some(row) => format!("<a href=\"#{}r{row}\">{words}</a>", self.id),
            None => words.to_owned(),
        }
    }

    /// A link to the first row of a step.
    fn link_of_step(&self, step: u64) -> String {
        let rows = &self.sequence.rows;
        let of_step = |row: &Row| row.step == step;
        let first = rows.iter().position(|row| of_step(row) && !row.is_faint);
        let first = first.or_else(|| rows.iter().position(of_step));
        let words = match self.sequence.steps.get(&step) {
            Some(facts) => format!("step {step} ({} ms)", facts.at_ms),
            None => format!("step {step}"),
        };
        first.map_or_else(|| words.clone(), |place| self.link(place, &words))
    }
}

fn question_of(out: &mut dyn Write, question: &str) -> io::Result<()> {
    writeln!(out, "<dt>{question}</dt>\n<dd>")
}

/// A command, with a button to copy it, which the script shows.
pub(super) fn write_command(out: &mut dyn Write, command: &str) -> io::Result<()> {
    // A token is as long as it is: cut, it would replay nothing.
    let whole = text_whole(command);
    writeln!(
        out,
        "<p class=\"command\"><code tabindex=\"0\">{whole}</code> \
         <button type=\"button\" class=\"copy\" hidden>Copy</button></p>"
    )
}

/// A text in full: it is one of our own making.
fn text_whole(text: &str) -> String {
    // The parts are shorter than what is cut.
    let parts: Vec<char> = text.chars().collect();
    let parts = parts.chunks(super::text::LINE);
    parts.map(|part| line(&part.iter().collect::<String>()).to_string()).collect()
}

fn write_dialog(out: &mut dyn Write, dialog: &Dialog) -> io::Result<()> {
    writeln!(
        out,
        "<div class=\"dialog\" role=\"group\" aria-label=\"Send/Receive\"><p class=\"bar\">\
         Send/Receive</p>"
    )?;
    for account in &dialog.accounts {
        let name = line(&account.name);
        writeln!(
            out,
            "<div class=\"account\"><b>{name}</b> <span>{}</span>",
            account.state.in_words()
        )?;
        let max = account.index_max.max(1);
        let index = account.index.min(max);
        writeln!(
            out,
            "<progress max=\"{max}\" value=\"{index}\" aria-label=\"{name}\"></progress> \
             <span>{} of {}</span>",
            account.index, account.index_max
        )?;
        if let Some(text) = &account.text {
            writeln!(out, "<span>{}</span>", line(text))?;
        }
        for error in account.errors.iter().rev().take(3) {
            writeln!(out, "<p class=\"error\">Error: {}</p>", line(error))?;
        }
        writeln!(out, "</div>")?;
    }
    writeln!(out, "</div>")
}

/// Names of tasks, the first twelve of them.
fn names(execution: &Execution, tasks: &[TaskId]) -> String {
    const NAMED: usize = 12;
    let named = tasks.iter().take(NAMED);
    let named = named.map(|task| format!("<q>{}</q>", line(execution.task_name(*task))));
    let named: Vec<String> = named.collect();
    match tasks.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{} and {more} more", named.join(", ")),
        _ => named.join(", "),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
