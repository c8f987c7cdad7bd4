//! Running what might be a smaller counterexample.

use super::size::Size;
use crate::check::{Defect, defects};
use crate::decision::Decisions;
use crate::engine::{Engine, Limits, Strategy, TaskId, TaskKey};
use crate::strategy::{Guide, Portfolio, Replay, Watched};
use crate::world::{Changes, World};

/// How much making a counterexample smaller, or explaining it, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) executions: u32,
    /// Steps of all of these executions.
    pub(crate) steps: u64,
}

/// Runs executions of one check as long as the budget lasts.
pub(crate) struct Trial<'a> {
    /// The world of a changed scenario, and its limits. `None` if there is none.
    pub(crate) make: &'a dyn Fn(&Changes) -> Option<(World, Limits)>,
    /// What the executions are to show.
    pub(crate) defect: Defect,
    pub(crate) engine: Engine,
    pub(crate) left: Budget,
    /// Is told before each execution how many are left; ends everything by `false`.
    pub(crate) goes_on: &'a mut dyn FnMut(u32) -> bool,
}

/// An execution, usually one that shows the defect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) decisions: Decisions,
    /// Whose each step was.
    pub(crate) order: Vec<TaskKey>,
    pub(crate) size: Size,
}

/// An execution that was tried.
pub(crate) struct Ran {
    /// Whether it shows the defect.
    pub(crate) shows: bool,
    /// Whether it shows none at all.
    pub(crate) holds: bool,
    /// The execution.
    pub(crate) shown: Shown,
}

impl Trial<'_> {
    /// Whether nothing more may be run.
    pub(crate) fn is_over(&self) -> bool {
        self.left.executions == 0 || self.left.steps == 0
    }

    /// Runs these decisions. `None` if that does not show the defect.
    pub(crate) fn decisions(&mut self, world: &World, decisions: &Decisions) -> Option<Shown> {
        self.without(world, decisions).filter(|ran| ran.shows).map(|ran| ran.shown)
    }

    /// Runs the steps of an order, with the values of these decisions. `None` if that does not show
    /// the defect.
    pub(crate) fn order(
        &mut self,
        world: &World,
        order: Vec<TaskKey>,
        values: &Decisions,
    ) -> Option<Shown> {
        self.exchanged(world, order, values).filter(|ran| ran.shows).map(|ran| ran.shown)
    }

    /// Runs these decisions, whatever they show.
    pub(crate) fn without(&mut self, world: &World, decisions: &Decisions) -> Option<Ran> {
        self.run(world, Replay::new(decisions.clone()))
    }

    /// Runs the steps of an order, whatever that shows.
    pub(crate) fn exchanged(
        &mut self,
        world: &World,
        order: Vec<TaskKey>,
        values: &Decisions,
    ) -> Option<Ran> {
        self.run(world, Guide::new(order, values.clone()))
    }

    /// Whether so many schedules all show the defect.
    pub(crate) fn all_show(&mut self, world: &World, schedules: u64) -> bool {
        self.engine.set_strategy(Portfolio::new(2));
        (0..schedules).all(|index| {
            self.spend()
                && world
                    .run(&mut self.engine, index)
                    .is_some_and(|observed| defects(&observed).any(|defect| defect == self.defect))
        })
    }

    /// The task of the last execution with this key; `order` is whose each of its steps was.
    pub(crate) fn task(&self, order: &[TaskKey], key: TaskKey) -> Option<TaskId> {
        let mut steps = order.iter().zip(self.engine.trace());
        steps
            .find(|(of, _)| **of == key)
            .map(|(_, task)| task)
            .filter(|task| *task != TaskId::CLOCK)
    }

    /// Looks among so many schedules for one that shows the defect.
    pub(crate) fn search(&mut self, world: &World, schedules: u64) -> Option<Shown> {
        self.engine.set_strategy(Portfolio::new(1));
        for index in 0..schedules {
            if !self.spend() {
                return None;
            }
            let observed = world.run(&mut self.engine, index)?;
            self.left.steps = self.left.steps.saturating_sub(observed.outcome.steps);
            if defects(&observed).any(|defect| defect == self.defect) {
                let decisions = self.engine.decisions();
                return self.decisions(world, &decisions);
            }
        }
        None
    }

    fn run<S: Strategy>(&mut self, world: &World, strategy: S) -> Option<Ran> {
        if !self.spend() {
            return None;
        }
        self.engine.set_strategy(Watched::new(strategy));
        let observed = world.run(&mut self.engine, 0)?;
        self.left.steps = self.left.steps.saturating_sub(observed.outcome.steps);
        let order = self.engine.strategy::<Watched<S>>()?.order().to_vec();
        let decisions = self.engine.decisions();
        let size = Size::new(world.scenario(), &decisions, &order, &observed.outcome);
        Some(Ran {
            shows: defects(&observed).any(|defect| defect == self.defect),
            holds: defects(&observed).next().is_none(),
            shown: Shown { decisions, order, size },
        })
    }

    fn spend(&mut self) -> bool {
        if self.is_over() || !(self.goes_on)(self.left.executions) {
            self.left.executions = 0;
            return false;
        }
        self.left.executions -= 1;
        true
    }
}
