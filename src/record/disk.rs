//! The little that a recorder asks of a file system, so that its tests can refuse it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Where a recorder keeps its files.
pub(super) trait Disk: Send + 'static {
    type File: DiskFile;

    /// Makes an empty file, in place of one that is there.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Renames a file, in place of one that has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn exists(&self, path: &Path) -> bool;
}

/// A file that grows at its end.
pub(super) trait DiskFile: Send {
    /// Adds all of this, or a part of it, or nothing, if it fails.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts off what was added after this length.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// The system's own.
pub(super) struct System;

impl Disk for System {
    type File = File;

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(drop)
    }
}
