//! Branches of one task, with `FuturesUnordered` and streams.

use futures::future::FutureExt;
use futures::stream::{self, FuturesOrdered, FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use crate::steps::{Steps, joined};
use crate::{Variant, variants};

pub(super) const UNORDERED: &[Variant] = variants! {
    "branches of equal length": |session| {
        let steps = Steps::new(&session, 3);
        let mut all: FuturesUnordered<_> = (0..3).map(|_| steps.clone().work(10)).collect();
        while all.next().await.is_some() {}
        steps.end(session).await
    }
    "branches of unequal length": |session| {
        let steps = Steps::new(&session, 3);
        let mut all: FuturesUnordered<_> =
            [7, 1, 4].into_iter().map(|length| steps.clone().work(length)).collect();
        while all.next().await.is_some() {}
        steps.end(session).await
    }
    "more is pushed on the way": |session| {
        let steps = Steps::new(&session, 4);
        let mut all: FuturesUnordered<_> =
            [3, 5].into_iter().map(|length| steps.clone().work(length)).collect();
        let mut left = [2, 1].into_iter();
        while all.next().await.is_some() {
            all.extend(left.next().map(|length| steps.clone().work(length)));
        }
        steps.end(session).await
    }
    "two at a time": |session| {
        let steps = Steps::new(&session, 5);
        let work = stream::iter(0..5).map(|length| steps.clone().work(length));
        work.buffer_unordered(2).collect::<Vec<()>>().await;
        steps.end(session).await
    }
    "tasks": |session| {
        let steps = Steps::new(&session, 3);
        let tasks = [1, 1, 2].map(|length| steps.spawn(steps.clone().work(length)));
        let mut all: FuturesUnordered<_> = tasks.into_iter().map(joined).collect();
        while all.next().await.is_some() {}
        steps.end(session).await
    }
    "the rest is dropped at a cancel": |session| {
        let steps = Steps::new(&session, 6);
        let mut all: FuturesUnordered<_> = (1..7).map(|n| steps.clone().work(5 * n)).collect();
        while all.next().await.is_some() {
            if steps.is_cancelled() {
                break;
            }
        }
        drop(all);
        steps.end(session).await
    }
    "beside the cancel signal": |session| {
        let steps = Steps::new(&session, 3);
        let mut all: FuturesUnordered<_> = (1..4).map(|n| steps.clone().work(9 * n)).collect();
        let cancel = session.cancel().clone();
        let mut cancelled = std::pin::pin!(cancel.requested().fuse());
        loop {
            futures::select_biased! {
                () = cancelled => break,
                next = all.next() => if next.is_none() { break },
            }
        }
        drop(all);
        steps.end(session).await
    }
    "each waits in line": |session| {
        let steps = Steps::new(&session, 3);
        let line = Semaphore::new(1);
        let mut all: FuturesUnordered<_> = (0..3)
            .map(|_| async {
                let _turn = line.acquire().await;
                steps.clone().work(2).await;
            })
            .collect();
        while all.next().await.is_some() {}
        drop(all);
        steps.end(session).await
    }
    "answers in the order of asking": |session| {
        let steps = Steps::new(&session, 3);
        let mut all: FuturesOrdered<_> =
            [6, 2, 4].into_iter().map(|length| steps.sleep(length)).collect();
        while all.next().await.is_some() {
            steps.step().await;
        }
        drop(all);
        steps.end(session).await
    }
    "for each, two at a time": |session| {
        let steps = Steps::new(&session, 4);
        let all = stream::iter([1, 2, 2, 1]);
        all.for_each_concurrent(2, |length| steps.clone().work(length)).await;
        steps.end(session).await
    }
};
