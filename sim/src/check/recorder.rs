//! A strategy that writes down what another decides, while the execution goes on: one that hangs
//! leaves no log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::decision::{Departure, Kind, Place};
use crate::engine::{ChoicePoint, Decision, Engine, Observer, Strategy, TaskId, TaskKey};
use crate::lock::lock;
use crate::strategy::RoundRobin;

/// What was decided until now, as far as it departs from the default.
pub(super) type Taken = Arc<Mutex<Vec<Departure>>>;

/// Writes down what the engine's strategy decides.
pub(super) fn record(engine: &mut Engine, taken: Taken) {
    let inner = engine.set_strategy(RoundRobin::new(0));
    engine.set_strategy(Recorder { inner, taken, asked: BTreeMap::new() });
}

struct Recorder {
    inner: Box<dyn Strategy>,
    taken: Taken,
    /// How often each task asked at each site.
    asked: BTreeMap<(Kind, TaskKey, u32), u32>,
}

impl Strategy for Recorder {
    fn begin(&mut self, index: u64) -> bool {
        self.asked.clear();
        lock(&self.taken).clear();
        self.inner.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let picked = self.inner.pick(at);
        if picked != at.default_task() && at.contains(picked) {
            let task = at.key(at.current());
            let place = Place { kind: Kind::Run, task, site: 0, ordinal: at.ordinal() };
            lock(&self.taken).push(Departure { place, value: at.key(picked).get() });
        }
        picked
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        let value = self.inner.choose(at);
        let site = at.site.hash();
        let count = self.asked.entry((at.kind, at.key, site)).or_default();
        let place = Place { kind: at.kind, task: at.key, site, ordinal: *count };
        *count += 1;
        if value != 0 && value < at.arity {
            lock(&self.taken).push(Departure { place, value: value.into() });
        }
        value
    }

    fn cut_short(&mut self) {
        self.inner.cut_short();
    }

    fn end(&mut self) {
        self.inner.end();
    }

    fn asks_every_step(&self) -> bool {
        self.inner.asks_every_step()
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        self.inner.observer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::Portfolio;
    use crate::world::{World, builtin};

    #[test]
    fn what_is_written_down_is_what_the_log_says() {
        let world = World::new(builtin("default").expect("it is built in").clone());
        let mut plain = Engine::new(world.limits(), Portfolio::new(3));
        let mut recorded = Engine::new(world.limits(), Portfolio::new(3));
        let taken = Taken::default();
        record(&mut recorded, Arc::clone(&taken));
        for index in 0..100 {
            world.run(&mut plain, index);
            world.run(&mut recorded, index);
            assert_eq!(recorded.fingerprint(), plain.fingerprint(), "{index}");
            assert_eq!(*lock(&taken), plain.decisions().departures(), "{index}");
        }
    }
}
