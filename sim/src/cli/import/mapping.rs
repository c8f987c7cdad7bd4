//! The mapping file: which lines of a log are which records.

use std::collections::BTreeMap;

use mapi_sync::HResult;
use regex::{Captures, Regex};
use serde::Deserialize;

use super::times::Times;

/// A mapping, as its file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    log: Log,
    /// Names of codes that the log uses.
    #[serde(default)]
    codes: BTreeMap<String, String>,
    line: Vec<BTreeMap<String, toml::Value>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    time: Option<String>,
    #[serde(default)]
    whole_syncs: bool,
}

/// What the lines of a log mean.
pub(super) struct Mapping {
    pub(super) times: Option<Times>,
    /// Whether each sync begins with its first call, and is over in the end if it had its Done.
    pub(super) whole_syncs: bool,
    codes: BTreeMap<String, HResult>,
    pub(super) lines: Vec<Line>,
}

/// One kind of line.
pub(super) struct Line {
    pub(super) kind: Kind,
    pattern: Regex,
    constants: BTreeMap<Field, String>,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Progress,
    Error,
    Done,
    Returned,
    Panicked,
    Abandoned,
    Close,
    Shutdown,
    Dropped,
}

impl Kind {
    const ALL: [(&'static str, Self, &'static [Field]); 10] = [
        ("open", Self::Open, &[Field::Sync]),
        ("progress", Self::Progress, &[Field::Sync, Field::Index, Field::Max]),
        ("error", Self::Error, &[Field::Sync, Field::Code]),
        ("done", Self::Done, &[Field::Sync, Field::Status]),
        ("returned", Self::Returned, &[Field::Result]),
        ("panicked", Self::Panicked, &[]),
        ("abandoned", Self::Abandoned, &[]),
        ("close", Self::Close, &[Field::Sync]),
        ("shutdown", Self::Shutdown, &[Field::Method]),
        ("dropped", Self::Dropped, &[Field::Count]),
    ];

    /// Whether it says how a call ended.
    pub(super) fn is_end(self) -> bool {
        matches!(self, Self::Returned | Self::Panicked | Self::Abandoned)
    }
}

/// What a line gives of a record: a named group of its pattern, or a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Time,
    Sync,
    Thread,
    Call,
    Text,
    Index,
    Max,
    Code,
    Status,
    Result,
    Handle,
    Flags,
    Method,
    Count,
}

impl Field {
    const ALL: [(&'static str, Self); 14] = [
        ("time", Self::Time),
        ("sync", Self::Sync),
        ("thread", Self::Thread),
        ("call", Self::Call),
        ("text", Self::Text),
        ("index", Self::Index),
        ("max", Self::Max),
        ("code", Self::Code),
        ("status", Self::Status),
        ("result", Self::Result),
        ("handle", Self::Handle),
        ("flags", Self::Flags),
        ("method", Self::Method),
        ("count", Self::Count),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, field)| field)
    }
}

impl Mapping {
    /// Reads the text of a mapping file. What is refused is said in words, with its place.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let File { log, codes, line: lines } =
            toml::from_str(text).map_err(|error| error.to_string())?;
        let times = log.time.as_deref().map(Times::parse).transpose()?;
        let codes = codes.into_iter().map(|(name, code)| match code.parse() {
            Ok(code) => Ok((name, code)),
            Err(error) => Err(format!("codes.{name}: {error}")),
        });
        let codes = codes.collect::<Result<_, _>>()?;
        let lines = (1..).zip(lines).map(|(number, line)| {
            Line::parse(line, times.is_some()).map_err(|why| format!("line {number}: {why}"))
        });
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        let tells = |kind| lines.iter().any(|line| line.kind == kind);
        if log.whole_syncs && (tells(Kind::Open) || tells(Kind::Close)) {
            return Err("log.whole_syncs: the lines `open` and `close` say that already".into());
        }
        Ok(Self { times, whole_syncs: log.whole_syncs, codes, lines })
    }

    /// Whether the log says how calls end.
    pub(super) fn has_ends(&self) -> bool {
        self.lines.iter().any(|line| line.kind.is_end())
    }

    pub(super) fn code(&self, text: &str) -> Result<HResult, String> {
        match self.codes.get(text) {
            Some(code) => Ok(*code),
            None => {
                text.parse().map_err(|error| format!("{error}, and `[codes]` has no such name"))
            }
        }
    }
}

impl Line {
    fn parse(mut keys: BTreeMap<String, toml::Value>, times: bool) -> Result<Self, String> {
        let mut text = |key: &str| match keys.remove(key) {
            Some(toml::Value::String(text)) => Ok(text),
            Some(_) => Err(format!("`{key}` must be a string")),
            None => Err(format!("`{key}` is missing")),
        };
        let (event, pattern) = (text("event")?, text("pattern")?);
        let Some((_, kind, needs)) = Kind::ALL.iter().find(|(name, ..)| *name == event) else {
            let all = Kind::ALL.map(|(name, ..)| name).join(", ");
            return Err(format!("there is no event `{event}`: there are {all}"));
        };
        let pattern = Regex::new(&pattern).map_err(|error| error.to_string())?;
        let mut constants = BTreeMap::new();
        for (key, value) in keys {
            let field = known(&key)?;
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                _ => return Err(format!("`{key}` must be a string or an integer")),
            };
            constants.insert(field, value);
        }
        let groups = pattern.capture_names().flatten().map(known);
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        let has = |field: Field| groups.contains(&field) || constants.contains_key(&field);
        let time = times.then_some(Field::Time);
        if let Some(missing) = needs.iter().copied().chain(time).find(|field| !has(*field)) {
            let name = missing.name();
            return Err(format!(
                "`{event}` needs `{name}`: a group (?<{name}>…) of the pattern, or a key"
            ));
        }
        Ok(Self { kind: *kind, pattern, constants })
    }

    /// What a line of the log says, if it is of this kind.
    pub(super) fn read<'t>(&'t self, text: &'t str) -> Option<Said<'t>> {
        Some(Said { groups: self.pattern.captures(text)?, constants: &self.constants })
    }
}

fn known(name: &str) -> Result<Field, String> {
    let all = || Field::ALL.map(|(name, _)| name).join(", ");
    Field::named(name).ok_or_else(|| format!("there is no field `{name}`: there are {}", all()))
}

/// The fields of one line of the log.
pub(super) struct Said<'t> {
    groups: Captures<'t>,
    constants: &'t BTreeMap<Field, String>,
}

impl Said<'_> {
    /// A field, if the line has it.
    pub(super) fn find(&self, field: Field) -> Option<&str> {
        let group = self.groups.name(field.name()).map(|group| group.as_str());
        group.or_else(|| self.constants.get(&field).map(String::as_str))
    }

    /// A field that such a line needs.
    pub(super) fn get(&self, field: Field) -> Result<&str, String> {
        self.find(field).ok_or_else(|| format!("it has no `{}`", field.name()))
    }

    /// A number from 0 to the largest of its type, in decimal or with `0x`.
    pub(super) fn number<N: TryFrom<u64>>(&self, field: Field) -> Result<N, String> {
        let text = self.get(field)?;
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| {
            format!("`{}` is `{text}`, which is no number that fits there", field.name())
        })
    }
}
