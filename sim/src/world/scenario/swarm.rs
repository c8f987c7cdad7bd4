//! What a host may do in some executions and not in others.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::suggest::nearest;

/// Something that a host does in some executions of a random search, beyond what its scenario says.
///
/// The search decides for each execution anew, so every one stands in the token of a
/// counterexample and is taken away where the defect shows without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Variation {
    /// One or two more syncs, one after the other.
    MoreSyncs,
    /// The next sync is started from inside Done. It needs [`MoreSyncs`](Self::MoreSyncs).
    InsideDone,
    /// A second sync is started while the first one runs.
    OverlapStart,
    /// Two syncs are started at the same time, by two threads. No document promises that this
    /// works.
    StartsAtOnce,
    /// A sync is started from inside Progress. No document promises that this works.
    Reentrant,
    /// Each callback takes up to 50 virtual milliseconds.
    SlowCallback,
    /// A user's cancel arrives so late that the sync may be over, and the next one running.
    LateCancel,
    /// The host takes Done as the end, and closes the handle inside Done.
    WaitForDone,
    /// When all is over, the host and the system have no further faults, and one more sync is
    /// started: its Done must come. In some executions nothing else goes wrong in it either: no
    /// task is dropped, no sleep is late, and no new task runs early.
    LastSync,
}

impl Variation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::MoreSyncs,
        Self::InsideDone,
        Self::OverlapStart,
        Self::StartsAtOnce,
        Self::Reentrant,
        Self::SlowCallback,
        Self::LateCancel,
        Self::WaitForDone,
        Self::LastSync,
    ];

    /// The name in a scenario file and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MoreSyncs => "more_syncs",
            Self::InsideDone => "inside_done",
            Self::OverlapStart => "overlap_start",
            Self::StartsAtOnce => "starts_at_once",
            Self::Reentrant => "reentrant",
            Self::SlowCallback => "slow_callback",
            Self::LateCancel => "late_cancel",
            Self::WaitForDone => "wait_for_done",
            Self::LastSync => "last_sync",
        }
    }

    /// Whether the interface's documentation says nothing of it: what a provider does wrong then
    /// is a matter of policy.
    #[must_use]
    pub const fn is_policy(self) -> bool {
        matches!(self, Self::StartsAtOnce | Self::Reentrant)
    }

    /// What the host does, in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::MoreSyncs => "more syncs, one after the other",
            Self::InsideDone => "the next sync started from inside Done",
            Self::OverlapStart => "a second sync started while the first one runs",
            Self::StartsAtOnce => "two syncs started at the same time",
            Self::Reentrant => "a sync started from inside Progress",
            Self::SlowCallback => "slow callbacks",
            Self::LateCancel => "a cancel that arrives late",
            Self::WaitForDone => "the handle closed inside Done",
            Self::LastSync => "one more sync without faults",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variation| variation.name() == name)
    }
}

/// A set of [`Variation`]s. Which of them are on is drawn for each execution: this is swarm testing
/// (Groce et al., ISSTA 2012), in which executions that leave something out find what those that do
/// everything hide.
///
/// In a scenario file: `swarm = true`, `swarm = false`, or a list of names.
///
/// ```
/// use mapi_sync_sim::world::{Swarm, Variation};
///
/// let swarm = Swarm::ALL.without(Variation::Reentrant);
/// assert!(swarm.contains(Variation::OverlapStart) && !swarm.contains(Variation::Reentrant));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Swarm(u16);

impl Swarm {
    /// The host does what its scenario says.
    pub const NONE: Self = Self(0);

    /// Every variation.
    pub const ALL: Self = Self((1 << Variation::ALL.len()) - 1);

    /// The same with this variation.
    #[must_use]
    pub const fn with(self, variation: Variation) -> Self {
        Self(self.0 | 1 << variation as u16)
    }

    /// The same without this variation.
    #[must_use]
    pub const fn without(self, variation: Variation) -> Self {
        Self(self.0 & !(1 << variation as u16))
    }

    /// Whether this variation is one of them.
    #[must_use]
    pub const fn contains(self, variation: Variation) -> bool {
        self.0 & 1 << variation as u16 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn iter(self) -> impl Iterator<Item = Variation> {
        Variation::ALL.into_iter().filter(move |variation| self.contains(*variation))
    }
}

impl FromIterator<Variation> for Swarm {
    fn from_iter<I: IntoIterator<Item = Variation>>(variations: I) -> Self {
        variations.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Serialize for Swarm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::ALL || self.is_empty() {
            return serializer.serialize_bool(!self.is_empty());
        }
        let mut names = serializer.serialize_seq(None)?;
        for variation in self.iter() {
            names.serialize_element(variation.name())?;
        }
        names.end()
    }
}

impl<'de> Deserialize<'de> for Swarm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Swarm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a list of names")
            }

            fn visit_bool<E>(self, all: bool) -> Result<Swarm, E> {
                Ok(if all { Swarm::ALL } else { Swarm::NONE })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Swarm, A::Error> {
                let mut swarm = Swarm::NONE;
                while let Some(name) = names.next_element::<String>()? {
                    swarm = swarm.with(Variation::named(&name).ok_or_else(|| unknown(&name))?);
                }
                Ok(swarm)
            }
        }

        deserializer.deserialize_any(Read)
    }
}

fn unknown<E: de::Error>(name: &str) -> E {
    let names = Variation::ALL.map(Variation::name);
    let nearest = nearest(name, &names).map(|name| format!("; did you mean `{name}`?"));
    E::custom(format!(
        "a host has no variation `{name}`{}",
        nearest.unwrap_or_else(|| format!("; there are {}", names.join(", ")))
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    fn read(swarm: &str) -> Result<Swarm, String> {
        let text = format!(
            "version = 1\nname = \"t\"\n[[account]]\nname = \"a\"\n[host]\nswarm = {swarm}\n"
        );
        let scenario = Scenario::parse("t", &text).map_err(|error| error.to_string())?;
        assert_eq!(Scenario::parse("t", &scenario.to_toml()).unwrap().host, scenario.host);
        Ok(scenario.host.swarm)
    }

    #[test]
    fn is_read_as_it_is_written() {
        assert_eq!(read("true"), Ok(Swarm::ALL));
        assert_eq!(read("false"), Ok(Swarm::NONE));
        assert_eq!(read("[]"), Ok(Swarm::NONE));
        let some = Swarm::NONE.with(Variation::MoreSyncs).with(Variation::LateCancel);
        assert_eq!(read("[\"late_cancel\", \"more_syncs\"]"), Ok(some));
        let error = read("[\"late_cancels\"]").unwrap_err();
        assert!(error.contains("did you mean `late_cancel`?"), "{error}");
        assert!(read("7").unwrap_err().contains("true, false, or a list of names"));
    }

    #[test]
    fn every_variation_has_a_bit_and_a_name() {
        assert_eq!(Variation::ALL.into_iter().collect::<Swarm>(), Swarm::ALL);
        for variation in Variation::ALL {
            assert_eq!(Variation::named(variation.name()), Some(variation));
            assert!(!Swarm::ALL.without(variation).contains(variation));
        }
    }
}
