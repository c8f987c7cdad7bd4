//! Each promise of the examples is broken once on purpose: the check of the example finds it, names
//! it and replays it, and the example as it is holds. Goals that are not met are named.

use mapi_sync_broken::broken;
use mapi_sync_sim::{Check, Defect, ReplayOutcome, Warning};

use crate::examples::{cancel, parallel, retry, select_loop, sequential, single_flight};

/// Asserts that the check finds this promise broken, names it in its report, and that the token
/// replays it; and that the token does not break the example `as_it_is`.
#[track_caller]
fn assert_found(broken: &Check, as_it_is: &Check, name: &str) {
    // It is not made smaller here: that would take longer than finding it.
    let broken = broken.clone().schedules(600).shrink(false);
    let report = broken.run();
    let is_it = |defect: &Defect| matches!(defect, Defect::Property(of) if of.name == name);
    let shown = report.counterexamples.iter().find(|shown| shown.defects.iter().any(is_it));
    let shown = shown.unwrap_or_else(|| panic!("{name} is not found: {report}"));
    let defect = *shown.defects.iter().find(|defect| is_it(defect)).unwrap();
    let text = report.to_string();
    let leads = |line: &str| line == name || line.starts_with(&format!("{name} ("));
    assert!(text.lines().any(leads), "{text}");
    let token = shown.token_of(defect);
    assert_eq!(token.defect(), Some(name));
    let replayed = broken.replay(&token.to_string()).unwrap();
    assert_eq!(replayed.outcome(), ReplayOutcome::Broken, "{replayed}");
    assert_eq!(replayed.shows_its_defect(), Some(true), "{replayed}");
    let mended = as_it_is.replay(&token.to_string()).unwrap();
    assert_ne!(mended.outcome(), ReplayOutcome::Broken, "{mended}");
}

/// Asserts that the check holds, and names these goals and no others as not met.
#[track_caller]
fn assert_unmet(check: &Check, names: &[&str]) {
    let report = check.run();
    let unmet: Vec<&str> = report
        .warnings
        .iter()
        .filter_map(|warning| match warning {
            Warning::GoalNotMet(name) => Some(*name),
            _ => None,
        })
        .collect();
    assert_eq!(unmet, names, "{report}");
    let text = report.to_string();
    for name in names {
        assert!(text.contains(name), "{text}");
    }
    assert!(report.holds(), "{report}");
    assert!(!check.clone().strict(true).run().passes());
}

broken!(
    overwritten_anchor, "examples/sequential.rs",
    "anchor.fetch_max(message, Ordering::Relaxed).max(message)"
        => "{ anchor.store(message, Ordering::Relaxed); message }"
);

#[test]
fn an_anchor_that_is_overwritten() {
    let broken = overwritten_anchor::set_up();
    assert_found(&broken, &sequential::set_up(), "the anchor never goes back");
}

broken!(
    permit_too_many, "examples/parallel.rs",
    "Semaphore::new(AT_ONCE as usize)" => "Semaphore::new(AT_ONCE as usize + 1)"
);

#[test]
fn a_permit_too_many() {
    let broken = permit_too_many::set_up();
    assert_found(&broken, &parallel::set_up(), "at most two downloads at once");
}

broken!(
    lock_left_early, "examples/parallel.rs",
    "    *stored += 1;\n    shared.oracle.saw(*stored);\n"
        => "*stored += 1; let position = *stored; drop(stored); \
            runtime.sleep(Duration::from_millis(5)).await; shared.oracle.saw(position);",
    "reporter.progress(Some(\"Inbox\"), *stored, MESSAGES)"
        => "reporter.progress(Some(\"Inbox\"), position, MESSAGES)"
);

#[test]
fn a_lock_that_is_left_before_the_report() {
    let broken = lock_left_early::set_up();
    assert_found(&broken, &parallel::set_up(), "the position never goes back");
}

broken!(
    too_much_patience, "examples/retry.rs",
    "session.timeout(PATIENCE, " => "session.timeout(PATIENCE * 2, "
);

#[test]
fn a_timeout_that_is_too_long() {
    let broken = too_much_patience::set_up();
    assert_found(&broken, &retry::set_up(), "a fetch is over in time");
}

broken!(
    try_too_many, "examples/retry.rs",
    "for attempt in 1..=TRIES {" => "for attempt in 1..=TRIES + 1 {"
);

#[test]
fn a_try_too_many() {
    assert_found(&try_too_many::set_up(), &retry::set_up(), "at most three tries");
}

broken!(
    half_a_message, "examples/cancel.rs",
    "Either::Left(_) => None," => "Either::Left(_) => Some(vec![0]),"
);

#[test]
fn a_message_that_is_stored_in_part() {
    assert_found(&half_a_message::set_up(), &cancel::set_up(), "a stored message is whole");
}

broken!(
    lost_item, "examples/select_loop.rs",
    "while let Ok(item) = items.try_recv() {" => "while let Err(item) = Ok::<(), u32>(()) {"
);

#[test]
fn an_item_that_is_lost_with_the_stop() {
    let broken = lost_item::set_up();
    assert_found(&broken, &select_loop::set_up(), "each item is written once");
}

broken!(
    doubled_item, "examples/select_loop.rs",
    "                batch.drain(..).for_each(|item| written.saw(item));\n            }\n"
        => "batch.iter().for_each(|item| written.saw(*item)); }"
);

#[test]
fn an_item_that_is_written_twice() {
    let broken = doubled_item::set_up();
    assert_found(&broken, &select_loop::set_up(), "each item is written once");
}

broken!(
    two_flights, "examples/single_flight.rs",
    "let mut value = self.value.lock().await;\n        if let Some(value) = *value {"
        => "if let Some(value) = *self.value.lock().await {",
    "*value = Some(fetched);" => "*self.value.lock().await = Some(fetched);"
);

#[test]
fn two_fetches_at_once() {
    let broken = two_flights::set_up();
    assert_found(&broken, &single_flight::set_up(), "one fetch at a time");
}

broken!(
    forgotten_value, "examples/single_flight.rs",
    "*value = Some(fetched);" => "*value = None;"
);

#[test]
fn a_value_that_is_forgotten() {
    let broken = forgotten_value::set_up();
    assert_found(&broken, &single_flight::set_up(), "no fetch too many");
}

broken!(
    server_that_answers, "examples/retry.rs",
    "engine::choose(\"the server is silent\", 2) == 1" => "engine::choose(\"the server\", 2) == 2"
);
broken!(
    one_permit, "examples/parallel.rs",
    "Semaphore::new(AT_ONCE as usize)" => "Semaphore::new(1)"
);
broken!(
    no_wait, "examples/select_loop.rs",
    "engine::work(u64::from(7 * item)).await;" => "engine::sleep(u64::from(100 * item)).await;",
    "writer.await.expect" => "engine::sleep(1).await; writer.await.expect",
    "    let _ = stop.send(());" => "engine::sleep(1_000).await; let _ = stop.send(());"
);
broken!(
    no_cancel, "examples/cancel.rs",
    "check(Store::new).goals([\"a fetch is interrupted\"])"
        => "check(Store::new).host(Default::default()).goals([\"a fetch is interrupted\"])"
);
broken!(
    one_sync, "examples/sequential.rs",
    "check(Store::new).goals(" => "check(Store::new).host(Default::default()).goals("
);

#[test]
fn goals_that_are_not_met_are_named() {
    let goals = ["every try was in vain", "retry after silence"];
    assert_unmet(&server_that_answers::set_up(), &goals);
    assert_unmet(&one_permit::set_up(), &["two downloads at once"]);
    let goals = ["a batch has several items", "an item comes with the stop"];
    assert_unmet(&no_wait::set_up(), &goals);
    assert_unmet(&no_cancel::set_up(), &["a fetch is interrupted"]);
    assert_unmet(&one_sync::set_up(), &["a sync goes on where another one stopped"]);
}
