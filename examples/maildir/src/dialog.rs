//! A host in the terminal: it plays the dialog in which Outlook shows the progress of a sync.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mapi_sync::{
    CancelSignal, Events, HResult, MapiSync, ProcessEvents, RawEvent, SyncProgressCallback,
    SyncRequest, TokioRuntime, async_trait,
};
use tokio::sync::oneshot;

/// The dialog: a bar with the folder and the position, and a line for each error.
struct Dialog {
    bar: ProgressBar,
    done: std::sync::Mutex<Option<oneshot::Sender<HResult>>>,
}

#[async_trait]
impl SyncProgressCallback for Dialog {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.bar.set_length(index_max.into());
        self.bar.set_position(index.into());
        if let Some(text) = text {
            self.bar.set_message(text.to_owned());
        }
        HResult::S_OK
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        self.bar.println(format!("{result}: {}", text.unwrap_or("no description")));
        HResult::S_OK
    }

    async fn done(&self, _event: RawEvent, status: HResult) -> HResult {
        self.bar.finish();
        let done = self.done.lock().ok().and_then(|mut done| done.take());
        if let Some(done) = done {
            // Nobody waits any more if the host was dropped.
            let _ = done.send(status);
        }
        HResult::S_OK
    }
}

/// Synchronizes a provider in a dialog of the terminal, until its Done or a cancel. Returns the
/// status of the sync, or of its start if that failed.
///
/// Call it on tokio.
pub async fn synchronize_in_terminal(
    provider: &dyn MapiSync,
    cancel: CancelSignal,
    target: ProgressDrawTarget,
) -> HResult {
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{msg:16} {bar:40} {pos} of {len}") {
        bar.set_style(style);
    }
    let (done, status) = oneshot::channel();
    let dialog = Arc::new(Dialog { bar, done: std::sync::Mutex::new(Some(done)) });
    let events: Arc<dyn Events> = Arc::new(ProcessEvents::new());
    let runtime = Arc::new(TokioRuntime::current(Arc::clone(&events)));
    let request = SyncRequest::new(dialog, runtime).with_cancel(cancel);
    let out = Arc::clone(request.event_out());
    let start = provider.synchronize_in_background(request).await;
    if start.is_failure() {
        return start;
    }
    let status = status.await.unwrap_or(HResult::E_UNEXPECTED);
    // As Outlook does: wait for the event of the sync, and close its handle.
    let waited = events.wait(out.published()).await;
    let closed = events.close(out.published());
    if waited.is_failure() || closed.is_failure() { HResult::E_UNEXPECTED } else { status }
}
