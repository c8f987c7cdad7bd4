//! What to check, and how long.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mapi_sync::MapiSync;
use mapi_sync::contract::{Policy, RuleCheck};

use super::{Defect, LimitChanges, Subject, SubjectKind, watchdog};
use crate::decision::Decisions;
use crate::engine::OutsideThreads;
use crate::strategy::{STRATEGIES, StrategyInfo, TrackedSharing, UnknownStrategy};
use crate::world::{Changes, Code, Faults, Host, MutantInfo, Scenario, Swarm, VariantInfo};

/// Executions of a check that does not say how many.
const SCHEDULES: u64 = 10_000;

/// How long making counterexamples smaller may take, unless the check says otherwise.
const SHRINK_TIME: Duration = Duration::from_secs(60);

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
    Check::new(SubjectKind::Provider, own_scenario(), Code::Provider(Arc::new(factory)))
}

/// A check that is being set up; [`run`](Self::run) runs it.
#[derive(Clone)]
#[must_use = "a check does nothing until it is run"]
pub struct Check {
    pub(super) kind: SubjectKind,
    pub(super) scenario: Scenario,
    /// What is run: the provider, or a program.
    pub(super) code: Code,
    /// What the caller says of the host's variations.
    pub(super) swarm: Option<Swarm>,
    /// Whether neither the host nor the faults are the caller's.
    pub(super) own_host: bool,
    pub(super) policy: Option<Policy>,
    /// Each adds a rule of the caller's own.
    pub(super) rules: Vec<Arc<dyn Fn(Policy) -> Policy + Send + Sync>>,
    pub(super) limits: LimitChanges,
    pub(super) changes: Changes,
    pub(super) schedules: Option<u64>,
    pub(super) seed: u64,
    pub(super) strategy: &'static StrategyInfo,
    pub(super) jobs: usize,
    pub(super) fail_fast: bool,
    /// Without this, a warning is no failure, except in a test on a CI machine.
    pub(super) strict: Option<bool>,
    pub(super) shrinks: bool,
    pub(super) until: Option<Defect>,
    /// How long making all counterexamples smaller may take.
    pub(super) shrink_time: Option<Duration>,
    /// How long a poll may take.
    pub(super) watchdog: Option<Duration>,
    /// What the caller says of their provider; the simulated one needs nobody's word.
    pub(super) tracked_sharing: Option<TrackedSharing>,
    /// What its engines know of threads outside. Each run begins anew.
    pub(super) outside_threads: OutsideThreads,
    /// Without this, it follows from the strategy.
    pub(super) late_work: Option<bool>,
    /// Whether a new task may run before its `spawn` returns, as far as that was found out.
    pub(super) early_tasks: Option<bool>,
    /// Whether an execution of a program ends when its main future returns.
    pub(super) ends_with_main: bool,
    /// Whether executions give code that asks for it the real tokio, as far as that was said or
    /// found out.
    pub(super) real_tokio: Option<bool>,
    /// The goals that it is to meet, besides those that its executions come by.
    pub(super) goals: Vec<&'static str>,
    /// How long the search may take.
    pub(super) time: Option<Duration>,
    /// Whether a test keeps what breaks it, and where, if not beside its source file.
    pub(super) keeps: bool,
    pub(super) regressions: Option<PathBuf>,
    /// The folder in which a test writes what came of it as a page.
    pub(super) pages: Option<PathBuf>,
    /// Schedules around these decisions are run, and not those of the strategy.
    pub(super) around: Option<Decisions>,
    /// A schedule of a property test's case that it begins with.
    #[cfg(feature = "proptest")]
    pub(super) known: Option<super::Known>,
}

impl Check {
    pub(super) fn new(kind: SubjectKind, scenario: Scenario, code: Code) -> Self {
        Self {
            kind,
            scenario,
            code,
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
            strict: None,
            shrinks: true,
            until: None,
            shrink_time: Some(SHRINK_TIME),
            watchdog: Some(watchdog::WATCHDOG),
            tracked_sharing: None,
            outside_threads: OutsideThreads::default(),
            late_work: None,
            early_tasks: None,
            ends_with_main: false,
            real_tokio: None,
            goals: Vec::new(),
            time: None,
            keeps: true,
            pages: None,
            regressions: None,
            around: None,
            #[cfg(feature = "proptest")]
            known: None,
        }
    }

    /// Checks the simulated provider in this scenario. Tokens carry the scenario's digest, and
    /// replay with it alone.
    ///
    /// # Panics
    ///
    /// [`run`](Self::run) does, if the scenario names a mutant that does not exist.
    pub fn simulated(scenario: Scenario) -> Self {
        let goals = crate::world::goals(&scenario);
        Self::new(SubjectKind::Given, scenario, Code::Simulated).goals(goals)
    }

    /// Checks a built-in scenario, `None` if there is none of this name. Tokens carry its name and
    /// replay by themselves.
    pub fn builtin(name: &str) -> Option<Self> {
        let scenario = crate::world::builtin(name)?.clone();
        Some(Self::new(SubjectKind::Builtin, scenario, Code::Simulated))
    }

    /// Checks a mutant in its own small scenario. Tokens carry its name and replay by themselves.
    pub fn mutant(mutant: &MutantInfo) -> Self {
        Self::new(SubjectKind::Mutant, mutant.scenario(), Code::Simulated)
    }

    /// Checks a correct variant. Tokens carry its name and replay by themselves.
    pub fn variant(variant: &VariantInfo) -> Self {
        Self::new(SubjectKind::Variant, variant.scenario(), Code::Simulated)
    }

    /// Uses this scenario's accounts, host, faults and policies instead. A program has none.
    pub fn in_scenario(self, scenario: Scenario) -> Self {
        if self.is_of_program() { self } else { Self { scenario, own_host: false, ..self } }
    }

    /// Uses this host instead of the scenario's. It [varies](Self::swarm) only as it says itself.
    pub fn host(mut self, host: Host) -> Self {
        if !self.is_of_program() {
            self.scenario.host = host;
            self.own_host = false;
        }
        self
    }

    /// Uses these faults instead of the scenario's. The host does not [vary](Self::swarm) then.
    pub fn faults(mut self, faults: Faults) -> Self {
        if !self.is_of_program() {
            self.scenario.faults = faults;
            self.own_host = false;
        }
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
    /// [`Report::proof`](super::Report::proof) says how many there were of which.
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
    /// that end by themselves the latter. [`Report::proof`](super::Report::proof) says what such a
    /// search was asked for.
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
        Self { strict: Some(strict), ..self }
    }

    /// Expects at least one schedule to meet each of these goals: to come by a
    /// [`sometimes!`](crate::sometimes) of that name, where its condition holds if it has one.
    ///
    /// A goal that no schedule comes by is known to the check only if it is named here. One that is
    /// not met is [a warning](super::Warning::GoalNotMet), and with [`strict`](Self::strict) a
    /// failure.
    pub fn goals(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.goals.extend(names);
        self
    }

    /// Makes counterexamples smaller before they are shown. Without this, it does.
    pub fn shrink(self, shrinks: bool) -> Self {
        Self { shrinks, ..self }
    }

    /// Searches for no longer than this, in real time. A search that it ends is not
    /// [complete](super::Report::complete), and [says so](super::Warning::OutOfTime). What was run
    /// until then depends on the machine. Making counterexamples smaller has a
    /// [time of its own](Self::shrink_time).
    pub fn time(self, limit: Duration) -> Self {
        Self { time: Some(limit), ..self }
    }

    /// Makes counterexamples smaller and explains them for no longer than this, all of them
    /// together; `None` is without end. Without this, for 60 s.
    ///
    /// Each has a budget of executions and steps, which is rarely used up for longer than 10 s.
    /// This limit stands behind it, for a provider that is slow: what it cuts off depends on
    /// the machine, and [says so](super::Counterexample::shrinking).
    pub fn shrink_time(self, limit: Option<Duration>) -> Self {
        Self { shrink_time: limit, ..self }
    }

    /// Gives each poll this much real time; `None` is as much as it takes. Without this, 30 s.
    ///
    /// A poll that takes longer ends the check: the report has everything that was run before, and
    /// says [which task hung](super::Report::hang). That is no finding, but the check is incomplete
    /// and does not [pass](super::Report::passes). The thread that polls cannot be ended, so it
    /// stays until the process ends.
    ///
    /// A [replay](Self::replay) has no watchdog: a debugger can stop there for as long as it likes.
    pub fn watchdog(self, limit: Option<Duration>) -> Self {
        Self { watchdog: limit, ..self }
    }

    /// Gives code that asks for the real tokio a runtime with a paused clock, so that its timers
    /// fire in virtual time; or lets it panic, as outside of a runtime. Without this, it is given
    /// from the moment on that an execution panics for want of it.
    ///
    /// For a dependency whose tokio cannot be replaced by the crate `mapi-sync-tokio`. `sleep`,
    /// `timeout` and `interval` are exact. Tasks of `tokio::spawn` run as one task of the
    /// execution, whose order with others is explored; the order among them is tokio's own, and a
    /// [warning](super::Warning::RealTokio) says where they came from. What needs a thread or a
    /// driver (`spawn_blocking`, `fs`, `net`, `process`, `signal`) panics.
    #[cfg(feature = "real-tokio")]
    pub fn real_tokio(self, gives: bool) -> Self {
        self.with_real_tokio(gives)
    }

    /// The same, whatever features there are.
    pub(super) fn with_real_tokio(self, gives: bool) -> Self {
        Self { real_tokio: Some(gives), ..self }
    }

    /// Whether the real tokio is given once it is asked for.
    pub(super) fn offers_tokio(&self) -> bool {
        cfg!(feature = "real-tokio") && self.real_tokio.is_none() && !self.is_simulated()
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
        matches!(self.code, Code::Simulated)
    }

    /// Whether it is a check of a program.
    pub(super) fn is_of_program(&self) -> bool {
        matches!(self.code, Code::Program(_))
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
}

/// The scenario in which an author's own provider is checked: an account with some work, a host
/// that does what hosts do, each fault of the host and of the system once.
fn own_scenario() -> Scenario {
    Scenario::parse("own.toml", include_str!("own.toml")).expect("the scenario is valid")
}
