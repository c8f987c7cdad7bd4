//! Faults while an execution runs: whether one is injected here, and how often each was.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::scenario::{Fault, Faults};
use crate::engine::{self, Object, Site};

/// The rest of one fault's budget, shared by all tasks of one execution.
///
/// It is a tracked object. A task that gets no fault has read it, a task that gets one has written
/// it.
struct Budget {
    left: AtomicU32,
    object: Object,
    site: Site,
}

impl Budget {
    fn new(left: u32, site: Site) -> Self {
        Self { left: AtomicU32::new(left), object: Object::new(site.name()), site }
    }

    /// Whether the fault is injected here. The search is asked only while something is left.
    fn inject(&self) -> bool {
        // An execution runs on one thread: the number cannot change between the load and the store.
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            self.object.read();
            return false;
        }
        if !engine::fault(self.site) {
            self.object.read();
            return false;
        }
        self.object.write();
        self.left.store(left - 1, Ordering::Relaxed);
        true
    }

    fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }
}

/// The faults of one execution.
pub(super) struct FaultBudgets {
    /// `None` for a fault that is off, which is then neither an object nor a decision, and for one
    /// that the engine injects.
    budgets: [Option<Budget>; Fault::ALL.len()],
    given: [u32; Fault::ALL.len()],
    /// Whether no fault is injected any more. It changes with a write to each budget.
    ended: AtomicBool,
}

impl FaultBudgets {
    pub(super) fn new(faults: &Faults) -> Self {
        let given = Fault::ALL.map(|fault| fault.budget(faults));
        let budgets = Fault::ALL.map(|fault| {
            (given[fault as usize] > 0 && !fault.is_engines())
                .then(|| Budget::new(given[fault as usize], Site::new(fault.name())))
        });
        Self { budgets, given, ended: AtomicBool::new(false) }
    }

    /// Whether this fault is injected here.
    pub(super) fn inject(&self, fault: Fault) -> bool {
        let Some(budget) = &self.budgets[fault as usize] else { return false };
        if self.ended.load(Ordering::Relaxed) {
            budget.object.read();
            return false;
        }
        budget.inject()
    }

    /// From now on, none is injected.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.budgets.iter().flatten().for_each(|budget| budget.object.write());
    }

    /// How often it was injected.
    pub(super) fn injected(&self, fault: Fault) -> u32 {
        let given = self.given[fault as usize];
        given - self.budgets[fault as usize].as_ref().map_or(given, Budget::left)
    }
}
