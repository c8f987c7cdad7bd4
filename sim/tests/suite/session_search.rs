//! Providers that use the session only: nothing that a host, a user or a system does makes one of
//! them break the contract.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use mapi_sync::{
    BoxFuture, Events, HResult, MapiSync, Reporter, Runtime, Shared, SyncDone, SyncRequest,
    SyncSession, Task, TaskEnd, TaskHandle, async_trait,
};
use mapi_sync_sim::strategy::TrackedSharing;
use mapi_sync_sim::world::{CancelBy, Cost, NextSync, Scenario, Shutdown, WaitFor, builtin};
use mapi_sync_sim::{Check, ProofUnit, check};
use tokio::sync::oneshot;

/// Its sync waits for a task that reports.
struct Delegates;

#[async_trait]
impl MapiSync for Delegates {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let (reporter, runtime) = (session.reporter(), Arc::clone(session.runtime()));
            let (ended, end) = oneshot::channel();
            let task = Box::pin(async move {
                for message in 1..=3 {
                    if reporter.progress(Some("Inbox"), message, 3).await.is_failure()
                        || reporter.cancel().is_requested()
                    {
                        return;
                    }
                }
                let _ = ended.send(());
            });
            match runtime.spawn("reporter".into(), task) {
                Ok(task) => task.detach(),
                Err(code) => {
                    session.error(code, "no task").await;
                    return session.done(code).await;
                }
            }
            session.sleep(Duration::from_millis(3)).await;
            let is_complete = end.await.is_ok();
            let status = match session.cancel().is_requested() {
                true => HResult::MAPI_E_USER_CANCEL,
                false if is_complete => HResult::S_OK,
                false => HResult::E_FAIL,
            };
            session.done(status).await
        })
    }
}

#[test]
fn a_provider_that_delegates_its_reports_is_never_to_blame() {
    for seed in 1..=5 {
        check(|| Delegates).seed(seed).schedules(3_000).shrink(false).run().assert_holds();
    }
}

/// How a small provider ends its sync while its tasks report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It waits for them, then calls Done.
    Waits,
    /// It calls Done with a warning.
    Leaves,
    /// It calls Done with `E_FAIL`.
    Fails,
    /// It drops the session.
    Drops,
    /// It panics.
    Panics,
    /// It waits for them, and its own task is aborted meanwhile.
    Aborted,
}

/// A small provider, which uses the session only.
#[derive(Clone, Copy, Debug)]
struct Work {
    end: End,
    /// The tasks that report; with 0 the sync reports by itself.
    tasks: u32,
    /// The reports of each.
    reports: u32,
    /// Whether they are failing errors; otherwise they are positions.
    errors: bool,
}

/// The store of a small provider.
struct Store {
    work: Work,
    /// The time before the sync ends while its tasks report, in virtual milliseconds.
    pause_ms: u64,
}

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let (work, pause_ms) = (self.work, self.pause_ms);
        let sync = Arc::new(Mutex::new(None));
        let inner = Arc::clone(request.runtime());
        let runtime = Arc::new(KeepsFirst { inner, first: Arc::clone(&sync) });
        request.with_runtime(runtime).start(move |session| work.run(session, sync, pause_ms))
    }
}

type Kept = Arc<Mutex<Option<TaskHandle>>>;

/// A runtime that keeps the handle of the first task, which is the sync's, so that it can be
/// aborted.
struct KeepsFirst {
    inner: Arc<dyn Runtime>,
    first: Kept,
}

/// The other handle of a task that is kept.
struct Unwatched;

impl Task for Unwatched {
    fn abort(&self) {}

    fn poll_end(&mut self, _: &mut Context<'_>) -> Poll<TaskEnd> {
        Poll::Pending
    }
}

impl Runtime for KeepsFirst {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        let handle = self.inner.spawn(name, task)?;
        let mut first = self.first.lock().unwrap();
        if first.is_some() {
            return Ok(handle);
        }
        *first = Some(handle);
        Ok(TaskHandle::new(Unwatched))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.inner.sleep(duration)
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        self.inner.events()
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        self.inner.shared(name)
    }
}

fn abort(sync: &Kept) {
    if let Some(sync) = &*sync.lock().unwrap() {
        sync.abort();
    }
}

/// Lets other tasks run, until this much virtual time has passed.
async fn pause(runtime: &Arc<dyn Runtime>, pause_ms: u64) {
    if pause_ms > 0 {
        runtime.sleep(Duration::from_millis(pause_ms)).await;
    } else if let Ok(other) = runtime.spawn("pause".into(), Box::pin(async {})) {
        other.await;
    }
}

impl Work {
    /// What the task of this number reports, until a cancel is requested.
    async fn report(self, reporter: Reporter, task: u32) {
        let (first, max) = (task * self.reports, self.tasks.max(1) * self.reports);
        for index in first + 1..=first + self.reports {
            if reporter.cancel().is_requested() {
                break;
            }
            if self.errors {
                reporter.error(HResult::MAPI_E_DISK_ERROR, "no space").await;
            } else {
                reporter.progress(None, index, max).await;
            }
        }
    }

    /// Starts the tasks that report, as many as the system lets it.
    fn start(self, session: &SyncSession) -> Vec<Option<TaskHandle>> {
        let start = |task| {
            let report = Box::pin(self.report(session.reporter(), task));
            session.runtime().spawn("reporter".into(), report).ok()
        };
        (0..self.tasks).map(start).collect()
    }

    async fn run(self, session: SyncSession, sync: Kept, pause_ms: u64) -> SyncDone {
        let runtime = Arc::clone(session.runtime());
        let tasks = self.start(&session);
        if self.end == End::Aborted {
            let (clock, sync) = (Arc::clone(&runtime), Arc::clone(&sync));
            let aborts = async move {
                pause(&clock, pause_ms).await;
                abort(&sync);
            };
            if let Ok(task) = runtime.spawn("aborts".into(), Box::pin(aborts)) {
                task.detach();
            }
        }
        match self.end {
            End::Waits | End::Aborted => {
                let mut finished = true;
                if self.tasks == 0 {
                    self.report(session.reporter(), 0).await;
                }
                for task in tasks {
                    finished &= match task {
                        Some(task) => task.await == TaskEnd::Finished,
                        None => false,
                    };
                }
                return match finished {
                    true => session.done_or_cancelled(HResult::S_OK).await,
                    false => session.done(HResult::E_FAIL).await,
                };
            }
            _ => tasks.into_iter().flatten().for_each(TaskHandle::detach),
        }
        pause(&runtime, pause_ms).await;
        match self.end {
            End::Leaves => {
                return session.done_or_cancelled(HResult::MAPI_W_PARTIAL_COMPLETION).await;
            }
            End::Fails => return session.done(HResult::E_FAIL).await,
            End::Panics => {
                let panics = async move {
                    let _held = session;
                    panic!("the provider panics, as planned")
                };
                let _: Result<(), _> = AssertUnwindSafe(panics).catch_unwind().await;
            }
            _ => drop(session),
        }
        // There is no proof of a Done to return, so the task does not complete.
        abort(&sync);
        std::future::pending().await
    }
}

const fn work(end: End, tasks: u32, reports: u32, errors: bool) -> Work {
    Work { end, tasks, reports, errors }
}

const WORKS: &[Work] = &[
    work(End::Waits, 0, 2, false),
    work(End::Waits, 1, 2, false),
    work(End::Waits, 2, 1, false),
    work(End::Waits, 3, 1, false),
    work(End::Waits, 2, 1, true),
    work(End::Leaves, 1, 2, false),
    work(End::Leaves, 2, 1, false),
    work(End::Fails, 1, 2, false),
    work(End::Fails, 2, 1, false),
    work(End::Fails, 1, 1, true),
    work(End::Drops, 1, 2, false),
    work(End::Drops, 2, 1, false),
    work(End::Drops, 3, 1, false),
    work(End::Drops, 1, 1, true),
    work(End::Panics, 1, 2, false),
    work(End::Panics, 2, 1, false),
    work(End::Aborted, 0, 2, false),
    work(End::Aborted, 1, 2, false),
    work(End::Aborted, 2, 1, false),
    work(End::Aborted, 1, 1, true),
];

/// A host, with what may go wrong in it.
struct Host {
    name: &'static str,
    /// The most tasks that may be at work beside the sync, to keep the search small.
    most_tasks: u32,
    change: fn(&mut Scenario),
}

impl Host {
    const fn new(name: &'static str, most_tasks: u32, change: fn(&mut Scenario)) -> Self {
        Self { name, most_tasks, change }
    }
}

/// All but the last four have a user who may cancel.
const HOSTS: &[Host] = &[
    Host::new("signal", 3, |_| ()),
    Host::new("answer", 3, |s| s.host.cancel_by = CancelBy::Answer),
    Host::new("slow", 3, slow),
    Host::new("drops", 3, |s| s.faults.task_dropped = 1),
    Host::new("slow, drops", 3, |s| {
        slow(s);
        s.faults.task_dropped = 1;
    }),
    Host::new("fails", 3, callbacks_fail),
    Host::new("slow, drops, fails", 2, |s| {
        slow(s);
        callbacks_fail(s);
        s.faults.task_dropped = 1;
    }),
    Host::new("refuses", 3, |s| {
        s.faults.query_interface_refused = 1;
        s.faults.event_creation = 1;
        s.faults.task_creation = 1;
    }),
    Host::new("waits for Done", 3, |s| s.host.wait = WaitFor::Done),
    Host::new("shuts down", 3, |s| {
        s.host.cancels = 0;
        s.host.shutdown = Shutdown::Released;
        s.host.shutdown_after = Cost::Fixed(0);
    }),
    Host::new("starts in Done", 1, |s| {
        s.host.cancels = 0;
        s.host.syncs = 2;
        s.host.next_sync = NextSync::InsideDone;
    }),
    Host::new("starts in Progress", 1, |s| {
        s.host.cancels = 0;
        s.host.reentrant = true;
    }),
    Host::new("starts twice", 1, |s| {
        s.host.cancels = 0;
        s.host.overlap_start = true;
    }),
];

fn slow(scenario: &mut Scenario) {
    scenario.host.callback = Cost::Fixed(5);
    scenario.host.cancel_after = Cost::Choice(vec![0, 4]);
    scenario.host.cancel_by = CancelBy::Either;
}

fn callbacks_fail(scenario: &mut Scenario) {
    scenario.faults.callback_failure = 1;
    scenario.faults.callback_panic = 1;
}

impl Host {
    fn check(&self, work: Work) -> Check {
        let mut scenario = builtin("tiny-cancel").unwrap().clone();
        (self.change)(&mut scenario);
        let pause_ms = if scenario.host.callback == Cost::Fixed(0) { 0 } else { 3 };
        let check = check(move || Store { work, pause_ms }).in_scenario(scenario).shrink(false);
        check.strategy("exhaustive").unwrap().tracked_sharing(TrackedSharing)
    }

    /// Searches to the end and returns the number of classes.
    fn classes(&self, work: Work) -> u64 {
        let report = self.check(work).run();
        assert!(report.holds(), "{work:?} {}: {report}", self.name);
        let proof = report.proof.as_ref().expect("an exhaustive search");
        assert!(report.complete && proof.complete, "{work:?} {}: {proof}", self.name);
        assert_eq!((proof.unit, proof.gap), (ProofUnit::Classes, None), "{work:?} {}", self.name);
        proof.count
    }
}

/// The row of the table for this work, and the classes in it.
fn row(work: Work) -> (String, u64) {
    let kind = if work.errors { "Error" } else { "Progress" };
    let tasks = if work.tasks == 0 { "none".to_owned() } else { work.tasks.to_string() };
    let end = format!("{:?}", work.end).to_lowercase();
    let mut row = format!("| {end} | {tasks} | {} {kind} |", work.reports);
    let mut all = 0;
    for host in HOSTS {
        if work.tasks + u32::from(work.end == End::Aborted) > host.most_tasks {
            row.push_str(" – |");
            continue;
        }
        let classes = host.classes(work);
        all += classes;
        write!(row, " {classes} |").unwrap();
    }
    (row, all)
}

#[test]
fn the_table_states_what_was_searched() {
    let hosts = HOSTS.iter().map(|host| format!(" {} |", host.name)).collect::<String>();
    let rule = "---|".repeat(3 + HOSTS.len());
    let mut table = format!("| the sync | tasks | reports |{hosts}\n|{rule}\n");
    let mut all = 0;
    for work in WORKS {
        let (row, classes) = row(*work);
        all += classes;
        table += &row;
        table.push('\n');
    }
    let _ = writeln!(table, "\n{all} classes");
    // A test of the pages finds the file's text in the design page.
    assert_eq!(include_str!("session_search.md"), table);
}
