//! The host's shutdown, which can come at any moment: full, fast, or fast and refused.
//!
//! A provider is notified of it through its [`ProviderShutdown`], if it has one. Without that, the
//! release of its store says nothing: it had no chance to end its syncs before.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use mapi_sync::ShutdownMethod;

use super::HostAccount;
use crate::engine;
use crate::lock::lock;
use crate::world::mutant::Mutant;
use crate::world::run::{Count, Run};
use crate::world::scenario::Shutdown;
use crate::world::sites::{SHUTDOWN_AFTER, SHUTDOWN_TAKES, SHUTDOWN_WAY, SHUTS_DOWN};
use crate::world::time::{choose_cost, sleep_ms};

/// A host that may shut down.
pub(in crate::world) async fn shutdown(run: Arc<Run>, accounts: Arc<[Arc<HostAccount>]>) {
    if engine::choose(SHUTS_DOWN, 2) == 0 {
        return;
    }
    let way = way(&run, &accounts);
    sleep_ms(choose_cost(SHUTDOWN_AFTER, &run.host().shutdown_after)).await;
    run.count(Count::Shutdowns);
    if way.is_fast() && agree(&accounts).await && way == Shutdown::Fast {
        exit(&run, &accounts).await;
        return;
    }
    for account in accounts.iter() {
        account.shut_down().await;
    }
}

/// How the host shuts down. One that varies does it in each way, if anybody can tell.
fn way(run: &Run, accounts: &[Arc<HostAccount>]) -> Shutdown {
    let way = run.host().shutdown;
    let varies = run.varied().is_some() && way == Shutdown::Released;
    if !varies || !accounts.iter().any(|account| account.has_shutdown) {
        return way;
    }
    // Tokens hold these values.
    match engine::choose(SHUTDOWN_WAY, 3) {
        0 => way,
        1 => Shutdown::Fast,
        _ => Shutdown::FastRefused,
    }
}

/// Asks all providers whether they support a fast shutdown.
async fn agree(accounts: &[Arc<HostAccount>]) -> bool {
    let mut agreed = true;
    for account in accounts {
        agreed &= account.call(ShutdownMethod::QueryFastShutdown).await != Some(false);
    }
    agreed
}

/// Shuts down fast: the providers are told that it comes, and a while later that it is there. New
/// syncs start in between, if any are due.
async fn exit(run: &Run, accounts: &[Arc<HostAccount>]) {
    for account in accounts {
        if account.call(ShutdownMethod::NotifyProcessShutdown).await.is_some() {
            run.count(Count::FastShutdowns);
        }
    }
    sleep_ms(choose_cost(SHUTDOWN_TAKES, &run.host().shutdown_after)).await;
    for account in accounts {
        account.closing.set(true);
        account.starts_returned().await;
        if account.call(ShutdownMethod::DoFastShutdown).await.is_some() {
            // The system ends the provider's threads. It drops none of their tasks, whose
            // destructors would run.
            engine::calm();
            account.exited.set();
        }
        drop(lock(&account.store).take());
    }
    run.exit();
}

impl HostAccount {
    /// Calls a method of shutdown of the provider's, and returns whether that succeeded; `None` if
    /// it does not have them.
    async fn call(&self, method: ShutdownMethod) -> Option<bool> {
        let store = lock(&self.store).clone()?;
        let provider = store.shutdown()?;
        let watched = self.run.monitor(self.account).watch_shutdown(provider);
        Some(method.call(&watched).await.is_success())
    }

    /// The host shuts down in full: it starts no more syncs, asks those that run to stop,
    /// logs off, and releases the store.
    async fn shut_down(&self) {
        self.closing.set(true);
        for sync in self.open.get() {
            self.cancel(&sync);
            let published = sync.published.get();
            if self.run.is(Mutant::HostClosesFromTwoPaths) && !published.is_null() {
                self.close(&sync, published);
            }
        }
        self.starts_returned().await;
        let has_logged_off =
            self.has_shutdown && self.call(ShutdownMethod::StoreLogoff).await == Some(true);
        let store = lock(&self.store).take();
        drop(store);
        // The simulated provider counts the references to its store, and says itself when the last
        // one goes. Of another one it is known only that it takes its syncs as done: it said so.
        if has_logged_off && !self.run.counts_references() {
            self.run.count(Count::Releases);
            self.run.monitor(self.account).store_released();
        }
    }

    /// Waits until no start is under way. Only where the provider is notified of a shutdown.
    async fn starts_returned(&self) {
        if self.has_shutdown {
            while self.starting.get() > 0 {
                self.start_returned.reset();
                self.start_returned.wait().await;
            }
        }
    }

    /// Waits for `work`. `None` if the process exits before.
    pub(super) async fn unless_exited<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if !self.has_shutdown {
            return Some(work.await);
        }
        match select(pin!(work), pin!(self.exited.wait())).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }

    /// Counts a start that is under way, until the value is dropped.
    pub(super) fn starting(&self) -> Option<Starting<'_>> {
        self.has_shutdown.then(|| {
            self.starting.update(|starting| *starting += 1);
            Starting(self)
        })
    }
}

/// A start that is under way.
pub(super) struct Starting<'a>(&'a HostAccount);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.starting.update(|starting| *starting -= 1);
        self.0.start_returned.set();
    }
}
