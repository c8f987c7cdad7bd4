//! How many schedules there are in a second.

#[path = "../../../../sim/benches/provider_4x8/mod.rs"]
mod provider_4x8;

use mapi_sync::contract::{Monitor, MonitorConfig};
use mapi_sync::{HResult, RawEvent, SyncProgressCallback};
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::strategy::StrategyInfo;
use peers::Rated;
use provider_4x8::{FOLDERS, Host, REPORTS, WatchedHost, folder};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const TASKS: usize = 2;
const YIELDS: usize = 10;

/// Runs a program under random schedules, or in the bare loop, for about as long as is said.
pub fn rate(program: &str, strategy: &str, millis: u64) -> Option<Rated> {
    let work: Box<dyn FnMut() -> u64> = match (program, strategy) {
        ("yields_2x10", "bare") => Box::new(|| {
            bare(std::array::from_fn::<_, TASKS, _>(|_| Box::pin(yields()) as _));
            (TASKS * (YIELDS + 1)) as u64
        }),
        ("provider_4x8", "bare") => Box::new(|| {
            let host: Arc<dyn SyncProgressCallback> = Arc::new(Host);
            let position = Arc::new(AtomicU32::new(0));
            bare(std::array::from_fn::<_, FOLDERS, _>(|_| {
                Box::pin(folder(Arc::clone(&host), Arc::clone(&position))) as _
            }));
            bare([Box::pin(async move {
                host.done(RawEvent::NULL, HResult::S_OK).await;
            })]);
            FOLDERS as u64 * u64::from(REPORTS + 1)
        }),
        ("yields_2x10", _) => driven(strategy, || {
            let main = async {
                for _ in 0..TASKS {
                    // For the peer, spawning is a scheduling point.
                    engine::yield_now().await;
                    engine::spawn("yields", yields());
                }
            };
            (main, None)
        })?,
        ("provider_4x8", _) => driven(strategy, || {
            let monitor = Monitor::local(MonitorConfig::default(), engine::now);
            let host = Arc::new(WatchedHost(monitor.callback_sync()));
            (provider(host), Some(monitor))
        })?,
        _ => return None,
    };
    Some(timed(work, millis))
}

/// Calls the work, which returns its number of scheduling points, in batches until the time is up.
fn timed(mut work: Box<dyn FnMut() -> u64>, millis: u64) -> Rated {
    let (mut executions, mut points) = (0_u64, 0_u64);
    let limit = Duration::from_millis(millis);
    let start = Instant::now();
    while start.elapsed() < limit {
        for _ in 0..256 {
            points += work();
        }
        executions += 256;
    }
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    let points = points as f64 / executions as f64;
    Rated { executions, seconds, points }
}

fn driven<F>(
    strategy: &str,
    mut program: impl FnMut() -> (F, Option<Monitor>) + 'static,
) -> Option<Box<dyn FnMut() -> u64>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut engine: Engine = StrategyInfo::named(strategy).ok()?.engine(Limits::default(), 1);
    let mut index = 0;
    Some(Box::new(move || {
        let (main, monitor) = program();
        let outcome = black_box(engine.execute(index, main)).expect("it goes on for ever");
        assert!(monitor.is_none_or(|monitor| monitor.holds()));
        index += 1;
        outcome.steps
    }))
}

async fn yields() {
    for _ in 0..YIELDS {
        engine::yield_now().await;
    }
}

async fn provider(host: Arc<dyn SyncProgressCallback>) {
    let position = Arc::new(AtomicU32::new(0));
    let mut folders = Vec::with_capacity(FOLDERS);
    for _ in 0..FOLDERS {
        engine::yield_now().await;
        let folder = folder(Arc::clone(&host), Arc::clone(&position));
        folders.push(engine::spawn("folder", folder));
    }
    for folder in folders {
        folder.await.expect("no folder fails");
    }
    host.done(RawEvent::NULL, HResult::S_OK).await;
}

/// Polls the tasks in turn, with a waker that does nothing.
fn bare<const N: usize>(tasks: [Pin<Box<dyn Future<Output = ()> + Send>>; N]) {
    let mut tasks = tasks.map(Some);
    let mut cx = Context::from_waker(Waker::noop());
    let mut left = N;
    while left > 0 {
        for slot in &mut tasks {
            if let Some(task) = slot
                && let Poll::Ready(()) = black_box(task.as_mut()).poll(&mut cx)
            {
                *slot = None;
                left -= 1;
            }
        }
    }
}
