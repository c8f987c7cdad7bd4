//! What to check, and how long.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mapi_sync::MapiSync;
use mapi_sync::contract::{Policy, RuleCheck};

use super::counterexamples::Shrinking;
use super::early;
use super::progress::ProgressLines;
use super::search::{Search, SearchSummary, StopAt};
use super::vacuity::{vacuous, warnings};
use super::watchdog::{self, Watch};
use super::{Defect, LimitChanges, Report, Subject, SubjectKind, Warning, Why};
use crate::Counterexample;
use crate::engine::parallel::Control;
use crate::engine::{Engine, Limits, OutsideThreads};
use crate::strategy::{STRATEGIES, StrategyInfo, TrackedSharing, UnknownStrategy};
use crate::world::{
    Changes, Fault, Faults, Host, Knob, MutantInfo, ProviderFactory, Scenario, Swarm, VariantInfo,
    World,
};

/// Executions of a check that does not say how many.
const SCHEDULES: u64 = 10_000;

/// How long a check waits, in real time, for a thread that could end a deadlock.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long making counterexamples smaller may take, unless the check says otherwise.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// By how many per cent a sleep of an author's own provider may be late.
const LATE_PERCENT: u32 = 100;

/// How many segments a new task of an author's own provider runs before its `spawn` returns.
const EARLY_SEGMENTS: u32 = 32;

/// A fault that an author's provider meets besides those of its scenario, which older tokens know
/// by a digest.
const REFUSED: Knob = Knob::Fault(Fault::HandleDuplication);

/// Checks a provider: runs it in a simulated host with faults, over many schedules, and holds every
/// call against the contract.
///
/// `provider` makes the provider, anew for each execution and each account, inside of the
/// execution. It must keep nothing from one execution to the next.
///
/// One account is synchronized by a host whose user may cancel at any moment, which may shut down
/// in the middle, and which may fail in each way that [`Faults`] has for a host and a system. From
/// one execution to the next it does other things besides, as
/// [`Variation`](crate::world::Variation) lists them: a second sync, an overlapping one, a late
/// cancel. All of that can be [changed](Check).
///
/// Random strategies let the provider's [`Runtime::sleep`](mapi_sync::Runtime::sleep) take up to
/// twice as long: work of unequal length may end in any order. A
/// [`deadline`](mapi_sync::Runtime::deadline) is exact, and so are the host's times. A new task may
/// run before its [`spawn`](mapi_sync::Runtime::spawn) returns. A rule that
/// [sets a bound in time](mapi_sync::contract::RuleInfo::bounds_time) is broken only if it is
/// broken in exact time too.
///
/// ```
/// use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
///
/// struct Store;
///
/// #[async_trait]
/// impl MapiSync for Store {
///     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
///         request.start(|session| async move {
///             session.progress(Some("Inbox"), 1, 1).await;
///             let cancelled = session.cancel().is_requested();
///             let cancel = HResult::MAPI_E_USER_CANCEL;
///             session.done(if cancelled { cancel } else { HResult::S_OK }).await
///         })
///     }
/// }
///
/// mapi_sync_sim::check(|| Store).schedules(1_000).run().assert_holds();
/// ```
pub fn check<P: MapiSync + 'static>(provider: impl Fn() -> P + Send + Sync + 'static) -> Check {
    let factory = move |_account| Arc::new(provider()) as Arc<dyn MapiSync>;
    Check::new(SubjectKind::Provider, own_scenario(), Some(Arc::new(factory)))
}

/// A check that is being set up; [`run`](Self::run) runs it.
#[derive(Clone)]
#[must_use = "a check does nothing until it is run"]
pub struct Check {
    kind: SubjectKind,
    pub(super) scenario: Scenario,
    factory: Option<Arc<ProviderFactory>>,
    /// What the caller says of the host's variations.
    swarm: Option<Swarm>,
    /// Whether neither the host nor the faults are the caller's.
    own_host: bool,
    policy: Option<Policy>,
    /// Each adds a rule of the caller's own.
    rules: Vec<Arc<dyn Fn(Policy) -> Policy + Send + Sync>>,
    limits: LimitChanges,
    pub(super) changes: Changes,
    schedules: Option<u64>,
    pub(super) seed: u64,
    strategy: &'static StrategyInfo,
    jobs: usize,
    fail_fast: bool,
    strict: bool,
    pub(super) shrinks: bool,
    until: Option<Defect>,
    /// How long making all counterexamples smaller may take.
    pub(super) shrink_time: Option<Duration>,
    /// How long a poll may take.
    pub(super) watchdog: Option<Duration>,
    /// What the caller says of their provider; the simulated one needs nobody's word.
    tracked_sharing: Option<TrackedSharing>,
    /// What its engines know of threads outside. Each run begins anew.
    pub(super) outside_threads: OutsideThreads,
    /// Without this, it follows from the strategy.
    late_work: Option<bool>,
    /// Whether a new task may run before its `spawn` returns, as far as that was found out.
    early_tasks: Option<bool>,
}

impl Check {
    fn new(kind: SubjectKind, scenario: Scenario, factory: Option<Arc<ProviderFactory>>) -> Self {
        Self {
            kind,
            scenario,
            factory,
            swarm: None,
            own_host: kind == SubjectKind::Provider,
            policy: None,
            rules: Vec::new(),
            limits: LimitChanges::default(),
            changes: Changes::default(),
            schedules: None,
            seed: 1,
            strategy: StrategyInfo::default_strategy(),
            jobs: thread::available_parallelism().map_or(1, usize::from),
            fail_fast: false,
            strict: false,
            shrinks: true,
            until: None,
            shrink_time: Some(SHRINK_TIME),
            watchdog: Some(watchdog::WATCHDOG),
            tracked_sharing: None,
            outside_threads: OutsideThreads::default(),
            late_work: None,
            early_tasks: None,
        }
    }

    /// Checks the simulated provider in this scenario. Tokens carry the scenario's digest, and
    /// replay with it alone.
    ///
    /// # Panics
    ///
    /// [`run`](Self::run) does, if the scenario names a mutant that does not exist.
    pub fn simulated(scenario: Scenario) -> Self {
        Self::new(SubjectKind::Given, scenario, None)
    }

    /// Checks a built-in scenario, `None` if there is none of this name. Tokens carry its name and
    /// replay by themselves.
    pub fn builtin(name: &str) -> Option<Self> {
        let scenario = crate::world::builtin(name)?.clone();
        Some(Self::new(SubjectKind::Builtin, scenario, None))
    }

    /// Checks a mutant in its own small scenario. Tokens carry its name and replay by themselves.
    pub fn mutant(mutant: &MutantInfo) -> Self {
        Self::new(SubjectKind::Mutant, mutant.scenario(), None)
    }

    /// Checks a correct variant. Tokens carry its name and replay by themselves.
    pub fn variant(variant: &VariantInfo) -> Self {
        Self::new(SubjectKind::Variant, variant.scenario(), None)
    }

    /// Uses this scenario's accounts, host, faults and policies instead.
    pub fn in_scenario(self, scenario: Scenario) -> Self {
        Self { scenario, own_host: false, ..self }
    }

    /// Uses this host instead of the scenario's. It [varies](Self::swarm) only as it says itself.
    pub fn host(mut self, host: Host) -> Self {
        self.scenario.host = host;
        self.own_host = false;
        self
    }

    /// Uses these faults instead of the scenario's. The host does not [vary](Self::swarm) then.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.scenario.faults = faults;
        self.own_host = false;
        self
    }

    /// Says what the host varies from one execution to the next.
    ///
    /// Without this, a scenario says it itself. A provider of your own, for which neither a
    /// [host](Self::host) nor [faults](Self::faults) nor a [scenario](Self::in_scenario) is given,
    /// meets [every variation](Swarm::ALL) under the random strategies, and none under those that
    /// end by themselves. What the host does stands in a token, so a token replays under either.
    ///
    /// ```
    /// use mapi_sync_sim::world::{Swarm, Variation};
    /// # use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
    /// # struct Store;
    /// # #[async_trait]
    /// # impl MapiSync for Store {
    /// #     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
    /// #         request.start(|session| async move { session.done(HResult::S_OK).await })
    /// #     }
    /// # }
    ///
    /// // No sync is started from inside Progress.
    /// let swarm = Swarm::ALL.without(Variation::Reentrant);
    /// mapi_sync_sim::check(|| Store).swarm(swarm).schedules(500).run().assert_holds();
    /// ```
    pub fn swarm(self, swarm: Swarm) -> Self {
        Self { swarm: Some(swarm), ..self }
    }

    /// Holds the provider to this policy instead of the scenario's.
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// Holds the provider to a rule of your own besides, in every scenario and under every policy.
    /// `check` makes the rule's check, for each sync anew. Its violations are found, made smaller,
    /// explained, replayed and reported like those of the contract's own rules.
    ///
    /// [How to write a rule](mapi_sync::_documentation::own_rules) begins from nothing.
    ///
    /// # Panics
    ///
    /// [`run`](Self::run) does, if there is a rule of this id already.
    pub fn rule<C: RuleCheck + 'static>(
        mut self,
        check: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        let check = Arc::new(check);
        self.rules.push(Arc::new(move |policy| {
            let check = Arc::clone(&check);
            policy.with_rule(move || check())
        }));
        self
    }

    /// Runs this number of executions. Without this, 10,000, or all of an exhaustive strategy's.
    pub fn schedules(self, schedules: u64) -> Self {
        Self { schedules: Some(schedules), ..self }
    }

    /// Starts the strategy from this seed. Without this, 1: a check does the same each time.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Chooses schedules with the strategy of this name, one of [`STRATEGIES`].
    ///
    /// # Errors
    ///
    /// If there is none of this name.
    pub fn strategy(self, name: &str) -> Result<Self, UnknownStrategy> {
        Ok(self.with_strategy(StrategyInfo::named(name)?))
    }

    /// Chooses schedules with this strategy.
    pub fn with_strategy(self, strategy: &'static StrategyInfo) -> Self {
        Self { strategy, ..self }
    }

    /// Drops each task at each of its await points, one at a time: the provider's sync and whatever
    /// it spawns. The steps keep the order of the default schedule, and nothing else goes wrong.
    /// With `n` await points, that is `n + 1` executions.
    ///
    /// Then it drops each task while it waits too, and combines each drop with up to two context
    /// switches; if that is more than 10,000 executions, with random orders instead.
    /// [`Report::proof`] says how many there were of which.
    ///
    /// The same as the strategy `cancellations`. A scenario without the fault `task_dropped` is
    /// given one.
    ///
    /// ```
    /// use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
    /// use std::time::Duration;
    ///
    /// struct Store;
    ///
    /// #[async_trait]
    /// impl MapiSync for Store {
    ///     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
    ///         request.start(|session| async move {
    ///             session.sleep(Duration::from_millis(20)).await;
    ///             session.done(HResult::S_OK).await
    ///         })
    ///     }
    /// }
    ///
    /// let report = mapi_sync_sim::check(|| Store).cancellations().run();
    /// report.assert_holds();
    /// // The sleep is the one await point: the host answers Done at once.
    /// assert!(report.complete);
    /// assert_eq!(report.proof.unwrap().count, 2);
    /// ```
    pub fn cancellations(self) -> Self {
        let strategy = STRATEGIES.iter().find(|info| info.drops_tasks());
        self.with_strategy(strategy.unwrap_or(StrategyInfo::default_strategy()))
    }

    /// Declares that the provider's tasks share state through tracked objects only: those of
    /// [`engine::sync`](crate::engine::sync), objects that report their uses to
    /// [`Runtime::shared`](mapi_sync::Runtime::shared), and those that this crate's interface hands
    /// out. With it, the strategy `exhaustive` runs one schedule of each class; without it, nothing
    /// is known about your own provider, and the strategy runs every schedule.
    pub fn tracked_sharing(self, tracked_sharing: TrackedSharing) -> Self {
        Self { tracked_sharing: Some(tracked_sharing), ..self }
    }

    /// Lets the sleeps of your own provider be late, and the due timers of one of its tasks fire
    /// one by one, or keeps exact time. Without this, random strategies do the former, and those
    /// that end by themselves the latter. [`Report::proof`] says what such a search was asked for.
    pub fn late_work(self, late_work: bool) -> Self {
        Self { late_work: Some(late_work), ..self }
    }

    /// Lets the new tasks of your own provider run before their `spawn` returns, or does not.
    /// Without this, random strategies do, unless your provider holds something over a `spawn`
    /// that the new task takes first: a lock, or a borrow of a thread-local. That is right, and
    /// cannot be run so.
    pub fn early_tasks(self, early_tasks: bool) -> Self {
        Self { early_tasks: Some(early_tasks), ..self }
    }

    /// Uses this number of threads, at least one. The result does not depend on it. Without this,
    /// one for each processor.
    ///
    /// An exhaustive search runs on one thread if it is limited to a number of schedules; so does
    /// the strategy `cancellations`.
    pub fn jobs(self, jobs: usize) -> Self {
        Self { jobs: jobs.max(1), ..self }
    }

    /// Ends at the first execution that shows a defect, instead of looking for others.
    pub fn fail_fast(self, fail_fast: bool) -> Self {
        Self { fail_fast, ..self }
    }

    /// Counts a [`Warning`](super::Warning) as a failure: a check that met nothing, proves nothing.
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// Makes counterexamples smaller before they are shown. Without this, it does.
    pub fn shrink(self, shrinks: bool) -> Self {
        Self { shrinks, ..self }
    }

    /// Makes counterexamples smaller and explains them for no longer than this, all of them
    /// together; `None` is without end. Without this, for 60 s.
    ///
    /// Each has a budget of executions and steps, which is rarely used up for longer than 10 s.
    /// This limit stands behind it, for a provider that is slow: what it cuts off depends on
    /// the machine, and [says so](Counterexample::shrinking).
    pub fn shrink_time(self, limit: Option<Duration>) -> Self {
        Self { shrink_time: limit, ..self }
    }

    /// Gives each poll this much real time; `None` is as much as it takes. Without this, 30 s.
    ///
    /// A poll that takes longer ends the check: the report has everything that was run before, and
    /// says [which task hung](Report::hang). That is no finding, but the check is incomplete and
    /// does not [pass](Report::passes). The thread that polls cannot be ended, so it stays until
    /// the process ends.
    ///
    /// A [replay](Self::replay) has no watchdog: a debugger can stop there for as long as it likes.
    pub fn watchdog(self, limit: Option<Duration>) -> Self {
        Self { watchdog: limit, ..self }
    }

    /// Changes the limits of each execution.
    pub fn limits(self, limits: LimitChanges) -> Self {
        Self { limits, ..self }
    }

    /// Changes numbers of the scenario. Tokens carry the changes, and still belong to the scenario
    /// as it was.
    ///
    /// [`run`](Self::run) panics if no account is left.
    pub fn changes(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    /// Ends at the first execution that shows this defect.
    pub(super) fn until(self, defect: Defect) -> Self {
        Self { until: Some(defect), ..self }
    }

    /// The scenario, before any [change](Self::changes).
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// How many executions will be run; `None` is "all", of an exhaustive strategy.
    #[must_use]
    pub fn requested(&self) -> Option<u64> {
        self.schedules.or((!self.strategy.exhaustive).then_some(SCHEDULES))
    }

    /// Whether the provider is the simulated one.
    pub(super) fn is_simulated(&self) -> bool {
        self.factory.is_none()
    }

    /// What tokens say about it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            kind: self.kind,
            digest: self.scenario.digest(),
            changes: self.changes.clone(),
            limits: self.limits,
            name: self.scenario.name.clone(),
        }
    }

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
        watchdog::run(self, &control, &mut |shrinking| lines.tell(shrinking))
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
        watchdog::run(self, control, &mut |shrinking| {
            if let Some(shrinking) = shrinking {
                progress(shrinking);
            }
        })
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
    pub(super) fn conduct(&self, watch: &Watch, tell: &mut dyn FnMut(Shrinking)) -> Report {
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
            reduces: self.strategy.reduces
                && (self.factory.is_none() || self.tracked_sharing.is_some()),
            seed: self.seed,
            schedules: self.requested(),
            jobs: self.jobs,
            stop_at,
            watch,
            own_provider: self.factory.is_some(),
            outside_threads: self.outside_threads.clone(),
        };
        let mut summary = search.run();
        let counterexamples = self.counterexamples(&mut summary, watch, tell);
        let interrupted = watch.control.is_interrupted();
        self.report(began.elapsed(), interrupted, summary, counterexamples)
    }

    pub(super) fn report(
        &self,
        elapsed: Duration,
        interrupted: bool,
        summary: SearchSummary,
        counterexamples: Vec<Counterexample>,
    ) -> Report {
        let requested = self.requested();
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
        let mut warnings = warnings(&scenario, &summary);
        if counterexamples.iter().any(is_of_order) {
            // The executions that are compared are few: another one showed that an order decides.
            warnings.retain(|warning| *warning != Warning::NoConflict);
        }
        let sees_releases = self.factory.is_none();
        let vacuous = vacuous(self.world().policy(), &summary.coverage, sees_releases);
        Report {
            scenario: self.scenario.name.clone(),
            strategy: self.strategy.name,
            seed: self.seed,
            jobs: self.jobs,
            requested,
            schedules: summary.schedules,
            complete: all && !summary.stopped && summary.outside.is_none(),
            proof: summary.proof,
            interrupted: interrupted && !all && !summary.stopped,
            steps: summary.steps,
            repeated: summary.repeated,
            elapsed,
            coverage: summary.coverage,
            warnings,
            vacuous,
            strict: self.strict,
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
        let world = match &self.factory {
            Some(factory) => {
                let factory = Arc::clone(factory);
                World::with_provider(scenario, move |account| factory(account))
            }
            None => World::new(scenario),
        };
        let policy = self.policy.clone().unwrap_or_else(|| world.policy().clone());
        let policy = self.rules.iter().fold(policy, |policy, add| add(policy));
        world.with_policy(policy)
    }

    /// The same check, whose engines know of no threads outside yet. The simulated provider has
    /// none.
    pub(super) fn with_new_engines(&self) -> Self {
        let outside_threads = match self.factory {
            Some(_) => OutsideThreads::with_patience(PATIENCE),
            None => OutsideThreads::default(),
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
        let least = if self.factory.is_some() { Limits::default().max_steps } else { 0 };
        let limits = limits.with_max_steps(limits.max_steps.max(least));
        // Searches that end by themselves keep exact time.
        let random = !self.strategy.exhaustive;
        let limits = limits.with_drops_waiting(random || self.strategy.drops_tasks());
        let free = self.late_work.unwrap_or(random);
        let limits = if free { self.with_free_times(limits) } else { limits };
        let early = self.factory.is_some() && self.early_tasks == Some(true);
        let limits = limits.with_early_segments(if early { EARLY_SEGMENTS } else { 0 });
        self.limits.apply(limits)
    }

    /// The same, with all that a decision of any strategy can ask for.
    fn replay_limits(&self, world: &World) -> Limits {
        self.with_free_times(self.engine_limits(world).with_drops_waiting(true))
    }

    /// Whether new tasks of the provider can be run before their `spawn` returns.
    pub(super) fn can_run_early_tasks(&self) -> bool {
        self.factory.is_some() && {
            let world = self.world();
            let limits = self.clone().early_tasks(true).engine_limits(&world);
            early::can_run(world, limits, self.watchdog)
        }
    }

    /// The limits with work of unequal length that may end in any order, for an author's own
    /// provider. The times of a scenario's provider are part of the scenario.
    fn with_free_times(&self, limits: Limits) -> Limits {
        match self.factory {
            Some(_) => limits.with_late_percent(LATE_PERCENT).with_timers_apart(true),
            None => limits,
        }
    }

    /// An engine that follows decisions of this check.
    pub(super) fn replay_engine(&self, world: &World) -> Engine {
        self.strategy_engine(self.replay_limits(world))
    }

    pub(super) fn strategy_engine(&self, limits: Limits) -> Engine {
        let mut engine = self.strategy.engine(limits, self.seed);
        engine.share_outside_threads(&self.outside_threads);
        engine
    }
}

/// The scenario in which an author's own provider is checked: an account with some work, a host
/// that does what hosts do, each fault of the host and of the system once.
fn own_scenario() -> Scenario {
    Scenario::parse("own.toml", include_str!("own.toml")).expect("the scenario is valid")
}
