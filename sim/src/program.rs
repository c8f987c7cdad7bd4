//! A program that is checked in place of a provider: any asynchronous code.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crate::engine;
use crate::lock::lock;

/// What a program may return: nothing, or a [`Result`] whose error is a defect.
#[diagnostic::on_unimplemented(
    message = "a program that is checked returns `()` or a `Result`, not `{Self}`",
    label = "not what a program may return",
    note = "an error that is returned must be `Debug`: the report shows it"
)]
pub trait ProgramResult {
    /// The error in words, if it is one.
    fn into_error(self) -> Option<String>;
}

impl ProgramResult for () {
    fn into_error(self) -> Option<String> {
        None
    }
}

impl ProgramResult for Infallible {
    fn into_error(self) -> Option<String> {
        match self {}
    }
}

impl<T: ProgramResult, E: Debug> ProgramResult for Result<T, E> {
    fn into_error(self) -> Option<String> {
        match self {
            Ok(value) => value.into_error(),
            Err(error) => Some(format!("{error:?}")),
        }
    }
}

/// The future of one execution of a program, and its error in words.
type ProgramFuture = Pin<Box<dyn Future<Output = Option<String>>>>;

/// A program, which can be run many times, on any number of threads.
#[derive(Clone)]
pub(crate) struct Program(Arc<dyn Fn() -> ProgramFuture + Send + Sync>);

/// That the main future of an execution returned, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    /// The step in which it did, from 0.
    pub(crate) step: u64,
    /// When, in virtual milliseconds.
    pub(crate) at_ms: u64,
    /// The error in words, if it is one.
    pub(crate) error: Option<String>,
}

/// Where an execution leaves what its main future returned.
pub(crate) type ReturnSlot = Arc<Mutex<Option<Returned>>>;

impl Program {
    pub(crate) fn new<F>(program: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output: ProgramResult> + 'static,
    {
        Self(Arc::new(move || {
            let future = program();
            Box::pin(async move { future.await.into_error() })
        }))
    }

    /// The main task of one execution. It makes the future of the program inside of the execution.
    pub(crate) fn run(&self, slot: ReturnSlot) -> impl Future<Output = ()> + Send + 'static {
        let make = Arc::clone(&self.0);
        async move {
            let error = OnThread::new(move || make()).await;
            let (step, at_ms) = (engine::current_step(), virtual_ms());
            *lock(&slot) = Some(Returned { step, at_ms, error });
        }
    }
}

/// The virtual time. The program has not looked at it.
fn virtual_ms() -> u64 {
    mapi_sync_engine::clock().load(std::sync::atomic::Ordering::Relaxed)
}

thread_local! {
    /// The futures of the executions of this thread. An execution never leaves its thread, so its
    /// main future need not be `Send`.
    static FUTURES: RefCell<BTreeMap<u64, ProgramFuture>> = const { RefCell::new(BTreeMap::new()) };
}

/// A future that is kept by the thread that polls it first.
struct OnThread<M> {
    make: Option<M>,
    /// Its place among the thread's, once it has been made.
    place: Option<u64>,
}

impl<M: FnOnce() -> ProgramFuture> OnThread<M> {
    fn new(make: M) -> Self {
        Self { make: Some(make), place: None }
    }
}

fn take(place: u64) -> Option<ProgramFuture> {
    FUTURES.try_with(|futures| futures.borrow_mut().remove(&place)).ok().flatten()
}

impl<M: FnOnce() -> ProgramFuture + Unpin> Future for OnThread<M> {
    type Output = Option<String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The program runs while nothing is borrowed.
        let made = self.make.take().map(|make| make());
        let mut future = made
            .or_else(|| take(self.place?))
            .expect("a program is polled by the thread that made it, until it returns");
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.place = Some(FUTURES.with(|futures| {
                let mut futures = futures.borrow_mut();
                let place = self
                    .place
                    .unwrap_or_else(|| futures.last_key_value().map_or(0, |(last, _)| last + 1));
                futures.insert(place, future);
                place
            }));
        }
        polled
    }
}

impl<M> Drop for OnThread<M> {
    fn drop(&mut self) {
        drop(self.place.and_then(take));
    }
}
