//! Checking a provider that is not ours: an `IMAPISync` behind a COM pointer, on real threads and
//! in real time.
//!
//! The way of the data: [`check_store`] starts syncs on the store through [`ForeignSync`], each
//! with a callback of the contract's [`Monitor`] around it. What the calls do not show is looked at
//! from outside and reported to the same monitor: that the event occurred, and when; that the
//! published handle is still the host's to close. What only a process shows (its handles, its
//! threads) is compared before and after.
//!
//! A real schedule is one of many, so silence here proves less than a simulation: a provider in
//! Rust is better checked there.

mod host;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mapi_sync::com::{self, ForeignSync, IUnknown};
use mapi_sync::contract::{Monitor, MonitorConfig};
use mapi_sync::{HResult, MapiSync, Runtime, SyncFlags, SyncRequest, TokioRuntime};

use self::host::{EventWatch, Host};
pub use self::report::{ForeignReport, ForeignViolation, ProcessRule};

/// What the syncs of a check are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignCheck {
    /// What each sync is asked to do.
    pub flags: SyncFlags,
    /// How many syncs are run, one after the other.
    pub syncs: u32,
    /// After this time the host's callback asks to stop, with `MAPI_W_CANCEL_MESSAGE`.
    pub cancel_after: Option<Duration>,
    /// How long the start, the Done and the event are each waited for.
    pub patience: Duration,
    /// How long stray calls, releases and ending threads are waited for. For the event, once Done
    /// is there, at most twice as long.
    pub grace: Duration,
}

impl Default for ForeignCheck {
    fn default() -> Self {
        let flags = SyncFlags::UPLOAD_CONTENTS | SyncFlags::DOWNLOAD_CONTENTS;
        let (patience, grace) = (Duration::from_secs(30), Duration::from_secs(2));
        Self { flags, syncs: 20, cancel_after: None, patience, grace }
    }
}

const POLL: Duration = Duration::from_millis(2);

/// Runs syncs on `store` and holds everything that can be seen of them against the contract.
/// `after_each` is told how many are over.
///
/// The host closes the published handle inside Done in every second sync, and after the event in
/// the others; in two of four syncs it takes its time over Progress and Error, which gives an
/// overtaking Done the chance to show.
///
/// # Errors
///
/// What the store answered when asked for `IMAPISync`; [`HResult::E_OUTOFMEMORY`] where no runtime
/// can be had.
pub fn check_store(
    store: &IUnknown,
    check: &ForeignCheck,
    after_each: impl FnMut(u32),
) -> Result<ForeignReport, HResult> {
    let provider = ForeignSync::query(store)?;
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|_| HResult::E_OUTOFMEMORY)?;
    Ok(tokio.block_on(run(&provider, check, after_each)))
}

async fn run(
    provider: &ForeignSync,
    check: &ForeignCheck,
    mut after_each: impl FnMut(u32),
) -> ForeignReport {
    let began = Instant::now();
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current(com::events()));
    let clock = Arc::clone(&runtime);
    let monitor = Monitor::new(MonitorConfig::default(), move || {
        u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX)
    });
    let mut report = ForeignReport::default();
    let mut before = None;
    for number in 0..check.syncs {
        if !sync(provider, check, &monitor, &runtime, number, &mut report).await {
            break;
        }
        // The first sync may set up what all of them share.
        if before.is_none() {
            before = Some(Process::soon().await);
        }
        after_each(number + 1);
    }
    if let Some(before) = before
        && report.syncs > 1
    {
        let after = Process::settled(before, check.grace).await;
        report.compare(before, after);
    }
    report.add_violations(&monitor.finish());
    report.elapsed_s = began.elapsed().as_secs_f64();
    report
}

/// Runs one sync. False when there is no sense in another one.
async fn sync(
    provider: &ForeignSync,
    check: &ForeignCheck,
    monitor: &Monitor,
    runtime: &Arc<dyn Runtime>,
    number: u32,
    report: &mut ForeignReport,
) -> bool {
    let host = Arc::new(Host::new(number.is_multiple_of(2), number % 4 >= 2, check.cancel_after));
    let request =
        SyncRequest::new(Arc::clone(&host) as _, Arc::clone(runtime)).with_flags(check.flags);
    let (watch, request) = monitor.watch_request(request);
    host.watch_with(EventWatch::new(Arc::clone(request.event_out()), watch.clone()));
    let request = request.with_event_out(host.event_out());

    report.syncs += 1;
    let start = provider.synchronize_in_background(request);
    let Ok(started) = tokio::time::timeout(check.patience, start).await else {
        report.add(ProcessRule::Ends, format!("the start of sync {} never returned", number + 1));
        return false;
    };
    watch.returned(started, host.published());
    if started.is_failure() {
        report.failed_starts += 1;
        // A call that comes all the same comes soon.
        tokio::time::sleep(POLL * 10).await;
    } else {
        let done = wait_until(check.patience, || host.is_done()).await;
        report.dones += u64::from(done);
        if !done {
            let patience = check.patience.as_secs_f64();
            let message = format!("sync {} had no Done after {patience} s", number + 1);
            report.add(ProcessRule::Ends, message);
        }
        // Without a Done, the event is nothing to wait long for.
        let patience = if done { check.patience.min(check.grace * 2) } else { POLL };
        wait_until(patience, || host.look_for_signal()).await;
        host.close_published();
        if !done {
            return false;
        }
    }
    wait_until(check.grace, || host.references() == 0).await;
    host.forget_event();
    report.calls += host.calls();
    true
}

/// Polls for something that other threads do. Whether it came in time.
async fn wait_until(limit: Duration, mut came: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if came() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What a process has.
#[derive(Clone, Copy, Debug)]
struct Process {
    handles: usize,
    threads: Option<usize>,
}

impl Process {
    fn now() -> Self {
        Self { handles: mapi_sync_probe::open_handles(), threads: mapi_sync_probe::threads() }
    }

    /// What there is once threads that are about to end have mostly ended.
    async fn soon() -> Self {
        tokio::time::sleep(POLL * 10).await;
        Self::now()
    }

    /// What there is once they have ended: no more than `before`, if it comes to that in time.
    async fn settled(before: Self, grace: Duration) -> Self {
        let mut now = Self::now();
        wait_until(grace, || {
            now = Self::now();
            now.handles <= before.handles && now.threads <= before.threads
        })
        .await;
        now
    }
}
