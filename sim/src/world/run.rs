//! The state that all parts of one execution share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use mapi_sync::contract::Monitor;

use super::coverage::Coverage;
use super::faults::FaultBudgets;
use super::host::Varied;
use super::mutant::Mutant;
use super::provider::{Plan, Script};
use super::scenario::{Fault, Host, Scenario};
use crate::engine::sync::Register;
use crate::engine::{self, Object};

/// A scenario in the form in which all its executions share it.
pub(super) struct Compiled {
    pub(super) scenario: Scenario,
    pub(super) plans: Vec<Plan>,
    /// The protocol of each account's provider, if the scenario has one.
    pub(super) programs: Vec<Arc<Script>>,
    pub(super) mutant: Option<Mutant>,
}

/// The shared state of one execution.
pub(super) struct Run {
    compiled: Arc<Compiled>,
    faults: FaultBudgets,
    varied: Option<Varied>,
    /// Whether the provider says itself when its store is released.
    counts_references: bool,
    /// One for each account: each has a store of its own.
    monitors: Vec<Monitor>,
    /// Whether the process has exited by the end. Read only after the execution, as are the
    /// counts, so they are not tracked.
    exited: AtomicBool,
    counts: [AtomicU32; Count::ALL.len()],
}

/// A counter of an execution.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Progress,
    Done,
    Errors,
    Cancels,
    Shutdowns,
    FastShutdowns,
    Releases,
    Overlaps,
    FailedStarts,
}

impl Count {
    pub(super) const ALL: [Self; 9] = [
        Self::Progress,
        Self::Done,
        Self::Errors,
        Self::Cancels,
        Self::Shutdowns,
        Self::FastShutdowns,
        Self::Releases,
        Self::Overlaps,
        Self::FailedStarts,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Done => "done",
            Self::Errors => "errors",
            Self::Cancels => "cancels",
            Self::Shutdowns => "shutdowns",
            Self::FastShutdowns => "fast_shutdowns",
            Self::Releases => "releases",
            Self::Overlaps => "overlapping_starts",
            Self::FailedStarts => "failed_starts",
        }
    }
}

impl Run {
    /// Draws the host of this execution, if it varies.
    pub(super) fn new(
        compiled: &Arc<Compiled>,
        monitors: Vec<Monitor>,
        counts_references: bool,
    ) -> Self {
        Self {
            faults: FaultBudgets::new(&compiled.scenario.faults),
            varied: Varied::draw(&compiled.scenario.host),
            counts_references,
            monitors,
            compiled: Arc::clone(compiled),
            exited: AtomicBool::new(false),
            counts: Default::default(),
        }
    }

    pub(super) fn scenario(&self) -> &Scenario {
        &self.compiled.scenario
    }

    /// The host of this execution.
    pub(super) fn host(&self) -> &Host {
        self.varied.as_ref().map_or(&self.scenario().host, |varied| &varied.host)
    }

    /// What the host does in this execution beyond what a scenario can say.
    pub(super) fn varied(&self) -> Option<&Varied> {
        self.varied.as_ref()
    }

    pub(super) fn plan(&self, account: usize) -> &Plan {
        &self.compiled.plans[account]
    }

    /// Whether the provider says itself when its store is released.
    pub(super) fn counts_references(&self) -> bool {
        self.counts_references
    }

    pub(super) fn monitor(&self, account: usize) -> &Monitor {
        &self.monitors[account]
    }

    pub(super) fn monitors(&self) -> &[Monitor] {
        &self.monitors
    }

    /// Whether this mutant is built in.
    #[inline]
    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.compiled.mutant == Some(mutant)
    }

    /// From now on, the world injects no fault.
    pub(super) fn end_faults(&self) {
        self.faults.end();
    }

    /// All providers have returned from DoFastShutdown: whoever still waits, the process has ended.
    pub(super) fn exit(&self) {
        self.exited.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_exited(&self) -> bool {
        self.exited.load(Ordering::Relaxed)
    }

    /// Whether this fault is injected here.
    pub(super) fn inject(&self, fault: Fault) -> bool {
        self.faults.inject(fault)
    }

    pub(super) fn count(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what happened to `coverage`.
    pub(super) fn cover(&self, coverage: &mut Coverage) {
        for what in Count::ALL {
            coverage.add(what, self.counts[what as usize].load(Ordering::Relaxed).into());
        }
        for fault in Fault::ALL.into_iter().filter(|fault| !fault.is_engines()) {
            coverage.add_fault(fault, self.faults.injected(fault).into());
        }
    }
}

/// Starts a task of the world that nobody awaits. The execution ends only after it has ended.
pub(super) fn spawn_detached(name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let _running = engine::spawn(name, task);
}

/// A reference to a store. When the last one goes, the store is released, and the monitor is told.
///
/// Which one is the last depends on the order in which they go, so giving one back is a use of the
/// store.
#[derive(Clone)]
pub(super) struct StoreRef {
    _store: Arc<Store>,
    references: Object,
}

struct Store(Monitor);

impl StoreRef {
    pub(super) fn new(run: &Run, account: usize) -> Self {
        let store = Store(run.monitor(account).clone());
        Self { _store: Arc::new(store), references: Object::new("references to the store") }
    }
}

impl Drop for StoreRef {
    fn drop(&mut self) {
        self.references.write();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.0.store_released();
    }
}

/// Counts a sync as running, however it ends.
pub(super) struct Running(Option<Register<u32>>);

impl Running {
    pub(super) fn new(running: &Register<u32>) -> Self {
        running.update(|count| *count += 1);
        Self(Some(running.clone()))
    }

    /// The sync no longer runs, although the value still exists.
    pub(super) fn end(&mut self) {
        if let Some(running) = self.0.take() {
            running.update(|count| *count -= 1);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
