//! A process that ends inside of a task's code says which task's it is: after a stack overflow, an
//! abort, or a panic that cannot unwind. The tests start this program once more.

use std::env;
use std::hint::black_box;
use std::process::Command;

use mapi_sync_sim::engine::{self, sync::Register};
use mapi_sync_sim::strategy::TrackedSharing;
use mapi_sync_sim::{Check, Report, explore};

/// Which way the started process is to end.
const WAY: &str = "MAPI_SYNC_ENDS";

/// Uses a piece of the stack of this many KiB.
fn deep(kib: u32) -> u64 {
    let piece = black_box([kib as u8; 1024]);
    if kib == 0 { piece[0].into() } else { deep(kib - 1) + u64::from(black_box(piece)[1023]) }
}

/// Panics when it is dropped.
struct Falls(&'static str);

impl Drop for Falls {
    fn drop(&mut self) {
        panic!("{} falls", self.0);
    }
}

/// Two tasks; the second does this if it runs before the first has ended.
fn if_second_is_first(what: fn()) -> Check {
    with_trial(what).early_tasks(false)
}

/// The same with the trial of tasks that run early, before the search.
fn with_trial(what: fn()) -> Check {
    explore(move || async move {
        let done = Register::new("done", false);
        let first = engine::spawn("first", {
            let done = done.clone();
            async move { done.write(true).await }
        });
        let second = engine::spawn("second", async move {
            if !done.read().await {
                what();
            }
        });
        let _ended = (first.await, second.await);
    })
    .seed(7)
    .jobs(1)
}

/// The number, from 1, of the first schedule in which it is.
fn first_schedule() -> u64 {
    let report: Report = if_second_is_first(|| panic!("it is")).shrink(false).run();
    report.counterexamples[0].index + 1
}

/// In the process that the tests below start: ends it.
#[test]
fn ends_when_asked_to() {
    let Ok(way) = env::var(WAY) else { return };
    let overflows = || {
        black_box(deep(1 << 20));
    };
    let check = match way.as_str() {
        "overflow" => if_second_is_first(overflows),
        "overflow-unwatched" => if_second_is_first(overflows).watchdog(None),
        "overflow-exhaustive" => if_second_is_first(overflows)
            .strategy("exhaustive")
            .unwrap()
            .tracked_sharing(TrackedSharing),
        "overflow-in-trial" => with_trial(overflows),
        "abort" => if_second_is_first(|| std::process::abort()),
        "destructor" => if_second_is_first(|| {
            let _guard = Falls("the guard");
            panic!("the task falls");
        }),
        "outside" => {
            let _report = if_second_is_first(|| ()).run();
            std::process::abort();
        }
        way => panic!("{way}"),
    };
    let _report = check.run();
}

/// What a process says that ends this way.
fn said(way: &str) -> String {
    let output = Command::new(env::current_exe().expect("this is a program"))
        .args(["--exact", "ends_when_asked_to"])
        .env(WAY, way)
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

// Wine leaves less of the stack than its own dispatch of the exception needs. A test of the probe
// raises it with room left.
#[cfg(unix)]
#[test]
fn stack_overflow_names_its_task_step_seed_and_schedule() {
    let number = first_schedule();
    for way in ["overflow", "overflow-unwatched"] {
        let said = said(way);
        let words = format!("of schedule {number}, seed 7");
        let line = said.lines().find(|line| line.contains("the process ends")).expect(&said);
        assert!(line.contains("in the code of task `second`: step "), "{said}");
        assert!(line.ends_with(&words), "{said}");
        assert_eq!(said.matches("the process ends").count(), 1, "{said}");
        // What the standard library says comes as well.
        assert!(said.contains("has overflowed its stack"), "{said}");
    }
}

// Wine leaves less of the stack than its own dispatch of the exception needs. A test of the probe
// raises it with room left.
#[cfg(unix)]
#[test]
fn schedules_of_an_exhaustive_search_have_no_numbers() {
    let said = said("overflow-exhaustive");
    assert!(said.contains("the process ends in the code of task `second`: step "), "{said}");
    assert!(said.contains(" of a schedule, seed 7\n"), "{said}");
}

#[test]
fn panic_in_a_destructor_while_unwinding_is_reported_with_both_panics() {
    let words = format!("of schedule {}, seed 7; it panicked at ", first_schedule());
    let said = said("destructor");
    let line = said.lines().find(|line| line.contains("the process ends")).expect(&said);
    assert!(line.contains("in the code of task `second`: step "), "{said}");
    assert!(line.contains(&words), "{said}");
    for message in [": the task falls; it panicked at ", "fatal.rs:", ": the guard falls"] {
        assert!(line.contains(message), "{message}: {said}");
    }
    assert_eq!(said.matches("the process ends").count(), 1, "{said}");
}

// Wine leaves less of the stack than its own dispatch of the exception needs. A test of the probe
// raises it with room left.
#[cfg(unix)]
#[test]
fn trial_before_the_search_says_how_to_leave_it_out() {
    let said = said("overflow-in-trial");
    assert!(said.contains("the process ends in the code of task `second`: step "), "{said}");
    assert!(said.contains(" of a trial before the search"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn abort_names_its_task() {
    let words = format!("of schedule {}, seed 7\n", first_schedule());
    let said = said("abort");
    assert!(said.contains("the process ends in the code of task `second`"), "{said}");
    assert!(said.contains(&words), "{said}");
}

#[test]
fn end_outside_of_a_task_blames_none() {
    let said = said("outside");
    assert!(!said.contains("the process ends"), "{said}");
}

#[test]
fn each_thread_of_a_search_has_the_same_stack() {
    // More than a thread has by default.
    for jobs in [1, 2] {
        let program = || async {
            black_box(deep(2_500));
        };
        explore(program).schedules(100).jobs(jobs).run().assert_holds();
        let check = explore(program).strategy("dfs").unwrap();
        check.jobs(jobs).run().assert_holds();
    }
}
