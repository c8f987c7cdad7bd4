//! The scenarios that come with the program.

use std::sync::LazyLock;

use super::Scenario;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

const SOURCES: &[(&str, &str)] = embedded![
    "default",
    "first-download",
    "upload-and-download",
    "flaky-network",
    "user-cancels",
    "offline-start",
    "two-accounts",
    "headers-only",
    "tiny-sync",
    "tiny-cancel",
    "fast-shutdown",
];

static BUILTINS: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    SOURCES
        .iter()
        .map(|(name, source)| {
            Scenario::parse(&format!("{name}.toml"), source)
                .unwrap_or_else(|error| panic!("a built-in scenario must be valid: {error}"))
        })
        .collect()
});

/// All built-in scenarios, the default one first.
pub fn builtins() -> &'static [Scenario] {
    &BUILTINS
}

/// The built-in scenario of this name.
pub fn builtin(name: &str) -> Option<&'static Scenario> {
    builtins().iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_reads_and_is_named_after_itself() {
        for ((name, _), scenario) in SOURCES.iter().zip(builtins()) {
            assert_eq!(*name, scenario.name);
            assert!(!scenario.about.is_empty(), "{name} says what it shows");
            assert_eq!(scenario.mutant, None);
            assert_eq!(builtin(name), Some(scenario));
        }
        assert_eq!(builtin("no-such"), None);
    }

    #[test]
    fn digests_tell_them_apart() {
        let mut digests: Vec<u64> = builtins().iter().map(Scenario::digest).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), SOURCES.len());
    }
}
