//! How many schedules run in a second, of the programs of the simulator's own benches.

#[path = "../../../../sim/benches/in_turn/mod.rs"]
mod in_turn;
#[path = "../../../../sim/benches/provider_4x8/mod.rs"]
mod provider_4x8;
#[path = "../../../../sim/benches/yields_2x10/mod.rs"]
mod yields_2x10;

use std::time::{Duration, Instant};

use mapi_sync_sim::engine::{Engine, Limits};
use mapi_sync_sim::strategy::StrategyInfo;
use peers::Rated;
use provider_4x8::{Checked, FOLDERS, REPORTS};
use yields_2x10::{TASKS, YIELDS};

/// Runs a program under random schedules, or in the bare loop, for about `millis` milliseconds.
pub fn rate(program: &str, strategy: &str, millis: u64) -> Option<Rated> {
    let engine = |limits| Some(StrategyInfo::named(strategy).ok()?.engine(limits, 1));
    Some(match (program, strategy) {
        ("yields_2x10", "bare") => timed(millis, |_| {
            yields_2x10::bare();
            (TASKS * (YIELDS + 1)) as u64
        }),
        ("provider_4x8" | "provider_4x8, through check", "bare") => timed(millis, |_| {
            provider_4x8::bare();
            FOLDERS as u64 * u64::from(REPORTS + 1)
        }),
        ("yields_2x10", _) => {
            let mut engine: Engine = engine(Limits::default())?;
            timed(millis, |index| yields_2x10::simulated(&mut engine, index))
        }
        ("provider_4x8", _) => {
            let mut engine: Engine = engine(Limits::default())?;
            timed(millis, |index| provider_4x8::monitored(&mut engine, index))
        }
        ("provider_4x8, through check", _) => {
            let mut checked = Checked::new();
            let mut engine: Engine = engine(checked.limits())?;
            timed(millis, |index| checked.run(&mut engine, index))
        }
        _ => return None,
    })
}

/// Calls `work`, which returns its number of scheduling points, in batches until the time is up.
fn timed(millis: u64, mut work: impl FnMut(u64) -> u64) -> Rated {
    let (mut executions, mut points) = (0_u64, 0_u64);
    let limit = Duration::from_millis(millis);
    let start = Instant::now();
    while start.elapsed() < limit {
        for index in executions..executions + 256 {
            points += work(index);
        }
        executions += 256;
    }
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    let points = points as f64 / executions as f64;
    Rated { executions, seconds, points }
}
