//! Which rules are held, and the bounds that are ours to choose.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::rules::{OFF_BY_DEFAULT, Places};
use super::{Rule, RuleCheck};

/// Which rules are held, the author's own among them, and the bounds of those that have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A bit for each rule of the table that is not held.
    off: Places,
    cancel_within_ms: u64,
    progress_after_cancel: u32,
    silence_ms: u64,
    own: Vec<OwnRule>,
}

const _: () = assert!(Rule::ALL.len() <= u32::BITS as usize, "each rule has a bit in `Policy`");

impl Default for Policy {
    /// Every rule of the table but [`Rule::SERIAL_CALLS`]; a cancel answered within 10 s and, where
    /// the tasks are not known, after 8 calls of Progress; and no silence over 60 s.
    fn default() -> Self {
        Self {
            off: OFF_BY_DEFAULT,
            cancel_within_ms: 10_000,
            progress_after_cancel: 8,
            silence_ms: 60_000,
            own: Vec::new(),
        }
    }
}

impl Policy {
    /// The same policy with this rule held. A rule that is not one of this crate's must have been
    /// added with [`with_rule`](Self::with_rule).
    #[must_use]
    pub fn with(self, rule: Rule) -> Self {
        self.set(rule, true)
    }

    /// The same policy without this rule.
    #[must_use]
    pub fn without(self, rule: Rule) -> Self {
        self.set(rule, false)
    }

    /// The same policy with a rule of your own, held beside those of this crate. `check` makes the
    /// rule's check, for each sync anew.
    ///
    /// See [`RuleCheck`] for an example.
    ///
    /// # Panics
    ///
    /// If a rule of this id is there already.
    #[must_use]
    pub fn with_rule<C: RuleCheck + 'static>(
        mut self,
        check: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        let rule = Rule::new(check().info());
        let known = rule.place().is_some() || self.own.iter().any(|own| own.rule == rule);
        assert!(!known, "there is a rule `{rule}` already");
        self.own.push(OwnRule { rule, held: true, make: Arc::new(move || Box::new(check())) });
        self
    }

    /// The same policy with this bound, in whole milliseconds, on the time from a cancel request
    /// to Done. The time that the host spends inside callbacks is not counted.
    #[must_use]
    pub fn with_cancel_within(self, bound: Duration) -> Self {
        Self { cancel_within_ms: millis(bound), ..self }
    }

    /// The same policy with this bound on the calls of Progress that may begin after a cancel
    /// request in a sync that ends complete all the same: the pieces of work that were at hand.
    ///
    /// It is for calls whose tasks are not known. Where they
    /// [are](super::MonitorConfig::with_tasks), each task may begin one.
    #[must_use]
    pub fn with_progress_after_cancel(self, most: u32) -> Self {
        Self { progress_after_cancel: most, ..self }
    }

    /// The same policy with this bound, in whole milliseconds, on the time without a callback.
    #[must_use]
    pub fn with_bounded_silence(self, bound: Duration) -> Self {
        Self { silence_ms: millis(bound), ..self }
    }

    /// Whether this rule is held.
    #[must_use]
    pub fn holds(&self, rule: Rule) -> bool {
        match rule.place() {
            Some(place) => self.holds_at(place),
            None => self.own.iter().any(|own| own.held && own.rule == rule),
        }
    }

    /// The rules that are held: those of the table in its order, then the author's own.
    pub fn rules(&self) -> impl Iterator<Item = Rule> + '_ {
        let table = Rule::ALL.iter().copied().enumerate();
        let table = table.filter(|(place, _)| self.holds_at(*place)).map(|(_, rule)| rule);
        table.chain(self.own_rules().map(|own| own.rule))
    }

    /// The bound on the time from a cancel request to Done.
    #[must_use]
    pub fn cancel_within(&self) -> Duration {
        Duration::from_millis(self.cancel_within_ms)
    }

    /// The bound on the calls of Progress after a cancel request, where the tasks are not known.
    #[must_use]
    pub fn progress_after_cancel(&self) -> u32 {
        self.progress_after_cancel
    }

    /// The bound on the time without a callback.
    #[must_use]
    pub fn bounded_silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }

    pub(super) fn cancel_within_ms(&self) -> u64 {
        self.cancel_within_ms
    }

    pub(super) fn bounded_silence_ms(&self) -> u64 {
        self.silence_ms
    }

    /// Whether the rule at this place of the table is held.
    pub(super) fn holds_at(&self, place: usize) -> bool {
        self.held() & 1 << place != 0
    }

    /// The rules of the table that are held.
    pub(super) fn held(&self) -> Places {
        !self.off
    }

    /// The author's own rules that are held.
    pub(super) fn own_rules(&self) -> impl Iterator<Item = &OwnRule> {
        self.own.iter().filter(|own| own.held)
    }

    fn set(mut self, rule: Rule, held: bool) -> Self {
        match rule.place() {
            Some(place) if held => self.off &= !(1 << place),
            Some(place) => self.off |= 1 << place,
            None => {
                self.own.iter_mut().filter(|own| own.rule == rule).for_each(|own| own.held = held);
            }
        }
        self
    }
}

/// A rule that is not one of this crate's.
#[derive(Clone)]
pub(super) struct OwnRule {
    pub(super) rule: Rule,
    held: bool,
    make: Arc<dyn Fn() -> Box<dyn RuleCheck> + Send + Sync>,
}

impl OwnRule {
    pub(super) fn check(&self) -> Box<dyn RuleCheck> {
        (self.make)()
    }
}

impl PartialEq for OwnRule {
    /// Whether both are of the same rule, and both held or not.
    fn eq(&self, other: &Self) -> bool {
        self.rule == other.rule && self.held == other.held
    }
}

impl Eq for OwnRule {}

impl fmt::Debug for OwnRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, held, .. } = self;
        f.debug_struct("OwnRule").field("rule", rule).field("held", held).finish_non_exhaustive()
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()))
}
