//! Tasks and channels.

use futures::future::join_all;
use futures::stream::StreamExt;
use tokio::sync::{mpsc, oneshot};

use crate::steps::{Steps, joined, produce};
use crate::{Variant, variants};

pub(super) const MPSC: &[Variant] = variants! {
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
