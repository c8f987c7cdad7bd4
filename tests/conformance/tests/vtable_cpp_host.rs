//! The suite through COM vtables, with C++ as the host and Rust as the provider.

use mapi_sync::com::Provider;
use mapi_sync_conformance::case::{Case, Outcome};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{foreign, mount};

fn run(case: &Case) -> Outcome {
    foreign::run(case, Provider::new(Scripted::new(case)).into_sync().into())
}

mount! { run;
    plain nothing_to_do done_with_a_warning done_with_an_unknown_code several_errors success_after_an_error
    phases long_text slow_work dropped dropped_by_a_panic panicked panicked_in_drop panicked_late_in_start
    provider_panics_in_drop provider_panics_in_drop_last everything_panics start_fails start_fails_oddly
    host_fails host_panics closes_in_done never_waits releases_early next_from_done second_from_progress
    slow_host unknown_flags dropped_and_host_fails
}
