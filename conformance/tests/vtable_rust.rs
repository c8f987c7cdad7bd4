//! The suite through COM method tables, with Rust on both ends: the provider's method table, called
//! by a foreign-provider adapter, whose callback object is called by the provider's worker.

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

mount! { run }

#[test]
fn the_method_table_keeps_the_contract() {
    let store = Provider::new(Scripted::new(&case::slow_work())).into_sync().into();
    let check = ForeignCheck { syncs: 4, ..ForeignCheck::default() };
    let report = check_store(&store, &check).expect("IMAPISync");
    // Some syncs start another one.
    let done = u64::from(report.syncs.max(4));
    assert_eq!((report.violations.as_slice(), report.dones), (&[][..], done), "{report}");
}
