//! Checks a foreign provider: an `IMAPISync` behind a COM pointer, on real threads and in real
//! time.
//!
//! [`check_store`] starts syncs on the store through [`ForeignSync`](mapi_sync::com::ForeignSync),
//! each with a callback that the contract's [`Monitor`](mapi_sync::contract::Monitor) watches. The
//! calls do not show everything, so the check also looks at the event from outside, and reports to
//! the same monitor when it occurred and whether the published handle is still open. The handles,
//! threads and private memory of the process are looked at before and after.
//!
//! The host does what hosts do: [`Habit`] lists it. A seed makes its plan repeatable, and the
//! report says which of it took effect. A real schedule is one of many all the same, so a check
//! without violations proves less than a simulation. Check a provider in Rust in the simulation.
//!
//! A provider that crashes takes its process along. So the command `com-check` runs it in a process
//! of its own, which says what it finds in messages, as it finds it: [`Said`].

mod event;
mod figures;
mod host;
mod plan;
mod report;
mod run;
mod tell;
mod windows_only;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mapi_sync::com::IUnknown;
use mapi_sync::{HResult, SyncFlags};

pub use self::plan::Habit;
pub use self::report::{ForeignReport, ForeignViolation, HostAction, ProcessRule};
pub use self::run::Ended;
use self::run::Run;
pub use self::tell::Tell;
pub use self::wire::{Assembly, Counts, Messages, Said};
use crate::lock::lock;

/// The configuration of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignCheck {
    /// The flags of most syncs.
    pub flags: SyncFlags,
    /// How many syncs are run, one after the other. Some start another one beside.
    pub syncs: u32,
    /// After this time the host's callback answers `MAPI_W_CANCEL_MESSAGE`, which asks to stop.
    pub cancel_after: Option<Duration>,
    /// How long a start, a sync without any call, and the time from Done to the event may take.
    pub patience: Duration,
    /// How long to wait for stray calls, releases and threads that end.
    pub grace: Duration,
    /// Where the host's plan starts from: the same seed gives the same plan.
    pub seed: u64,
}

impl Default for ForeignCheck {
    fn default() -> Self {
        let flags = SyncFlags::UPLOAD_CONTENTS | SyncFlags::DOWNLOAD_CONTENTS;
        let (patience, grace) = (Duration::from_secs(30), Duration::from_secs(2));
        Self { flags, syncs: 20, cancel_after: None, patience, grace, seed: 1 }
    }
}

/// Where the stores of a check come from.
pub trait Stores {
    /// The store to begin with, without a reference that is kept. It is asked for once.
    fn first(&mut self) -> IUnknown;

    /// Another store of the same provider. The check asks for one before it releases a store in the
    /// middle of a sync.
    ///
    /// # Errors
    ///
    /// Why there is none. No store is released in mid-sync then.
    fn another(&mut self) -> Result<IUnknown, HResult>;
}

/// A store that is the only one.
struct OnlyStore(IUnknown);

impl Stores for OnlyStore {
    fn first(&mut self) -> IUnknown {
        self.0.clone()
    }

    fn another(&mut self) -> Result<IUnknown, HResult> {
        Err(HResult::MAPI_E_NO_SUPPORT)
    }
}

/// Runs syncs on `store` and checks everything that can be seen of them against the contract.
///
/// # Errors
///
/// The store's answer if it has no `IMAPISync`; [`HResult::E_OUTOFMEMORY`] if no runtime can be
/// created.
pub fn check_store(store: &IUnknown, check: &ForeignCheck) -> Result<ForeignReport, HResult> {
    let assembly = Arc::new(Mutex::new(Assembly::default()));
    let assembled = Arc::clone(&assembly);
    let tell: Tell = Arc::new(move |said| lock(&assembled).take(said.clone()));
    let began = Instant::now();
    check_stores(&mut OnlyStore(store.clone()), check, None, tell)?;
    // A provider may hold on to a callback, and with it to the other end.
    let mut report = std::mem::take(&mut *lock(&assembly)).finish();
    report.elapsed_s = began.elapsed().as_secs_f64();
    Ok(report)
}

/// As [`check_store`], with stores from `stores`, a session object for `psesSync`, and everything
/// told as it is found.
///
/// # Errors
///
/// As [`check_store`].
pub fn check_stores(
    stores: &mut dyn Stores,
    check: &ForeignCheck,
    session: Option<IUnknown>,
    tell: Tell,
) -> Result<Ended, HResult> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|_| HResult::E_OUTOFMEMORY)?;
    tokio.block_on(async { Run::new(check, session, tell).all(stores).await })
}
