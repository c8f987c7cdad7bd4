//! A host for tests: it logs every call, and fails, panics or waits on request.

use std::sync::{Arc, Mutex};

use mapi_sync::contract::{Call, Monitor, MonitorConfig};
use mapi_sync::{
    Events, HResult, ProcessEvents, RawEvent, SyncProgressCallback, SyncRequest, TokioRuntime,
    async_trait,
};

/// How the host answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Answers(HResult),
    Panics,
    /// Lets other tasks run this often before it answers `S_OK`.
    Waits(u32),
}

pub(crate) struct Host {
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) progress_mood: Mood,
    pub(crate) done_mood: Mood,
    pub(crate) events: Arc<ProcessEvents>,
    pub(crate) monitor: Monitor,
}

impl Host {
    pub(crate) fn new(progress_mood: Mood, done_mood: Mood) -> Arc<Self> {
        let config = MonitorConfig::default().with_log(true);
        let monitor = Monitor::new(config, || 0);
        Arc::new(Self {
            log: Mutex::default(),
            progress_mood,
            done_mood,
            events: Arc::default(),
            monitor,
        })
    }

    pub(crate) fn friendly() -> Arc<Self> {
        Self::new(Mood::Answers(HResult::S_OK), Mood::Answers(HResult::S_OK))
    }

    pub(crate) fn request(self: &Arc<Self>) -> SyncRequest {
        let events: Arc<dyn Events> = Arc::clone(&self.events) as _;
        SyncRequest::new(Arc::clone(self) as _, Arc::new(TokioRuntime::current(events)))
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn note(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }

    async fn answer(&self, call: Call<&str>, mood: Mood) -> HResult {
        self.note(call.to_string());
        match mood {
            Mood::Answers(result) => result,
            Mood::Panics => panic!("the host panics, as planned"),
            Mood::Waits(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                self.note("answered");
                HResult::S_OK
            }
        }
    }
}

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.answer(Call::Progress { text, index, index_max }, self.progress_mood).await
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        self.answer(Call::Error { result, text }, self.progress_mood).await
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        self.answer(Call::Done { event, status }, self.done_mood).await
    }

    fn release(&self) {
        self.note("released");
    }
}
