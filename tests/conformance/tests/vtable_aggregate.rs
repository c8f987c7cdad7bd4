//! A C++ store object that takes its IMAPISync from Rust: COM's rules of identity, and the suite through it.

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

mount! { run;
    plain nothing_to_do done_with_a_warning done_with_an_unknown_code several_errors success_after_an_error
    phases long_text slow_work dropped dropped_by_a_panic panicked panicked_in_drop panicked_late_in_start
    provider_panics_in_drop provider_panics_in_drop_last everything_panics start_fails start_fails_oddly
    host_fails host_panics closes_in_done never_waits releases_early next_from_done second_from_progress
    slow_host unknown_flags dropped_and_host_fails
}
