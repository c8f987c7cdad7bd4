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
        let text: String = tests.iter().map(|test| format!("async fn {test}() {{}}\n")).collect();
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
        let tasks = ["a", "b"].map(|name| engine::spawn(name, add(counter.clone(), lock.clone())));
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
    assert!(said[0].ends_with("none near it shows its defect. It is kept no longer"), "{said:?}");
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
    assert!(file.to_string().ends_with("tests.regressions"));
    assert!(Regressions::beside("no/such/file.rs").is_none());
    assert!(
        !file.has_lost("the_file_is_beside_the_source_file")
            && file.has_lost(&["an", "other"].concat())
    );
}
