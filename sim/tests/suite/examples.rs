//! The examples hold, and meet the goals that they name.

#[path = "../../examples/cancel.rs"]
pub(crate) mod cancel;
#[path = "../../examples/parallel.rs"]
pub(crate) mod parallel;
#[path = "../../examples/retry.rs"]
pub(crate) mod retry;
#[path = "../../examples/select_loop.rs"]
pub(crate) mod select_loop;
#[path = "../../examples/sequential.rs"]
pub(crate) mod sequential;
#[path = "../../examples/single_flight.rs"]
pub(crate) mod single_flight;

#[test]
fn sequential_holds() {
    sequential::main();
}

#[test]
fn parallel_holds() {
    parallel::main();
}

#[test]
fn retry_holds() {
    retry::main();
}

#[test]
fn cancel_holds() {
    cancel::main();
}

#[test]
fn select_loop_holds() {
    select_loop::main();
}

#[test]
fn single_flight_holds() {
    single_flight::main();
}
