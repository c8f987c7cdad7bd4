//! One step of a protocol, as the file has it: one verb, and the keys that belong to it.

use std::fmt;
use std::ops::Range;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use toml::Spanned;

use super::super::values::Cost;
use super::Lines;
use crate::suggest::nearest;

/// One step of a protocol.
///
/// Where it stands in its file does not count when two are compared.
#[derive(Debug, Clone)]
pub struct ProtocolStep {
    span: Range<usize>,
    line: u32,
    keys: Keys,
}

/// A number: written out, or the name of a counter or of something that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world) enum Amount {
    Number(i64),
    Named(String),
}

/// How long something takes: one of the provider's costs by its name, or a cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world) enum Duration {
    Named(String),
    Cost(Cost),
}

macro_rules! keys {
    (
        verbs { $($verb:ident $name:literal: $type:ty [$($allowed:literal)*];)* }
        keys { $($key:ident $key_name:literal: $key_type:ty;)* }
    ) => {
        /// All that a step may have: exactly one verb, and keys that belong to it.
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(in crate::world) struct Keys {
            /// A step that is written as a word.
            #[serde(skip)]
            pub(in crate::world) word: Option<String>,
            $(
                #[serde(rename = $name, skip_serializing_if = "Option::is_none")]
                pub(in crate::world) $verb: Option<$type>,
            )*
            $(
                #[serde(rename = $key_name, skip_serializing_if = "Option::is_none")]
                pub(in crate::world) $key: Option<$key_type>,
            )*
        }

        /// Each verb with the keys that belong to it.
        const VERBS: &[(&str, &[&str])] = &[$(($name, &[$($allowed),*])),*];

        impl Keys {
            /// The verbs that are given, and the other keys that are.
            fn given(&self) -> (Vec<&'static str>, Vec<&'static str>) {
                let verbs = [$(self.$verb.is_some().then_some($name)),*];
                let keys = [$(self.$key.is_some().then_some($key_name)),*];
                (verbs.into_iter().flatten().collect(), keys.into_iter().flatten().collect())
            }

            /// All steps in this one.
            fn each_step(&mut self, visit: &mut dyn FnMut(&mut ProtocolStep)) {
                $(self.$verb.iter_mut().for_each(|value| value.each_step(visit));)*
                $(self.$key.iter_mut().for_each(|value| value.each_step(visit));)*
            }
        }
    };
}

keys! {
    verbs {
        work "work": Duration [];
        deadline "deadline": Duration [];
        request "request": Duration ["retry" "failed"];
        progress "progress": Amount ["of" "text"];
        error "error": String ["text"];
        done "done": String ["handle"];
        publish "publish": String ["failed"];
        signal "signal": String [];
        spawn "spawn": String ["times" "failed"];
        join "join": String ["lost"];
        abort "abort": String [];
        send "send": String ["value"];
        receive "receive": String ["as" "closed"];
        finish "finish": String [];
        lock "lock": String ["steps"];
        test "if": String ["then" "else"];
        choose "choose": Vec<Vec<ProtocolStep>> [];
        race "race": Vec<Vec<ProtocolStep>> [];
        repeat "repeat": Amount ["as" "steps"];
        repeat_while "while": String ["steps"];
        wait "wait": String [];
        set "set": String ["to"];
        add "add": String ["by"];
        keep "keep": Amount ["as"];
        sometimes "sometimes": String [];
        give_back "return": String [];
    }
    keys {
        retry "retry": Vec<ProtocolStep>;
        failed "failed": Vec<ProtocolStep>;
        of "of": Amount;
        text "text": String;
        handle "handle": String;
        times "times": Amount;
        lost "lost": Vec<ProtocolStep>;
        value "value": Amount;
        name "as": String;
        closed "closed": Vec<ProtocolStep>;
        steps "steps": Vec<ProtocolStep>;
        then "then": Vec<ProtocolStep>;
        otherwise "else": Vec<ProtocolStep>;
        to "to": Amount;
        by "by": Amount;
    }
}

/// The steps that are one word.
const WORDS: &[&str] = &[
    "publish",
    "create",
    "unpublish",
    "signal",
    "close",
    "add_ref",
    "release",
    "done",
    "cancel",
    "return",
    "yield",
];

impl Keys {
    /// The name of the step's verb.
    pub(in crate::world) fn verb(&self) -> &str {
        self.word.as_deref().unwrap_or_else(|| self.given().0[0])
    }

    /// Whether it is one verb with its own keys.
    fn check(&self) -> Result<(), String> {
        let (verbs, keys) = self.given();
        let verb = match verbs[..] {
            [verb] => verb,
            [] => {
                let names: Vec<&str> = VERBS.iter().map(|(name, _)| *name).collect();
                return Err(format!("a step has one of {}", names.join(", ")));
            }
            [first, second, ..] => {
                return Err(format!("a step is either `{first}` or `{second}`"));
            }
        };
        let allowed = VERBS.iter().find(|(name, _)| *name == verb).map_or(&[][..], |row| row.1);
        match keys.iter().find(|key| !allowed.contains(key)) {
            None => Ok(()),
            Some(key) if allowed.is_empty() => {
                Err(format!("`{key}` does not belong to `{verb}`, which has no other key"))
            }
            Some(key) => Err(format!(
                "`{key}` does not belong to `{verb}`, which has {}",
                allowed.join(", ")
            )),
        }
    }
}

impl ProtocolStep {
    /// Where it stands in its text, in bytes.
    pub(in crate::world) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The line that it stands on, from 1; 0 if it was not read from a text.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    pub(in crate::world) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn locate(&mut self, lines: &Lines) {
        self.line = lines.line(self.span.start);
        self.keys.each_step(&mut |step| step.locate(lines));
    }
}

impl PartialEq for ProtocolStep {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl Eq for ProtocolStep {}

impl Serialize for ProtocolStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.keys.word {
            Some(word) => serializer.serialize_str(word),
            None => self.keys.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ProtocolStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Spanned::<Body>::deserialize(deserializer)?;
        let span = read.span();
        Ok(Self { span, line: 0, keys: read.into_inner().0 })
    }
}

struct Body(Keys);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;

        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step: a word, or a table such as { work = 5 }")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Body, E> {
                if WORDS.contains(&word) {
                    return Ok(Body(Keys { word: Some(word.to_owned()), ..Keys::default() }));
                }
                Err(E::custom(match nearest(word, WORDS) {
                    Some(near) => format!("unknown step `{}`, did you mean `{near}`?", short(word)),
                    None => format!("unknown step, known are {}", WORDS.join(", ")),
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Body, A::Error> {
                let keys = Keys::deserialize(MapAccessDeserializer::new(map))?;
                keys.check().map_err(de::Error::custom)?;
                Ok(Body(keys))
            }
        }

        deserializer.deserialize_any(BodyVisitor)
    }
}

/// The beginning of a name, for a sentence that repeats it.
pub(in crate::world) fn short(name: &str) -> &str {
    name.char_indices().nth(60).map_or(name, |(end, _)| &name[..end])
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Named(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AmountVisitor;

        impl Visitor<'_> for AmountVisitor {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a name")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
                const MOST: i64 = 1_000_000_000;
                if number.abs() > MOST {
                    return Err(E::custom(format!("{number} is beyond {MOST}")));
                }
                Ok(Amount::Number(number))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Amount, E> {
                Ok(Amount::Named(name.to_owned()))
            }
        }

        deserializer.deserialize_any(AmountVisitor)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(name) => serializer.serialize_str(name),
            Self::Cost(cost) => cost.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DurationVisitor;

        impl<'de> Visitor<'de> for DurationVisitor {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cost's name, milliseconds, { uniform = [low, high] } or a choice")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Duration, E> {
                const NAMES: &[&str] = &["connect", "folder", "header", "body", "upload"];
                if NAMES.contains(&name) {
                    return Ok(Duration::Named(name.to_owned()));
                }
                Err(E::custom(match nearest(name, NAMES) {
                    Some(near) => format!("unknown cost `{}`, did you mean `{near}`?", short(name)),
                    None => format!("unknown cost, known are {}", NAMES.join(", ")),
                }))
            }

            fn visit_i64<E: de::Error>(self, ms: i64) -> Result<Duration, E> {
                Cost::deserialize(de::value::I64Deserializer::new(ms)).map(Duration::Cost)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Duration, A::Error> {
                Cost::deserialize(MapAccessDeserializer::new(map)).map(Duration::Cost)
            }
        }

        deserializer.deserialize_any(DurationVisitor)
    }
}

/// The steps within a value.
trait Within {
    fn each_step(&mut self, _visit: &mut dyn FnMut(&mut ProtocolStep)) {}
}

impl Within for String {}
impl Within for Amount {}
impl Within for Duration {}

impl Within for ProtocolStep {
    fn each_step(&mut self, visit: &mut dyn FnMut(&mut ProtocolStep)) {
        visit(self);
    }
}

impl<T: Within> Within for Vec<T> {
    fn each_step(&mut self, visit: &mut dyn FnMut(&mut ProtocolStep)) {
        self.iter_mut().for_each(|value| value.each_step(visit));
    }
}
