//! A Maildir: a file for each message, in `new` and `cur`; a subfolder is a folder `.Name`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use mapi_sync::async_trait;

use crate::{Entry, MessageId, Source};

/// The Maildir at a path.
#[derive(Debug)]
pub struct Maildir {
    root: PathBuf,
    /// Where the messages of the last list were.
    files: Mutex<BTreeMap<MessageId, PathBuf>>,
}

impl Maildir {
    /// The Maildir at this path.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if no folder `cur` is there.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        if !root.join("cur").is_dir() {
            let words = format!("{} is no Maildir: it has no folder `cur`", root.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, words));
        }
        Ok(Self { root, files: Mutex::default() })
    }

    /// The folders, the inbox first, each with its path.
    fn folders(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.and_then(|name| name.strip_prefix('.'));
            if let Some(name) = name.filter(|_| path.join("cur").is_dir()) {
                folders.push((name.replace('.', "/"), path));
            }
        }
        folders.sort();
        folders.insert(0, ("Inbox".to_owned(), self.root.clone()));
        Ok(folders)
    }
}

#[async_trait]
impl Source for Maildir {
    async fn list(&self) -> io::Result<Vec<Entry>> {
        let mut files = BTreeMap::new();
        let mut entries = Vec::new();
        for (folder, path) in self.folders()? {
            let mut of_folder = BTreeMap::new();
            // A message moves from `new` to `cur`: in this order it is not missed.
            for part in ["new", "cur"] {
                for file in files_in(&path.join(part))? {
                    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
                        continue;
                    };
                    let (unique, flags) = unique_and_flags(name);
                    let id = MessageId { folder: folder.clone(), unique };
                    of_folder.insert(id.clone(), flags);
                    files.insert(id, file);
                }
            }
            entries.extend(of_folder.into_iter().map(|(id, flags)| Entry { id, flags }));
        }
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
        Ok(entries)
    }

    async fn fetch(&self, id: &MessageId) -> io::Result<Option<Vec<u8>>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = files.get(id) else { return Ok(None) };
        match fs::read(file) {
            // Another program has moved or removed it: the next sync sees what became of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            content => content.map(Some),
        }
    }
}

/// The files of a folder that may be missing, without those that a Maildir hides.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// The parts of a file name such as `1700000000.M1P2.host:2,RS`.
fn unique_and_flags(name: &str) -> (String, String) {
    // Where a colon may not stand in a file name, a semicolon or an exclamation mark does.
    let parts = name.rsplit_once([':', ';', '!']);
    let Some((unique, flags)) =
        parts.and_then(|(unique, info)| Some((unique, info.strip_prefix("2,")?)))
    else {
        return (name.to_owned(), String::new());
    };
    let mut flags: Vec<char> = flags.chars().filter(char::is_ascii_uppercase).collect();
    flags.sort_unstable();
    flags.dedup();
    (unique.to_owned(), flags.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_behind_the_unique_part() {
        let parts = |name| {
            let (unique, flags) = unique_and_flags(name);
            format!("{unique} {flags}")
        };
        assert_eq!(parts("1.M2P3.host:2,SR"), "1.M2P3.host RS");
        assert_eq!(parts("1.M2P3.host;2,FF"), "1.M2P3.host F");
        assert_eq!(parts("1.M2P3.host:2,"), "1.M2P3.host ");
        assert_eq!(parts("1.M2P3.host"), "1.M2P3.host ");
        assert_eq!(parts("1.M2P3.host:1,S"), "1.M2P3.host:1,S ");
    }
}
