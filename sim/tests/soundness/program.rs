//! Random small programs over all that tasks can share.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use futures::future::{Either, FutureExt, join, select};
use futures::stream::{FuturesUnordered, StreamExt};
use mapi_sync_sim::engine::sync::{
    Event, Mutex, Notify, Receiver, Register, Semaphore, Sender, bounded, oneshot, unbounded,
};
use mapi_sync_sim::engine::{self, AbortHandle, End, Engine, Limits, Outcome, TaskKey};
use proptest::prelude::*;

/// What tasks do. Objects and tasks are given by small numbers.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Yield,
    Sleep(u64),
    Read(usize),
    Write(usize, u64),
    /// Read and write back, in two segments.
    Raise(usize),
    /// Read and write back, in one segment.
    RaiseAtOnce(usize),
    Merge(usize),
    Lock(Vec<Op>),
    TryLock,
    Acquire(Vec<Op>),
    Send(usize, usize),
    TrySend(usize, usize),
    Recv(usize),
    TryRecv(usize),
    RecvOrSleep(usize, u64),
    RecvEither,
    RecvOrYield(usize),
    RecvBoth,
    Set,
    Reset,
    Wait,
    WaitOrRecv(usize),
    NotifyOne,
    NotifyAll,
    Notified,
    Abort(usize),
    Spawn(Vec<Op>),
    SpawnAndJoin(Vec<Op>),
    JoinOrRecv(Vec<Op>, usize),
    /// Wait for a child or a message, then do something else, then wait for the child again.
    JoinLater(Vec<Op>, usize, Vec<Op>),
    /// Wait for several things of which only those are polled that were woken, and note their
    /// order.
    Gather(Vec<Op>),
    Oneshot(Vec<Op>),
    Choose,
    Fault,
}

type Log = Arc<std::sync::Mutex<BTreeMap<TaskKey, Vec<u64>>>>;

#[derive(Clone)]
struct World {
    log: Log,
    cells: [Register<u64>; 2],
    door: Mutex<()>,
    permits: Semaphore,
    event: Event,
    bell: Notify,
    senders: Vec<[Sender<u64>; 2]>,
    tasks: Arc<OnceLock<Vec<AbortHandle>>>,
}

impl World {
    fn see(&self, value: u64) {
        self.log.lock().unwrap().entry(engine::current_key()).or_default().push(value);
    }
}

type Inbox = [Receiver<u64>; 2];

fn run(
    world: World,
    ops: Vec<Op>,
    mut inbox: Option<Inbox>,
) -> futures::future::BoxFuture<'static, ()> {
    Box::pin(async move {
        for (at, op) in ops.into_iter().enumerate() {
            step(&world, at as u64, op, &mut inbox).await;
        }
        world.see(1000);
    })
}

async fn step(world: &World, at: u64, op: Op, inbox: &mut Option<Inbox>) {
    let got = |result: Result<u64, _>| result.unwrap_or(99);
    match (op, inbox) {
        (Op::Yield, _) => engine::yield_now().await,
        (Op::Sleep(ms), _) => engine::sleep(ms).await,
        (Op::Read(cell), _) => world.see(world.cells[cell].read().await),
        (Op::Write(cell, value), _) => world.cells[cell].write(value).await,
        (Op::Raise(cell), _) => {
            let value = world.cells[cell].read().await;
            world.cells[cell].write(value * 3 + 1).await;
        }
        (Op::RaiseAtOnce(cell), _) => {
            let value = world.cells[cell].get();
            if value > 0 {
                world.cells[cell].set(value - 1);
            } else {
                world.cells[1 - cell].set(7);
            }
            engine::yield_now().await;
        }
        (Op::Merge(cell), _) => {
            world.cells[cell].merge(|value| *value += 1);
            engine::yield_now().await;
        }
        (Op::Lock(ops), _) => {
            let _guard = world.door.lock().await;
            run(world.clone(), ops, None).await;
        }
        (Op::TryLock, _) => {
            let guard = world.door.try_lock();
            world.see(u64::from(guard.is_some()));
            engine::yield_now().await;
        }
        (Op::Acquire(ops), _) => {
            let _permit = world.permits.acquire().await.unwrap();
            run(world.clone(), ops, None).await;
        }
        (Op::Send(task, which), _) => {
            let tx = &world.senders[task % world.senders.len()][which];
            world.see(u64::from(tx.send(at).await.is_ok()));
        }
        (Op::TrySend(task, which), _) => {
            let tx = &world.senders[task % world.senders.len()][which];
            world.see(u64::from(tx.try_send(at).is_ok()));
            engine::yield_now().await;
        }
        (Op::Recv(which), Some(inbox)) => world.see(got(inbox[which].recv().await)),
        (Op::TryRecv(which), Some(inbox)) => {
            world.see(inbox[which].try_recv().unwrap_or(98));
            engine::yield_now().await;
        }
        (Op::RecvOrSleep(which, ms), Some(inbox)) => {
            world.see(match select(pin!(inbox[which].recv()), engine::sleep(ms)).await {
                Either::Left((value, _)) => got(value),
                Either::Right(_) => 97,
            });
        }
        (Op::RecvEither, Some([a, b])) => {
            world.see(match select(pin!(a.recv()), pin!(b.recv())).await {
                Either::Left((value, _)) => got(value),
                Either::Right((value, _)) => 10 + got(value),
            });
        }
        (Op::RecvOrYield(which), Some(inbox)) => {
            world.see(match select(pin!(inbox[which].recv()), engine::yield_now()).await {
                Either::Left((value, _)) => got(value),
                Either::Right(_) => 96,
            });
        }
        (Op::RecvBoth, Some([a, b])) => {
            let (a, b) = join(a.recv(), b.recv()).await;
            world.see(got(a) * 100 + got(b));
        }
        (Op::Set, _) => {
            world.event.set();
            engine::yield_now().await;
        }
        (Op::Reset, _) => {
            world.event.reset();
            engine::yield_now().await;
        }
        (Op::Wait, _) => world.event.wait().await,
        (Op::WaitOrRecv(which), Some(inbox)) => {
            world.see(match select(pin!(world.event.wait()), pin!(inbox[which].recv())).await {
                Either::Left(_) => 95,
                Either::Right((value, _)) => got(value),
            });
        }
        (Op::NotifyOne, _) => {
            world.bell.notify_one();
            engine::yield_now().await;
        }
        (Op::NotifyAll, _) => {
            world.bell.notify_waiters();
            engine::yield_now().await;
        }
        (Op::Notified, _) => world.bell.notified().await,
        (Op::Abort(task), _) => {
            let tasks = world.tasks.get().unwrap();
            tasks[task % tasks.len()].abort();
            engine::yield_now().await;
        }
        (Op::Spawn(ops), _) => {
            engine::spawn("child", run(world.clone(), ops, None));
        }
        (Op::SpawnAndJoin(ops), _) => {
            let end = engine::spawn_droppable("child", run(world.clone(), ops, None)).await;
            world.see(u64::from(end.is_ok()));
        }
        (Op::JoinOrRecv(ops, which), Some(inbox)) => {
            let child = engine::spawn("child", run(world.clone(), ops, None));
            world.see(match select(child, pin!(inbox[which].recv())).await {
                Either::Left((end, _)) => 90 + u64::from(end.is_ok()),
                Either::Right((value, _)) => got(value),
            });
        }
        (Op::JoinLater(ops, which, meanwhile), Some(inbox)) => {
            let mut child = engine::spawn("child", run(world.clone(), ops, None));
            let first = match select(&mut child, pin!(inbox[which].recv())).await {
                Either::Left((end, _)) => Err(90 + u64::from(end.is_ok())),
                Either::Right((value, _)) => Ok(got(value)),
            };
            match first {
                Err(end) => world.see(end),
                Ok(value) => {
                    world.see(value);
                    run(world.clone(), meanwhile, None).await;
                    world.see(80 + u64::from(child.await.is_ok()));
                }
            }
        }
        (Op::Gather(ops), Some([a, b])) => {
            let child = engine::spawn("child", run(world.clone(), ops, None));
            let event = world.event.wait();
            let mut all = FuturesUnordered::new();
            all.push(async { got(a.recv().await) }.boxed());
            all.push(async { 10 + got(b.recv().await) }.boxed());
            all.push(async { 20 + u64::from(child.await.is_ok()) }.boxed());
            all.push(event.map(|()| 30).boxed());
            for _ in 0..2 {
                if let Some(seen) = all.next().await {
                    world.see(seen);
                }
            }
        }
        (Op::Oneshot(ops), _) => {
            let (tx, rx) = oneshot("once");
            let child = world.clone();
            engine::spawn_droppable("child", async move {
                run(child, ops, None).await;
                let _ = tx.send(5);
            });
            world.see(got(rx.await));
        }
        (Op::Choose, _) => world.see(u64::from(engine::choose("number", 3))),
        (Op::Fault, _) => world.see(u64::from(engine::fault("wire"))),
        (
            Op::Recv(_)
            | Op::TryRecv(_)
            | Op::RecvOrSleep(..)
            | Op::RecvEither
            | Op::RecvOrYield(_)
            | Op::RecvBoth
            | Op::WaitOrRecv(_)
            | Op::JoinOrRecv(..)
            | Op::JoinLater(..)
            | Op::Gather(_),
            None,
        ) => {}
    }
}

#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) tasks: Vec<(Vec<Op>, bool)>,
    pub(super) faults: u32,
    pub(super) drops: u32,
}

/// What an execution came to: what each task saw, what the cells hold, how and when it ended.
pub(super) type Came = (BTreeMap<TaskKey, Vec<u64>>, [u64; 2], String, u64);

impl Program {
    pub(super) fn limits(&self) -> Limits {
        Limits::default().with_faults(self.faults).with_drops(self.drops)
    }

    pub(super) fn execute(&self, engine: &mut Engine) -> Option<(Outcome, Came)> {
        let log = Log::default();
        let (seen, tasks) = (Arc::clone(&log), self.tasks.clone());
        let cells = Arc::new(std::sync::Mutex::new(None));
        let keep = Arc::clone(&cells);
        let outcome = engine.execute(0, async move {
            let mut senders = Vec::new();
            let mut inboxes = Vec::new();
            for _ in 0..tasks.len() {
                let ((a, b), (c, d)) = (bounded("narrow", 1), unbounded("wide"));
                senders.push([a, c]);
                inboxes.push([b, d]);
            }
            let world = World {
                log: seen,
                cells: [Register::new("left", 0), Register::new("right", 0)],
                door: Mutex::new("door", ()),
                permits: Semaphore::new("permits", 1),
                event: Event::new("event"),
                bell: Notify::new("bell"),
                senders,
                tasks: Arc::default(),
            };
            *keep.lock().unwrap() = Some(world.cells.clone());
            let mut handles = Vec::new();
            for ((ops, droppable), inbox) in tasks.into_iter().zip(inboxes) {
                let builder = engine::Builder::new("task");
                let builder = if droppable { builder.droppable() } else { builder };
                handles.push(builder.spawn(run(world.clone(), ops, Some(inbox))).abort_handle());
            }
            world.tasks.set(handles).unwrap();
        })?;
        let cells = cells.lock().unwrap().take().unwrap().map(|cell| cell.get());
        let end = match &outcome.end {
            // The tasks' numbers, and so their order, depend on the order of spawning.
            End::Deadlock(blocked) => {
                let mut names: Vec<_> = blocked.iter().map(ToString::to_string).collect();
                names.sort();
                names.join("; ")
            }
            end => end.to_string(),
        };
        let result = (std::mem::take(&mut *log.lock().unwrap()), cells, end, outcome.virtual_ms);
        Some((outcome, result))
    }
}

fn leaf() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Yield),
        (0..3_u64).prop_map(Op::Sleep),
        (0..2_usize).prop_map(Op::Read),
        (0..2_usize, 1..4_u64).prop_map(|(cell, value)| Op::Write(cell, value)),
        (0..2_usize).prop_map(Op::Raise),
        (0..2_usize).prop_map(Op::RaiseAtOnce),
        (0..2_usize).prop_map(Op::Merge),
        Just(Op::TryLock),
        (0..3_usize, 0..2_usize).prop_map(|(task, which)| Op::Send(task, which)),
        (0..3_usize, 0..2_usize).prop_map(|(task, which)| Op::TrySend(task, which)),
        (0..2_usize).prop_map(Op::Recv),
        (0..2_usize).prop_map(Op::TryRecv),
        (0..2_usize, 0..3_u64).prop_map(|(which, ms)| Op::RecvOrSleep(which, ms)),
        Just(Op::RecvEither),
        (0..2_usize).prop_map(Op::RecvOrYield),
        Just(Op::RecvBoth),
        Just(Op::Set),
        Just(Op::Reset),
        Just(Op::Wait),
        (0..2_usize).prop_map(Op::WaitOrRecv),
        Just(Op::NotifyOne),
        Just(Op::NotifyAll),
        Just(Op::Notified),
        (0..3_usize).prop_map(Op::Abort),
        Just(Op::Choose),
        Just(Op::Fault),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let inner = || proptest::collection::vec(leaf(), 0..2);
    prop_oneof![
        8 => leaf(),
        1 => inner().prop_map(Op::Lock),
        1 => inner().prop_map(Op::Acquire),
        1 => inner().prop_map(Op::Spawn),
        1 => inner().prop_map(Op::SpawnAndJoin),
        1 => (inner(), 0..2_usize).prop_map(|(ops, which)| Op::JoinOrRecv(ops, which)),
        1 => (inner(), 0..2_usize, inner())
            .prop_map(|(ops, which, meanwhile)| Op::JoinLater(ops, which, meanwhile)),
        1 => inner().prop_map(Op::Gather),
        1 => inner().prop_map(Op::Oneshot),
    ]
}

pub(super) fn program() -> impl Strategy<Value = Program> {
    let task = (proptest::collection::vec(op(), 1..4), any::<bool>());
    (proptest::collection::vec(task, 1..4), 0..2_u32, 0..2_u32)
        .prop_map(|(tasks, faults, drops)| Program { tasks, faults, drops })
}

// The same programs in each run, so that a change is judged by what it changed; more of them with
// `PROPTEST_CASES`, others with `PROPTEST_RNG_SEED`. Fewer on Windows: nothing in the search
// depends on the system, and Wine is slow.
