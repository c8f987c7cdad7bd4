//! Two hundred generated providers that do what providers should not: they panic, drop, spin, use
//! threads, clocks and random numbers, and wake whom they like. The check must neither panic nor
//! hang, and must blame no provider for what it did not do.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::future::poll_fn;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use mapi_sync::{HResult, MapiSync, Reporter, Runtime, SyncRequest, async_trait};
use mapi_sync_sim::engine;
use mapi_sync_sim::report::Document;
use mapi_sync_sim::strategy::STRATEGIES;
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Defect, LimitChanges, Report, Warning, check};
use tokio::sync::{mpsc as channel, oneshot};

use crate::writing::{replay_all, write};

/// How many providers there are.
const PROVIDERS: u64 = 200;

/// What kind of acts a provider has, and so what a check may say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Unusual, but correct and under control: nothing may be found.
    Tame,
    /// It also panics, or waits for ever: only that may be found.
    Wrong,
    /// It also depends on clocks, random numbers, or what it left behind: nondeterminism may be
    /// found, and nobody may be blamed.
    Random,
    /// Threads answer it, all of which answer: nothing may be found.
    Threaded,
    /// Anything of these: the check survives.
    Any,
}

const KINDS: [Kind; 5] = [Kind::Tame, Kind::Wrong, Kind::Random, Kind::Threaded, Kind::Any];

/// Something that a task does.
#[derive(Clone, Debug)]
enum Act {
    Yield,
    /// Yields this often in a row.
    Spin(u32),
    /// Computes for a while.
    Compute(u32),
    Sleep(u64),
    Report(u32),
    /// Spawns a task that does this, and joins it, aborts it or forgets it.
    Spawn(Vec<Self>, Ending),
    /// Does this in branches of one future.
    Join(Vec<Vec<Self>>),
    /// Waits for the first of two.
    Select(Vec<Self>, Vec<Self>),
    /// Wakes itself this often, and waits once.
    WakeSelf(u32),
    /// Sends through a channel of tokio's to a task that it spawns.
    Channel(u32),
    /// Holds something that does odd things when it is dropped.
    Hold(Held),
    /// Calls itself this deep.
    Recurse(u32),
    Panic,
    /// Panics with a value that panics when it is dropped.
    PanicOddly,
    /// Waits for what nobody has a waker of.
    Never,
    /// Branches at random.
    Flip(Vec<Self>),
    /// Branches by the real time.
    Clock(Vec<Self>),
    /// Takes an order from a `HashMap`.
    MapOrder,
    /// Counts in a static, and branches by that.
    Leftover(Vec<Self>),
    /// An unbiased `select!` of ready branches.
    UnbiasedSelect,
    /// Leaves its waker in a static, and wakes the one that lay there.
    SwapWakers,
    /// A thread answers.
    Thread,
    /// A thread wakes the task this often, and then answers.
    Storm(u32),
    /// A thread answers while the poll waits for it.
    Blocks,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Join,
    Abort,
    Forget,
}

#[derive(Clone, Copy, Debug)]
enum Held {
    /// Spawns a task when it is dropped.
    Spawner,
    /// Asks the engine for this and that when it is dropped.
    Asker,
    /// Panics when it is dropped.
    Bomb,
}

/// Draws numbers from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        // The generator of a public textbook: Knuth's MMIX.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn count(&mut self, end: u64) -> u32 {
        self.below(end).try_into().expect("a small number")
    }

    fn acts(&mut self, kind: Kind, depth: u32) -> Vec<Act> {
        (0..1 + self.below(4)).map(|_| self.act(kind, depth)).collect()
    }

    fn act(&mut self, kind: Kind, depth: u32) -> Act {
        if self.below(3) == 0 {
            match kind {
                Kind::Tame => {}
                Kind::Wrong => return self.wrong(),
                Kind::Random => return self.random(depth),
                Kind::Threaded => return self.threaded(),
                Kind::Any => match self.below(3) {
                    0 => return self.wrong(),
                    1 => return self.random(depth),
                    _ => return self.threaded(),
                },
            }
        }
        let nests = depth < 2;
        match self.below(if nests { 12 } else { 8 }) {
            0 => Act::Yield,
            1 => Act::Spin(1 + self.count(200)),
            2 => Act::Compute(self.count(2_000)),
            3 => Act::Sleep(self.below(20)),
            4 => Act::Report(1 + self.count(2)),
            5 => Act::WakeSelf(self.count(4)),
            6 => Act::Recurse(self.count(200)),
            7 => Act::Channel(self.count(4)),
            8 => {
                let ending = [Ending::Join, Ending::Abort, Ending::Forget][self.count(3) as usize];
                Act::Spawn(self.acts(kind, depth + 1), ending)
            }
            9 => Act::Join((0..1 + self.below(3)).map(|_| self.acts(kind, depth + 1)).collect()),
            10 => Act::Select(self.acts(kind, depth + 1), self.acts(kind, depth + 1)),
            _ => Act::Hold([Held::Spawner, Held::Asker][self.count(2) as usize]),
        }
    }

    fn wrong(&mut self) -> Act {
        match self.below(4) {
            0 => Act::Panic,
            1 => Act::PanicOddly,
            2 => Act::Never,
            _ => Act::Hold(Held::Bomb),
        }
    }

    fn random(&mut self, depth: u32) -> Act {
        let branch = |draw: &mut Self| {
            if depth < 2 { draw.acts(Kind::Tame, depth + 1) } else { vec![Act::Yield] }
        };
        match self.below(6) {
            0 => Act::Flip(branch(self)),
            1 => Act::Clock(branch(self)),
            2 => Act::MapOrder,
            3 => Act::Leftover(branch(self)),
            4 => Act::UnbiasedSelect,
            _ => Act::SwapWakers,
        }
    }

    fn threaded(&mut self) -> Act {
        match self.below(3) {
            0 => Act::Thread,
            1 => Act::Storm(self.count(50)),
            _ => Act::Blocks,
        }
    }
}

fn flip() -> bool {
    // Every state has keys of its own.
    RandomState::new().hash_one(0).is_multiple_of(2)
}

/// What every task of a provider has.
#[derive(Clone)]
struct Hands {
    reporter: Arc<Reporter>,
    runtime: Arc<dyn Runtime>,
    /// One position for all reports.
    position: Arc<AtomicU32>,
}

fn perform(acts: Vec<Act>, hands: Hands) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut held = Vec::new();
        for act in acts {
            if let Act::Hold(what) = act {
                held.push(Odd(what));
            } else {
                do_one(act, &hands).await;
            }
        }
    })
}

async fn do_one(act: Act, hands: &Hands) {
    let again = |acts| perform(acts, hands.clone());
    match act {
        Act::Yield => engine::yield_now().await,
        Act::Spin(count) => {
            for _ in 0..count {
                engine::yield_now().await;
            }
        }
        Act::Compute(count) => {
            std::hint::black_box((0..count).fold(0_u32, |sum, n| sum.rotate_left(3) ^ n));
        }
        Act::Sleep(ms) => hands.runtime.sleep(Duration::from_millis(ms)).await,
        Act::Report(count) => {
            for _ in 0..count {
                if hands.reporter.cancel().is_requested() {
                    return;
                }
                // The maximum is not known.
                let position = hands.position.fetch_add(1, Ordering::Relaxed);
                hands.reporter.progress(Some("Inbox"), position, u32::MAX).await;
            }
        }
        Act::Spawn(acts, ending) => {
            let Ok(task) = hands.runtime.spawn("child".into(), again(acts)) else { return };
            match ending {
                Ending::Join => {
                    task.await;
                }
                Ending::Abort => task.abort(),
                Ending::Forget => task.detach(),
            }
        }
        Act::Join(branches) => {
            futures::future::join_all(branches.into_iter().map(again)).await;
        }
        Act::Select(one, other) => {
            futures::future::select(again(one), again(other)).await;
        }
        Act::WakeSelf(count) => wake_self(count).await,
        Act::Channel(count) => {
            let (messages, mut received) = channel::channel::<u32>(1);
            let sender = Box::pin(async move {
                for n in 0..count {
                    if messages.send(n).await.is_err() {
                        return;
                    }
                }
            });
            let task = hands.runtime.spawn("sender".into(), sender);
            while received.recv().await.is_some() {}
            if let Ok(task) = task {
                task.await;
            }
        }
        Act::Hold(_) => {}
        Act::Recurse(depth) => {
            std::hint::black_box(recurse(depth));
        }
        Act::Panic => panic!("on purpose"),
        Act::PanicOddly => std::panic::panic_any(Odd(Held::Bomb)),
        Act::Never => std::future::pending().await,
        Act::Flip(acts) => {
            if flip() {
                again(acts).await;
            }
        }
        Act::Clock(acts) => {
            let began = Instant::now();
            if began.elapsed().as_nanos().is_multiple_of(2) {
                again(acts).await;
            }
        }
        Act::MapOrder => {
            let steps: HashMap<u64, ()> = (0..4).map(|step| (step, ())).collect();
            for step in steps.into_keys() {
                hands.runtime.sleep(Duration::from_millis(step)).await;
            }
        }
        Act::Leftover(acts) => {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            if COUNT.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
                again(acts).await;
            }
        }
        Act::UnbiasedSelect => {
            let mut one = futures::future::ready(());
            let mut other = futures::future::ready(());
            futures::select! {
                () = one => engine::yield_now().await,
                () = other => {}
            }
        }
        Act::SwapWakers => swap_wakers().await,
        Act::Thread => storm(0).await,
        Act::Storm(count) => storm(count).await,
        Act::Blocks => {
            let (answer, answered) = mpsc::channel();
            thread::spawn(move || answer.send(()));
            answered.recv().expect("the thread answers");
        }
    }
}

fn recurse(depth: u32) -> u32 {
    if depth == 0 { 0 } else { 1 + std::hint::black_box(recurse(depth - 1)) }
}

async fn wake_self(count: u32) {
    let mut waited = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        (0..=count).for_each(|_| cx.waker().wake_by_ref());
        Poll::Pending
    })
    .await;
}

/// Leaves its waker, goes on at once, and wakes whoever left one before: perhaps a task of another
/// execution, on another thread.
async fn swap_wakers() {
    static LEFT: Mutex<Option<Waker>> = Mutex::new(None);
    poll_fn(|cx| {
        let left = LEFT.lock().expect("nobody panics here").replace(cx.waker().clone());
        if let Some(left) = left {
            left.wake();
        }
        Poll::Ready(())
    })
    .await;
}

/// Waits for a thread that wakes the task this often before it answers.
async fn storm(wakes: u32) {
    let (answer, mut answered) = oneshot::channel::<()>();
    let (waker, wakers) = mpsc::channel::<Waker>();
    thread::spawn(move || {
        let Ok(waker) = wakers.recv() else { return };
        (0..wakes).for_each(|_| waker.wake_by_ref());
        let _gone = answer.send(());
    });
    let mut waker = Some(waker);
    poll_fn(move |cx: &mut Context<'_>| {
        let polled = Pin::new(&mut answered).poll(cx);
        if let Some(waker) = waker.take() {
            let _gone = waker.send(cx.waker().clone());
        }
        polled.map(|_| ())
    })
    .await;
}

/// Does something odd when it is dropped.
struct Odd(Held);

impl Drop for Odd {
    fn drop(&mut self) {
        match self.0 {
            Held::Spawner => {
                if engine::is_simulated() {
                    drop(engine::spawn("late", engine::sleep(3)));
                }
            }
            Held::Asker => {
                let _step = (engine::now(), engine::current_step(), engine::is_closing());
                drop(engine::sleep(5));
                drop(engine::yield_now());
            }
            Held::Bomb => assert!(thread::panicking(), "dropped"),
        }
    }
}

/// The provider that does these acts.
struct Hostile(Vec<Act>);

#[async_trait]
impl MapiSync for Hostile {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let acts = self.0.clone();
        request.start(|session| async move {
            let hands = Hands {
                reporter: Arc::new(session.reporter()),
                runtime: Arc::clone(session.runtime()),
                position: Arc::default(),
            };
            perform(acts, hands).await;
            session.done_or_cancelled(HResult::E_FAIL).await
        })
    }
}

/// Everything that can be done with a report, and the defects in it.
fn exercise(check: &Check, report: &Report) -> Vec<Defect> {
    replay_all(check, report);
    report.counterexamples.iter().flat_map(|shown| shown.defects.iter().copied()).collect()
}

/// What a check of a provider of this kind may find.
fn allows(kind: Kind, defect: Defect) -> bool {
    match kind {
        Kind::Tame | Kind::Threaded => false,
        Kind::Wrong => {
            let ends = [Defect::Panic, Defect::Deadlock];
            // A sync that waits for ever has no Done, and answers no cancel.
            let follow = [
                "done-once",
                "cancel-answered",
                "shutdown-drained",
                "event-after-done",
                "host-error-survived",
            ];
            ends.contains(&defect) || follow.contains(&defect.id())
        }
        Kind::Random => defect == Defect::Nondeterminism,
        Kind::Any => true,
    }
}

/// Checks a provider. Returns its kind, and whether something was said about it.
fn run_one(number: u64) -> (Kind, bool) {
    let kind = KINDS[usize::try_from(number).expect("a small number") % KINDS.len()];
    let mut draw = Draw(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let acts = draw.acts(kind, 0);
    let own = acts.clone();
    let strategy = &STRATEGIES[draw.count(STRATEGIES.len() as u64) as usize];
    let limits = LimitChanges { max_steps: Some(20_000), ..LimitChanges::default() };
    let mut check = check(move || Hostile(own.clone()))
        .with_strategy(strategy)
        .schedules(12)
        .limits(limits)
        .jobs(1 + draw.count(2) as usize)
        .shrink(draw.below(6) == 0);
    if draw.below(2) == 0 {
        check = check.faults(Faults::default()).host(Host::default());
    }
    let report = check.run();
    let text = write(Document::Check(&report));
    let about = || format!("provider {number}, {kind:?}, {}: {acts:?}\n{text}", strategy.name);
    for defect in exercise(&check, &report) {
        assert!(allows(kind, defect), "{defect} in {}", about());
    }
    if kind == Kind::Tame {
        assert!(report.holds(), "{}", about());
    }
    let outside = |warning: &Warning| matches!(warning, Warning::OutsideThread { .. });
    let is_outside = report.warnings.iter().any(outside);
    if matches!(kind, Kind::Tame | Kind::Wrong) {
        assert!(!is_outside, "{}", about());
    }
    (kind, report.is_broken() || is_outside)
}

/// A share of the providers, so that several threads have something to do.
fn run_share(share: u64) {
    let numbers = (0..PROVIDERS).filter(|number| number % 4 == share);
    let said: Vec<(Kind, bool)> = numbers.map(run_one).collect();
    for kind in [Kind::Wrong, Kind::Random, Kind::Threaded] {
        let of_kind = said.iter().filter(|(of, _)| *of == kind);
        let found = of_kind.filter(|(_, said)| *said).count();
        assert!(found > 0, "no provider of the kind {kind:?} is hostile");
    }
}

#[test]
fn hostile_providers_do_no_harm_1() {
    run_share(0);
}

#[test]
fn hostile_providers_do_no_harm_2() {
    run_share(1);
}

#[test]
fn hostile_providers_do_no_harm_3() {
    run_share(2);
}

#[test]
fn hostile_providers_do_no_harm_4() {
    run_share(3);
}
