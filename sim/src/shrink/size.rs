//! What is smaller than what.

use crate::decision::{Decisions, Kind};
use crate::engine::{Outcome, TaskKey};
use crate::world::{Cost, Fault, Scenario, Time};

/// How big a counterexample is. The first number that differs decides.
///
/// What is first costs a reader most: a fault that plays no part misleads, a task too many hides
/// the others, a long list of messages is only long. The numbers of the scenario come before those
/// of the schedule, for a schedule can be made small in any scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size {
    /// What may go wrong: faults, cancels, a shutdown, starts that overlap.
    pub(crate) faults_total: u64,
    /// What makes tasks: accounts, syncs, workers, signs of life.
    pub(crate) tasks: u64,
    /// Folders and messages, uploads included, and phases.
    pub(crate) work: u64,
    /// Steps that follow one of another task.
    pub(crate) switches: u64,
    /// Departures from the default.
    pub(crate) decisions: u64,
    /// Retries, times in milliseconds, and the values that were decided.
    pub(crate) values: u64,
    /// Virtual milliseconds at the end.
    pub(crate) virtual_ms: u64,
    /// Steps.
    pub(crate) steps: u64,
}

impl Size {
    /// The size of an execution in a scenario.
    pub(crate) fn new(
        scenario: &Scenario,
        decisions: &Decisions,
        order: &[TaskKey],
        outcome: &Outcome,
    ) -> Self {
        let of_scenario = Self::of_scenario(scenario);
        let chosen = decisions.departures().iter().filter(|d| d.place.kind != Kind::Run);
        let values = chosen.map(|departure| departure.value);
        Self {
            switches: switches(order.iter().filter(|key| **key != TaskKey::CLOCK)),
            decisions: decisions.len() as u64,
            values: values.fold(of_scenario.values, u64::saturating_add),
            virtual_ms: outcome.virtual_ms,
            steps: outcome.steps,
            ..of_scenario
        }
    }

    fn of_scenario(scenario: &Scenario) -> Self {
        let Scenario { accounts, provider, host, faults, .. } = scenario;
        let injected: u64 = Fault::ALL.iter().map(|fault| u64::from(fault.budget(faults))).sum();
        let switched = [host.overlap_start, host.reentrant];
        let work = accounts.iter().map(|account| {
            let folders = u64::from(account.folder_count());
            let messages: u64 =
                (0..account.folder_count()).map(|n| u64::from(account.messages_in(n))).sum();
            let made = u64::from(account.new_folders) + u64::from(account.outgoing);
            folders + messages + made + u64::from(account.flags.bits().count_ones())
        });
        let times = Time::ALL.iter().map(|time| match time.cost(scenario) {
            Cost::Fixed(ms) => *ms,
            // A time that is decided is more to understand than any that is not.
            several => several.max().saturating_add(several.count()),
        });
        let single = [
            u64::from(provider.retries),
            provider.retry_delay_ms,
            faults.latency_ms,
            provider.keep_alive_ms,
        ];
        Self {
            faults_total: injected
                + u64::from(host.cancels)
                + host.shutdown as u64
                + switched.into_iter().map(u64::from).sum::<u64>(),
            tasks: accounts.len() as u64
                + u64::from(host.syncs)
                + u64::from(provider.workers)
                + u64::from(provider.keep_alive_ms > 0),
            work: work.sum(),
            values: times.chain(single).fold(0, u64::saturating_add),
            ..Self::default()
        }
    }
}

/// How often something else follows: of steps, the context switches.
pub(crate) fn switches<T: PartialEq>(steps: impl Iterator<Item = T>) -> u64 {
    let mut last = None;
    let mut count = 0;
    for step in steps {
        count += u64::from(last.as_ref().is_some_and(|last| *last != step));
        last = Some(step);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Changes, Knob, builtins};

    #[test]
    fn every_smaller_value_of_a_scenario_makes_it_smaller() {
        for base in builtins() {
            for knob in Knob::all(base) {
                for value in knob.smaller(base, &Changes::default()) {
                    let Some(changed) = Changes::default().with(knob, value).apply(base) else {
                        continue;
                    };
                    let (before, after) = (Size::of_scenario(base), Size::of_scenario(&changed));
                    assert!(after < before, "{} {knob:?} to {value}: {after:?}", base.name);
                }
            }
        }
    }

    #[test]
    fn switches_are_counted_between_steps() {
        assert_eq!(switches("aabba".chars()), 2);
        assert_eq!(switches("".chars()), 0);
    }
}
