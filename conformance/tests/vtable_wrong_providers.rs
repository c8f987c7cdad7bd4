//! C++ providers, correct and wrong, checked against the contract through their method tables.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use mapi_sync_conformance::{case, cpp};
use mapi_sync_sim::foreign::{ForeignCheck, ForeignReport, Habit, check_store};

/// The forms that use a handle after it went to Done. By then it may be the handle of another test
/// of this process, which they would close or signal, so each of them runs alone.
const USE_OTHERS_HANDLES: [&str; 2] = ["closes-handle", "signals-published"];

/// Held for reading by most tests, and for writing by those that run alone.
static ALONE: RwLock<()> = RwLock::new(());

fn check(form: &str, wrong: bool) -> ForeignReport {
    let alone = USE_OTHERS_HANDLES.contains(&form);
    let _alone = alone.then(|| ALONE.write().unwrap_or_else(PoisonError::into_inner));
    let _shared = (!alone).then(|| ALONE.read().unwrap_or_else(PoisonError::into_inner));
    let store = cpp::store(form, &case::slow_work()).expect("a C++ store");
    let patience = Duration::from_secs(2);
    // The missing call of a wrong provider often never comes, in none of its syncs.
    let grace = if wrong { Duration::from_millis(500) } else { patience };
    let check = ForeignCheck { syncs: 4, patience, grace, ..ForeignCheck::default() };
    check_store(&store, &check).expect("IMAPISync")
}

/// Every form with the rule that it breaks. A rule about the process needs a separate process, and
/// so do the two forms that end or hang theirs.
macro_rules! forms {
    ($($test:ident $form:literal $rule:expr;)*; elsewhere $($left_out:literal)*) => {
        $(
            #[test]
            fn $test() {
                let rule: Option<&str> = $rule;
                let report = check($form, rule.is_some());
                match rule {
                    None => assert_eq!(contract(&report), Vec::<&str>::new(), "{report}"),
                    Some(rule) => assert!(contract(&report).contains(&rule), "{report}"),
                }
                assert!(report.syncs > 0);
            }
        )*

        #[test]
        fn every_form_is_checked() {
            let checked = [$($form),*];
            let elsewhere = [$($left_out),*];
            let forms = (0..).map_while(cpp::form_name);
            for form in forms {
                assert!(checked.contains(&form) || elsewhere.contains(&form), "{form}");
            }
        }
    };
}

/// Broken rules of the contract, without those of the process: other tests of this process have
/// handles, threads and memory too.
fn contract(report: &ForeignReport) -> Vec<&str> {
    let of_process = ["handles-closed", "threads-ended", "memory-returned"];
    let rules = report.violations.iter().map(|finding| &*finding.rule);
    rules.filter(|rule| !of_process.contains(rule)).collect()
}

#[test]
fn a_correct_provider_is_taken_through_what_hosts_do() {
    let _shared = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    let store = cpp::store("correct", &case::slow_work()).expect("a C++ store");
    let check = ForeignCheck { patience: Duration::from_secs(20), ..ForeignCheck::default() };
    let report = check_store(&store, &check).expect("IMAPISync");
    assert_eq!(contract(&report), Vec::<&str>::new(), "{report}");
    // It calls no Error, and one store in this process is neither released in mid-sync nor given a
    // session. Apartments are Windows' own.
    let mut missing = vec!["error-fails", "starts-in-error", "releases-store", "session"];
    if !cfg!(windows) {
        missing.push("single-threaded");
    }
    let mut not_exercised: Vec<_> = report.not_exercised().map(Habit::id).collect();
    not_exercised.sort_unstable();
    missing.sort_unstable();
    assert_eq!(not_exercised, missing);
    assert!(report.syncs > 20 && report.dones == u64::from(report.syncs), "{report}");
}

forms! {
    correct "correct" None;
    inline "inline" None;
    null_handle "null-handle" None;
    done_twice "done-twice" Some("done-once");
    progress_after_done "progress-after-done" Some("done-last");
    no_done "no-done" Some("done-once");
    event_before_done "event-before-done" Some("event-after-done");
    event_never "event-never" Some("event-after-done");
    other_handle "other-handle" Some("event-same");
    index_beyond_max "index-beyond-max" Some("progress-range");
    index_goes_back "index-goes-back" Some("progress-forward");
    error_s_ok "error-s-ok" Some("error-code");
    error_null_text "error-null-text" Some("error-text");
    calls_on_failed_start "calls-on-failed-start" Some("no-call-on-failed-start");
    event_on_failed_start "event-on-failed-start" Some("no-call-on-failed-start");
    no_event "no-event" Some("event-published");
    keeps_callback "keeps-callback" Some("callback-held");
    releases_twice "releases-twice" Some("callback-held");
    borrows_callback "borrows-callback" Some("callback-held");
    closes_handle "closes-handle" Some("event-owner");
    signals_published "signals-published" Some("event-after-done");
    hides_error "hides-error" Some("status-honest");
    done_overtakes "done-overtakes" Some("done-last");
    ; elsewhere "leaks-event" "closes-twice" "crashes" "hangs"
}
