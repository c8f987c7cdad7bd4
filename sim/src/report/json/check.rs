//! The JSON of a check and of a replay.

use mapi_sync::contract::Rule;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::timeline::{Line, Segment, TimelineEvent};
use crate::check::{
    Breach, BreachPlace, Defect, Execution, Goal, Hang, HangPhase, ReplayOutcome, Replayed, Report,
    Subject, SubjectKind,
};
use crate::report::changes::changes_in_words;
use crate::world::{Coverage, Fault, Scenario};
use crate::{Counterexample, DecisiveStep, Why};

/// The result of `mapi-sync check`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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

/// A rule that had no chance to be broken.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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

#[cfg(feature = "cli")]
impl schemars::JsonSchema for Counters {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Counters".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let count = generator.subschema_for::<u64>();
        schemars::json_schema!({
            "description": "How often each feature and each fault came up, by its name.",
            "type": "object",
            "additionalProperties": count,
        })
    }
}

/// A broken rule, or an execution that is wrong in itself.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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
    /// What went wrong, in one sentence that names the tasks.
    sentence: String,
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
                sentence: shown.sentence_of(*defect),
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
            sentence: execution.sentence(*defect).unwrap_or_default(),
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
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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

/// The result of `mapi-sync replay`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
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
