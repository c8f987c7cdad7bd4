//! The result of a check.

use std::time::Duration;

use mapi_sync::contract::Rule;
use mapi_sync_engine::Proof;

use super::{Defect, Durations, Hang, SubjectKind, Warning};
use crate::Counterexample;
use crate::world::Coverage;

/// The result of a check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What was checked: a provider in a scenario, or a program.
    pub kind: SubjectKind,
    /// The scenario's name, or the program's.
    pub scenario: String,
    /// The strategy's name.
    pub strategy: &'static str,
    /// The seed of the strategy.
    pub seed: u64,
    /// How many threads it was asked to use.
    pub jobs: usize,
    /// How many executions were asked for; `None` is "all", of an exhaustive strategy.
    pub requested: Option<u64>,
    /// How many executions were run.
    pub schedules: u64,
    /// Whether everything that was asked for was run: not after an interrupt, nor if it ended at
    /// the first defect, nor if an exhaustive strategy had executions left.
    pub complete: bool,
    /// What an exhaustive strategy has shown; `None` for other strategies.
    pub proof: Option<Proof>,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// The poll segments of all executions.
    pub steps: u64,
    /// How many executions were run again under the same decisions, and compared.
    pub repeated: u64,
    /// The real time that it took.
    pub elapsed: Duration,
    /// How often each feature was exercised.
    pub coverage: Coverage,
    /// How often each rule that was held had a chance to be broken. A program has none.
    pub exercised: Vec<Exercised>,
    /// How long the executions took in virtual time.
    pub durations: Durations,
    /// The author's goals, by name.
    pub goals: Vec<Goal>,
    /// Reasons why the check proves less than it seems to.
    pub warnings: Vec<Warning>,
    /// The rules that had no chance to be broken, for want of what they [need](Rule::needs). They
    /// were held, and nothing is known of them.
    pub vacuous: Vec<Rule>,
    /// The rules that were held, had a chance to be broken, and were not. A program has none.
    pub held: Vec<Rule>,
    /// Whether a warning counts as a failure.
    pub strict: bool,
    /// The poll that did not return and ended the check, if one did.
    pub hang: Option<Hang>,
    /// For each defect the first execution that showed it, in that order.
    pub counterexamples: Vec<Counterexample>,
}

/// What at least one schedule should come by: a [`sometimes!`](crate::sometimes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Goal {
    /// Its name.
    pub name: &'static str,
    /// How many schedules met it.
    pub met: u64,
}

/// How often a rule had a chance to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exercised {
    /// The rule.
    pub rule: Rule,
    /// How often that came about which it [needs](Rule::needs). Of a rule that needs nothing, the
    /// number of schedules: any of them could have broken it.
    pub chances: u64,
}

impl Report {
    /// Whether a defect was found.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        !self.counterexamples.is_empty()
    }

    /// Whether this rule was found broken.
    #[must_use]
    pub fn broke(&self, rule: Rule) -> bool {
        self.counterexamples.iter().any(|shown| shown.defects.contains(&Defect::Rule(rule)))
    }

    /// Whether no defect was found, and none could hide behind a
    /// [thread outside](Warning::OutsideThread).
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.is_broken() && !self.warnings.iter().any(Warning::is_incomplete)
    }

    /// Whether it [holds](Self::holds), no poll hung and, if the check is strict, there is no
    /// warning either.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.holds() && self.hang.is_none() && (!self.strict || self.warnings.is_empty())
    }

    /// The chance that the executions which were [run again](Self::repeated) showed a difference
    /// that shows in `share` of all runs, to the millionth: the last bits of a power differ from
    /// one platform to another.
    #[must_use]
    pub fn chance_to_see_a_difference(&self, share: f64) -> f64 {
        let unseen = (1.0 - share).powf(self.repeated as f64);
        ((1.0 - unseen) * 1e6).round() / 1e6
    }

    /// The executions in a second of real time.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    pub fn schedules_per_s(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.schedules as f64 / seconds } else { 0.0 }
    }

    /// Does nothing if the check [passes](Self::passes).
    ///
    /// # Panics
    ///
    /// If it does not: with the time line of each counterexample, and the tokens that replay them.
    #[track_caller]
    pub fn assert_holds(&self) {
        assert!(self.passes(), "{self}");
    }
}
