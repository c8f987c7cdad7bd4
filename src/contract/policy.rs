//! The part of the contract that is ours to choose.

use std::time::Duration;

use super::Rule;

/// Which rules are held, and the bounds of those that have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    off: u32,
    cancel_within_ms: u64,
    silence_ms: u64,
}

impl Default for Policy {
    /// Every rule but [`Rule::SerialCalls`]; a cancel answered within 10 s, and no silence over 60
    /// s.
    fn default() -> Self {
        Self { off: 0, cancel_within_ms: 10_000, silence_ms: 60_000 }.without(Rule::SerialCalls)
    }
}

impl Policy {
    /// The same policy with this rule held.
    #[must_use]
    pub fn with(self, rule: Rule) -> Self {
        Self { off: self.off & !bit(rule), ..self }
    }

    /// The same policy without this rule.
    #[must_use]
    pub fn without(self, rule: Rule) -> Self {
        Self { off: self.off | bit(rule), ..self }
    }

    /// The same policy with this bound, in whole milliseconds, on the time from a cancel request to
    /// Done.
    #[must_use]
    pub fn with_cancel_within(self, bound: Duration) -> Self {
        Self { cancel_within_ms: millis(bound), ..self }
    }

    /// The same policy with this bound, in whole milliseconds, on the time without a callback.
    #[must_use]
    pub fn with_bounded_silence(self, bound: Duration) -> Self {
        Self { silence_ms: millis(bound), ..self }
    }

    /// Whether this rule is held.
    #[must_use]
    pub fn holds(&self, rule: Rule) -> bool {
        self.off & bit(rule) == 0
    }

    /// The bound on the time from a cancel request to Done, in (virtual) milliseconds.
    #[must_use]
    pub fn cancel_within_ms(&self) -> u64 {
        self.cancel_within_ms
    }

    /// The bound on the time without a callback, in (virtual) milliseconds.
    #[must_use]
    pub fn bounded_silence_ms(&self) -> u64 {
        self.silence_ms
    }
}

fn bit(rule: Rule) -> u32 {
    1 << rule as u32
}

pub(crate) fn millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()))
}
