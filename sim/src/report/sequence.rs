//! An execution as a sequence diagram: lanes, rows from top to bottom, and arrows between lanes.
//!
//! It is data alone. What draws it, on a page or in a terminal, need not look at the execution.

use std::collections::BTreeMap;

use mapi_sync::contract::{Answer, Call, Party};

use super::dialog::{AccountLine, Dialog};
use super::human::{is_bookkeeping, segment_in_words, step_words};
use super::words::call_in_words;
use crate::check::{Breach, BreachPlace, Execution};
use crate::decision::Kind;
use crate::engine::{SegmentNote, TaskId};
use crate::world::SeenCall;
use crate::{Defect, Why};

/// An execution as a diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) lanes: Vec<Lane>,
    pub(super) rows: Vec<Row>,
    /// The segments, by the number of their step.
    pub(super) steps: BTreeMap<u64, StepFacts>,
    /// The dialog before the first row.
    pub(super) dialog: Dialog,
}

/// A column of the diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) kind: LaneKind,
}

/// Whose lane it is, in the order in which lanes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LaneKind {
    /// The host, whichever task runs its code.
    Host,
    /// The provider's methods, which run in the host's tasks.
    Start,
    /// A task of the provider's, or of a program.
    Task(TaskId),
    /// The virtual clock.
    Timer,
    /// The network, where a fault of it strikes.
    Network,
}

/// One line of the diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: RowKind,
    /// The step of the execution.
    pub(super) step: u64,
    /// Virtual milliseconds; of a decision, those of what came before.
    pub(super) at_ms: u64,
    /// Where it happened, or began.
    pub(super) from: usize,
    /// Where it leads, if anywhere. A wake may lead to several.
    pub(super) to: Vec<usize>,
    pub(super) words: String,
    /// The account and the number of its sync, of a call.
    pub(super) sync: Option<(usize, u32)>,
    /// Whether readers seldom look for it.
    pub(super) is_faint: bool,
    /// The defects that show here.
    pub(super) broke: Vec<&'static str>,
    /// Whether it is a part of what shows a defect.
    pub(super) is_involved: bool,
    /// The number of the decisive step that it is a part of, from 1.
    pub(super) decisive: Option<usize>,
    /// The line of the dialog that it changed, by its account.
    pub(super) dialog: Option<(usize, AccountLine)>,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// A call between provider and host, or the end of one.
    Call,
    /// A step of a program.
    Step,
    /// Something that went wrong and that nobody could prevent.
    Fault,
    /// Another decision.
    Decision,
    /// What the author noted.
    Note,
    /// Somebody was woken, or began to sleep.
    Wake,
    /// What should have come by then.
    Absence,
}

/// What is known of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepFacts {
    pub(super) task: TaskId,
    pub(super) at_ms: u64,
    /// The tasks that could have run, this one among them.
    pub(super) could_run: Vec<TaskId>,
    pub(super) cause: Cause,
    pub(super) sleeps_until: Option<u64>,
}

/// Why a task could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It had not run before.
    New,
    /// It had not begun to wait.
    GoesOn,
    /// In this step, another task woke it, or the clock did.
    Woken(u64),
}

/// Happened in the step.
const EVENT: u8 = 0;
/// Came of the step.
const SEGMENT: u8 = 1;
/// Did not come by then.
const ABSENCE: u8 = 2;
/// A call, or a step of a program. Of those with as many calls before them, it is the last.
const LINE: u8 = 3;

impl Sequence {
    /// The diagram of an execution in which these breaches are marked.
    pub(super) fn new(execution: &Execution, breaches: &[&Breach], why: Option<&Why>) -> Self {
        let hosts = Hosts::of(execution);
        let mut lanes = Lanes::default();
        // What never came stands in the first one.
        let first =
            if execution.is_of_program { LaneKind::Task(TaskId::MAIN) } else { LaneKind::Host };
        lanes.lane(execution, first);
        let mut rows: Vec<(usize, u8, Row)> = Vec::new();
        let mut dialog = Dialog::new(&execution.accounts);
        let first_dialog = dialog.clone();
        for (place, seen) in execution.calls.iter().enumerate() {
            let (from, to) = hosts.ends(execution, place, seen);
            let changed = dialog.take(seen);
            let row = Row {
                words: call_in_words(&seen.call, " "),
                sync: Some((seen.account, seen.call.sync.0)),
                is_faint: is_bookkeeping(seen),
                dialog: changed.map(|account| (account, dialog.accounts[account].clone())),
                to: to.into_iter().map(|to| lanes.lane(execution, to)).collect(),
                ..Row::new(RowKind::Call, seen.step, seen.call.at_ms, lanes.lane(execution, from))
            };
            rows.push((place, LINE, row));
        }
        for (place, seen) in execution.steps.iter().enumerate() {
            let from = lanes.lane(execution, LaneKind::Task(seen.task));
            let spawned = seen.spawned.iter();
            let row = Row {
                words: step_words(execution, seen),
                to: spawned.map(|task| lanes.lane(execution, LaneKind::Task(*task))).collect(),
                ..Row::new(RowKind::Step, seen.step, seen.at_ms, from)
            };
            rows.push((place, LINE, row));
        }
        add_segments(&mut rows, &mut lanes, execution, &hosts);
        add_events(&mut rows, &mut lanes, execution, &hosts);
        add_marks(&mut rows, execution, breaches, why);
        rows.sort_by_key(|(before, rank, row)| (*before, *rank == LINE, row.step, *rank));
        let mut rows: Vec<Row> = rows.into_iter().map(|(_, _, row)| row).collect();
        let mut now = 0;
        for row in &mut rows {
            // A decision has no time of its own.
            now = now.max(row.at_ms);
            row.at_ms = now;
        }
        let lanes = lanes.in_order(&mut rows);
        Self { lanes, rows, steps: facts(execution), dialog: first_dialog }
    }

    /// The place of the row in which the first of the breaches shows.
    pub(super) fn violation(&self) -> Option<usize> {
        self.rows.iter().position(|row| !row.broke.is_empty())
    }

    /// The dialog after this row.
    pub(super) fn dialog_after(&self, place: usize) -> Dialog {
        let mut dialog = self.dialog.clone();
        for (account, line) in
            self.rows.iter().take(place + 1).filter_map(|row| row.dialog.as_ref())
        {
            dialog.accounts[*account] = line.clone();
        }
        dialog
    }
}

impl Row {
    fn new(kind: RowKind, step: u64, at_ms: u64, from: usize) -> Self {
        Self {
            kind,
            step,
            at_ms,
            from,
            to: Vec::new(),
            words: String::new(),
            sync: None,
            is_faint: false,
            broke: Vec::new(),
            is_involved: false,
            decisive: None,
            dialog: None,
        }
    }

    /// Whether it matters to the defects that are marked.
    pub(super) fn is_marked(&self) -> bool {
        !self.broke.is_empty() || self.is_involved || self.decisive.is_some()
    }
}

/// The lanes, in the order in which they were met.
#[derive(Default)]
struct Lanes {
    met: Vec<(LaneKind, String)>,
    places: BTreeMap<LaneKind, usize>,
}

impl Lanes {
    fn lane(&mut self, execution: &Execution, kind: LaneKind) -> usize {
        *self.places.entry(kind).or_insert_with(|| {
            let name = match kind {
                LaneKind::Host => "Host",
                LaneKind::Start => "Provider's start",
                LaneKind::Task(task) => execution.task_name(task),
                LaneKind::Timer => "Timer",
                LaneKind::Network => "Network",
            };
            self.met.push((kind, name.to_owned()));
            self.met.len() - 1
        })
    }

    /// The lanes from left to right; the rows refer to them by their new places. A lane that no
    /// row touches is left out.
    fn in_order(self, rows: &mut [Row]) -> Vec<Lane> {
        let mut used = vec![false; self.met.len()];
        for row in rows.iter() {
            used[row.from] = true;
            row.to.iter().for_each(|to| used[*to] = true);
        }
        let mut order: Vec<usize> = (0..self.met.len()).filter(|lane| used[*lane]).collect();
        // Tasks stay in the order in which they come up: a reader meets them from left to right.
        order.sort_by_key(|lane| match self.met[*lane].0 {
            LaneKind::Host => 0,
            LaneKind::Start => 1,
            LaneKind::Task(_) => 2,
            LaneKind::Timer => 3,
            LaneKind::Network => 4,
        });
        let mut places = vec![0; self.met.len()];
        for (place, lane) in order.iter().enumerate() {
            places[*lane] = place;
        }
        for row in rows {
            row.from = places[row.from];
            row.to.iter_mut().for_each(|to| *to = places[*to]);
        }
        let lane = |lane: usize| {
            let (kind, name) = self.met[lane].clone();
            Lane { name, kind }
        };
        order.into_iter().map(lane).collect()
    }
}

/// Which tasks run the host's code, and when they run the provider's methods.
struct Hosts {
    tasks: Vec<TaskId>,
    /// For each call, whether its task is inside of a method of the provider's.
    inside: Vec<bool>,
}

impl Hosts {
    fn of(execution: &Execution) -> Self {
        // What a callback does, such as to ask for a cancel, the host does in the provider's tasks.
        let by_host = |seen: &&SeenCall| {
            matches!(
                seen.call.call,
                Call::Start { .. }
                    | Call::Shutdown { .. }
                    | Call::EventWaited { by: Party::Host, .. }
            )
        };
        let mut tasks: Vec<TaskId> =
            execution.calls.iter().filter(by_host).map(|seen| seen.task).collect();
        tasks.push(TaskId::MAIN);
        tasks.sort_unstable();
        tasks.dedup();
        let mut depth: BTreeMap<TaskId, u32> = BTreeMap::new();
        let inside = execution.calls.iter().map(|seen| {
            let depth = depth.entry(seen.task).or_default();
            match seen.call.call {
                Call::Start { .. } | Call::Shutdown { .. } => *depth += 1,
                Call::StartReturned { .. } | Call::ShutdownReturned { .. } => {
                    *depth = depth.saturating_sub(1);
                    return true;
                }
                _ => {}
            }
            *depth > 0
        });
        Self { inside: inside.collect(), tasks }
    }

    fn lane_of(&self, execution: &Execution, task: TaskId) -> LaneKind {
        if task == TaskId::CLOCK {
            LaneKind::Timer
        } else if !execution.is_of_program && self.tasks.binary_search(&task).is_ok() {
            LaneKind::Host
        } else {
            LaneKind::Task(task)
        }
    }

    /// Where a call comes from, and where it goes.
    fn ends(
        &self,
        execution: &Execution,
        place: usize,
        seen: &SeenCall,
    ) -> (LaneKind, Option<LaneKind>) {
        let provider = match self.lane_of(execution, seen.task) {
            LaneKind::Host if self.inside[place] => LaneKind::Start,
            lane => lane,
        };
        match &seen.call.call {
            Call::Start { .. } | Call::Shutdown { .. } => (LaneKind::Host, Some(LaneKind::Start)),
            Call::StartReturned { .. } | Call::ShutdownReturned { .. } => {
                (LaneKind::Start, Some(LaneKind::Host))
            }
            Call::Ended { answer: Answer::Dropped, .. } => (provider, None),
            Call::Ended { .. } => (LaneKind::Host, Some(provider)),
            Call::Queried
            | Call::AddRef
            | Call::Release
            | Call::Progress { .. }
            | Call::Error { .. }
            | Call::Done { .. } => (provider, Some(LaneKind::Host)),
            Call::EventDuplicated { by: Party::Host, .. }
            | Call::EventSet { by: Party::Host, .. }
            | Call::EventWaited { by: Party::Host, .. }
            | Call::EventClosed { by: Party::Host, .. }
            | Call::CancelRequested
            | Call::TextRead { .. } => (LaneKind::Host, None),
            _ => (provider, None),
        }
    }
}

/// Adds who woke whom, and who sleeps.
fn add_segments(
    rows: &mut Vec<(usize, u8, Row)>,
    lanes: &mut Lanes,
    execution: &Execution,
    hosts: &Hosts,
) {
    for note in &execution.segments {
        // The line of a program's step says it.
        let has_line = execution.is_of_program && note.task != TaskId::CLOCK;
        let Some(words) = segment_in_words(execution, note).filter(|_| !has_line) else { continue };
        let from = lanes.lane(execution, hosts.lane_of(execution, note.task));
        let mut to: Vec<usize> = Vec::new();
        for task in &note.woke {
            let lane = lanes.lane(execution, hosts.lane_of(execution, *task));
            if lane != from && !to.contains(&lane) {
                to.push(lane);
            }
        }
        let row = Row {
            words,
            to,
            is_faint: true,
            ..Row::new(RowKind::Wake, note.step, note.at_ms, from)
        };
        rows.push((execution.lines_before(note.step + 1), SEGMENT, row));
    }
}

/// Adds decisions and notes.
fn add_events(
    rows: &mut Vec<(usize, u8, Row)>,
    lanes: &mut Lanes,
    execution: &Execution,
    hosts: &Hosts,
) {
    let by_name = |name: &str| {
        let task = execution.tasks.iter().find(|(_, known)| *known == name);
        task.map(|(task, _)| hosts.lane_of(execution, *task))
    };
    for event in &execution.events {
        let of_task = by_name(&event.task).unwrap_or(LaneKind::Timer);
        let kind = match event.kind {
            None => RowKind::Note,
            Some(Kind::Fault | Kind::Drop | Kind::DropWaiting) => RowKind::Fault,
            Some(_) => RowKind::Decision,
        };
        let (from, to) =
            if event.is_of_network { (LaneKind::Network, Some(of_task)) } else { (of_task, None) };
        let row = Row {
            words: event.text.clone(),
            to: to.into_iter().map(|to| lanes.lane(execution, to)).collect(),
            ..Row::new(
                kind,
                event.step,
                event.at_ms.unwrap_or_default(),
                lanes.lane(execution, from),
            )
        };
        rows.push((event.before, EVENT, row));
    }
}

/// Marks what breaks, what is involved and what decides, and adds what never came.
fn add_marks(
    rows: &mut Vec<(usize, u8, Row)>,
    execution: &Execution,
    breaches: &[&Breach],
    why: Option<&Why>,
) {
    let decisive = why.map_or_else(Vec::new, Why::steps);
    for (place, rank, row) in rows.iter_mut() {
        if *rank != LINE {
            continue;
        }
        for breach in breaches {
            if breach.place == BreachPlace::At(*place) {
                row.broke.push(breach.defect.id());
            }
            row.is_involved |= breach.involved.contains(place);
        }
    }
    // The first row of a step is marked that a reader looks for; of a step that has none, a wake.
    for (number, step) in (1..).zip(&decisive) {
        let of_step = rows.iter().enumerate().filter(|(_, (_, _, row))| row.step == *step);
        let order =
            |(_, (before, rank, row)): &(usize, &(usize, u8, Row))| (row.is_faint, *before, *rank);
        if let Some(place) = of_step.min_by_key(order).map(|(place, _)| place) {
            rows[place].2.decisive = Some(number);
        }
    }
    let first = rows.len();
    for breach in breaches {
        let BreachPlace::After(before) = breach.place else { continue };
        let id = breach.defect.id();
        if let Some((_, _, row)) = rows[first..].iter_mut().find(|(of, _, _)| *of == before) {
            row.broke.push(id);
            continue;
        }
        let panic = execution.outcome.panics.first().filter(|_| breach.defect == Defect::Panic);
        let by_then = execution.segments.partition_point(|note| note.at_ms <= breach.at_ms);
        let by_then = by_then.checked_sub(1).map_or(0, |place| execution.segments[place].step);
        let row = Row {
            words: breach.message.clone(),
            broke: vec![id],
            ..Row::new(
                RowKind::Absence,
                panic.map_or(by_then, |panic| panic.step),
                breach.at_ms,
                // Where the calls end: the host, or a program's first task.
                0,
            )
        };
        rows.push((before, ABSENCE, row));
    }
}

/// What is known of each segment.
fn facts(execution: &Execution) -> BTreeMap<u64, StepFacts> {
    let mut woken: BTreeMap<TaskId, u64> = BTreeMap::new();
    let mut known: Vec<TaskId> = Vec::new();
    let fact = |note: &SegmentNote| {
        let is_new = match known.binary_search(&note.task) {
            Ok(_) => false,
            Err(place) => {
                known.insert(place, note.task);
                true
            }
        };
        let cause = match woken.remove(&note.task) {
            Some(step) => Cause::Woken(step),
            None if is_new => Cause::New,
            None => Cause::GoesOn,
        };
        for task in &note.woke {
            woken.insert(*task, note.step);
        }
        let SegmentNote { task, at_ms, sleeps_until, .. } = *note;
        let could_run = note.could_run.clone();
        (note.step, StepFacts { task, at_ms, could_run, cause, sleeps_until })
    };
    execution.segments.iter().map(fact).collect()
}

#[cfg(test)]
mod tests;
