//! How far a check is, on the standard error stream, for those who wait for a test.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::counterexamples::Shrinking;
use crate::engine::parallel::Control;

/// When the first line comes.
const FIRST: Duration = Duration::from_secs(2);

/// The longest time between two lines.
const MOST: Duration = Duration::from_secs(30);

/// Writes a line now and then. Quick checks write none.
pub(super) struct ProgressLines<'a> {
    scenario: &'a str,
    requested: Option<u64>,
    control: &'a Control,
    began: Instant,
    /// How long after the beginning the next line comes.
    due: Duration,
}

impl<'a> ProgressLines<'a> {
    pub(super) fn new(scenario: &'a str, requested: Option<u64>, control: &'a Control) -> Self {
        Self { scenario, requested, control, began: Instant::now(), due: FIRST }
    }

    /// Called often: what is done now, besides the search.
    pub(super) fn tell(&mut self, shrinking: Option<Shrinking>) {
        if let Some(line) = self.due_line(shrinking) {
            // Not by the macros, whose output a test harness keeps until the test has failed. If
            // nothing can be written, nobody waits for it.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    fn due_line(&mut self, shrinking: Option<Shrinking>) -> Option<String> {
        let elapsed = self.began.elapsed();
        if elapsed < self.due {
            return None;
        }
        self.due = elapsed + (2 * elapsed).min(MOST);
        Some(self.line(elapsed, shrinking))
    }

    fn line(&self, elapsed: Duration, shrinking: Option<Shrinking>) -> String {
        let Self { scenario, requested, control, .. } = self;
        let done = control.done();
        let what = match (shrinking, requested) {
            (Some(Shrinking { defect, executions, .. }), _) => {
                format!("{executions} executions to make the counterexample of {defect} smaller")
            }
            (None, Some(requested)) => format!("{done} of {requested} schedules"),
            (None, None) if control.share() <= 0.0 => format!("{done} schedules"),
            (None, None) => format!("{done} schedules, {:.0} %", 100.0 * control.share()),
        };
        format!("check of `{scenario}`: {what} after {} s", elapsed.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Defect;

    #[test]
    fn a_line_says_how_far_the_check_is() {
        let control = Control::new();
        control.count(17);
        control.set_share(0.25);
        let line = |requested, shrinking| {
            let lines = ProgressLines::new("own", requested, &control);
            lines.line(Duration::from_secs(3), shrinking)
        };
        assert_eq!(line(Some(50), None), "check of `own`: 17 of 50 schedules after 3 s");
        assert_eq!(line(None, None), "check of `own`: 17 schedules, 25 % after 3 s");
        let shrinking = Shrinking { defect: Defect::Panic, executions: 9, most: 100 };
        assert_eq!(
            line(Some(50), Some(shrinking)),
            "check of `own`: 9 executions to make the counterexample of panic smaller after 3 s"
        );
    }

    #[test]
    fn lines_become_rare() {
        let control = Control::new();
        let mut lines = ProgressLines::new("own", None, &control);
        assert_eq!(lines.due_line(None), None);
        for (seconds, next) in [(5, 15), (100, 130)] {
            lines.began = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
            assert!(lines.due_line(None).is_some());
            assert_eq!(lines.due_line(None), None);
            assert_eq!(lines.due.as_secs(), next);
        }
    }
}
