//! The suite through COM vtables, with Rust on both ends: the provider's method table, called by a foreign-provider
//! adapter, whose callback object is called by the provider's worker.

use std::sync::Arc;

use mapi_sync::TokioRuntime;
use mapi_sync::com::{self, ForeignSync, Provider};
use mapi_sync_conformance::case::{self, Case, Outcome};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{host, mount};
use mapi_sync_sim::foreign::{ForeignCheck, check_store};

fn run(case: &Case) -> Outcome {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    tokio.block_on(async {
        let runtime = Arc::new(TokioRuntime::current(com::events()));
        let store = Provider::new(Scripted::new(case)).into_sync();
        let provider = ForeignSync::query(&store.into()).expect("IMAPISync");
        host::run(case, Arc::new(provider), runtime).await
    })
}

mount! { run;
    plain nothing_to_do done_with_a_warning done_with_an_unknown_code several_errors success_after_an_error
    phases long_text slow_work dropped dropped_by_a_panic panicked panicked_in_drop panicked_late_in_start
    provider_panics_in_drop provider_panics_in_drop_last everything_panics start_fails start_fails_oddly
    host_fails host_panics closes_in_done never_waits releases_early next_from_done second_from_progress
    slow_host unknown_flags dropped_and_host_fails
}

#[test]
fn the_method_table_keeps_the_contract() {
    let store = Provider::new(Scripted::new(&case::slow_work())).into_sync().into();
    let check = ForeignCheck { syncs: 4, ..ForeignCheck::default() };
    let report = check_store(&store, &check, |_| {}).expect("IMAPISync");
    assert_eq!((report.violations.as_slice(), report.dones), (&[][..], 4), "{report}");
}
