//! Runs the steps of a protocol.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::future::select_all;
use mapi_sync::{BoxFuture, HResult, TaskEnd, TaskHandle, catch_panic};

use super::Inner;
use super::program::{Block, Condition, Handle, Kind, Op, Place, Time, Value};
use super::shared::{Number, SyncRef};
use crate::engine::{self, Site};
use crate::lock::lock;
use crate::property;
use crate::world::provider::network::Network;
use crate::world::scenario::Cost;
use crate::world::sites::{BODY, CHOICE, CONNECT, FOLDER, HEADER, STEP, UPLOAD};
use crate::world::time::{choose_cost, sleep_ms};

/// The most tasks that one step starts.
const MOST_AT_ONCE: i64 = 100;
/// The most tasks that one sync starts: a file cannot use up the memory.
const MOST_TASKS: u32 = 1_000;

/// How a step goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    /// The task, the start or the shutdown is over, with this code.
    Return(Option<HResult>),
}

/// The tasks that a task has started, by their numbers in the program.
type Children = Arc<Mutex<Vec<(usize, TaskHandle)>>>;

/// One task, one start, or one shutdown, at its steps.
pub(super) struct Worker {
    inner: Arc<Inner>,
    /// None in a shutdown, which the program was checked for.
    sync: Option<SyncRef>,
    is_start: bool,
    locals: Vec<i64>,
    children: Children,
    call_failed: bool,
    /// How often the task has come to a step that lets others run in any case. A round of a loop
    /// without one yields.
    waits: u64,
}

impl Worker {
    fn new(inner: &Arc<Inner>, sync: Option<SyncRef>, is_start: bool) -> Self {
        Self {
            locals: vec![0; inner.program.locals],
            inner: Arc::clone(inner),
            sync,
            is_start,
            children: Children::default(),
            call_failed: false,
            waits: 0,
        }
    }

    pub(super) fn of_start(sync: SyncRef) -> Self {
        let inner = Arc::clone(&sync.inner);
        Self::new(&inner, Some(sync), true)
    }

    pub(super) fn of_shutdown(inner: &Arc<Inner>) -> Self {
        Self::new(inner, None, false)
    }

    /// A task of the same sync: it begins with the values that its parent has kept.
    fn task(&self) -> Option<Self> {
        let mut task = Self::new(&self.inner, self.sync.clone(), false);
        task.locals.clone_from(&self.locals);
        task.sync.is_some().then_some(task)
    }

    /// The same task in one branch of a race.
    fn branch(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            sync: self.sync.clone(),
            is_start: self.is_start,
            locals: self.locals.clone(),
            children: Arc::clone(&self.children),
            call_failed: self.call_failed,
            waits: self.waits,
        }
    }

    /// Runs these steps in their order.
    pub(super) fn run<'a>(
        &'a mut self,
        steps: &'a Block,
    ) -> Pin<Box<dyn Future<Output = Flow> + Send + 'a>> {
        Box::pin(async move {
            for op in steps {
                let flow = self.step(op).await;
                if flow != Flow::Next {
                    return flow;
                }
            }
            Flow::Next
        })
    }

    async fn step(&mut self, op: &Op) -> Flow {
        if let Some(verb) = noted(&op.kind) {
            engine::note(format_args!("line {}: {verb}", op.line));
        }
        match &op.kind {
            Kind::If { test, then, otherwise } => {
                let steps = if self.holds(test) { then } else { otherwise };
                return self.run(steps).await;
            }
            Kind::Choose(branches) => {
                let count = u32::try_from(branches.len()).unwrap_or(1);
                let chosen = if count > 1 { engine::choose(CHOICE, count) } else { 0 };
                return self.run(&branches[chosen as usize]).await;
            }
            Kind::Race(branches) => return self.race(branches).await,
            Kind::Repeat { times, local, steps } => {
                for number in 0..self.value(*times) {
                    if let Some(local) = local {
                        self.locals[*local] = number;
                    }
                    let flow = self.round(steps).await;
                    if flow != Flow::Next {
                        return flow;
                    }
                }
            }
            Kind::While { test, steps } => {
                while self.holds(test) {
                    let flow = self.round(steps).await;
                    if flow != Flow::Next {
                        return flow;
                    }
                }
            }
            Kind::Set { place, to } => {
                let to = self.value(*to);
                self.number(*place).update(|_| to);
            }
            Kind::Add { place, by } => {
                let by = self.value(*by);
                self.number(*place).update(|value| value.saturating_add(by));
            }
            Kind::Keep { value, local } => self.locals[*local] = self.value(*value),
            Kind::Return(code) => return Flow::Return(*code),
            Kind::Work(time) => {
                let (site, cost) = self.time(time);
                let ms = choose_cost(site, &cost);
                self.waited();
                engine::work(ms).await;
            }
            Kind::Deadline(time) => {
                let (site, cost) = self.time(time);
                let ms = choose_cost(site, &cost);
                self.waited();
                sleep_ms(ms).await;
            }
            Kind::Request { time, retry, failed } => {
                return self.request(time, retry, failed).await;
            }
            Kind::Wait(test) => self.wait(test).await,
            Kind::Yield => {
                self.waited();
                engine::yield_now().await;
            }
            Kind::Sometimes(name) => property::meet(name, true),
            Kind::Cancel => match &self.sync {
                Some(sync) => sync.request.cancel().request(),
                None => self.inner.cancel_all(),
            },
            _ => {
                // The program was checked: only a sync has the other steps.
                let Some(sync) = self.sync.clone() else { return Flow::Next };
                return self.sync_step(op, &sync).await;
            }
        }
        Flow::Next
    }

    /// The steps that only a sync has.
    async fn sync_step(&mut self, op: &Op, sync: &SyncRef) -> Flow {
        match &op.kind {
            Kind::Progress { index, of, text } => {
                let [index, of] = [index, of].map(|value| position(self.value(*value)));
                let call = sync.callback.progress(text.as_deref(), index, of);
                self.answer(catch_panic(call).await);
            }
            Kind::Error { code, text } => {
                self.answer(catch_panic(sync.callback.error(*code, text.as_deref())).await);
            }
            Kind::Done { status, handle } => {
                let event = match handle {
                    Handle::Published => sync.published(),
                    Handle::Private => sync.private(),
                    Handle::Null => mapi_sync::RawEvent::NULL,
                };
                self.answer(catch_panic(sync.callback.done(event, *status)).await);
            }
            Kind::Create => {
                if let Err(code) = sync.create() {
                    return self.fails(&None, code).await;
                }
            }
            Kind::Publish { failed } => {
                if let Err(code) = sync.publish() {
                    return self.fails(failed, code).await;
                }
            }
            Kind::Unpublish => sync.unpublish(),
            Kind::Signal(Handle::Published) => sync.signal(sync.published()),
            Kind::Signal(_) => sync.signal(sync.private()),
            Kind::Close => sync.close(),
            Kind::AddRef => sync.add_ref(),
            Kind::Release => sync.release(),
            Kind::Spawn { task, times, failed } => {
                for _ in 0..self.value(*times).min(MOST_AT_ONCE) {
                    if let Err(code) = self.spawn(*task) {
                        let flow = self.fails(failed, code).await;
                        if flow != Flow::Next {
                            return flow;
                        }
                    }
                }
            }
            Kind::Join { task, lost } => {
                let is_lost = join(&self.children, *task).await;
                if is_lost {
                    return self.run(lost).await;
                }
            }
            Kind::Abort(task) => {
                let children = lock(&self.children);
                let those = children.iter().filter(|(child, _)| child == task);
                those.for_each(|(_, handle)| handle.abort());
            }
            Kind::Send { queue, value } => {
                let value = self.value(*value);
                sync.queues[*queue].send(value).await;
            }
            Kind::Receive { queue, local, closed } => {
                match (sync.queues[*queue].receive().await, local) {
                    (Some(value), Some(local)) => self.locals[*local] = value,
                    (Some(_), None) => {}
                    (None, _) => return self.run(closed).await,
                }
            }
            Kind::Finish(queue) => sync.queues[*queue].finish(),
            Kind::Lock { lock, steps } => {
                let _guard = sync.locks[*lock].lock().await;
                return self.run(steps).await;
            }
            _ => {}
        }
        Flow::Next
    }

    /// One round of a loop. One that could end without letting others run yields.
    async fn round(&mut self, steps: &Block) -> Flow {
        let before = self.waits;
        let flow = self.run(steps).await;
        if flow == Flow::Next && self.waits == before {
            engine::yield_now().await;
        }
        flow
    }

    /// Runs the branches side by side until one is at its end, and drops the others.
    async fn race(&mut self, branches: &[Block]) -> Flow {
        let run = branches.iter().map(|steps| {
            let mut worker = self.branch();
            let branch: BoxFutureOf<'_> = Box::pin(async move {
                let flow = worker.run(steps).await;
                (flow, worker)
            });
            branch
        });
        let ((flow, winner), _, others) = select_all(run).await;
        drop(others);
        *self = winner;
        flow
    }

    /// Sends a request, again as often as the scenario says.
    async fn request(&mut self, time: &Time, retry: &Block, failed: &Block) -> Flow {
        let (site, cost) = self.time(time);
        let network = Network::new(Arc::clone(&self.inner.run));
        self.waited();
        if matches!(time, Time::Connect) {
            return match network.connect().await {
                Ok(()) => Flow::Next,
                Err(_) => self.run(failed).await,
            };
        }
        let (retries, delay) = {
            let provider = &self.inner.run.scenario().provider;
            (provider.retries, provider.retry_delay_ms)
        };
        for attempt in 0..=retries {
            if network.attempt(site, &cost).await.is_ok() {
                return Flow::Next;
            }
            if attempt < retries {
                let flow = self.run(retry).await;
                if flow != Flow::Next {
                    return flow;
                }
                sleep_ms(delay).await;
            }
        }
        self.run(failed).await
    }

    fn spawn(&self, number: usize) -> Result<(), HResult> {
        let (Some(sync), Some(worker)) = (&self.sync, self.task()) else { return Ok(()) };
        if sync.started.fetch_add(1, Ordering::Relaxed) >= MOST_TASKS {
            return Err(HResult::E_OUTOFMEMORY);
        }
        let armed = Arc::new(AtomicBool::new(false));
        let guard = Guard { worker: Some(worker), number, armed: Arc::clone(&armed), tries: 0 };
        let task = &self.inner.program.tasks[number];
        let future: BoxFuture = Box::pin(guard.run());
        let handle = sync.request.runtime().spawn(task.name.clone().into(), future)?;
        armed.store(true, Ordering::Relaxed);
        lock(&self.children).push((number, handle));
        Ok(())
    }

    /// What follows when an event or a task cannot be made: what the file says, or the start fails.
    async fn fails(&mut self, failed: &Option<Block>, code: HResult) -> Flow {
        match failed {
            Some(steps) => self.run(steps).await,
            None if self.is_start => {
                if let Some(sync) = &self.sync {
                    sync.unpublish();
                }
                Flow::Return(Some(code))
            }
            None => Flow::Next,
        }
    }

    /// Takes the host's answer to a call.
    fn answer(&mut self, answer: HResult) {
        self.call_failed = answer.is_failure();
        if answer == HResult::MAPI_W_CANCEL_MESSAGE
            && let Some(sync) = &self.sync
        {
            sync.request.cancel().request();
        }
    }

    async fn wait(&self, test: &Condition) {
        match test.left {
            Value::At(place) => self.number(place).wait(|| self.holds(test)).await,
            _ => {
                if let Some(sync) = &self.sync
                    && !self.holds(test)
                {
                    sync.request.cancel().requested().await;
                }
            }
        }
    }

    fn waited(&mut self) {
        self.waits += 1;
    }

    fn number(&self, place: Place) -> &Number {
        match (place, &self.sync) {
            (Place::Counter(number), Some(sync)) => &sync.counters[number],
            (Place::Counter(number) | Place::Store(number), _) => &self.inner.store[number],
        }
    }

    fn value(&self, value: Value) -> i64 {
        match value {
            Value::Number(number) => number,
            Value::At(place) => self.number(place).get(),
            Value::Local(local) => self.locals[local],
            Value::Messages(local) => {
                let account = &self.inner.run.scenario().accounts[self.inner.account];
                let folder = u32::try_from(self.locals[local]).unwrap_or(u32::MAX);
                let exists = folder < account.folder_count();
                if exists { account.messages_in(folder).into() } else { 0 }
            }
            Value::Cancelled => {
                self.sync.as_ref().is_some_and(|sync| sync.request.cancel().is_requested()).into()
            }
            Value::CallFailed => self.call_failed.into(),
        }
    }

    fn holds(&self, test: &Condition) -> bool {
        test.compare.holds(self.value(test.left), self.value(test.right))
    }

    /// How long something takes, and where the search decides it.
    fn time(&self, time: &Time) -> (Site, Cost) {
        let cost = &self.inner.run.scenario().provider.cost;
        let (site, cost) = match time {
            Time::Connect => (CONNECT, &cost.connect),
            Time::Folder => (FOLDER, &cost.folder),
            Time::Header => (HEADER, &cost.header),
            Time::Body => (BODY, &cost.body),
            Time::Upload => (UPLOAD, &cost.upload),
            Time::Own(cost) => (STEP, cost),
        };
        (site, cost.clone())
    }
}

type BoxFutureOf<'a> = Pin<Box<dyn Future<Output = (Flow, Worker)> + Send + 'a>>;

/// Waits for all tasks of this number. Returns whether one of them did not reach its end.
async fn join(children: &Children, task: usize) -> bool {
    let mut lost = false;
    while let Some(end) = next_end(children, task).await {
        lost |= end != TaskEnd::Finished;
    }
    lost
}

/// Waits for one task of this number. It stays among the children until it has ended, so that
/// whoever comes after a drop can wait for it too.
async fn next_end(children: &Children, task: usize) -> Option<TaskEnd> {
    poll_fn(|cx| {
        let mut children = lock(children);
        let Some(at) = children.iter().rposition(|(child, _)| *child == task) else {
            return Poll::Ready(None);
        };
        let Poll::Ready(end) = Pin::new(&mut children[at].1).poll(cx) else {
            return Poll::Pending;
        };
        let ended = children.remove(at);
        drop(children);
        drop(ended);
        Poll::Ready(Some(end))
    })
    .await
}

/// One task of a protocol. If it is dropped before its end, what the file has for this case is run
/// by another task.
struct Guard {
    /// Until the task has ended.
    worker: Option<Worker>,
    number: usize,
    /// Whether the task was started, or is bound to be: one that could not be has not been
    /// dropped.
    armed: Arc<AtomicBool>,
    /// How often in a row a task was started that has not run.
    tries: u32,
}

impl Guard {
    async fn run(mut self) {
        self.armed.store(true, Ordering::Relaxed);
        let Some(worker) = &mut self.worker else { return };
        let inner = Arc::clone(&worker.inner);
        worker.run(&inner.program.tasks[self.number].steps).await;
        drop(self.worker.take());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(mut worker) = self.worker.take() else { return };
        let inner = Arc::clone(&worker.inner);
        let task = &inner.program.tasks[self.number];
        let (Some(sync), Some(_)) = (worker.sync.clone(), &task.dropped) else { return };
        // A refusal is a fault, and their number is limited. Beyond it, the execution is being
        // cleared up.
        let too_often = self.tries > inner.run.scenario().faults.task_creation;
        if too_often || !self.armed.load(Ordering::Relaxed) || engine::is_closing() {
            return;
        }
        worker.locals.fill(0);
        let number = self.number;
        let armed = Arc::new(AtomicBool::new(true));
        let mut rest = Self { worker: Some(worker), number, armed, tries: self.tries + 1 };
        let program = Arc::clone(&inner.program);
        let name = format!("{}, dropped", task.name);
        let last = Box::pin(async move {
            rest.tries = 0;
            if let (Some(steps), Some(worker)) = (&program.tasks[number].dropped, &mut rest.worker)
            {
                worker.run(steps).await;
            }
            drop(rest.worker.take());
        });
        // If no task can be started, the guard inside is dropped and tries again.
        if let Ok(task) = sync.request.runtime().spawn(name.into(), last) {
            task.detach();
        }
    }
}

/// The words for a step in a time line; none for one that others cannot see.
fn noted(kind: &Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Work(_) => "work",
        Kind::Request { .. } => "request",
        Kind::Progress { .. } => "progress",
        Kind::Error { .. } => "error",
        Kind::Done { .. } => "done",
        Kind::Publish { .. } => "publish",
        Kind::Unpublish => "unpublish",
        Kind::Signal(_) => "signal",
        Kind::Close => "close",
        Kind::Release => "release",
        Kind::Spawn { .. } => "spawn",
        Kind::Join { .. } => "join",
        Kind::Abort(_) => "abort",
        Kind::Send { .. } => "send",
        Kind::Receive { .. } => "receive",
        Kind::Lock { .. } => "lock",
        Kind::Wait(_) => "wait",
        Kind::Set { .. } => "set",
        Kind::Add { .. } => "add",
        Kind::Cancel => "cancel",
        Kind::Return(_) => "return",
        _ => return None,
    })
}

/// A number as a position.
fn position(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
