//! A C++ store object that takes its IMAPISync from Rust: COM's rules of identity, and the suite
//! through it.

use mapi_sync::com::Provider;
use mapi_sync_conformance::case::{self, Case, Outcome};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{cpp, foreign, mount};

#[test]
fn an_object_of_its_own_has_one_identity() {
    let store = Provider::new(Scripted::new(&case::plain())).into_sync();
    assert_eq!(cpp::check_identity(&store.into()), Ok(()));
}

#[test]
fn a_part_has_the_identity_of_the_whole() {
    let store = cpp::aggregating_store(Provider::new(Scripted::new(&case::plain())));
    assert_eq!(cpp::check_identity(&store), Ok(()));
}

#[test]
fn the_cpp_store_has_one_identity() {
    let store = cpp::store("correct", &case::plain()).expect("a C++ store");
    assert_eq!(cpp::check_identity(&store), Ok(()));
}

fn run(case: &Case) -> Outcome {
    foreign::run(case, cpp::aggregating_store(Provider::new(Scripted::new(case))))
}

mount! { run }
