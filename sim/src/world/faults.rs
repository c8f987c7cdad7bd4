//! Faults: what may go wrong, how often, and how often it did.

use std::sync::atomic::{AtomicU32, Ordering};

use super::scenario;
use crate::engine::{self, Object, Site};

/// Something that goes wrong outside of the provider's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A request or its answer is lost.
    NetworkLoss,
    /// An answer is late.
    NetworkLatency,
    /// The server cannot be reached at logon.
    Offline,
    /// Progress or Error answers with a failing HRESULT.
    CallbackFailure,
    /// Progress or Error panics in the host's code.
    CallbackPanic,
    /// The callback object answers E_NOINTERFACE.
    QueryInterfaceRefused,
    /// The system refuses to create an event.
    EventCreation,
    /// The system refuses to start a task.
    TaskCreation,
    /// A task of the provider is dropped at an await point.
    TaskDropped,
    /// A task is polled although nothing woke it.
    SpuriousWake,
}

impl Fault {
    /// All of them, in the order of a scenario file.
    pub const ALL: [Self; 10] = [
        Self::NetworkLoss,
        Self::NetworkLatency,
        Self::Offline,
        Self::CallbackFailure,
        Self::CallbackPanic,
        Self::QueryInterfaceRefused,
        Self::EventCreation,
        Self::TaskCreation,
        Self::TaskDropped,
        Self::SpuriousWake,
    ];

    /// The name, as a scenario file's `[faults]` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetworkLoss => "network_loss",
            Self::NetworkLatency => "network_latency",
            Self::Offline => "offline",
            Self::CallbackFailure => "callback_failure",
            Self::CallbackPanic => "callback_panic",
            Self::QueryInterfaceRefused => "query_interface_refused",
            Self::EventCreation => "event_creation",
            Self::TaskCreation => "task_creation",
            Self::TaskDropped => "task_dropped",
            Self::SpuriousWake => "spurious_wake",
        }
    }

    /// Whether the engine deals it out by itself.
    pub(super) const fn is_engines(self) -> bool {
        matches!(self, Self::TaskDropped | Self::SpuriousWake)
    }

    /// The place of its decisions.
    const fn site(self) -> Site {
        Site::new(self.name())
    }

    /// How many of it one execution of a scenario may have.
    #[must_use]
    pub const fn budget(self, faults: &scenario::Faults) -> u32 {
        match self {
            Self::NetworkLoss => faults.network_loss,
            Self::NetworkLatency => faults.network_latency,
            Self::Offline => faults.offline,
            Self::CallbackFailure => faults.callback_failure,
            Self::CallbackPanic => faults.callback_panic,
            Self::QueryInterfaceRefused => faults.query_interface_refused,
            Self::EventCreation => faults.event_creation,
            Self::TaskCreation => faults.task_creation,
            Self::TaskDropped => faults.task_dropped,
            Self::SpuriousWake => faults.spurious_wake,
        }
    }

    /// How many of it one execution of a scenario may have, to be changed.
    pub(super) const fn budget_mut(self, faults: &mut scenario::Faults) -> &mut u32 {
        match self {
            Self::NetworkLoss => &mut faults.network_loss,
            Self::NetworkLatency => &mut faults.network_latency,
            Self::Offline => &mut faults.offline,
            Self::CallbackFailure => &mut faults.callback_failure,
            Self::CallbackPanic => &mut faults.callback_panic,
            Self::QueryInterfaceRefused => &mut faults.query_interface_refused,
            Self::EventCreation => &mut faults.event_creation,
            Self::TaskCreation => &mut faults.task_creation,
            Self::TaskDropped => &mut faults.task_dropped,
            Self::SpuriousWake => &mut faults.spurious_wake,
        }
    }
}

/// A number of strokes that the search may spend, shared by all tasks of one execution.
///
/// It is a tracked object: whoever is refused because it is empty has read it, whoever strikes has
/// written it.
struct Budget {
    left: AtomicU32,
    object: Object,
    site: Site,
}

impl Budget {
    fn new(left: u32, site: Site) -> Self {
        Self { left: AtomicU32::new(left), object: Object::new(site.name()), site }
    }

    /// Whether the search strikes here. It is asked only while something is left.
    fn strike(&self) -> bool {
        // An execution runs on one thread: nobody changes the number between the load and the
        // store.
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

    /// How many are left.
    fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }
}

/// The faults of one execution.
pub(super) struct Faults {
    budgets: [Option<Budget>; 10],
    given: [u32; 10],
}

impl Faults {
    pub(super) fn new(faults: &scenario::Faults) -> Self {
        let given = Fault::ALL.map(|fault| fault.budget(faults));
        // What is off is no object and no decision. Drops and spurious wake-ups are the engine's
        // own.
        let budgets = Fault::ALL.map(|fault| {
            (given[fault as usize] > 0 && !fault.is_engines())
                .then(|| Budget::new(given[fault as usize], fault.site()))
        });
        Self { budgets, given }
    }

    /// Whether this fault strikes here.
    pub(super) fn strike(&self, fault: Fault) -> bool {
        self.budgets[fault as usize].as_ref().is_some_and(Budget::strike)
    }

    /// How often it struck.
    pub(super) fn struck(&self, fault: Fault) -> u32 {
        let given = self.given[fault as usize];
        given - self.budgets[fault as usize].as_ref().map_or(given, Budget::left)
    }
}
