//! Tells what a check finds, as it finds it, from any thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mapi_sync::contract::Violation;

use super::wire::{Counts, Said};
use super::{ForeignViolation, Habit, ProcessRule};
use crate::lock::lock;

/// Where messages go.
pub type Tell = Arc<dyn Fn(&Said) + Send + Sync>;

/// Counts, and tells each finding once.
pub(super) struct Teller {
    tell: Tell,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// How many of the monitor's violations have been told or counted.
    of_monitor: usize,
    /// What the host did and that has not been told yet.
    did: BTreeMap<Habit, u64>,
    /// How often each rule was found broken.
    broken: BTreeMap<String, u64>,
}

impl Teller {
    pub(super) fn new(tell: Tell) -> Self {
        Self { tell, state: Mutex::default() }
    }

    pub(super) fn say(&self, said: &Said) {
        (self.tell)(said);
    }

    pub(super) fn alive(&self) {
        self.say(&Said::Alive);
    }

    /// A sync is about to start: its number, from 1.
    pub(super) fn started(&self) -> u32 {
        let number = {
            let counts = &mut lock(&self.state).counts;
            counts.syncs += 1;
            counts.syncs
        };
        self.counts();
        number
    }

    pub(super) fn syncs(&self) -> u32 {
        lock(&self.state).counts.syncs
    }

    pub(super) fn start_failed(&self) {
        lock(&self.state).counts.failed_starts += 1;
    }

    pub(super) fn done(&self, came: bool) {
        lock(&self.state).counts.dones += u64::from(came);
    }

    pub(super) fn calls(&self, more: u64) {
        lock(&self.state).counts.calls += more;
    }

    /// The host did something. It is told at once for the first time, and then with the counts: a
    /// flood of calls is no flood of messages.
    pub(super) fn did(&self, habit: Habit) {
        let is_first = {
            let did = &mut lock(&self.state).did;
            let is_first = !did.contains_key(&habit);
            *did.entry(habit).or_default() += u64::from(!is_first);
            is_first
        };
        if is_first {
            self.say(&Said::Did(habit.id().into(), 1));
        }
    }

    pub(super) fn counts(&self) {
        let (counts, did) = {
            let mut state = lock(&self.state);
            let did: Vec<_> = state
                .did
                .iter_mut()
                .map(|(habit, times)| (*habit, std::mem::take(times)))
                .filter(|(_, times)| *times > 0)
                .collect();
            (state.counts, did)
        };
        self.say(&Said::Counts(counts));
        for (habit, times) in did {
            self.say(&Said::Did(habit.id().into(), times));
        }
    }

    pub(super) fn has_found(&self, rule: ProcessRule) -> bool {
        lock(&self.state).broken.contains_key(rule.id())
    }

    /// Tells a finding, if it is the first of its rule.
    pub(super) fn found(&self, violation: ForeignViolation) {
        let is_first = lock(&self.state).is_first(&violation.rule);
        if is_first {
            self.say(&Said::found(violation));
        }
    }

    /// Tells those of all the monitor's violations that are new.
    pub(super) fn violations(&self, all: &[Violation]) {
        let new: Vec<ForeignViolation> = {
            let mut state = lock(&self.state);
            let from = state.of_monitor.min(all.len());
            state.of_monitor = state.of_monitor.max(all.len());
            let new = all[from..].iter().filter(|violation| state.is_first(violation.rule.id()));
            new.map(ForeignViolation::from).collect()
        };
        for violation in new {
            self.say(&Said::found(violation));
        }
    }

    /// Tells the counts, and how often each rule was broken again.
    pub(super) fn finish(&self) {
        self.counts();
        let again: Vec<_> = {
            let state = lock(&self.state);
            let again = state.broken.iter().filter(|(_, times)| **times > 1);
            again.map(|(rule, times)| Said::More(rule.clone(), times - 1)).collect()
        };
        for said in &again {
            self.say(said);
        }
    }
}

impl State {
    fn is_first(&mut self, rule: &str) -> bool {
        let times = self.broken.entry(rule.to_owned()).or_default();
        *times += 1;
        *times == 1
    }
}
