//! Correct providers, written with what authors use: none of them may be accused.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::future::{FutureExt, join_all, try_join_all};
use futures::stream::{self, FuturesOrdered, FuturesUnordered, StreamExt};
use mapi_sync::{
    BoxFuture, HResult, MapiSync, Reporter, Runtime, SyncDone, SyncRequest, SyncSession, TaskEnd,
    TaskHandle, async_trait,
};
use mapi_sync_sim::world::VARIANTS;
use mapi_sync_sim::{Report, Warning, check, engine};
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};

/// A correct provider: its name, and what its syncs do.
type Variant = (&'static str, fn(SyncSession) -> BoxFuture<SyncDone>);

macro_rules! variants {
    ($($name:literal: |$session:ident| $work:block)*) => {
        &[$(($name, |$session| Box::pin(async move $work))),*]
    };
}

struct Store(fn(SyncSession) -> BoxFuture<SyncDone>);

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(self.0)
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The steps of a sync, counted by all of its tasks.
#[derive(Clone)]
struct Steps {
    reporter: Arc<Reporter>,
    runtime: Arc<dyn Runtime>,
    total: u32,
    /// Held while a step is counted and reported, so that reports come in the order of counting.
    count: Arc<Mutex<u32>>,
}

impl Steps {
    fn new(session: &SyncSession, total: u32) -> Self {
        Self {
            reporter: Arc::new(session.reporter()),
            runtime: Arc::clone(session.runtime()),
            total,
            count: Arc::default(),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.reporter.cancel().is_requested()
    }

    /// One more step is done.
    async fn step(&self) {
        let mut count = self.count.lock().await;
        if !self.is_cancelled() {
            *count += 1;
            self.reporter.progress(Some("Inbox"), *count, self.total).await;
        }
    }

    async fn sleep(&self, length: u64) {
        self.runtime.sleep(ms(length)).await;
    }

    /// Work that takes a while, and is one step.
    async fn work(self, length: u64) {
        self.sleep(length).await;
        self.step().await;
    }

    /// Does it in a task. `None` if there are no more tasks.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<TaskHandle> {
        self.runtime.spawn("worker".into(), Box::pin(work)).ok()
    }

    /// Whether every step was done and reported.
    async fn are_complete(&self) -> bool {
        *self.count.lock().await == self.total
    }

    /// Ends the sync: with a success if every step was done.
    async fn end(self, session: SyncSession) -> SyncDone {
        let complete = self.are_complete().await;
        session.done_or_cancelled(if complete { HResult::S_OK } else { HResult::E_FAIL }).await
    }
}

async fn joined(task: Option<TaskHandle>) -> bool {
    match task {
        Some(task) => task.await == TaskEnd::Finished,
        None => false,
    }
}

const JOIN_ALL: &[Variant] = variants! {
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

const UNORDERED: &[Variant] = variants! {
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

/// Sends the numbers of the steps that it has done.
async fn produce(steps: Steps, sender: mpsc::Sender<u32>, count: u32) {
    for number in 0..count {
        steps.sleep(3).await;
        if sender.send(number).await.is_err() {
            return;
        }
    }
}

const MPSC: &[Variant] = variants! {
    "a worker does it, the sync reports": |session| {
        let steps = Steps::new(&session, 3);
        let (sender, mut receiver) = mpsc::channel(4);
        let worker = steps.spawn(produce(steps.clone(), sender, 3));
        while receiver.recv().await.is_some() {
            steps.step().await;
        }
        joined(worker).await;
        steps.end(session).await
    }
    "room for one": |session| {
        let steps = Steps::new(&session, 4);
        let (sender, mut receiver) = mpsc::channel(1);
        let worker = steps.spawn(produce(steps.clone(), sender, 4));
        while receiver.recv().await.is_some() {
            steps.sleep(7).await;
            steps.step().await;
        }
        joined(worker).await;
        steps.end(session).await
    }
    "no bound": |session| {
        let steps = Steps::new(&session, 3);
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let worker = steps.spawn(async move {
            for number in 0..3 {
                let _gone = sender.send(number);
            }
        });
        joined(worker).await;
        while receiver.recv().await.is_some() {
            steps.step().await;
        }
        steps.end(session).await
    }
    "three senders": |session| {
        let steps = Steps::new(&session, 6);
        let (sender, mut receiver) = mpsc::channel(2);
        let workers: Vec<_> =
            (0..3).map(|_| steps.spawn(produce(steps.clone(), sender.clone(), 2))).collect();
        drop(sender);
        while receiver.recv().await.is_some() {
            steps.step().await;
        }
        join_all(workers.into_iter().map(joined)).await;
        steps.end(session).await
    }
    "waits only if there is no room": |session| {
        let steps = Steps::new(&session, 3);
        let (sender, mut receiver) = mpsc::channel(1);
        let worker = steps.spawn(async move {
            for number in 0..3 {
                if let Err(mpsc::error::TrySendError::Full(number)) = sender.try_send(number)
                    && sender.send(number).await.is_err()
                {
                    return;
                }
            }
        });
        while receiver.recv().await.is_some() {
            steps.step().await;
        }
        joined(worker).await;
        steps.end(session).await
    }
    "a place is reserved first": |session| {
        let steps = Steps::new(&session, 2);
        let (sender, mut receiver) = mpsc::channel(1);
        let clock = steps.clone();
        let worker = steps.spawn(async move {
            for number in 0..2 {
                let Ok(place) = sender.reserve().await else { return };
                clock.sleep(2).await;
                place.send(number);
            }
        });
        while receiver.recv().await.is_some() {
            steps.step().await;
        }
        joined(worker).await;
        steps.end(session).await
    }
    "the receiver closes early": |session| {
        let steps = Steps::new(&session, 2);
        let (sender, mut receiver) = mpsc::channel(1);
        let worker = steps.spawn(produce(steps.clone(), sender, 9));
        for _ in 0..2 {
            if receiver.recv().await.is_some() {
                steps.step().await;
            }
        }
        receiver.close();
        while receiver.recv().await.is_some() {}
        joined(worker).await;
        steps.end(session).await
    }
    "one channel feeds the next": |session| {
        let steps = Steps::new(&session, 3);
        let (first, mut middle) = mpsc::channel(1);
        let (last, mut receiver) = mpsc::channel(1);
        let producer = steps.spawn(produce(steps.clone(), first, 3));
        let filter = steps.spawn(async move {
            while let Some(number) = middle.recv().await {
                if last.send(number).await.is_err() {
                    return;
                }
            }
        });
        while receiver.recv().await.is_some() {
            steps.step().await;
        }
        joined(producer).await;
        joined(filter).await;
        steps.end(session).await
    }
    "questions with answers": |session| {
        let steps = Steps::new(&session, 3);
        let (questions, mut asked) = mpsc::channel::<oneshot::Sender<()>>(1);
        let clock = steps.clone();
        let server = steps.spawn(async move {
            while let Some(answer) = asked.recv().await {
                clock.sleep(4).await;
                let _gone = answer.send(());
            }
        });
        for _ in 0..3 {
            let (answer, answered) = oneshot::channel();
            if questions.send(answer).await.is_ok() && answered.await.is_ok() {
                steps.step().await;
            }
        }
        drop(questions);
        joined(server).await;
        steps.end(session).await
    }
    "the channel of another crate": |session| {
        let steps = Steps::new(&session, 3);
        let (mut sender, mut receiver) = futures::channel::mpsc::channel(1);
        let worker = steps.spawn(async move {
            for number in 0..3 {
                if futures::SinkExt::send(&mut sender, number).await.is_err() {
                    return;
                }
            }
        });
        while receiver.next().await.is_some() {
            steps.step().await;
        }
        joined(worker).await;
        steps.end(session).await
    }
};

const SELECT: &[Variant] = variants! {
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

/// Sets a flag after a while, and when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn raised_after(steps: &Steps, length: u64) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raises = Flag(Arc::clone(&flag));
    let clock = steps.clone();
    if let Some(task) = steps.spawn(async move {
        clock.sleep(length).await;
        drop(raises);
    }) {
        task.detach();
    }
    flag
}

const YIELDS: &[Variant] = variants! {
    "until a flag is up": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 5);
        while !flag.load(Ordering::Acquire) {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "until a flag is up or a cancel comes": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 500);
        while !flag.load(Ordering::Acquire) && !steps.is_cancelled() {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "a hundred times": |session| {
        let steps = Steps::new(&session, 1);
        for _ in 0..100 {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "between any two steps": |session| {
        let steps = Steps::new(&session, 5);
        for _ in 0..5 {
            engine::yield_now().await;
            steps.step().await;
        }
        steps.end(session).await
    }
    "until a lock is free": |session| {
        let steps = Steps::new(&session, 1);
        let (lock, holds) = (Arc::new(Mutex::new(())), steps.clone());
        let held = Arc::clone(&lock);
        let worker = steps.spawn(async move {
            let _held = held.lock().await;
            holds.sleep(9).await;
        });
        while lock.try_lock().is_err() {
            engine::yield_now().await;
        }
        joined(worker).await;
        steps.step().await;
        steps.end(session).await
    }
    "by waking itself": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 3);
        poll_fn(|cx| {
            if flag.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        steps.step().await;
        steps.end(session).await
    }
    "two that look at each other": |session| {
        let steps = Steps::new(&session, 2);
        let turn = AtomicU32::new(0);
        let player = |own: u32| {
            let (turn, steps) = (&turn, &steps);
            async move {
                while turn.load(Ordering::Acquire) != own {
                    engine::yield_now().await;
                }
                steps.step().await;
                turn.store(own + 1, Ordering::Release);
            }
        };
        futures::join!(player(1), player(0));
        steps.end(session).await
    }
    "until a channel has something": |session| {
        let steps = Steps::new(&session, 3);
        let (sender, mut receiver) = mpsc::channel(1);
        let worker = steps.spawn(produce(steps.clone(), sender, 3));
        loop {
            match receiver.try_recv() {
                Ok(_) => steps.step().await,
                Err(mpsc::error::TryRecvError::Empty) => engine::yield_now().await,
                Err(mpsc::error::TryRecvError::Disconnected) => break,
            }
        }
        joined(worker).await;
        steps.end(session).await
    }
    "until it is late enough": |session| {
        let steps = Steps::new(&session, 1);
        let end = steps.runtime.now() + ms(12);
        while steps.runtime.now() < end {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "with a sleep now and then": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 40);
        let mut looks = 0;
        while !flag.load(Ordering::Acquire) {
            looks += 1;
            if looks % 10 == 0 {
                steps.sleep(1).await;
            } else {
                engine::yield_now().await;
            }
        }
        steps.step().await;
        steps.end(session).await
    }
};

const TIMEOUTS: &[Variant] = variants! {
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

const OTHERS: &[Variant] = variants! {
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

fn assert_not_accused(group: &str, variants: &[Variant]) {
    for (name, sync) in variants {
        let sync = *sync;
        let check = check(move || Store(sync));
        let assert_held = |report: Report| {
            let uncontrolled = |warning: &Warning| {
                matches!(warning, Warning::OutsideThread { .. } | Warning::RealTime { .. })
            };
            let controlled = !report.warnings.iter().any(uncontrolled);
            assert!(report.holds() && controlled, "{group}, {name}:\n{report}");
        };
        assert_held(check.clone().schedules(150).run());
        assert_held(check.clone().cancellations().schedules(100).run());
        let dfs = check.strategy("dfs").expect("there is one of this name");
        assert_held(dfs.schedules(30).run());
    }
}

#[test]
fn variants_with_join_all_are_not_accused() {
    assert_not_accused("join_all", JOIN_ALL);
}

#[test]
fn variants_with_futures_unordered_are_not_accused() {
    assert_not_accused("FuturesUnordered", UNORDERED);
}

#[test]
fn variants_with_channels_are_not_accused() {
    assert_not_accused("mpsc", MPSC);
}

#[test]
fn variants_with_biased_select_are_not_accused() {
    assert_not_accused("select!", SELECT);
}

#[test]
fn variants_that_yield_are_not_accused() {
    assert_not_accused("yields", YIELDS);
}

#[test]
fn variants_with_timeouts_are_not_accused() {
    assert_not_accused("timeouts", TIMEOUTS);
}

#[test]
fn other_variants_are_not_accused() {
    assert_not_accused("others", OTHERS);
}

#[test]
fn there_are_at_least_95_correct_variants() {
    let groups = [JOIN_ALL, UNORDERED, MPSC, SELECT, YIELDS, TIMEOUTS];
    assert!(groups.iter().all(|group| group.len() == 10));
    let own: usize = groups.iter().map(|group| group.len()).sum();
    assert!(own + OTHERS.len() + VARIANTS.len() >= 95);
}
