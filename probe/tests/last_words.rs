//! A stack overflow inside of a task's code, as Windows reports it: an exception. The test starts
//! this program once more.
#![cfg(windows)]
#![expect(unsafe_code, reason = "raises an exception")]

use std::env;
use std::process::Command;
use std::ptr;

use mapi_sync_engine::strategy::Random;
use mapi_sync_engine::{Engine, Limits, Origin};
use mapi_sync_probe::name_task_of_fatal_signal;
use windows_sys::Win32::Foundation::EXCEPTION_STACK_OVERFLOW;
use windows_sys::Win32::System::Diagnostics::Debug::RaiseException;

/// Set in the process that is to end.
const ENDS: &str = "MAPI_SYNC_PROBE_ENDS";

fn overflow() {
    // SAFETY: "RaiseException" (Win32): without arguments the pointer may be null.
    unsafe { RaiseException(EXCEPTION_STACK_OVERFLOW as u32, 0, 0, ptr::null()) };
}

/// In the process that the test below starts: ends it.
#[test]
fn ends_when_asked_to() {
    if env::var_os(ENDS).is_none() {
        return;
    }
    name_task_of_fatal_signal();
    let mut engine = Engine::new(Limits::default(), Random::new(7));
    engine.set_origin(Origin::numbered(", seed 7"));
    engine.execute(4, async { overflow() });
    unreachable!("the process has ended");
}

#[test]
fn stack_overflow_names_its_task_and_schedule() {
    let output = Command::new(env::current_exe().expect("this is a program"))
        .args(["--exact", "ends_when_asked_to"])
        .env(ENDS, "1")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let words = "the process ends in the code of task `main`: step 1 of schedule 5, seed 7\n";
    assert!(said.contains(words), "{said}");
    assert!(!output.status.success());
}
