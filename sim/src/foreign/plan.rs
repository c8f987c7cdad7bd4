//! The host's plan: what it does in each sync that the plainest host would not. A seed makes it
//! repeatable.

use mapi_sync::{HResult, SyncFlags};

/// Something that a host may do, and that a correct provider takes in its stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Habit {
    /// Progress answers a failure.
    ProgressFails,
    /// Error answers a failure.
    ErrorFails,
    /// Done answers a failure.
    DoneFails,
    /// Done takes half a second to return, and looks at the event meanwhile.
    LingersInDone,
    /// The first Progress starts another sync before it returns.
    StartsInProgress,
    /// The first Error starts another sync before it returns.
    StartsInError,
    /// Done starts another sync before it returns.
    StartsInDone,
    /// Another sync is started as soon as the start has returned.
    Overlaps,
    /// Every reference to the store is given back while the sync runs.
    ReleasesStore,
    /// `psesSync` is an object, not NULL.
    Session,
    /// `ulSize` is larger than the block of today, as in a later version of it.
    LongerBlock,
    /// `ulFlags` has every flag that has a name.
    AllFlags,
    /// `ulFlags` has other bits, or none.
    OtherFlags,
    /// The start is made in a single-threaded apartment, whose thread goes on to pump messages.
    SingleThreaded,
    /// Progress and Error take 20 ms to return.
    Slow,
}

impl Habit {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::ProgressFails,
        Self::ErrorFails,
        Self::DoneFails,
        Self::LingersInDone,
        Self::StartsInProgress,
        Self::StartsInError,
        Self::StartsInDone,
        Self::Overlaps,
        Self::ReleasesStore,
        Self::Session,
        Self::LongerBlock,
        Self::AllFlags,
        Self::OtherFlags,
        Self::SingleThreaded,
        Self::Slow,
    ];

    /// The name in reports, for example `starts-in-done`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::ProgressFails => "progress-fails",
            Self::ErrorFails => "error-fails",
            Self::DoneFails => "done-fails",
            Self::LingersInDone => "lingers-in-done",
            Self::StartsInProgress => "starts-in-progress",
            Self::StartsInError => "starts-in-error",
            Self::StartsInDone => "starts-in-done",
            Self::Overlaps => "overlaps",
            Self::ReleasesStore => "releases-store",
            Self::Session => "session",
            Self::LongerBlock => "longer-block",
            Self::AllFlags => "all-flags",
            Self::OtherFlags => "other-flags",
            Self::SingleThreaded => "single-threaded",
            Self::Slow => "slow",
        }
    }

    /// What the host does, in words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::ProgressFails => "Progress answers a failure",
            Self::ErrorFails => "Error answers a failure",
            Self::DoneFails => "Done answers a failure",
            Self::LingersInDone => "Done takes half a second, and looks at the event meanwhile",
            Self::StartsInProgress => "the first Progress starts another sync before it returns",
            Self::StartsInError => "the first Error starts another sync before it returns",
            Self::StartsInDone => "Done starts another sync before it returns",
            Self::Overlaps => "another sync is started as soon as the start has returned",
            Self::ReleasesStore => "every reference to the store is given back in mid-sync",
            Self::Session => "`psesSync` is an object, not NULL",
            Self::LongerBlock => "`ulSize` is larger than the block of today",
            Self::AllFlags => "`ulFlags` has every flag that has a name",
            Self::OtherFlags => "`ulFlags` has other bits, or none",
            Self::SingleThreaded => {
                "the start is made in a single-threaded apartment, whose thread pumps messages"
            }
            Self::Slow => "Progress and Error take 20 ms to return",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// What the host does in one sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behaviour {
    habits: u32,
    /// The published handle is closed inside Done, not after the event.
    pub(super) closes_in_done: bool,
    /// What a failing call answers.
    pub(super) failure: HResult,
    pub(super) flags: SyncFlags,
}

impl Behaviour {
    /// The plainest host.
    pub(super) fn plain(flags: SyncFlags) -> Self {
        Self { habits: 0, closes_in_done: false, failure: HResult::E_FAIL, flags }
    }

    pub(super) fn has(self, habit: Habit) -> bool {
        self.habits & habit.bit() != 0
    }
}

/// The plan of a check.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    order: Vec<Habit>,
    random: fastrand::Rng,
    flags: SyncFlags,
}

impl Plan {
    pub(super) fn new(seed: u64, flags: SyncFlags) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        // `Slow` has syncs of its own, by their number.
        let mut order: Vec<_> =
            Habit::ALL.iter().copied().filter(|&habit| habit != Habit::Slow).collect();
        // Drawn alike on 32 and on 64 bits, as `shuffle` is not.
        for last in (1..order.len()).rev() {
            order.swap(last, below(&mut random, last + 1));
        }
        Self { order, random, flags }
    }

    /// What the host does in the sync of this number, from 0; to be asked for in order.
    ///
    /// The first one is plain. Then each habit has a sync of its own, so that what it breaks is
    /// named well, and after that two come together. In every second sync the host closes the
    /// published handle inside Done, in the others after the event. In two of four syncs it is
    /// slow, so that a Done that overtakes a call shows.
    pub(super) fn next(&mut self, number: u32) -> Behaviour {
        let habits = match number.checked_sub(1).map(|place| place as usize) {
            None => 0,
            Some(place) => match self.order.get(place) {
                Some(habit) => habit.bit(),
                None => self.any().bit() | self.any().bit(),
            },
        };
        let slow = if number % 4 >= 2 { Habit::Slow.bit() } else { 0 };
        let codes = [HResult::E_FAIL, HResult::E_OUTOFMEMORY, HResult::MAPI_E_CALL_FAILED];
        let mut behaviour = Behaviour {
            habits: habits | slow,
            closes_in_done: number.is_multiple_of(2),
            failure: codes[below(&mut self.random, codes.len())],
            flags: self.flags,
        };
        if behaviour.has(Habit::AllFlags) {
            behaviour.flags = SyncFlags::names().fold(self.flags, |all, (_, flag)| all | flag);
        } else if behaviour.has(Habit::OtherFlags) {
            // No flag at all is what a host passes that leaves the choice to the provider.
            let bits = if self.random.bool() { self.random.u32(..) } else { 0 };
            behaviour.flags = SyncFlags::from_bits_retain(bits);
        }
        behaviour
    }

    fn any(&mut self) -> Habit {
        self.order[below(&mut self.random, self.order.len())]
    }
}

/// A number below `end`, which is small.
fn below(random: &mut fastrand::Rng, end: usize) -> usize {
    random.u32(..u32::try_from(end).unwrap_or(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64, syncs: u32) -> Vec<Behaviour> {
        let mut plan = Plan::new(seed, SyncFlags::DOWNLOAD_CONTENTS);
        (0..syncs).map(|number| plan.next(number)).collect()
    }

    #[test]
    fn a_seed_gives_one_plan() {
        assert_eq!(plan(1, 100), plan(1, 100));
        assert_ne!(plan(1, 100), plan(2, 100));
        // A longer check begins as a shorter one.
        assert_eq!(plan(7, 100)[..20], plan(7, 20));
    }

    #[test]
    fn the_default_number_of_syncs_has_every_habit() {
        for seed in 0..50 {
            let plan = plan(seed, 20);
            for &habit in Habit::ALL {
                assert!(plan.iter().any(|sync| sync.has(habit)), "seed {seed}: {habit:?}");
            }
            assert_eq!(plan[0].habits, 0);
        }
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = Habit::ALL.iter().copied().map(Habit::id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Habit::ALL.len());
    }
}
