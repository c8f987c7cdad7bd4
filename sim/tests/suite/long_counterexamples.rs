//! Long counterexamples are made small in little time, and whoever waits is heard.

use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine;
use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::engine::sync::Register;
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::world::{Faults, Host, Knob, Scenario};
use mapi_sync_sim::{Check, Completion, Counterexample, Report, check};

fn in_all_formats(report: &Report) -> String {
    let mut all = Vec::new();
    for format in [Format::Human, Format::Json] {
        format.write(&mut all, Document::Check(report), &Palette::PLAIN).unwrap();
    }
    String::from_utf8(all).unwrap()
}

/// A sync of many messages that goes wrong.
fn many_messages() -> Scenario {
    let text = r#"
        version = 1
        mutant = "counts-before-report"
        name = "many"
        [[account]]
        name = "A"
        folders = 8
        messages = 400
        [[account]]
        name = "B"
        folders = 8
        messages = 400
        [provider]
        workers = 8
    "#;
    Scenario::parse("many.toml", text).unwrap()
}

#[test]
fn the_work_of_a_long_execution_is_made_little_first() {
    let check = Check::simulated(many_messages()).schedules(2).fail_fast(true);
    let unshrunk = check.clone().shrink(false).run();
    let long = &unshrunk.counterexamples[0];
    assert!(long.execution.outcome.steps > 10_000, "{}", long.execution.outcome.steps);
    let report = check.run();
    let shown = &report.counterexamples[0];
    assert_eq!(shown.defects[0], long.defects[0]);
    assert_eq!((shown.shrinking, shown.explaining), (Completion::Complete, Completion::Complete));
    assert!(shown.execution.outcome.steps < 50, "{report}");
    assert!(shown.decisions.len() < 5, "{report}");
    assert!(shown.why.is_some());
    assert!(!in_all_formats(&report).contains("not minimal"));
}

/// Two tasks write a register in turns, often, and the last to write is the wrong one. There is no
/// scenario to be made smaller.
struct Endless {
    writes: u32,
}

#[async_trait]
impl MapiSync for Endless {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let writes = self.writes;
        request.start(move |session| async move {
            let shared = Register::new("shared", 0);
            let tasks = [1, 2].map(|number| {
                let shared = shared.clone();
                engine::spawn("writer", async move {
                    for _ in 0..writes {
                        shared.write(number).await;
                    }
                })
            });
            for task in tasks {
                let _ended = task.await;
            }
            assert_ne!(shared.get(), 1, "the first came last");
            session.done(HResult::E_FAIL).await
        })
    }
}

fn endless() -> Check {
    let check = check(|| Endless { writes: 4_000 }).host(Host::default()).faults(Faults::default());
    check.schedules(20).jobs(1).fail_fast(true)
}

#[test]
fn shrinking_that_takes_too_long_says_so() {
    let limits = [Duration::ZERO, Duration::from_millis(300)];
    for limit in limits {
        let report = endless().shrink_time(Some(limit)).run();
        let shown = &report.counterexamples[0];
        assert_eq!(shown.shrinking, Completion::OutOfTime);
        assert_eq!(shown.why, None);
        let text = in_all_formats(&report);
        assert!(text.contains("; not minimal: out of time; to replay:"), "{text}");
        assert!(text.contains("\"not_minimal\": \"out of time\""), "{text}");
    }
}

/// Interrupts a check as soon as making its counterexample smaller has taken this many executions.
fn interrupted_after(executions: u32) -> Counterexample {
    let control = Control::new();
    let mut report = endless().run_with_progress(&control, &mut |shrinking| {
        if shrinking.executions >= executions {
            control.interrupt();
        }
    });
    assert!(control.is_interrupted(), "it came to its end before");
    report.counterexamples.swap_remove(0)
}

#[test]
fn an_interrupt_is_heard_while_a_counterexample_is_made_smaller() {
    for executions in [0, 20] {
        let shown = interrupted_after(executions);
        assert_eq!(shown.shrinking, Completion::Interrupted);
        assert!(shown.shrink_executions < 20_000);
    }
}

#[test]
fn numbers_that_a_provider_cannot_see_cost_no_executions() {
    let small = || Endless { writes: 2 };
    let check = check(small).host(Host::default()).faults(Faults::default());
    let check = check.schedules(100).jobs(1).fail_fast(true);
    let shown = check.run().counterexamples.swap_remove(0);
    assert_eq!(shown.shrinking, Completion::Complete);
    for (knob, _) in shown.subject.changes.iter() {
        assert!(!matches!(knob, Knob::Folders(_) | Knob::Messages(_) | Knob::Workers), "{knob:?}");
    }
    assert!(shown.shrink_executions < 1_000, "{}", shown.shrink_executions);
}
