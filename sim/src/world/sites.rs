//! The sites of the world's choices.

use super::scenario::{Fault, Variation};
use crate::decision::{Decisions, Kind};
use crate::engine::Site;

pub(super) const CANCELS: Site = Site::new("user cancels");
pub(super) const CANCEL_BY: Site = Site::new("cancel by");
pub(super) const CANCEL_AFTER: Site = Site::new("cancel after");
pub(super) const SHUTS_DOWN: Site = Site::new("host shuts down");
pub(super) const SHUTDOWN_AFTER: Site = Site::new("shutdown after");
pub(super) const SHUTDOWN_WAY: Site = Site::new("way to shut down");
pub(super) const SHUTDOWN_TAKES: Site = Site::new("shutdown takes");
pub(super) const CALLBACK: Site = Site::new("callback time");
pub(super) const CONNECT: Site = Site::new("cost connect");
pub(super) const FOLDER: Site = Site::new("cost folder");
pub(super) const HEADER: Site = Site::new("cost header");
pub(super) const BODY: Site = Site::new("cost body");
pub(super) const UPLOAD: Site = Site::new("cost upload");

pub(super) const STEP: Site = Site::new("cost of a step");
pub(super) const CHOICE: Site = Site::new("choice of a branch");

pub(super) const SWARM: Site = Site::new("host varies");

const ALL: [Site; 16] = [
    SWARM,
    CANCELS,
    CANCEL_BY,
    CANCEL_AFTER,
    SHUTS_DOWN,
    SHUTDOWN_AFTER,
    SHUTDOWN_WAY,
    SHUTDOWN_TAKES,
    CALLBACK,
    CONNECT,
    FOLDER,
    HEADER,
    BODY,
    UPLOAD,
    STEP,
    CHOICE,
];

/// Where it is decided whether the host has this variation.
pub(super) const fn variation_site(variation: Variation) -> Site {
    Site::new(match variation {
        Variation::MoreSyncs => "more syncs",
        Variation::InsideDone => "next sync inside Done",
        Variation::OverlapStart => "second start while a sync runs",
        Variation::StartsAtOnce => "two starts at once",
        Variation::Reentrant => "start from inside Progress",
        Variation::SlowCallback => "slow callbacks",
        Variation::LateCancel => "late cancel",
        Variation::WaitForDone => "handle closed inside Done",
        Variation::LastSync => "a last sync without faults",
    })
}

/// Whether it is decided at the site with this hash that the user cancels.
pub(crate) const fn is_cancel(hash: u32) -> bool {
    CANCELS.hash() == hash
}

/// Whether it is decided at the site with this hash when the user does.
pub(crate) const fn is_cancel_time(hash: u32) -> bool {
    CANCEL_AFTER.hash() == hash
}

/// The variation that is decided at the site with this hash.
pub(crate) fn variation_at(hash: u32) -> Option<Variation> {
    Variation::ALL.into_iter().find(|variation| variation_site(*variation).hash() == hash)
}

/// What the host did in an execution of these decisions that no document promises to work.
pub(crate) fn undocumented_acts(decisions: &Decisions) -> Vec<Variation> {
    let is_done = |variation: &Variation| {
        let site = variation_site(*variation).hash();
        let mut departures = decisions.departures().iter();
        departures
            .any(|departure| departure.place.kind == Kind::Choice && departure.place.site == site)
    };
    let undocumented = Variation::ALL.into_iter().filter(|variation| variation.is_policy());
    undocumented.filter(is_done).collect()
}

/// The name of the site with this hash, if it is one of the world's.
pub(crate) fn site_name(hash: u32) -> Option<&'static str> {
    let faults = Fault::ALL.into_iter().map(|fault| Site::new(fault.name()));
    let variations = Variation::ALL.into_iter().map(variation_site);
    ALL.into_iter().chain(faults).chain(variations).find(|site| site.hash() == hash).map(Site::name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{World, builtin};
    use super::*;
    use crate::engine::{ChoicePoint, Decision, Engine, Strategy, TaskId};
    use crate::strategy::Random;

    /// Random, and which places it was asked at.
    struct Asked(Random, BTreeSet<u32>);

    impl Strategy for Asked {
        fn begin(&mut self, index: u64) -> bool {
            self.0.begin(index)
        }

        fn pick(&mut self, at: &Decision<'_>) -> TaskId {
            self.0.pick(at)
        }

        fn choose(&mut self, at: &ChoicePoint) -> u32 {
            self.1.insert(at.site.hash());
            self.0.choose(at)
        }
    }

    #[test]
    fn every_place_that_is_asked_at_has_a_name() {
        let world = World::new(builtin("default").unwrap().clone());
        let mut engine = Engine::new(world.limits(), Asked(Random::new(1), BTreeSet::from([0])));
        for index in 0..300 {
            world.run(&mut engine, index).unwrap();
        }
        let asked = &engine.strategy::<Asked>().unwrap().1;
        assert!(asked.len() > 12, "{}", asked.len());
        let unknown = asked.iter().filter(|hash| site_name(**hash).is_none()).count();
        assert_eq!(unknown, 1, "drops and spurious polls are at no site");
    }
}
