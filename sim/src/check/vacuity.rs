//! A check that never met what its scenario is about proves nothing about it.

use crate::world::{Coverage, Fault, Scenario};

/// The counters of features that the scenario has, and that stand at zero.
pub(super) fn unexercised(scenario: &Scenario, coverage: &Coverage) -> Vec<&'static str> {
    let Scenario { host, faults, .. } = scenario;
    let expected = |name: &str| match name {
        "done" => true,
        "errors" => faults.network_loss > 0 || faults.offline > 0,
        "cancels" => host.cancels > 0,
        "shutdowns" => host.shutdown,
        "overlapping_starts" => host.overlap_start || host.reentrant,
        "failed_starts" => {
            faults.query_interface_refused > 0
                || faults.event_creation > 0
                || host.overlap_start
                || host.reentrant
        }
        fault => Fault::ALL.iter().any(|f| f.name() == fault && f.budget(faults) > 0),
    };
    coverage
        .counters()
        .filter(|(name, count)| *count == 0 && expected(name))
        .map(|(name, _)| name)
        .collect()
}
