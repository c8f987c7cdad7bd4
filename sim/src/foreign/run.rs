//! Runs the syncs of a check, one after the other, and some beside them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mapi_sync::com::{self, ComSession, ForeignSync, IUnknown};
use mapi_sync::contract::{Call, Monitor, MonitorConfig, Policy, SyncWatch};
use mapi_sync::{HResult, MapiSession, MapiSync, Runtime, SyncRequest, TokioRuntime};

use super::event::EventWatch;
use super::figures::{self, Process};
use super::host::Host;
use super::plan::{Behaviour, Plan};
use super::tell::{Tell, Teller};
use super::windows_only::{self, Freed};
use super::wire::Said;
use super::{ForeignCheck, ForeignViolation, Habit, ProcessRule, Stores};
use crate::lock::lock;

pub(super) const POLL: Duration = Duration::from_millis(2);

/// How often the process says that it is alive, at least.
const ALIVE: Duration = Duration::from_millis(250);

/// How long to wait for what did not come in an earlier sync, within all its time.
const SOON: Duration = Duration::from_millis(100);

/// A sync that goes on for this many times the patience, with callbacks, is asked to stop.
const LONGEST: u32 = 20;

/// One check: what its syncs share.
pub(super) struct Run {
    pub(super) check: ForeignCheck,
    teller: Teller,
    monitor: Monitor,
    runtime: Arc<dyn Runtime>,
    provider: Mutex<Option<ForeignSync>>,
    /// Syncs that were started beside others, and are not over.
    beside: Mutex<Vec<Sync>>,
    /// Once something owed did not come, nothing is waited for so long again.
    impatient: AtomicBool,
    session: Option<ComSession>,
}

/// A sync whose start is about to be made.
struct Prepared {
    number: u32,
    host: Arc<Host>,
    watch: SyncWatch,
    request: SyncRequest,
}

/// A sync whose start has succeeded.
struct Sync {
    number: u32,
    host: Arc<Host>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every sync is over, and the store was released: nothing of the provider should be left.
    Clean,
    /// Something of the provider may go on, so that it must stay loaded.
    Dirty,
}

impl Run {
    pub(super) fn new(check: &ForeignCheck, session: Option<IUnknown>, tell: Tell) -> Arc<Self> {
        let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current(com::events()));
        let clock = Arc::clone(&runtime);
        // Silence within the patience that the user gave is no defect.
        let silence = Policy::default().bounded_silence().max(check.patience);
        let policy = Policy::default().with_bounded_silence(silence);
        let monitor = Monitor::new(MonitorConfig::default().with_policy(policy), move || {
            u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX)
        });
        Arc::new(Self {
            check: check.clone(),
            teller: Teller::new(tell),
            monitor,
            runtime,
            provider: Mutex::default(),
            beside: Mutex::default(),
            impatient: AtomicBool::new(false),
            session: session.map(ComSession::new),
        })
    }

    /// Runs all syncs.
    ///
    /// # Errors
    ///
    /// Why the first store has no `IMAPISync`.
    pub(super) async fn all(self: &Arc<Self>, stores: &mut dyn Stores) -> Result<Ended, HResult> {
        let mut store = Some(stores.first());
        let provider = ForeignSync::query(store.as_ref().expect("just set"))?;
        self.check_identity(&provider, store.as_ref().expect("just set"));
        *lock(&self.provider) = Some(provider);
        let mut plan = Plan::new(self.check.seed, self.check.flags);
        let (mut before, mut sizes) = (None, Vec::new());
        let mut ended = Ended::Clean;
        for number in 0..self.check.syncs {
            let behaviour = plan.next(number);
            if !self.sync(behaviour, stores, &mut store).await {
                ended = Ended::Dirty;
                break;
            }
            // The first sync may create what all syncs share.
            if before.is_none() {
                before = Some(Process::soon().await);
            }
            sizes.extend(mapi_sync_probe::private_kib());
            self.teller.counts();
        }
        let syncs = self.teller.syncs();
        // A thread that an exception has stopped keeps what it holds.
        if self.teller.has_found(ProcessRule::Exceptions) {
            ended = Ended::Dirty;
        }
        if ended == Ended::Clean {
            self.teller.say(&Said::Phase("in the last release of the store".into()));
            let provider = lock(&self.provider).take();
            drop(provider);
            drop(store);
        } else {
            // A wrong provider may still be at work. It keeps its store.
            std::mem::forget(store);
            std::mem::forget(lock(&self.provider).clone());
        }
        self.teller.say(&Said::Phase("after the last sync".into()));
        if let Some(before) = before
            && syncs > 1
            && ended == Ended::Clean
        {
            let after = Process::settled(before, self.check.grace).await;
            for violation in figures::compare(syncs - 1, before, after) {
                self.teller.found(violation);
            }
            if let Some(leak) = figures::leaks_memory(&sizes) {
                self.teller.found(leak);
            }
        }
        self.monitor.finish();
        self.flush();
        self.teller.finish();
        Ok(ended)
    }

    fn check_identity(&self, provider: &ForeignSync, store: &IUnknown) {
        match provider.is_object_of(store) {
            Ok(true) => {}
            Ok(false) => self.found_once(
                ProcessRule::Identity,
                "IMAPISync answers another IUnknown than its store".into(),
            ),
            Err(code) => self.found_once(
                ProcessRule::Identity,
                format!("IMAPISync or its store answers {code} for IUnknown"),
            ),
        }
    }

    /// Runs one sync, and those that are started beside it. Returns whether another one makes
    /// sense.
    async fn sync(
        self: &Arc<Self>,
        behaviour: Behaviour,
        stores: &mut dyn Stores,
        store: &mut Option<IUnknown>,
    ) -> bool {
        // Made first: a provider that gives only one store at a time is not left without.
        let next = if behaviour.has(Habit::ReleasesStore) { stores.another().ok() } else { None };
        let over = Arc::new(AtomicBool::new(false));
        let prepared = self.prepare(behaviour);
        self.teller.say(&Said::Phase(format!("in the start of sync {}", prepared.number)));
        let (number, host) = (prepared.number, Arc::clone(&prepared.host));
        let started = self.start(prepared, behaviour, &over).await;
        let mut goes_on = match started {
            None => false,
            Some(None) => true,
            Some(Some(sync)) => {
                self.teller.say(&Said::Phase(format!("in sync {number}")));
                if behaviour.has(Habit::Overlaps) && self.start_beside().await {
                    self.did(Habit::Overlaps);
                }
                let _freed = next.map(|next| self.release_store(store, next, number));
                self.finish(&sync).await
            }
        };
        // A sync beside this one may have started when its Done came.
        while let Some(sync) = self.next_beside() {
            goes_on &= self.finish(&sync).await;
        }
        over.store(true, Ordering::Release);
        if lock(&self.provider).is_none() {
            match ForeignSync::query(store.as_ref().expect("set by the release")) {
                Ok(provider) => *lock(&self.provider) = Some(provider),
                Err(_) => goes_on = false,
            }
        }
        if goes_on {
            self.wait_for_release(&host).await;
        }
        host.forget_event();
        self.flush();
        goes_on
    }

    /// A sync that was started beside others. Nothing is locked when this has returned.
    fn next_beside(&self) -> Option<Sync> {
        lock(&self.beside).pop()
    }

    /// Waits until every reference to the callback has been given back.
    async fn wait_for_release(&self, host: &Host) {
        let limit = if self.is_impatient() { SOON } else { self.check.grace };
        if !self.wait(limit, || host.references() <= 0).await {
            self.impatient.store(true, Ordering::Release);
        }
    }

    fn is_impatient(&self) -> bool {
        self.impatient.load(Ordering::Acquire)
    }

    fn prepare(self: &Arc<Self>, behaviour: Behaviour) -> Prepared {
        let number = self.teller.started();
        let host = Arc::new(Host::new(self, number, behaviour));
        let mut request = SyncRequest::new(Arc::clone(&host) as _, Arc::clone(&self.runtime))
            .with_flags(behaviour.flags);
        if behaviour.has(Habit::Session)
            && let Some(session) = &self.session
        {
            request = request.with_session(MapiSession::new(session.clone()));
            self.did(Habit::Session);
        }
        for habit in [Habit::AllFlags, Habit::OtherFlags, Habit::LongerBlock] {
            if behaviour.has(habit) {
                self.did(habit);
            }
        }
        let (watch, request) = self.monitor.watch_request(request);
        host.watch_with(EventWatch::new(Arc::clone(request.event_out()), watch.clone()));
        let request = request.with_event_out(host.event_out());
        Prepared { number, host, watch, request }
    }

    fn provider(&self, behaviour: Behaviour) -> Option<ForeignSync> {
        let provider = lock(&self.provider).clone()?;
        Some(provider.with_longer_block(behaviour.has(Habit::LongerBlock)))
    }

    /// Starts a sync: the sync; `Some(None)` if the start failed, `None` if it did not return.
    async fn start(
        self: &Arc<Self>,
        prepared: Prepared,
        behaviour: Behaviour,
        over: &Arc<AtomicBool>,
    ) -> Option<Option<Sync>> {
        let provider = self.provider(behaviour)?;
        let Prepared { number, host, watch, request } = prepared;
        let answer = Arc::new(Mutex::new(None));
        let parked = com::parked_threads();
        if behaviour.has(Habit::SingleThreaded) && windows_only::HAS_APARTMENTS {
            self.did(Habit::SingleThreaded);
            windows_only::start(provider, request, Arc::clone(&answer), Arc::clone(over));
            self.wait(self.check.patience, || {
                lock(&answer).is_some() || com::parked_threads() > parked
            })
            .await;
            if com::parked_threads() > parked {
                *lock(&answer) = Some(HResult::E_UNEXPECTED);
            }
        } else {
            // In a loop that lets the process say that it is alive.
            let mut start = std::pin::pin!(provider.synchronize_in_background(request));
            let deadline = Instant::now() + self.check.patience;
            while Instant::now() < deadline {
                if let Ok(started) = tokio::time::timeout(ALIVE, &mut start).await {
                    *lock(&answer) = Some(started);
                    break;
                }
                self.teller.alive();
            }
        }
        self.look_for_exceptions(number, parked);
        let Some(started) = *lock(&answer) else {
            let message = format!("the start of sync {number} never returned");
            self.teller.found(ForeignViolation::of(ProcessRule::Ends, message));
            return None;
        };
        Some(self.started(number, host, &watch, started).await)
    }

    async fn started(
        &self,
        number: u32,
        host: Arc<Host>,
        watch: &SyncWatch,
        started: HResult,
    ) -> Option<Sync> {
        watch.observe(Call::StartReturned { result: started, event: host.published() });
        self.flush();
        if started.is_failure() {
            self.teller.start_failed();
            // A wrong provider may call all the same. It does so soon.
            tokio::time::sleep(POLL * 10).await;
            return None;
        }
        Some(Sync { number, host })
    }

    /// Starts another sync from the host's own thread. Whether it did.
    async fn start_beside(self: &Arc<Self>) -> bool {
        let behaviour = Behaviour::plain(self.check.flags);
        let prepared = self.prepare(behaviour);
        let over = Arc::new(AtomicBool::new(true));
        match self.start(prepared, behaviour, &over).await {
            Some(Some(sync)) => lock(&self.beside).push(sync),
            Some(None) => {}
            None => return false,
        }
        true
    }

    /// Starts another sync on this thread, inside of a callback. Whether it could.
    pub(super) fn start_another_here(self: &Arc<Self>, inside: &'static str) -> bool {
        let behaviour = Behaviour::plain(self.check.flags);
        let Some(provider) = self.provider(behaviour) else { return false };
        let Prepared { number, host, watch, request } = self.prepare(behaviour);
        self.teller.say(&Said::Phase(format!("in the start of sync {number}, inside {inside}")));
        let started = provider.synchronize_here(&request);
        self.teller.say(&Said::Phase(format!("in sync {number}, started inside {inside}")));
        watch.observe(Call::StartReturned { result: started, event: host.published() });
        if started.is_failure() {
            self.teller.start_failed();
        } else {
            lock(&self.beside).push(Sync { number, host });
        }
        true
    }

    /// Gives back every reference to the store in the middle of a sync. The syncs that follow are
    /// another store's.
    ///
    /// While what is returned lives, the store's memory has another use, if it was freed: a sync
    /// that still reads it meets no object there.
    fn release_store(&self, store: &mut Option<IUnknown>, next: IUnknown, number: u32) -> Freed {
        self.teller.say(&Said::Phase(format!("in the release of the store in sync {number}")));
        let earlier = store.replace(next);
        let provider = lock(&self.provider).take();
        drop(provider);
        drop(earlier);
        let freed = Freed::in_use();
        self.did(Habit::ReleasesStore);
        self.teller.say(&Said::Phase(format!("in sync {number}, after the store's release")));
        freed
    }

    /// Waits for the Done and the event of a sync. Whether its Done came.
    async fn finish(&self, sync: &Sync) -> bool {
        let Sync { number, host } = sync;
        let done = self.wait_for_done(*number, host).await;
        self.teller.done(done);
        // Without a Done, do not wait long for the event.
        let patience = match done {
            true if !self.is_impatient() => self.check.patience,
            true => SOON,
            false => POLL,
        };
        if !self.wait(patience, || host.look_for_signal()).await {
            self.impatient.store(true, Ordering::Release);
        }
        host.close_published();
        if done {
            self.wait_for_release(host).await;
        }
        host.forget_event();
        self.teller.calls(host.calls());
        self.flush();
        done
    }

    /// Waits for the Done for as long as the sync is not silent, and asks an endless one to stop.
    async fn wait_for_done(&self, number: u32, host: &Host) -> bool {
        let patience = self.check.patience;
        let began = Instant::now();
        let parked = com::parked_threads();
        let mut asked = None;
        loop {
            self.wait(ALIVE, || host.is_done()).await;
            self.look_for_exceptions(number, parked);
            if host.is_done() {
                return true;
            }
            let seconds = patience.as_secs_f64();
            let (silence, inside) = host.silence();
            let message = match (inside, asked) {
                _ if silence >= patience => match inside {
                    Some(inside) => format!(
                        "a start that sync {number} made inside {inside} did not return in \
                         {seconds} s"
                    ),
                    None => {
                        format!("sync {number} had no Done, and no other call in {seconds} s")
                    }
                },
                (_, Some(asked)) if Instant::now() >= asked => {
                    format!("sync {number} went on for {seconds} s after it was asked to stop")
                }
                (_, None) if began.elapsed() >= patience * LONGEST => {
                    host.ask_to_stop();
                    asked = Some(Instant::now() + patience);
                    continue;
                }
                _ => continue,
            };
            self.teller.found(ForeignViolation::of(ProcessRule::Ends, message));
            return false;
        }
    }

    fn look_for_exceptions(&self, number: u32, parked: usize) {
        if com::parked_threads() > parked {
            let message = format!("an exception left SynchronizeInBackground of sync {number}");
            self.found_once(ProcessRule::Exceptions, message);
        }
    }

    /// Polls until other threads have made `condition` true, and says meanwhile that the process is
    /// alive. Returns whether they did so in time.
    async fn wait(&self, limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if wait_until(left.min(ALIVE), &mut condition).await {
                return true;
            }
            if left <= ALIVE {
                return false;
            }
            self.teller.alive();
        }
    }

    pub(super) fn did(&self, habit: Habit) {
        self.teller.did(habit);
    }

    pub(super) fn found_once(&self, rule: ProcessRule, message: String) {
        self.teller.found(ForeignViolation::of(rule, message));
    }

    /// Tells what the monitor has found.
    pub(super) fn flush(&self) {
        if !self.monitor.holds() {
            self.teller.violations(&self.monitor.violations());
        }
    }
}

/// Polls until other threads have made `condition` true. Returns whether they did so in time.
pub(super) async fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
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
