//! The changes of a scenario that a reader is shown.

use crate::check::{Subject, SubjectKind};
use crate::world::{Changes, Fault, Knob, Scenario, Time};

/// The subject's changes in words: what, from, to. Of a provider that is not the simulated one,
/// only those that it can see: the others change nothing but the simulated provider and its server.
pub(super) fn changes_in_words(
    subject: &Subject,
    scenario: &Scenario,
) -> Vec<(String, String, String)> {
    let shown = subject
        .changes
        .iter()
        .filter(|(knob, _)| subject.kind != SubjectKind::Provider || reaches_any_provider(*knob));
    let shown = shown.fold(Changes::default(), |changes, (knob, value)| changes.with(knob, value));
    shown.in_words(scenario)
}

/// Whether a provider that is not the simulated one can see this number: it belongs to the host or
/// to the system, or is an argument of the start.
fn reaches_any_provider(knob: Knob) -> bool {
    match knob {
        Knob::Fault(fault) => {
            !matches!(fault, Fault::NetworkLoss | Fault::NetworkLatency | Fault::Offline)
        }
        Knob::Time(time) => {
            matches!(time, Time::CancelAfter | Time::ShutdownAfter | Time::Callback)
        }
        Knob::Cancels
        | Knob::Shutdown
        | Knob::OverlapStart
        | Knob::Reentrant
        | Knob::Account(_)
        | Knob::Syncs
        | Knob::Flags(_) => true,
        Knob::Workers
        | Knob::KeepAlive
        | Knob::Folders(_)
        | Knob::Messages(_)
        | Knob::NewFolders(_)
        | Knob::Outgoing(_)
        | Knob::Retries
        | Knob::RetryDelay
        | Knob::Latency => false,
    }
}
