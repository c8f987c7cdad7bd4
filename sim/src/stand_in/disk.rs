//! What a storage holds: what programs see, and what of it survives a crash.

use std::collections::{BTreeMap, BTreeSet};

/// Files by name. What was not synced is a list of changes, of which a crash loses some.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<u64, File>,
    /// The names as programs see them, and as they are after a crash that loses everything.
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    /// The changes of names that are not synced. A crash loses the last of them, as a file system
    /// with a journal does.
    journal: Vec<Naming>,
}

#[derive(Clone, Debug)]
enum Naming {
    Link(String, u64),
    Unlink(String, u64),
    Rename(String, String, u64),
}

impl Naming {
    fn file(&self) -> u64 {
        match self {
            Self::Link(_, file) | Self::Unlink(_, file) | Self::Rename(_, _, file) => *file,
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Link(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Unlink(name, _) => drop(names.remove(name)),
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    /// Not synced, in their order.
    changes: Vec<Change>,
    /// How many of the first changes a sync has failed for: a later one does not store them.
    failed: usize,
    acknowledged: Option<Acknowledged>,
    /// What was acknowledged of a file that this one replaced.
    replaced: Option<Acknowledged>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(Vec<u8>),
    Append(Vec<u8>),
}

/// That somebody was told that a file's content is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) key: String,
    pub(super) who: String,
    pub(super) at_ms: u64,
    /// Whether the program says so. If not, a sync returned `Ok`.
    pub(super) is_said: bool,
    /// How many of the changes that are not synced it covers.
    changes: usize,
}

/// What is left of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Survivor {
    content: Vec<u8>,
    /// How many of the changes survived in full, and whether the next one did in part and has
    /// destroyed what was there.
    changes: usize,
    is_torn: bool,
}

/// What was acknowledged and has not survived.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) acknowledged: Acknowledged,
    /// What is there instead, in words.
    pub(super) left: String,
}

impl File {
    fn content(&self) -> Vec<u8> {
        self.after(self.changes.len())
    }

    fn after(&self, changes: usize) -> Vec<u8> {
        let mut content = self.synced.clone();
        self.changes[..changes].iter().for_each(|change| change.apply(&mut content));
        content
    }

    /// What may be left of it after a crash, without repetitions: all first, and then less and
    /// less. Of the last change that reached the disk, a part may have.
    fn survivors(&self) -> Vec<Survivor> {
        let mut survivors: Vec<Survivor> = Vec::new();
        let mut add = |content: Vec<u8>, changes, is_torn| {
            if survivors.iter().all(|other| other.content != content) {
                survivors.push(Survivor { content, changes, is_torn });
            }
        };
        for changes in (0..=self.changes.len()).rev() {
            let content = self.after(changes);
            // A part of the change that comes next.
            match self.changes.get(changes) {
                Some(Change::Write(bytes)) => {
                    add(bytes[..bytes.len() / 2].to_vec(), changes, true);
                    add(Vec::new(), changes, true);
                }
                Some(Change::Append(bytes)) => {
                    let part = [&content[..], &bytes[..bytes.len() / 2]].concat();
                    add(part, changes, false);
                }
                None => {}
            }
            add(content, changes, false);
        }
        survivors
    }

    /// Whether a sync that succeeds stores its content: what a sync has failed for is stored only
    /// if it was written anew.
    fn can_be_synced(&self) -> bool {
        let anew = self.changes[self.failed..].iter();
        self.failed == 0 || anew.clone().any(|change| matches!(change, Change::Write(_)))
    }

    fn sync(&mut self) {
        if self.can_be_synced() {
            self.synced = self.content();
            self.changes.clear();
            self.failed = 0;
            for owed in [&mut self.acknowledged, &mut self.replaced].into_iter().flatten() {
                owed.changes = 0;
            }
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(bytes) => content.clone_from(bytes),
            Self::Append(bytes) => content.extend_from_slice(bytes),
        }
    }
}

impl Disk {
    pub(super) fn contains(&self, key: &str) -> bool {
        self.names.contains_key(key)
    }

    pub(super) fn read(&self, key: &str) -> Option<Vec<u8>> {
        self.names.get(key).map(|file| self.files[file].content())
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn write(&mut self, key: &str, bytes: &[u8]) {
        self.change(key, Change::Write(bytes.to_vec()));
    }

    pub(super) fn append(&mut self, key: &str, bytes: &[u8]) {
        self.change(key, Change::Append(bytes.to_vec()));
    }

    fn change(&mut self, key: &str, change: Change) {
        let file = match self.names.get(key) {
            Some(file) => *file,
            None => {
                let file = self.files.last_key_value().map_or(0, |(last, _)| last + 1);
                self.rename_by(Naming::Link(key.to_owned(), file));
                file
            }
        };
        let file = self.files.entry(file).or_default();
        // The program replaces what a sync has stored, and knows why.
        if matches!(change, Change::Write(_)) {
            file.acknowledged.take_if(|acknowledged| !acknowledged.is_said);
        }
        file.changes.push(change);
    }

    fn rename_by(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.journal.push(naming);
    }

    /// Returns whether there was one.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let file = self.names.get(key).copied();
        if let Some(file) = file {
            self.rename_by(Naming::Unlink(key.to_owned(), file));
        }
        file.is_some()
    }

    /// Returns whether there is a `from`.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(&file) = self.names.get(from) else { return false };
        if from == to {
            return true;
        }
        let before = self.names.get(to).and_then(|before| self.files[before].owed(to));
        let before = before.filter(|before| before.is_said).cloned();
        self.rename_by(Naming::Rename(from.to_owned(), to.to_owned(), file));
        if let (Some(before), Some(file)) = (before, self.files.get_mut(&file)) {
            // Whoever reads the name is to find the one or the other.
            file.replaced = Some(Acknowledged { changes: file.changes.len(), ..before });
        }
        true
    }

    /// Stores the content of this name, and the name. Returns whether it is there.
    pub(super) fn sync(&mut self, key: &str) -> bool {
        let Some(&file) = self.names.get(key) else { return false };
        self.files.entry(file).or_default().sync();
        let last = self.journal.iter().rposition(|naming| naming.file() == file);
        let synced = self.journal.drain(..last.map_or(0, |last| last + 1));
        synced.for_each(|naming| naming.apply(&mut self.synced_names));
        true
    }

    /// A sync of this name, or of all, has failed.
    pub(super) fn sync_failed(&mut self, key: Option<&str>) {
        let file = key.and_then(|key| self.names.get(key));
        for (id, other) in &mut self.files {
            if key.is_none() || file == Some(id) {
                other.failed = other.changes.len();
            }
        }
    }

    pub(super) fn sync_names(&mut self) {
        self.journal.clear();
        self.synced_names.clone_from(&self.names);
    }

    /// Somebody was told that the content of this name is stored. Returns whether it is there.
    pub(super) fn acknowledge(
        &mut self,
        key: &str,
        who: String,
        at_ms: u64,
        is_said: bool,
    ) -> bool {
        let Some(file) = self.names.get(key).and_then(|file| self.files.get_mut(file)) else {
            return false;
        };
        // What the program has said holds on, whatever is synced after that.
        if is_said || file.owed(key).is_none_or(|owed| !owed.is_said) {
            let (key, changes) = (key.to_owned(), file.changes.len());
            file.replaced = None;
            file.acknowledged = Some(Acknowledged { key, who, at_ms, is_said, changes });
        }
        true
    }

    /// What was acknowledged under this name is not owed any more.
    pub(super) fn release(&mut self, key: &str) {
        if let Some(file) = self.names.get(key).and_then(|file| self.files.get_mut(file)) {
            file.acknowledged = None;
            file.replaced = None;
        }
    }

    /// A crash. `choose` says, of a number of outcomes, which one; 0 loses least. Returns what is
    /// lost that was acknowledged.
    pub(super) fn crash(&mut self, mut choose: impl FnMut(Lost<'_>, usize) -> usize) -> Vec<Loss> {
        let lost = choose(Lost::Names, self.journal.len() + 1).min(self.journal.len());
        let kept = self.journal.len() - lost;
        let seen: BTreeSet<u64> = self.names.values().copied().collect();
        let synced = self.journal.drain(..kept);
        synced.for_each(|naming| naming.apply(&mut self.synced_names));
        self.journal.clear();
        self.names.clone_from(&self.synced_names);
        let mut losses = Vec::new();
        let mut left = BTreeMap::new();
        for (key, id) in &self.names {
            let Some(mut file) = self.files.remove(id) else { continue };
            let survivors = file.survivors();
            let which = choose(Lost::Content(key), survivors.len()).min(survivors.len() - 1);
            let survivor = &survivors[which];
            losses.extend(file.loss(key, survivor));
            let mut acknowledged = file.owed(key).cloned();
            if let Some(acknowledged) = &mut acknowledged {
                acknowledged.changes = 0;
            }
            let synced = survivor.content.clone();
            file = File { synced, acknowledged, ..File::default() };
            left.insert(*id, file);
        }
        // What is left in the old map has no name any more.
        let gone = self.files.iter().filter(|(id, _)| seen.contains(id));
        losses.extend(gone.filter_map(|(_, file)| {
            let acknowledged = file.acknowledged.clone()?;
            Some(Loss { acknowledged, left: "it is not there".to_owned() })
        }));
        self.files = left;
        losses
    }
}

/// What a crash takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost<'a> {
    /// The last changes of names.
    Names,
    /// Of the content of the file of this name.
    Content(&'a str),
}

impl File {
    /// What was acknowledged of it, where it has this name.
    fn owed(&self, key: &str) -> Option<&Acknowledged> {
        let replaced = self.replaced.as_ref().filter(|replaced| replaced.key == key);
        self.acknowledged.as_ref().or(replaced)
    }

    /// What was acknowledged of it, if that has not survived.
    fn loss(&self, key: &str, survivor: &Survivor) -> Option<Loss> {
        let acknowledged = self.owed(key)?;
        let is_there = survivor.changes >= acknowledged.changes && !survivor.is_torn
            || survivor.content == self.after(acknowledged.changes);
        (!is_there).then(|| {
            let (left, of) = (survivor.content.len(), self.after(acknowledged.changes).len());
            let left = match survivor.is_torn {
                true => format!("it was overwritten, and {left} bytes are there"),
                false => format!("{left} of {of} bytes are there"),
            };
            Loss { acknowledged: acknowledged.clone(), left }
        })
    }
}
