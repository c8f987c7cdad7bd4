//! A check that is run as a test: what broke it before is run first, and what breaks it is kept.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic::Location;
use std::path::PathBuf;

use super::environment::Environment;
use super::pages::write_page;
use super::regressions::{Kept, Regressions};
use super::{Check, ReplayError, ReplayOutcome, Replayed, Report};
use crate::decision::Decisions;
use crate::report::Document;

/// How many schedules around one that no longer applies are run.
const AROUND: u64 = 1_000;

/// How much is written beside a kept token of what it shows.
const ABOUT: usize = 80;

/// Where a kept schedule stands.
enum Standing {
    Broken(Box<Replayed>),
    Mended(Box<Replayed>),
    /// The schedule is none of the program any more; if it could still be run, how that went.
    Stale(String, Option<Box<Replayed>>),
    Outside,
}

impl Check {
    /// Runs the check as the test of this name, and panics if it does not
    /// [pass](Report::passes). The attribute [`test`](macro@crate::test) does so too.
    ///
    /// # Kept and found again
    ///
    /// A counterexample is kept: its token is written to a file beside the caller's source file,
    /// with the ending `.regressions`. It belongs under version control. The next run of the test
    /// replays what is kept under its name first. A schedule
    ///
    /// - is *broken as before*: the test fails at once;
    /// - is *mended*, and so are those around it: that is said, and it is kept no longer;
    /// - *no longer applies*, because the program is another one. Schedules around it are run. If
    ///   none shows the same defect, that is said, and the schedule is kept no longer; a
    ///   [strict](Self::strict) test fails, and goes on to until the line is removed by hand;
    /// - is of a test that the source file no longer has. Each test of the file replays it, and the
    ///   one that it breaks takes it over.
    ///
    /// # The environment
    ///
    /// These variables outrank what the code says:
    ///
    /// | variable | value | like |
    /// |---|---|---|
    /// | `MAPI_SYNC_SCHEDULES` | a number, such as `100_000` | [`schedules`](Self::schedules) |
    /// | `MAPI_SYNC_TIME` | `500ms`, `30s`, `10m`, `2h` | [`time`](Self::time) |
    /// | `MAPI_SYNC_SHRINK_TIME` | the same | [`shrink_time`](Self::shrink_time) |
    /// | `MAPI_SYNC_SEED` | a number | [`seed`](Self::seed) |
    /// | `MAPI_SYNC_STRATEGY` | a name of [`STRATEGIES`] | [`strategy`](Self::strategy) |
    /// | `MAPI_SYNC_EXACT_TIME` | `true` or `false` | not [`late_work`](Self::late_work) |
    /// | `MAPI_SYNC_REPORT` | a folder | nothing: what came of each test is a page for the browser there |
    /// | `MAPI_SYNC_REPLAY` | a token | [`replay`](Self::replay), and nothing else |
    /// | `MAPI_SYNC_KEEP` | `true` or `false` | `false`: the regression file is only read |
    /// | `CI` | anything but `false` and `0` | [`strict`](Self::strict), unless the code sets it |
    ///
    /// [`STRATEGIES`]: crate::strategy::STRATEGIES
    ///
    /// The last line of a failure sets `MAPI_SYNC_REPLAY` to the token of the first counterexample.
    /// The strategy and the seed stand on the standard error stream before anything runs; a test
    /// harness that captures it shows them after a failure, and with `--nocapture`.
    ///
    /// # Panics
    ///
    /// If the check does not pass, a kept schedule is broken, or a variable or the file makes no
    /// sense. As [`run`](Self::run) does.
    #[track_caller]
    pub fn test(&self, name: &str) {
        let source = Location::caller().file();
        let environment = Environment::of_process().unwrap_or_else(|bad| panic!("{bad}"));
        let file = match &self.regressions {
            _ if !self.keeps => None,
            Some(path) => Some(Regressions::at(path, None)),
            None => Regressions::beside(source),
        };
        let file = if environment.leaves_files { file.map(Regressions::that_stays) } else { file };
        // Not by the macros, whose output a test harness keeps until the test has failed. If
        // nothing can be written, nobody waits for it.
        let mut say = |line: &str| drop(writeln!(io::stderr(), "{line}"));
        if let Err(failure) = self.tested(name, &environment, file.as_ref(), &mut say) {
            panic!("{failure}");
        }
    }

    /// Keeps what breaks a [test](Self::test), or does not. Without this, it does.
    pub fn keep(self, keeps: bool) -> Self {
        Self { keeps, ..self }
    }

    /// Keeps what breaks a [test](Self::test) in this file.
    pub fn regressions(self, path: impl Into<PathBuf>) -> Self {
        Self { regressions: Some(path.into()), ..self }
    }

    /// Runs the check as a test; an error is what the test fails with.
    fn tested(
        &self,
        test: &str,
        environment: &Environment,
        file: Option<&Regressions>,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        let check = environment.apply(self);
        if let Some(token) = &environment.replay {
            return check.tested_alone(test, token);
        }
        if let Some(file) = file {
            for kept in file.read()? {
                check.test_kept(test, &kept, file, say)?;
            }
        }
        // Captured as the rest of a test's output is: only who looks needs it.
        eprintln!("{test}: strategy {}, seed {}", check.strategy.name, check.seed);
        let report = check.run();
        let page = check.page(test, Document::Check(&report));
        if report.passes() {
            page.lines().skip(1).for_each(&mut *say);
            if !report.complete {
                say(&format!("{test}: incomplete: {} schedules were run", report.schedules));
            }
            return Ok(());
        }
        Err(failure(test, &report, file, &page))
    }

    /// Writes what came of a test as a page, if there is a folder for it, and says so in a line.
    fn page(&self, test: &str, document: Document<'_>) -> String {
        let said = self.pages.as_ref().map(|folder| write_page(folder, test, document));
        said.map_or_else(String::new, |said| format!("\n{said}"))
    }

    /// Runs the schedule of a token and no other.
    fn tested_alone(&self, test: &str, token: &str) -> Result<(), String> {
        let replayed = self.replay(token).map_err(|error| match error {
            ReplayError::Token(_) => format!("the environment variable MAPI_SYNC_REPLAY: {error}"),
            _ => format!(
                "the environment variable MAPI_SYNC_REPLAY: {error}. Run the test alone that the \
                 token is of"
            ),
        })?;
        let page = self.page(test, Document::Replay(&replayed));
        match replayed.outcome() {
            ReplayOutcome::Mended => Ok(()),
            ReplayOutcome::Broken => Err(format!("{replayed}{page}")),
            ReplayOutcome::NoLongerApplies => Err(format!(
                "{replayed}\nthe token no longer applies, so its replay tests nothing{page}"
            )),
            ReplayOutcome::OutsideThread => Err(format!(
                "{replayed}\na thread takes part that the replay does not control{page}"
            )),
        }
    }

    /// Runs a kept schedule, if it is this test's or nobody's.
    fn test_kept(
        &self,
        test: &str,
        kept: &Kept,
        file: &Regressions,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        let is_own = kept.test == test;
        if !is_own && !file.has_lost(&kept.test) {
            return Ok(());
        }
        let of = format!("{test}: the schedule kept in {file}");
        let standing = match self.standing(&kept.token) {
            Ok(standing) => standing,
            Err(why) if is_own => return Err(format!("{of} is no token: {why}")),
            Err(_) => return Ok(()),
        };
        match standing {
            Standing::Broken(replayed) if is_own => {
                let page = self.page(test, Document::Replay(&replayed));
                let again = again(kept);
                Err(format!("{replayed}{page}\n{of} breaks it as before; alone again:\n{again}"))
            }
            Standing::Broken(replayed) => {
                let page = self.page(test, Document::Replay(&replayed));
                let note = unchanged(file, file.rename(kept, test));
                let old = &kept.test;
                Err(format!(
                    "{replayed}{page}\n{of} for `{old}`, a test that is gone, breaks this one, \
                     and is kept under its name now{note}; alone again:\n{}",
                    again(kept)
                ))
            }
            // Its decisions may all be taken, and lead elsewhere in a program that has changed.
            Standing::Mended(replayed) if is_own => match self.broken_around(&replayed) {
                Some(report) => {
                    let why = "its decisions lead elsewhere";
                    let page = self.page(test, Document::Check(&report));
                    Err(moved(test, kept, file, why, (&report, &page)))
                }
                None => {
                    let what = replayed.token.defect().unwrap_or("its defect").to_owned();
                    let note = unchanged(file, file.retire(kept));
                    say(&format!(
                        "{of} is mended: {what} does not show. It is kept no longer{note}"
                    ));
                    Ok(())
                }
            },
            Standing::Stale(why, replayed) if is_own => {
                self.test_around(test, kept, file, say, (&why, replayed))
            }
            Standing::Outside if is_own => {
                say(&format!("{of} needs a thread that the check does not control"));
                Ok(())
            }
            Standing::Mended(_) | Standing::Stale(..) | Standing::Outside => {
                let old = &kept.test;
                say(&format!(
                    "{of} is for `{old}`, a test that is gone, and does not break this one: if it \
                     was renamed, rename it there too"
                ));
                Ok(())
            }
        }
    }

    /// Runs schedules around a kept one that no longer applies.
    fn test_around(
        &self,
        test: &str,
        kept: &Kept,
        file: &Regressions,
        say: &mut dyn FnMut(&str),
        (why, replayed): (&str, Option<Box<Replayed>>),
    ) -> Result<(), String> {
        let of = format!("{test}: the schedule kept in {file} no longer applies ({why})");
        if let Some(report) = replayed.and_then(|replayed| self.broken_around(&replayed)) {
            let page = self.page(test, Document::Check(&report));
            return Err(moved(test, kept, file, why, (&report, &page)));
        }
        // What breaks the program on purpose may change it as it likes.
        if self.strict == Some(true) && !file.stays() {
            return Err(format!(
                "{of}, and none near it shows its defect. Nothing is known of what it was kept \
                 for: if that is right, remove its line\n{} {}",
                kept.test, kept.token
            ));
        }
        let note = unchanged(file, file.retire(kept));
        say(&format!(
            "warning: {of}, and none near it shows its defect. It is kept no longer{note}"
        ));
        Ok(())
    }

    /// What schedules around a kept one show, if one of them shows its defect.
    fn broken_around(&self, replayed: &Replayed) -> Option<Report> {
        Some(self.around(replayed).run()).filter(Report::is_broken)
    }

    /// The check of schedules around a kept one.
    fn around(&self, replayed: &Replayed) -> Self {
        let decisions: Decisions = replayed.token.decisions.clone();
        let check = self
            .clone()
            .with_strategy(crate::strategy::StrategyInfo::default_strategy())
            .limits(replayed.subject.limits)
            .changes(replayed.subject.changes.clone())
            .schedules(AROUND);
        let check = Self { around: Some(decisions), ..check };
        match replayed.named_defect(self) {
            Some(defect) => check.until(defect),
            None => check.fail_fast(true),
        }
    }

    /// Replays a kept schedule.
    fn standing(&self, token: &str) -> Result<Standing, String> {
        let replayed = match self.replay(token) {
            Ok(replayed) => Box::new(replayed),
            Err(
                error @ (ReplayError::Token(_)
                | ReplayError::Header
                | ReplayError::UnknownCode { .. }),
            ) => return Err(error.to_string()),
            Err(error) => return Ok(Standing::Stale(error.to_string(), None)),
        };
        Ok(match replayed.outcome() {
            ReplayOutcome::Broken => Standing::Broken(replayed),
            ReplayOutcome::Mended => Standing::Mended(replayed),
            ReplayOutcome::OutsideThread => Standing::Outside,
            ReplayOutcome::NoLongerApplies => {
                let decisions = replayed.token.decisions.len();
                let why = replayed.left_over.as_ref().map(|left| left.in_words(decisions));
                Standing::Stale(why.unwrap_or_default(), Some(replayed))
            }
        })
    }
}

/// What a test fails with whose check does not pass. Keeps what was found.
fn failure(test: &str, report: &Report, file: Option<&Regressions>, page: &str) -> String {
    let mut text = format!("{report}{page}");
    let kept = report.counterexamples.iter().map(|shown| {
        let breach = shown.defects.first().and_then(|defect| shown.execution.breach(*defect));
        let about = breach.map(|breach| format!("{}: {}", breach.defect, breach.message));
        let about = about.unwrap_or_default();
        let about: String = about.lines().next().unwrap_or_default().chars().take(ABOUT).collect();
        Kept {
            test: test.to_owned(),
            token: shown.token().to_string(),
            about: about.trim_end().to_owned(),
        }
    });
    let kept: Vec<Kept> = kept.collect();
    let Some(first) = kept.first() else { return text };
    let where_kept = match file.map(|file| (file, file.keep(&kept))) {
        None => "not kept".to_owned(),
        Some((file, Ok(()))) => format!("kept in {file}, and run first from now on"),
        Some((file, Err(error))) => format!("not kept: {file}: {error}"),
    };
    let _ = write!(text, "\n{where_kept}; the first one alone again:\n{}", again(first));
    text
}

/// What a test fails with that a schedule near a kept one breaks. That one is kept in its place.
fn moved(
    test: &str,
    kept: &Kept,
    file: &Regressions,
    why: &str,
    (report, page): (&Report, &str),
) -> String {
    let note = unchanged(file, file.retire(kept));
    let failure = failure(test, report, Some(file), page);
    format!(
        "{test}: the schedule kept in {file} no longer applies ({why}), and one near it breaks the \
         test{note}\n\n{failure}"
    )
}

/// That the file could not be changed, if so.
fn unchanged(file: &Regressions, result: io::Result<()>) -> String {
    result.err().map_or_else(String::new, |error| format!(" ({file} stays: {error})"))
}

/// How to run a schedule alone.
fn again(kept: &Kept) -> String {
    format!("MAPI_SYNC_REPLAY={}", kept.token)
}

#[cfg(test)]
mod tests;
