//! A rule by example: an execution that breaks it, and one nearby that does not.

use mapi_sync::contract::Rule;

use super::{Check, Counterexample, Defect, Execution};
use crate::decision::Decisions;
use crate::world::{MUTANTS, MutantInfo, Scenario};

/// A rule with a wrong and a right execution of the simulated provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lesson {
    /// The rule.
    pub rule: Rule,
    /// What breaks it, if a mutant does.
    pub wrong: Option<WrongExecution>,
}

/// An execution of a mutant that breaks a rule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WrongExecution {
    /// The mutant.
    pub mutant: &'static MutantInfo,
    /// The execution, as small as it gets.
    pub counterexample: Counterexample,
    /// An execution nearby that breaks nothing, if one was found.
    pub right: Option<RightExecution>,
}

/// An execution that breaks nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RightExecution {
    /// The execution.
    pub execution: Execution,
    /// Whether it is of the same mutant, with what decides the other way. If not, the mutant is
    /// taken out.
    pub is_of_mutant: bool,
}

/// In how many schedules a mutant is searched for. Each is found in far fewer.
const SCHEDULES: u64 = 20_000;

impl Lesson {
    /// Runs the first mutant in the table that breaks this rule. That takes a fraction of a second.
    #[must_use]
    pub fn of(rule: Rule) -> Self {
        let wrong = MUTANTS.iter().filter(|info| info.rule == rule).find_map(WrongExecution::of);
        Self { rule, wrong }
    }
}

impl WrongExecution {
    fn of(mutant: &'static MutantInfo) -> Option<Self> {
        let defect = Defect::Rule(mutant.rule);
        let report = Check::mutant(mutant).schedules(SCHEDULES).jobs(1).until(defect).run();
        let shows = |shown: &Counterexample| shown.defects.contains(&defect);
        let counterexample = report.counterexamples.into_iter().find(shows)?;
        let right = RightExecution::beside(mutant, &counterexample);
        Some(Self { mutant, counterexample, right })
    }
}

impl RightExecution {
    fn beside(mutant: &MutantInfo, shown: &Counterexample) -> Option<Self> {
        if let Some(without) = shown.why.as_ref().and_then(|why| why.without()) {
            let token = shown.subject.token(without.clone()).to_string();
            let execution = Check::mutant(mutant).replay(&token).ok()?.execution;
            if execution.breaches.is_empty() {
                return Some(Self { execution, is_of_mutant: true });
            }
        }
        let scenario = shown.subject.changes.apply(&mutant.scenario())?;
        let check = Check::simulated(Scenario { mutant: None, ..scenario });
        // With the decisions of the wrong one as far as they apply: the same fault, the same
        // cancel.
        let run = |decisions: Decisions| {
            let token = check.subject().token(decisions).to_string();
            check.replay(&token).ok().map(|replayed| replayed.execution)
        };
        let all = [shown.decisions.clone(), Decisions::default()].into_iter().filter_map(run);
        let execution = all.into_iter().find(|execution| execution.breaches.is_empty())?;
        Some(Self { execution, is_of_mutant: false })
    }
}
