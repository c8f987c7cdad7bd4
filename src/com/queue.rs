//! The queue between a foreign thread that must not wait and a callback that may wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use crate::lock::lock;
use crate::{CallbackRef, HResult, RawEvent, Runtime};

/// How many calls may wait before a Progress replaces the one before it.
const ROOM: usize = 64;

/// A call that waits to be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    Progress { text: Option<String>, index: u32, max: u32 },
    Error { code: HResult, text: Option<String> },
    Done { event: RawEvent, status: HResult },
}

/// The sending end. After its drop the task makes the queued calls and ends.
pub(crate) struct Queue(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: VecDeque<Queued>,
    closed: bool,
    waker: Option<Waker>,
}

impl Queue {
    /// Starts the task that makes the calls.
    pub(crate) fn start(
        callback: CallbackRef,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Self, HResult> {
        let state = Arc::new(Mutex::new(State::default()));
        let calls = Arc::clone(&state);
        let task = async move {
            while let Some(call) = next(&calls).await {
                // Nobody waits for the answer.
                let _ = match call {
                    Queued::Progress { text, index, max } => {
                        callback.progress(text.as_deref(), index, max).await
                    }
                    Queued::Error { code, text } => callback.error(code, text.as_deref()).await,
                    Queued::Done { event, status } => callback.done(event, status).await,
                };
            }
        };
        runtime.spawn("callbacks".into(), Box::pin(task))?.detach();
        Ok(Self(state))
    }

    /// Queues a call and returns at once; after a Done, refuses it.
    pub(crate) fn push(&self, call: Queued) -> HResult {
        let waker = {
            let mut state = lock(&self.0);
            if state.closed {
                return HResult::E_UNEXPECTED;
            }
            state.closed = matches!(call, Queued::Done { .. });
            state.add(call);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        HResult::S_OK
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let waker = {
            let mut state = lock(&self.0);
            state.closed = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    fn add(&mut self, mut call: Queued) {
        if self.calls.len() >= ROOM
            && let Queued::Progress { text, .. } = &mut call
            && let Some(last @ Queued::Progress { .. }) = self.calls.back_mut()
        {
            if let Queued::Progress { text: earlier, .. } = last
                && text.is_none()
            {
                *text = earlier.take();
            }
            *last = call;
            return;
        }
        self.calls.push_back(call);
    }
}

async fn next(state: &Mutex<State>) -> Option<Queued> {
    poll_fn(|cx| {
        let mut state = lock(state);
        match state.calls.pop_front() {
            Some(call) => Poll::Ready(Some(call)),
            None if state.closed => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(text: Option<&str>, index: u32) -> Queued {
        Queued::Progress { text: text.map(str::to_owned), index, max: 1000 }
    }

    #[test]
    fn a_full_queue_merges_progress_but_keeps_every_error() {
        let mut state = State::default();
        for index in 0..200 {
            state.add(progress((index % 100 == 0).then_some("text"), index));
        }
        assert_eq!(state.calls.len(), ROOM);
        assert_eq!(state.calls.back(), Some(&progress(Some("text"), 199)));
        for _ in 0..3 {
            state.add(Queued::Error { code: HResult::E_FAIL, text: None });
            state.add(progress(None, 500));
            state.add(progress(None, 501));
        }
        assert_eq!(state.calls.len(), ROOM + 6);
        assert_eq!(state.calls.back(), Some(&progress(None, 501)));
    }

    #[test]
    fn a_queue_with_room_merges_nothing() {
        let mut state = State::default();
        let index = u32::try_from(ROOM).expect("a small number");
        for index in 0..index {
            state.add(progress(None, index));
        }
        assert_eq!(state.calls.len(), ROOM);
        assert_eq!(state.calls.front(), Some(&progress(None, 0)));
    }
}
