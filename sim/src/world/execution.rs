//! One execution: set up all parts, run everything to its end, ask the monitors.

use std::future::Future;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::contract::{Monitor, MonitorConfig, Policy, Rule, Violation};
use mapi_sync::{BoxFuture, Events, MapiSync, Runtime};

use super::coverage::Coverage;
use super::host::{HostAccount, Kernel, shutdown, user};
use super::mutant::Mutant;
use super::observed::{Finding, Happened, Happening, Observed, SeenCall};
use super::provider::{Plan, ProtocolProvider, RawProvider, Script, StoreProvider, compile};
use super::questions::{Question, QuestionLog};
use super::run::{Compiled, Run, spawn_detached};
use super::runtime::WorldRuntime;
use super::scenario::{Fault, Published, Returns, Scenario};
use super::steps::logged;
use crate::decision::Decisions;
use crate::engine::{
    self, End, Engine, Limits, Nondeterminism, Object, Outcome, SegmentNote, TaskId,
};
use crate::lock::lock;
use crate::program::{Program, ReturnSlot};
#[cfg(feature = "real-tokio")]
use crate::real_tokio::RealTokio;
#[cfg(feature = "tracing")]
use crate::tracing_notes::noted;

/// How many faults of its own a program meets in one execution.
const PROGRAM_FAULTS: u32 = 3;

/// Makes the provider of the account of this number, anew for each execution and inside of it.
pub type ProviderFactory = dyn Fn(usize) -> Arc<dyn MapiSync> + Send + Sync;

/// What is run in a world.
#[derive(Clone)]
pub(crate) enum Code {
    /// The simulated provider.
    Simulated,
    /// A provider of an author's own.
    Provider(Arc<ProviderFactory>),
    /// A program: neither a host nor a contract is there, and of the scenario only the faults of
    /// the engine count.
    Program(Program),
}

/// A scenario, ready to be run many times, on any number of threads.
#[derive(Clone)]
pub struct World {
    compiled: Arc<Compiled>,
    code: Code,
    policy: Policy,
    keep_log: bool,
    real_tokio: RealTokioUse,
}

/// Whether the executions of a world give code that asks for it the real tokio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RealTokioUse {
    #[default]
    No,
    Yes,
    /// Before this step only.
    #[cfg(feature = "real-tokio")]
    Before(u64),
}

impl World {
    /// The world of a scenario, with the simulated provider in it.
    ///
    /// # Panics
    ///
    /// If the scenario names a mutant that is not in the [table](super::MUTANTS), or has a protocol
    /// that cannot be run. A scenario that was [read](Scenario::parse) does neither.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        let mutant = scenario
            .mutant
            .as_ref()
            .map(|name| Mutant::named(name).unwrap_or_else(|| panic!("no mutant is named {name}")));
        let plans = Plan::all(&scenario);
        let policy = policy(&scenario);
        let programs = programs(&scenario);
        let compiled = Arc::new(Compiled { scenario, plans, programs, mutant });
        let real_tokio = RealTokioUse::No;
        Self { compiled, code: Code::Simulated, policy, keep_log: false, real_tokio }
    }

    /// The world of a scenario with your provider in it: its accounts, its host and its faults are
    /// used, its `[provider]` is not.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub fn with_provider(
        scenario: Scenario,
        factory: impl Fn(usize) -> Arc<dyn MapiSync> + Send + Sync + 'static,
    ) -> Self {
        Self::new(scenario).with_code(Code::Provider(Arc::new(factory)))
    }

    /// The same world, in which this is run.
    pub(crate) fn with_code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Whether a program is run in it.
    pub(crate) fn is_of_program(&self) -> bool {
        matches!(self.code, Code::Program(_))
    }

    /// The policy that the contract is held by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The same world, with the contract held by this policy instead of the scenario's.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same world, in which [`run`](Self::run) keeps a log of the calls.
    /// [`replay`](Self::replay) always keeps one.
    #[must_use]
    pub fn with_log(self) -> Self {
        Self { keep_log: true, ..self }
    }

    /// The same world, with or without the real tokio.
    pub(crate) fn with_real_tokio(self, real_tokio: RealTokioUse) -> Self {
        Self { real_tokio, ..self }
    }

    /// Gives the engine what its executions here need.
    #[inline]
    fn prepare(&self, engine: &mut Engine) {
        #[cfg(feature = "real-tokio")]
        match self.real_tokio {
            RealTokioUse::No => {}
            RealTokioUse::Yes => engine.set_guest(RealTokio::default()),
            RealTokioUse::Before(step) => engine.set_guest(RealTokio::hidden_from(step)),
        }
        #[cfg(not(feature = "real-tokio"))]
        let _ = (engine, self.real_tokio);
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.compiled.scenario
    }

    /// The limits of one execution that suit the scenario: an engine for this world is made with
    /// them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let Scenario { faults, provider, host, .. } = &self.compiled.scenario;
        if self.is_of_program() {
            return Limits::default()
                .with_faults(PROGRAM_FAULTS)
                .with_drops(faults.task_dropped)
                .with_spurious(faults.spurious_wake);
        }
        let steps: u64 = self.compiled.plans.iter().map(|plan| u64::from(plan.total)).sum();
        // A host that varies starts up to six syncs more.
        let more = if host.swarm.is_empty() { 2 } else { 8 };
        let rounds = u64::from(host.syncs) + more;
        let injected =
            Fault::ALL.iter().filter(|fault| !fault.is_engines()).map(|f| f.budget(faults));
        // A step of the work takes a few segments, and each worker and retry adds some.
        let max_steps = 10_000 + 100 * steps * (1 + u64::from(provider.retries));
        Limits::default()
            .with_max_steps(max_steps.saturating_mul(rounds))
            .with_max_virtual_ms(1_000 * 24 * 60 * 60 * 1_000)
            .with_faults(injected.sum())
            .with_drops(faults.task_dropped)
            .with_spurious(faults.spurious_wake)
    }

    /// Runs the execution of this number. `None` if the engine's strategy has nothing left.
    pub fn run(&self, engine: &mut Engine, index: u64) -> Option<Observed> {
        self.prepare(engine);
        let setup = Setup::new(self, self.keep_log);
        let outcome = engine.execute_boxed(index, setup.main(self))?;
        Some(setup.observe(engine, outcome))
    }

    /// Runs the execution that these decisions describe, and keeps a log of its calls.
    pub fn replay(&self, engine: &mut Engine, decisions: &Decisions) -> Observed {
        self.prepare(engine);
        let setup = Setup::new(self, true);
        engine.keep_notes(true);
        let (outcome, steps) = noted(|| {
            if self.is_of_program() {
                logged(engine, decisions, setup.main(self))
            } else {
                (engine.replay(decisions, setup.main(self)), Vec::new())
            }
        });
        engine.keep_notes(false);
        let observed = setup.observe(engine, outcome);
        observed.with_steps(steps, engine)
    }

    /// The same, and every question that was asked.
    pub(crate) fn replay_asked(
        &self,
        engine: &mut Engine,
        decisions: &Decisions,
    ) -> (Observed, Vec<Question>) {
        self.prepare(engine);
        let setup = Setup::new(self, true);
        engine.keep_notes(true);
        let log = QuestionLog::new(decisions);
        let questions = log.questions();
        let (outcome, steps) = noted(|| {
            let steps = self.is_of_program().then(|| log.steps());
            let outcome =
                engine.execute_under(log, setup.main(self)).expect("a replay always runs");
            (outcome, steps.map_or_else(Vec::new, |steps| mem::take(&mut *lock(&steps))))
        });
        engine.keep_notes(false);
        let observed = setup.observe(engine, outcome).with_steps(steps, engine);
        let questions = mem::take(&mut *lock(&questions));
        (observed, questions)
    }

    /// Runs the last execution, which showed `last`, again, and compares.
    ///
    /// # Errors
    ///
    /// As [`Engine::repeat`].
    pub fn repeat(&self, engine: &mut Engine, last: &Observed) -> Result<(), Nondeterminism> {
        self.repeat_with_log(engine, last).0
    }

    /// The same, and the calls of the second run.
    pub(crate) fn repeat_with_log(
        &self,
        engine: &mut Engine,
        last: &Observed,
    ) -> (Result<(), Nondeterminism>, Vec<SeenCall>) {
        self.prepare(engine);
        let setup = Setup::new(self, true);
        let ended = last.end_after_exit.clone().map(|end| {
            let mut outcome = last.outcome.clone();
            outcome.end = end;
            outcome
        });
        let outcome = ended.as_ref().unwrap_or(&last.outcome);
        let result = engine.repeat(outcome, setup.main(self));
        let run = lock(&setup.shared.run).take();
        (result, run.map_or_else(Vec::new, |run| setup.calls(&run)))
    }

    fn provider(&self, run: &Arc<Run>, account: usize) -> Arc<dyn MapiSync> {
        if let Code::Provider(factory) = &self.code {
            return factory(account);
        }
        if let Some(program) = self.compiled.programs.get(account) {
            return Arc::new(ProtocolProvider::new(run, account, program));
        }
        let provider = &self.compiled.scenario.provider;
        let raw = !provider.done_handle
            || provider.event == Published::Thread
            || provider.returns == Returns::AfterDone
            || self.compiled.mutant.is_some_and(|mutant| mutant.info().is_of_provider());
        if raw {
            Arc::new(RawProvider::new(run, account))
        } else {
            Arc::new(StoreProvider::new(run, account))
        }
    }
}

#[cfg(not(feature = "tracing"))]
fn noted<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// What the execution is watched with from outside.
struct Setup {
    shared: Arc<Shared>,
}

/// What the inside leaves for the outside.
struct Shared {
    keep_log: bool,
    is_of_program: bool,
    run: Mutex<Option<Arc<Run>>>,
    /// What a program returned.
    returned: ReturnSlot,
    stamps: Mutex<Vec<Stamp>>,
    /// The verdict is given: later calls belong to the clearing up.
    closed: AtomicBool,
    /// When the execution ended, in virtual milliseconds; [`RUNNING`] until then.
    ended_ms: AtomicU64,
    /// The verdict, if it had to be given before everything was over.
    verdict: Mutex<Option<Vec<Vec<Violation>>>>,
}

/// The time at which an execution ended that has not ended.
const RUNNING: u64 = u64::MAX;

/// Who made a call of an account, and when.
struct Stamp {
    account: usize,
    step: u64,
    task: TaskId,
    name: String,
    /// How many questions had been asked, and how many notes made.
    marks: (usize, usize),
}

impl Shared {
    /// Gives the verdict while tasks are left: what they do when they are dropped would look like
    /// calls of the provider.
    fn close(&self) {
        let run = lock(&self.run).clone();
        if let Some(run) = run {
            self.closed.store(true, Ordering::Relaxed);
            let verdict = run.monitors().iter().map(Monitor::finish).collect();
            *lock(&self.verdict) = Some(verdict);
        }
    }
}

impl Setup {
    fn new(world: &World, keep_log: bool) -> Self {
        let shared = Shared {
            keep_log,
            is_of_program: world.is_of_program(),
            run: Mutex::default(),
            returned: ReturnSlot::default(),
            stamps: Mutex::default(),
            closed: AtomicBool::new(false),
            ended_ms: AtomicU64::new(RUNNING),
            verdict: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The main task of one execution.
    fn main(&self, world: &World) -> BoxFuture {
        match &world.code {
            Code::Program(program) => Box::pin(program.run(Arc::clone(&self.shared.returned))),
            Code::Simulated | Code::Provider(_) => Box::pin(self.accounts(world)),
        }
    }

    /// Host, user and providers.
    fn accounts(&self, world: &World) -> impl Future<Output = ()> + Send + 'static {
        let (world, shared) = (world.clone(), Arc::clone(&self.shared));
        async move {
            let monitors = monitors(&world, &shared);
            let run = {
                let is_simulated = matches!(world.code, Code::Simulated);
                Arc::new(Run::new(&world.compiled, monitors, is_simulated))
            };
            *lock(&shared.run) = Some(Arc::clone(&run));
            engine::before_closing(move || shared.close());
            let (kernel, runtime) = kernel(&run);
            let accounts: Arc<[Arc<HostAccount>]> = (0..world.compiled.scenario.accounts.len())
                .map(|account| {
                    let store = world.provider(&run, account);
                    let events = run.monitor(account).host_events(Arc::clone(&kernel));
                    Arc::new(HostAccount::new(&run, account, store, Arc::clone(&runtime), events))
                })
                .collect();
            for _ in 0..run.host().cancels {
                spawn_detached("user", user(Arc::clone(&run), Arc::clone(&accounts)));
            }
            if run.host().shutdown.is_possible() {
                spawn_detached("shutdown", shutdown(Arc::clone(&run), Arc::clone(&accounts)));
            }
            for account in &accounts[1..] {
                spawn_detached("host", Arc::clone(account).synchronize());
            }
            Arc::clone(&accounts[0]).synchronize().await;
        }
    }

    fn observe(self, engine: &Engine, mut outcome: Outcome) -> Observed {
        let mut coverage = Coverage::new();
        coverage.add_fault(Fault::TaskDropped, engine.drops().into());
        coverage.add_fault(Fault::SpuriousWake, engine.spurious_polls().into());
        let returned = lock(&self.shared.returned).take();
        let Some(run) = lock(&self.shared.run).take() else {
            // A program, or the strategy cut the execution off before its first step.
            let is_of_program = self.shared.is_of_program;
            let segments = self.segments(engine);
            return Observed {
                is_of_program,
                returned,
                segments,
                ..Observed::new(outcome, coverage)
            }
            .with_properties(engine);
        };
        let verdict = lock(&self.shared.verdict).take().unwrap_or_else(|| {
            self.shared.ended_ms.store(outcome.virtual_ms, Ordering::Relaxed);
            run.monitors().iter().map(Monitor::finish).collect()
        });
        let findings = verdict.into_iter().enumerate().flat_map(|(account, violations)| {
            violations.into_iter().map(move |violation| Finding { account, violation })
        });
        let mut violations: Vec<Finding> = findings.collect();
        if outcome.is_outside() {
            violations.retain(|finding| !follows_from_time(&finding.violation));
        }
        violations.sort_by_key(|finding| finding.violation.at_ms);
        // A task that waits for ever, or works on, ends with the process.
        let is_stuck = matches!(outcome.end, End::Deadlock(_) | End::Livelock(_));
        let end_after_exit =
            (is_stuck && run.has_exited()).then(|| mem::replace(&mut outcome.end, End::Completed));
        run.cover(&mut coverage);
        let (happenings, calls) = if self.shared.keep_log {
            (self.happenings(engine), self.calls(&run))
        } else {
            Default::default()
        };
        let segments = self.segments(engine);
        Observed {
            violations,
            calls,
            happenings,
            segments,
            end_after_exit,
            ..Observed::new(outcome, coverage)
        }
        .with_properties(engine)
    }

    /// What the segments did to other tasks.
    fn segments(&self, engine: &Engine) -> Vec<SegmentNote> {
        if self.shared.keep_log { engine.segment_notes().to_vec() } else { Vec::new() }
    }

    /// What happened between the calls.
    fn happenings(&self, engine: &Engine) -> Vec<Happening> {
        let stamps = lock(&self.shared.stamps);
        let decisions = engine.answered().into_iter().map(|answered| {
            let before = stamps.partition_point(|stamp| stamp.marks.0 <= answered.before);
            let what = Happened::Decision(answered.departure);
            (answered.before, Happening { before, step: answered.step, what })
        });
        let notes = engine.notes().iter().enumerate().map(|(number, note)| {
            let before = stamps.partition_point(|stamp| stamp.marks.1 <= number);
            (
                note.answers,
                Happening { before, step: note.step, what: Happened::Note(note.clone()) },
            )
        });
        // A note comes before the question that is asked next.
        let mut happenings: Vec<_> = notes.chain(decisions).collect();
        happenings.sort_by_key(|(answers, happening)| (happening.before, *answers));
        happenings.into_iter().map(|(_, happening)| happening).collect()
    }

    /// The logs of all accounts as one, in the order in which the calls were made.
    fn calls(&self, run: &Run) -> Vec<SeenCall> {
        let mut logs: Vec<_> =
            run.monitors().iter().map(|monitor| monitor.log().into_iter()).collect();
        let stamps = mem::take(&mut *lock(&self.shared.stamps));
        let seen = stamps.into_iter().filter_map(|Stamp { account, step, task, name, .. }| {
            logs[account].next().map(|call| SeenCall { account, step, task, name, call })
        });
        seen.collect()
    }
}

/// The protocol of each account's provider.
fn programs(scenario: &Scenario) -> Vec<Arc<Script>> {
    let Some(protocol) = &scenario.protocol else { return Vec::new() };
    let program = |account| {
        let program = compile(scenario, protocol, account);
        Arc::new(program.unwrap_or_else(|(_, message)| panic!("the protocol: {message}")))
    };
    (0..scenario.accounts.len()).map(program).collect()
}

/// A monitor for each account.
fn monitors(world: &World, shared: &Arc<Shared>) -> Vec<Monitor> {
    let scenario = &world.compiled.scenario;
    let monitor = |account| {
        let (policy, keep_log) = (world.policy.clone(), shared.keep_log);
        let task = || Some(engine::current().index() as u64);
        let config =
            MonitorConfig::default().with_policy(policy).with_log(keep_log).with_tasks(task);
        if !keep_log && !engine::is_recording() {
            return Monitor::single_threaded(config, engine::clock());
        }
        // The monitor asks for the time once for each call. The order of an account's calls is what
        // the contract is about, so each call is a write to one object.
        let calls = Object::new("calls");
        // The time of a call is none that the program asks for.
        let clock = mapi_sync_engine::clock();
        let shared = Arc::clone(shared);
        Monitor::single_threaded(config, move || {
            let ended_ms = shared.ended_ms.load(Ordering::Relaxed);
            if ended_ms != RUNNING {
                return ended_ms;
            }
            calls.write();
            if keep_log && !shared.closed.load(Ordering::Relaxed) {
                let (step, task) = (engine::current_step(), engine::current());
                let name = engine::task_name(task);
                let marks = mapi_sync_engine::marks();
                lock(&shared.stamps).push(Stamp { account, step, task, name, marks });
            }
            clock.load(Ordering::Relaxed)
        })
    };
    (0..scenario.accounts.len()).map(monitor).collect()
}

/// Whether a violation only says that something did not come, or not in time. Where a thread
/// outside takes part, the virtual time runs on without it.
fn follows_from_time(violation: &Violation) -> bool {
    let bounded = [Rule::CANCEL_ANSWERED, Rule::BOUNDED_SILENCE];
    violation.never_came || bounded.contains(&violation.rule)
}

/// The kernel and the runtime of an execution.
fn kernel(run: &Arc<Run>) -> (Arc<dyn Events>, Arc<dyn Runtime>) {
    let injects = {
        let run = Arc::clone(run);
        move |fault| run.inject(fault)
    };
    let kernel: Arc<dyn Events> = Arc::new(Kernel::new(injects));
    let runtime = Arc::new(WorldRuntime::new(run, Arc::clone(&kernel)));
    (kernel, runtime)
}

/// The monitor's policy, as the scenario has it.
fn policy(scenario: &Scenario) -> Policy {
    let contract = &scenario.contract;
    let mut policy = Policy::default()
        .with_cancel_within(Duration::from_millis(contract.cancel_within_ms))
        .with_bounded_silence(Duration::from_millis(contract.bounded_silence_ms));
    if contract.serial_calls {
        policy = policy.with(Rule::SERIAL_CALLS);
    }
    if !contract.overlap {
        policy = policy.without(Rule::OVERLAP);
    }
    policy
}
