//! A loop reads pairs, and looks at a clock between. If the clock wins within a pair, half of it is
//! lost.

use std::time::Duration;

use tokio::select;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{interval, sleep};

async fn pair(numbers: &mut Receiver<u32>) -> Option<(u32, u32)> {
    Some((numbers.recv().await?, numbers.recv().await?))
}

pub(crate) async fn program() {
    let (sender, mut numbers) = channel(4);
    let task = tokio::spawn(async move {
        sender.send(1).await.unwrap();
        sender.send(2).await.unwrap();
        sleep(Duration::from_millis(10)).await;
        sender.send(3).await.unwrap();
        tokio::task::yield_now().await;
        sender.send(4).await.unwrap();
    });
    let mut clock = interval(Duration::from_millis(10));
    let (mut sum, mut ticks) = (0, 0);
    loop {
        select! {
            read = pair(&mut numbers) => match read {
                Some((a, b)) => sum += a + b,
                None => break,
            },
            _ = clock.tick(), if ticks < 3 => ticks += 1,
        }
    }
    assert_eq!(sum, 10, "a number is lost");
    task.await.unwrap();
}
