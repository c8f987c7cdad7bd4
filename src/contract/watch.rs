//! Wrappers that report to a monitor: around a provider, a request, a callback, and the events of
//! either side.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;

use super::{Call, Monitor, Party, SyncWatch};
use crate::shutdown::impl_provider_shutdown;
use crate::{
    BoxFuture, CallbackRef, CallbackUnknown, EventOut, Events, HResult, MapiSync, ProviderShutdown,
    RawEvent, Runtime, Shared, ShutdownMethod, SyncProgressCallback, SyncRequest, TaskHandle,
};

impl Monitor {
    /// The same provider, with every sync of it observed.
    pub fn watch<P: MapiSync>(&self, provider: P) -> Watched<P> {
        Watched { monitor: self.clone(), provider }
    }

    /// Begins to observe a sync that will be started with `request`, and returns the request to
    /// start it with.
    ///
    /// The caller reports [`Call::StartReturned`] when the start has returned; [`Watched`] does all
    /// this by itself.
    #[must_use]
    pub fn watch_request(&self, request: SyncRequest) -> (SyncWatch, SyncRequest) {
        let sync = self.request_sync();
        sync.observe(Call::Start { flags: request.flags() });
        let unknown = request.callback_unknown().map(|inner| {
            let inner = Arc::clone(inner);
            Arc::new(WatchedUnknown { inner, sync: sync.clone() }) as Arc<dyn CallbackUnknown>
        });
        let event_out = WatchedOut { inner: Arc::clone(request.event_out()), sync: sync.clone() };
        let runtime = Arc::clone(request.runtime());
        let events = WatchedEvents {
            inner: Arc::clone(runtime.events()),
            report: Box::new({
                let sync = sync.clone();
                move |_, call| {
                    sync.observe(call);
                }
            }),
            side: Party::Provider,
        };
        let runtime = WatchedRuntime { inner: runtime, events: Arc::new(events) };
        request.cancel().on_request({
            let sync = sync.clone();
            move || {
                sync.observe(Call::CancelRequested);
            }
        });
        let request = request
            .with_callback_unknown(unknown)
            .with_event_out(Arc::new(event_out))
            .with_runtime(Arc::new(runtime));
        (sync, request)
    }

    /// The same methods of shutdown, with their calls observed as the store's.
    #[must_use]
    pub fn watch_shutdown<'a>(&self, provider: &'a dyn ProviderShutdown) -> WatchedShutdown<'a> {
        WatchedShutdown { monitor: self.clone(), provider }
    }

    /// The same callback, with one sync's calls observed and nothing else of that sync.
    #[must_use]
    pub fn watch_callback(
        &self,
        callback: Arc<dyn SyncProgressCallback>,
    ) -> Arc<dyn SyncProgressCallback> {
        Arc::new(WatchedCallback { inner: callback, sync: self.callback_sync() })
    }

    /// The same events, as the host uses them. From now on the rules for the host are applied too.
    #[must_use]
    pub fn host_events(&self, events: Arc<dyn Events>) -> Arc<dyn Events> {
        self.watch_host();
        let monitor = self.clone();
        let report = Box::new(move |event, call: Call<&str>| monitor.host_used(event, call));
        Arc::new(WatchedEvents { inner: events, report, side: Party::Host })
    }
}

/// A provider whose syncs are observed.
#[derive(Clone, Debug)]
pub struct Watched<P> {
    monitor: Monitor,
    provider: P,
}

impl<P> Watched<P> {
    /// The provider itself.
    pub fn inner(&self) -> &P {
        &self.provider
    }

    /// The monitor that observes it.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

#[async_trait]
impl<P: MapiSync> MapiSync for Watched<P> {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let (sync, request) = self.monitor.watch_request(request);
        let event_out = Arc::clone(request.event_out());
        let result = self.provider.synchronize_in_background(request).await;
        sync.observe(Call::StartReturned { result, event: event_out.published() });
        result
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        self.provider.shutdown().map(|_| self as &dyn ProviderShutdown)
    }
}

impl<P: MapiSync> Watched<P> {
    async fn shut_down(&self, method: ShutdownMethod) -> HResult {
        match self.provider.shutdown() {
            Some(provider) => method.call(&self.monitor.watch_shutdown(provider)).await,
            None => HResult::MAPI_E_NO_SUPPORT,
        }
    }
}

impl_provider_shutdown!(Watched<P>, P: MapiSync);

/// Methods of shutdown whose calls are observed; see [`Monitor::watch_shutdown`].
pub struct WatchedShutdown<'a> {
    monitor: Monitor,
    provider: &'a dyn ProviderShutdown,
}

impl WatchedShutdown<'_> {
    async fn shut_down(&self, method: ShutdownMethod) -> HResult {
        self.monitor.shutdown_called(method);
        let result = method.call(self.provider).await;
        self.monitor.shutdown_returned(method, result);
        result
    }
}

impl fmt::Debug for WatchedShutdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedShutdown").field("monitor", &self.monitor).finish_non_exhaustive()
    }
}

impl_provider_shutdown!(WatchedShutdown<'_>);

struct WatchedUnknown {
    inner: Arc<dyn CallbackUnknown>,
    sync: SyncWatch,
}

impl CallbackUnknown for WatchedUnknown {
    fn query_interface(&self) -> Result<CallbackRef, HResult> {
        let inner = self.inner.query_interface()?;
        let callback = WatchedCallback { inner: inner.into_callback(), sync: self.sync.clone() };
        self.sync.observe(Call::Queried);
        // The reference that the query gave is counted as part of it.
        Ok(CallbackRef::counted(Arc::new(callback)))
    }
}

struct WatchedCallback {
    inner: Arc<dyn SyncProgressCallback>,
    sync: SyncWatch,
}

#[async_trait]
impl SyncProgressCallback for WatchedCallback {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        let open = self.sync.begin(Call::Progress { text, index, index_max });
        open.end(self.inner.progress(text, index, index_max).await)
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        let open = self.sync.begin(Call::Error { result, text });
        open.end(self.inner.error(result, text).await)
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        let open = self.sync.begin(Call::Done { event, status });
        open.end(self.inner.done(event, status).await)
    }

    fn add_ref(&self) {
        self.sync.observe(Call::AddRef);
        self.inner.add_ref();
    }

    fn release(&self) {
        self.sync.observe(Call::Release);
        self.inner.release();
    }
}

struct WatchedOut {
    inner: Arc<dyn EventOut>,
    sync: SyncWatch,
}

impl EventOut for WatchedOut {
    fn publish(&self, event: RawEvent) -> HResult {
        let result = self.inner.publish(event);
        if result.is_success() {
            self.sync.observe(Call::EventPublished { event });
        }
        result
    }

    fn published(&self) -> RawEvent {
        self.inner.published()
    }
}

struct WatchedRuntime {
    inner: Arc<dyn Runtime>,
    events: Arc<dyn Events>,
}

impl Runtime for WatchedRuntime {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        self.inner.spawn(name, task)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.inner.sleep(duration)
    }

    fn deadline(&self, duration: Duration) -> BoxFuture {
        self.inner.deadline(duration)
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        &self.events
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        self.inner.shared(name)
    }
}

type Report = Box<dyn Fn(RawEvent, Call<&str>) + Send + Sync>;

/// Events whose use is reported, with the handle that each use is about, before it takes effect.
struct WatchedEvents {
    inner: Arc<dyn Events>,
    report: Report,
    side: Party,
}

impl Events for WatchedEvents {
    fn create(&self) -> Result<RawEvent, HResult> {
        let event = self.inner.create()?;
        (self.report)(event, Call::EventCreated { event });
        Ok(event)
    }

    fn duplicate(&self, from: RawEvent) -> Result<RawEvent, HResult> {
        let event = self.inner.duplicate(from)?;
        (self.report)(from, Call::EventDuplicated { by: self.side, from, event });
        Ok(event)
    }

    fn set(&self, event: RawEvent) -> HResult {
        (self.report)(event, Call::EventSet { by: self.side, event });
        self.inner.set(event)
    }

    fn close(&self, event: RawEvent) -> HResult {
        (self.report)(event, Call::EventClosed { by: self.side, event });
        self.inner.close(event)
    }

    fn poll_wait(&self, event: RawEvent, cx: &mut Context<'_>) -> Poll<HResult> {
        let result = self.inner.poll_wait(event, cx);
        if result.is_pending() {
            (self.report)(event, Call::EventWaited { by: self.side, event });
        }
        result
    }
}
