//! Reading and writing a scenario.

use serde::de::{self, Deserialize, Deserializer};

use super::super::mutant::{MUTANTS, Mutant};
use super::super::provider::{Refused, compile};
use super::error::ScenarioError;
use super::model::{Account, Folder, Folders, Provider, Scenario};
use super::values::ranged;
use crate::suggest::nearest;

/// The most messages and folders, all accounts together, that one scenario may move.
const MAX_WORK: u64 = 1_000_000;

impl Scenario {
    /// The most bytes that the text of a scenario may have.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Reads a scenario. `origin` is the file's name, for messages.
    ///
    /// # Errors
    ///
    /// The first thing in `source` that cannot be used: a syntax error, an unknown key or value, a
    /// missing key, or a number out of its range, with its place. A text of more than
    /// [`MAX_BYTES`](Self::MAX_BYTES) is not looked at.
    pub fn parse(origin: &str, source: &str) -> Result<Self, ScenarioError> {
        if source.len() > Self::MAX_BYTES {
            let message = format!("the scenario is larger than {} bytes", Self::MAX_BYTES);
            return Err(ScenarioError::at(origin, source, 0..0, message));
        }
        let mut scenario: Self = toml::from_str(source)
            .map_err(|error| ScenarioError::from_toml(origin, source, &error))?;
        if let Some(protocol) = &mut scenario.protocol {
            protocol.locate(source);
        }
        scenario.check_protocol().map_err(|(span, message)| {
            let span = span.unwrap_or_else(|| place_of_protocol(source));
            ScenarioError::at(origin, source, span, message)
        })?;
        Ok(scenario)
    }

    /// Whether the protocol can be run, and nothing else says how the provider works.
    fn check_protocol(&self) -> Result<(), Refused> {
        let Some(protocol) = &self.protocol else { return Ok(()) };
        let refuse = |message: &str| Err((None, message.to_owned()));
        if self.version < 2 {
            return refuse("a protocol needs `version = 2`");
        }
        let Provider { workers, cost, retries, retry_delay_ms, .. } = self.provider.clone();
        if self.provider
            != (Provider { workers, cost, retries, retry_delay_ms, ..Provider::default() })
        {
            return refuse(
                "with a protocol, `[provider]` has only `workers`, `cost`, `retries` and \
                 `retry_delay_ms`: the steps say the rest",
            );
        }
        let mutant = self.mutant.as_deref().and_then(Mutant::named);
        if mutant.is_some_and(|mutant| mutant.info().is_of_provider()) {
            return refuse("with a protocol, only a mutant of the host can be built in");
        }
        for account in 0..self.accounts.len() {
            compile(self, protocol, account)?;
        }
        Ok(())
    }

    /// The canonical text: it reads back as an equal scenario.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every value of a scenario can be written as TOML")
    }
}

/// Where the protocol begins in its text.
fn place_of_protocol(source: &str) -> std::ops::Range<usize> {
    let at = source.find("[protocol").unwrap_or_default();
    at..at + "[protocol".len()
}

pub(super) fn budget<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    ranged::<0, 1_000, u32, D>(deserializer)
}

pub(super) fn some_messages<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    ranged::<0, 100_000, u32, D>(deserializer).map(Some)
}

pub(super) fn mutant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    if Mutant::named(&name).is_some() {
        return Ok(Some(name));
    }
    let names: Vec<&str> = MUTANTS.iter().map(|info| info.name).collect();
    Err(de::Error::custom(match nearest(&name, &names) {
        Some(near) => format!("unknown mutant `{name}`, did you mean `{near}`?"),
        None => format!("unknown mutant `{name}`; `mapi-sync mutants` lists them"),
    }))
}

pub(super) fn accounts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Account>, D::Error> {
    let accounts = Vec::<Account>::deserialize(deserializer)?;
    if accounts.is_empty() || accounts.len() > 1_000 {
        return Err(de::Error::custom("a scenario has 1 to 1000 accounts"));
    }
    let work: u64 = accounts.iter().map(Account::work).sum();
    if work > MAX_WORK {
        return Err(de::Error::custom(format!(
            "{work} folders and messages are too many, {MAX_WORK} are possible"
        )));
    }
    Ok(accounts)
}

impl<'de> Deserialize<'de> for Folders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FoldersVisitor;

        impl<'de> de::Visitor<'de> for FoldersVisitor {
            type Value = Folders;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of folders or an array of { name, messages }")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Folders, E> {
                let number = de::value::I64Deserializer::<E>::new(value);
                ranged::<0, 10_000, u32, _>(number).map(Folders::Count)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Folders, A::Error> {
                let mut folders = Vec::new();
                while let Some(folder) = seq.next_element::<Folder>()? {
                    folders.push(folder);
                    if folders.len() > 10_000 {
                        return Err(de::Error::custom("at most 10000 folders are possible"));
                    }
                }
                Ok(Folders::Named(folders))
            }
        }

        deserializer.deserialize_any(FoldersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use mapi_sync::SyncFlags;

    use super::super::{Faults, Provider};
    use super::*;

    const SMALLEST: &str = "version = 1\nname = \"x\"\n[[account]]\nname = \"a\"\n";

    fn refused(source: &str) -> String {
        Scenario::parse("t.toml", source).expect_err("this must be refused").to_string()
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let scenario = Scenario::parse("t.toml", SMALLEST).unwrap();
        assert_eq!(scenario.accounts[0].flags, SyncFlags::from_bits_retain(0xc3));
        assert_eq!(scenario.provider, Provider::default());
        assert_eq!(scenario.faults, Faults::default());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_neighbour() {
        let source = format!("{SMALLEST}mesages = 4\n");
        assert_eq!(
            refused(&source),
            "t.toml:5:1: unknown key `mesages`, did you mean `messages`?\n  \
             |\n5 | mesages = 4\n  | ^^^^^^^"
        );
    }

    #[test]
    fn too_large_a_text_is_refused() {
        let source = format!("{SMALLEST}#{}", " ".repeat(Scenario::MAX_BYTES));
        assert!(
            refused(&source).starts_with("t.toml:1:1: the scenario is larger than 4194304 bytes")
        );
        Scenario::parse("t.toml", &source[..Scenario::MAX_BYTES]).unwrap();
    }

    #[test]
    fn mistake_at_the_end_of_a_line_of_any_length_is_placed() {
        for length in 1..300 {
            let text = format!("version = 1\nname = \"{}", "n".repeat(length));
            let error = Scenario::parse("t.toml", &text).unwrap_err();
            assert_eq!(error.line(), 2, "{error}");
        }
    }

    #[test]
    fn long_lines_and_names_are_shown_in_part() {
        let source = format!("{SMALLEST}{} = 1\n", "long".repeat(100_000));
        let message = refused(&source);
        assert!(message.starts_with("t.toml:5:1: unknown key `longlong"), "{}", &message[..200]);
        assert!(message.len() < 700, "{}", message.len());
    }

    #[test]
    fn a_number_out_of_range_is_marked() {
        let source = format!("{SMALLEST}[provider]\nworkers = 65\n");
        assert_eq!(
            refused(&source),
            "t.toml:6:11: 65 is out of range, 1 to 64 are possible\n  \
             |\n6 | workers = 65\n  |           ^^"
        );
    }

    #[test]
    fn other_mistakes_are_placed() {
        let cases = [
            ("name = \"x\"", "t.toml:1:1: missing key `version`"),
            ("version = 3\nname = \"x\"", "t.toml:1:11: 3 is out of range, 1 to 2 are possible"),
            ("version = 1\nname =", "t.toml:2:7: "),
            (
                "version = 1\nmutant = \"done-twise\"",
                "t.toml:2:10: unknown mutant `done-twise`, did you mean `done-twice`?",
            ),
        ];
        for (source, start) in cases {
            assert!(refused(source).starts_with(start), "{}", refused(source));
        }
        let inside = [
            (
                "flags = [\"UPLOAD_CONTENT\"]",
                "t.toml:5:10: unknown flag `UPLOAD_CONTENT`, did you mean `UPLOAD_CONTENTS`?",
            ),
            ("folders = -1", "t.toml:5:11: -1 is out of range, 0 to 10000 are possible"),
            ("folders = [{ nme = \"x\" }]", "t.toml:5:14: unknown key `nme`, did you mean `name`?"),
            (
                "[provider.cost]\nbody = { uniform = [5, 2] }",
                "t.toml:6:20: the range 5 to 2 is empty",
            ),
            ("[provider.cost]\nbody = { choice = [] }", "t.toml:6:19: a choice has 1 to 64 values"),
            ("[provider.cost]\nbody = \"5\"", "t.toml:6:8: invalid type: string \"5\", expected "),
            (
                "[provider]\ntext = \"chaning\"",
                "t.toml:6:8: unknown value `chaning`, did you mean `changing`?",
            ),
        ];
        for (line, start) in inside {
            let message = refused(&format!("{SMALLEST}{line}\n"));
            assert!(message.starts_with(start), "{message}");
        }
    }
}
