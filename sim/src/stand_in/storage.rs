//! The stand-in for what survives a crash: files, or rows, under keys.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::disk::{Disk, Loss, Lost};
use super::latency::{Latency, pass};
use super::site::{name, name_of_key, site};
use crate::engine::sync::Register;
use crate::engine::{self, Object, TaskId};
use crate::lock::lock;
use crate::property;

/// Stands in for a disk: what was written is there for every reader at once, and survives a crash
/// only once it is synced.
///
/// A key is a path or whatever else names a piece of content. Clones are handles to the same
/// content.
///
/// # What a crash does
///
/// With [`StorageFault::Crash`], a crash may come before each operation that changes something, and
/// between what [`sync`](Self::sync) does and its answer. Of the changes that are not synced, the
/// strategy decides what is left:
///
/// - Of each key, all of its changes, or the first ones. Of a [`write`](Self::write), nothing, half
///   of the bytes, or an empty file: it overwrites in place. Of an [`append`](Self::append), half
///   of the bytes. That is independent for each key: a later change of one may be left when an
///   earlier one of another is not.
/// - Of the new, removed and renamed keys, all or the first ones, in their order: names are in a
///   journal. Each is there or not, never in between.
///
/// A crash ends a *life*: the handles of before do nothing more, and return
/// [`StorageError::Crashed`]. [`reopen`](Self::reopen) gives a handle to what is left, for your
/// recovery. [`until_crash`](Self::until_crash) runs a future that ends where a process would.
///
/// # The oracle
///
/// What was acknowledged as stored survives a crash. That is a
/// [property](mod@crate::property) of each storage, and every check has it. Acknowledged is
///
/// - what a key has when the program says so, by [`acknowledge`](Self::acknowledge). Do that where
///   your own store answers that it has stored something;
/// - what a key has when [`sync`](Self::sync) returns `Ok`, until the program writes the key anew.
///
/// From then on, the key has this content or that of a later change after each crash. What the
/// program has acknowledged is lost if it was not synced; if a later `write` of the same key tears;
/// or if a rename puts content in its place that is not synced. It is no longer owed once the
/// program removes the key. After a rename, it may be found under either name. If it does not
/// matter any more, as in a file that is used in turn with another one, say
/// [`release`](Self::release) before you overwrite it.
///
/// After a `sync` that failed, a second one that succeeds proves nothing, as on Linux: write the
/// content anew.
///
/// ```
/// use mapi_sync_sim::stand_in::Storage;
///
/// let report = mapi_sync_sim::explore(|| async {
///     let disk = Storage::new("disk");
///     let life = async {
///         if disk.write("message 1", b"hello").await.is_ok() {
///             disk.acknowledge("message 1"); // wrong: nothing is synced
///             let _ = disk.sync("message 1").await;
///         }
///     };
///     let _ = disk.until_crash(life).await;
/// })
/// .schedules(500)
/// .run();
/// let text = report.to_string();
/// assert!(text.contains("disk: what was acknowledged survives a crash"), "{text}");
/// assert!(text.contains("\"message 1\" was acknowledged by `main` at 0 ms"), "{text}");
/// ```
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
    life: u32,
    latency: Latency,
    faults: [bool; StorageFault::ALL.len()],
}

struct Shared {
    name: &'static str,
    /// How many crashes there were. Every operation reads it.
    life: Register<u32>,
    object: Object,
    disk: Mutex<Disk>,
    /// What the oracle found.
    loss: Register<Option<String>>,
    is_judged: AtomicBool,
    /// The task that runs until the next crash, and how to wake it.
    guarded: Mutex<Option<(TaskId, Waker)>>,
}

/// What may go wrong with a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageFault {
    /// The process ends, and the disk loses what it has not stored.
    Crash,
    /// A `write`, `append`, `remove` or `rename` fails, and nothing has changed.
    WriteFails,
    /// An `append` takes only a part of the bytes, and a `write` fails with a part of them written.
    ShortWrite,
    /// A `sync` fails.
    SyncFails,
    /// A `read` fails.
    ReadFails,
}

impl StorageFault {
    const ALL: [Self; 5] =
        [Self::Crash, Self::WriteFails, Self::ShortWrite, Self::SyncFails, Self::ReadFails];

    /// What its decisions are called.
    const fn words(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::WriteFails => "write fails",
            Self::ShortWrite => "short write",
            Self::SyncFails => "sync fails",
            Self::ReadFails => "read fails",
        }
    }
}

/// Why an operation of a storage failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The device reports an error.
    #[error("the storage reports an error")]
    Failed,
    /// There was no room for all of the bytes: a part of them is written.
    #[error("the storage is full")]
    Full,
    /// Nothing is there under this key.
    #[error("there is nothing under this key")]
    NotFound,
    /// There was a crash since this handle was opened.
    #[error("there was a crash since: open the storage anew")]
    Crashed,
    /// Nothing was done: no check runs here. The name is the storage's.
    #[error(
        "the storage `{0}` is a stand-in and works only inside of a check: in production, put a \
         real file or database behind the same trait"
    )]
    OutsideOfCheck(&'static str),
}

impl From<StorageError> for io::Error {
    fn from(error: StorageError) -> Self {
        let kind = match error {
            StorageError::Full => io::ErrorKind::StorageFull,
            StorageError::NotFound => io::ErrorKind::NotFound,
            StorageError::OutsideOfCheck(_) => io::ErrorKind::Unsupported,
            StorageError::Failed | StorageError::Crashed => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// A crash ended what was run by [`Storage::until_crash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("there was a crash")]
pub struct Crashed;

impl Storage {
    /// An empty storage of this name that takes no time and has every fault.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let shared = Shared {
            name,
            life: Register::new(name, 0),
            object: Object::new(name),
            disk: Mutex::default(),
            loss: Register::new(name, None),
            is_judged: AtomicBool::new(false),
            guarded: Mutex::default(),
        };
        shared.judge();
        let faults = [true; StorageFault::ALL.len()];
        Self { shared: Arc::new(shared), life: 0, latency: Latency::default(), faults }
    }

    /// This handle with another latency of each operation, in virtual milliseconds.
    #[must_use]
    pub fn latency(mut self, latency: impl Into<Latency>) -> Self {
        self.latency = latency.into();
        self
    }

    /// This handle with these faults instead.
    #[must_use]
    pub fn faults(mut self, faults: impl IntoIterator<Item = StorageFault>) -> Self {
        self.faults = [false; StorageFault::ALL.len()];
        faults.into_iter().for_each(|fault| self.faults[fault as usize] = true);
        self
    }

    /// Gives this key this content, in the place of what was there. It is not synced, and a crash
    /// may leave half of it.
    ///
    /// # Errors
    ///
    /// A [`StorageError`], by the storage's faults. After [`Full`](StorageError::Full), half of the
    /// bytes are there.
    pub async fn write(
        &self,
        key: impl AsRef<str>,
        bytes: impl AsRef<[u8]>,
    ) -> Result<(), StorageError> {
        let (key, bytes) = (key.as_ref(), bytes.as_ref());
        self.begin_change().await?;
        let is_short = !bytes.is_empty() && self.strikes(StorageFault::ShortWrite);
        let written = if is_short { &bytes[..bytes.len() / 2] } else { bytes };
        self.change(key, |disk| disk.write(key, written));
        if is_short { Err(StorageError::Full) } else { Ok(()) }
    }

    /// Adds bytes to the end of this key's content. Returns how many were taken: all, or half of
    /// them.
    ///
    /// # Errors
    ///
    /// A [`StorageError`], by the storage's faults.
    pub async fn append(
        &self,
        key: impl AsRef<str>,
        bytes: impl AsRef<[u8]>,
    ) -> Result<usize, StorageError> {
        let (key, bytes) = (key.as_ref(), bytes.as_ref());
        self.begin_change().await?;
        let is_short = bytes.len() > 1 && self.strikes(StorageFault::ShortWrite);
        let taken = if is_short { bytes.len() / 2 } else { bytes.len() };
        self.change(key, |disk| disk.append(key, &bytes[..taken]));
        Ok(taken)
    }

    /// The content of this key, synced or not; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// A [`StorageError`], by the storage's faults.
    pub async fn read(&self, key: impl AsRef<str>) -> Result<Option<Vec<u8>>, StorageError> {
        let key = key.as_ref();
        self.begin().await?;
        if self.strikes(StorageFault::ReadFails) {
            return Err(StorageError::Failed);
        }
        self.shared.of_key(key).read();
        Ok(lock(&self.shared.disk).read(key))
    }

    /// All keys, in ascending order.
    ///
    /// # Errors
    ///
    /// A [`StorageError`], by the storage's faults.
    pub async fn keys(&self) -> Result<Vec<String>, StorageError> {
        self.begin().await?;
        if self.strikes(StorageFault::ReadFails) {
            return Err(StorageError::Failed);
        }
        self.shared.object.read();
        Ok(lock(&self.shared.disk).keys())
    }

    /// Removes this key. A crash before the next [`sync_all`](Self::sync_all) may bring it back.
    ///
    /// # Errors
    ///
    /// A [`StorageError`], by the storage's faults; [`NotFound`](StorageError::NotFound) if it is
    /// not there.
    pub async fn remove(&self, key: impl AsRef<str>) -> Result<(), StorageError> {
        let key = key.as_ref();
        self.begin_change().await?;
        found(self.change(key, |disk| disk.remove(key)))
    }

    /// Gives the content of a key this other key, in one step, in the place of what was there. A
    /// crash before the next [`sync`](Self::sync) of the new key may undo it.
    ///
    /// # Errors
    ///
    /// A [`StorageError`], by the storage's faults; [`NotFound`](StorageError::NotFound) if nothing
    /// has the old key.
    pub async fn rename(
        &self,
        from: impl AsRef<str>,
        to: impl AsRef<str>,
    ) -> Result<(), StorageError> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.begin_change().await?;
        self.shared.of_key(from).write();
        found(self.change(to, |disk| disk.rename(from, to)))
    }

    /// Stores the content of this key, and that it has this key. Once this returns `Ok`, both
    /// survive a crash.
    ///
    /// # Errors
    ///
    /// A [`StorageError`], by the storage's faults; [`NotFound`](StorageError::NotFound) if it is
    /// not there. After a failure, write the content anew: a second sync stores only what was
    /// [written](Self::write) since.
    pub async fn sync(&self, key: impl AsRef<str>) -> Result<(), StorageError> {
        self.sync_some(Some(key.as_ref())).await
    }

    /// Stores the content of all keys, and which of them there are.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync).
    pub async fn sync_all(&self) -> Result<(), StorageError> {
        self.sync_some(None).await
    }

    async fn sync_some(&self, key: Option<&str>) -> Result<(), StorageError> {
        self.begin().await?;
        self.may_crash("crash").await?;
        if self.strikes(StorageFault::SyncFails) {
            self.touch(key);
            lock(&self.shared.disk).sync_failed(key);
            return Err(StorageError::Failed);
        }
        self.touch(key);
        let keys = self.shared.sync(key)?;
        self.may_crash("crash before sync returns").await?;
        let who = engine::task_name(engine::current());
        let mut disk = lock(&self.shared.disk);
        for key in keys {
            disk.acknowledge(&key, who.clone(), engine::now(), false);
        }
        Ok(())
    }

    /// Says that the running task acknowledges the present content of this key as stored. The
    /// [oracle](Self#the-oracle) holds the program to it. Does nothing outside of an execution, and
    /// with a handle from before a crash.
    pub fn acknowledge(&self, key: impl AsRef<str>) {
        let key = key.as_ref();
        if !engine::is_simulated() || self.shared.life.get() != self.life {
            return;
        }
        self.shared.judge();
        self.shared.of_key(key).write();
        let (who, at_ms) = (engine::task_name(engine::current()), engine::now());
        if !lock(&self.shared.disk).acknowledge(key, who.clone(), at_ms, true) {
            let name = self.shared.name;
            let words = format!(
                "`{name}`: {key:?} was acknowledged by `{who}` at {at_ms} ms, and nothing is there"
            );
            self.shared.breaks(words);
        }
    }

    /// Says that what was acknowledged under this key is not needed any more.
    pub fn release(&self, key: impl AsRef<str>) {
        let key = key.as_ref();
        if engine::is_simulated() && self.shared.life.get() == self.life {
            self.shared.of_key(key).write();
            lock(&self.shared.disk).release(key);
        }
    }

    /// Crashes now: the strategy decides what is left. Does nothing outside of an execution.
    pub fn crash(&self) {
        if engine::is_simulated() {
            self.shared.judge();
            self.shared.crash();
        }
    }

    /// A handle to what the last crash has left, or to what is there if there was none.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self { life: self.shared.life.get(), ..self.clone() }
    }

    /// How many crashes there were.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.shared.life.get()
    }

    /// Runs a future as a process that a crash of this storage ends: at the crash it is dropped,
    /// within the same step.
    ///
    /// The tasks that it has spawned go on, as far as they need no storage: abort them, or let them
    /// end at [`StorageError::Crashed`]. Run one future at a time by this.
    ///
    /// # Errors
    ///
    /// [`Crashed`] if there was a crash before the future came to its end.
    ///
    /// ```
    /// use mapi_sync_sim::stand_in::{Storage, StorageFault};
    ///
    /// let report = mapi_sync_sim::explore(|| async {
    ///     let disk = Storage::new("disk").faults([StorageFault::Crash]);
    ///     let life = async {
    ///         disk.write("new", b"content").await?;
    ///         disk.sync("new").await?;
    ///         disk.rename("new", "file").await
    ///     };
    ///     let _ = disk.until_crash(life).await;
    ///     // Recovery: the file is there in full, or it is not there.
    ///     let disk = disk.reopen().faults([]);
    ///     if let Some(content) = disk.read("file").await.unwrap() {
    ///         assert_eq!(content, b"content");
    ///     }
    /// })
    /// .strategy("exhaustive")
    /// .unwrap()
    /// .run();
    /// report.assert_holds();
    /// ```
    pub async fn until_crash<F: Future>(&self, life: F) -> Result<F::Output, Crashed> {
        let mut life = pin!(life);
        let _guarded = Guarded(&self.shared);
        poll_fn(|cx| {
            // The crash may have come of another task.
            if self.shared.life.get() != self.life {
                return Poll::Ready(Err(Crashed));
            }
            *lock(&self.shared.guarded) = Some((engine::current(), cx.waker().clone()));
            let polled = life.as_mut().poll(cx);
            if self.shared.life.get() != self.life {
                return Poll::Ready(Err(Crashed));
            }
            polled.map(Ok)
        })
        .await
    }

    /// What each operation begins with: a step of its own, and its latency.
    async fn begin(&self) -> Result<(), StorageError> {
        if !engine::is_simulated() {
            return Err(StorageError::OutsideOfCheck(self.shared.name));
        }
        self.shared.judge();
        let mut life = self.shared.life.read().await;
        let ms = self.latency.draw(|| site(self.shared.name, "latency"));
        if ms > 0 && life == self.life {
            pass(ms).await;
            life = self.shared.life.get();
        }
        if life == self.life { Ok(()) } else { self.crashed().await }
    }

    async fn begin_change(&self) -> Result<(), StorageError> {
        self.begin().await?;
        self.may_crash("crash").await?;
        if self.strikes(StorageFault::WriteFails) { Err(StorageError::Failed) } else { Ok(()) }
    }

    async fn may_crash(&self, when: &'static str) -> Result<(), StorageError> {
        let may = self.faults[StorageFault::Crash as usize];
        if !(may && engine::fault(site(self.shared.name, when))) {
            return Ok(());
        }
        self.shared.crash();
        self.crashed().await
    }

    /// What an operation returns after a crash: nothing, to the task that ends with it.
    async fn crashed(&self) -> Result<(), StorageError> {
        let guarded = lock(&self.shared.guarded).as_ref().map(|(task, _)| *task);
        if guarded == Some(engine::current()) {
            pending::<()>().await;
        }
        Err(StorageError::Crashed)
    }

    fn strikes(&self, fault: StorageFault) -> bool {
        self.faults[fault as usize] && engine::fault(site(self.shared.name, fault.words()))
    }

    fn change<R>(&self, key: &str, change: impl FnOnce(&mut Disk) -> R) -> R {
        let mut disk = lock(&self.shared.disk);
        let was_there = disk.contains(key);
        let changed = change(&mut disk);
        self.shared.of_key(key).write();
        if !was_there || !disk.contains(key) {
            // The set of keys has changed, and the order of such changes matters to a crash.
            self.shared.object.write();
        }
        changed
    }

    /// Says which parts a sync changes.
    fn touch(&self, key: Option<&str>) {
        self.shared.object.write();
        match key {
            Some(key) => self.shared.of_key(key).write(),
            None => {
                let keys = lock(&self.shared.disk).keys();
                keys.iter().for_each(|key| self.shared.of_key(key).write());
            }
        }
    }
}

fn found(is_there: bool) -> Result<(), StorageError> {
    if is_there { Ok(()) } else { Err(StorageError::NotFound) }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared, life, latency, .. } = self;
        f.debug_struct("Storage")
            .field("name", &shared.name)
            .field("life", life)
            .field("latency", latency)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The part of the storage that is this key's.
    fn of_key(&self, key: &str) -> Object {
        // FNV-1a: the same on every platform.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        self.object.named_part(hash, || name_of_key(key))
    }

    /// Holds the execution to the oracle.
    fn judge(&self) {
        if !engine::is_simulated() || self.is_judged.swap(true, Ordering::Relaxed) {
            return;
        }
        let loss = self.loss.clone();
        property::invariant(name(self.name, "what was acknowledged survives a crash"), move || {
            loss.with(|loss| loss.clone().map_or(Ok(()), Err))
        });
    }

    fn breaks(&self, words: String) {
        let is_first = self.loss.with(Option::is_none);
        if is_first {
            self.loss.set(Some(words));
        }
    }

    /// Stores this key, or all. Returns the keys that it stored.
    fn sync(&self, key: Option<&str>) -> Result<Vec<String>, StorageError> {
        let mut disk = lock(&self.disk);
        let keys = key.map_or_else(|| disk.keys(), |key| vec![key.to_owned()]);
        for key in &keys {
            found(disk.sync(key))?;
        }
        if key.is_none() {
            disk.sync_names();
        }
        Ok(keys)
    }

    fn crash(&self) {
        self.life.update(|life| *life += 1);
        self.object.write();
        let name = self.name;
        let losses = lock(&self.disk).crash(|lost, outcomes| {
            let arity = u32::try_from(outcomes).unwrap_or(u32::MAX);
            let (what, which) = match lost {
                Lost::Names => ("the crash loses names", "the last changes of keys".to_owned()),
                Lost::Content(key) => ("the crash loses content", format!("{key:?}, in part")),
            };
            let chosen = engine::choose(site(name, what), arity) as usize;
            if chosen > 0 {
                engine::note(format_args!("{name}: the crash loses {which}"));
            }
            chosen
        });
        if let Some(Loss { acknowledged, left }) = losses.first() {
            let (key, who, at_ms) = (&acknowledged.key, &acknowledged.who, acknowledged.at_ms);
            let how = if acknowledged.is_said { "" } else { " (sync returned Ok)" };
            self.breaks(format!(
                "`{name}`: {key:?} was acknowledged by `{who}` at {at_ms} ms{how}, and after the \
                 crash at {now} ms {left}",
                now = engine::now(),
            ));
        }
        if let Some((_, waker)) = &*lock(&self.guarded) {
            waker.wake_by_ref();
        }
    }
}

/// Forgets the guarded task when it ends, or is dropped.
struct Guarded<'a>(&'a Shared);

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        *lock(&self.0.guarded) = None;
    }
}
