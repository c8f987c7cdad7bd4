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
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;
    use std::{env, fs, process, thread};

    use super::*;
    use crate::engine::sync::{Mutex, Register};
    use crate::{engine, explore};

    /// A folder of its own that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("mapi-sync-kept-{}-{number}", process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// The regression file of a source file with these tests.
        fn file(&self, tests: &[&str]) -> Regressions {
            let source = self.0.join("test.rs");
            let text: String =
                tests.iter().map(|test| format!("async fn {test}() {{}}\n")).collect();
            fs::write(&source, text).unwrap();
            Regressions::at(&source.with_extension("regressions"), Some(source))
        }

        fn text(&self) -> String {
            fs::read_to_string(self.0.join("test.regressions")).unwrap_or_default()
        }

        fn write(&self, text: &str) {
            fs::write(self.0.join("test.regressions"), text).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// How the adders are.
    #[derive(Clone, Copy)]
    struct Adders {
        /// How many steps each takes first.
        yields: u32,
        /// Whether they exclude each other.
        locked: bool,
    }

    const BROKEN: Adders = Adders { yields: 1, locked: false };

    /// Two tasks add to a counter.
    fn adders(adders: Adders) -> Check {
        let Adders { yields, locked } = adders;
        let add = move |counter: Register<u32>, lock: Mutex<()>| async move {
            for _ in 0..yields {
                engine::yield_now().await;
            }
            let held = if locked { Some(lock.lock().await) } else { None };
            let seen = counter.read().await;
            counter.write(seen + 1).await;
            drop(held);
        };
        explore(move || async move {
            let (counter, lock) = (Register::new("counter", 0), Mutex::new("lock", ()));
            let tasks =
                ["a", "b"].map(|name| engine::spawn(name, add(counter.clone(), lock.clone())));
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(counter.get(), 2, "an addition is lost");
        })
        .schedules(200)
        .jobs(1)
    }

    /// What a test fails with, if it does, and what it says.
    fn run(check: &Check, test: &str, file: &Regressions) -> (Option<String>, Vec<String>) {
        run_under(check, test, file, &[])
    }

    fn run_under(
        check: &Check,
        test: &str,
        file: &Regressions,
        variables: &[(&str, &str)],
    ) -> (Option<String>, Vec<String>) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = Environment::new(variables.iter().map(owned)).unwrap();
        let mut said = Vec::new();
        let say = &mut |line: &str| said.push(line.to_owned());
        let failure = check.tested(test, &environment, Some(file), say).err();
        (failure, said)
    }

    /// The token in the last line of a failure.
    fn token(failure: &str) -> &str {
        failure.lines().next_back().unwrap().strip_prefix("MAPI_SYNC_REPLAY=").unwrap()
    }

    #[test]
    fn a_counterexample_is_kept_and_is_run_first_from_then_on() {
        let folder = Folder::new();
        let file = folder.file(&["adds"]);
        let (failure, said) = run(&adders(BROKEN), "adds", &file);
        let failure = failure.unwrap();
        assert!(failure.contains("test.regressions, and run first from now on"), "{failure}");
        assert!(said.is_empty());
        let text = folder.text();
        let line = text.lines().last().unwrap();
        assert!(
            line.starts_with(&format!("adds {} # panic: task \"main\"", token(&failure))),
            "{line}"
        );
        // The second run needs no search.
        let (again, said) = run(&adders(BROKEN).schedules(1), "adds", &file);
        let again = again.unwrap();
        let words = format!("adds: the schedule kept in {file} breaks it as before; alone again:");
        assert!(again.lines().any(|line| line == words), "{again}");
        assert!(again.contains("an addition is lost"), "{again}");
        assert_eq!(token(&again), token(&failure));
        assert!(said.is_empty());
        assert_eq!(folder.text(), text);
    }

    #[test]
    fn what_came_of_a_test_is_a_page_where_the_environment_says_so() {
        const SAID: &str = "adds: a page for the browser is in ";
        let folder = Folder::new();
        let pages = folder.0.join("pages");
        let page = || fs::read_to_string(pages.join("adds.html")).unwrap();
        let run = |check: &Check, more: Option<(&str, &str)>| {
            let folder = pages.display().to_string();
            let variables = [("MAPI_SYNC_REPORT", folder.as_str())].into_iter().chain(more);
            let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let environment = Environment::new(owned).unwrap();
            let mut said = Vec::new();
            let mut say = |line: &str| said.push(line.to_owned());
            let result = check.tested("adds", &environment, None, &mut say);
            (result, said)
        };
        let failure = run(&adders(BROKEN), None).0.unwrap_err();
        assert!(failure.contains(SAID), "{failure}");
        assert!(page().contains("an addition is lost"));
        let alone = run(&adders(BROKEN), Some(("MAPI_SYNC_REPLAY", token(&failure))));
        assert!(alone.0.unwrap_err().contains(SAID));
        assert!(page().contains("✕ broken"));
        let (result, said) = run(&explore(|| async {}), None);
        assert_eq!(result, Ok(()));
        assert!(said.iter().any(|line| line.starts_with(SAID)), "{said:?}");
        assert!(page().contains("✓ nothing went wrong"));
    }

    #[test]
    fn a_kept_schedule_survives_unrelated_edits() {
        let folder = Folder::new();
        let file = folder.file(&["adds", "other"]);
        let kept = run(&adders(BROKEN), "adds", &file).0.unwrap();
        let text = format!("# ours\n\n{}other ms2-x # not read here\n", folder.text());
        folder.write(&text);
        // The program does more that takes no step.
        let edited = explore(|| async {
            engine::note("edited");
            let counter = Register::new("counter", 0);
            let tasks = ["a", "b"].map(|name| {
                let counter = counter.clone();
                engine::spawn(name, async move {
                    engine::yield_now().await;
                    let seen = counter.read().await;
                    counter.write(seen + 1).await;
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
            let total = counter.get();
            assert_eq!(total, 2, "one of two additions is lost");
        });
        let (failure, said) = run(&edited.schedules(1), "adds", &file);
        let failure = failure.unwrap();
        let words = format!("adds: the schedule kept in {file} breaks it as before; alone again:");
        assert!(failure.lines().any(|line| line == words), "{failure}");
        assert_eq!(said, [""; 0]);
        assert_eq!(token(&failure), token(&kept));
        assert_eq!(folder.text(), text);
        // Another test of the file does not care, as long as its own lines can be read.
        assert!(run(&adders(BROKEN).schedules(1), "third", &file).0.is_none());
        let failure = run(&adders(BROKEN).schedules(1), "other", &file).0.unwrap();
        assert!(failure.contains("is no token"), "{failure}");
    }

    #[test]
    fn a_mended_bug_is_said_once() {
        let folder = Folder::new();
        let file = folder.file(&["adds"]);
        assert!(run(&adders(BROKEN), "adds", &file).0.is_some());
        // The same steps, without the mistake.
        let mended = explore(|| async {
            let counter = Register::new("counter", 0);
            let tasks = ["a", "b"].map(|name| {
                let counter = counter.clone();
                engine::spawn(name, async move {
                    engine::yield_now().await;
                    counter.read().await;
                    counter.modify(|n| *n += 1).await;
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(counter.get(), 2);
        })
        .schedules(50);
        let (failure, said) = run(&mended, "adds", &file);
        assert_eq!(failure, None);
        let words = format!(
            "adds: the schedule kept in {file} is mended: panic does not show. It is kept no longer"
        );
        assert_eq!(said, [words]);
        assert!(!folder.text().contains("ms2-"));
        assert_eq!(run(&mended, "adds", &file), (None, Vec::new()));
    }

    #[test]
    fn a_schedule_that_no_longer_applies_is_looked_for_nearby() {
        // Of the one, decisions are left over; of the other, all are taken.
        for yields in [0, 4] {
            let folder = Folder::new();
            let file = folder.file(&["adds"]);
            let before = run(&adders(BROKEN), "adds", &file).0.unwrap();
            let changed = adders(Adders { yields, ..BROKEN });
            let (failure, said) = run(&changed.schedules(1), "adds", &file);
            let failure = failure.unwrap_or_else(|| panic!("{said:?}"));
            assert!(failure.contains("no longer applies"), "{failure}");
            assert!(failure.contains("and one near it breaks the test"), "{failure}");
            assert!(failure.contains("strategy around a kept schedule"), "{failure}");
            assert_ne!(token(&failure), token(&before));
            let kept = file.read().unwrap();
            assert_eq!(kept.len(), 1);
            assert_eq!(kept[0].token, token(&failure));
        }
    }

    #[test]
    fn a_schedule_that_no_longer_applies_is_given_up_with_a_warning_or_fails_a_strict_test() {
        let folder = Folder::new();
        let file = folder.file(&["adds"]);
        assert!(run(&adders(BROKEN), "adds", &file).0.is_some());
        let text = folder.text();
        let rewritten = adders(Adders { yields: 0, locked: true });
        let (failure, _) = run(&rewritten.clone().strict(true), "adds", &file);
        assert!(failure.unwrap().contains("if that is right, remove its line"));
        assert_eq!(folder.text(), text);
        let (failure, said) = run(&rewritten, "adds", &file);
        assert_eq!(failure, None);
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("warning: adds: the schedule kept in "), "{said:?}");
        assert!(
            said[0].ends_with("none near it shows its defect. It is kept no longer"),
            "{said:?}"
        );
        assert_eq!(run(&rewritten, "adds", &file), (None, Vec::new()));
    }

    #[test]
    fn a_renamed_test_takes_its_schedules_over() {
        let folder = Folder::new();
        assert!(run(&adders(BROKEN), "adds", &folder.file(&["adds"])).0.is_some());
        let file = folder.file(&["adds_all", "other"]);
        // A test that it does not break leaves it alone.
        let other = explore(|| async {}).schedules(1);
        let (failure, said) = run(&other, "other", &file);
        assert_eq!(failure, None);
        let words = format!(
            "other: the schedule kept in {file} is for `adds`, a test that is gone, and does not \
             break this one: if it was renamed, rename it there too"
        );
        assert_eq!(said, [words]);
        let (failure, said) = run(&adders(BROKEN).schedules(1), "adds_all", &file);
        let failure = failure.unwrap();
        let words = format!(
            "adds_all: the schedule kept in {file} for `adds`, a test that is gone, breaks this \
             one, and is kept under its name now; alone again:"
        );
        assert!(failure.lines().any(|line| line == words), "{failure}");
        assert_eq!(said, [""; 0]);
        assert_eq!(file.read().unwrap()[0].test, "adds_all");
        let failure = run(&adders(BROKEN).schedules(1), "adds_all", &file).0.unwrap();
        assert!(failure.contains("breaks it as before"), "{failure}");
        assert_eq!(run(&other, "other", &file), (None, Vec::new()));
    }

    #[test]
    fn a_file_that_stays_is_run_and_not_changed() {
        let folder = Folder::new();
        let file = folder.file(&["adds"]);
        let stays = file.clone().that_stays();
        let failure = run(&adders(BROKEN), "adds", &stays).0.unwrap();
        assert!(failure.contains("\nnot kept: ") && failure.contains("MAPI_SYNC_KEEP is false"));
        assert_eq!(folder.text(), "");
        assert!(run(&adders(BROKEN), "adds", &file).0.is_some());
        let text = folder.text();
        let again = run(&adders(BROKEN).schedules(1), "adds", &stays).0.unwrap();
        assert!(again.contains("breaks it as before"), "{again}");
        // Of another program, it tells nothing, whether the test is strict or not.
        let rewritten = adders(Adders { yields: 0, locked: true });
        for check in [rewritten.clone(), rewritten.strict(true)] {
            let (failure, said) = run(&check, "adds", &stays);
            assert_eq!(failure, None);
            assert!(said[0].contains("stays: MAPI_SYNC_KEEP is false)"), "{said:?}");
            assert_eq!(folder.text(), text);
        }
        let renamed = folder.file(&["adds_all"]).that_stays();
        let failure = run(&adders(BROKEN).schedules(1), "adds_all", &renamed).0.unwrap();
        assert!(failure.contains("a test that is gone, breaks this one"), "{failure}");
        assert_eq!(folder.text(), text);
    }

    #[test]
    fn many_tests_keep_what_they_find_in_one_file() {
        let folder = Folder::new();
        let file = folder.file(&[]);
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let file = file.clone();
                thread::spawn(move || {
                    let kept = |n| Kept {
                        test: format!("test_{number}"),
                        token: format!("ms2-{n}"),
                        about: String::new(),
                    };
                    for n in 0..10 {
                        file.keep(&[kept(n)]).unwrap();
                        if n % 2 == 1 {
                            file.retire(&kept(n)).unwrap();
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(file.read().unwrap().len(), 40);
        assert_eq!(folder.text().matches("# Schedules that broke a test").count(), 1);
    }

    #[test]
    fn a_token_of_the_environment_is_all_that_is_run() {
        let folder = Folder::new();
        let file = folder.file(&["adds"]);
        let failure = run(&adders(BROKEN), "adds", &file).0.unwrap();
        let of = |check: &Check, token: &str| {
            run_under(check, "adds", &file, &[("MAPI_SYNC_REPLAY", token)]).0
        };
        let alone = of(&adders(BROKEN), token(&failure)).unwrap();
        assert!(alone.contains("an addition is lost") && !alone.contains("schedules,"), "{alone}");
        let stale = of(&adders(Adders { yields: 0, locked: true }), token(&failure)).unwrap();
        assert!(stale.contains("the token no longer applies"), "{stale}");
        let damaged = of(&adders(BROKEN), "ms2-").unwrap();
        assert!(damaged.starts_with("the environment variable MAPI_SYNC_REPLAY: "), "{damaged}");
        let other = of(&Check::builtin("tiny-sync").unwrap(), token(&failure)).unwrap();
        assert!(other.contains("Run the test alone that the token is of"), "{other}");
    }

    #[test]
    fn a_vacuous_test_fails_on_a_ci_machine() {
        let folder = Folder::new();
        let file = folder.file(&["nothing"]);
        let nothing = explore(|| async {}).schedules(5);
        let on_ci = |check: &Check| run_under(check, "nothing", &file, &[("CI", "true")]).0;
        assert_eq!(run(&nothing, "nothing", &file).0, None);
        assert!(on_ci(&nothing).unwrap().contains("every execution was the same one"));
        assert_eq!(on_ci(&nothing.strict(false)), None);
    }

    #[test]
    fn a_search_that_runs_out_of_time_is_incomplete() {
        let folder = Folder::new();
        let file = folder.file(&["slow"]);
        let many = || async {
            let counter = Register::new("counter", 0);
            let tasks = [(); 8].map(|()| {
                let counter = counter.clone();
                engine::spawn("adder", async move { counter.modify(|n| *n += 1).await })
            });
            for task in tasks {
                task.await.unwrap();
            }
        };
        for strategy in ["dfs", "exhaustive", "random"] {
            for jobs in [1, 2] {
                let check = explore(many).strategy(strategy).unwrap().schedules(u64::MAX);
                let check =
                    if strategy == "random" { check } else { Check { schedules: None, ..check } };
                let check = check.jobs(jobs).time(Duration::from_millis(30));
                let report = check.run();
                assert!(!report.complete && report.passes() && !report.interrupted, "{report}");
                assert!(report.proof.as_ref().is_none_or(|proof| !proof.complete));
                let out = crate::Warning::OutOfTime(Duration::from_millis(30));
                assert!(report.warnings.contains(&out), "{report}");
                let (failure, said) = run(&check, "slow", &file);
                assert_eq!(failure, None);
                assert!(said[0].starts_with("slow: incomplete: "), "{said:?}");
                let failure = run(&check.strict(true), "slow", &file).0.unwrap();
                assert!(failure.contains("it ended when its time was over, 30ms"), "{failure}");
            }
        }
    }

    #[test]
    fn the_file_is_beside_the_source_file() {
        let file = Regressions::beside(file!()).unwrap();
        assert!(file.to_string().ends_with("tested.regressions"));
        assert!(Regressions::beside("no/such/file.rs").is_none());
        assert!(
            !file.has_lost("the_file_is_beside_the_source_file")
                && file.has_lost(&["an", "other"].concat())
        );
    }
}
