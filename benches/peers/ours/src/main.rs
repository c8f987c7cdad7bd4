//! `mapi-sync-sim` and a bare poll loop.

#[path = "../../programs/cells.rs"]
mod cells;
#[path = "../../programs/channels.rs"]
mod channels;
#[path = "../../programs/counters.rs"]
mod counters;
#[path = "../../programs/locks.rs"]
mod locks;
mod rates;
#[path = "../../programs/shapes.rs"]
mod shapes;
#[path = "../../programs/wakers.rs"]
mod wakers;
mod world;

use std::time::Instant;

use mapi_sync_sim::engine::{End, Engine, Limits};
use mapi_sync_sim::strategy::{Dpor, StrategyInfo, TrackedSharing};
use peers::{Peer, Rated, Searched, answer};
use world::World;

struct Ours;

impl Peer for Ours {
    fn search(&self, program: &str) -> Option<Searched> {
        let program = shapes::named(program).or_else(|| channels::named(program))?;
        let mut engine = Engine::new(Limits::default(), Dpor::new(TrackedSharing));
        let start = Instant::now();
        while engine.execute(0, World::run(program, false)).is_some() {}
        let seconds = start.elapsed().as_secs_f64();
        let certificate = engine.strategy::<Dpor>()?.certificate();
        assert!(certificate.complete, "{certificate}");
        Some(Searched { executions: certificate.classes + certificate.blocked, seconds })
    }

    fn rate(&self, program: &str, strategy: &str, millis: u64) -> Option<Rated> {
        rates::rate(program, strategy, millis)
    }

    fn hunt(&self, program: &str, strategy: &str, seed: u64, most: u64) -> Option<Option<u64>> {
        let tracked = cells::named(program)
            .or_else(|| counters::named(program))
            .or_else(|| locks::named(program));
        let program = match strategy {
            // It reduces, so it must see everything that tasks share.
            "exhaustive" => tracked,
            _ => tracked.or_else(|| wakers::named(program)),
        }?;
        let mut engine = StrategyInfo::named(strategy).ok()?.engine(Limits::default(), seed);
        let found = (0..most).find(|index| {
            engine.execute(*index, World::run(program, true)).is_some_and(|outcome| {
                let stuck = !matches!(outcome.end, End::Completed | End::Abandoned);
                stuck || !outcome.panics.is_empty()
            })
        });
        Some(found.map(|index| index + 1))
    }

    fn is_seeded(&self, strategy: &str) -> bool {
        strategy != "exhaustive"
    }
}

fn main() {
    answer(&Ours);
}
