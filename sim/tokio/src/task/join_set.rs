//! A set of tasks that are joined as they end.

use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::id::Id;
use super::join::{AbortHandle, JoinError, JoinHandle};
use super::local::LocalSet;
use crate::inside::is_inside;
use crate::runtime::Handle;

/// A set of tasks. Dropping it aborts them all.
///
/// In an execution they are joined in the order in which they end.
pub struct JoinSet<T> {
    real: real::task::JoinSet<T>,
    /// Those of an execution.
    tasks: Vec<JoinHandle<T>>,
}

impl<T> JoinSet<T> {
    /// A set without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self { real: real::task::JoinSet::new(), tasks: Vec::new() }
    }

    /// How many tasks are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.real.len() + self.tasks.len()
    }

    /// Whether no task is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: 'static> JoinSet<T> {
    /// Starts a task in the set.
    ///
    /// # Panics
    ///
    /// As [`spawn`](super::spawn) does.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        if is_inside() {
            self.insert(super::spawn(task))
        } else {
            AbortHandle::real(self.real.spawn(task))
        }
    }

    /// Starts a task of that runtime in the set.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        match handle.as_real() {
            Some(handle) => AbortHandle::real(self.real.spawn_on(task, handle)),
            None => self.insert(handle.spawn(task)),
        }
    }

    /// Starts a task of the current [`LocalSet`] in the set.
    ///
    /// # Panics
    ///
    /// As [`spawn_local`](super::spawn_local) does.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        if is_inside() {
            self.insert(super::spawn_local(task))
        } else {
            AbortHandle::real(self.real.spawn_local(task))
        }
    }

    /// Starts a task of that [`LocalSet`] in the set.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        if is_inside() {
            self.insert(local_set.spawn_local(task))
        } else {
            AbortHandle::real(self.real.spawn_local_on(task, local_set.as_real()))
        }
    }

    /// Runs a blocking closure in the set.
    ///
    /// # Panics
    ///
    /// As [`spawn_blocking`](super::spawn_blocking) does.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        if is_inside() {
            self.insert(super::spawn_blocking(f))
        } else {
            AbortHandle::real(self.real.spawn_blocking(f))
        }
    }

    /// Runs a blocking closure of that runtime in the set.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        match handle.as_real() {
            Some(handle) => AbortHandle::real(self.real.spawn_blocking_on(f, handle)),
            None => self.insert(handle.spawn_blocking(f)),
        }
    }

    fn insert(&mut self, task: JoinHandle<T>) -> AbortHandle {
        let abort = task.abort_handle();
        self.tasks.push(task);
        abort
    }

    /// Waits until a task ends, and takes its output. `None` if the set is empty.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// The same with the task's identity.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Takes the output of a task that has ended. `None` if there is none.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(|result| result.map(|(_, output)| output))
    }

    /// The same with the task's identity.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        if let Some(next) = self.real.try_join_next_with_id() {
            return Some(from_real(next));
        }
        let next = (0..self.tasks.len())
            .filter(|next| self.tasks[*next].is_finished())
            .min_by_key(|next| self.tasks[*next].ended_at())?;
        let mut task = self.tasks.remove(next);
        // The first poll of a task that has ended may only yield.
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = Pin::new(&mut task).poll(&mut cx) {
                return Some(result.map(|output| (task.id(), output)));
            }
        }
    }

    /// Aborts all tasks, and waits for their ends.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks, and takes their outputs in the order of their ends.
    ///
    /// # Panics
    ///
    /// If a task panicked or was aborted.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            match result {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }

    /// Aborts all tasks. They stay in the set until they are joined.
    pub fn abort_all(&mut self) {
        self.real.abort_all();
        self.tasks.iter().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set, and leaves them running.
    pub fn detach_all(&mut self) {
        self.real.detach_all();
        self.tasks.clear();
    }

    /// Polls for a task that has ended. Ready with `None` if the set is empty.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx)
            .map(|next| next.map(|result| result.map(|(_, output)| output)))
    }

    /// The same with the task's identity.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        if self.tasks.is_empty() {
            return self.real.poll_join_next_with_id(cx).map(|next| next.map(from_real));
        }
        // Those that ended in an execution come in the order of their ends.
        let first = (0..self.tasks.len())
            .filter_map(|next| Some((self.tasks[next].ended_at()?, next)))
            .min()
            .map(|(_, next)| next);
        if let Some(next) = first {
            let result = ready!(Pin::new(&mut self.tasks[next]).poll(cx));
            let id = self.tasks.remove(next).id();
            return Poll::Ready(Some(result.map(|output| (id, output))));
        }
        for next in 0..self.tasks.len() {
            if let Poll::Ready(result) = Pin::new(&mut self.tasks[next]).poll(cx) {
                let id = self.tasks.remove(next).id();
                return Poll::Ready(Some(result.map(|output| (id, output))));
            }
        }
        if self.real.is_empty() {
            return Poll::Pending;
        }
        self.real.poll_join_next_with_id(cx).map(|next| next.map(from_real))
    }
}

fn from_real<T>(
    next: Result<(real::task::Id, T), real::task::JoinError>,
) -> Result<(Id, T), JoinError> {
    next.map(|(id, output)| (Id::real(id), output)).map_err(JoinError::real)
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for task in mem::take(&mut self.tasks) {
            task.abort();
        }
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(tasks: I) -> Self {
        let mut set = Self::new();
        set.extend(tasks);
        set
    }
}

impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, tasks: I) {
        for task in tasks {
            self.spawn(task);
        }
    }
}
