//! A program, not a provider: a loop that waits for commands, for a timer and for the end at once.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example select_loop
//! ```
//!
//! It writes what it was told in batches, every 10 ms. When it is to stop, it writes what is left.
//! An oracle follows each item: none is lost at the end, and none is written twice. The `select` is
//! biased: an unbiased one draws a random number, which no check controls.

use futures::channel::{mpsc, oneshot};
use futures::future::FutureExt;
use futures::stream::StreamExt;
use futures::{pin_mut, select_biased};
use mapi_sync_sim::property::ExactlyOnce;
use mapi_sync_sim::{Check, engine, explore, sometimes};

const ITEMS: u32 = 3;

/// Takes items until it is to stop, and writes them in batches.
async fn write_batches(
    mut items: mpsc::UnboundedReceiver<u32>,
    stop: oneshot::Receiver<()>,
    written: ExactlyOnce<u32>,
) {
    let mut batch = Vec::new();
    let stop = stop.fuse();
    pin_mut!(stop);
    loop {
        let tick = engine::sleep(10).fuse();
        pin_mut!(tick);
        select_biased! {
            _ = stop => break,
            item = items.next() => match item {
                Some(item) => batch.push(item),
                None => break,
            },
            () = tick => {
                sometimes!("a batch has several items", batch.len() > 1);
                batch.drain(..).for_each(|item| written.saw(item));
            }
        }
    }
    // What was sent before the stop is written too.
    while let Ok(item) = items.try_recv() {
        sometimes!("an item comes with the stop");
        batch.push(item);
    }
    batch.drain(..).for_each(|item| written.saw(item));
}

async fn program() {
    let written = ExactlyOnce::new("each item is written once", 1..=ITEMS);
    let (sender, items) = mpsc::unbounded();
    let (stop, stopped) = oneshot::channel();
    let writer = engine::spawn("writer", write_batches(items, stopped, written));
    let senders: Vec<_> = (1..=ITEMS)
        .map(|item| {
            let sender = sender.clone();
            engine::spawn("sender", async move {
                engine::work(u64::from(7 * item)).await;
                sender.unbounded_send(item).expect("the writer runs until it is stopped");
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("a sender does not fail");
    }
    let _ = stop.send(());
    writer.await.expect("the writer does not fail");
}

pub(crate) fn set_up() -> Check {
    let goals = ["a batch has several items", "an item comes with the stop"];
    explore(program).name("select_loop").goals(goals).schedules(2_000)
}

pub(crate) fn main() {
    let report = set_up().run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
    println!("{report}");
}
