//! The times of a log.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;

/// How a log writes times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// A decimal number, of a unit with this many microseconds.
    Number { unit_us: u32 },
    /// After a format of `strptime`.
    Format(String),
}

impl Times {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "s" => Self::Number { unit_us: 1_000_000 },
            "ms" => Self::Number { unit_us: 1_000 },
            "us" => Self::Number { unit_us: 1 },
            format if format.contains('%') => Self::Format(format.to_owned()),
            other => {
                return Err(format!(
                    "log.time: `{other}` is no unit (s, ms, us), and no format such as \
                     `%Y-%m-%d %H:%M:%S%.f`"
                ));
            }
        })
    }

    /// A time of the log, in microseconds since a moment that is the same for all of them.
    fn read(&self, text: &str) -> Result<i128, String> {
        match self {
            Self::Number { unit_us } => number(text, *unit_us)
                .ok_or_else(|| format!("`time` is `{text}`, which is no number")),
            Self::Format(format) => {
                let refuse = |error: jiff::Error| {
                    format!("`time` is `{text}`, which is not like `{format}`: {error}")
                };
                let time = BrokenDownTime::parse(format, text).map_err(refuse)?;
                if time.offset().is_some() {
                    return Ok(time.to_timestamp().map_err(refuse)?.as_microsecond().into());
                }
                // A log without dates is taken for one of a single day.
                let moment = match time.to_datetime() {
                    Ok(moment) => moment,
                    Err(_) => DateTime::from_parts(Date::ZERO, time.to_time().map_err(refuse)?),
                };
                let since =
                    moment.duration_since(DateTime::from_parts(Date::ZERO, jiff::civil::Time::MIN));
                Ok(since.as_micros())
            }
        }
    }

    /// Whether a time says nothing of its day.
    fn is_of_day(&self) -> bool {
        let Self::Format(format) = self else { return false };
        !["%d", "%e", "%j", "%F", "%D", "%s", "%x", "%c"]
            .iter()
            .any(|of_date| format.contains(of_date))
    }
}

fn number(text: &str, unit_us: u32) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    // Twelve digits are finer than a microsecond, whatever the unit.
    let digits = format!("{part:0<12.12}");
    let part: u64 = if part.is_empty() { 0 } else { digits.parse().ok()? };
    let us = i128::from(whole) * i128::from(unit_us)
        + i128::from(part) * i128::from(unit_us) / 1_000_000_000_000;
    Some(us)
}

/// The clock of a trace that is made of a log: it begins at 0, and never goes back.
#[derive(Debug, Default)]
pub(super) struct Clock {
    first: Option<i128>,
    days: i128,
    last_us: u64,
}

/// Half a day, in microseconds.
const HALF_DAY: i128 = 12 * 3600 * 1_000_000;

impl Clock {
    /// The microseconds from the first time of the log to this one.
    pub(super) fn at(&mut self, times: &Times, text: &str) -> Result<u64, String> {
        let read = times.read(text)?;
        let first = *self.first.get_or_insert(read);
        let mut since = read - first + self.days;
        // The lines of threads may stand a little out of order. Far back is the next day.
        if times.is_of_day() && since + HALF_DAY < i128::from(self.last_us) {
            self.days += 2 * HALF_DAY;
            since += 2 * HALF_DAY;
        }
        self.last_us = self.last_us.max(u64::try_from(since).unwrap_or(0));
        Ok(self.last_us)
    }

    /// The last of those times, in microseconds.
    pub(super) fn last_us(&self) -> u64 {
        self.last_us
    }

    /// The time of a line in a log without times.
    pub(super) fn next(&mut self) -> u64 {
        self.last_us += u64::from(self.first.replace(0).is_some());
        self.last_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(times: &str, texts: &[&str]) -> Result<Vec<u64>, String> {
        let times = Times::parse(times)?;
        let mut clock = Clock::default();
        texts.iter().map(|text| clock.at(&times, text)).collect()
    }

    #[test]
    fn numbers_have_a_unit_and_perhaps_a_fraction() {
        assert_eq!(all("s", &["10", "10.5", "11.000001"]), Ok(vec![0, 500_000, 1_000_001]));
        assert_eq!(all("ms", &["10", "10.5", "12"]), Ok(vec![0, 500, 2_000]));
        assert_eq!(all("us", &["10", "11.9"]), Ok(vec![0, 1]));
        assert!(all("ms", &["-1"]).is_err());
        assert!(all("ms", &["1.x"]).is_err());
        assert!(all("hours", &["1"]).is_err());
    }

    #[test]
    fn formats_may_leave_the_date_out() {
        let format = "%H:%M:%S%.f";
        assert_eq!(all(format, &["10:00:00.5", "10:00:01"]), Ok(vec![0, 500_000]));
        // Midnight, and a line that stands a little late.
        let texts = ["23:59:59", "00:00:01", "00:00:00", "00:00:02"];
        assert_eq!(all(format, &texts), Ok(vec![0, 2_000_000, 2_000_000, 3_000_000]));
    }

    #[test]
    fn formats_with_dates_and_offsets_are_compared_as_moments() {
        let texts = ["2026-02-28 23:59:59.000", "2026-03-01 00:00:00.250"];
        assert_eq!(all("%Y-%m-%d %H:%M:%S%.f", &texts), Ok(vec![0, 1_250_000]));
        let texts = ["2026-02-28T23:00:00+00:00", "2026-03-01T01:00:01+02:00"];
        assert_eq!(all("%Y-%m-%dT%H:%M:%S%:z", &texts), Ok(vec![0, 1_000_000]));
        let refused = all("%Y-%m-%d", &["today"]).expect_err("no date");
        assert!(
            refused.starts_with("`time` is `today`, which is not like `%Y-%m-%d`"),
            "{refused}"
        );
    }
}
