//! The JSON of a check and of a replay.

use mapi_sync::contract::{CallId, Rule};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::check::{
    Breach, BreachPlace, Defect, Event, Execution, Goal, Hang, HangPhase, ReplayOutcome, Replayed,
    Report, Subject, SubjectKind,
};
use crate::engine::{Mode, SegmentNote, TaskId};
use crate::report::changes::changes_in_words;
use crate::world::{Coverage, Fault, Scenario, SeenCall, SeenStep};
use crate::{Counterexample, DecisiveStep, Why};

/// The result of `mapi-sync check`.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// `builtin`, `mutant`, `variant`, `file`, `provider` or `program`.
    kind: &'static str,
    /// The name of the scenario, or of the program.
    scenario: String,
    strategy: &'static str,
    seed: u64,
    /// How many executions were asked for; `null` is "all", of an exhaustive strategy.
    requested: Option<u64>,
    /// How many executions were run.
    schedules: u64,
    /// Whether everything that was asked for was run.
    complete: bool,
    /// Of an exhaustive strategy: how many classes of executions, or executions, it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<u64>,
    /// Of an exhaustive strategy: about how many there are; exact when `complete`, `null` if
    /// unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_classes: Option<f64>,
    /// Of an exhaustive strategy: what it has shown, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    /// Of an exhaustive strategy: what every execution kept to, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<Vec<String>>,
    /// Whether Ctrl-C ended it.
    interrupted: bool,
    /// The poll that did not return and ended it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    hang: Option<HungPoll>,
    /// Poll segments and clock moves.
    steps: u64,
    /// How many executions were run again under the same decisions, and compared.
    repeated: u64,
    /// The chance that these showed a difference that shows in 1 % of all runs.
    chance_to_see_1_percent: f64,
    /// Real time, in seconds.
    elapsed_s: f64,
    schedules_per_s: f64,
    jobs: usize,
    coverage: Counters,
    /// The author's goals. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<GoalMet>,
    /// Reasons why the check proves less than it seems to.
    warnings: Vec<String>,
    /// The rules that had no chance to be broken. A program has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_chance: Option<Vec<NoChance>>,
    /// One for each defect.
    violations: Vec<Violation>,
}

impl From<&Report> for Check {
    fn from(report: &Report) -> Self {
        Self {
            kind: kind(report.kind),
            scenario: report.scenario.clone(),
            strategy: report.strategy,
            seed: report.seed,
            requested: report.requested,
            schedules: report.schedules,
            complete: report.complete,
            classes: report.proof.as_ref().map(|proof| proof.count),
            estimated_classes: report.proof.as_ref().map(|proof| proof.estimate),
            certificate: report.proof.as_ref().map(ToString::to_string),
            bounds: report.proof.as_ref().map(|proof| proof.bounds.clone()),
            interrupted: report.interrupted,
            hang: report.hang.as_ref().map(HungPoll::from),
            steps: report.steps,
            repeated: report.repeated,
            chance_to_see_1_percent: report.chance_to_see_a_difference(0.01),
            elapsed_s: report.elapsed.as_secs_f64(),
            schedules_per_s: report.schedules_per_s(),
            jobs: report.jobs,
            coverage: Counters {
                coverage: report.coverage.clone(),
                of_program: report.kind == SubjectKind::Program,
            },
            goals: report.goals.iter().map(GoalMet::from).collect(),
            warnings: report.warnings.iter().map(|warning| warning.in_words(report.kind)).collect(),
            no_chance: (report.kind != SubjectKind::Program)
                .then(|| report.vacuous.iter().filter_map(NoChance::of).collect()),
            violations: report.counterexamples.iter().flat_map(Violation::all).collect(),
        }
    }
}

/// A goal of the author's.
#[derive(Debug, Serialize)]
struct GoalMet {
    name: &'static str,
    /// How many schedules met it; 0 comes with a warning.
    schedules: u64,
}

impl From<&Goal> for GoalMet {
    fn from(goal: &Goal) -> Self {
        Self { name: goal.name, schedules: goal.met }
    }
}

fn kind(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Builtin => "builtin",
        SubjectKind::Mutant => "mutant",
        SubjectKind::Variant => "variant",
        SubjectKind::Given => "file",
        SubjectKind::Provider => "provider",
        SubjectKind::Program => "program",
    }
}

/// Something that happened between the calls of a time line.
#[derive(Debug, Serialize)]
struct TimelineEvent {
    /// How many of the calls came before.
    before: usize,
    /// The step of the execution in which it happened, or before which, from 0.
    step: u64,
    /// When a note was made, in virtual milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<u64>,
    task: String,
    text: String,
}

impl From<&Event> for TimelineEvent {
    fn from(event: &Event) -> Self {
        let Event { before, step, at_ms, task, text, .. } = event.clone();
        Self { before, step, at_ms, task, text }
    }
}

/// A segment, or a move of the clock, in which a task was woken or began to sleep, or before which
/// several tasks could have run.
#[derive(Debug, Serialize)]
struct Segment {
    /// From 0.
    step: u64,
    /// Virtual milliseconds.
    at_ms: u64,
    /// The task that ran; `clock` for the clock.
    task: String,
    /// The tasks that could have run, it among them; of more than 64, the first 64.
    could_run: Vec<String>,
    /// The tasks that it woke.
    wakes: Vec<String>,
    /// When the clock is to wake it, in virtual milliseconds, if it sleeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    sleeps_until_ms: Option<u64>,
}

impl Segment {
    fn all(execution: &Execution) -> Vec<Self> {
        let says = |note: &&SegmentNote| {
            note.could_run.len() > 1 || !note.woke.is_empty() || note.sleeps_until.is_some()
        };
        let names = |tasks: &[TaskId]| {
            tasks.iter().map(|task| execution.task_name(*task).to_owned()).collect()
        };
        let segment = |note: &SegmentNote| Self {
            step: note.step,
            at_ms: note.at_ms,
            task: execution.task_name(note.task).to_owned(),
            could_run: names(&note.could_run),
            wakes: names(&note.woke),
            sleeps_until_ms: note.sleeps_until,
        };
        execution.segments.iter().filter(says).map(segment).collect()
    }
}

/// A rule that had no chance to be broken.
#[derive(Debug, Serialize)]
struct NoChance {
    rule: &'static str,
    /// What it needs and never came, in words.
    why: String,
}

impl NoChance {
    fn of(rule: &Rule) -> Option<Self> {
        Some(Self { rule: rule.id(), why: rule.needs()?.to_string() })
    }
}

/// A poll that did not return.
#[derive(Debug, Serialize)]
struct HungPoll {
    task: String,
    /// The step of the execution, from 0.
    step: u64,
    /// The number of the schedule, from 1, if schedules have numbers and it hung in one.
    schedule: Option<u64>,
    /// All of that in a sentence.
    message: String,
    /// The argument of `mapi-sync replay`, if the schedule hung again.
    token: Option<String>,
    /// The defects that were found before, and not shown, for that hung too.
    unshown: Vec<&'static str>,
}

impl From<&Hang> for HungPoll {
    fn from(hang: &Hang) -> Self {
        Self {
            task: hang.task.clone(),
            step: hang.step,
            schedule: match hang.during {
                HangPhase::Schedule(number) => Some(number + 1),
                _ => None,
            },
            message: hang.to_string(),
            token: hang.token.as_ref().map(ToString::to_string),
            unshown: hang.unshown.iter().map(|defect| defect.id()).collect(),
        }
    }
}

/// Counters by name.
#[derive(Debug)]
struct Counters {
    coverage: Coverage,
    /// Whether they are of a program, which has only the engine's.
    of_program: bool,
}

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let is_engines = |name| Fault::ALL.iter().any(|f| f.name() == name && f.is_engines());
        for (name, count) in self.coverage.counters() {
            if !self.of_program || is_engines(name) {
                map.serialize_entry(name, &count)?;
            }
        }
        map.end()
    }
}

/// A broken rule, or an execution that is wrong in itself.
#[derive(Debug, Serialize)]
struct Violation {
    /// A rule's id, or `deadlock`, `livelock`, `panic`, `error`, `leaked-task`, `nondeterminism`;
    /// of a property, its name.
    rule: &'static str,
    /// Of a property of the author's: when it is to hold. `invariant`, `at-end` or `eventually`.
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'static str>,
    /// `must`, `should` or `policy`.
    level: String,
    /// `provider`, `host` or, where the calls do not show it, `unknown`. A program has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    blame: Option<String>,
    /// What happened, in a sentence.
    message: String,
    /// The rule in words.
    statement: &'static str,
    /// The argument of `mapi-sync replay`.
    token: String,
    /// The number of the first execution that showed it, from 1; `null` in a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<u64>,
    /// How many decisions the token has.
    decisions: usize,
    /// How many it had before it was made smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_decisions: Option<usize>,
    /// How many executions making it smaller took.
    #[serde(skip_serializing_if = "Option::is_none")]
    shrink_executions: Option<u32>,
    /// Why it may not be as small as it gets, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_minimal: Option<&'static str>,
    /// Why nothing is said about what decides, if there was no time to find out.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_explained: Option<&'static str>,
    /// The steps that follow one of another task.
    context_switches: u64,
    /// How its scenario differs from that of the check. The token carries it.
    changes: Vec<Change>,
    /// Why the execution shows it; `null` if the check did not look for that.
    decisive: Option<Decisive>,
    /// Virtual milliseconds.
    at_ms: u64,
    /// The account that it happened in; `null` if in none. A program has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Option<String>>,
    /// The place in `timeline` of the call, or of the program's step, that did it; `null` if
    /// something that is missing is the defect.
    at_call: Option<usize>,
    /// The calls, or the program's steps, involved.
    calls: Vec<Line>,
    /// Every call of the execution; of a program, every step.
    timeline: Vec<Line>,
    /// What happened between the lines of the time line: faults, drops, values, notes.
    events: Vec<TimelineEvent>,
    /// Who could have run, who woke whom, and who slept.
    segments: Vec<Segment>,
}

impl Violation {
    fn all(shown: &Counterexample) -> impl Iterator<Item = Self> + '_ {
        shown.defects.iter().enumerate().filter_map(move |(number, defect)| {
            let breach = shown.execution.breach(*defect)?;
            let token = shown.token_of(*defect).to_string();
            Some(Self {
                schedule: Some(shown.index + 1),
                found_decisions: Some(shown.found_decisions),
                shrink_executions: Some(shown.shrink_executions),
                not_minimal: shown.shrinking.shortfall(),
                not_explained: shown.explaining.shortfall(),
                changes: Change::all(&shown.subject, &shown.scenario),
                // The check looked for the reason of the first defect only.
                decisive: Decisive::new(shown).filter(|_| number == 0),
                ..Self::new(&shown.execution, breach, &token, shown.decisions.len())
            })
        })
    }

    fn new(execution: &Execution, breach: &Breach, token: &str, decisions: usize) -> Self {
        let Breach { defect, message, account, at_ms, place, involved, .. } = breach;
        Self {
            rule: defect.id(),
            property: match defect {
                Defect::Property(property) => Some(property.kind.name()),
                _ => None,
            },
            level: execution.level(*defect).to_string(),
            blame: (!execution.is_of_program).then(|| {
                defect.blame().map_or_else(|| "unknown".to_owned(), |blame| blame.to_string())
            }),
            message: message.clone(),
            statement: defect.statement(),
            token: token.to_owned(),
            schedule: None,
            decisions,
            found_decisions: None,
            shrink_executions: None,
            not_minimal: None,
            not_explained: None,
            context_switches: execution.switches,
            changes: Vec::new(),
            decisive: None,
            at_ms: *at_ms,
            account: (!execution.is_of_program)
                .then(|| account.and_then(|account| execution.accounts.get(account).cloned())),
            at_call: match place {
                BreachPlace::At(place) => Some(*place),
                BreachPlace::After(_) => None,
            },
            calls: involved.iter().filter_map(|place| Line::at(execution, *place)).collect(),
            timeline: Line::all(execution),
            events: execution.events.iter().map(TimelineEvent::from).collect(),
            segments: Segment::all(execution),
        }
    }
}

/// Why an execution shows a defect.
#[derive(Debug, Serialize)]
struct Decisive {
    /// `order` of two adjacent steps; `fault`, `drop`, `spurious`, `choice` or `switch` for a
    /// decision; `every_schedule`; or `several` things together.
    kind: &'static str,
    /// The decision in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    /// The two steps, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
    /// How many steps of the second's task, from it on, are exchanged with the first, if more than
    /// one.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<u64>,
    /// A token of the execution with the two exchanged, or without the decision. It does not show
    /// the defect.
    #[serde(skip_serializing_if = "Option::is_none")]
    without: Option<String>,
    /// How many other schedules were run that show the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Step {
    /// From 0.
    step: u64,
    task: String,
    /// The calls that it made; of a program, the step itself.
    calls: Vec<Line>,
}

impl Decisive {
    fn new(shown: &Counterexample) -> Option<Self> {
        let why = shown.why.as_ref()?;
        let step = |step: &DecisiveStep| Step {
            step: step.step,
            task: step.task.clone(),
            calls: step
                .calls
                .iter()
                .filter_map(|place| Line::at(&shown.execution, *place))
                .collect(),
        };
        let (kind, what, steps, others) = match why {
            Why::Order { first, second, .. } => {
                ("order", None, vec![step(first), step(second)], None)
            }
            Why::Decision { kind, what, .. } => (kind.name(), Some(what.clone()), Vec::new(), None),
            Why::EverySchedule { others } => ("every_schedule", None, Vec::new(), Some(*others)),
            Why::Several => ("several", None, Vec::new(), None),
        };
        let without = why.without().map(|without| shown.subject.token(without.clone()).to_string());
        let moved = match why {
            Why::Order { moved, .. } if *moved > 1 => Some(*moved),
            _ => None,
        };
        Some(Self { kind, what, steps, moved, without, others })
    }
}

/// A number of a scenario that was changed.
#[derive(Debug, Serialize)]
struct Change {
    /// Its name.
    what: String,
    from: String,
    to: String,
}

impl Change {
    fn all(subject: &Subject, scenario: &Scenario) -> Vec<Self> {
        let words = changes_in_words(subject, scenario).into_iter();
        words.map(|(what, from, to)| Self { what, from, to }).collect()
    }
}

/// A line of a time line.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line {
    Call(Call),
    Step(ProgramStep),
}

impl Line {
    fn at(execution: &Execution, place: usize) -> Option<Self> {
        if execution.is_of_program {
            let seen = execution.steps.get(place)?;
            return Some(Self::Step(ProgramStep::new(execution, seen)));
        }
        execution.calls.get(place).map(|seen| Self::Call(Call::new(execution, seen)))
    }

    fn all(execution: &Execution) -> Vec<Self> {
        (0..).map_while(|place| Self::at(execution, place)).collect()
    }
}

/// A step of a program.
#[derive(Debug, Serialize)]
struct ProgramStep {
    /// Virtual milliseconds.
    at_ms: u64,
    /// The step of the execution, from 0.
    step: u64,
    /// The task whose it was.
    task: String,
    /// What it did, in words.
    what: String,
    /// Which tracked objects it used.
    uses: Vec<ObjectUse>,
}

/// A use of a tracked object.
#[derive(Debug, Serialize)]
struct ObjectUse {
    object: String,
    /// `read`, `write` or `count`: the last commutes with others of its kind.
    mode: &'static str,
}

impl ProgramStep {
    fn new(execution: &Execution, seen: &SeenStep) -> Self {
        let uses = seen.uses.iter().map(|used| ObjectUse {
            object: used.object.clone(),
            mode: match used.mode {
                Mode::Read => "read",
                Mode::Write => "write",
                Mode::Commute => "count",
            },
        });
        Self {
            at_ms: seen.at_ms,
            step: seen.step,
            task: execution.task_of_step(seen).to_owned(),
            what: execution.step_in_words(seen),
            uses: uses.collect(),
        }
    }
}

/// A call between provider and host.
#[derive(Debug, Serialize)]
struct Call {
    /// Virtual milliseconds.
    at_ms: u64,
    /// The step of the execution, from 0.
    step: u64,
    account: Option<String>,
    /// The sync's number in its account, from 1; 0 for a call of the store's.
    sync: u32,
    /// The task that made it.
    task: String,
    /// A callback's number in its sync, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    /// The call with its arguments.
    call: String,
}

impl Call {
    fn new(execution: &Execution, seen: &SeenCall) -> Self {
        Self {
            at_ms: seen.call.at_ms,
            step: seen.step,
            account: execution.accounts.get(seen.account).cloned(),
            sync: seen.call.sync.0,
            task: execution.task_of(seen).to_owned(),
            number: seen.call.number.map(|CallId(number)| number),
            call: seen.call.call.to_string(),
        }
    }
}

/// The result of `mapi-sync replay`.
#[derive(Debug, Serialize)]
pub(super) struct Replay {
    scenario: String,
    /// `builtin`, `mutant`, `variant`, `file`, `provider` or `program`.
    kind: &'static str,
    /// `broken`, `mended`, `no-longer-applies` or `outside-thread`.
    outcome: &'static str,
    /// Whether the execution shows the defect that the token names; `null` if it names none.
    shows_its_defect: Option<bool>,
    /// How many decisions the token has.
    decisions: usize,
    /// The decisions that were not taken as before; `null` if all were.
    left_over: Option<LeftOver>,
    steps: u64,
    /// Virtual milliseconds at the end.
    virtual_ms: u64,
    /// How the execution ended.
    end: String,
    /// The steps that follow one of another task.
    context_switches: u64,
    /// How its scenario differs from the scenario of the check.
    changes: Vec<Change>,
    violations: Vec<Violation>,
    timeline: Vec<Line>,
    events: Vec<TimelineEvent>,
    segments: Vec<Segment>,
}

#[derive(Debug, Serialize)]
struct LeftOver {
    /// How many were not taken; 0 if all were, but not after the same steps.
    count: usize,
    /// The first of them, in words; the last of all if all were taken.
    first: String,
}

impl From<&Replayed> for Replay {
    fn from(replayed: &Replayed) -> Self {
        let Replayed { subject, execution, scenario, token, left_over } = replayed;
        let text = token.to_string();
        let violation = |breach| Violation {
            changes: Change::all(subject, scenario),
            ..Violation::new(execution, breach, &text, token.decisions.len())
        };
        Self {
            scenario: subject.name.clone(),
            kind: kind(subject.kind),
            outcome: match replayed.outcome() {
                ReplayOutcome::Broken => "broken",
                ReplayOutcome::Mended => "mended",
                ReplayOutcome::NoLongerApplies => "no-longer-applies",
                ReplayOutcome::OutsideThread => "outside-thread",
            },
            shows_its_defect: replayed.shows_its_defect(),
            decisions: token.decisions.len(),
            left_over: left_over.as_ref().map(|left_over| LeftOver {
                count: left_over.count,
                first: left_over.what.clone(),
            }),
            steps: execution.outcome.steps,
            virtual_ms: execution.outcome.virtual_ms,
            end: execution.outcome.end.to_string(),
            context_switches: execution.switches,
            changes: Change::all(subject, scenario),
            violations: execution.breaches.iter().map(violation).collect(),
            timeline: Line::all(execution),
            events: execution.events.iter().map(TimelineEvent::from).collect(),
            segments: Segment::all(execution),
        }
    }
}
