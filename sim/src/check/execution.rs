//! One execution with a log: its calls in order, and what is wrong with it.

use std::collections::BTreeMap;

use mapi_sync::contract::{Call, CallRecord, Level, SyncId, Violation};

use super::why::decision_at;
use crate::decision::{Decisions, Kind};
use crate::defect::{Defect, Ranking, end_defect};
use crate::engine::{
    BrokenProperty, End, Engine, Mode, Outcome, Property, PropertyKind, SegmentNote, TaskId,
};
use crate::program::Returned;
use crate::shrink::switches;
use crate::stand_in::is_network_fault;
use crate::world::{
    Fault, Finding, Happened, Happening, Observed, Scenario, SeenCall, SeenStep, Variation, World,
    undocumented_acts,
};

/// An execution that can be shown: every call in order, and what was broken where.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Execution {
    /// The accounts' names, by number.
    pub accounts: Vec<String>,
    /// The tasks, with names of their own: a number, in order of spawning, is added where several
    /// have the same.
    pub tasks: BTreeMap<TaskId, String>,
    /// Every call, in order. A program makes none.
    pub calls: Vec<SeenCall>,
    /// Every step of a program, in order, but for the clock's. Of a provider, the calls say more.
    pub steps: Vec<SeenStep>,
    /// What happened between the calls, or the steps: decisions that are no context switches, and
    /// what the provider [noted](crate::engine::note).
    pub events: Vec<Event>,
    /// Its segments and moves of the clock, in order: which tasks could have run, which were
    /// woken, and who sleeps.
    pub segments: Vec<SegmentNote>,
    /// What is wrong with it; at most one for each defect. What must not be comes before what
    /// should not and what a policy forbids, and otherwise each in the order in which it was
    /// found. A deadlock, a livelock or a panic comes before the rules of its level that are
    /// broken because something never came: they follow from it.
    pub breaches: Vec<Breach>,
    /// The author's [properties](mod@crate::property) that it was held to.
    pub properties: Vec<Property>,
    /// How the engine ended it.
    pub outcome: Outcome,
    /// What the host did in it that no document promises to work. A defect is then a matter of
    /// [policy](Self::level): whether a host does that is open.
    pub undocumented: Vec<Variation>,
    /// Whether it is one of a [program](crate::explore).
    pub is_of_program: bool,
    /// Its context switches: the steps that follow one of another task. The clock is no task.
    pub switches: u64,
}

/// Something that happened between the calls of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// How many of the [calls](Execution::calls), or of a program's [steps](Execution::steps),
    /// came before.
    pub before: usize,
    /// The step of the execution in which it happened, or before which, from 0.
    pub step: u64,
    /// When a note was made, in virtual milliseconds.
    pub at_ms: Option<u64>,
    /// The task that noted something, or that a decision is about.
    pub task: String,
    /// What happened, in words.
    pub text: String,
    /// The sort of the decision; `None` of a note.
    pub kind: Option<Kind>,
    /// Whether it is a fault of the network.
    pub is_of_network: bool,
}

impl Event {
    fn new(happening: Happening, tasks: &BTreeMap<TaskId, String>, engine: &Engine) -> Self {
        let Happening { before, step, what } = happening;
        let name = |task: TaskId| tasks.get(&task).cloned().unwrap_or_default();
        match what {
            Happened::Note(note) => Self {
                before,
                step,
                at_ms: Some(note.at_ms),
                task: name(note.task),
                text: format!("note: {}", note.text),
                kind: None,
                is_of_network: false,
            },
            Happened::Decision(departure) => {
                let task =
                    engine.task_with_key(departure.place.task).map_or_else(String::new, name);
                let site = engine.site_name(departure.place.site);
                let text = decision_at(&departure, site, &task, "");
                let kind = departure.place.kind;
                let site = crate::world::site_name(departure.place.site).or(site);
                let is_of_network = kind == Kind::Fault && site.is_some_and(is_of_network);
                Self { before, step, at_ms: None, task, text, kind: Some(kind), is_of_network }
            }
        }
    }
}

/// Whether a fault of this name strikes a network: that of the simulated provider, or a stand-in.
fn is_of_network(site: &str) -> bool {
    let simulated = [Fault::NetworkLoss, Fault::NetworkLatency, Fault::Offline];
    simulated.iter().any(|fault| fault.name() == site) || is_network_fault(site)
}

/// A defect of one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breach {
    /// Which.
    pub defect: Defect,
    /// What happened, in a sentence.
    pub message: String,
    /// The account that it happened in, where it is a broken rule.
    pub account: Option<usize>,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// Where.
    pub place: BreachPlace,
    /// The places in [`Execution::calls`] of the calls involved, in ascending order; of a program,
    /// those of its [steps](Execution::steps).
    pub involved: Vec<usize>,
    /// Whether it is one because something never came.
    pub never_came: bool,
    /// The violation, where it is a broken rule.
    pub violation: Option<Violation>,
}

/// Where in [`Execution::calls`], or in a program's [`steps`](Execution::steps), a defect shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreachPlace {
    /// The call at this index breaks the rule, or the step does it.
    At(usize),
    /// Something is missing after the first calls or steps, as many as this number says.
    After(usize),
}

impl Execution {
    /// What the last execution of `engine`, of a world of `scenario`, showed.
    ///
    /// A rule or a property that sets a bound in time is not judged where work was late.
    pub(crate) fn new(scenario: &Scenario, mut observed: Observed, engine: &Engine) -> Self {
        let bounds_time = |finding: &Finding| finding.violation.rule.bounds_time();
        let is_bound = |broken: &BrokenProperty| broken.property.kind == PropertyKind::Eventually;
        let bounded =
            observed.violations.iter().any(bounds_time) || observed.broken.iter().any(is_bound);
        if bounded && engine.decisions().has_late_work() {
            observed.violations.retain(|finding| !bounds_time(finding));
            observed.broken.retain(|broken| !is_bound(broken));
        }
        let mut breaches: Vec<Breach> = Vec::new();
        for broken in &observed.broken {
            let defect = Defect::Property(broken.property);
            if breaches.iter().all(|breach| breach.defect != defect) {
                breaches.push(property_breach(&observed, broken));
            }
        }
        for Finding { account, violation } in &observed.violations {
            if breaches.iter().all(|breach| breach.defect != Defect::Rule(violation.rule)) {
                breaches.push(broken_rule(&observed.calls, *account, violation));
            }
        }
        let tasks = task_names(engine, observed.outcome.tasks);
        let ends =
            [panic_breach(&observed, &tasks), error_breach(&observed), engine_breach(&observed)];
        let ranking = Ranking::of(&observed);
        breaches.extend(ends.into_iter().flatten());
        if observed.is_excused() {
            breaches.clear();
        }
        breaches.sort_by_key(|breach| ranking.place(breach.defect, breach.never_came));
        let accounts = if observed.is_of_program {
            Vec::new()
        } else {
            scenario.accounts.iter().map(|account| account.name.clone()).collect()
        };
        let Observed { calls, steps, outcome, happenings, segments, .. } = observed;
        let Observed { is_of_program, properties, .. } = observed;
        let event = |happening| Event::new(happening, &tasks, engine);
        let events = happenings.into_iter().map(event).collect();
        let undocumented = undocumented_acts(&engine.decisions());
        let switches = switches(engine.trace().filter(|task| *task != TaskId::CLOCK));
        Self {
            accounts,
            tasks,
            calls,
            steps,
            events,
            segments,
            breaches,
            properties,
            outcome,
            undocumented,
            is_of_program,
            switches,
        }
    }

    /// Adds a defect that the calls do not show, before the others: it casts doubt on them.
    pub(super) fn add_first(&mut self, defect: Defect, message: String) {
        self.breaches.insert(0, at_the_end(self.lines(), &self.outcome, defect, message));
    }

    /// How many calls it has, or a program's steps.
    pub(crate) fn lines(&self) -> usize {
        self.calls.len().max(self.steps.len())
    }

    /// The places of the calls, or of a program's steps, of this step of the execution.
    pub(super) fn lines_of(&self, step: u64) -> Vec<usize> {
        let calls = self.calls.iter().map(|seen| seen.step);
        let steps = self.steps.iter().map(|seen| seen.step);
        let lines = calls.chain(steps).enumerate();
        lines.filter(|(_, of)| *of == step).map(|(place, _)| place).collect()
    }

    /// If it is a deadlock, runs its decisions once more, with `engine`, to find out where the
    /// tasks wait.
    pub(super) fn find_places(&mut self, world: &World, engine: Engine, decisions: &Decisions) {
        let End::Deadlock(blocked) = &mut self.outcome.end else { return };
        let mut engine = engine;
        engine.find_places(&LIBRARIES);
        let second = world.replay(&mut engine, decisions);
        let End::Deadlock(located) = &second.outcome.end else { return };
        for (task, located) in blocked.iter_mut().zip(located) {
            if task.task == located.task && task.on == located.on {
                task.place.clone_from(&located.place);
            }
        }
        for breach in &mut self.breaches {
            if matches!(breach.defect, Defect::Deadlock | Defect::LeakedTask) {
                breach.message = end_message(breach.defect, &self.outcome.end, self.is_of_program);
            }
        }
    }

    /// The name of the task that made a call.
    #[must_use]
    pub fn task_of(&self, seen: &SeenCall) -> &str {
        self.tasks.get(&seen.task).map_or("", String::as_str)
    }

    /// The name of a task; `clock` for the clock.
    #[must_use]
    pub fn task_name(&self, task: TaskId) -> &str {
        if task == TaskId::CLOCK { "clock" } else { self.tasks.get(&task).map_or("", |name| name) }
    }

    /// How many calls, or steps of a program, were over when this step of the execution began.
    pub(crate) fn lines_before(&self, step: u64) -> usize {
        if self.is_of_program {
            self.steps.partition_point(|seen| seen.step < step)
        } else {
            self.calls.partition_point(|seen| seen.step < step)
        }
    }

    /// The name of the task of a program's step.
    #[must_use]
    pub fn task_of_step(&self, seen: &SeenStep) -> &str {
        self.tasks.get(&seen.task).map_or("", String::as_str)
    }

    /// What is said of a step of a program that did nothing that is seen.
    pub(crate) const GOES_ON: &'static str = "goes on";

    /// A step of a program in words: what it spawned and which tracked objects it used.
    #[must_use]
    pub fn step_in_words(&self, seen: &SeenStep) -> String {
        let mut words: Vec<String> = Vec::new();
        if !seen.spawned.is_empty() {
            let name = |task| self.tasks.get(task).map_or("", String::as_str);
            let spawned: Vec<&str> = seen.spawned.iter().map(name).collect();
            words.push(format!("spawns {}", spawned.join(", ")));
        }
        for (verb, mode) in
            [("reads", Mode::Read), ("writes", Mode::Write), ("counts", Mode::Commute)]
        {
            let of_mode = seen.uses.iter().filter(|used| used.mode == mode);
            let objects: Vec<&str> = of_mode.map(|used| used.object.as_str()).collect();
            if !objects.is_empty() {
                words.push(format!("{verb} {}", objects.join(", ")));
            }
        }
        if seen.is_last {
            words.push("ends".to_owned());
        }
        if words.is_empty() { Self::GOES_ON.to_owned() } else { words.join("; ") }
    }

    /// How binding what this defect breaks is: a policy where the host did what no document
    /// promises to work.
    #[must_use]
    pub fn level(&self, defect: Defect) -> Level {
        if self.undocumented.is_empty() { defect.level() } else { Level::Policy }
    }

    /// The defect that heads an execution which was looked for because it shows `defect`: that, or
    /// what it follows from, or one that is more binding, but only if that is `new`.
    pub(super) fn leading(&self, defect: Defect, new: impl Fn(Defect) -> bool) -> Defect {
        let Some(breach) = self.breach(defect) else { return defect };
        let follows = breach.never_came;
        let is_end = |d: Defect| matches!(d, Defect::Deadlock | Defect::Livelock | Defect::Panic);
        let leads = |other: &Defect| {
            other.level() < defect.level()
                || follows && other.level() == defect.level() && is_end(*other)
        };
        let before = self.breaches.iter().map(|breach| breach.defect);
        let before = before.take_while(|other| *other != defect);
        before.filter(|other| new(*other)).find(leads).unwrap_or(defect)
    }

    /// The breach of this sort, if there is one.
    #[must_use]
    pub fn breach(&self, defect: Defect) -> Option<&Breach> {
        self.breaches.iter().find(|breach| breach.defect == defect)
    }
}

/// The names of the tasks of an execution, with numbers where several have the same.
fn task_names(engine: &Engine, count: usize) -> BTreeMap<TaskId, String> {
    let mut tasks: BTreeMap<&str, Vec<TaskId>> = BTreeMap::new();
    for task in (0..).take(count).map(TaskId::from_index) {
        tasks.entry(engine.task_name(task)).or_default().push(task);
    }
    let mut names = BTreeMap::new();
    for (name, same) in tasks {
        let several = same.len() > 1;
        for (number, task) in (1..).zip(same) {
            let own = if several { format!("{name} {number}") } else { name.to_owned() };
            names.insert(task, own);
        }
    }
    names
}

fn broken_rule(calls: &[SeenCall], account: usize, violation: &Violation) -> Breach {
    // The calls of this sync and of the store up to the breach. The monitor counts neither the ends
    // of callbacks nor what belongs to the store.
    let mut counted = 0;
    let seen: Vec<(usize, &SeenCall)> = calls
        .iter()
        .enumerate()
        .filter(|(_, seen)| {
            let of_sync = seen.call.sync == violation.sync || is_of_store(&seen.call);
            seen.account == account && of_sync
        })
        .take_while(|(_, seen)| {
            counted += u32::from(!is_end(&seen.call) && !is_of_store(&seen.call));
            counted <= violation.position
        })
        .collect();
    let place = |wanted: &CallRecord| {
        seen.iter().rev().find(|(_, seen)| same_call(&seen.call, wanted)).map(|(place, _)| *place)
    };
    let mut involved: Vec<usize> = violation.calls.iter().filter_map(place).collect();
    let culprit = violation.calls.last().and_then(place);
    involved.sort_unstable();
    involved.dedup();
    let counts = |seen: &SeenCall| !is_end(&seen.call) && !is_of_store(&seen.call);
    let last = seen.iter().rev().find(|(_, seen)| counts(seen)).map(|(place, _)| *place);
    let place = match culprit {
        Some(culprit) if !violation.never_came && Some(culprit) >= last => BreachPlace::At(culprit),
        _ => {
            let by_then = calls.iter().rposition(|seen| seen.call.at_ms <= violation.at_ms);
            BreachPlace::After(by_then.map_or(0, |place| place + 1))
        }
    };
    Breach {
        defect: Defect::Rule(violation.rule),
        message: violation.message.clone(),
        account: Some(account),
        at_ms: violation.at_ms,
        place,
        involved,
        never_came: violation.never_came,
        violation: Some(violation.clone()),
    }
}

fn is_end(call: &CallRecord) -> bool {
    matches!(call.call, Call::Ended { .. })
}

fn is_of_store(call: &CallRecord) -> bool {
    call.sync == SyncId::STORE
}

/// A monitor may keep a numbered call in another form than the log has it.
fn same_call(logged: &CallRecord, kept: &CallRecord) -> bool {
    match kept.number {
        Some(_) => logged.number == kept.number && !is_end(logged),
        None => logged.at_ms == kept.at_ms && logged.call == kept.call,
    }
}

/// Crates that no task of a provider's waits in.
const LIBRARIES: [&str; 2] = ["mapi_sync", "mapi_sync_sim"];

/// What the engine has tried where a task waits for something that it does not track.
const NO_THREAD: &str = ". No thread woke it within a second of real time. Timers, files and \
                         sockets of another runtime never do in a check: wait ";

/// Where the code of a check waits, spawns and sleeps.
pub(super) const fn on_runtime(is_of_program: bool) -> &'static str {
    if is_of_program { "by the functions of `engine`" } else { "on the request's `Runtime`" }
}

/// How a program can have what many runtimes do with such a task.
const DROPPED_AT_END: &str = ". A runtime drops such a task when its main future returns; \
                              `.ends_with_main(true)` does so too, and finds none";

fn end_message(defect: Defect, end: &End, is_of_program: bool) -> String {
    match end {
        End::Deadlock(blocked) => {
            let waits: Vec<String> = blocked.iter().map(ToString::to_string).collect();
            let waits = waits.join("; ");
            let asked = blocked.iter().any(|task| task.is_untracked);
            let hint = if asked {
                format!("{NO_THREAD}{}", on_runtime(is_of_program))
            } else {
                String::new()
            };
            match defect {
                Defect::LeakedTask => {
                    format!("the program has returned, and {waits}{hint}{DROPPED_AT_END}")
                }
                _ => format!("nothing can go on: {waits}{hint}"),
            }
        }
        end => end.to_string(),
    }
}

fn engine_breach(observed: &Observed) -> Option<Breach> {
    let defect = end_defect(observed)?;
    let mut message = end_message(defect, &observed.outcome.end, observed.is_of_program);
    if defect == Defect::Livelock && observed.returned.is_some() {
        message += ", after the program has returned";
        message += DROPPED_AT_END;
    }
    Some(at_the_end(observed.lines(), &observed.outcome, defect, message))
}

/// A property of the author's that is broken.
fn property_breach(observed: &Observed, broken: &BrokenProperty) -> Breach {
    let BrokenProperty { property, message, step, at_ms, never_came, .. } = broken;
    let (defect, message, lines) = (Defect::Property(*property), message.clone(), observed.lines());
    let place = observed.place_of_step(*step).filter(|_| !never_came);
    let breach = if place.is_some() {
        at_place(place, lines, &observed.outcome, defect, message)
    } else {
        let steps = observed.steps.iter().map(|seen| seen.step);
        let calls = observed.calls.iter().map(|seen| seen.step);
        let before = calls.chain(steps).take_while(|of| of <= step).count();
        let place = BreachPlace::After(before);
        Breach { place, ..at_the_end(before, &observed.outcome, defect, message) }
    };
    Breach { at_ms: *at_ms, never_came: *never_came, ..breach }
}

/// The error that a program returned.
fn error_breach(observed: &Observed) -> Option<Breach> {
    let Returned { step, at_ms, error } = observed.returned.as_ref()?;
    let message = format!("the program returned the error {}", error.as_ref()?);
    let place = observed.place_of_step(*step);
    Some(Breach {
        at_ms: *at_ms,
        ..at_place(place, observed.lines(), &observed.outcome, Defect::Error, message)
    })
}

fn panic_breach(observed: &Observed, tasks: &BTreeMap<TaskId, String>) -> Option<Breach> {
    let panic = observed.outcome.panics.first()?;
    let place = panic.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
    let name = tasks.get(&panic.task).unwrap_or(&panic.name);
    let hint = panic_hint(&panic.message, observed.is_of_program);
    let message = format!("task {name:?} panicked{place}: {}{hint}", panic.message);
    let lines = observed.lines();
    if observed.is_of_program {
        let place = observed.place_of_step(panic.step);
        let breach = at_place(place, lines, &observed.outcome, Defect::Panic, message);
        let seen = observed.steps.iter().rfind(|seen| seen.step <= panic.step);
        return Some(Breach { at_ms: seen.map_or(0, |seen| seen.at_ms), ..breach });
    }
    let before = observed.calls.iter().take_while(|seen| seen.step <= panic.step).count();
    let segment = observed.segments.iter().find(|note| note.step == panic.step);
    let last = observed.calls[..before].last().map(|seen| seen.call.at_ms);
    Some(Breach {
        at_ms: segment.map(|note| note.at_ms).or(last).unwrap_or(0),
        place: BreachPlace::After(before),
        ..at_the_end(lines, &observed.outcome, Defect::Panic, message)
    })
}

/// Panics of tokio's for want of a runtime of it.
const ASKS_FOR_TOKIO: [&str; 3] = [
    "there is no reactor running",
    "there is no timer running",
    "must be called from the context of a Tokio",
];

/// Whether a panic with this text asks for a runtime of tokio's.
pub(crate) fn asks_for_tokio(message: &str) -> bool {
    ASKS_FOR_TOKIO.iter().any(|text| message.contains(text))
}

/// What to say to a panic of tokio's, which asks for its runtime.
fn panic_hint(message: &str, is_of_program: bool) -> String {
    let of_tokio = [
        "there is no signal driver running",
        "there is no process driver running",
        "Cannot start a runtime from within a runtime",
        "Cannot drop a runtime in a context where blocking is not allowed",
        "can call blocking only when running on the multi-threaded runtime",
        "called from outside of a `task::LocalSet`",
        "A Tokio 1.x context was found, but",
    ];
    let on_runtime = on_runtime(is_of_program);
    if message.contains("A Tokio 1.x context was found, but IO is disabled") {
        return ". Sockets, pipes and processes of the real tokio are not under control: hand the \
                program a stream in memory"
            .to_owned();
    }
    let asks = asks_for_tokio(message);
    if !asks && !of_tokio.iter().any(|text| message.contains(text)) {
        return String::new();
    }
    let or_feature = if asks && !cfg!(feature = "real-tokio") {
        ". With the feature `real-tokio` of mapi-sync-sim a check gives the real one, in virtual \
         time"
    } else {
        ""
    };
    format!(
        ". This code needs a runtime of tokio's, and a check has none: nothing is wrong with the \
         order of the calls. Spawn, sleep and ask for the time {on_runtime}; `tokio::sync` works \
         without. Or let the crate mapi-sync-tokio stand in for tokio, in the manifest of whoever \
         calls it{or_feature}"
    )
}

/// A breach of a program in one of its steps, or at its end if that step is not known.
fn at_place(
    place: Option<usize>,
    lines: usize,
    outcome: &Outcome,
    defect: Defect,
    message: String,
) -> Breach {
    let at_end = at_the_end(lines, outcome, defect, message);
    match place {
        Some(place) => Breach { place: BreachPlace::At(place), involved: vec![place], ..at_end },
        None => at_end,
    }
}

fn at_the_end(calls: usize, outcome: &Outcome, defect: Defect, message: String) -> Breach {
    Breach {
        defect,
        message,
        account: None,
        at_ms: outcome.virtual_ms,
        place: BreachPlace::After(calls),
        involved: calls.checked_sub(1).into_iter().collect(),
        never_came: false,
        violation: None,
    }
}
