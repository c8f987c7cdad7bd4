//! How many schedules run in a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use peers::Rated;
use shuttle::Runner;
use shuttle::future::{block_on, spawn, yield_now};
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

use crate::{config, scheduler};

const TASKS: usize = 2;
const YIELDS: usize = 10;
const FOLDERS: usize = 4;
const REPORTS: u32 = 8;

/// Runs a program for about `millis` milliseconds. Shuttle has no check to run a provider through:
/// both rows of the provider are the same program here.
pub fn rate(program: &str, strategy: &str, millis: u64) -> Option<Rated> {
    let program = match program {
        "yields_2x10" => yields_2x10,
        "provider_4x8" | "provider_4x8, through check" => provider_4x8,
        _ => return None,
    };
    let points = points(program, strategy)?;
    let mut config = config();
    config.max_time = Some(Duration::from_millis(millis));
    let runner = Runner::new(scheduler(strategy, 1, usize::MAX)?, config);
    let start = Instant::now();
    let executions = runner.run(program) as u64;
    Some(Rated { executions, seconds: start.elapsed().as_secs_f64(), points })
}

/// The mean number of times that the scheduler is asked. Counted in a separate run, because
/// counting takes time.
fn points(program: fn(), strategy: &str) -> Option<f64> {
    const RUNS: u32 = 200;
    let asked = Arc::new(AtomicU64::new(0));
    let counting =
        Counting { inner: scheduler(strategy, 1, RUNS as usize)?, asked: Arc::clone(&asked) };
    Runner::new(counting, config()).run(program);
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    Some(asked.load(Ordering::Relaxed) as f64 / f64::from(RUNS))
}

struct Counting {
    inner: Box<dyn Scheduler + Send>,
    asked: Arc<AtomicU64>,
}

impl Scheduler for Counting {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.inner.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.inner.next_u64()
    }
}

fn yields_2x10() {
    for _ in 0..TASKS {
        // Shuttle waits at the end for threads that nobody joins.
        shuttle::thread::spawn(|| {
            block_on(async {
                for _ in 0..YIELDS {
                    yield_now().await;
                }
            });
        });
    }
}

/// A host that takes one turn to answer. Nothing checks its calls.
struct Host;

#[async_trait]
trait Callback: Send + Sync {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> u32;
    async fn done(&self, status: u32) -> u32;
}

#[async_trait]
impl Callback for Host {
    async fn progress(&self, _: Option<&str>, _: u32, _: u32) -> u32 {
        yield_now().await;
        0
    }

    async fn done(&self, _: u32) -> u32 {
        0
    }
}

async fn folder(host: Arc<dyn Callback>, position: Arc<AtomicU32>) {
    for _ in 0..REPORTS {
        // One thread runs all folders, so no other can come between.
        let index = position.load(Ordering::Relaxed) + 1;
        position.store(index, Ordering::Relaxed);
        host.progress(Some("Inbox"), index, FOLDERS as u32 * REPORTS).await;
    }
}

fn provider_4x8() {
    block_on(async {
        let host: Arc<dyn Callback> = Arc::new(Host);
        let position = Arc::new(AtomicU32::new(0));
        let folders =
            [(); FOLDERS].map(|()| spawn(folder(Arc::clone(&host), Arc::clone(&position))));
        for folder in folders {
            folder.await.expect("no task is aborted");
        }
        host.done(0).await;
    });
}
