//! Property tests of a provider with the crate `proptest`: generated hosts that differ in their
//! requests, their behaviour and their faults.
//!
//! [`check`](crate::check) tries many schedules in one host. [`cases`] makes hosts: accounts,
//! flags, cancels, shutdowns, overlapping starts, faults. A case that fails is shrunk to the host
//! that does the least and still breaks the contract.
//!
//! ```
//! use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
//! use proptest::prelude::*;
//!
//! struct Store;
//!
//! #[async_trait]
//! impl MapiSync for Store {
//!     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//!         request.start(|session| async move {
//!             session.error(HResult::MAPI_E_NO_SUPPORT, "not yet").await;
//!             session.done(HResult::MAPI_E_NO_SUPPORT).await
//!         })
//!     }
//! }
//!
//! proptest! {
//!     #![proptest_config(ProptestConfig::with_cases(20))]
//!     # /*
//!     #[test]
//!     # */
//!     fn keeps_the_contract(case in mapi_sync_sim::proptest::cases()) {
//!         case.holds_for(|| Store)?;
//!     }
//! }
//! # keeps_the_contract();
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::proptest::collection::vec;
use ::proptest::prelude::*;
use ::proptest::test_runner::TestCaseError;
use mapi_sync::{MapiSync, SyncFlags};

use crate::check::{Check, WATCHDOG};
use crate::world::{Account, CancelBy, Cost, Faults, Folders, Host, NextSync, Scenario, WaitFor};

/// Schedules of each case. [`Case::with_schedules`] changes it.
const SCHEDULES: u64 = 100;

/// One host, and the seed of its schedules.
#[derive(Clone, Debug)]
pub struct Case {
    /// The accounts, the host and the faults.
    pub scenario: Scenario,
    /// The seed of the schedules.
    pub seed: u64,
    schedules: u64,
    watchdog: Option<Duration>,
    hung: Hung,
}

/// Whether a case of a strategy hung. All its cases share this.
#[derive(Clone, Default)]
struct Hung(Arc<AtomicBool>);

impl fmt::Debug for Hung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load(Ordering::Relaxed).fmt(f)
    }
}

impl Case {
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

    /// The check of this case, to set up further.
    pub fn check<P: MapiSync + 'static>(
        &self,
        provider: impl Fn() -> P + Send + Sync + 'static,
    ) -> Check {
        // Cases run on as many threads as there are tests already.
        let check = crate::check(provider).in_scenario(self.scenario.clone());
        check
            .seed(self.seed)
            .schedules(self.schedules)
            .jobs(1)
            .fail_fast(true)
            .watchdog(self.watchdog)
    }

    /// Checks a provider in this case.
    ///
    /// # Errors
    ///
    /// If the contract is broken: with the time line and the token. If a
    /// [poll does not return](crate::Hang): with its task. Then the case is not made smaller, for
    /// every other case of the same strategy holds without being run.
    pub fn holds_for<P: MapiSync + 'static>(
        &self,
        provider: impl Fn() -> P + Send + Sync + 'static,
    ) -> Result<(), TestCaseError> {
        // Each smaller case would hang as long.
        if self.hung.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let report = self.check(provider).run();
        self.hung.0.store(report.hang.is_some(), Ordering::Relaxed);
        if report.passes() {
            return Ok(());
        }
        Err(TestCaseError::fail(report.to_string()))
    }
}

/// All kinds of hosts. They shrink towards one account that is synchronized once, by a host without
/// faults.
pub fn cases() -> impl Strategy<Value = Case> {
    let parts = (vec(account(), 1..=2), host(), faults(), any::<u64>().no_shrink());
    let hung = Hung::default();
    parts.prop_map(move |(accounts, host, faults, seed)| {
        let scenario = Scenario {
            version: 1,
            name: "case".to_owned(),
            about: String::new(),
            mutant: None,
            accounts,
            provider: crate::world::Provider::default(),
            host,
            faults,
            contract: crate::world::Contract::default(),
        };
        Case { scenario, seed, schedules: SCHEDULES, watchdog: Some(WATCHDOG), hung: hung.clone() }
    })
}

fn account() -> impl Strategy<Value = Account> {
    (0..=2_u32, 0..=3_u32, any::<u32>()).prop_map(move |(folders, messages, bits)| Account {
        name: "Mailbox".to_owned(),
        flags: SyncFlags::from_bits_retain(bits),
        folders: Folders::Count(folders),
        messages,
        new_folders: 0,
        outgoing: 0,
        selected: 0,
    })
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
            vec![CancelBy::Signal, CancelBy::Answer, CancelBy::Either]
        ),
        shutdown in any::<bool>(),
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
