//! Branches of one task, with `join_all`.

use futures::future::{FutureExt, join_all, try_join_all};
use mapi_sync::{BoxFuture, HResult};
use tokio::sync::oneshot;

use crate::steps::{Steps, joined};
use crate::{Variant, variants};

pub(super) const JOIN_ALL: &[Variant] = variants! {
    "branches of equal length": |session| {
        let steps = Steps::new(&session, 3);
        join_all((0..3).map(|_| steps.clone().work(10))).await;
        steps.end(session).await
    }
    "branches of unequal length": |session| {
        let steps = Steps::new(&session, 3);
        join_all([5, 20, 10].map(|length| steps.clone().work(length))).await;
        steps.end(session).await
    }
    "tasks": |session| {
        let steps = Steps::new(&session, 3);
        let tasks = [1, 2, 3].map(|length| steps.spawn(steps.clone().work(length)));
        join_all(tasks.map(joined)).await;
        steps.end(session).await
    }
    "one in another": |session| {
        let steps = Steps::new(&session, 4);
        let pair = || join_all([3, 4].map(|length| steps.clone().work(length)));
        join_all([pair(), pair()]).await;
        steps.end(session).await
    }
    "nothing to join": |session| {
        join_all(Vec::<BoxFuture>::new()).await;
        session.done_or_cancelled(HResult::S_OK).await
    }
    "results that are all good": |session| {
        let steps = Steps::new(&session, 2);
        let work = |length| steps.clone().work(length).map(Ok::<(), ()>);
        let _all = try_join_all([work(2), work(1)]).await;
        steps.end(session).await
    }
    "a failure that drops the rest": |session| {
        let steps = Steps::new(&session, 3);
        let work = |length, result| steps.clone().work(length).map(move |()| result);
        let result = try_join_all([work(9, Ok(())), work(2, Err(HResult::MAPI_E_NETWORK_ERROR))]);
        if let Err(code) = result.await {
            session.error(code, "the server is gone").await;
            return session.done(code).await;
        }
        steps.end(session).await
    }
    "answers of another task": |session| {
        let steps = Steps::new(&session, 3);
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let clock = steps.clone();
        let server = steps.spawn(async move {
            for sender in senders {
                clock.sleep(3).await;
                let _gone = sender.send(());
            }
        });
        let answers = receivers.into_iter().map(|answer| async {
            if answer.await.is_ok() {
                steps.step().await;
            }
        });
        join_all(answers).await;
        joined(server).await;
        steps.end(session).await
    }
    "forty branches": |session| {
        let steps = Steps::new(&session, 40);
        join_all((0..40).map(|n| steps.clone().work(n % 3))).await;
        steps.end(session).await
    }
    "two branches of a macro": |session| {
        let steps = Steps::new(&session, 2);
        futures::join!(steps.clone().work(4), steps.clone().work(4));
        steps.end(session).await
    }
};
