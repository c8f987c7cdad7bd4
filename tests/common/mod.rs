//! A host for tests: it records what it hears, and misbehaves when told to.

use std::sync::{Arc, Mutex};

use mapi_sync::contract::{Call, Monitor, MonitorConfig};
use mapi_sync::{
    Events, HResult, ProcessEvents, RawEvent, SyncProgressCallback, SyncRequest, TokioRuntime,
    async_trait,
};

/// What the host does in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Answers(HResult),
    Panics,
    /// Lets other tasks run this often before it answers `S_OK`.
    Dawdles(u32),
}

pub(crate) struct Host {
    pub(crate) heard: Mutex<Vec<String>>,
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
            heard: Mutex::default(),
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

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn hear(&self, what: impl Into<String>) {
        self.heard.lock().unwrap().push(what.into());
    }

    async fn answer(&self, call: Call<&str>, mood: Mood) -> HResult {
        self.hear(call.to_string());
        match mood {
            Mood::Answers(result) => result,
            Mood::Panics => panic!("the host panics, as planned"),
            Mood::Dawdles(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                self.hear("answered");
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
        self.hear("released");
    }
}
