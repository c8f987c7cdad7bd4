//! Running a check that has been set up.

use std::time::{Duration, Instant};

use mapi_sync::contract::Rule;
use mapi_sync_engine::Origin;
use mapi_sync_probe::name_task_of_fatal_signal;

use super::counterexamples::Shrinking;
use super::early;
use super::progress::ProgressLines;
use super::search::{Search, SearchSummary, StopAt};
use super::vacuity::{exercised, warnings};
use super::watchdog::{self, Watch};
use super::{Check, Defect, Exercised, Goal, Report, Warning, Why};
use crate::Counterexample;
use crate::engine::parallel::Control;
use crate::engine::{Engine, Limits, OutsideThreads};
use crate::shrink::{reaches_a_program, reaches_any_provider};
use crate::world::{Code, Fault, Knob, RealTokioUse, Scenario, Swarm, World};

/// How long a check waits, in real time, for a thread that could end a deadlock.
const PATIENCE: Duration = Duration::from_secs(1);

/// By how many per cent a sleep of an author's own provider may be late.
const LATE_PERCENT: u32 = 100;

/// How many segments a new task of an author's own provider runs before its `spawn` returns.
const EARLY_SEGMENTS: u32 = 32;

/// What stands in the place of the strategy's name where schedules around a known one are run.
const AROUND: &str = "around a kept schedule";

/// A fault that an author's provider meets besides those of its scenario, which older tokens know
/// by a digest.
const REFUSED: Knob = Knob::Fault(Fault::HandleDuplication);

impl Check {
    /// Runs the check. If it takes longer than 2 s, a line on the standard error stream says now
    /// and then how far it is.
    ///
    /// # Panics
    ///
    /// If making a provider panics outside of an execution, or the scenario names a mutant that
    /// does not exist. If no thread can be started.
    #[must_use]
    pub fn run(&self) -> Report {
        let control = Control::new();
        let mut lines = ProgressLines::new(&self.scenario.name, self.requested(), &control);
        self.run_watched(&control, &mut |shrinking| lines.tell(shrinking))
    }

    /// As [`run`](Self::run), without the lines on the standard error stream; `control` counts the
    /// executions and may interrupt.
    ///
    /// # Panics
    ///
    /// As `run` does.
    #[must_use]
    pub fn run_under(&self, control: &Control) -> Report {
        self.run_with_progress(control, &mut |_| ())
    }

    /// As [`run_under`](Self::run_under); calls `progress` now and then while it makes
    /// counterexamples smaller.
    ///
    /// # Panics
    ///
    /// As `run` does.
    #[must_use]
    pub fn run_with_progress(
        &self,
        control: &Control,
        progress: &mut dyn FnMut(Shrinking),
    ) -> Report {
        self.run_watched(control, &mut |shrinking| {
            if let Some(shrinking) = shrinking {
                progress(shrinking);
            }
        })
    }

    fn run_watched(
        &self,
        control: &Control,
        progress: &mut dyn FnMut(Option<Shrinking>),
    ) -> Report {
        #[cfg(feature = "proptest")]
        if let Some(known) = &self.known {
            return self.run_from(known, control, progress);
        }
        watchdog::run(self, control, progress)
    }

    /// The check with the faults that it is run with although nobody asked for them.
    pub(super) fn with_own_faults(&self) -> Self {
        let mut check = self.with_new_engines();
        if check.strategy.drops_tasks() && check.changed_scenario().faults.task_dropped == 0 {
            check.changes = check.changes.with(Knob::Fault(Fault::TaskDropped), 1);
        }
        if check.varies_by_itself() && check.changes.iter().all(|(knob, _)| knob != REFUSED) {
            check.changes = check.changes.with(REFUSED, 1);
        }
        if check.early_tasks.is_none() {
            let early_tasks = !check.strategy.exhaustive && check.can_run_early_tasks();
            check.early_tasks = Some(early_tasks);
        }
        check
    }

    /// Runs the check in this thread.
    /// `None` if it has to be run once more, with the real tokio.
    pub(super) fn conduct(&self, watch: &Watch, tell: &mut dyn FnMut(Shrinking)) -> Option<Report> {
        let began = Instant::now();
        let world = self.world();
        let stop_at = match self.until {
            Some(defect) => StopAt::Found(defect),
            None if self.fail_fast => StopAt::Any,
            None => StopAt::Exhausted,
        };
        let search = Search {
            world: &world,
            limits: self.engine_limits(&world),
            strategy: self.strategy,
            reduces: self.reduces(),
            seed: self.seed,
            schedules: self.requested(),
            jobs: self.jobs,
            stop_at,
            watch,
            own_code: !self.is_simulated(),
            outside_threads: self.outside_threads.clone(),
            offers_tokio: self.offers_tokio(),
            ends: self.time.and_then(|limit| began.checked_add(limit)),
            around: self.around.as_ref(),
        };
        let mut summary = search.run();
        if summary.asks_for_tokio {
            return None;
        }
        self.say_tokio(&mut summary, watch);
        let counterexamples = self.counterexamples(&mut summary, watch, tell);
        let interrupted = watch.control.is_interrupted();
        Some(self.report(began.elapsed(), interrupted, summary, counterexamples))
    }

    pub(super) fn report(
        &self,
        elapsed: Duration,
        interrupted: bool,
        summary: SearchSummary,
        counterexamples: Vec<Counterexample>,
    ) -> Report {
        let requested = self.requested();
        let mut met = summary.goals.clone();
        for name in &self.goals {
            met.entry(name).or_default();
        }
        let goals: Vec<Goal> = met.into_iter().map(|(name, met)| Goal { name, met }).collect();
        let all = if self.strategy.exhaustive {
            summary.exhausted
        } else {
            summary.exhausted || requested == Some(summary.schedules)
        };
        let mut scenario = self.changed_scenario();
        if self.varies_by_itself() {
            // Nobody asked for it, and a provider need not duplicate any handle.
            scenario.faults.handle_duplication = 0;
        }
        let is_of_order = |shown: &Counterexample| matches!(shown.why, Some(Why::Order { .. }));
        let mut warnings = warnings(&scenario, &summary, self.is_of_program());
        if counterexamples.iter().any(is_of_order) {
            // The executions that are compared are few: another one showed that an order decides.
            warnings.retain(|warning| *warning != Warning::NoConflict);
        }
        if summary.out_of_time {
            warnings.push(Warning::OutOfTime(self.time.unwrap_or_default()));
        }
        let unmet = goals.iter().filter(|goal| goal.met == 0);
        warnings.extend(unmet.map(|goal| Warning::GoalNotMet(goal.name)));
        let mut proof = summary.proof;
        if let (Some(proof), Some(property)) = (&mut proof, summary.untracked)
            && self.reduces()
        {
            let name = property.name;
            proof.bounds.push(format!(
                "no two steps taken for independent, because `{name}` looks at what is not tracked"
            ));
        }
        let sees_releases = self.is_simulated();
        let exercised = if self.is_of_program() {
            Vec::new()
        } else {
            let (world, schedules) = (self.world(), summary.schedules);
            exercised(world.policy(), &summary.coverage, schedules, sees_releases)
        };
        // A rule without needs is never vacuous, not even where no schedule was run.
        let is_vacuous = |of: &&Exercised| of.rule.needs().is_some() && of.chances == 0;
        let vacuous: Vec<Rule> = exercised.iter().filter(is_vacuous).map(|of| of.rule).collect();
        let is_broken =
            |rule| counterexamples.iter().any(|shown| shown.defects.contains(&Defect::Rule(rule)));
        let was_run = summary.schedules > 0;
        let rules = exercised.iter().map(|of| of.rule).filter(|_| was_run);
        let held = rules.filter(|rule| !vacuous.contains(rule) && !is_broken(*rule)).collect();
        Report {
            kind: self.kind,
            scenario: self.scenario.name.clone(),
            strategy: if self.around.is_some() { AROUND } else { self.strategy.name },
            seed: self.seed,
            jobs: self.jobs,
            requested,
            schedules: summary.schedules,
            complete: all && !summary.stopped && summary.outside.is_none(),
            proof,
            interrupted: interrupted && !all && !summary.stopped,
            steps: summary.steps,
            repeated: summary.repeated,
            elapsed,
            coverage: summary.coverage,
            exercised,
            durations: summary.durations,
            goals,
            warnings,
            vacuous,
            held,
            strict: self.strict.unwrap_or(false),
            hang: None,
            counterexamples,
        }
    }

    fn changed_scenario(&self) -> Scenario {
        self.changes.apply(&self.scenario).expect("the changes leave an account")
    }

    pub(super) fn world(&self) -> World {
        self.world_of(self.changed_scenario())
    }

    /// The world of a smaller scenario.
    pub(super) fn world_of(&self, mut scenario: Scenario) -> World {
        scenario.host.swarm = self.swarm_in(&scenario);
        let world = World::new(scenario).with_code(self.code.clone());
        let policy = self.policy.clone().unwrap_or_else(|| world.policy().clone());
        let policy = self.rules.iter().fold(policy, |policy, add| add(policy));
        let gives = self.real_tokio == Some(true);
        let real_tokio = if gives { RealTokioUse::Yes } else { RealTokioUse::No };
        world.with_policy(policy).with_real_tokio(real_tokio)
    }

    /// The same check, whose engines know of no threads outside yet. The simulated provider has
    /// none.
    pub(super) fn with_new_engines(&self) -> Self {
        let outside_threads = if self.is_simulated() {
            OutsideThreads::default()
        } else {
            OutsideThreads::with_patience(PATIENCE)
        };
        Self { outside_threads, ..self.clone() }
    }

    fn swarm_in(&self, scenario: &Scenario) -> Swarm {
        let own = if self.varies_by_itself() { Swarm::ALL } else { scenario.host.swarm };
        self.swarm.unwrap_or(own)
    }

    /// Whether the host varies although nobody says so.
    fn varies_by_itself(&self) -> bool {
        self.own_host && self.swarm.is_none() && !self.strategy.exhaustive
    }

    pub(super) fn engine_limits(&self, world: &World) -> Limits {
        let limits = world.limits();
        // How many steps a foreign provider takes does not follow from the scenario.
        let least = if self.is_simulated() { 0 } else { Limits::default().max_steps };
        let limits = limits.with_max_steps(limits.max_steps.max(least));
        // Searches that end by themselves keep exact time.
        let random = !self.strategy.exhaustive;
        let limits = limits.with_drops_waiting(random || self.strategy.drops_tasks());
        let free = self.late_work.unwrap_or(random);
        let limits = if free { self.with_free_times(limits) } else { limits };
        let early = !self.is_simulated() && self.early_tasks == Some(true);
        let limits = limits
            .with_early_segments(if early { EARLY_SEGMENTS } else { 0 })
            .with_ends_with_main(self.ends_with_main);
        self.limits.apply(limits)
    }

    /// The same, with all that a decision of any strategy can ask for.
    fn replay_limits(&self, world: &World) -> Limits {
        self.with_free_times(self.engine_limits(world).with_drops_waiting(true))
    }

    /// Whether new tasks of the provider can be run before their `spawn` returns.
    pub(super) fn can_run_early_tasks(&self) -> bool {
        !self.is_simulated() && {
            let world = self.world();
            let limits = self.clone().early_tasks(true).engine_limits(&world);
            early::can_run(world, limits, self.watchdog)
        }
    }

    /// The limits with work of unequal length that may end in any order, for an author's own
    /// provider. The times of a scenario's provider are part of the scenario.
    fn with_free_times(&self, limits: Limits) -> Limits {
        if self.is_simulated() {
            return limits;
        }
        limits.with_late_percent(LATE_PERCENT).with_timers_apart(true)
    }

    /// Which numbers of the scenario what is run can see.
    pub(super) fn sees(&self) -> fn(Knob) -> bool {
        match self.code {
            Code::Simulated => |_| true,
            Code::Provider(_) => reaches_any_provider,
            Code::Program(_) => reaches_a_program,
        }
    }

    /// Whether one execution of each class is enough.
    fn reduces(&self) -> bool {
        // When an execution ends with its main task, it matters how far all others have come.
        self.strategy.reduces
            && (self.is_simulated() || self.tracked_sharing.is_some() && !self.ends_with_main)
    }

    /// An engine that follows decisions of this check.
    pub(super) fn replay_engine(&self, world: &World) -> Engine {
        name_task_of_fatal_signal();
        let mut engine = self.strategy_engine(self.replay_limits(world));
        engine.set_origin(Origin::unnumbered(" of a replay"));
        engine
    }

    pub(super) fn strategy_engine(&self, limits: Limits) -> Engine {
        let mut engine = self.strategy.engine(limits, self.seed);
        engine.share_outside_threads(&self.outside_threads);
        engine
    }
}
