//! A case and its smaller ones.

use ::proptest::strategy::{NewTree, Strategy, ValueTree};
use ::proptest::test_runner::TestRunner;

use super::schedule::ScheduleTree;
use super::{Case, Hung, Parts};
use crate::check::{Begin, Found, FoundSlot, Known};
use crate::lock::lock;
use crate::world::Scenario;

/// How many cases are left for the explanation when the runner's limit comes near: the explained
/// one, and one after it.
const RESERVED: u32 = 2;

/// Cases with inputs of this strategy.
#[derive(Debug)]
pub(super) struct Cases<S> {
    pub(super) inputs: S,
    pub(super) parts: Parts,
}

impl<S: Strategy> Strategy for Cases<S> {
    type Tree = CaseTree<S::Tree, <Parts as Strategy>::Tree>;
    type Value = Case<S::Value>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let inputs = self.inputs.new_tree(runner)?;
        let host = self.parts.new_tree(runner)?;
        Ok(CaseTree::new(inputs, host, runner.config().max_shrink_iters()))
    }
}

/// A case that is made smaller part by part: its inputs, its schedule, its host and faults, and its
/// schedule again. Inputs or a host that are smaller are run with the schedule that broke the case
/// before, and with others if that one no longer does: a schedule of few decisions fits more hosts.
/// At last the smallest case is explained.
///
/// What a case's check finds comes back to the tree, for a schedule is known only once it was run.
pub(super) struct CaseTree<I, H> {
    inputs: I,
    host: H,
    schedule: Option<ScheduleTree>,
    /// What the case showed that broke the test last.
    known: Option<Found>,
    /// Where the current case's checks leave what they find.
    found: FoundSlot,
    hung: Hung,
    part: Part,
    /// Whether the part was made smaller and the result has not been run.
    tries: bool,
    /// How many more cases may be run.
    left: u32,
    /// Whether there was ever one.
    shrinks: bool,
}

/// What is made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Inputs,
    Schedule,
    Host,
    LastSchedule,
    Explanation,
    Nothing,
}

impl<I: ValueTree, H: ValueTree<Value = (Scenario, u64)>> CaseTree<I, H> {
    pub(super) fn new(inputs: I, host: H, left: u32) -> Self {
        Self {
            inputs,
            host,
            schedule: None,
            known: None,
            found: FoundSlot::default(),
            hung: Hung::default(),
            part: Part::Inputs,
            tries: false,
            left,
            shrinks: left > 0,
        }
    }
    /// Makes the current case, which broke the test, smaller by one part.
    fn next(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        if self.left <= RESERVED {
            self.part = self.part.max(Part::Explanation);
        }
        loop {
            let (tries, next) = match self.part {
                Part::Inputs => (self.inputs.simplify(), Part::Schedule),
                Part::Host => (self.host.simplify(), Part::LastSchedule),
                Part::Schedule | Part::LastSchedule => {
                    let tries = self.known.as_mut().is_some_and(|known| {
                        let new = || ScheduleTree::new(known.decisions.clone());
                        let schedule = self.schedule.get_or_insert_with(new);
                        let tries = schedule.simplify(&known.decisions);
                        known.decisions = schedule.known().clone();
                        tries
                    });
                    if !tries {
                        self.schedule = None;
                    }
                    let first = self.part == Part::Schedule;
                    (tries, if first { Part::Host } else { Part::Explanation })
                }
                Part::Explanation => (self.known.is_some(), Part::Nothing),
                Part::Nothing => return false,
            };
            if tries {
                self.tries = true;
                self.left -= 1;
                return true;
            }
            self.part = next;
        }
    }

    /// What the current case's check begins with.
    fn begin(&self) -> Begin {
        let Some(Found { defect, decisions, .. }) = &self.known else {
            return if self.shrinks { Begin::Search } else { Begin::Whole };
        };
        let (defect, decisions) = (*defect, decisions.clone());
        match (self.part, &self.schedule) {
            (Part::Schedule | Part::LastSchedule, Some(tree)) if self.tries => {
                Begin::Alone(defect, tree.current().clone())
            }
            (Part::Explanation, _) if self.tries => Begin::Explained(defect, decisions),
            _ => Begin::Near(defect, decisions),
        }
    }
}

impl<I: ValueTree, H: ValueTree<Value = (Scenario, u64)>> ValueTree for CaseTree<I, H> {
    type Value = Case<I::Value>;

    fn current(&self) -> Self::Value {
        let (scenario, seed) = self.host.current();
        Case {
            inputs: self.inputs.current(),
            scenario,
            seed,
            schedules: super::SCHEDULES,
            watchdog: Some(crate::check::WATCHDOG),
            hung: self.hung.clone(),
            token: self.known.as_ref().map(|known| known.token.clone()),
            known: Known { begin: self.begin(), found: self.found.clone() },
        }
    }

    fn simplify(&mut self) -> bool {
        let found = lock(&self.found).take();
        match self.part {
            // The smallest case stays as it is; only its token may be another one.
            Part::Explanation if self.tries => {
                if let (Some(known), Some(found)) = (&mut self.known, found) {
                    known.token = found.token;
                }
                self.part = Part::Nothing;
            }
            _ => self.known = found.or(self.known.take()),
        }
        self.tries = false;
        self.next()
    }

    fn complicate(&mut self) -> bool {
        drop(lock(&self.found).take());
        if !self.tries {
            return false;
        }
        let back = match self.part {
            Part::Inputs => self.inputs.complicate(),
            Part::Host => self.host.complicate(),
            Part::Schedule | Part::LastSchedule => {
                self.schedule.as_mut().into_iter().for_each(ScheduleTree::complicate);
                false
            }
            Part::Explanation | Part::Nothing => {
                self.part = Part::Nothing;
                false
            }
        };
        if back {
            self.left = self.left.saturating_sub(1);
            return true;
        }
        self.tries = false;
        self.next()
    }
}

#[cfg(test)]
mod tests {
    use ::proptest::collection::vec;
    use ::proptest::prelude::*;
    use ::proptest::test_runner::{RngAlgorithm, TestRng};

    use super::super::{schedule, shown};
    use super::*;
    use crate::decision::{Decisions, Departure, Kind, Place};
    use crate::defect::Defect;
    use crate::engine::TaskKey;

    /// A check that fails for two things of the inputs, a fault, and one decision: it says what it
    /// found, as a check does.
    struct Fake {
        folders: usize,
        faults: u32,
        ordinal: u32,
        /// How many decisions besides it finds.
        others: u32,
    }

    impl Fake {
        fn decisions(&self) -> Decisions {
            let departure = |ordinal| Departure {
                place: Place { kind: Kind::Run, task: TaskKey::from_bits(1), site: 0, ordinal },
                value: 7,
            };
            (0..self.others + self.ordinal + 1).map(departure).collect()
        }

        /// Whether the case fails.
        fn fails(&self, case: &Case<Vec<u8>>) -> bool {
            let needed = |d: &Decisions| {
                d.departures().iter().any(|departure| departure.place.ordinal == self.ordinal)
            };
            let decisions = match &case.known.begin {
                Begin::Whole | Begin::Search => self.decisions(),
                Begin::Near(_, decisions)
                | Begin::Alone(_, decisions)
                | Begin::Explained(_, decisions) => decisions.clone(),
            };
            let fails = case.inputs.len() >= self.folders
                && case.scenario.faults.callback_failure >= self.faults
                && needed(&decisions);
            if fails {
                let token = format!("ms2-{}", decisions.len());
                let found = Found { defect: Defect::Panic, decisions, token };
                *lock(&case.known.found) = Some(found);
            }
            fails
        }
    }

    /// What is smaller: inputs before the host before the schedule.
    fn size(case: &Case<Vec<u8>>) -> (Vec<u64>, Vec<u64>, (usize, u64)) {
        let Scenario { accounts, host, faults, .. } = &case.scenario;
        let inputs = [case.inputs.len() as u64]
            .into_iter()
            .chain(case.inputs.iter().map(|input| u64::from(*input)))
            .collect();
        let flags = accounts.iter().map(|account| u64::from(account.flags.bits())).sum();
        let all: u64 =
            crate::world::Fault::ALL.iter().map(|fault| u64::from(fault.budget(faults))).sum();
        let scenario = vec![
            accounts.len() as u64,
            flags,
            host.syncs.into(),
            host.next_sync as u64 + host.wait as u64 + host.callback.count() - 1,
            u64::from(host.overlap_start) + u64::from(host.reentrant),
            host.cancels.into(),
            host.shutdown as u64,
            all,
        ];
        let decisions = match &case.known.begin {
            Begin::Whole | Begin::Search => (usize::MAX, 0),
            Begin::Near(_, d) | Begin::Alone(_, d) | Begin::Explained(_, d) => schedule::size(d),
        };
        (inputs, scenario, decisions)
    }

    fn cases() -> Cases<impl Strategy<Value = Vec<u8>>> {
        Cases { inputs: vec(0..9_u8, 0..6), parts: super::super::parts() }
    }

    fn shown(case: &Case<Vec<u8>>) -> String {
        format!("{case:?}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// The naive runner: it runs each case, and remembers the last one that failed.
        #[test]
        fn a_case_gets_smaller_step_by_step_and_ends_as_the_smallest(
            seed in any::<[u8; 32]>(),
            folders in 0..3_usize,
            faults in 0..2_u32,
            ordinal in 0..4_u32,
            others in 0..6_u32,
            most in prop::option::of(0..60_u32),
        ) {
            let fake = Fake { folders, faults, ordinal, others };
            let config = ProptestConfig {
                max_shrink_iters: most.unwrap_or(10_000),
                failure_persistence: None,
                ..ProptestConfig::default()
            };
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
            let mut runner = TestRunner::new_with_rng(config, rng);
            let mut tree = cases().new_tree(&mut runner).unwrap();
            if !fake.fails(&tree.current()) {
                return Ok(());
            }
            let mut left = most.unwrap_or(10_000);
            let mut last = tree.current();
            let mut moved = tree.simplify();
            let mut explained = 0;
            while moved && left > 0 {
                left -= 1;
                let case = tree.current();
                prop_assert!(size(&case) <= size(&last), "{case:?} after {last:?}");
                explained += u32::from(matches!(case.known.begin, Begin::Explained(..)));
                moved = if fake.fails(&case) {
                    last = tree.current();
                    tree.simplify()
                } else {
                    tree.complicate()
                };
            }
            if left == 0 {
                // The limit is reached: everything that was not run is undone.
                let undone = (0..10_000).take_while(|_| tree.complicate()).count();
                prop_assert!(undone < 10_000);
            }
            let end = tree.current();
            prop_assert_eq!(&end.inputs, &last.inputs);
            prop_assert_eq!(&end.scenario, &last.scenario);
            prop_assert!(most.is_some_and(|most| most == 0) || explained == 1);
            prop_assert!(!tree.simplify());
            if most.is_none() {
                prop_assert_eq!(&end.inputs, &vec![0; folders]);
                let plain = super::super::plainest(1);
                let faults = crate::world::Faults { callback_failure: faults, ..plain.faults };
                let expected = Scenario { faults, ..plain };
                prop_assert_eq!(shown::differing(&end.scenario, &expected), []);
                prop_assert!(shown(&end).ends_with("token: ms2-1 }"), "{}", shown(&end));
            }
        }
    }
}
