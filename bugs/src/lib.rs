//! What the programs share: tasks, and the check that looks for a schedule that goes wrong.

use std::env;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

pub use engine::yield_now;
use mapi_sync_sim::{engine, explore};

pub mod sets;
pub mod table;

/// How many schedules a version without the bug has to hold.
pub const SCHEDULES: u64 = 10_000;

/// A program's name, and the program.
pub type Program = (&'static str, fn() -> Boxed);

/// A program that is about to run.
pub type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Lists the programs of a set: each in a module of its name, with a function `program`.
#[macro_export]
macro_rules! programs {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), || Box::pin($name::program()))),*]
    };
}

/// A task of the running program.
pub struct Task<T> {
    handle: engine::JoinHandle,
    result: Arc<Mutex<Option<T>>>,
}

/// The task panicked.
#[derive(Debug)]
pub struct Panicked;

/// Starts a task.
pub fn spawn<T: Send + 'static>(
    name: &'static str,
    future: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let handle = engine::spawn(name, async move {
        let value = future.await;
        *slot.lock().unwrap() = Some(value);
    });
    Task { handle, result }
}

impl<T: Send + 'static> IntoFuture for Task<T> {
    type Output = Result<T, Panicked>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T, Panicked>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let _ = self.handle.await;
            self.result.lock().unwrap().take().ok_or(Panicked)
        })
    }
}

/// What became of a program.
enum Verdict {
    /// A schedule went wrong, the first one after this many, that one included.
    Found { schedules: u64, how: String },
    /// All of [`SCHEDULES`] went well.
    Held,
}

/// Checks `program` with the default settings, or, for more figures, with another seed and without
/// what makes a counterexample smaller.
fn explore_here(name: &str, program: fn() -> Boxed, seed: Option<u64>) -> Verdict {
    let check = explore(program).name(name);
    let check = match seed {
        None => check,
        Some(seed) => check.seed(seed).fail_fast(true).shrink(false).jobs(1),
    };
    let report = check.run();
    match report.counterexamples.first() {
        Some(first) => {
            let how = first.defects.first().map(|defect| defect.id().to_owned());
            Verdict::Found { schedules: first.index + 1, how: how.unwrap_or_default() }
        }
        None => {
            report.assert_holds();
            assert_eq!(report.schedules, SCHEDULES);
            Verdict::Held
        }
    }
}

/// What a set prints for one program, as one line. Its fields are separated by tabs.
pub struct Line {
    /// The program.
    pub program: String,
    /// How many schedules it took for each seed from 1, if a schedule went wrong under it.
    pub found: Vec<Option<u64>>,
    /// How the first one went wrong.
    pub how: String,
    /// The seconds of the check with the default settings.
    pub seconds: f64,
    /// Whether the default schedule goes wrong.
    pub by_default: bool,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.iter().map(|found| found.unwrap_or(0).to_string());
        let found = found.collect::<Vec<_>>().join(",");
        let how = self.how.replace(['\n', '\t'], " ");
        let Self { program, seconds, by_default, .. } = self;
        write!(f, "{program}\t{found}\t{seconds:.3}\t{by_default}\t{how}")
    }
}

impl Line {
    /// Reads what `Display` wrote. `None` if the text is no such line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(5, '\t');
        let program = fields.next()?.to_owned();
        let found = fields.next()?.split(',').map(|number| match number.parse().ok()? {
            0 => Some(None),
            found => Some(Some(found)),
        });
        let found = found.collect::<Option<Vec<_>>>()?;
        let seconds = fields.next()?.parse().ok()?;
        let by_default = fields.next()?.parse().ok()?;
        Some(Self { program, found, how: fields.next()?.to_owned(), seconds, by_default })
    }
}

/// The main function of a set: runs all of its programs and prints a line for each. If the command
/// line names some, it prints the reports of these.
pub fn serve(programs: &[Program]) {
    let named: Vec<String> = env::args().skip(1).collect();
    for (name, program) in programs {
        if named.is_empty() {
            println!("{}", hunt(name, *program));
        } else if named.iter().any(|named| named == name) {
            println!("{}", explore(*program).name(*name).run());
        }
    }
}

/// Under how many seeds a version with the bug is checked.
pub const SEEDS: u64 = 20;

/// Checks one program with the default settings, then, if that found the bug, with further seeds.
fn hunt(name: &str, program: fn() -> Boxed) -> Line {
    let began = Instant::now();
    let (mut found, how) = match explore_here(name, program, None) {
        Verdict::Found { schedules, how } => (vec![Some(schedules)], how),
        Verdict::Held => (vec![None], String::new()),
    };
    let seconds = began.elapsed().as_secs_f64();
    if found != [None] {
        // Side by side, because a check that finds a deadlock waits a second for other threads.
        thread::scope(|scope| {
            let hunt = |seed| scope.spawn(move || explore_here(name, program, Some(seed)));
            let hunts: Vec<_> = (2..=SEEDS).map(hunt).collect();
            found.extend(hunts.into_iter().map(|hunt| match hunt.join().unwrap() {
                Verdict::Found { schedules, .. } => Some(schedules),
                Verdict::Held => None,
            }));
        });
    }
    // The first schedule of this strategy is the default one.
    let first = explore(program).name(name).strategy("dfs").unwrap().schedules(1).shrink(false);
    let by_default = !first.run().counterexamples.is_empty();
    Line { program: name.to_owned(), found, how, seconds, by_default }
}
