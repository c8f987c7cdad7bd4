//! A check runs in threads of its own, and the caller's thread looks after them: it says now and
//! then how far they are, and it is the watchdog for a poll that never returns.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use mapi_sync_engine::{Beacon, EarlyPolls, Origin, RunningPoll, Way, early_polls};
use mapi_sync_probe::name_task_of_fatal_signal;

use super::counterexamples::Shrinking;
use super::recorder::record;
use super::search::{Candidate, SearchSummary};
use super::{Check, Defect, Report, Subject};
use crate::decision::Token;
use crate::engine::Engine;
use crate::engine::parallel::{Control, STACK};
use crate::lock::lock;
use crate::strategy::Follow;
use crate::world::Observed;

/// How long a poll may take, unless the check says otherwise.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(30);

/// How often shrinking reports how far it is.
const SHRINKING_EVERY: Duration = Duration::from_millis(50);

/// A poll that did not return, and ended its check.
///
/// This is no defect: how long code may compute is not the contract's business. It is the reason
/// why a check is incomplete. The thread that polls cannot be ended; it goes on until the process
/// ends.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hang {
    /// The task's name.
    pub task: String,
    /// The number of the step in its execution, from 0.
    pub step: u64,
    /// What the execution was run for.
    pub during: HangPhase,
    /// The seed of the strategy.
    pub seed: u64,
    /// How long the poll was given.
    pub limit: Duration,
    /// What the execution was one of.
    pub subject: Subject,
    /// The token that leads to the poll, if a search ran into it and the schedule hung again. A
    /// replay has no watchdog, so that a debugger can stop there.
    pub token: Option<Token>,
    /// What was found before, and could not be shown because running it again hung too.
    pub unshown: Vec<Defect>,
}

/// What a check was doing when a poll did not return.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangPhase {
    /// It ran the schedule of this number, from 0.
    Schedule(u64),
    /// It ran a schedule of a search whose schedules have no numbers, such as an exhaustive one.
    Search {
        /// About how many were run before.
        after: u64,
    },
    /// It made the counterexample of this defect smaller, explained it, or ran it once more.
    Counterexample(Defect),
}

impl fmt::Display for Hang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, step, seed, limit, .. } = self;
        write!(f, "a poll of task `{task}` did not return within {limit:?}: step {}", step + 1)?;
        match self.during {
            HangPhase::Schedule(number) => write!(f, " of schedule {}, seed {seed}", number + 1)?,
            HangPhase::Search { after } => {
                write!(f, " of a schedule after about {after} others, seed {seed}")?;
            }
            HangPhase::Counterexample(defect) => {
                write!(f, ", while the counterexample of {defect} was made smaller or explained")?;
            }
        }
        f.write_str(
            ". A loop without an await does that, and so does whatever blocks the thread: a lock \
             of `std` that another task holds over an await, or a receive that waits",
        )
    }
}

/// What an engine runs executions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A search, whose executions may have numbers.
    Search { numbered: bool },
    /// A counterexample.
    Counterexample(Defect),
}

impl Work {
    /// The same for the last words of a process that ends inside of an execution.
    fn origin(self, seed: u64) -> Origin {
        match self {
            Self::Search { numbered: true } => Origin::numbered(format!(", seed {seed}")),
            Self::Search { numbered: false } => {
                Origin::unnumbered(format!(" of a schedule, seed {seed}"))
            }
            Self::Counterexample(defect) => Origin::unnumbered(format!(
                ", while the counterexample of {defect} was made smaller or explained, seed {seed}"
            )),
        }
    }
}

/// What the threads of a check and the one that looks after them share.
pub(super) struct Watch {
    pub(super) control: Control,
    seed: u64,
    watched: bool,
    engines: Mutex<Vec<WatchedEngine>>,
    ran: Mutex<RanByThreads>,
}

/// An engine whose polls are watched.
struct WatchedEngine {
    beacon: Weak<Beacon>,
    work: Work,
    /// The polls of tasks whose `spawn` has not returned.
    early: Arc<EarlyPolls>,
}

/// What the threads of a search have run.
#[derive(Default)]
struct RanByThreads {
    running: Vec<Arc<Mutex<SearchSummary>>>,
    ended: SearchSummary,
}

/// What one thread of a search has run: for the report, if the search does not come to its end.
pub(super) struct RanSoFar(Option<Arc<Mutex<SearchSummary>>>);

impl RanSoFar {
    /// Notes an execution, and what was found in its part of the search.
    pub(super) fn note(&self, observed: &Observed, of_part: &[Candidate]) {
        if let Some(ran) = &self.0 {
            lock(ran).note(observed, of_part);
        }
    }
}

impl Watch {
    fn new(control: Control, seed: u64, watched: bool) -> Self {
        Self { control, seed, watched, engines: Mutex::default(), ran: Mutex::default() }
    }

    /// Watches the polls of an engine that runs on this thread.
    pub(super) fn engine(&self, engine: &mut Engine, work: Work) {
        engine.set_origin(work.origin(self.seed));
        if self.watched {
            let mut engines = lock(&self.engines);
            engines.retain(|engine| engine.beacon.strong_count() > 0);
            let beacon = Arc::downgrade(&engine.beacon());
            engines.push(WatchedEngine { beacon, work, early: early_polls() });
        }
    }

    /// Whether the poll that an engine is in is that of a task whose `spawn` has not returned.
    fn is_early(&self, hung: &Arc<Beacon>) -> bool {
        let is_hung = |weak: &Weak<Beacon>| weak.ptr_eq(&Arc::downgrade(hung));
        let engines = lock(&self.engines);
        let mut hung = engines.iter().filter(|engine| is_hung(&engine.beacon));
        hung.any(|engine| engine.early.begun() > engine.early.ended())
    }

    /// Where a thread of the search notes what it has run.
    pub(super) fn searcher(&self) -> RanSoFar {
        RanSoFar(self.watched.then(|| {
            let mut all = lock(&self.ran);
            // A thread may run many parts, one after another.
            let RanByThreads { running, ended } = &mut *all;
            running.retain(|ran| {
                let runs = Arc::strong_count(ran) > 1;
                if !runs {
                    ended.add_unordered(mem::take(&mut *lock(ran)));
                }
                runs
            });
            let own = Arc::default();
            running.push(Arc::clone(&own));
            own
        }))
    }

    /// What has been run of the search.
    fn so_far(&self) -> SearchSummary {
        let RanByThreads { running, ended: mut all } = mem::take(&mut *lock(&self.ran));
        for ran in running {
            all.add_unordered(mem::take(&mut *lock(&ran)));
        }
        all
    }
}

/// Polls that are under way, and for how long.
struct Polls {
    limit: Duration,
    seen: Vec<(Weak<Beacon>, RunningPoll, Duration)>,
}

impl Polls {
    /// Looks at all engines, `elapsed` after the last time. Returns a poll that takes too long.
    fn look(
        &mut self,
        watch: &Watch,
        elapsed: Duration,
    ) -> Option<(Arc<Beacon>, RunningPoll, Work)> {
        let mut seen = Vec::new();
        let mut hung = None;
        for WatchedEngine { beacon: weak, work, .. } in lock(&watch.engines).iter() {
            let Some(beacon) = weak.upgrade() else { continue };
            let Some(poll) = beacon.running() else { continue };
            let before =
                self.seen.iter().find(|(of, before, _)| of.ptr_eq(weak) && *before == poll);
            let taken = before.map_or(Duration::ZERO, |(.., taken)| *taken + elapsed);
            if taken >= self.limit {
                hung.get_or_insert((beacon, poll, *work));
            }
            seen.push((Weak::clone(weak), poll, taken));
        }
        self.seen = seen;
        hung
    }
}

/// How a job ended that was looked after.
enum Ended<T> {
    Done(T),
    Hung(Arc<Beacon>, RunningPoll, Work),
}

/// Runs a job in a thread of its own, and looks after it until it ends or hangs.
fn look_after<T: Send + 'static>(
    watch: &Arc<Watch>,
    limit: Option<Duration>,
    said: &mut dyn FnMut(Option<Shrinking>),
    job: impl FnOnce(&Watch, &mut dyn FnMut(Shrinking)) -> T + Send + 'static,
) -> Ended<T> {
    let (sender, inbox) = mpsc::channel();
    let of_job = Arc::clone(watch);
    let run = move || {
        let mut last: Option<(Defect, Instant)> = None;
        job(&of_job, &mut |shrinking| {
            let Shrinking { defect, .. } = shrinking;
            if last.is_none_or(|(of, at)| of != defect || at.elapsed() >= SHRINKING_EVERY) {
                last = Some((defect, Instant::now()));
                // If nobody listens any more, the job is not wanted either, and soon ends.
                let _ = sender.send(shrinking);
            }
        })
    };
    let name = thread::current().name().unwrap_or("check").to_owned();
    let thread = thread::Builder::new().name(name).stack_size(STACK).spawn(run);
    let thread = thread.expect("a thread can be started");
    let mut polls = limit.map(|limit| Polls { limit, seen: Vec::new() });
    // Looks come often enough to be a small part of the limit.
    let tick = limit.map_or(MOST, |limit| limit / 20).clamp(Duration::from_millis(1), MOST);
    let mut looked = Instant::now();
    loop {
        match inbox.recv_timeout(tick) {
            Ok(shrinking) => said(Some(shrinking)),
            Err(RecvTimeoutError::Timeout) => said(None),
            Err(RecvTimeoutError::Disconnected) => {
                return Ended::Done(thread.join().unwrap_or_else(|panic| again(panic)));
            }
        }
        if looked.elapsed() < tick {
            continue;
        }
        // If the whole process was stopped meanwhile, no poll is to blame.
        let elapsed = looked.elapsed().min(2 * tick);
        looked = Instant::now();
        if let Some((beacon, poll, work)) =
            polls.as_mut().and_then(|polls| polls.look(watch, elapsed))
        {
            watch.control.stop();
            return Ended::Hung(beacon, poll, work);
        }
    }
}

/// The longest time between two looks.
const MOST: Duration = Duration::from_millis(250);

/// Goes on with a panic of another thread.
fn again(panic: Box<dyn Any + Send>) -> ! {
    resume_unwind(panic)
}

/// Runs a check, and looks after it.
pub(super) fn run(
    check: &Check,
    control: &Control,
    progress: &mut dyn FnMut(Option<Shrinking>),
) -> Report {
    let began = Instant::now();
    name_task_of_fatal_signal();
    let given = check;
    let check = &check.with_own_faults();
    let limit = check.watchdog;
    let watch = Arc::new(Watch::new(control.part(), check.seed, limit.is_some()));
    let job = {
        let check = check.clone();
        move |watch: &Watch, tell: &mut dyn FnMut(Shrinking)| check.conduct(watch, tell)
    };
    let (beacon, poll, work) = match look_after(&watch, limit, progress, job) {
        Ended::Done(Some(report)) => return report,
        Ended::Done(None) => return run(&given.clone().with_real_tokio(true), control, progress),
        // It may wait for what its spawner holds, which is no fault of it.
        Ended::Hung(beacon, ..) if watch.is_early(&beacon) => {
            return run(&check.clone().early_tasks(false), control, progress);
        }
        Ended::Hung(beacon, poll, work) => (beacon, poll, work),
    };
    let summary = watch.so_far();
    let during = match work {
        Work::Search { numbered: true } => HangPhase::Schedule(poll.index),
        Work::Search { numbered: false } => HangPhase::Search { after: summary.schedules },
        Work::Counterexample(defect) => HangPhase::Counterexample(defect),
    };
    let hang = Hang {
        task: beacon.task_name(poll.task),
        step: poll.step,
        during,
        seed: check.seed,
        limit: limit.unwrap_or_default(),
        subject: check.subject(),
        token: match work {
            Work::Search { .. } => beacon.way_to(poll).and_then(|way| token(check, control, way)),
            Work::Counterexample(_) => None,
        },
        unshown: Vec::new(),
    };
    report_so_far(check, control, began, summary, hang)
}

/// How long a poll may take that hung before.
const AGAIN: Duration = Duration::from_secs(1);

/// Goes the way to a poll once more until it hangs, and makes a token of what was decided until
/// then.
fn token(check: &Check, control: &Control, way: Way) -> Option<Token> {
    let taken = Arc::default();
    let watch = Arc::new(Watch::new(control.part(), check.seed, true));
    let job = {
        let (check, taken) = (check.clone(), Arc::clone(&taken));
        move |watch: &Watch, _: &mut dyn FnMut(Shrinking)| {
            let world = check.world();
            let mut engine = check.strategy_engine(check.engine_limits(&world));
            drop(engine.set_strategy(Follow::new(way)));
            watch.engine(&mut engine, Work::Search { numbered: false });
            record(&mut engine, taken);
            world.run(&mut engine, 0);
        }
    };
    let limit = check.watchdog.unwrap_or_default().min(AGAIN);
    match look_after(&watch, Some(limit), &mut |_| (), job) {
        Ended::Hung(..) => Some(check.subject().token(lock(&taken).iter().copied().collect())),
        Ended::Done(()) => None,
    }
}

/// The report on what was run before a poll hung. What was found is run once more, and shown as it
/// was found.
fn report_so_far(
    check: &Check,
    control: &Control,
    began: Instant,
    summary: SearchSummary,
    mut hang: Hang,
) -> Report {
    let watch = Arc::new(Watch::new(control.part(), check.seed, true));
    let limit = hang.limit;
    let job = {
        let (check, mut summary) = (check.clone().shrink(false), summary.clone());
        move |watch: &Watch, tell: &mut dyn FnMut(Shrinking)| {
            check.counterexamples(&mut summary, watch, tell)
        }
    };
    let counterexamples = match look_after(&watch, Some(limit), &mut |_| (), job) {
        Ended::Done(counterexamples) => counterexamples,
        Ended::Hung(..) => {
            hang.unshown = summary.found.iter().map(|candidate| candidate.defect).collect();
            Vec::new()
        }
    };
    Report { hang: Some(hang), ..check.report(began.elapsed(), false, summary, counterexamples) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Limits;
    use crate::strategy::Random;

    #[test]
    fn only_a_poll_that_goes_on_takes_long() {
        let limit = Duration::from_secs(10);
        let look = limit / 2;
        let watch = Arc::new(Watch::new(Control::new(), 1, true));
        let mut engine = Engine::new(Limits::default(), Random::new(1));
        watch.engine(&mut engine, Work::Search { numbered: true });
        let polls = Arc::new(Mutex::new(Polls { limit, seen: Vec::new() }));
        for index in 0..3 {
            let (of_task, seen) = (Arc::clone(&watch), Arc::clone(&polls));
            engine.execute(index, async move {
                let look = || lock(&seen).look(&of_task, look).map(|(_, poll, _)| poll.step);
                for segment in 0..3 {
                    // The first look at a poll begins the count.
                    assert_eq!([look(), look(), look()], [None, None, Some(2 * segment)]);
                    crate::engine::yield_now().await;
                    assert_eq!(look(), None);
                    crate::engine::yield_now().await;
                }
            });
            assert!(lock(&polls).look(&watch, limit).is_none());
        }
    }
}
