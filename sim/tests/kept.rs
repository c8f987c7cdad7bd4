//! A check that is run as a test, in a process of its own: what the environment says to it, what it
//! prints, and what it keeps. The tests start this program once more.

use std::process::{Command, Output, Stdio};
use std::{env, fs, process, thread};

use mapi_sync_sim::engine::{self, sync::Register};
use mapi_sync_sim::{Check, explore};

/// The regression file of the started process.
const FILE: &str = "MAPI_SYNC_KEPT_IN";

/// The name of the test in the started process, if it is another one, and how often it is run, on
/// a thread each.
const NAME: &str = "MAPI_SYNC_KEPT_NAME";
const THREADS: &str = "MAPI_SYNC_KEPT_THREADS";

/// In the process that the tests below start: two tasks lose an addition.
#[test]
fn adds_when_asked_to() {
    let Some(file) = env::var_os(FILE) else { return };
    let name = env::var(NAME).unwrap_or_else(|_| "adds_when_asked_to".to_owned());
    let threads = env::var(THREADS).map_or(1, |threads| threads.parse().unwrap());
    let check = adders().schedules(200).regressions(file);
    if threads == 1 {
        return check.test(&name);
    }
    let threads: Vec<_> = (0..threads)
        .map(|number| {
            let (check, name) = (check.clone(), format!("{name}_{number}"));
            thread::spawn(move || check.test(&name))
        })
        .collect();
    let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    panic!("{failed} threads failed");
}

fn adders() -> Check {
    explore(|| async {
        let counter = Register::new("counter", 0);
        let tasks = ["a", "b"].map(|name| {
            let counter = counter.clone();
            engine::spawn(name, async move {
                let seen = counter.read().await;
                counter.write(seen + 1).await;
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(counter.get(), 2, "an addition is lost");
    })
}

/// In the process that a test below starts: ends the process in some schedule.
#[cfg(target_os = "linux")]
#[test]
fn aborts_when_asked_to() {
    let Some(file) = env::var_os(FILE) else { return };
    let check = explore(|| async {
        if engine::choose("end", 8) == 7 {
            process::abort();
        }
    });
    let check = check.schedules(1_000).early_tasks(false).regressions(file);
    check.test("aborts_when_asked_to");
}

/// A regression file that goes with the test.
struct Kept(std::path::PathBuf);

impl Kept {
    fn new(test: &str) -> Self {
        let name = format!("mapi-sync-{test}-{}.regressions", process::id());
        Self(env::temp_dir().join(name))
    }

    /// Runs the test with these variables. Returns whether it passed, and what it printed.
    fn run(&self, variables: &[(&str, &str)]) -> (bool, String) {
        let output = self.command(variables).arg("--nocapture").output().expect("it starts");
        (output.status.success(), text(output))
    }

    fn command(&self, variables: &[(&str, &str)]) -> Command {
        self.command_for("adds_when_asked_to", variables)
    }

    fn command_for(&self, test: &str, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env::current_exe().expect("this is a program"));
        command.args(["--exact", test]).env(FILE, &self.0);
        for name in ["CI", "RUST_BACKTRACE", "MAPI_SYNC_SEED"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        command
    }

    /// What is kept: of each line, the name of the test. Fails if there is a line of another sort.
    fn names(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap();
        assert_eq!(text.matches("# Schedules that broke a test").count(), 1, "{text}");
        assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
        let kept = text.lines().filter(|line| !line.starts_with('#'));
        let name = |line: &str| {
            let mut words = line.split(' ');
            let name = words.next().unwrap().to_owned();
            assert!(words.next().is_some_and(|token| token.starts_with("ms2-")), "{text}");
            assert!(line.contains(" # panic: "), "{text}");
            name
        };
        let mut names: Vec<String> = kept.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn text(output: Output) -> String {
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).expect("what is printed is UTF-8")
}

/// The token in the last line of a failure.
fn token(said: &str) -> &str {
    let of = |line: &'_ str| line.starts_with("MAPI_SYNC_REPLAY=");
    let line = said.lines().rfind(|line| of(line)).unwrap_or_else(|| panic!("{said}"));
    line.trim_start_matches("MAPI_SYNC_REPLAY=")
}

#[test]
fn seed_comes_first_and_token_last_and_the_next_run_begins_with_it() {
    let kept = Kept::new("seed");
    let (passed, said) = kept.run(&[("MAPI_SYNC_SEED", "7"), ("MAPI_SYNC_STRATEGY", "random")]);
    assert!(!passed);
    let seed = said.find("adds_when_asked_to: strategy random, seed 7\n").expect("the seed");
    assert!(seed < said.find("an addition is lost").expect("the report"), "{said}");
    let found = token(&said);
    let text = fs::read_to_string(&kept.0).unwrap();
    assert!(text.contains(&format!("adds_when_asked_to {found} # panic: ")), "{text}");
    let (passed, again) = kept.run(&[]);
    assert!(!passed && again.contains("breaks it as before; alone again:"), "{again}");
    assert!(!again.contains("strategy portfolio, seed"), "{again}");
    assert_eq!(token(&again), found);
    let (passed, alone) = kept.run(&[("MAPI_SYNC_REPLAY", found)]);
    assert!(!passed && alone.contains("an addition is lost"), "{alone}");
}

#[test]
fn a_variable_that_makes_no_sense_fails_the_test() {
    let kept = Kept::new("variable");
    let (passed, said) = kept.run(&[("MAPI_SYNC_TIME", "soon")]);
    assert!(!passed);
    let expected = "the environment variable MAPI_SYNC_TIME is \"soon\": a time is a whole number \
                    with its unit, as in 500ms, 30s, 10m or 2h";
    assert!(said.contains(expected), "{said}");
    assert!(!kept.0.exists());
}

/// As `cargo nextest` runs tests: each in a process of its own, many at once.
#[test]
fn many_processes_keep_what_they_find_in_one_file() {
    const PROCESSES: usize = 12;
    let kept = Kept::new("processes");
    for _ in 0..2 {
        let running: Vec<_> = (0..PROCESSES)
            .map(|number| {
                let name = format!("test_{number}");
                let mut command = kept.command(&[(NAME, &name), ("MAPI_SYNC_SHRINK_TIME", "1s")]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
            })
            .collect();
        for child in running {
            let output = child.wait_with_output().expect("it ends");
            assert!(!output.status.success());
            let said = text(output);
            assert!(said.contains("an addition is lost"), "{said}");
            assert!(!said.contains("no token") && !said.contains("a line is the name"), "{said}");
        }
        let mut expected: Vec<String> = (0..PROCESSES).map(|n| format!("test_{n}")).collect();
        expected.sort();
        assert_eq!(kept.names(), expected);
    }
}

#[test]
fn many_threads_keep_what_they_find_in_one_file() {
    let kept = Kept::new("threads");
    let (passed, said) = kept.run(&[(NAME, "of"), (THREADS, "6")]);
    assert!(!passed && said.contains("6 threads failed"), "{said}");
    let expected: Vec<String> = (0..6).map(|n| format!("of_{n}")).collect();
    assert_eq!(kept.names(), expected);
    let (passed, said) = kept.run(&[(NAME, "of"), (THREADS, "6")]);
    assert!(!passed, "{said}");
    assert_eq!(said.matches("breaks it as before; alone again:").count(), 6, "{said}");
    assert_eq!(kept.names(), expected);
}

/// A harness that captures the output shows it after a failure: the same lines as without it.
#[test]
fn what_is_said_is_the_same_with_and_without_capturing() {
    let kept = Kept::new("captured");
    let (passed, shown) = kept.run(&[]);
    assert!(!passed);
    let output = kept.command(&[]).output().expect("it starts");
    assert!(!output.status.success());
    let captured = text(output);
    assert_eq!(token(&captured), token(&shown));
    for said in [&shown, &captured] {
        assert_eq!(said.matches("an addition is lost\n").count(), 1, "{said}");
    }
}

/// What the harness captures is lost when the process ends, so the last words name the seed too.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_aborts_has_said_its_seed() {
    let kept = Kept::new("aborts");
    for arguments in [&[][..], &["--nocapture"]] {
        let variables = [("MAPI_SYNC_SEED", "11"), ("MAPI_SYNC_STRATEGY", "random")];
        let mut command = kept.command_for("aborts_when_asked_to", &variables);
        let output = command.args(arguments).output().expect("it starts");
        assert!(!output.status.success());
        let said = text(output);
        assert!(said.contains("seed 11"), "{said}");
        let before = said.contains("aborts_when_asked_to: strategy random, seed 11\n");
        assert_eq!(before, !arguments.is_empty(), "{said}");
    }
}

#[test]
fn a_test_that_met_nothing_fails_on_a_ci_machine_only() {
    let kept = Kept::new("vacuous");
    let output = |variables: &[(&str, &str)]| {
        let mut command = kept.command_for("meets_nothing_when_asked_to", variables);
        let output = command.output().expect("it starts");
        (output.status.success(), text(output))
    };
    assert!(output(&[]).0 && output(&[("CI", "false")]).0);
    let (passed, said) = output(&[("CI", "true")]);
    assert!(!passed && said.contains("every execution was the same one"), "{said}");
}

/// In the process that the test above starts.
#[test]
fn meets_nothing_when_asked_to() {
    if let Some(file) = env::var_os(FILE) {
        explore(|| async {}).schedules(5).regressions(file).test("meets_nothing");
    }
}
