//! Checks that every mutant of the table is found, and that no correct variant is accused.

use super::{Check, Defect};
use crate::engine::parallel::Control;
use crate::strategy::StrategyInfo;
use crate::world::{MUTANTS, MutantInfo, VARIANTS, VariantInfo};

/// A check of all mutants and correct variants. Its fields configure it, [`run`](Self::run) runs
/// it.
#[derive(Clone, Debug)]
pub struct MutantCheck {
    /// How many executions of each mutant are run at most.
    pub schedules: u64,
    /// How many executions each correct variant must survive.
    pub variant_schedules: u64,
    /// The strategies' seed.
    pub seed: u64,
    /// The strategy.
    pub strategy: &'static StrategyInfo,
    /// How many threads are used. The result does not depend on it.
    pub jobs: usize,
}

/// The result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MutantsReport {
    /// One for each mutant, in the order of the table.
    pub mutants: Vec<MutantVerdict>,
    /// One for each correct variant, in the order of the table.
    pub variants: Vec<VariantVerdict>,
    /// Whether it was interrupted. The mutants and variants that are missing were then not run.
    pub interrupted: bool,
}

/// What the check found about one mutant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MutantVerdict {
    /// Which.
    pub info: &'static MutantInfo,
    /// The rule that was found broken: its own if that was found, else the first other one.
    pub found_rule: Option<Defect>,
    /// Whether its own rule was found broken.
    pub found: bool,
    /// How many executions it took, including the one that showed it; all of them if it was not
    /// found.
    pub schedules: u64,
    /// The context switches of the execution that its token replays.
    pub switches: Option<u64>,
    /// The token that replays it.
    pub token: Option<String>,
}

/// What the check found about one correct variant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VariantVerdict {
    /// Which.
    pub info: &'static VariantInfo,
    /// How many executions were run.
    pub schedules: u64,
    /// Each false accusation, with its token.
    pub accused: Vec<(Defect, String)>,
}

impl MutantsReport {
    /// Whether every mutant was found with its rule, and no correct variant was accused.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.mutants.iter().all(|mutant| mutant.found)
            && self.variants.iter().all(|variant| variant.accused.is_empty())
    }
}

impl MutantCheck {
    /// How many checks there are.
    #[must_use]
    pub fn count() -> usize {
        MUTANTS.len() + VARIANTS.len()
    }

    /// Runs all of them. `control` may interrupt. `begins` is called with the name of each before
    /// it is run.
    #[must_use]
    pub fn run(&self, control: &Control, mut begins: impl FnMut(&str)) -> MutantsReport {
        let mut report =
            MutantsReport { mutants: Vec::new(), variants: Vec::new(), interrupted: false };
        for info in MUTANTS {
            begins(info.name);
            let verdict = self.mutant(info, control);
            if control.is_interrupted() && !verdict.found {
                return MutantsReport { interrupted: true, ..report };
            }
            report.mutants.push(verdict);
        }
        for info in VARIANTS {
            begins(info.name);
            let verdict = self.variant(info, control);
            if control.is_interrupted() {
                return MutantsReport { interrupted: true, ..report };
            }
            report.variants.push(verdict);
        }
        report
    }

    fn set_up(&self, check: Check, schedules: u64) -> Check {
        check.seed(self.seed).jobs(self.jobs).schedules(schedules).with_strategy(self.strategy)
    }

    fn mutant(&self, info: &'static MutantInfo, control: &Control) -> MutantVerdict {
        let check = self.set_up(Check::mutant(info), self.schedules);
        let own = Defect::Rule(info.rule);
        let report = check.until(own).run_under(control);
        let all = &report.counterexamples;
        let of_own = all.iter().find(|shown| shown.defects.contains(&own));
        let found = of_own.is_some();
        let shown = of_own.or(all.first());
        MutantVerdict {
            info,
            found_rule: shown.map(|shown| if found { own } else { shown.defects[0] }),
            found,
            schedules: shown.map_or(report.schedules, |shown| shown.index + 1),
            switches: shown.map(|shown| shown.execution.switches),
            token: shown
                .map(|shown| if found { shown.token_of(own) } else { shown.token() }.to_string()),
        }
    }

    fn variant(&self, info: &'static VariantInfo, control: &Control) -> VariantVerdict {
        let check = self.set_up(Check::variant(info), self.variant_schedules);
        let report = check.run_under(control);
        let accused = report
            .counterexamples
            .iter()
            .flat_map(|shown| {
                let of = |defect: &Defect| (*defect, shown.token_of(*defect).to_string());
                shown.defects.iter().map(of)
            })
            .collect();
        VariantVerdict { info, schedules: report.schedules, accused }
    }
}
