//! Tasks that stay on their thread.
//!
//! The engine's tasks are `Send`. A local future therefore stays in a thread-local, and its task
//! has only the number by which it finds it there: an execution runs on one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mapi_sync_engine::Object;
use pin_project_lite::pin_project;

use super::join::JoinHandle;
use super::spawned::{Output, Spawned, builder};
use crate::inside::is_inside;
use crate::runtime::{Id, Runtime};

/// A future that is not `Send`, and the set that it belongs to.
struct Local {
    future: Pin<Box<dyn Future<Output = ()>>>,
    set: Rc<Set>,
}

thread_local! {
    static LOCALS: RefCell<BTreeMap<u64, Local>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
    /// The set whose future, or one of whose tasks, is running.
    static CURRENT: RefCell<Option<Rc<Set>>> = const { RefCell::new(None) };
}

/// The tasks of a [`LocalSet`] in an execution. They run while the set is driven.
struct Set {
    object: Object,
    /// How many futures drive it.
    drivers: Cell<usize>,
    /// Its tasks that have not ended.
    tasks: RefCell<Vec<u64>>,
    /// The tasks that wait until the set is driven.
    idle: RefCell<Vec<Waker>>,
    /// Who waits for the end of all tasks.
    waits: RefCell<Option<Waker>>,
}

impl Set {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            object: Object::new("local set"),
            drivers: Cell::new(0),
            tasks: RefCell::default(),
            idle: RefCell::default(),
            waits: RefCell::default(),
        })
    }

    fn spawn<F>(self: &Rc<Self>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let output = Output::new();
        let task = Spawned::new(future, Arc::clone(&output));
        let key = NEXT.replace(NEXT.get() + 1);
        let local = Local { future: Box::pin(task), set: Rc::clone(self) };
        LOCALS.with_borrow_mut(|locals| locals.insert(key, local));
        self.tasks.borrow_mut().push(key);
        self.object.commute();
        JoinHandle::inside(builder::<F>(false).spawn(LocalTask { key }), output)
    }

    fn drive(&self) {
        self.object.write();
        self.drivers.set(self.drivers.get() + 1);
        self.idle.take().into_iter().for_each(Waker::wake);
    }

    fn rest(&self) {
        self.object.write();
        self.drivers.set(self.drivers.get() - 1);
    }

    fn ended(&self, key: u64) {
        self.object.write();
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain(|task| *task != key);
        let waiter = if tasks.is_empty() { self.waits.take() } else { None };
        drop(tasks);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

/// Sets the current set, until it is dropped.
struct Entered(Option<Rc<Set>>);

impl Entered {
    fn new(set: &Rc<Set>) -> Self {
        Self(CURRENT.replace(Some(Rc::clone(set))))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// What the engine runs: it finds its future by the number.
struct LocalTask {
    key: u64,
}

impl Future for LocalTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let local = LOCALS.with_borrow_mut(|locals| locals.remove(&self.key));
        // The set was dropped, and its futures with it.
        let Some(mut local) = local else { return Poll::Ready(()) };
        local.set.object.read();
        let set = Rc::clone(&local.set);
        let polled = if set.drivers.get() == 0 {
            set.object.waits();
            set.idle.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        } else {
            let _entered = Entered::new(&set);
            local.future.as_mut().poll(cx)
        };
        if polled.is_pending() {
            LOCALS.with_borrow_mut(|locals| locals.insert(self.key, local));
        } else {
            drop(local);
            set.ended(self.key);
        }
        polled
    }
}

impl Drop for LocalTask {
    fn drop(&mut self) {
        let local = LOCALS.with_borrow_mut(|locals| locals.remove(&self.key));
        if let Some(local) = local {
            local.set.ended(self.key);
        }
    }
}

/// Starts a task of the current [`LocalSet`]. It stays on this thread.
///
/// # Panics
///
/// Outside of a [`LocalSet`].
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    if !is_inside() {
        return JoinHandle::real(real::task::spawn_local(future));
    }
    let set = CURRENT.with_borrow(Option::clone);
    let set = set.expect(
        "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`",
    );
    set.spawn(future)
}

/// A set of tasks that stay on one thread. They run while the set is awaited, or something is
/// [run](Self::run_until) in it. Dropping the set drops them.
pub struct LocalSet {
    real: real::task::LocalSet,
    set: Rc<Set>,
    is_driven: bool,
}

impl LocalSet {
    /// A set without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self { real: real::task::LocalSet::new(), set: Set::new(), is_driven: false }
    }

    /// The set's identity among runtimes.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::of_set(self.real.id())
    }

    pub(super) fn as_real(&self) -> &real::task::LocalSet {
        &self.real
    }

    /// Makes this the current set, until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> LocalEnterGuard {
        if is_inside() {
            LocalEnterGuard { _guard: Guard::Inside { _entered: Entered::new(&self.set) } }
        } else {
            LocalEnterGuard { _guard: Guard::Real { _guard: self.real.enter() } }
        }
    }

    /// Starts a task of this set.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if is_inside() {
            self.set.spawn(future)
        } else {
            JoinHandle::real(self.real.spawn_local(future))
        }
    }

    /// Runs a future, and the set meanwhile.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`] does.
    #[track_caller]
    pub fn block_on<F>(&self, rt: &Runtime, future: F) -> F::Output
    where
        F: Future,
    {
        rt.block_on(self.run_until(future))
    }

    /// Runs a future, and the set meanwhile.
    pub async fn run_until<F>(&self, future: F) -> F::Output
    where
        F: Future,
    {
        if is_inside() {
            RunUntil { set: &self.set, is_driven: false, future }.await
        } else {
            self.real.run_until(future).await
        }
    }
}

pin_project! {
    struct RunUntil<'a, F> {
        set: &'a Rc<Set>,
        is_driven: bool,
        #[pin]
        future: F,
    }

    impl<F> PinnedDrop for RunUntil<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            if this.is_driven {
                this.set.rest();
            }
        }
    }
}

impl<F: Future> Future for RunUntil<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !mem::replace(this.is_driven, true) {
            this.set.drive();
        }
        let _entered = Entered::new(this.set);
        this.future.poll(cx)
    }
}

impl Future for LocalSet {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !is_inside() {
            return Pin::new(&mut self.real).poll(cx);
        }
        if !mem::replace(&mut self.is_driven, true) {
            self.set.drive();
        }
        self.set.object.read();
        if self.set.tasks.borrow().is_empty() {
            return Poll::Ready(());
        }
        self.set.object.waits();
        *self.set.waits.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        self.set.object.write();
        for key in self.set.tasks.take() {
            let local = LOCALS.with_borrow_mut(|locals| locals.remove(&key));
            drop(local);
        }
        // Their tasks end when they run next.
        self.set.idle.take().into_iter().for_each(Waker::wake);
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").finish_non_exhaustive()
    }
}

/// The set is current until this is dropped.
pub struct LocalEnterGuard {
    _guard: Guard,
}

enum Guard {
    Real { _guard: real::task::LocalEnterGuard },
    Inside { _entered: Entered },
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}
