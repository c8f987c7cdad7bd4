//! The changes of a scenario that a reader is shown.

use crate::check::{Subject, SubjectKind};
use crate::shrink::reaches_any_provider;
use crate::world::{Changes, Scenario};

/// The subject's changes in words: what, from, to. Of a provider that is not the simulated one,
/// only those that it can see: the others change nothing but the simulated provider and its server.
/// A program has no scenario.
pub(super) fn changes_in_words(
    subject: &Subject,
    scenario: &Scenario,
) -> Vec<(String, String, String)> {
    let shown = subject.changes.iter().filter(|(knob, _)| match subject.kind {
        SubjectKind::Program => false,
        SubjectKind::Provider => reaches_any_provider(*knob),
        _ => true,
    });
    let shown = shown.fold(Changes::default(), |changes, (knob, value)| changes.with(knob, value));
    shown.in_words(scenario)
}
