//! The recorder, and the wrapper that it puts around a callback.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::disk::System;
use super::format::{Event, Record, Text};
use super::writer::{Files, Message, Tally, Writer};
use crate::lock::lock;
use crate::shutdown::impl_provider_shutdown;
use crate::{
    CallbackRef, CallbackUnknown, HResult, MapiSync, ProviderShutdown, RawEvent, ShutdownMethod,
    SyncFlags, SyncProgressCallback, SyncRequest,
};

/// How a recorder is set up.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    path: PathBuf,
    texts: bool,
    queue: usize,
    max_bytes: u64,
    keep: u32,
    #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
    etw: Option<String>,
}

impl RecorderConfig {
    /// Leaves the texts of Progress and Error out: they may name people's folders and messages.
    #[must_use]
    pub fn without_texts(self) -> Self {
        Self { texts: false, ..self }
    }

    /// How many records may wait to be written, 4,096 by default; one that finds no room is dropped
    /// and counted.
    #[must_use]
    pub fn with_queue(self, records: usize) -> Self {
        Self { queue: records.max(1), ..self }
    }

    /// Begins a new file before one grows beyond this many bytes, 16 MiB by default.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    /// How many full files are kept, 3 by default: as `path.1` (the newest), `path.2` and so on.
    #[must_use]
    pub fn with_kept_files(self, keep: u32) -> Self {
        Self { keep, ..self }
    }

    /// Passes each record on to Event Tracing for Windows too, as an event of the provider of this
    /// name, of 1 to 255 bytes, in the form "TraceLogging". The event has the name of the record
    /// and one field, `record`, with its line of the file. Errors, calls that fail, panic or
    /// are abandoned, and missing records have the level Warning, the others Informational.
    ///
    /// Events go out before the file is written, and whether or not the disk takes them.
    #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
    #[must_use]
    pub fn with_etw(self, provider: impl Into<String>) -> Self {
        Self { etw: Some(provider.into()), ..self }
    }

    /// Begins the file and the thread that writes it.
    ///
    /// # Errors
    ///
    /// When the file cannot be made, or the system has no thread to give. With
    #[cfg_attr(
        all(windows, target_env = "msvc", feature = "etw"),
        doc = "[`with_etw`](Self::with_etw)"
    )]
    #[cfg_attr(not(all(windows, target_env = "msvc", feature = "etw")), doc = "`with_etw`")]
    /// also when the name of the provider is empty, too long, or has a zero in it.
    pub fn start(self) -> io::Result<Recorder> {
        #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
        if let Some(name) = &self.etw {
            super::etw::check_name(name)?;
        }
        let tally = Arc::new(Tally::default());
        let Self { path, max_bytes, keep, texts, .. } = self;
        let files = Files { path, max_bytes, keep, texts };
        let writer = Writer::open(System, files, Arc::clone(&tally))?;
        let (queue, messages) = mpsc::sync_channel(self.queue);
        spawn(move || {
            // Registered by the thread that owns it.
            #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
            let writer = writer.with_events(self.etw.as_deref().map(super::etw::Events::register));
            writer.run(&messages);
        })?;
        let shared = Shared {
            queue,
            tally,
            texts,
            began: Instant::now(),
            syncs: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        };
        Ok(Recorder { shared: Arc::new(shared) })
    }
}

/// The writing thread holds the module that this code lies in, as every thread that a DLL starts
/// has to.
#[cfg(all(windows, feature = "tokio"))]
fn spawn(body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    crate::com::spawn(&crate::com::Form::named("mapi-sync recorder"), body)
        .map_err(|code| io::Error::other(code.to_string()))
}

#[cfg(not(all(windows, feature = "tokio")))]
fn spawn(body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("mapi-sync recorder".into()).spawn(body).map(drop)
}

/// Records the calls of any number of syncs in one file. Cloning gives another handle to the same
/// recorder.
///
/// Recording never blocks, fails or changes a call. When the last handle and the last callback are
/// dropped, what is in the queue is still written.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

/// What a recorder has done with its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderCounts {
    /// Stored in a file.
    pub written: u64,
    /// Dropped: the queue was full, or the disk refused.
    pub dropped: u64,
}

struct Shared {
    queue: SyncSender<Message>,
    tally: Arc<Tally>,
    texts: bool,
    began: Instant,
    syncs: AtomicU64,
    calls: AtomicU64,
}

impl Recorder {
    /// A recorder that will write to `path`.
    #[must_use]
    pub fn to_file(path: impl Into<PathBuf>) -> RecorderConfig {
        let path = path.into();
        RecorderConfig {
            path,
            texts: true,
            queue: 4096,
            max_bytes: 16 << 20,
            keep: 3,
            #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
            etw: None,
        }
    }

    /// The same callback, with its calls recorded as those of a sync of its own.
    #[must_use]
    pub fn around(
        &self,
        callback: Arc<dyn SyncProgressCallback>,
        flags: SyncFlags,
    ) -> Arc<dyn SyncProgressCallback> {
        self.wrap(callback, flags)
    }

    /// The same provider, with the calls to the callbacks of all its syncs recorded, and those of
    /// its [methods of shutdown](MapiSync::shutdown).
    pub fn around_provider<P: MapiSync>(&self, provider: P) -> RecordedProvider<P> {
        RecordedProvider { recorder: self.clone(), provider }
    }

    /// The same request, with the calls to its callback recorded.
    #[must_use]
    pub fn around_request(&self, request: SyncRequest) -> SyncRequest {
        let Some(unknown) = request.callback_unknown() else { return request };
        let recorded = RecordedUnknown {
            recorder: self.clone(),
            unknown: Arc::clone(unknown),
            flags: request.flags(),
        };
        request.with_callback_unknown(Some(Arc::new(recorded)))
    }

    /// Waits until everything recorded so far is in the file, or refused by the disk, at most for
    /// `limit`. Returns whether that is so; [`counts`](Self::counts) tells the two apart.
    pub fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let (done, waiting) = mpsc::sync_channel(1);
        let mut message = Message::Flush(done);
        loop {
            match self.shared.queue.try_send(message) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Disconnected(_)) => return false,
                Err(mpsc::TrySendError::Full(back)) if Instant::now() < deadline => {
                    message = back;
                    std::thread::yield_now();
                }
                Err(mpsc::TrySendError::Full(_)) => return false,
            }
        }
        waiting.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }

    /// What has become of the records so far.
    #[must_use]
    pub fn counts(&self) -> RecorderCounts {
        let Tally { written, dropped, .. } = &*self.shared.tally;
        RecorderCounts {
            written: written.load(Ordering::Relaxed),
            dropped: dropped.load(Ordering::Relaxed),
        }
    }

    fn wrap(&self, callback: Arc<dyn SyncProgressCallback>, flags: SyncFlags) -> Arc<Recorded> {
        let sync = self.shared.syncs.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.record(Event::Open { sync, flags: flags.bits() });
        Arc::new(Recorded { shared: Arc::clone(&self.shared), callback, sync })
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Shared {
    fn record(&self, event: Event) {
        let mut gap = lock(&self.tally.gap);
        let at = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let record = Record { at, event };
        if self.queue.try_send(Message::Record { gap: *gap, record }).is_ok() {
            *gap = 0;
        } else {
            *gap += 1;
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn text(&self, text: Option<&str>) -> Text {
        match text {
            None => Text::Null,
            Some(_) if !self.texts => Text::LeftOut,
            Some(text) => Text::Is(text.to_owned()),
        }
    }
}

/// A number for this thread, from 1.
fn thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static THREAD: u64 = THREADS.fetch_add(1, Ordering::Relaxed) + 1;
    }
    // A thread that is ending has given its number up.
    THREAD.try_with(|thread| *thread).unwrap_or(0)
}

/// A provider whose calls are recorded; see [`Recorder::around_provider`].
#[derive(Clone, Debug)]
pub struct RecordedProvider<P> {
    recorder: Recorder,
    provider: P,
}

impl<P: MapiSync> RecordedProvider<P> {
    async fn shut_down(&self, method: ShutdownMethod) -> HResult {
        let Some(provider) = self.provider.shutdown() else { return HResult::MAPI_E_NO_SUPPORT };
        let shared = &self.recorder.shared;
        let call = shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
        shared.record(Event::Shutdown { thread: thread(), call, method });
        let open = Open { shared, call: Some(call) };
        open.end(method.call(provider).await)
    }
}

#[async_trait]
impl<P: MapiSync> MapiSync for RecordedProvider<P> {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        self.provider.synchronize_in_background(self.recorder.around_request(request)).await
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        self.provider.shutdown().map(|_| self as &dyn ProviderShutdown)
    }
}

impl_provider_shutdown!(RecordedProvider<P>, P: MapiSync);

struct RecordedUnknown {
    recorder: Recorder,
    unknown: Arc<dyn CallbackUnknown>,
    flags: SyncFlags,
}

impl CallbackUnknown for RecordedUnknown {
    fn query_interface(&self) -> Result<CallbackRef, HResult> {
        let callback = self.unknown.query_interface()?.into_callback();
        Ok(CallbackRef::counted(self.recorder.wrap(callback, self.flags)))
    }
}

/// A callback whose calls are recorded.
struct Recorded {
    shared: Arc<Shared>,
    callback: Arc<dyn SyncProgressCallback>,
    sync: u64,
}

impl Recorded {
    /// Records the beginning of a call; the result records its end.
    fn begin(&self, event: impl FnOnce(u64, u64, u64) -> Event) -> Open<'_> {
        let call = self.shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.record(event(self.sync, thread(), call));
        Open { shared: &self.shared, call: Some(call) }
    }
}

#[async_trait]
impl SyncProgressCallback for Recorded {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        let open = self.begin(|sync, thread, call| {
            let text = self.shared.text(text);
            Event::Progress { sync, thread, call, text, index, max: index_max }
        });
        open.end(self.callback.progress(text, index, index_max).await)
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        let open = self.begin(|sync, thread, call| {
            let text = self.shared.text(text);
            Event::Error { sync, thread, call, code: result, text }
        });
        open.end(self.callback.error(result, text).await)
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        let handle = event.value() as u64;
        let open =
            self.begin(|sync, thread, call| Event::Done { sync, thread, call, handle, status });
        open.end(self.callback.done(event, status).await)
    }

    fn add_ref(&self) {
        self.callback.add_ref();
    }

    fn release(&self) {
        self.callback.release();
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.shared.record(Event::Close { sync: self.sync });
    }
}

/// A call whose end is not recorded yet.
struct Open<'a> {
    shared: &'a Shared,
    call: Option<u64>,
}

impl Open<'_> {
    fn end(mut self, result: HResult) -> HResult {
        if let Some(call) = self.call.take() {
            self.shared.record(Event::Returned { call, result });
        }
        result
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            let panicked = std::thread::panicking();
            self.shared.record(if panicked {
                Event::Panicked { call }
            } else {
                Event::Abandoned { call }
            });
        }
    }
}
