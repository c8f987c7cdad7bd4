//! The suite through COM method tables, with C++ as the host and Rust as the provider.

use mapi_sync::com::Provider;
use mapi_sync_conformance::case::{Case, Outcome};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{foreign, mount};

fn run(case: &Case) -> Outcome {
    foreign::run(case, Provider::new(Scripted::new(case)).into_sync().into())
}

mount! { run }
