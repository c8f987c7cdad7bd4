//! Whether an author's provider can be run with tasks that run before their `spawn` returns.
//!
//! Such a task runs on the stack of the one that spawns it. If it waits for a lock that the other
//! one holds over the `spawn`, the thread hangs, although the provider is right. So some executions
//! are run on a thread that may be left behind, in which about every second task runs as early as
//! it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use mapi_sync_engine::Origin;

use crate::decision::Kind;
use crate::engine::parallel::STACK;
use crate::engine::{
    ChoicePoint, Decision, End, Engine, Limits, Strategy, TaskId, UniformRng, early_polls,
};
use crate::strategy::Random;
use crate::world::World;

/// How many executions are run.
const EXECUTIONS: u64 = 32;

/// How long one poll of an early task may take, in real time.
const POLL: Duration = Duration::from_secs(1);

/// How long an execution may take otherwise. A provider that hangs by itself hangs in the search
/// too, which says so.
const EXECUTION: Duration = Duration::from_secs(10);

/// Whether no task waits for what its spawner holds. `patience` is how long an execution may take
/// if that is shorter than usual.
pub(super) fn can_run(world: World, limits: Limits, patience: Option<Duration>) -> bool {
    let execution = patience.map_or(EXECUTION, |patience| patience.min(EXECUTION));
    let executions = Arc::new(AtomicU64::new(0));
    let (hello, polls) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let counted = Arc::clone(&executions);
    let probe = move || {
        let _ = hello.send(early_polls());
        let mut engine =
            Engine::new(limits, Early { decides: Random::new(0), coin: UniformRng::new(0) });
        engine.set_origin(Origin::unnumbered(
            " of a trial before the search, which `.early_tasks(false)` leaves out",
        ));
        let mut borrowed = false;
        for index in 0..EXECUTIONS {
            let Some(observed) = world.run(&mut engine, index) else { break };
            counted.fetch_add(1, Ordering::Relaxed);
            borrowed = observed.is_excused();
            // Others would take as long as a livelock.
            if borrowed || matches!(observed.outcome.end, End::Livelock(_)) {
                break;
            }
        }
        let _ = answer.send(!borrowed);
    };
    // Without a thread to spare, nothing is tried.
    let thread = thread::Builder::new().name("early".to_owned()).stack_size(STACK);
    let Ok(_left_behind) = thread.spawn(probe) else { return false };
    let Ok(polls) = polls.recv() else { return false };
    let mut since = Instant::now();
    let mut seen = None;
    loop {
        match answered.recv_timeout(Duration::from_millis(20)) {
            Ok(can_run) => return can_run,
            // The provider panicked outside of any execution, as it will in the search.
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = (executions.load(Ordering::Relaxed), polls.begun(), polls.ended());
        if seen != Some(now) {
            (seen, since) = (Some(now), Instant::now());
        }
        let (_, begun, ended) = now;
        if since.elapsed() > if begun > ended { POLL } else { execution } {
            return false;
        }
    }
}

/// Random schedules in which about every second new task runs as early as it can. What such a task
/// spawns is not run early, so not all are.
struct Early {
    decides: Random,
    coin: UniformRng,
}

impl Strategy for Early {
    fn begin(&mut self, index: u64) -> bool {
        self.coin = UniformRng::new(index);
        self.decides.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        self.decides.pick(at)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        match at.kind {
            Kind::Early => self.coin.below(2) * (at.arity - 1),
            _ => self.decides.choose(at),
        }
    }
}
