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

mount! { run; without method tables }
