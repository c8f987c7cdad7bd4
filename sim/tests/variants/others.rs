//! What fits no other group.

use std::sync::Arc;

use mapi_sync::HResult;
use tokio::sync::oneshot;

use crate::steps::{Steps, joined};
use crate::{Variant, ms, variants};

pub(super) const OTHERS: &[Variant] = variants! {
    "a reporter in another task": |session| {
        let (reporter, (done, ended)) = (session.reporter(), oneshot::channel());
        let work = Box::pin(async move {
            if !reporter.cancel().is_requested() {
                reporter.progress(Some("Inbox"), 1, 1).await;
            }
            let _gone = done.send(());
        });
        let Ok(task) = session.runtime().spawn("reporter".into(), work) else {
            return session.done_or_cancelled(HResult::E_OUTOFMEMORY).await;
        };
        let complete = ended.await.is_ok();
        task.await;
        session.done_or_cancelled(if complete { HResult::S_OK } else { HResult::E_FAIL }).await
    }
    "a failure by itself": |session| {
        session.sleep(ms(20)).await;
        session.done(HResult::MAPI_E_DISK_ERROR).await
    }
    "work in flight is finished after a cancel": |session| {
        session.sleep(ms(20)).await;
        session.progress(Some("Inbox"), 1, 1).await;
        session.done(HResult::S_OK).await
    }
    "a guard over a spawn": |session| {
        let steps = Steps::new(&session, 1);
        let shared = Arc::new(std::sync::Mutex::new(0));
        let task = {
            let mut count = shared.lock().expect("nobody panics");
            let counts = Arc::clone(&shared);
            let task = steps.spawn(async move {
                *counts.lock().expect("nobody panics") += 1;
            });
            *count += 1;
            task
        };
        joined(task).await;
        steps.step().await;
        steps.end(session).await
    }
    "a task that outlives the sync": |session| {
        let steps = Steps::new(&session, 1);
        let clock = steps.clone();
        if let Some(task) = steps.spawn(async move { clock.sleep(90).await }) {
            task.detach();
        }
        steps.step().await;
        steps.end(session).await
    }
};
