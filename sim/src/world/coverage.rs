//! How often each feature of a scenario was exercised.

use mapi_sync::contract::Situation;

use super::run::Count;
use super::scenario::Fault;

/// Counts over one or many executions, one for each feature and each fault.
///
/// A counter at zero means that the executions prove nothing about that feature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: [u64; Count::ALL.len()],
    faults: [u64; Fault::ALL.len()],
}

impl Coverage {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: [0; Count::ALL.len()], faults: [0; Fault::ALL.len()] }
    }

    /// Adds the counts of other executions.
    pub fn merge(&mut self, other: &Self) {
        let pairs = self.counts.iter_mut().zip(&other.counts);
        for (mine, more) in pairs.chain(self.faults.iter_mut().zip(&other.faults)) {
            *mine += more;
        }
    }

    /// How many Done calls reached the host.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.counts[Count::Done as usize]
    }

    /// How often this came about. The simulated provider holds its store while a sync runs, so that
    /// each shutdown of the host's shows the release; of another one, only a release after a logoff
    /// is seen.
    #[must_use]
    pub(crate) fn of(&self, situation: Situation, sees_releases: bool) -> u64 {
        let count = |what: Count| self.counts[what as usize];
        match situation {
            Situation::Progress => count(Count::Progress),
            Situation::Error => count(Count::Errors),
            Situation::HostFailure => {
                self.fault(Fault::CallbackFailure) + self.fault(Fault::CallbackPanic)
            }
            Situation::Cancel => count(Count::Cancels),
            Situation::FailedStart => count(Count::FailedStarts),
            Situation::Release if sees_releases => count(Count::Shutdowns),
            Situation::Release => count(Count::Releases),
            Situation::Overlap => count(Count::Overlaps),
            Situation::FastShutdown => count(Count::FastShutdowns),
            // One that nobody sees.
            _ => 0,
        }
    }

    /// How often this fault was injected.
    #[must_use]
    pub fn fault(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// All counters by name, in a fixed order.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = Count::ALL.map(|what| (what.name(), self.counts[what as usize]));
        let faults = Fault::ALL.map(|fault| (fault.name(), self.faults[fault as usize]));
        counts.into_iter().chain(faults)
    }

    pub(super) fn add(&mut self, what: Count, times: u64) {
        self.counts[what as usize] += times;
    }

    pub(super) fn add_fault(&mut self, fault: Fault, times: u64) {
        self.faults[fault as usize] += times;
    }
}
