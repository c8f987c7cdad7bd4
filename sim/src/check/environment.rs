//! What the environment says of a check that is run as a test.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::Check;
use crate::strategy::StrategyInfo;
use crate::suggest::nearest;

/// What all names but `CI` begin with.
const PREFIX: &str = "MAPI_SYNC_";

const SCHEDULES: &str = "MAPI_SYNC_SCHEDULES";
const TIME: &str = "MAPI_SYNC_TIME";
const SHRINK_TIME: &str = "MAPI_SYNC_SHRINK_TIME";
const SEED: &str = "MAPI_SYNC_SEED";
const STRATEGY: &str = "MAPI_SYNC_STRATEGY";
const EXACT_TIME: &str = "MAPI_SYNC_EXACT_TIME";
const REPORT: &str = "MAPI_SYNC_REPORT";
const REPLAY: &str = "MAPI_SYNC_REPLAY";
pub(super) const KEEP: &str = "MAPI_SYNC_KEEP";

const ALL: [&str; 9] =
    [SCHEDULES, TIME, SHRINK_TIME, SEED, STRATEGY, EXACT_TIME, REPORT, REPLAY, KEEP];

/// The units of a duration, with their milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    schedules: Option<u64>,
    time: Option<Duration>,
    shrink_time: Option<Duration>,
    seed: Option<u64>,
    strategy: Option<&'static StrategyInfo>,
    exact_time: Option<bool>,
    /// The folder for pages.
    report: Option<PathBuf>,
    /// The token of the one schedule to run.
    pub(super) replay: Option<String>,
    /// Whether regression files stay as they are.
    pub(super) leaves_files: bool,
    /// Whether a machine looks at the result, and nobody reads a warning.
    is_ci: bool,
}

/// A value that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {name} is {value:?}: {expected}")]
pub(super) struct BadValue {
    name: String,
    value: String,
    expected: String,
}

impl Environment {
    /// That of this process.
    pub(super) fn of_process() -> Result<Self, BadValue> {
        Self::new(env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        }))
    }

    /// These variables. Others than ours are passed over, but for one that is almost ours.
    pub(super) fn new(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BadValue> {
        let mut read = Self::default();
        for (name, value) in variables {
            read.take(&name, value.trim()).map_err(|expected| BadValue {
                name,
                value,
                expected,
            })?;
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "CI" => self.is_ci = !matches!(value, "" | "0" | "false"),
            SCHEDULES => self.schedules = Some(count(value)?),
            TIME => self.time = Some(duration(value)?),
            SHRINK_TIME => self.shrink_time = Some(duration(value)?),
            SEED => self.seed = Some(value.parse().map_err(|_| "a seed is a number".to_owned())?),
            STRATEGY => {
                let named = StrategyInfo::named(value);
                self.strategy = Some(named.map_err(|unknown| unknown.to_string())?);
            }
            EXACT_TIME => self.exact_time = Some(switch(value)?),
            REPORT => {
                let folder = (!value.is_empty()).then(|| PathBuf::from(value));
                self.report = Some(folder.ok_or("it is a folder, which is made if need be")?);
            }
            REPLAY => self.replay = Some(value.to_owned()),
            KEEP => self.leaves_files = !switch(value)?,
            _ => {
                let rest = name.strip_prefix(PREFIX).unwrap_or_default();
                let known = ALL.map(|name| &name[PREFIX.len()..]);
                let meant = nearest(rest, &known).filter(|_| rest.len() > 4);
                if let Some(meant) = meant {
                    return Err(format!(
                        "no variable has this name; did you mean {PREFIX}{meant}?"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The check as the environment wants it. What it does not say stays as the code has it.
    pub(super) fn apply(&self, check: &Check) -> Check {
        let mut check = check.clone();
        check.schedules = self.schedules.or(check.schedules);
        check.time = self.time.or(check.time);
        check.shrink_time = self.shrink_time.or(check.shrink_time);
        check.seed = self.seed.unwrap_or(check.seed);
        check.strategy = self.strategy.unwrap_or(check.strategy);
        check.late_work = self.exact_time.map(|exact| !exact).or(check.late_work);
        check.pages = self.report.clone().or(check.pages);
        check.strict = check.strict.or(self.is_ci.then_some(true));
        check
    }
}

fn count(value: &str) -> Result<u64, String> {
    let number = value.replace('_', "").parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "a number of schedules is at least 1, such as 100_000".to_owned())
}

fn duration(value: &str) -> Result<Duration, String> {
    let digits = value.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim());
    let ms = unit.and_then(|(_, ms)| number.parse::<u64>().ok()?.checked_mul(*ms));
    let expected = "a time is a whole number with its unit, as in 500ms, 30s, 10m or 2h";
    ms.map(Duration::from_millis).ok_or_else(|| expected.to_owned())
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("it is true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment::new(variables.iter().map(owned)).map_err(|bad| bad.to_string())
    }

    #[test]
    fn the_environment_outranks_the_code_and_says_nothing_of_the_rest() {
        let check = explore(|| async {}).schedules(10).seed(7);
        let all = [
            (SCHEDULES, "2_000"),
            (TIME, "90s"),
            (SHRINK_TIME, "500ms"),
            (STRATEGY, "pct"),
            (EXACT_TIME, "true"),
            (KEEP, "true"),
            ("MAPI_SYNC_SOAK", "17"),
            ("PATH", "/bin"),
        ];
        let changed = read(&all).unwrap().apply(&check);
        assert_eq!((changed.schedules, changed.seed), (Some(2_000), 7));
        assert_eq!(changed.time, Some(Duration::from_secs(90)));
        assert_eq!(changed.shrink_time, Some(Duration::from_millis(500)));
        assert_eq!((changed.strategy.name, changed.late_work), ("pct", Some(false)));
        assert_eq!(read(&[(SEED, "3")]).unwrap().apply(&check).seed, 3);
        let pages = read(&[(REPORT, "target/pages")]).unwrap().apply(&check).pages;
        assert_eq!(pages, Some(PathBuf::from("target/pages")));
        let leaves_files = |value| read(&[(KEEP, value)]).unwrap().leaves_files;
        assert!(leaves_files("false") && !leaves_files("true"));
        let plain = read(&[]).unwrap().apply(&check);
        assert_eq!((plain.schedules, plain.time, plain.strict), (Some(10), None, None));
    }

    #[test]
    fn a_check_is_strict_on_a_ci_machine_unless_it_says_otherwise() {
        let check = explore(|| async {});
        let strict = |ci: &str, check: &Check| read(&[("CI", ci)]).unwrap().apply(check).strict;
        assert_eq!(strict("true", &check), Some(true));
        assert_eq!(strict("false", &check), None);
        assert_eq!(strict("true", &check.clone().strict(false)), Some(false));
    }

    #[test]
    fn bad_values_are_named_with_what_was_expected() {
        let error = |name, value| read(&[(name, value)]).unwrap_err();
        assert_eq!(
            error(SCHEDULES, "many"),
            "the environment variable MAPI_SYNC_SCHEDULES is \"many\": a number of schedules is at \
             least 1, such as 100_000"
        );
        assert!(error(SCHEDULES, "0").contains("at least 1"));
        for value in
            ["30", "s", "1.5s", "30 days", "99999999999999999999h", "18446744073709551615h"]
        {
            assert!(error(TIME, value).contains("as in 500ms, 30s, 10m or 2h"), "{value}");
        }
        assert!(error(SEED, "-1").contains("a seed is a number"));
        assert!(error(STRATEGY, "portfolo").contains("no strategy is named `portfolo`"));
        assert!(error(EXACT_TIME, "yes").contains("true or false"));
        assert!(error(KEEP, "no").contains("true or false"));
        assert!(error(REPORT, "").contains("it is a folder"));
        assert!(error("MAPI_SYNC_SHEDULES", "5").contains("did you mean MAPI_SYNC_SCHEDULES?"));
    }
}
