//! A check that begins with a schedule that is known to break it. Property tests make a case
//! smaller so.

use std::sync::{Arc, Mutex};

use super::counterexamples::Shrinking;
use super::{Check, Counterexample, Defect, Report, watchdog};
use crate::decision::Decisions;
use crate::engine::parallel::Control;
use crate::lock::lock;

/// How many schedules around one that broke a larger case are run first.
const NEAR: u64 = 32;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) defect: Defect,
    pub(crate) decisions: Decisions,
    pub(crate) token: String,
}

/// Where checks leave what they found last.
pub(crate) type FoundSlot = Arc<Mutex<Option<Found>>>;

/// What is run of a check.
#[derive(Clone, Debug, Default)]
pub(crate) enum Begin {
    /// All of it.
    #[default]
    Whole,
    /// All of it, and what is found is shown as it is: the case is made smaller first.
    Search,
    /// These decisions, and some that are almost the same. If they do not show the defect, all of
    /// it.
    Near(Defect, Decisions),
    /// These decisions and nothing else.
    Alone(Defect, Decisions),
    /// The same, and the counterexample is made smaller and explained.
    Explained(Defect, Decisions),
}

/// Which schedules a check begins with, and where it leaves what it found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) begin: Begin,
    pub(crate) found: FoundSlot,
}

impl Check {
    /// Begins with what is known.
    pub(crate) fn known(self, known: Known) -> Self {
        Self { known: Some(known), ..self }
    }

    /// Runs the check, which begins with what is known.
    pub(super) fn run_from(
        &self,
        Known { begin, found }: &Known,
        control: &Control,
        progress: &mut dyn FnMut(Option<Shrinking>),
    ) -> Report {
        let check = Self { known: None, ..self.clone() };
        let mut run = |check: Self| watchdog::run(&check, control, progress);
        // The schedules of a case that is made smaller are too few for a warning to mean much.
        let of_defect = |defect: Defect| check.clone().strict(false).until(defect);
        let alone = |defect: Defect, decisions: &Decisions| {
            Self { around: Some(decisions.clone()), ..of_defect(defect) }.schedules(1)
        };
        let (report, defect) = match begin {
            Begin::Whole => (run(check), None),
            Begin::Search => (run(check.shrink(false)), None),
            Begin::Near(defect, decisions) => {
                let near = alone(*defect, decisions).schedules(NEAR).shrink(false);
                let report = only(run(near), *defect);
                let report = if report.passes() {
                    only(run(of_defect(*defect).shrink(false)), *defect)
                } else {
                    report
                };
                (report, Some(*defect))
            }
            Begin::Alone(defect, decisions) => {
                (only(run(alone(*defect, decisions).shrink(false)), *defect), Some(*defect))
            }
            Begin::Explained(defect, decisions) => {
                (only(run(alone(*defect, decisions)), *defect), Some(*defect))
            }
        };
        let shows =
            |shown: &&Counterexample| defect.is_none_or(|defect| shown.defects.contains(&defect));
        if let Some(shown) = report.counterexamples.iter().find(shows)
            && let Some(defect) = defect.or(shown.defects.first().copied())
        {
            let decisions = shown.decisions.clone();
            let token = shown.token_of(defect).to_string();
            *lock(found) = Some(Found { defect, decisions, token });
        }
        report
    }
}

/// A report that is about one defect. What shows another one is none of a smaller case of it.
fn only(mut report: Report, defect: Defect) -> Report {
    let shows = report.counterexamples.iter().any(|shown| shown.defects.contains(&defect));
    if !shows {
        report.counterexamples.clear();
    }
    report
}
