//! Running what might be a smaller counterexample.

use mapi_sync_engine::shrink::{Trial, TrialRun};

use super::Witness;
use super::size::Size;
use crate::defect::{Defect, defects};
use crate::engine::{Engine, Limits, Strategy};
use crate::strategy::{Portfolio, Watched};
use crate::world::{Changes, Knob, Observed, World};

/// How much making a counterexample smaller, or explaining it, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrialBudget {
    pub(crate) executions: u32,
    /// Steps of all of these executions.
    pub(crate) steps: u64,
}

/// Runs executions of one check as long as the budget lasts.
pub(crate) struct TrialRunner<'a> {
    /// The world of a changed scenario, and its limits. `None` if there is none.
    pub(crate) make: &'a dyn Fn(&Changes) -> Option<(World, Limits)>,
    /// Whether what is run can see a number of the scenario.
    pub(crate) sees: fn(Knob) -> bool,
    /// What the executions are to show.
    pub(crate) defect: Defect,
    pub(crate) engine: Engine,
    pub(crate) left: TrialBudget,
    /// Whether it was told to stop.
    pub(crate) stopped: bool,
    /// Called before each execution with the number that is left; `false` ends everything.
    pub(crate) goes_on: &'a mut dyn FnMut(u32) -> bool,
}

impl<'a> TrialRunner<'a> {
    /// Whether nothing more may be run.
    pub(crate) fn is_over(&self) -> bool {
        self.stopped || self.left.executions == 0 || self.left.steps == 0
    }

    /// Whether what is run can see a number of the scenario. One that it cannot see makes no
    /// difference.
    pub(super) fn can_see(&self, knob: Knob) -> bool {
        (self.sees)(knob)
    }

    /// The executions of one world.
    pub(crate) fn in_world<'r>(&'r mut self, world: &'r World) -> WorldTrial<'r, 'a> {
        WorldTrial { runner: self, world }
    }

    /// Takes one execution from the budget. `false` if none is left.
    fn spend(&mut self) -> bool {
        self.stopped = self.is_over() || !(self.goes_on)(self.left.executions);
        if self.stopped {
            return false;
        }
        self.left.executions -= 1;
        true
    }
}

/// Runs executions of one world.
pub(crate) struct WorldTrial<'r, 'a> {
    runner: &'r mut TrialRunner<'a>,
    world: &'r World,
}

impl WorldTrial<'_, '_> {
    /// Looks among `schedules` random schedules for one that shows the defect; among fewer if they
    /// take more than `steps`.
    pub(super) fn search(&mut self, schedules: u64, steps: u64) -> Option<Witness> {
        self.runner.engine.set_strategy(Portfolio::new(1));
        let least = self.runner.left.steps.saturating_sub(steps);
        for index in 0..schedules {
            if self.runner.left.steps < least || !self.runner.spend() {
                return None;
            }
            let observed = self.observe(index)?;
            if self.shows(&observed) {
                let decisions = self.runner.engine.decisions();
                return self.decisions(&decisions);
            }
        }
        None
    }

    /// Runs an execution, and takes its steps from the budget.
    fn observe(&mut self, index: u64) -> Option<Observed> {
        let Self { runner, world } = self;
        let observed = world.run(&mut runner.engine, index)?;
        runner.left.steps = runner.left.steps.saturating_sub(observed.outcome.steps);
        Some(observed)
    }

    fn shows(&self, observed: &Observed) -> bool {
        defects(observed).any(|defect| defect == self.runner.defect)
    }
}

impl Trial for WorldTrial<'_, '_> {
    type Size = Size;

    fn run<S: Strategy>(&mut self, strategy: S) -> Option<TrialRun<Size>> {
        if !self.runner.spend() {
            return None;
        }
        self.runner.engine.set_strategy(Watched::new(strategy));
        let observed = self.observe(0)?;
        let engine = &mut self.runner.engine;
        let order = engine.strategy::<Watched<S>>()?.order().to_vec();
        let decisions = engine.decisions();
        let size = Size::new(self.world.scenario(), &decisions, &order, &observed.outcome);
        Some(TrialRun {
            shows: self.shows(&observed),
            holds: defects(&observed).next().is_none(),
            execution: Witness { decisions, order, size },
        })
    }

    fn all_show(&mut self, schedules: u64) -> bool {
        self.runner.engine.set_strategy(Portfolio::new(2));
        (0..schedules).all(|index| {
            self.runner.spend() && self.observe(index).is_some_and(|observed| self.shows(&observed))
        })
    }

    fn is_over(&self) -> bool {
        self.runner.is_over()
    }

    fn engine(&self) -> &Engine {
        &self.runner.engine
    }
}
