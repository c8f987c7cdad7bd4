//! The thread that writes: it alone touches the file, so a slow disk never holds up a call.
//!
//! A disk that refuses costs the records that it refuses, and nothing else: what is stored stays,
//! the counters count what is stored, and once the disk takes records again the file says before
//! the first of them how many are missing there.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use super::disk::{Disk, DiskFile};
use super::format::{Event, Header, Record, VERSION};
use crate::lock::lock;

/// What a recorder's threads share with its writer.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many records found the queue full after the last one in it. The lock is held for as
    /// long as it takes to look at the clock and to queue, so that the file is in the order of
    /// time and each gap has its place.
    pub(super) gap: Mutex<u64>,
    /// All records that were dropped: the queue was full, or the disk refused.
    pub(super) dropped: AtomicU64,
    /// All records that are in a file.
    pub(super) written: AtomicU64,
}

/// What the queue carries.
pub(super) enum Message {
    /// To be written.
    Record {
        /// How many found no room before it.
        gap: u64,
        record: Record,
    },
    /// To be answered when everything before it is in the file, or lost.
    Flush(SyncSender<()>),
}

/// How a recorder keeps its files: the newest at `path`, older ones at `path.1`, `path.2` and so
/// on.
pub(super) struct Files {
    pub(super) path: PathBuf,
    pub(super) max_bytes: u64,
    pub(super) keep: u32,
    pub(super) texts: bool,
}

/// How many bytes are written in one go, about.
const BATCH: usize = 64 << 10;

pub(super) struct Writer<D: Disk> {
    disk: D,
    files: Files,
    tally: Arc<Tally>,
    file: D::File,
    /// How long the file is.
    bytes: u64,
    /// There may be more in it, of which the disk refused the rest.
    uncut: bool,
    /// How many files there were.
    begun: u64,
    /// What comes next into the file.
    batch: Batch,
    /// How many records are missing at the end of the file.
    missing: u64,
    /// When the last record was made.
    last: u64,
    /// The same for the last that is stored.
    last_stored: u64,
    #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
    events: Option<super::etw::Events>,
}

/// Whole lines that are not written yet.
#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    records: u64,
    /// How many records its lines say are missing.
    missing: u64,
}

impl<D: Disk> Writer<D> {
    /// Opens the first file.
    pub(super) fn open(disk: D, files: Files, tally: Arc<Tally>) -> io::Result<Self> {
        let (file, bytes) = begin(&disk, &files, 0)?;
        Ok(Self {
            disk,
            files,
            tally,
            file,
            bytes,
            uncut: false,
            begun: 1,
            batch: Batch::default(),
            missing: 0,
            last: 0,
            last_stored: 0,
            #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
            events: None,
        })
    }

    /// Passes each record on to these events too.
    #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
    pub(super) fn with_events(self, events: Option<super::etw::Events>) -> Self {
        Self { events, ..self }
    }

    /// Writes what comes until every sender is gone.
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        let mut waiting = Vec::new();
        while let Ok(mut message) = queue.recv() {
            while let Some(next) = {
                self.take(message, &mut waiting);
                self.next_or_gap(queue)
            } {
                message = next;
            }
            self.store();
            for done in waiting.drain(..) {
                // Who asked may have stopped waiting.
                let _ = done.send(());
            }
        }
        let gap = mem::take(&mut *lock(&self.tally.gap));
        self.add_gap(gap);
        self.store();
    }

    /// The next message. If there is none, what found no room since the last one is noted here.
    fn next_or_gap(&mut self, queue: &Receiver<Message>) -> Option<Message> {
        queue.try_recv().ok().or_else(|| {
            let mut gap = lock(&self.tally.gap);
            // Nothing comes into the queue now.
            let next = queue.try_recv().ok();
            if next.is_none() {
                let count = mem::take(&mut *gap);
                drop(gap);
                self.add_gap(count);
            }
            next
        })
    }

    fn take(&mut self, message: Message, waiting: &mut Vec<SyncSender<()>>) {
        match message {
            Message::Record { gap, record } => {
                self.add_gap(gap);
                self.add(&record);
            }
            Message::Flush(done) => waiting.push(done),
        }
    }

    fn add_gap(&mut self, count: u64) {
        if count > 0 {
            self.add(&Record { at: self.last, event: Event::Dropped { count } });
        }
    }

    fn add(&mut self, record: &Record) {
        let line = line(record);
        #[cfg(all(windows, target_env = "msvc", feature = "etw"))]
        if let Some(events) = &mut self.events {
            events.write(&record.event, &line);
        }
        let lines = (self.batch.lines.len() + line.len()) as u64;
        if self.bytes + lines > self.files.max_bytes {
            self.store();
            // If that fails, the file grows beyond its bound.
            let _ = self.rotate();
        }
        self.last = record.at;
        self.batch.lines.extend_from_slice(&line);
        match record.event {
            Event::Dropped { count } => self.batch.missing += count,
            _ => self.batch.records += 1,
        }
        if self.batch.lines.len() >= BATCH {
            self.store();
        }
    }

    /// Writes the batch. What the disk refuses is missing from now on.
    fn store(&mut self) {
        let batch = mem::take(&mut self.batch);
        if batch.lines.is_empty() {
            return;
        }
        if self.try_store(&batch.lines).is_ok() {
            self.missing = 0;
            self.last_stored = self.last;
            self.tally.written.fetch_add(batch.records, Ordering::Relaxed);
        } else {
            self.missing += batch.records + batch.missing;
            self.tally.dropped.fetch_add(batch.records, Ordering::Relaxed);
            // Tried again before anything else is written.
            let _ = self.cut();
        }
        // The memory is kept.
        self.batch.lines = batch.lines;
        self.batch.lines.clear();
    }

    fn try_store(&mut self, lines: &[u8]) -> io::Result<()> {
        self.cut()?;
        let mut bytes = Vec::new();
        if self.missing > 0 {
            let event = Event::Dropped { count: self.missing };
            bytes = line(&Record { at: self.last_stored, event });
        }
        bytes.extend_from_slice(lines);
        self.uncut = true;
        self.file.append(&bytes)?;
        self.uncut = false;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Takes back what the disk took of a batch that it refused.
    fn cut(&mut self) -> io::Result<()> {
        if self.uncut {
            self.file.cut(self.bytes)?;
            self.uncut = false;
        }
        Ok(())
    }

    /// Goes on in a new file.
    fn rotate(&mut self) -> io::Result<()> {
        self.cut()?;
        (self.file, self.bytes) = begin(&self.disk, &self.files, self.begun)?;
        self.begun += 1;
        Ok(())
    }
}

/// Begins a file, and moves every other one a number up; the oldest goes. If that fails, nothing is
/// lost. Returns how long the file is, too.
fn begin<D: Disk>(disk: &D, files: &Files, number: u64) -> io::Result<(D::File, u64)> {
    let Files { path, keep, texts, .. } = files;
    let next = with_ending(path, ".new");
    let mut file = disk.create(&next)?;
    let header =
        Header { version: VERSION, file: number, texts: *texts, exact_gaps: true, ends: true };
    let header = line(&header);
    file.append(&header)?;
    if disk.exists(path) && *keep > 0 {
        // Up to the first free number, so that another attempt moves nothing twice.
        let taken = |number: &u32| disk.exists(&numbered(path, *number));
        let free = (1..*keep).take_while(taken).count() as u32 + 1;
        for number in (0..free).rev() {
            disk.rename(&numbered(path, number), &numbered(path, number + 1))?;
        }
    }
    disk.rename(&next, path)?;
    Ok((file, header.len() as u64))
}

/// Something as a line of JSON.
fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("headers and records are always JSON");
    line.push(b'\n');
    line
}

/// `path` for 0, else `path.NUMBER`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 { path.to_owned() } else { with_ending(path, &format!(".{number}")) }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests;
