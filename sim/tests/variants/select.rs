//! The first of several, with a biased `select!`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures::future::{FutureExt, join_all};
use mapi_sync::HResult;
use tokio::sync::{Notify, mpsc};

use crate::steps::{Steps, joined, produce};
use crate::{Variant, ms, variants};

pub(super) const SELECT: &[Variant] = variants! {
    "a sleep or the cancel": |session| {
        let steps = Steps::new(&session, 4);
        let cancel = session.cancel().clone();
        for _ in 0..4 {
            futures::select_biased! {
                () = cancel.requested().fuse() => break,
                () = steps.sleep(10).fuse() => steps.step().await,
            }
        }
        steps.end(session).await
    }
    "both ready, the first is taken": |session| {
        futures::select_biased! {
            () = std::future::ready(()).fuse() => {}
            () = std::future::ready(()).fuse() => unreachable!("the second is never taken"),
        }
        session.done_or_cancelled(HResult::S_OK).await
    }
    "two sleeps of one length": |session| {
        let steps = Steps::new(&session, 1);
        futures::select_biased! {
            () = steps.sleep(5).fuse() => {}
            () = steps.sleep(5).fuse() => {}
        }
        steps.step().await;
        steps.end(session).await
    }
    "two channels": |session| {
        let steps = Steps::new(&session, 4);
        let ((one, mut first), (other, mut second)) = (mpsc::channel(1), mpsc::channel(1));
        let workers = [one, other].map(|s| steps.spawn(produce(steps.clone(), s, 2)));
        let (mut open_first, mut open_second) = (true, true);
        while open_first || open_second {
            tokio::select! {
                biased;
                next = first.recv(), if open_first => open_first = next.is_some(),
                next = second.recv(), if open_second => open_second = next.is_some(),
            }
            if !steps.are_complete().await {
                steps.step().await;
            }
        }
        join_all(workers.map(joined)).await;
        // The end of a channel is no step.
        session.done_or_cancelled(HResult::E_FAIL).await
    }
    "a task or the cancel": |session| {
        let steps = Steps::new(&session, 1);
        let cancel = session.cancel().clone();
        if let Some(mut task) = steps.spawn(steps.clone().work(30)) {
            tokio::select! {
                biased;
                () = cancel.requested() => task.abort(),
                _ = &mut task => {}
            }
            task.await;
        }
        steps.end(session).await
    }
    "a message or an idle signal": |session| {
        let steps = Steps::new(&session, 3);
        let (sender, mut receiver) = mpsc::channel(1);
        let worker = steps.spawn(produce(steps.clone(), sender, 3));
        loop {
            tokio::select! {
                biased;
                next = receiver.recv() => match next {
                    Some(_) => steps.step().await,
                    None => break,
                },
                () = steps.sleep(2) => {}
            }
        }
        joined(worker).await;
        steps.end(session).await
    }
    "the loser goes on": |session| {
        let steps = Steps::new(&session, 2);
        let mut slow = std::pin::pin!(steps.clone().work(20).fuse());
        let mut quick = std::pin::pin!(steps.clone().work(5).fuse());
        for _ in 0..2 {
            futures::select_biased! {
                () = slow => {}
                () = quick => {}
            }
        }
        steps.end(session).await
    }
    "a notification or the cancel": |session| {
        let steps = Steps::new(&session, 1);
        let (ready, clock) = (Arc::new(Notify::new()), steps.clone());
        let notifies = Arc::clone(&ready);
        let worker = steps.spawn(async move {
            clock.sleep(8).await;
            notifies.notify_one();
        });
        let cancel = session.cancel().clone();
        let mut worker = std::pin::pin!(joined(worker).fuse());
        tokio::select! {
            biased;
            () = cancel.requested() => {}
            () = ready.notified() => steps.step().await,
            // It was dropped, or never started; or it has notified, and the next look sees that.
            _ = &mut worker => {}
        }
        steps.end(session).await
    }
    "a default branch": |session| {
        let steps = Steps::new(&session, 1);
        let mut sleep = session.runtime().sleep(ms(3)).fuse();
        futures::select_biased! {
            () = sleep => {}
            default => sleep.await,
        }
        steps.step().await;
        steps.end(session).await
    }
    "by hand": |session| {
        let steps = Steps::new(&session, 1);
        let (mut one, mut other) = (session.runtime().sleep(ms(4)), session.runtime().sleep(ms(6)));
        poll_fn(|cx| match one.as_mut().poll(cx) {
            Poll::Pending => other.as_mut().poll(cx),
            ready @ Poll::Ready(()) => ready,
        })
        .await;
        steps.step().await;
        steps.end(session).await
    }
};
