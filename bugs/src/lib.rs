//! What the programs share: tasks, and the search for a schedule that goes wrong.

use std::env;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub use engine::yield_now;
use mapi_sync_engine::strategy::StrategyInfo;
use mapi_sync_engine::{self as engine, End, Limits, Outcome};

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

/// Runs `program` under the default strategy, with one seed.
fn explore_here(program: fn() -> Boxed, seed: u64) -> Verdict {
    let mut engine = StrategyInfo::default_strategy().engine(Limits::default(), seed);
    for index in 0..SCHEDULES {
        let outcome =
            engine.execute_boxed(index, program()).expect("the strategy ends with the count");
        if let Some(how) = fault(&outcome) {
            return Verdict::Found { schedules: index + 1, how };
        }
    }
    Verdict::Held
}

/// How the execution went wrong, if it did.
fn fault(outcome: &Outcome) -> Option<String> {
    if let Some(panic) = outcome.panics.first() {
        return Some(format!("task {:?} panicked: {}", panic.name, panic.message));
    }
    (outcome.end != End::Completed).then(|| outcome.end.to_string())
}

/// What a set prints for one program, as one line. Its fields are separated by tabs.
pub struct Line {
    /// The program.
    pub program: String,
    /// How many schedules it took for each seed from 1, if a schedule went wrong under it.
    pub found: Vec<Option<u64>>,
    /// How the first one went wrong.
    pub how: String,
    /// Seconds for all seeds.
    pub seconds: f64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.iter().map(|found| found.unwrap_or(0).to_string());
        let found = found.collect::<Vec<_>>().join(",");
        let how = self.how.replace(['\n', '\t'], " ");
        write!(f, "{}\t{found}\t{:.3}\t{how}", self.program, self.seconds)
    }
}

impl Line {
    /// Reads what `Display` wrote. `None` if the text is no such line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, '\t');
        let program = fields.next()?.to_owned();
        let found = fields.next()?.split(',').map(|number| match number.parse().ok()? {
            0 => Some(None),
            found => Some(Some(found)),
        });
        let found = found.collect::<Option<Vec<_>>>()?;
        let seconds = fields.next()?.parse().ok()?;
        Some(Self { program, found, how: fields.next()?.to_owned(), seconds })
    }
}

/// The main function of a set: runs those of its programs that the command line names, or all, and
/// prints a line for each.
pub fn serve(programs: &[Program]) {
    let named: Vec<String> = env::args().skip(1).collect();
    for (name, program) in programs {
        if named.is_empty() || named.iter().any(|named| named == name) {
            println!("{}", hunt(name, *program));
        }
    }
}

/// Under how many seeds a version with the bug is run, if that takes no more than [`PATIENCE`].
pub const SEEDS: u64 = 20;

/// A livelock takes long to show. After this time, no further seed is tried.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs one program under each seed. One that holds under the first seed holds.
fn hunt(name: &str, program: fn() -> Boxed) -> Line {
    let began = Instant::now();
    let mut found = Vec::new();
    let mut first = String::new();
    for seed in 1..=SEEDS {
        match explore_here(program, seed) {
            Verdict::Found { schedules, how } => {
                found.push(Some(schedules));
                if seed == 1 {
                    first = how;
                }
            }
            Verdict::Held => found.push(None),
        }
        if found == [None] || began.elapsed() > PATIENCE {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    Line { program: name.to_owned(), found, how: first, seconds }
}
