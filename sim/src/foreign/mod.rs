//! Checks a foreign provider: an `IMAPISync` behind a COM pointer, on real threads and in real
//! time.
//!
//! [`check_store`] starts syncs on the store through [`ForeignSync`], each with a callback that the
//! contract's [`Monitor`] watches. The calls do not show everything, so the check also looks at the
//! event from outside, and reports to the same monitor when it occurred and whether the published
//! handle is still open. The handles and threads of the process are counted before and after.
//!
//! A real schedule is one of many, so a check without violations proves less than a simulation.
//! Check a provider in Rust in the simulation.

mod host;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mapi_sync::com::{self, ForeignSync, IUnknown};
use mapi_sync::contract::{Call, Monitor, MonitorConfig};
use mapi_sync::{HResult, MapiSync, Runtime, SyncFlags, SyncRequest, TokioRuntime};

use self::host::{EventWatch, Host};
pub use self::report::{ForeignReport, ForeignViolation, ProcessRule};

/// The configuration of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignCheck {
    /// The flags of each sync.
    pub flags: SyncFlags,
    /// How many syncs are run, one after the other.
    pub syncs: u32,
    /// After this time the host's callback answers `MAPI_W_CANCEL_MESSAGE`, which asks to stop.
    pub cancel_after: Option<Duration>,
    /// How long to wait for each of the start, the Done and the event.
    pub patience: Duration,
    /// How long to wait for stray calls, releases and threads that end. After a Done, the wait for
    /// the event takes at most twice as long.
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

/// Runs syncs on `store` and checks everything that can be seen of them against the contract. Calls
/// `after_each` after each sync with the number of syncs so far.
///
/// In every second sync the host closes the published handle inside Done, in the others after the
/// event. In two of four syncs it is slow to return from Progress and Error, so that a Done that
/// overtakes them shows.
///
/// # Errors
///
/// The store's answer if it has no `IMAPISync`; [`HResult::E_OUTOFMEMORY`] if no runtime can be
/// created.
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
        // The first sync may create what all syncs share.
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

/// Runs one sync. Returns whether another one makes sense.
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
    watch.observe(Call::StartReturned { result: started, event: host.published() });
    if started.is_failure() {
        report.failed_starts += 1;
        // A wrong provider may call all the same. It does so soon.
        tokio::time::sleep(POLL * 10).await;
    } else {
        let done = wait_until(check.patience, || host.is_done()).await;
        report.dones += u64::from(done);
        if !done {
            let patience = check.patience.as_secs_f64();
            let message = format!("sync {} had no Done after {patience} s", number + 1);
            report.add(ProcessRule::Ends, message);
        }
        // Without a Done, do not wait long for the event.
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

/// Polls until other threads have made `condition` true. Returns whether they did so in time.
async fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Figures of this process.
#[derive(Clone, Copy, Debug)]
struct Process {
    handles: usize,
    threads: Option<usize>,
}

impl Process {
    fn now() -> Self {
        Self { handles: mapi_sync_probe::open_handles(), threads: mapi_sync_probe::threads() }
    }

    /// The figures once most threads that are about to end have ended.
    async fn soon() -> Self {
        tokio::time::sleep(POLL * 10).await;
        Self::now()
    }

    /// The figures once they are no more than `before`, or after `grace`.
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
