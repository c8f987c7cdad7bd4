//! The monitor: the state machine of every sync of one store, with a clock.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::clock::{Clock, Quick, VirtualClock};
use super::machine::{Machine, Scope};
use super::syncs::{Cell, Syncs};
use super::{Answer, Call, CallId, KeptCall, Policy, SyncId, Violation};
use crate::lock::lock;
use crate::{HResult, RawEvent};

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

/// How a monitor is set up.
#[derive(Clone, Debug, Default)]
pub struct MonitorConfig {
    /// The rules that are held.
    pub policy: Policy,
    /// What happens when one is broken.
    pub on_violation: OnViolation,
    /// Whether every call is kept, with its texts, for [`Monitor::log`]. This costs memory with
    /// every call.
    pub keep_log: bool,
}

/// Holds the calls of one store's syncs against the contract, as they happen. Cloning gives another
/// handle to it.
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
    violations: Mutex<Vec<Violation>>,
    /// Whether there are violations: to know it takes no lock.
    broken: AtomicBool,
    log: Mutex<Vec<KeptCall>>,
}

impl Monitor {
    /// A monitor whose clock tells (virtual) milliseconds since an epoch of the caller's, and never
    /// goes back.
    #[must_use]
    pub fn new(config: MonitorConfig, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self::with_home(config, Clock::Asked(Box::new(clock)), false)
    }

    /// As [`Self::new`], for where one thread makes all calls, as in a simulation: a call costs no
    /// lock.
    ///
    /// The syncs belong to the thread that begins to observe them. A call that another thread
    /// reports for one panics in that thread.
    #[must_use]
    pub fn local(config: MonitorConfig, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self::with_home(config, Clock::Asked(Box::new(clock)), true)
    }

    /// As [`Self::local`], with a clock that is looked at and need not be asked: a call costs less
    /// still.
    #[must_use]
    pub fn in_virtual_time(config: MonitorConfig, clock: VirtualClock) -> Self {
        let quick = Quick { clock, silence_ms: config.policy.bounded_silence_ms() };
        Self::with_home(config, Clock::Shown(quick), true)
    }

    fn with_home(config: MonitorConfig, clock: Clock, local: bool) -> Self {
        let shared = Shared {
            config,
            clock,
            syncs: Mutex::new(Syncs::new(local)),
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
        self.new_sync(Scope::Callback)
    }

    /// Begins to observe a sync of which everything is seen. The caller reports [`Call::Start`]
    /// first and [`SyncWatch::returned`] when the start has returned.
    #[must_use]
    pub fn request_sync(&self) -> SyncWatch {
        self.new_sync(Scope::Request)
    }

    /// Says that the host's own use of handles will be reported, so that its rules can be applied
    /// to syncs that begin from now on.
    pub fn watch_host(&self) {
        lock(&self.shared.syncs).host_watched = true;
    }

    /// Reports the host's use of a published handle: it is counted for the newest sync that
    /// published it.
    pub fn host_used(&self, event: RawEvent, call: Call<&str>) {
        let owner = lock(&self.shared.syncs).publisher(event).cloned();
        if let Some(cell) = owner {
            SyncWatch { shared: Arc::clone(&self.shared), cell }.observe(call);
        }
    }

    /// Reports that the host has released the store.
    pub fn store_released(&self) {
        for watch in self.open_syncs() {
            watch.observe(Call::StoreReleased);
        }
    }

    /// Ends the observation: what any sync still owes is broken now. Returns all violations, as
    /// [`Self::violations`].
    pub fn finish(&self) -> Vec<Violation> {
        self.finish_at(self.shared.clock.now())
    }

    /// As [`Self::finish`], at this time in milliseconds on the monitor's clock.
    pub fn finish_at(&self, at_ms: u64) -> Vec<Violation> {
        for SyncWatch { shared, cell } in self.open_syncs() {
            shared.applied(&cell, |machine, policy| machine.finish(at_ms, policy));
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
    pub fn log(&self) -> Vec<KeptCall> {
        lock(&self.shared.log).clone()
    }

    fn new_sync(&self, scope: Scope) -> SyncWatch {
        let quick = match &self.shared.clock {
            Clock::Shown(quick) if !self.shared.config.keep_log => Some(quick),
            _ => None,
        };
        let cell = lock(&self.shared.syncs).begin(quick, scope);
        SyncWatch { shared: Arc::clone(&self.shared), cell }
    }

    fn open_syncs(&self) -> Vec<SyncWatch> {
        let syncs = lock(&self.shared.syncs);
        let watch = |cell: &Arc<Cell>| SyncWatch {
            shared: Arc::clone(&self.shared),
            cell: Arc::clone(cell),
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
    /// Applies `change` to a sync and reports what it finds. Nothing is locked any more when
    /// violations are reported.
    fn applied<T>(&self, cell: &Cell, change: impl FnOnce(&mut Machine, &Policy) -> T) -> T {
        let (result, found) = cell
            .machine
            .with(|machine| (change(machine, &self.config.policy), machine.take_found()));
        if let Some(found) = found {
            self.report(found);
        }
        result
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

    #[cold]
    fn keep(&self, sync: SyncId, at_ms: u64, number: Option<CallId>, call: Call<&str>) {
        let call = call.into_shared();
        lock(&self.log).push(KeptCall { sync, at_ms, number, call });
    }
}

/// One sync under observation: where its calls are reported. Cloning gives another handle to the
/// same sync.
#[derive(Clone)]
pub struct SyncWatch {
    shared: Arc<Shared>,
    cell: Arc<Cell>,
}

impl SyncWatch {
    /// Which sync this is.
    #[must_use]
    pub fn id(&self) -> SyncId {
        self.cell.id()
    }

    /// Reports a call, now. A callback that begins gets the number that [`Call::Ended`] must name.
    ///
    /// # Panics
    ///
    /// When the call breaks a rule and the monitor is set to [`OnViolation::Panic`].
    #[inline(always)]
    pub fn observe(&self, call: Call<&str>) -> Option<CallId> {
        CallId::numbered(self.tell(call))
    }

    /// As [`Self::observe`], at this time in milliseconds on the monitor's clock.
    ///
    /// # Panics
    ///
    /// As [`Self::observe`].
    pub fn observe_at(&self, at_ms: u64, call: Call<&str>) -> Option<CallId> {
        let Self { shared, cell } = self;
        let MonitorConfig { policy, keep_log, .. } = &shared.config;
        let orderly = match call {
            Call::Progress { .. } | Call::Done { .. } if !keep_log => {
                cell.machine.with(|machine| machine.orderly(at_ms, call, policy))
            }
            _ => None,
        };
        orderly.or_else(|| self.observe_closely(at_ms, call))
    }

    /// As [`Self::observe`], but says the number alone: 0 for what is no callback.
    #[inline(always)]
    fn tell(&self, call: Call<&str>) -> u32 {
        match call {
            Call::Progress { text, index, index_max } => self.progress(text, index, index_max),
            _ => self.tell_slowly(call),
        }
    }

    /// A call of its own, and so is what a plain Progress can do without: so that it passes nothing
    /// through memory, and keeps no register from who tells of it.
    #[inline(never)]
    fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> u32 {
        let Cell { quick, plain, .. } = &*self.cell;
        if let Some(Quick { clock, silence_ms }) = quick
            && self.cell.is_here()
        {
            let now = clock.now();
            let begun = plain.begin(now, text, index, index_max, *silence_ms, |_| false);
            if let Some(CallId(number)) = begun {
                return number;
            }
        }
        self.progress_slowly(text, index, index_max)
    }

    #[inline(never)]
    fn progress_slowly(&self, text: Option<&str>, index: u32, index_max: u32) -> u32 {
        self.tell_slowly(Call::Progress { text, index, index_max })
    }

    fn tell_slowly(&self, call: Call<&str>) -> u32 {
        self.observe_at(self.shared.clock.now(), call).map_or(0, |CallId(number)| number)
    }

    /// As [`Self::observe_at`], without the short way.
    #[cold]
    fn observe_closely(&self, at_ms: u64, call: Call<&str>) -> Option<CallId> {
        let Self { shared, cell } = self;
        shared.applied(cell, |machine, policy| {
            let number = machine.observe(at_ms, call, policy);
            if shared.config.keep_log {
                shared.keep(cell.id(), at_ms, number, call);
            }
            number
        })
    }

    /// Reports that the start has returned, with this event in the out-pointer.
    ///
    /// # Panics
    ///
    /// As [`Self::observe`].
    pub fn returned(&self, result: HResult, event: RawEvent) {
        self.returned_at(self.shared.clock.now(), result, event);
    }

    /// As [`Self::returned`], at this time in milliseconds on the monitor's clock.
    ///
    /// # Panics
    ///
    /// As [`Self::observe`].
    pub fn returned_at(&self, at_ms: u64, result: HResult, event: RawEvent) {
        self.observe_at(at_ms, Call::StartReturned { result, event });
        for other in self.cell.take_overlapping() {
            let other = other.machine.with(|machine| machine.not_to_share());
            self.shared.applied(&self.cell, |machine, policy| {
                machine.overlapped(at_ms, &other, policy);
            });
        }
    }

    /// [`CallInFlight::end`], if the call is not plain or has to ask for the time.
    #[inline(never)]
    fn ends(&self, call: CallId, result: HResult) {
        let Self { shared, cell } = self;
        let at_ms = shared.clock.now();
        let orderly = !shared.config.keep_log
            && (result == HResult::S_OK && cell.plain.end(at_ms, call)
                || cell.machine.with(|machine| machine.orderly_end(at_ms, call)));
        if !orderly {
            self.observe_closely(at_ms, Call::Ended { call, answer: Answer::Returned(result) });
        }
    }

    /// Reports that a callback begins; what is returned reports how it ends.
    ///
    /// # Panics
    ///
    /// As [`Self::observe`].
    #[inline(always)]
    pub fn begin(&self, call: Call<&str>) -> CallInFlight<'_> {
        CallInFlight { watch: self, number: self.tell(call) }
    }
}

impl fmt::Debug for SyncWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SyncWatch").field(&self.cell.id()).finish()
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
    #[inline]
    pub(super) fn number(&self) -> Option<CallId> {
        CallId::numbered(self.number)
    }

    /// Reports that the call has returned `result`, and returns it.
    #[inline(always)]
    pub fn end(self, result: HResult) -> HResult {
        // Nothing is left for the drop to report.
        let open = ManuallyDrop::new(self);
        if let Some(call) = open.number() {
            let Cell { quick, plain, .. } = &*open.watch.cell;
            let ends_plainly = |quick: &Quick| plain.end(quick.clock.now(), call);
            if result != HResult::S_OK || !quick.as_ref().is_some_and(ends_plainly) {
                open.watch.ends(call, result);
            }
        }
        result
    }
}

impl fmt::Debug for CallInFlight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sync = self.watch.cell.id();
        f.debug_struct("CallInFlight")
            .field("sync", &sync)
            .field("number", &self.number())
            .finish_non_exhaustive()
    }
}

impl Drop for CallInFlight<'_> {
    // Out of the way: a future that holds this is then simple enough to drop that it is made where
    // it will lie, and not moved there with its parts still on their way to memory.
    #[cold]
    #[inline(never)]
    fn drop(&mut self) {
        if let Some(call) = self.number() {
            let answer = if std::thread::panicking() { Answer::Panicked } else { Answer::Dropped };
            self.watch.observe(Call::Ended { call, answer });
        }
    }
}
