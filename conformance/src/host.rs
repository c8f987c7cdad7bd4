//! A host in Rust that plays the script of a case, for every mount except the one with the C++
//! host.

use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use futures::channel::oneshot;
use mapi_sync::{
    EventSlot, HResult, MapiSync, RawEvent, Runtime, SyncFlags, SyncProgressCallback, SyncRequest,
    async_trait,
};

use crate::case::{Answer, Case, Handle, HostScript, Outcome, Second, Seen};
use crate::panic_as_asked;

/// Plays the host's part of a case against `provider`, and returns the outcome.
///
/// # Panics
///
/// When Done does not come within a minute of the runtime's time.
pub async fn run(case: &Case, provider: Arc<dyn MapiSync>, runtime: Arc<dyn Runtime>) -> Outcome {
    let host = Arc::new(Host {
        script: case.host,
        runtime: Arc::clone(&runtime),
        provider: Mutex::new(Some(provider)),
        syncs: [Sync::default(), Sync::default()],
        seen: Mutex::default(),
    });
    let start = host.start(0).await;
    if case.host.releases_early {
        drop(host.take_provider());
    }
    if !start.is_failure() {
        host.finish(0).await;
    }
    let second_start = host.syncs[1].start.get().copied();
    if second_start.is_some_and(|start| !start.is_failure()) {
        host.finish(1).await;
    }
    drop(host.take_provider());
    let seen = host.seen.lock().expect("no panic under this lock");
    Outcome {
        start,
        second_start,
        calls: [seen.calls[0].clone(), seen.calls[1].clone()],
        signalled: seen.signalled,
        signalled_in_done: seen.signalled_in_done,
        close_failed: seen.close_failed,
        references_left: seen.references,
    }
}

struct Host {
    script: HostScript,
    runtime: Arc<dyn Runtime>,
    provider: Mutex<Option<Arc<dyn MapiSync>>>,
    syncs: [Sync; 2],
    seen: Mutex<Witness>,
}

#[derive(Default)]
struct Sync {
    slot: Arc<EventSlot>,
    start: OnceLock<HResult>,
    done: Mutex<Option<oneshot::Sender<()>>>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
    released: Mutex<Option<oneshot::Sender<()>>>,
    free: Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Default)]
struct Witness {
    calls: [Vec<Seen>; 2],
    references_of: [i64; 2],
    references: i64,
    signalled: u32,
    signalled_in_done: u32,
    close_failed: u32,
}

impl Host {
    fn take_provider(&self) -> Option<Arc<dyn MapiSync>> {
        self.provider.lock().expect("no panic under this lock").take()
    }

    async fn start(self: &Arc<Self>, sync: usize) -> HResult {
        let provider = self.provider.lock().expect("no panic under this lock").clone();
        let Some(provider) = provider else { return HResult::MAPI_E_END_OF_SESSION };
        let state = &self.syncs[sync];
        let (done, ended) = oneshot::channel();
        *state.done.lock().expect("no panic under this lock") = Some(done);
        *state.ended.lock().expect("no panic under this lock") = Some(ended);
        let (released, free) = oneshot::channel();
        *state.released.lock().expect("no panic under this lock") = Some(released);
        *state.free.lock().expect("no panic under this lock") = Some(free);
        let callback = Arc::new(Callback { host: Arc::clone(self), sync });
        let request = SyncRequest::new(callback, Arc::clone(&self.runtime))
            .with_flags(SyncFlags::from_bits_retain(self.script.flags))
            .with_event_out(Arc::clone(&state.slot) as _);
        let start = provider.synchronize_in_background(request).await;
        state.start.set(start).expect("each sync is started once");
        start
    }

    fn published(&self, sync: usize) -> RawEvent {
        use mapi_sync::EventOut;
        self.syncs[sync].slot.published()
    }

    /// Waits for Done, then as the case says for the event, and closes it.
    async fn finish(&self, sync: usize) {
        let ended = self.syncs[sync].ended.lock().expect("no panic under this lock").take();
        let ended = ended.expect("each sync is finished once");
        let patience = self.runtime.deadline(Duration::from_secs(60));
        match futures::future::select(ended, patience).await {
            futures::future::Either::Left((done, _)) => done.expect("the host keeps the sender"),
            futures::future::Either::Right(_) => panic!("no Done within a minute"),
        }
        if !self.script.closes_in_done {
            let event = self.published(sync);
            let waits = !self.script.never_waits;
            if waits && self.runtime.events().wait(event).await == HResult::S_OK {
                self.seen.lock().expect("no panic under this lock").signalled += 1;
            }
            self.close(event);
        }
        let free = self.syncs[sync].free.lock().expect("no panic under this lock").take();
        let patience = self.runtime.deadline(Duration::from_secs(10));
        // The outcome counts the references that never come back.
        drop(futures::future::select(free.expect("finished once"), patience).await);
    }

    fn close(&self, event: RawEvent) {
        if self.runtime.events().close(event) != HResult::S_OK {
            self.seen.lock().expect("no panic under this lock").close_failed += 1;
        }
    }

    fn has_occurred(&self, event: RawEvent) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.runtime.events().poll_wait(event, &mut cx).is_ready()
    }

    fn see(&self, sync: usize, call: Seen) -> usize {
        let mut seen = self.seen.lock().expect("no panic under this lock");
        seen.calls[sync].push(call);
        seen.calls[sync].iter().filter(|call| matches!(call, Seen::Progress(..))).count()
    }

    async fn block(&self, ms: u32) {
        if ms > 0 {
            self.runtime.sleep(Duration::from_millis(u64::from(ms))).await;
        }
    }
}

struct Callback {
    host: Arc<Host>,
    sync: usize,
}

impl Callback {
    fn count(&self, by: i64) {
        let mut seen = self.host.seen.lock().expect("no panic under this lock");
        seen.references += by;
        seen.references_of[self.sync] += by;
        if by < 0 && seen.references_of[self.sync] == 0 {
            let released = &self.host.syncs[self.sync].released;
            if let Some(released) = released.lock().expect("no panic under this lock").take() {
                // The host may have stopped waiting.
                let _ = released.send(());
            }
        }
    }
}

fn answer(answer: Answer) -> HResult {
    match answer {
        Answer::Ok => HResult::S_OK,
        Answer::Code(code) => code,
        Answer::Panics => panic_as_asked(),
    }
}

#[async_trait]
impl SyncProgressCallback for Callback {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        let Self { host, sync } = self;
        let earlier = host.see(*sync, Seen::Progress(text.map(Into::into), index, index_max));
        if *sync == 0 && earlier == 1 {
            if host.script.second == Second::InProgress {
                let _ = host.start(1).await;
            }
            host.block(host.script.blocks_in_progress).await;
        }
        answer(host.script.progress)
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        self.host.see(self.sync, Seen::Error(result, text.map(Into::into)));
        answer(self.host.script.error)
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        let Self { host, sync } = self;
        let published = host.published(*sync);
        let handle = match event {
            RawEvent::NULL => Handle::Null,
            event if event == published => Handle::Published,
            _ => Handle::Other,
        };
        host.see(*sync, Seen::Done(handle, status));
        if host.has_occurred(published) {
            host.seen.lock().expect("no panic under this lock").signalled_in_done += 1;
        }
        if *sync == 0 {
            host.block(host.script.blocks_in_done).await;
        }
        if host.script.closes_in_done {
            host.close(event);
        }
        if *sync == 0 && host.script.second == Second::InDone {
            let _ = host.start(1).await;
        }
        if let Some(done) = host.syncs[*sync].done.lock().expect("no panic under this lock").take()
        {
            // The host may have stopped waiting.
            let _ = done.send(());
        }
        answer(host.script.done)
    }

    fn add_ref(&self) {
        self.count(1);
    }

    fn release(&self) {
        self.count(-1);
    }
}
