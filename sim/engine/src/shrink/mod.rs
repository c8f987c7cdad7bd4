//! Making a schedule smaller that shows a defect, and explaining why it does.
//!
//! [`shrink`] leaves out decisions, by the "ddmin" of Zeller and Hildebrandt, "Simplifying and
//! Isolating Failure-Inducing Input" (IEEE Transactions on Software Engineering 28, 2002), joins
//! steps of one task that others come between, and lowers values. [`explain`] looks for the
//! smallest change with which the defect is gone.
//!
//! Both run schedules through a [`Trial`], which knows the program, the defect and the budget.
//! Everything that they keep was run.

mod explain;
mod schedule;

pub use explain::{Cause, explain};
pub use schedule::{leave_out, shrink};

use crate::decision::Decisions;
use crate::strategy::{Guide, Replay};
use crate::{Engine, Strategy, TaskId, TaskKey};

/// Runs schedules of one program, as long as a budget lasts, and says whether each shows the
/// defect.
pub trait Trial {
    /// How big an execution is: of two that show the defect, the smaller one is kept.
    type Size: Copy + Ord;

    /// Runs one execution. `None` if the budget does not suffice.
    fn run<S: Strategy>(&mut self, strategy: S) -> Option<TrialRun<Self::Size>>;

    /// Whether each of `schedules` random schedules shows the defect. `false` if the budget does
    /// not suffice.
    fn all_show(&mut self, schedules: u64) -> bool;

    /// Whether nothing more may be run.
    fn is_over(&self) -> bool;

    /// The engine of the last execution.
    fn engine(&self) -> &Engine;

    /// Runs these decisions.
    fn run_decisions(&mut self, decisions: &Decisions) -> Option<TrialRun<Self::Size>> {
        self.run(Replay::new(decisions.clone()))
    }

    /// Runs the steps of an order, with the values of these decisions.
    fn run_order(
        &mut self,
        order: Vec<TaskKey>,
        values: &Decisions,
    ) -> Option<TrialRun<Self::Size>> {
        self.run(Guide::new(order, values.clone()))
    }

    /// Runs these decisions. `None` if that does not show the defect.
    fn decisions(&mut self, decisions: &Decisions) -> Option<Witness<Self::Size>> {
        self.run_decisions(decisions).and_then(TrialRun::witness)
    }

    /// Runs the steps of an order, with the values of these decisions. `None` if that does not show
    /// the defect.
    fn order(&mut self, order: Vec<TaskKey>, values: &Decisions) -> Option<Witness<Self::Size>> {
        self.run_order(order, values).and_then(TrialRun::witness)
    }

    /// The task of the last execution with this key; `order` holds the task of each of its steps.
    fn task(&self, order: &[TaskKey], key: TaskKey) -> Option<TaskId> {
        let mut steps = order.iter().zip(self.engine().trace());
        steps
            .find(|(of, _)| **of == key)
            .map(|(_, task)| task)
            .filter(|task| *task != TaskId::CLOCK)
    }
}

/// An execution, usually one that shows the defect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness<Size> {
    /// Its decisions.
    pub decisions: Decisions,
    /// The task of each step, the clock's steps included.
    pub order: Vec<TaskKey>,
    /// How big it is.
    pub size: Size,
}

/// An execution that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialRun<Size> {
    /// Whether it shows the defect.
    pub shows: bool,
    /// Whether it shows no defect at all.
    pub holds: bool,
    /// The execution.
    pub execution: Witness<Size>,
}

impl<Size> TrialRun<Size> {
    /// The execution, if it shows the defect.
    #[must_use]
    pub fn witness(self) -> Option<Witness<Size>> {
        self.shows.then_some(self.execution)
    }
}

impl<Size: Ord> Witness<Size> {
    /// Replaces this one by another that is smaller. Returns whether it does.
    pub fn accept(&mut self, other: Option<Self>) -> bool {
        let Some(smaller) = other.filter(|other| other.size < self.size) else { return false };
        *self = smaller;
        true
    }
}
