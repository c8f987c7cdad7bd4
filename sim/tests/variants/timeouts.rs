//! Work within a time.

use mapi_sync::HResult;
use tokio::sync::mpsc;

use crate::steps::{Steps, joined, produce};
use crate::{Variant, ms, variants};

pub(super) const TIMEOUTS: &[Variant] = variants! {
    "long enough": |session| {
        let steps = Steps::new(&session, 1);
        if session.timeout(ms(500), steps.clone().work(10)).await.is_err() {
            return session.done_or_cancelled(HResult::MAPI_E_TIMEOUT).await;
        }
        steps.end(session).await
    }
    "too short": |session| {
        let steps = Steps::new(&session, 1);
        if session.timeout(ms(5), steps.clone().work(60)).await.is_err() {
            return session.done_or_cancelled(HResult::MAPI_E_TIMEOUT).await;
        }
        steps.end(session).await
    }
    "just as long": |session| {
        let steps = Steps::new(&session, 1);
        if session.timeout(ms(10), steps.sleep(10)).await.is_err() {
            return session.done_or_cancelled(HResult::MAPI_E_TIMEOUT).await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "tried again": |session| {
        let steps = Steps::new(&session, 1);
        for attempt in 1..4 {
            if session.timeout(ms(15), steps.sleep(30 / attempt)).await.is_ok() {
                steps.step().await;
                break;
            }
        }
        steps.end(session).await
    }
    "for each step": |session| {
        let steps = Steps::new(&session, 3);
        for _ in 0..3 {
            if session.timeout(ms(30), steps.sleep(20)).await.is_err() {
                session.error(HResult::MAPI_E_TIMEOUT, "the server is slow").await;
                return session.done(HResult::MAPI_E_TIMEOUT).await;
            }
            steps.step().await;
        }
        steps.end(session).await
    }
    "over a channel": |session| {
        let steps = Steps::new(&session, 2);
        let (sender, mut receiver) = mpsc::channel(1);
        let worker = steps.spawn(produce(steps.clone(), sender, 2));
        while let Ok(Some(_)) = session.timeout(ms(50), receiver.recv()).await {
            steps.step().await;
        }
        drop(receiver);
        joined(worker).await;
        steps.end(session).await
    }
    "over a task, which is aborted": |session| {
        let steps = Steps::new(&session, 1);
        if let Some(mut task) = steps.spawn(steps.clone().work(40))
            && session.timeout(ms(50), &mut task).await.is_err()
        {
            task.abort();
            task.await;
        }
        steps.end(session).await
    }
    "one in another": |session| {
        let steps = Steps::new(&session, 1);
        let inner = session.timeout(ms(20), steps.sleep(30));
        if session.timeout(ms(40), inner).await.is_ok() {
            steps.step().await;
        }
        steps.end(session).await
    }
    "by hand, with a deadline": |session| {
        let steps = Steps::new(&session, 1);
        let deadline = session.runtime().deadline(ms(25));
        let work = Box::pin(steps.clone().work(15));
        // The loser holds the lock, perhaps, so it is dropped.
        drop(futures::future::select(deadline, work).await);
        steps.end(session).await
    }
    "until the cancel": |session| {
        let steps = Steps::new(&session, 1);
        let cancel = session.cancel().clone();
        let _elapsed = session.timeout(ms(100), cancel.requested()).await;
        steps.step().await;
        steps.end(session).await
    }
};
