//! `IMAPIProviderShutdown`: how a provider learns that its host's process ends.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use crate::HResult;

/// `IMAPIProviderShutdown`, which a provider has or has not, and the one method of `IMsgStore` that
/// tells a store of its end.
///
/// Since Outlook 2010 the fast shutdown is the default. The client asks each provider
/// ([`query_fast_shutdown`](Self::query_fast_shutdown)), and where all agree it says what comes
/// ([`notify_process_shutdown`](Self::notify_process_shutdown)), and then that it comes now
/// ([`do_fast_shutdown`](Self::do_fast_shutdown)). After that it drops its references, and the
/// process exits with the provider's threads still running. A provider without this interface is
/// not spared. Where one provider refuses, the client waits until all references are given back:
/// a *full* shutdown.
///
/// A provider hands the interface out in [`MapiSync::shutdown`](crate::MapiSync::shutdown). The
/// rules `shutdown-drained`, `shutdown-stops-work` and `shutdown-quiet` of the
/// [contract](crate::contract) say what it owes then.
///
/// Sources: "IMAPIProviderShutdown : IUnknown", "Client Shutdown in MAPI" and
/// "IMsgStore::StoreLogoff" in Microsoft's Outlook MAPI reference. There the interface is one of
/// the object that answers `IMSProvider`.
///
/// # Examples
///
/// A provider that ends its syncs before it lets the process exit:
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod provider {
/// use std::sync::Mutex;
///
/// use mapi_sync::{CancelSignal, HResult, MapiSync, ProviderShutdown, SyncRequest, async_trait};
/// use tokio::sync::watch;
///
/// struct Store {
///     /// The signals of the syncs that run; `None` once the process ends.
///     running: Mutex<Option<Vec<CancelSignal>>>,
///     /// How many syncs run.
///     count: watch::Sender<usize>,
/// }
///
/// /// Counts a sync for as long as it lives.
/// struct Counted(watch::Sender<usize>);
///
/// impl Drop for Counted {
///     fn drop(&mut self) {
///         self.0.send_modify(|count| *count -= 1);
///     }
/// }
///
/// #[async_trait]
/// impl MapiSync for Store {
///     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
///         match &mut *self.running.lock().unwrap() {
///             Some(running) => running.push(request.cancel().clone()),
///             None => return HResult::MAPI_E_END_OF_SESSION,
///         }
///         self.count.send_modify(|count| *count += 1);
///         let counted = Counted(self.count.clone());
///         request.start(|session| async move {
///             session.keep(counted);
///             session.progress(Some("Inbox"), 1, 1).await;
///             session.done_or_cancelled(HResult::S_OK).await
///         })
///     }
///
///     fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
///         Some(self)
///     }
/// }
///
/// #[async_trait]
/// impl ProviderShutdown for Store {
///     async fn query_fast_shutdown(&self) -> HResult {
///         HResult::S_OK
///     }
///
///     async fn notify_process_shutdown(&self) -> HResult {
///         for sync in self.running.lock().unwrap().take().unwrap_or_default() {
///             sync.request();
///         }
///         HResult::S_OK
///     }
///
///     async fn do_fast_shutdown(&self) -> HResult {
///         let none_left = self.count.subscribe().wait_for(|count| *count == 0).await.is_ok();
///         if none_left { HResult::S_OK } else { HResult::E_FAIL }
///     }
/// }
/// # }
/// ```
#[async_trait]
pub trait ProviderShutdown: Send + Sync {
    /// `QueryFastShutdown`: whether the client may shut down fast.
    ///
    /// `S_OK` agrees. [`HResult::MAPI_E_NO_SUPPORT`] refuses: the client waits for all references.
    async fn query_fast_shutdown(&self) -> HResult;

    /// `NotifyProcessShutdown`: the client is going to shut down fast.
    ///
    /// Once this has returned, no sync starts, and each task finishes the piece of work that it is
    /// at and no other. Do nothing here that is not needed to save data.
    async fn notify_process_shutdown(&self) -> HResult;

    /// `DoFastShutdown`: the client exits as soon as this has returned.
    ///
    /// From then on no callback may begin, and nobody waits for a Done or an event any more.
    async fn do_fast_shutdown(&self) -> HResult;

    /// `IMsgStore::StoreLogoff`: the client is about to release the store, in a full shutdown.
    ///
    /// A success says that every sync is done, and that none starts any more. Some clients leave
    /// this call out. By default the provider does not have it and answers
    /// [`HResult::MAPI_E_NO_SUPPORT`]: it says nothing of its syncs then.
    async fn store_logoff(&self) -> HResult {
        HResult::MAPI_E_NO_SUPPORT
    }
}

/// A method of [`ProviderShutdown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ShutdownMethod {
    /// [`ProviderShutdown::query_fast_shutdown`].
    QueryFastShutdown,
    /// [`ProviderShutdown::notify_process_shutdown`].
    NotifyProcessShutdown,
    /// [`ProviderShutdown::do_fast_shutdown`].
    DoFastShutdown,
    /// [`ProviderShutdown::store_logoff`].
    StoreLogoff,
}

impl ShutdownMethod {
    /// All of them: those of the interface in the order of its method table, then that of
    /// `IMsgStore`.
    pub const ALL: [Self; 4] = [
        Self::QueryFastShutdown,
        Self::NotifyProcessShutdown,
        Self::DoFastShutdown,
        Self::StoreLogoff,
    ];

    /// Its name in the reference.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueryFastShutdown => "QueryFastShutdown",
            Self::NotifyProcessShutdown => "NotifyProcessShutdown",
            Self::DoFastShutdown => "DoFastShutdown",
            Self::StoreLogoff => "StoreLogoff",
        }
    }

    /// Calls it.
    pub async fn call(self, provider: &dyn ProviderShutdown) -> HResult {
        match self {
            Self::QueryFastShutdown => provider.query_fast_shutdown().await,
            Self::NotifyProcessShutdown => provider.notify_process_shutdown().await,
            Self::DoFastShutdown => provider.do_fast_shutdown().await,
            Self::StoreLogoff => provider.store_logoff().await,
        }
    }
}

/// Implements [`ProviderShutdown`] for a type that does the same for each method: it has a function
/// `shut_down(&self, method)`.
macro_rules! impl_provider_shutdown {
    ($type:ty $(, $parameter:ident: $bound:path)?) => {
        #[async_trait::async_trait]
        impl$(<$parameter: $bound>)? $crate::ProviderShutdown for $type {
            async fn query_fast_shutdown(&self) -> $crate::HResult {
                self.shut_down($crate::ShutdownMethod::QueryFastShutdown).await
            }

            async fn notify_process_shutdown(&self) -> $crate::HResult {
                self.shut_down($crate::ShutdownMethod::NotifyProcessShutdown).await
            }

            async fn do_fast_shutdown(&self) -> $crate::HResult {
                self.shut_down($crate::ShutdownMethod::DoFastShutdown).await
            }

            async fn store_logoff(&self) -> $crate::HResult {
                self.shut_down($crate::ShutdownMethod::StoreLogoff).await
            }
        }
    };
}
pub(crate) use impl_provider_shutdown;

impl fmt::Display for ShutdownMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text is not the name of a [`ShutdownMethod`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no method of shutdown")]
pub struct UnknownShutdownMethod(String);

impl FromStr for ShutdownMethod {
    type Err = UnknownShutdownMethod;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == name)
            .ok_or_else(|| UnknownShutdownMethod(name.to_owned()))
    }
}
