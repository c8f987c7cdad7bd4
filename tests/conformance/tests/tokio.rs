//! The suite on tokio, in real time.

use std::sync::Arc;

use mapi_sync::{ProcessEvents, TokioRuntime};
use mapi_sync_conformance::case::{Case, Outcome};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{host, mount};

fn run(case: &Case) -> Outcome {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    tokio.block_on(async {
        let events = Arc::new(ProcessEvents::new());
        let runtime = Arc::new(TokioRuntime::current(events.clone()));
        let outcome = host::run(case, Arc::new(Scripted::new(case)), runtime).await;
        // The provider's own handle is closed after the signal that the host has waited for.
        while events.open_handles() > 0 {
            tokio::task::yield_now().await;
        }
        outcome
    })
}

mount! { run;
    plain nothing_to_do done_with_a_warning done_with_an_unknown_code several_errors success_after_an_error
    phases long_text slow_work dropped dropped_by_a_panic panicked panicked_in_drop start_fails
    start_fails_oddly host_fails host_panics closes_in_done never_waits releases_early next_from_done
    second_from_progress slow_host unknown_flags dropped_and_host_fails
    ; without
    panicked_late_in_start: "a panic of the start is its caller's, where no method table lies between"
    provider_panics_in_drop: "so is one of the provider's drop"
    provider_panics_in_drop_last: "so is one of the provider's drop"
    everything_panics: "so is one of the provider's drop"
}
