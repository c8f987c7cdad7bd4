//! The monitor: the rules of every sync of one store, with a clock.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::clock::Clock;
use super::fast::{SyncEntry, Syncs};
use super::judge::{Judge, StoreRules};
use super::sync_state::{Scope, Told};
use super::{Answer, Call, CallId, CallRecord, Policy, SyncId, Violation};
use crate::lock::lock;
use crate::{HResult, RawEvent, ShutdownMethod};

/// What a monitor does when a rule is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnViolation {
    /// It keeps the violation for [`Monitor::violations`].
    #[default]
    Record,
    /// It keeps the violation and panics in the call that broke the rule, unless the thread is
    /// panicking already.
    Panic,
}

/// How a monitor is set up. The default is the default [`Policy`], violations recorded, no log.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MonitorConfig {
    /// The rules that are held.
    pub policy: Policy,
    /// What happens when one is broken.
    pub on_violation: OnViolation,
    /// Whether every call is kept, with its texts, for [`Monitor::log`]. This costs memory with
    /// every call.
    pub keep_log: bool,
    /// Which task makes a call.
    tasks: Option<CurrentTask>,
}

/// A function that says which task runs.
#[derive(Clone)]
pub(super) struct CurrentTask(Arc<dyn Fn() -> Option<u64> + Send + Sync>);

impl CurrentTask {
    pub(super) fn get(&self) -> Option<u64> {
        (self.0)()
    }
}

impl fmt::Debug for CurrentTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentTask").finish_non_exhaustive()
    }
}

impl MonitorConfig {
    /// The same with this policy.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same with this done when a rule is broken.
    #[must_use]
    pub fn with_on_violation(self, on_violation: OnViolation) -> Self {
        Self { on_violation, ..self }
    }

    /// The same with a log kept or not.
    #[must_use]
    pub fn with_log(self, keep_log: bool) -> Self {
        Self { keep_log, ..self }
    }

    /// The same with `current` to say which task makes a call, by a number of its own; `None` if
    /// that is not known. A rule [asks](super::Findings::task) for it. Without this, no task is
    /// known.
    ///
    /// A thread is no task: a task may go on in another thread, and several share one.
    #[must_use]
    pub fn with_tasks(self, current: impl Fn() -> Option<u64> + Send + Sync + 'static) -> Self {
        Self { tasks: Some(CurrentTask(Arc::new(current))), ..self }
    }
}

/// Checks the calls of one store's syncs against the contract, as they happen. Cloning gives
/// another handle to it.
///
/// It sees calls and nothing else, so it works the same in a simulation, in production and over a
/// recorded trace. [`Monitor::watch`] is all that a provider needs.
#[derive(Clone)]
pub struct Monitor {
    shared: Arc<Shared>,
}

struct Shared {
    config: MonitorConfig,
    clock: Clock,
    syncs: Mutex<Syncs>,
    /// The rules over all syncs, made for the first call that they judge.
    store_rules: Mutex<Option<Box<StoreRules>>>,
    /// Whether the rules over all syncs judge syncs of which only the callback is seen, too.
    store_rules_judge_callbacks: bool,
    violations: Mutex<Vec<Violation>>,
    /// Whether there are violations: reading it takes no lock.
    broken: AtomicBool,
    log: Mutex<Vec<CallRecord>>,
}

impl Monitor {
    /// A monitor whose clock shows (virtual) milliseconds since an epoch of the caller's, and never
    /// goes back: a function that is called once for each call, or a
    /// [`VirtualClock`](super::VirtualClock).
    #[must_use]
    pub fn new(config: MonitorConfig, clock: impl Into<Clock>) -> Self {
        Self::with_syncs(config, clock.into(), Syncs::new(false))
    }

    /// As [`Self::new`], for where one thread makes all calls, as in a simulation: a repeat
    /// Progress takes no lock.
    ///
    /// The syncs belong to the thread that begins to observe them. A call that another thread
    /// reports for one panics in that thread.
    #[must_use]
    pub fn single_threaded(config: MonitorConfig, clock: impl Into<Clock>) -> Self {
        Self::with_syncs(config, clock.into(), Syncs::new(true))
    }

    fn with_syncs(config: MonitorConfig, clock: Clock, syncs: Syncs) -> Self {
        let shared = Shared {
            store_rules_judge_callbacks: StoreRules::has_own(&config.policy),
            config,
            clock,
            syncs: Mutex::new(syncs),
            store_rules: Mutex::new(None),
            violations: Mutex::default(),
            broken: AtomicBool::new(false),
            log: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Begins to observe a sync of which only the callback is seen: no start, no references, no
    /// events.
    ///
    /// Its Done is owed as soon as it has made any call.
    #[must_use]
    pub fn callback_sync(&self) -> SyncWatch {
        self.begin_sync(Scope::Callback)
    }

    /// Begins to observe a sync of which everything is seen. The caller reports [`Call::Start`]
    /// first and [`Call::StartReturned`] when the start has returned.
    #[must_use]
    pub fn request_sync(&self) -> SyncWatch {
        self.begin_sync(Scope::Request)
    }

    /// Says that the host's own use of handles will be reported, so that its rules can be applied
    /// to syncs that begin from now on.
    pub fn watch_host(&self) {
        lock(&self.shared.syncs).host_watched = true;
    }

    /// Reports the host's use of a published handle: it counts for the newest sync that published
    /// it.
    pub fn host_used(&self, event: RawEvent, call: Call<&str>) {
        let owner = lock(&self.shared.syncs).publisher(event).cloned();
        if let Some(entry) = owner {
            SyncWatch { shared: Arc::clone(&self.shared), entry }.observe(call);
        }
    }

    /// Reports that the host has released the store.
    pub fn store_released(&self) {
        for watch in self.open_syncs() {
            watch.observe(Call::StoreReleased);
        }
    }

    /// Reports that the host calls a method of shutdown of the store's provider.
    ///
    /// [`Monitor::watch_shutdown`] reports both by itself.
    pub fn shutdown_called(&self, method: ShutdownMethod) {
        self.observe_of_store(Call::Shutdown { method });
    }

    /// Reports that a method of shutdown has returned `result`. Syncs that begin later know of it
    /// too.
    pub fn shutdown_returned(&self, method: ShutdownMethod, result: HResult) {
        self.observe_of_store(Call::ShutdownReturned { method, result });
    }

    /// A call of the store's: it is logged once, and each sync's rules are asked about it.
    #[cold]
    fn observe_of_store(&self, call: Call<&str>) {
        let Shared { config, clock, syncs, log, .. } = &*self.shared;
        let at_ms = clock.now();
        let record = CallRecord::of_store(at_ms, call);
        Told::apply(&mut lock(syncs).told, &record);
        if config.keep_log {
            lock(log).push(record);
        }
        for SyncWatch { shared, entry } in self.open_syncs() {
            shared.observe(&entry, at_ms, call);
        }
    }

    /// Ends the observation, now: what any sync still owes is broken. Returns all violations, as
    /// [`Self::violations`].
    pub fn finish(&self) -> Vec<Violation> {
        let at_ms = self.shared.clock.now();
        for SyncWatch { shared, entry } in self.open_syncs() {
            shared.finish_sync(&entry, at_ms);
        }
        lock(&self.shared.syncs).clear();
        self.violations()
    }

    /// The violations so far, in the order in which they were found: at most one for each rule and
    /// sync.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.shared.violations).clone()
    }

    /// Whether no rule has been broken so far.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.shared.broken.load(Ordering::Acquire)
    }

    /// Every call so far, if [`MonitorConfig::keep_log`] is set.
    #[must_use]
    pub fn log(&self) -> Vec<CallRecord> {
        lock(&self.shared.log).clone()
    }

    fn begin_sync(&self, scope: Scope) -> SyncWatch {
        let shared = Arc::clone(&self.shared);
        let mut syncs = lock(&self.shared.syncs);
        let mut found = Vec::new();
        if !syncs.open().is_empty() {
            found = shared.forget_settled(&mut syncs);
        }
        let entry = syncs.begin(scope, &shared.config.policy);
        if let Some(told) = &syncs.told {
            entry.on_full_path(|judge| judge.state.told(told));
        }
        drop(syncs);
        if !found.is_empty() {
            shared.report(found);
        }
        SyncWatch { shared, entry }
    }

    fn open_syncs(&self) -> Vec<SyncWatch> {
        let syncs = lock(&self.shared.syncs);
        let watch = |entry: &Arc<SyncEntry>| SyncWatch {
            shared: Arc::clone(&self.shared),
            entry: Arc::clone(entry),
        };
        syncs.open().iter().map(watch).collect()
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("violations", &lock(&self.shared.violations))
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Has the rules judge a call, on the full path. Nothing is locked any more when violations are
    /// reported.
    fn observe(&self, entry: &SyncEntry, at_ms: u64, call: Call<&str>) -> Option<CallId> {
        let MonitorConfig { policy, keep_log, tasks, .. } = &self.config;
        let (number, found) = entry.on_full_path_then(|judge| {
            let mut store = self.store_rules(judge);
            let mut store = store.as_mut().map(|store| self.made(store));
            let record = judge.observe(at_ms, call, policy, tasks.as_ref(), store.as_deref_mut());
            let number = record.number;
            // A call of the store's is in the log already, and leaves the fast path closed.
            let is_of_store = record.call.is_of_store();
            if *keep_log && !is_of_store {
                self.keep(&record);
            }
            judge.state.apply(record);
            let opens =
                !keep_log && !is_of_store && judge.skip_repeat_progress(policy, store.as_deref());
            let silence_ms = opens.then(|| policy.bounded_silence_ms());
            ((number, judge.take_found()), silence_ms)
        });
        if let Some(found) = found {
            self.report(found);
        }
        number
    }

    #[inline(never)]
    fn keep(&self, record: &CallRecord) {
        lock(&self.log).push(record.clone());
    }

    /// Forgets the syncs that nothing is owed for any more. What they broke at their end.
    #[inline(never)]
    fn forget_settled(&self, syncs: &mut Syncs) -> Vec<Violation> {
        let mut found = Vec::new();
        syncs.forget_settled(|entry| {
            let broken = entry.on_full_path(|judge| {
                let at_ms = judge.state.last_activity_ms();
                self.finish(judge, at_ms)
            });
            found.extend(broken.into_iter().flatten());
        });
        found
    }

    fn finish_sync(&self, entry: &SyncEntry, at_ms: u64) {
        if let Some(found) = entry.on_full_path(|judge| self.finish(judge, at_ms)) {
            self.report(found);
        }
    }

    fn finish(&self, judge: &mut Judge, at_ms: u64) -> Option<Vec<Violation>> {
        let mut store = self.store_rules(judge);
        let store = store.as_mut().map(|store| self.made(store));
        judge.finish(at_ms, &self.config.policy, store);
        judge.take_found()
    }

    /// The rules over all syncs, locked, if they judge this one.
    fn store_rules(&self, judge: &Judge) -> Option<MutexGuard<'_, Option<Box<StoreRules>>>> {
        let judged = !judge.state.is_callback_only() || self.store_rules_judge_callbacks;
        judged.then(|| lock(&self.store_rules))
    }

    fn made<'r>(&self, rules: &'r mut Option<Box<StoreRules>>) -> &'r mut StoreRules {
        rules.get_or_insert_with(|| Box::new(StoreRules::new(&self.config.policy)))
    }

    #[cold]
    fn report(&self, broken: Vec<Violation>) {
        let message = broken[0].to_string();
        lock(&self.violations).extend(broken);
        self.broken.store(true, Ordering::Release);
        if self.config.on_violation == OnViolation::Panic && !std::thread::panicking() {
            panic!("{message}");
        }
    }
}

/// One sync under observation: where its calls are reported. Cloning gives another handle to the
/// same sync.
#[derive(Clone)]
pub struct SyncWatch {
    shared: Arc<Shared>,
    entry: Arc<SyncEntry>,
}

impl SyncWatch {
    /// Which sync this is.
    #[must_use]
    pub fn id(&self) -> SyncId {
        self.entry.id()
    }

    /// Reports a call, now. A callback that begins gets the number that [`Call::Ended`] must name.
    ///
    /// # Panics
    ///
    /// If the call breaks a rule and the monitor is set to [`OnViolation::Panic`], and if the
    /// monitor is [single-threaded](Monitor::single_threaded) and this is another thread.
    #[inline]
    pub fn observe(&self, call: Call<&str>) -> Option<CallId> {
        CallId::numbered(self.report(call))
    }

    /// Reports that a callback begins; what is returned reports how it ends.
    ///
    /// # Panics
    ///
    /// As [`Self::observe`].
    #[inline]
    pub fn begin(&self, call: Call<&str>) -> CallInFlight<'_> {
        CallInFlight { watch: self, number: self.report(call) }
    }

    /// Reports a call. The number of a callback that begins; 0 for what is no callback.
    #[inline]
    fn report(&self, call: Call<&str>) -> u32 {
        match call {
            Call::Progress { text, index, index_max } => self.progress(text, index, index_max),
            _ => self.report_slow(call),
        }
    }

    /// Nothing is called on the way through: what comes next is called in this one's place, with
    /// the same arguments, so that no register has to be kept.
    fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> u32 {
        if let Some(at_ms) = self.shared.clock.virtual_now()
            && let Some(CallId(number)) = self.entry.begin_fast(at_ms, text, index, index_max)
        {
            return number;
        }
        self.progress_slow(text, index, index_max)
    }

    #[inline(never)]
    fn progress_slow(&self, text: Option<&str>, index: u32, index_max: u32) -> u32 {
        let at_ms = self.shared.clock.now();
        let begun = self.entry.begin_fast_locked(at_ms, text, index, index_max).or_else(|| {
            let call = Call::Progress { text, index, index_max };
            self.shared.observe(&self.entry, at_ms, call)
        });
        begun.map_or(0, |CallId(number)| number)
    }

    #[cold]
    fn report_slow(&self, call: Call<&str>) -> u32 {
        let at_ms = self.shared.clock.now();
        if let Call::Ended { call, answer: Answer::Returned(HResult::S_OK) } = call
            && self.entry.end_fast(at_ms, call)
        {
            return 0;
        }
        self.shared.observe(&self.entry, at_ms, call).map_or(0, |CallId(number)| number)
    }

    /// Reports that a callback has returned.
    #[inline]
    fn ended(&self, call: CallId, result: HResult) {
        if result == HResult::S_OK
            && let Some(at_ms) = self.shared.clock.virtual_now()
            && self.entry.end_fast(at_ms, call)
        {
            return;
        }
        self.ended_slow(call, result);
    }

    #[inline(never)]
    fn ended_slow(&self, call: CallId, result: HResult) {
        let at_ms = self.shared.clock.now();
        if result != HResult::S_OK || !self.entry.end_fast(at_ms, call) {
            let call = Call::Ended { call, answer: Answer::Returned(result) };
            self.shared.observe(&self.entry, at_ms, call);
        }
    }
}

impl fmt::Debug for SyncWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SyncWatch").field(&self.entry.id()).finish()
    }
}

/// A callback that is in flight. Dropping it reports that the call was dropped, or that it
/// panicked.
#[must_use = "the call counts as dropped when this is dropped"]
pub struct CallInFlight<'a> {
    watch: &'a SyncWatch,
    /// 0 for what is no callback.
    number: u32,
}

impl CallInFlight<'_> {
    /// The call's number; `None` for what is no callback.
    #[must_use]
    pub fn number(&self) -> Option<CallId> {
        CallId::numbered(self.number)
    }

    /// Reports that the call has returned `result`, and returns it.
    ///
    /// # Panics
    ///
    /// As [`SyncWatch::observe`].
    #[inline]
    pub fn end(self, result: HResult) -> HResult {
        // Nothing is left for the drop to report.
        let open = ManuallyDrop::new(self);
        if let Some(call) = open.number() {
            open.watch.ended(call, result);
        }
        result
    }
}

impl fmt::Debug for CallInFlight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallInFlight")
            .field("sync", &self.watch.id())
            .field("number", &self.number())
            .finish_non_exhaustive()
    }
}

impl Drop for CallInFlight<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.number() {
            let answer = if std::thread::panicking() { Answer::Panicked } else { Answer::Dropped };
            self.watch.observe(Call::Ended { call, answer });
        }
    }
}
