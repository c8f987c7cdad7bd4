//! The thread that writes: it alone touches the file, so a slow disk never holds up a call.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use super::format::{Event, Header, Record, VERSION};

/// What a recorder's threads share with its writer.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Records that found the queue full and that the file does not report yet.
    pub(super) untold: AtomicU64,
    /// All records that were dropped: the queue was full, or the disk refused.
    pub(super) dropped: AtomicU64,
    /// All records that are in a file.
    pub(super) written: AtomicU64,
}

/// The files of one recorder: the newest at `path`, older ones at `path.1`, `path.2` and so on.
pub(super) struct Writer {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    texts: bool,
    counters: Arc<Counters>,
    file: Option<BufWriter<File>>,
    bytes: u64,
    files: u64,
}

impl Writer {
    /// Opens the first file.
    pub(super) fn open(
        path: PathBuf,
        max_bytes: u64,
        keep: u32,
        texts: bool,
        counters: Arc<Counters>,
    ) -> io::Result<Self> {
        let mut writer =
            Self { path, max_bytes, keep, texts, counters, file: None, bytes: 0, files: 0 };
        writer.rotate()?;
        Ok(writer)
    }

    /// Writes what comes until every sender is gone. Whatever is in the queue is written in one go,
    /// then flushed.
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        let mut last = 0;
        while let Ok(first) = queue.recv() {
            let mut waiting = Vec::new();
            for message in std::iter::once(first).chain(queue.try_iter()) {
                match message {
                    Message::Record(record) => {
                        last = record.at;
                        self.write(&record);
                    }
                    Message::Flush(done) => waiting.push(done),
                }
            }
            self.tell_dropped(last);
            self.flush();
            for done in waiting {
                // Who asked may have stopped waiting.
                let _ = done.send(());
            }
        }
        self.tell_dropped(last);
        self.flush();
    }

    fn tell_dropped(&mut self, at: u64) {
        let count = self.counters.untold.swap(0, Ordering::Relaxed);
        if count > 0 {
            self.write(&Record { at, event: Event::Dropped { count } });
        }
    }

    fn write(&mut self, record: &Record) {
        // Only the counter can report a disk that refuses. The next record tries again.
        let written = self.try_write(record);
        let counter = if written.is_ok() { &self.counters.written } else { &self.counters.dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn try_write(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        if self.file.is_none() || self.bytes + line.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        if let Some(file) = &mut self.file {
            file.write_all(&line)?;
            self.bytes += line.len() as u64;
        }
        Ok(())
    }

    /// Moves every file one number up, forgets the oldest, and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        self.flush();
        self.file = None;
        if self.files > 0 || self.path.exists() {
            for number in (0..self.keep).rev() {
                let from = numbered(&self.path, number);
                if from.exists() {
                    std::fs::rename(&from, numbered(&self.path, number + 1))?;
                }
            }
        }
        let mut file = BufWriter::new(File::create(&self.path)?);
        let header = Header { version: VERSION, file: self.files, texts: self.texts };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        self.bytes = line.len() as u64;
        self.file = Some(file);
        self.files += 1;
        Ok(())
    }

    fn flush(&mut self) {
        if let Some(Err(_)) = self.file.as_mut().map(Write::flush) {
            // The file is begun anew at the next record.
            self.file = None;
        }
    }
}

/// What the queue carries.
pub(super) enum Message {
    /// To be written.
    Record(Record),
    /// To be answered when everything before it is in the file.
    Flush(std::sync::mpsc::SyncSender<()>),
}

/// `path` for 0, else `path.NUMBER`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
