//! The small values of a scenario file: ranged numbers, costs, flags.

use std::fmt;

use mapi_sync::SyncFlags;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::suggest::nearest;

/// The longest time a scenario may state, in virtual milliseconds: one day.
pub(super) const DAY: u64 = 86_400_000;

/// How long a step takes, in virtual milliseconds.
///
/// In a file: `5`, `{ uniform = [1, 20] }` or `{ choice = [1, 10, 500] }`. Which value is taken is
/// a decision of the search, so a distribution gives the possible values, not their probabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cost {
    /// Always this long.
    Fixed(u64),
    /// Any whole number of milliseconds from the first to the second, both included.
    Uniform(u64, u64),
    /// One of these.
    Choice(Vec<u64>),
}

impl Cost {
    /// No time at all.
    pub const ZERO: Self = Self::Fixed(0);

    /// How many different values there are, at least 1.
    pub fn count(&self) -> u64 {
        match self {
            Self::Fixed(_) => 1,
            Self::Uniform(low, high) => high - low + 1,
            Self::Choice(values) => values.len() as u64,
        }
    }

    /// The value numbered `index`, from 0; beyond [`count`](Self::count) the last one.
    pub fn value(&self, index: u64) -> u64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Uniform(low, high) => low.saturating_add(index).min(*high),
            Self::Choice(values) => {
                values[usize::try_from(index).unwrap_or(usize::MAX).min(values.len() - 1)]
            }
        }
    }

    /// The largest value.
    pub fn max(&self) -> u64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Uniform(_, high) => *high,
            Self::Choice(values) => values.iter().copied().max().unwrap_or(0),
        }
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(value) => serializer.serialize_u64(*value),
            Self::Uniform(low, high) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("uniform", &[low, high])?;
                map.end()
            }
            Self::Choice(values) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("choice", values)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CostVisitor;

        impl<'de> Visitor<'de> for CostVisitor {
            type Value = Cost;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds, { uniform = [low, high] } or { choice = [a, b, …] }")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Cost, E> {
                Ok(Cost::Fixed(in_range::<0, DAY, E>(value)?))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cost, A::Error> {
                let cost = match map.next_key::<Distribution>()? {
                    None => return Err(de::Error::custom("a cost needs `uniform` or `choice`")),
                    Some(Distribution::Uniform) => {
                        let Pair(low, high) = map.next_value()?;
                        Cost::Uniform(low, high)
                    }
                    Some(Distribution::Choice) => Cost::Choice(map.next_value::<Values>()?.0),
                };
                if map.next_key::<de::IgnoredAny>()?.is_some() {
                    return Err(de::Error::custom("a cost is either `uniform` or `choice`"));
                }
                Ok(cost)
            }
        }

        deserializer.deserialize_any(CostVisitor)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Distribution {
    Uniform,
    Choice,
}

struct Pair(u64, u64);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [Millis(low), Millis(high)] = <[Millis; 2]>::deserialize(deserializer)?;
        if low > high {
            return Err(de::Error::custom(format!("the range {low} to {high} is empty")));
        }
        Ok(Self(low, high))
    }
}

struct Values(Vec<u64>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<Millis>::deserialize(deserializer)?;
        if values.is_empty() || values.len() > 64 {
            return Err(de::Error::custom("a choice has 1 to 64 values"));
        }
        Ok(Self(values.into_iter().map(|Millis(value)| value).collect()))
    }
}

struct Millis(u64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ranged::<0, DAY, u64, D>(deserializer).map(Self)
    }
}

/// `ulFlags` in a file: an array of names, or of numbers for bits that have no name.
pub(super) mod flags {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        flags: &SyncFlags,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for (name, _) in flags.iter_names() {
            seq.serialize_element(name)?;
        }
        match flags.unknown() {
            0 => {}
            bits => seq.serialize_element(&bits)?,
        }
        seq.end()
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SyncFlags, D::Error> {
        struct FlagsVisitor;

        impl<'de> Visitor<'de> for FlagsVisitor {
            type Value = SyncFlags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of flag names or numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SyncFlags, A::Error> {
                let mut flags = SyncFlags::empty();
                while let Some(Flag(flag)) = seq.next_element()? {
                    flags |= flag;
                }
                Ok(flags)
            }
        }

        deserializer.deserialize_seq(FlagsVisitor)
    }
}

struct Flag(SyncFlags);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagVisitor;

        impl Visitor<'_> for FlagVisitor {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a flag's name or a number of 32 bits")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Flag, E> {
                let bits = in_range::<0, { u32::MAX as u64 }, E>(value)?;
                let bits = u32::try_from(bits).expect("the range was checked");
                Ok(Flag(SyncFlags::from_bits_retain(bits)))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Flag, E> {
                if let Some((_, flag)) = SyncFlags::names().find(|(name, _)| *name == value) {
                    return Ok(Flag(flag));
                }
                let names: Vec<&str> = SyncFlags::names().map(|(name, _)| name).collect();
                Err(E::custom(match nearest(value, &names) {
                    Some(near) => format!("unknown flag `{value}`, did you mean `{near}`?"),
                    None => format!("unknown flag `{value}`, known are {}", names.join(", ")),
                }))
            }
        }

        deserializer.deserialize_any(FlagVisitor)
    }
}

/// Reads a whole number from `LOW` to `HIGH`, both included.
pub(super) fn ranged<'de, const LOW: u64, const HIGH: u64, T, D>(
    deserializer: D,
) -> Result<T, D::Error>
where
    T: TryFrom<u64>,
    D: Deserializer<'de>,
{
    let value = in_range::<LOW, HIGH, D::Error>(i64::deserialize(deserializer)?)?;
    T::try_from(value).map_err(|_| de::Error::custom("the number is too large"))
}

/// Reads a text of 1 to 200 characters without control characters: it is shown in terminals.
pub(super) fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(de::Error::custom("a text has 1 to 200 characters, none of them control"));
    }
    Ok(text)
}

fn in_range<const LOW: u64, const HIGH: u64, E: de::Error>(value: i64) -> Result<u64, E> {
    match u64::try_from(value) {
        Ok(number) if (LOW..=HIGH).contains(&number) => Ok(number),
        _ => Err(E::custom(format!("{value} is out of range, {LOW} to {HIGH} are possible"))),
    }
}
