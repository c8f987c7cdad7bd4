//! The host of one execution, where a search varies it.

use crate::engine;
use crate::world::scenario::{Cost, Host, NextSync, Swarm, Variation, WaitFor};
use crate::world::sites::{SWARM, variation_site};

/// A host, and what it does in this execution beyond what a scenario can say.
#[derive(Clone, Debug)]
pub(in crate::world) struct Varied {
    pub(in crate::world) host: Host,
    pub(in crate::world) starts_at_once: bool,
    pub(in crate::world) late_cancel: bool,
    pub(in crate::world) last_sync: bool,
    /// Whether nothing at all goes wrong in that one.
    pub(in crate::world) last_is_calm: bool,
}

/// Of this many executions, one has the host as the scenario says.
const AS_GIVEN: u32 = 4;

impl Varied {
    /// The host of this execution. `None` if it is as the scenario says.
    pub(in crate::world) fn draw(host: &Host) -> Option<Self> {
        let swarm = host.swarm;
        if swarm.is_empty() || engine::choose(SWARM, AS_GIVEN) == 0 {
            return None;
        }
        let mut varied = Self {
            host: host.clone(),
            starts_at_once: false,
            late_cancel: false,
            last_sync: false,
            last_is_calm: false,
        };
        for variation in Variation::ALL {
            varied.decide(swarm, variation);
        }
        Some(varied)
    }

    fn decide(&mut self, swarm: Swarm, variation: Variation) {
        let host = &mut self.host;
        let is_idle = variation == Variation::InsideDone && host.syncs == 1;
        if is_idle || !swarm.contains(variation) {
            return;
        }
        let values = match variation {
            // Tokens hold these values.
            Variation::MoreSyncs | Variation::LastSync => 3,
            _ => 2,
        };
        let drawn = engine::choose(variation_site(variation), values);
        if drawn == 0 {
            return;
        }
        match variation {
            Variation::MoreSyncs => host.syncs += drawn,
            Variation::InsideDone => host.next_sync = NextSync::InsideDone,
            Variation::OverlapStart => host.overlap_start = true,
            Variation::StartsAtOnce => self.starts_at_once = true,
            Variation::Reentrant => host.reentrant = true,
            Variation::SlowCallback => host.callback = Cost::Uniform(0, 50),
            Variation::LateCancel => self.late_cancel = true,
            Variation::WaitForDone => host.wait = WaitFor::Done,
            Variation::LastSync => {
                self.last_sync = true;
                self.last_is_calm = drawn == 2;
            }
        }
    }
}
