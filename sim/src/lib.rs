//! Deterministic simulation of mail-store synchronization: your provider, under thousands of
//! schedules.
//!
//! It finds the orders of steps, the cancels and the failures in which a provider breaks its
//! contract with Outlook, and shows each as a short counterexample that replays.
//!
//! # What it is for
//!
//! A store provider synchronizes mail in the background while the user cancels, the network fails,
//! Outlook shuts down, and several tasks report at once. Its contract with Outlook says which call
//! may come when. A test on a real executor sees one order of all that, and another one next time.
//!
//! Here the executor, the clock, the host and every failure are simulated, and everything that is
//! open (which task runs next, when the user cancels, whether a call fails) is a decision of a
//! *strategy*. Each execution is checked against the rules of the
//! [contract](mapi_sync::contract). One that breaks a rule becomes a counterexample: shrunk,
//! explained, and with a token that replays it.
//!
//! # A first check
//!
//! Add this crate to your dev-dependencies, without its default features, which are for the command
//! line only:
//!
//! ```toml
//! [dev-dependencies]
//! mapi-sync-sim = { version = "0.1", default-features = false }
//! ```
//!
//! [`check`] takes a function that makes your provider:
//!
//! ```
//! use std::time::Duration;
//!
//! use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
//! use mapi_sync_sim::check;
//!
//! struct Store;
//!
//! #[async_trait]
//! impl MapiSync for Store {
//!     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//!         request.start(|session| async move {
//!             for message in 1..=10 {
//!                 if session.cancel().is_requested() {
//!                     return session.done(HResult::MAPI_E_USER_CANCEL).await;
//!                 }
//!                 session.sleep(Duration::from_millis(20)).await; // fetch a message
//!                 session.progress(Some("Inbox"), message, 10).await;
//!             }
//!             session.done(HResult::S_OK).await
//!         })
//!     }
//! }
//!
//! check(|| Store).schedules(1_000).run().assert_holds();
//! ```
//!
//! Each of the 1,000 executions makes a new provider and synchronizes one account. In each the user
//! may cancel, the host may shut down, and callbacks, events and tasks may fail.
//!
//! # Your own provider
//!
//! Your provider runs unchanged, as long as everything that it waits for goes through the request's
//! [`Runtime`](mapi_sync::Runtime) (tasks, time, events) or needs wakers only (`tokio::sync`,
//! `futures`). It must keep nothing from one execution to the next. Replace the mail server by
//! something in memory that sleeps on the runtime's clock, or by the [stand-ins](stand_in).
//!
//! Where you set up nothing, the host varies from one execution to the next: it starts a second
//! sync, or one beside the first, or it cancels late ([`world::Variation`] lists all of it). The
//! report says what was exercised, and which rules had no chance to be broken.
//!
//! A [scenario](world::Scenario) changes the host, the accounts and the faults:
//!
//! ```
//! # use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
//! # struct Store;
//! # #[async_trait]
//! # impl MapiSync for Store {
//! #     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//! #         request.start(|session| async move { session.done(HResult::S_OK).await })
//! #     }
//! # }
//! use mapi_sync_sim::check;
//! use mapi_sync_sim::world::Scenario;
//!
//! let scenario = r#"
//!     version = 1
//!     name = "two-syncs"
//!     about = "One account, synchronized twice."
//!
//!     [[account]]
//!     name = "Mailbox"
//!
//!     [host]
//!     syncs = 2
//!     shutdown = true
//!
//!     [faults]
//!     event_creation = 1
//! "#;
//! let scenario = Scenario::parse("two-syncs.toml", scenario).expect("a valid scenario");
//! check(|| Store).in_scenario(scenario).schedules(200).run().assert_holds();
//! ```
//!
//! [`engine::note`] adds a line of your own to the time line of a counterexample. With the feature
//! `tracing`, so does each event of the crate `tracing`.
//!
//! # Reading a counterexample
//!
//! This provider forgets to look at the cancel signal:
//!
//! ```
//! # use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
//! use mapi_sync_sim::check;
//!
//! struct Deaf;
//!
//! #[async_trait]
//! impl MapiSync for Deaf {
//!     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//!         request.start(|session| async move {
//!             for message in 1..=4 {
//!                 session.progress(Some("Inbox"), message, 4).await;
//!             }
//!             session.done(HResult::S_OK).await
//!         })
//!     }
//! }
//!
//! let report = check(|| Deaf).schedules(1_000).run();
//! assert!(!report.holds());
//! let counterexample = &report.counterexamples[0];
//! assert_eq!(counterexample.defects[0].id(), "cancel-answered");
//!
//! // The token runs the same schedule again.
//! let token = counterexample.token().to_string();
//! let replayed = check(|| Deaf).replay(&token).expect("a token of this check");
//! assert!(!replayed.holds());
//! ```
//!
//! A replay has three [outcomes](ReplayOutcome): it is broken as before; it is mended, because
//! every decision was taken and nothing is wrong; or the token no longer applies, because the
//! provider has changed so much that decisions are left over. Only the second is a pass.
//! [`Check::replay_or_search`] searches for the token's defect in the third case, so it is the form
//! for a regression test.
//!
//! `report.assert_holds()` would panic with a text like this one, from
//! `sim/examples/check_a_provider.rs`:
//!
//! ```text
//! `sync` sent Done(S_OK) when the last position was 3 of 4: nothing keeps `Inbox` from …
//! progress-complete (should): the provider is to blame
//!    Done(S_OK) came when the last position was 3 of 4
//!
//!     time ms  task   call
//!       20 ms  Sent   #1 Progress("Sent", 1, 4)
//!       20 ms  Inbox  #2 Progress("Inbox", 2, 4)
//!       40 ms  Inbox  #3 Progress("Inbox", 3, 4)  (1)
//!       45 ms  Inbox  #3   returned S_OK
//!  |    45 ms  Sent   #4 Progress("Sent", 3, 4)
//! ->    45 ms  sync   #5 Done(event 0x4, S_OK)  <- progress-complete
//!    what decides: the order of two adjacent steps
//!      (1) step 8, of `Inbox`: #3 Progress("Inbox", 3, 4)
//!      (2) step 9, of `Sent`
//!    exchanged, progress-complete is gone: .replay("ms2-…")
//! ```
//!
//! Read it from the top: what went wrong, in one sentence; the rule, how binding it is and who
//! broke it; the calls in virtual time, each with its task, where `|` marks the calls that show the
//! violation and `->` the one that broke the rule; and what decides: here two adjacent steps, whose
//! other order keeps the rule.
//!
//! # Any async code
//!
//! [`explore`] checks a program in place of a provider: it may spawn, sleep, lock and send as it
//! likes, and needs to know nothing of mail. Assertions, panics, errors, deadlocks and leaked tasks
//! are its defects; the strategies, counterexamples, tokens and reports are the same. The attribute
//! [`test`](macro@test) makes a check of an async test function.
//!
//! ```
//! use mapi_sync_sim::engine::{self, sync::Mutex};
//!
//! let report = mapi_sync_sim::explore(|| async {
//!     let (a, b) = (Mutex::new("a", ()), Mutex::new("b", ()));
//!     let (first, second) = (a.clone(), b.clone());
//!     let task = engine::spawn("other", async move {
//!         let _first = first.lock().await;
//!         let _second = second.lock().await;
//!     });
//!     {
//!         let _second = b.lock().await;
//!         let _first = a.lock().await;
//!     }
//!     task.await.unwrap();
//! })
//! .run();
//! assert_eq!(report.counterexamples[0].defects[0].id(), "deadlock");
//! ```
//!
//! # Rules of your own
//!
//! A check holds your provider to [the rules of the contract](mapi_sync::_documentation::contract).
//! [`Check::rule`] adds one that only your provider promises;
//! [rules of your own](mapi_sync::_documentation::own_rules) writes one from nothing, and
//! `sim/examples/own_rule.rs` checks it.
//!
//! # Promises of your own
//!
//! A [property] is about state: an invariant, what holds at the end, what comes in time, and
//! oracles for data. Make it where you make the provider, or in a program. With [`sometimes!`] you
//! name what at least one schedule should come by.
//!
//! ```
//! # use std::time::Duration;
//! # use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
//! use mapi_sync_sim::property::Monotonic;
//!
//! struct Store {
//!     anchor: Monotonic<u32>,
//! }
//!
//! #[async_trait]
//! impl MapiSync for Store {
//!     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//!         let anchor = self.anchor.clone();
//!         request.start(|session| async move {
//!             for page in [1, 3, 2] {
//!                 session.sleep(Duration::from_millis(20)).await; // fetch a page
//!                 anchor.saw(page);
//!             }
//!             session.done(HResult::S_OK).await
//!         })
//!     }
//! }
//!
//! let store = || Store { anchor: Monotonic::new("the anchor never goes back") };
//! let report = mapi_sync_sim::check(store).schedules(200).run();
//! let ids: Vec<&str> = report.counterexamples.iter().map(|shown| shown.defects[0].id()).collect();
//! assert!(ids.contains(&"the anchor never goes back"));
//! ```
//!
//! # Standing in for a server
//!
//! [`stand_in`] has a network that loses requests and answers, and a storage whose unsynced content
//! a crash may lose. Each fault is a decision with a name that you give, and every storage has an
//! oracle: what was acknowledged as stored survives a crash.
//!
//! # Replay
//!
//! A token is a complete schedule of its check: order, times, faults, and what the shrinking
//! changed in the scenario. Put `.replay(token)` in the place of `.run()`: the same schedule runs
//! each time, with your log lines and your debugger. A token belongs to one scenario and is refused
//! with another.
//!
//! # As a test
//!
//! [`Check::test`] in the place of `.run().assert_holds()` makes a habit of it, and so does the
//! attribute [`test`](macro@test). A schedule that breaks the test is kept in a file beside it, and
//! is run first from then on until it is mended. Variables of the environment say how many
//! schedules are run, for how long, from which seed, and which token alone;
//! [one table](Check::test) has them all. On a CI machine a check that met nothing
//! fails.
//!
//! # Strategies
//!
//! Without more, a check draws schedules at random, by a portfolio of strategies that find
//! different kinds of bugs. [`Check::strategy`] takes a name:
//!
//! - random ones, such as `portfolio`, `random`, `surw` and `pos`. They run as many executions as
//!   you ask for;
//! - ones that end by themselves, such as `exhaustive` (one schedule of each class of schedules
//!   that nobody can tell apart), `dfs` (every schedule), and `cancellations`, which drops each
//!   task at each of its await points, and in other orders. [`Report::proof`] says what was proved.
//!
//! [`STRATEGIES`](strategy::STRATEGIES) has them all.
//!
//! ```
//! # use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
//! # struct Store;
//! # #[async_trait]
//! # impl MapiSync for Store {
//! #     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//! #         request.start(|session| async move {
//! #             session.sleep(std::time::Duration::from_millis(20)).await;
//! #             session.done(HResult::S_OK).await
//! #         })
//! #     }
//! # }
//! let report = mapi_sync_sim::check(|| Store).strategy("cancellations")?.run();
//! report.assert_holds();
//! // The default schedule, and one with the sync dropped at its one await point.
//! assert_eq!(report.proof.unwrap().count, 2);
//! # Ok::<(), mapi_sync_sim::strategy::UnknownStrategy>(())
//! ```
//!
//! `exhaustive` reduces only if you declare that your tasks share state through tracked objects;
//! see [`Check::tracked_sharing`].
//!
//! # Limits
//!
//! - A random check that finds nothing proves nothing. It warns if it never met what it is about
//!   ([`Report::warnings`]); with [`Check::strict`] a warning is a failure.
//! - One execution runs on one thread. Threads, real time and real files of the provider are
//!   outside of it, and so is a `HashMap` that is iterated in its random order. The check names
//!   what it notices of them: a sync that waits for a thread makes it
//!   [incomplete](Warning::OutsideThread), and two runs that differ are reported as nondeterminism.
//! - A stack overflow, an abort or a panic that cannot unwind ends the process, and there is no
//!   report. A line on the standard error stream names the task, the step, the seed and the
//!   schedule.
//! - What is found is as true as the simulated host, which is as exact as Microsoft's reference.
//!   Where the reference is silent, [`Policy`](mapi_sync::contract::Policy) says what we chose.
//!
//! # More to read
//!
//! - [The tutorial](mapi_sync::_documentation::tutorial): a bug is found, explained and mended.
//! - [`engine`]: the executor. Its crate `mapi-sync-engine` also serves programs that have nothing
//!   to do with mail.
//! - [`strategy`]: how schedules are chosen; [`decision`]: the form in which they are kept.
//! - [`world`]: the simulated provider, host, network and faults, and the table of mutants.
//! - [The guide](mapi_sync::_documentation::guide), from the first check to continuous integration,
//!   and [the comparison](mapi_sync::_documentation::comparison) with other tools.
//! - [The contract](mapi_sync::_documentation::contract), rule by rule, and [rules of your
//!   own](mapi_sync::_documentation::own_rules).
//! - [The design](mapi_sync::_documentation::design), [the
//!   terms](mapi_sync::_documentation::terms), [scenario
//!   files](mapi_sync::_documentation::scenarios) and
//!   [contributing](mapi_sync::_documentation::contributing).
#![forbid(unsafe_code)]

mod check;
mod defect;
pub mod engine;
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub mod foreign;
#[cfg(feature = "cli")]
mod missed;
mod program;
#[cfg(feature = "proptest")]
pub mod proptest;
#[cfg(feature = "real-tokio")]
mod real_tokio;
pub mod report;
mod runtime;
mod shrink;
pub mod stand_in;
mod suggest;
#[cfg(feature = "tracing")]
mod tracing_notes;
pub mod world;

#[cfg(feature = "cli")]
pub use check::{Alternative, AlternativeKind, Walk};
pub use check::{
    Breach, BreachPlace, Check, Completion, Counterexample, DecisiveStep, Defect, Durations, Event,
    Execution, Exercised, Goal, Hang, HangPhase, LeftOver, Lesson, LimitChanges, MutantCheck,
    MutantVerdict, MutantsReport, ReplayError, ReplayOrSearch, ReplayOutcome, Replayed, Report,
    RightExecution, Shrinking, Subject, SubjectKind, TokioUse, UnknownScenario, VariantVerdict,
    Warning, Why, WrongExecution, check, explore,
};
use mapi_sync_engine::lock;
pub use mapi_sync_engine::{Proof, ProofUnit, decision, property, sometimes, strategy};
/// Makes a test of a function: checks it under many schedules, and fails with the whole
/// report.
///
/// An `async fn` is a program, as [`explore`] takes it. It may return a [`Result`]. An
/// existing `#[tokio::test]` becomes a check by this one line. A plain `fn` returns a
/// provider, as [`check`](check()) takes it.
///
/// ```
/// use mapi_sync_sim::engine::{self, sync::Mutex};
///
/// #[mapi_sync_sim::test(schedules = 1_000)]
/// async fn counter_counts() {
///     let counter = Mutex::new("counter", 0);
///     let of_task = counter.clone();
///     let task = engine::spawn("adder", async move { *of_task.lock().await += 1 });
///     *counter.lock().await += 1;
///     task.await.unwrap();
///     assert_eq!(*counter.lock().await, 2);
/// }
/// ```
///
/// It runs the check by [`Check::test`]: what breaks it is kept beside the source file and is
/// run first from then on, and variables of the environment say how much is run.
///
/// Other attributes, such as `#[should_panic(expected = "..")]`, go after it.
///
/// # Options
///
/// Each but the last three is the method of [`Check`] of the same name:
///
/// - with a value: `schedules`, `seed`, `jobs`, `drops`, `goals`, and `strategy` with a name;
/// - on or off, where the bare name is on: `late_work`, `early_tasks`, `ends_with_main`,
///   `fail_fast`, `strict`, `shrink`, `keep`, `cancellations`, `tracked_sharing`, and with
///   that feature `real_tokio`;
/// - `max_steps`, `max_virtual_ms`, `skew_ms`: [`LimitChanges`];
/// - `replay = "ms2-…"`: [`Check::replay_or_search`] in place of [`Check::test`];
/// - `crate = "path"`: where this crate is, if not at `::mapi_sync_sim`.
pub use mapi_sync_macros::test;
#[cfg(feature = "cli")]
pub use missed::{Break, MissedReport};
pub use program::ProgramResult;
