//! A program, not a provider: a cache that fetches what is missing once, however many ask for it.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example single_flight
//! ```
//!
//! The first one who asks fetches, and the others wait for it. Whoever fetches may be dropped in
//! the middle: then one of the waiting ones takes over, and none of them waits for ever. The check
//! drops each task at each of its await points.

use std::sync::Arc;

use mapi_sync_sim::engine::sync::Register;
use mapi_sync_sim::{Check, Report, engine, explore, property, sometimes};
use tokio::sync::Mutex;

const CLIENTS: [&str; 3] = ["first", "second", "third"];

/// One value that takes long to fetch.
struct Cache {
    value: Mutex<Option<u32>>,
    /// How many fetches run, and how many there were: the check looks at them.
    running: Register<u32>,
    fetches: Register<u32>,
}

impl Cache {
    fn new() -> Self {
        let (running, fetches) = (Register::new("running", 0), Register::new("fetches", 0));
        let seen = running.clone();
        property::invariant("one fetch at a time", move || seen.get() <= 1);
        Self { value: Mutex::new(None), running, fetches }
    }

    /// The value, fetched if nobody has yet.
    async fn get(&self) -> u32 {
        // The lock is held over the fetch. A drop gives it to the next one who waits.
        let mut value = self.value.lock().await;
        if let Some(value) = *value {
            return value;
        }
        let fetched = self.fetch().await;
        *value = Some(fetched);
        fetched
    }

    async fn fetch(&self) -> u32 {
        self.fetches.update(|fetches| *fetches += 1);
        sometimes!("another one takes over", self.fetches.get() > 1);
        let _running = Running::new(self.running.clone());
        engine::work(20).await;
        42
    }
}

/// Counts a fetch as running, even if it is dropped.
struct Running(Register<u32>);

impl Running {
    fn new(running: Register<u32>) -> Self {
        running.update(|running| *running += 1);
        Self(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.update(|running| *running -= 1);
    }
}

async fn program() {
    let cache = Arc::new(Cache::new());
    let clients = CLIENTS.map(|name| {
        let cache = Arc::clone(&cache);
        engine::spawn_droppable(name, async move { assert_eq!(cache.get().await, 42) })
    });
    let dropped = Register::new("dropped", 0);
    let (fetches, seen) = (cache.fetches.clone(), dropped.clone());
    property::at_end("no fetch too many", move || fetches.get() <= 1 + seen.get());
    for client in clients {
        let is_dropped = client.await.is_err();
        dropped.update(|dropped| *dropped += u32::from(is_dropped));
    }
}

pub(crate) fn set_up() -> Check {
    explore(program).name("single_flight").schedules(1_000)
}

/// The same with each client dropped at each of its await points.
pub(crate) fn with_drops() -> Check {
    let check = explore(program).name("single_flight").goals(["another one takes over"]);
    check.strict(true).cancellations()
}

pub(crate) fn main() {
    let random: Report = set_up().run();
    random.assert_holds();
    let drops: Report = with_drops().run();
    drops.assert_holds();
    println!("{drops}");
}
