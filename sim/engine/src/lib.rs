//! A deterministic executor for concurrent programs made of futures.
//!
//! It runs a program under the schedules that a strategy chooses, and replays each of them exactly.
//! A search can run every schedule, and prove that none goes wrong.
//!
//! # Check any async code
//!
//! This crate is the executor. The crate [`mapi-sync-sim`](https://docs.rs/mapi-sync-sim) checks
//! with it: mail-store providers, and by its function `explore` and its attribute `test` any async
//! program. The engine knows nothing of mail, and a program need not either.
//!
//! Such a check runs the program under 10,000 schedules. A panic, an error that is returned, a
//! deadlock, a task that outlives the program, a livelock: each becomes a counterexample, which is
//! made smaller, explained by the two steps that decide, and replayed by a token. The guide in
//! `docs/any-program.md` begins with a first check. Use this crate alone if you want to judge the
//! executions yourself, as [the example](#an-example) below does.
//!
//! **Under control** are the tasks that are [spawned](spawn) here, [time](sleep), lateness of
//! [work], [choices](choose), [faults](fault), drops at await points, and every wake.
//!
//! **Not under control** are threads, real time, files and sockets, random numbers, the order of a
//! `HashMap`, and what happens inside of one poll; [Limits](#limits) has what is noticed of them.
//!
//! # Compared with others
//!
//! - **shuttle** explores random and bounded depth-first schedules, of async tasks too. It has no
//!   clock, so no timer races another, and neither reduces an exhaustive search nor makes a
//!   schedule smaller. It is better where threads are: it stands in for `std::sync` and
//!   `std::thread`, and for crates on top of them. The engine has no threads.
//! - **loom** runs every schedule under the memory model of C11. It is better for atomics with
//!   relaxed orders and for what happens within one poll, which the engine does not see. It has no
//!   time, and whole async programs are too big for it.
//! - **turmoil** simulates a network between hosts, each on a real tokio with paused time. It is
//!   better where a bug needs two machines: packets, partitions, crashes and restarts. Within a
//!   host the order of steps is tokio's, and is not explored.
//! - **madsim** takes tokio's place, and that of the clock and of randomness below `std`, so
//!   dependencies need no change; it has a network too. It is better at that. Its schedules are
//!   random by seed: no search ends by itself, nothing is made smaller, and no task is dropped at
//!   each of its await points.
//!
//! Here are virtual time, a drop at every await point, exhaustive search by classes and smaller
//! counterexamples together, for tasks on one thread.
//!
//! # The problem
//!
//! A program of communicating tasks behaves differently for each order of their steps, each moment
//! of their timers, and each place where something fails or is cancelled. A test on a real executor
//! sees one of these behaviours, and another one next time.
//!
//! Here each of these is a *decision*, and a [`Strategy`] makes it. One execution is one straight
//! run of the program under a strategy; the decisions are [recorded](crate::decision), and the same
//! decisions give the same run.
//!
//! # An example
//!
//! Two tasks raise a counter by reading it and writing it back. Some order of their steps loses one
//! of the two.
//!
//! ```
//! use mapi_sync_engine::{self as engine, Engine, Limits, sync::Register};
//! use mapi_sync_engine::strategy::Random;
//! use std::sync::{Arc, Mutex};
//!
//! fn program(result: Arc<Mutex<u32>>) -> impl Future<Output = ()> + Send + 'static {
//!     async move {
//!         let counter = Register::new("counter", 0);
//!         let tasks = [0, 1].map(|_| {
//!             let counter = counter.clone();
//!             engine::spawn("adder", async move {
//!                 let seen = counter.read().await;
//!                 counter.write(seen + 1).await;
//!             })
//!         });
//!         for task in tasks {
//!             task.await.unwrap();
//!         }
//!         *result.lock().unwrap() = counter.get();
//!     }
//! }
//!
//! let result = Arc::new(Mutex::new(0));
//! let mut engine = Engine::new(Limits::default(), Random::new(1));
//! let lost = (0..100).find(|index| {
//!     engine.execute(*index, program(Arc::clone(&result))).unwrap();
//!     *result.lock().unwrap() == 1
//! });
//! assert!(lost.is_some());
//!
//! // The same decisions lose it again.
//! let decisions = engine.decisions();
//! engine.replay(&decisions, program(Arc::clone(&result)));
//! assert_eq!(*result.lock().unwrap(), 1);
//! ```
//!
//! # What happens between decisions
//!
//! A *poll segment* is one call of a task's `poll`: it runs from one await point to the next, and
//! nothing comes between. The objects of [`sync`] are scheduling points: each of their asynchronous
//! operations starts a segment of its own. Their plain functions
//! ([`Register::get`](sync::Register::get), `try_send`, …) act within the running segment.
//!
//! Time is virtual, in milliseconds. It moves when no task can run, to the next deadline, and all
//! tasks that are due then can run: their order is one more decision. With [`Limits::skew_ms`] the
//! clock may also move while tasks are still able to run, as if they had been slow. With
//! [`Limits::late_percent`], [`work`] may be late, so that unequal lengths do not fix an order.
//! With [`Limits::timers_apart`], the due timers of one task may fire one by one.
//!
//! A new task begins after the segment that spawns it. With [`Limits::early_segments`], one that
//! [may](Builder::early) runs before `spawn` returns, as it may on a runtime with several threads.
//!
//! A task that only looks and yields, again and again, has to wait in the end: after 64 segments in
//! a row that yielded without any [progress] (and 64 more that are not examined), it cannot run
//! until all others wait too and the clock, if a timer is armed, has moved. Then it may look once
//! before it has to wait again. Whatever its segments bring, no more than 4,096 may yield in a row.
//! That holds under every strategy. So a loop that looks at a flag ends if another task, or a
//! timer, brings the flag up. If no timer is armed and the program looks at the [time](now), the
//! clock moves by a millisecond each time that all tasks wait for their turn: a loop that waits for
//! a time ends too.
//!
//! By default, the current task carries on, or else the lowest one that can run; every
//! [choice](choose) is 0, and no [fault] strikes. So the empty list of decisions is a schedule too:
//! the *default schedule*.
//!
//! # Terms
//!
//! - An *execution* runs the program once, from the first step to the end.
//! - A *step* is one entry of its log: a poll segment of a task, or a move of the clock.
//! - A *decision* is the answer to one question: which task runs next, which value a choice takes,
//!   whether a fault strikes, whether a task is dropped. One that differs from the default is a
//!   *departure*. An execution's departures are its [decision vector](decision::Decisions): the
//!   *schedule*.
//! - A *footprint* lists the accesses of a segment to tracked objects. Two segments *conflict* if
//!   the order of two of their accesses can be observed.
//! - Two schedules are of one *class* if exchanging adjacent segments without a conflict turns one
//!   into the other.
//! - An *assignment* gives values to the places that ask for a choice, a fault or a drop.
//! - A *part* is a subtree of a search that one thread runs.
//!
//! # Limits
//!
//! - One execution runs on one thread. A wake from another thread wakes no task: it is counted
//!   ([`Outcome::outside_wakes`]), and an execution that cannot go on without it ends as
//!   [`End::Outside`]. No order that another thread takes part in is under control.
//! - Code that reads the real time, iterates a `HashMap` with a random state, or keeps state from
//!   one execution to the next is not deterministic. [`Engine::repeat`] detects it.
//! - Primitives of other crates (`tokio::sync`, `futures`) work, because they need wakers only.
//!   Their state is not tracked, though: the random strategies do not care, but an exhaustive
//!   search that reduces is sound only over tracked objects.
//! - A segment that never returns hangs the execution: the budgets of [`Limits`] are checked
//!   between segments. A [`Beacon`] says to a watchdog on another thread which task's it is.

#![forbid(unsafe_code)]

mod beacon;
mod caught;
mod context;
pub mod decision;
mod early;
mod executor;
mod fatal;
mod footprint;
mod guest;
mod id;
pub mod lock;
mod log;
mod note;
mod oracle;
mod outcome;
mod outside;
pub mod parallel;
mod proof;
pub mod property;
mod ready;
pub mod shrink;
pub mod strategy;
pub mod sync;
mod task;
mod timers;
mod wakeup;
mod yield_flag;

pub use beacon::{Beacon, RunningPoll, Way};
pub use caught::CaughtPanic;
pub use context::{
    before_closing, caught_panics, clock, execution, is_closing, is_recording, is_simulated,
    progress,
};
pub use early::{EarlyPolls, early_polls};
pub use executor::Engine;
pub use fatal::{Origin, write_fatal};
pub use footprint::{Chosen, Effect, Mode, Object, Segment};
pub use guest::{GuestRuntime, GuestUse};
pub(crate) use id::mix;
pub use id::{ObjectId, Site, TaskId, TaskKey};
pub use note::{Note, SegmentNote, marks, note};
pub use oracle::{ChoicePoint, Decision, Observer, Strategy, UniformRng};
pub use outcome::{Blocked, Budget, End, Limits, Nondeterminism, Outcome, TaskPanic};
pub use outside::OutsideThreads;
pub use proof::{Gap, Proof, ProofUnit};
pub use ready::Ready;
pub use task::{
    AbortHandle, Builder, JoinError, JoinHandle, Sleep, YieldNow, calm, choose, current,
    current_key, current_step, fault, now, sleep, sleep_for, sleep_until, spawn, spawn_droppable,
    task_name, work, work_for, yield_now,
};
