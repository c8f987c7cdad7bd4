//! Property tests with the crate `proptest`: your own inputs, a host, its faults and the schedule
//! are generated, and are made smaller together.
//!
//! [`check`](crate::check) tries many schedules in one host, with one set of inputs. [`cases`]
//! makes hosts: accounts, flags, cancels, shutdowns, overlapping starts, faults. [`case_with`] adds
//! inputs of your own, by any strategy: the folders of a mailbox, the answers of a server. Each
//! case is checked under some schedules.
//!
//! ```
//! use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
//! use mapi_sync_sim::proptest::case_with;
//! use proptest::collection::vec;
//! use proptest::prelude::*;
//!
//! /// A store; of each folder, the number of messages.
//! struct Store {
//!     folders: Vec<u32>,
//! }
//!
//! #[async_trait]
//! impl MapiSync for Store {
//!     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//!         let all: u32 = self.folders.iter().sum();
//!         request.start(move |session| async move {
//!             for message in 1..=all {
//!                 if session.cancel().is_requested() {
//!                     return session.done(HResult::MAPI_E_USER_CANCEL).await;
//!                 }
//!                 session.progress(None, message, all).await;
//!             }
//!             session.done(HResult::S_OK).await
//!         })
//!     }
//! }
//!
//! proptest! {
//!     #![proptest_config(ProptestConfig::with_cases(20))]
//!     # /*
//!     #[test]
//!     # */
//!     fn keeps_the_contract(case in case_with(vec(0..5_u32, 0..4))) {
//!         let folders = case.inputs.clone();
//!         case.holds_for(move || Store { folders: folders.clone() })?;
//!     }
//! }
//! # keeps_the_contract();
//! ```
//!
//! # What fails is made smaller
//!
//! First your inputs, as their strategy does it; then decisions of the schedule are left out, then
//! the host and its faults are made smaller, and the schedule once more. Smaller inputs or a
//! smaller host are run under the schedule that broke the larger case, and under others if that
//! one no longer does. They count only if they show the same defect. At last, the smallest case is
//! [shrunk and explained](crate::Counterexample) as that of any check, and that is what the test
//! prints: `proptest` shows the reason of the last failure.
//!
//! `proptest` runs no more smaller cases than its configuration allows,
//! [`max_shrink_iters`](ProptestConfig::max_shrink_iters), without more four times the number of
//! cases. The last two are kept for the explanation.
//!
//! # What failed is run first
//!
//! `proptest` keeps the seed of a case that failed in its own files, in `proptest-regressions/`,
//! with the smallest case, its [token](crate::decision::Token) among it. The next run of the test
//! makes that case again, finds the same schedule, and makes it smaller in the same way. Such a
//! file is not the one of [`Check::test`].

mod schedule;
mod shown;
mod tree;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::proptest::collection::vec;
use ::proptest::prelude::*;
use ::proptest::test_runner::TestCaseError;
use mapi_sync::{MapiSync, SyncFlags};

use self::tree::Cases;
use crate::check::{Check, Known};
use crate::lock::lock;
use crate::program::ProgramResult;
use crate::world::{
    Account, CancelBy, Changes, Cost, Fault, Faults, Folders, Host, Knob, NextSync, Scenario,
    Shutdown, WaitFor,
};

/// Schedules of each case. [`Case::with_schedules`] changes it.
const SCHEDULES: u64 = 100;

/// Inputs of your own, a host, and the schedules in which they are checked.
///
/// `Debug` shows the inputs, what of the host differs from the plainest one, and, once a schedule
/// has broken the case, its token: `case.check(provider).replay(token)` runs it again.
#[derive(Clone)]
pub struct Case<I = ()> {
    /// What the strategy of [`case_with`] made.
    pub inputs: I,
    /// The accounts, the host and the faults.
    pub scenario: Scenario,
    /// The seed of the schedules.
    pub seed: u64,
    schedules: u64,
    watchdog: Option<Duration>,
    hung: Hung,
    /// That of the schedule that broke the case, or a larger one.
    token: Option<String>,
    known: Known,
}

/// Whether a case hung. All its smaller cases share this.
#[derive(Clone, Default)]
struct Hung(Arc<AtomicBool>);

impl<I> Case<I> {
    /// The same case with this many schedules.
    #[must_use]
    pub fn with_schedules(self, schedules: u64) -> Self {
        Self { schedules, ..self }
    }

    /// The same case with this much time for a poll, as [`Check::watchdog`] says.
    #[must_use]
    pub fn with_watchdog(self, limit: Option<Duration>) -> Self {
        Self { watchdog: limit, ..self }
    }

    /// The token of the schedule that broke the case, or a larger one, last.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        let found = lock(&self.known.found).as_ref().map(|found| found.token.clone());
        found.or_else(|| self.token.clone())
    }

    /// The check of a provider in this case, to set up further.
    pub fn check<P: MapiSync + 'static>(
        &self,
        provider: impl Fn() -> P + Send + Sync + 'static,
    ) -> Check {
        self.set_up(crate::check(provider).in_scenario(self.scenario.clone()))
    }

    /// The check of a [program](crate::explore) in this case, to set up further. Of the scenario, a
    /// program sees how many of its tasks are dropped, and woken for nothing.
    pub fn explore<F>(&self, program: impl Fn() -> F + Send + Sync + 'static) -> Check
    where
        F: Future<Output: ProgramResult> + 'static,
    {
        let faults = &self.scenario.faults;
        let changes = Fault::ALL
            .into_iter()
            .filter(|fault| fault.is_engines() && fault.budget(faults) > 0)
            .fold(Changes::default(), |changes, fault| {
                changes.with(Knob::Fault(fault), fault.budget(faults).into())
            });
        self.set_up(crate::explore(program).changes(changes))
    }

    fn set_up(&self, check: Check) -> Check {
        // Cases run on as many threads as there are tests already.
        check
            .seed(self.seed)
            .schedules(self.schedules)
            .jobs(1)
            .fail_fast(true)
            .watchdog(self.watchdog)
            .known(self.known.clone())
    }

    /// Checks a provider in this case.
    ///
    /// # Errors
    ///
    /// If the contract is broken: with the time line and the token. If a
    /// [poll does not return](crate::Hang): with its task. Then the case is not made smaller, for
    /// every smaller case holds without being run.
    pub fn holds_for<P: MapiSync + 'static>(
        &self,
        provider: impl Fn() -> P + Send + Sync + 'static,
    ) -> Result<(), TestCaseError> {
        self.holds(&self.check(provider))
    }

    /// Checks a [program](crate::explore) in this case.
    ///
    /// # Errors
    ///
    /// As [`holds_for`](Self::holds_for), if the program has a defect.
    pub fn holds_in<F>(
        &self,
        program: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<(), TestCaseError>
    where
        F: Future<Output: ProgramResult> + 'static,
    {
        self.holds(&self.explore(program))
    }

    fn holds(&self, check: &Check) -> Result<(), TestCaseError> {
        // Each smaller case would hang as long.
        if self.hung.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let report = check.run();
        self.hung.0.store(report.hang.is_some(), Ordering::Relaxed);
        if report.passes() {
            return Ok(());
        }
        Err(TestCaseError::fail(report.to_string()))
    }
}

impl<I: fmt::Debug> fmt::Debug for Case<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, scenario, seed, .. } = self;
        let mut shown = f.debug_struct("Case");
        if size_of::<I>() > 0 {
            shown.field("inputs", inputs);
        }
        for (name, value) in shown::differing(scenario, &plainest(scenario.accounts.len())) {
            shown.field(&name, &format_args!("{value}"));
        }
        match self.token() {
            Some(token) => shown.field("token", &format_args!("{token}")),
            None => shown.field("seed", seed),
        };
        shown.finish()
    }
}

/// All kinds of hosts. They shrink towards one account that is synchronized once, by a host without
/// faults.
pub fn cases() -> impl Strategy<Value = Case> {
    case_with(Just(()))
}

/// All kinds of hosts, with inputs of your own.
pub fn case_with<S: Strategy>(inputs: S) -> impl Strategy<Value = Case<S::Value>> {
    Cases { inputs, parts: parts() }
}

/// A host with its accounts and faults, and the seed of its schedules.
type Parts = BoxedStrategy<(Scenario, u64)>;

fn parts() -> Parts {
    let scenario = (vec(account(), 1..=2), host(), faults())
        .prop_map(|(accounts, host, faults)| Scenario { accounts, host, faults, ..plainest(0) });
    (scenario, any::<u64>().no_shrink()).boxed()
}

/// What scenarios shrink towards, but for the number of accounts.
fn plainest(accounts: usize) -> Scenario {
    Scenario {
        version: 1,
        name: "case".to_owned(),
        about: String::new(),
        mutant: None,
        accounts: vec![mailbox(SyncFlags::empty()); accounts],
        provider: crate::world::Provider::default(),
        protocol: None,
        host: Host::default(),
        faults: Faults::default(),
        contract: crate::world::Contract::default(),
    }
}

fn mailbox(flags: SyncFlags) -> Account {
    Account {
        name: "Mailbox".to_owned(),
        flags,
        folders: Folders::Count(0),
        messages: 0,
        new_folders: 0,
        outgoing: 0,
        selected: 0,
    }
}

/// Folders and messages are those of the simulated provider.
fn account() -> impl Strategy<Value = Account> {
    any::<u32>().prop_map(|bits| mailbox(SyncFlags::from_bits_retain(bits)))
}

prop_compose! {
    fn host()(
        syncs in 1..=2_u32,
        inside_done in any::<bool>(),
        slow_callback in any::<bool>(),
        waits_for_done in any::<bool>(),
        overlap_start in any::<bool>(),
        cancels in 0..=2_u32,
        cancel_by in prop::sample::select(
            vec![CancelBy::Either, CancelBy::Signal, CancelBy::Answer]
        ),
        shutdown in prop::sample::select(Shutdown::ALL.to_vec()),
        reentrant in any::<bool>(),
    ) -> Host {
        Host {
            syncs,
            next_sync: if inside_done { NextSync::InsideDone } else { NextSync::AfterDone },
            callback: if slow_callback { Cost::Choice(vec![0, 5]) } else { Cost::ZERO },
            wait: if waits_for_done { WaitFor::Done } else { WaitFor::Event },
            overlap_start,
            cancels,
            cancel_by,
            shutdown,
            reentrant,
            ..Host::default()
        }
    }
}

/// The faults that any provider can meet.
fn faults() -> impl Strategy<Value = Faults> {
    let once = || 0..=1_u32;
    (once(), once(), once(), once(), once(), once(), once()).prop_map(
        |(failure, panic, refused, event, task, dropped, spurious)| Faults {
            callback_failure: failure,
            callback_panic: panic,
            query_interface_refused: refused,
            event_creation: event,
            task_creation: task,
            task_dropped: dropped,
            spurious_wake: spurious,
            ..Faults::default()
        },
    )
}
