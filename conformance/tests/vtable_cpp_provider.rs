//! The suite through COM method tables, with Rust as the host and C++ as the provider.

use std::sync::Arc;

use mapi_sync::TokioRuntime;
use mapi_sync::com::{self, ForeignSync};
use mapi_sync_conformance::case::{Case, Outcome};
use mapi_sync_conformance::{cpp, host, mount};

fn run(case: &Case) -> Outcome {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    tokio.block_on(async {
        let runtime = Arc::new(TokioRuntime::current(com::events()));
        let store = cpp::store("correct", case).expect("a case for a C++ provider");
        let provider = ForeignSync::query(&store).expect("IMAPISync");
        drop(store);
        host::run(case, Arc::new(provider), runtime).await
    })
}

mount! { run;
    plain nothing_to_do done_with_a_warning done_with_an_unknown_code several_errors
    success_after_an_error phases long_text slow_work host_fails host_panics closes_in_done
    never_waits releases_early next_from_done second_from_progress slow_host unknown_flags
    ; without
    dropped: "C++ has no session to drop"
    dropped_by_a_panic: "C++ has no session to drop"
    panicked: "C++ does not panic"
    panicked_in_drop: "C++ does not panic"
    panicked_late_in_start: "C++ does not panic"
    provider_panics_in_drop: "C++ does not panic"
    provider_panics_in_drop_last: "C++ does not panic"
    everything_panics: "C++ does not panic"
    start_fails: "the script of the C++ provider is that of its worker"
    start_fails_oddly: "the script of the C++ provider is that of its worker"
    dropped_and_host_fails: "C++ has no session to drop"
}
