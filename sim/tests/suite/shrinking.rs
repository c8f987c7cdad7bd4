//! Counterexamples are made as small as they get, scenario and schedule together.

use mapi_sync::contract::Rule;
use mapi_sync_sim::decision::Decisions;
use mapi_sync_sim::engine::{
    ChoicePoint, Decision, End, Engine, Observer, Segment, Strategy, TaskId,
};
use mapi_sync_sim::world::{Knob, MUTANTS, MutantInfo, Needs, Scenario, World, builtin};
use mapi_sync_sim::{Check, Counterexample, Defect, Execution, ReplayError};

fn check(info: &MutantInfo, seed: u64) -> Check {
    Check::mutant(info).schedules(5_000).seed(seed).jobs(1).fail_fast(true)
}

fn shrunk(info: &MutantInfo, seed: u64) -> Counterexample {
    let mut report = check(info, seed).run();
    report.counterexamples.swap_remove(0)
}

/// The scenario of a counterexample, after its changes.
fn scenario(shown: &Counterexample) -> Scenario {
    shown.subject.changes.apply(&shown.scenario).expect("it has an account")
}

fn replayed(shown: &Counterexample, decisions: Decisions) -> Execution {
    let token = shown.subject.token(decisions).to_string();
    Check::of_token(&token).unwrap().replay(&token).unwrap().execution
}

#[test]
fn every_remaining_part_is_needed() {
    for info in MUTANTS {
        let shown = shrunk(info, 1);
        let name = info.name;
        // Where a panic costs the Done, it comes first.
        let first = shown.defects.iter().find(|defect| **defect != Defect::Panic);
        assert_eq!(first, Some(&Defect::Rule(info.rule)), "{name}");
        assert!(shown.shrink_executions > 0 && shown.shrink_executions <= 20_000, "{name}");
        let raw = check(info, 1).shrink(false).run();
        let raw = &raw.counterexamples[0];
        assert_eq!(raw.decisions.len(), shown.found_decisions);
        assert!(raw.subject.changes.is_empty() && raw.shrink_executions == 0);
        assert!(raw.execution.outcome.steps >= shown.execution.outcome.steps, "{name}");
        for left_out in 0..shown.decisions.len() {
            let mut departures = shown.decisions.departures().to_vec();
            departures.remove(left_out);
            let without = replayed(&shown, Decisions::new(departures));
            let worse = without.switches > shown.execution.switches;
            assert!(worse || without.breach(shown.defects[0]).is_none(), "{name} {left_out}");
        }
    }
}

#[test]
fn shrunk_counterexample_replays_by_its_token_alone() {
    for info in MUTANTS {
        let shown = shrunk(info, 2);
        let again = replayed(&shown, shown.decisions.clone());
        assert_eq!(again.breaches, shown.execution.breaches, "{}", info.name);
        assert_eq!(again.calls, shown.execution.calls, "{}", info.name);
    }
}

#[test]
fn shrinking_is_deterministic() {
    for info in MUTANTS.iter().step_by(7) {
        let (one, two) = (shrunk(info, 3), shrunk(info, 3));
        assert_eq!(one.token(), two.token(), "{}", info.name);
        assert_eq!(one.shrink_executions, two.shrink_executions);
    }
}

/// The default scenario, in which everything happens, with a mutant.
fn busy(mutant: &str) -> Scenario {
    Scenario {
        name: "busy".to_owned(),
        mutant: Some(mutant.to_owned()),
        ..builtin("default").expect("it is built in").clone()
    }
}

#[test]
fn irrelevant_parts_are_removed() {
    let check = Check::simulated(busy("done-twice")).schedules(100).jobs(1).fail_fast(true);
    let report = check.run();
    let shown = &report.counterexamples[0];
    assert_eq!(shown.defects, [Defect::Rule(Rule::DONE_ONCE)]);
    let small = scenario(shown);
    assert_eq!((small.accounts.len(), small.host.syncs, small.provider.workers), (1, 1, 1));
    assert_eq!(
        (small.host.cancels, small.host.shutdown.is_possible(), small.host.overlap_start),
        (0, false, false)
    );
    assert!(
        Knob::all_of(&small).all(|(knob, value)| value == knob.least() || knob == Knob::Account(0)),
        "{}",
        small.to_toml()
    );
    assert!(shown.decisions.is_empty());
    assert_eq!(shown.execution.outcome.virtual_ms, 0);

    // The token is of the scenario as it was given, and no other.
    let token = shown.token().to_string();
    let again = check.replay(&token).unwrap();
    assert_eq!(again.execution.calls, shown.execution.calls);
    assert!(matches!(Check::of_token(&token), Err(ReplayError::NotGiven(_))));
    let other = Check::simulated(small);
    assert!(matches!(other.replay(&token), Err(ReplayError::Other { .. })));
}

/// Every execution with at most `most` context switches, depth first.
struct FewSwitches {
    most: u32,
    digits: Vec<(u32, u32)>,
    depth: usize,
    last: Option<TaskId>,
    spent: u32,
    started: bool,
}

impl FewSwitches {
    fn new(most: u32) -> Self {
        Self { most, digits: Vec::new(), depth: 0, last: None, spent: 0, started: false }
    }

    fn digit(&mut self, arity: u32) -> u32 {
        if self.depth == self.digits.len() {
            self.digits.push((0, arity));
        }
        self.depth += 1;
        self.digits[self.depth - 1].0
    }
}

impl Strategy for FewSwitches {
    fn begin(&mut self, _: u64) -> bool {
        if self.started {
            // What was not asked for is not varied.
            self.digits.truncate(self.depth);
            loop {
                let Some((value, arity)) = self.digits.last_mut() else { return false };
                *value += 1;
                if value < arity {
                    break;
                }
                self.digits.pop();
            }
        }
        self.started = true;
        self.depth = 0;
        self.last = None;
        self.spent = 0;
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        // Nothing but the one at hand can go on for free.
        let stays = self.last.filter(|last| at.contains(*last));
        if self.spent == self.most
            && let Some(last) = stays
        {
            return last;
        }
        let default = stays.unwrap_or_else(|| at.default_task());
        let others = at.candidates().filter(|task| *task != default);
        let candidates: Vec<TaskId> = std::iter::once(default).chain(others).collect();
        candidates[self.digit(u32::try_from(candidates.len()).unwrap()) as usize]
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.digit(at.arity)
    }

    fn asks_every_step(&self) -> bool {
        true
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl Observer for FewSwitches {
    fn segment(&mut self, segment: &Segment<'_>) {
        if segment.task != TaskId::CLOCK {
            self.spent += u32::from(self.last.is_some_and(|last| last != segment.task));
            self.last = Some(segment.task);
        }
    }

    fn abandons(&mut self) -> bool {
        self.spent > self.most
    }
}

/// The least context switches with which a rule is broken in a scenario, at most `most`, and how
/// many executions it took to know.
fn least_switches(scenario: Scenario, rule: Rule, most: u32) -> (Option<u32>, u64) {
    let world = World::new(scenario);
    let mut executions = 0;
    for allowed in 0..=most {
        let mut engine = Engine::new(world.limits(), FewSwitches::new(allowed));
        while let Some(observed) = world.run(&mut engine, 0) {
            executions += 1;
            // One that was cut off did not get as far as its calls should.
            let whole = observed.outcome.end != End::Abandoned;
            if whole && observed.violations.iter().any(|finding| finding.violation.rule == rule) {
                return (Some(allowed), executions);
            }
        }
    }
    (None, executions)
}

#[test]
fn no_fewer_context_switches_than_stated_are_possible() {
    for info in MUTANTS {
        let by_order =
            matches!(info.needs, Needs::Order | Needs::OrderAndCancel | Needs::OrderAndFault);
        assert_eq!(info.least_switches.is_some(), by_order, "{}", info.name);
        let Some(stated) = info.least_switches else { continue };
        let shown = shrunk(info, 1);
        let (least, executions) = least_switches(scenario(&shown), info.rule, stated);
        assert_eq!(least, Some(stated), "{} after {executions} executions", info.name);
    }
}

#[test]
fn counterexamples_have_at_most_one_context_switch_more_than_they_need() {
    let mut seen = 0;
    for info in MUTANTS {
        let Some(least) = info.least_switches else { continue };
        for seed in 0..5 {
            let switches = shrunk(info, seed).execution.switches;
            assert!(
                (least..=least + 1).contains(&u32::try_from(switches).unwrap()),
                "{} seed {seed}: {switches}, at least {least}",
                info.name
            );
            seen += 1;
        }
    }
    assert!(seen >= 6 * 5);
}
