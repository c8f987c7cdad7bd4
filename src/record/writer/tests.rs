//! The writer on a disk that refuses.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::mpsc;

use proptest::prelude::*;

use super::*;

/// A disk in memory. Its state outlives whatever writes to it, as that of a disk does.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Inodes>>);

#[derive(Default)]
struct Inodes {
    names: BTreeMap<PathBuf, usize>,
    contents: Vec<Vec<u8>>,
    /// What becomes of the next operations; of those after them, nothing.
    faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Refused, and of what was to be written, this share of 256 is there.
    Refused(u8),
}

impl Inodes {
    fn fault(&mut self) -> Option<u8> {
        match self.faults.pop() {
            Some(Fault::Refused(share)) => Some(share),
            Some(Fault::None) | None => None,
        }
    }
}

fn refused() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl Disk for Memory {
    type File = MemoryFile;

    fn create(&self, path: &Path) -> io::Result<MemoryFile> {
        let mut inodes = lock(&self.0);
        if inodes.fault().is_some() {
            return Err(refused());
        }
        let number = inodes.contents.len();
        inodes.contents.push(Vec::new());
        inodes.names.insert(path.to_owned(), number);
        Ok(MemoryFile { disk: self.clone(), number })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inodes = lock(&self.0);
        if inodes.fault().is_some() {
            return Err(refused());
        }
        let number = inodes.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inodes.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        lock(&self.0).names.contains_key(path)
    }
}

struct MemoryFile {
    disk: Memory,
    number: usize,
}

impl DiskFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inodes = lock(&self.disk.0);
        let fault = inodes.fault();
        let stored = fault.map_or(bytes.len(), |share| bytes.len() * usize::from(share) / 256);
        inodes.contents[self.number].extend_from_slice(&bytes[..stored]);
        fault.map_or(Ok(()), |_| Err(refused()))
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut inodes = lock(&self.disk.0);
        if inodes.fault().is_some() {
            return Err(refused());
        }
        inodes.contents[self.number].truncate(len as usize);
        Ok(())
    }
}

fn files(max_bytes: u64, keep: u32) -> Files {
    Files { path: "trace".into(), max_bytes, keep, texts: true }
}

/// The record with this number, from 0.
fn record(number: u64) -> Record {
    Record { at: 10 * number, event: Event::Close { sync: number } }
}

/// What a file holds: a record's number, or how many are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Record(u64),
    Missing(u64),
}

/// What the files hold, the oldest first. Each begins with a header, and its lines are whole, save
/// perhaps for the last one.
fn held(disk: &Memory) -> Vec<Vec<Held>> {
    let inodes = lock(&disk.0);
    let mut files = Vec::new();
    // A disk that refuses in the middle of a rotation leaves no file of one of the names.
    let names = (0..40).map(|number| numbered(Path::new("trace"), number));
    for inode in names.filter_map(|name| inodes.names.get(&name)) {
        let text = String::from_utf8(inodes.contents[*inode].clone()).expect("texts are ASCII");
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let header: Header = serde_json::from_str(lines.next().expect("a header")).expect("one");
        assert!(header.exact_gaps);
        files.push(
            lines
                .map(|line| match serde_json::from_str(line).expect("a record") {
                    Record { event: Event::Close { sync }, .. } => Held::Record(sync),
                    Record { event: Event::Dropped { count }, .. } => Held::Missing(count),
                    other => panic!("{other:?}"),
                })
                .collect(),
        );
    }
    files.reverse();
    files
}

/// What happens to a writer.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A record comes, after this many found no room.
    Record(u64),
    /// The queue is empty, after this many found no room.
    Idle(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let gap = || prop_oneof![4 => Just(0_u64), 1 => 1..4_u64];
    prop_oneof![3 => gap().prop_map(Step::Record), 1 => gap().prop_map(Step::Idle)]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![2 => Just(Fault::None), 1 => any::<u8>().prop_map(Fault::Refused)]
}

proptest! {
    #[test]
    fn disk_that_refuses_costs_what_it_refuses_and_the_gap_is_told_where_it_is(
        steps in prop::collection::vec(step(), 0..30),
        faults in prop::collection::vec(fault(), 0..40),
        max_bytes in prop_oneof![Just(0_u64), 100..400_u64, Just(u64::MAX)],
    ) {
        let disk = Memory::default();
        let tally = Arc::new(Tally::default());
        let mut writer = Writer::open(disk.clone(), files(max_bytes, 1_000), Arc::clone(&tally))
            .expect("nothing is refused yet");
        lock(&disk.0).faults = faults;
        // How many records there were, and which found no room.
        let (mut all, mut no_room) = (0, 0);
        for step in steps {
            // What is there can be read at any time.
            held(&disk);
            match step {
                Step::Record(gap) => {
                    (all, no_room) = (all + gap, no_room + gap);
                    writer.add_gap(gap);
                    writer.add(&record(all));
                    all += 1;
                }
                Step::Idle(gap) => {
                    (all, no_room) = (all + gap, no_room + gap);
                    writer.add_gap(gap);
                    writer.store();
                }
            }
        }
        lock(&disk.0).faults.clear();
        writer.add(&record(all));
        all += 1;
        writer.store();
        let (mut next, mut stored) = (0, 0);
        for held in held(&disk).into_iter().flatten() {
            match held {
                Held::Record(number) => {
                    prop_assert_eq!(number, next);
                    (next, stored) = (next + 1, stored + 1);
                }
                Held::Missing(count) => next += count,
            }
        }
        prop_assert_eq!(next, all);
        let (written, dropped) = (&tally.written, &tally.dropped);
        prop_assert_eq!(written.load(Ordering::Relaxed), stored);
        prop_assert_eq!(dropped.load(Ordering::Relaxed), all - no_room - stored);
    }
}

#[test]
fn full_disk_costs_no_file_that_is_there() {
    let disk = Memory::default();
    let tally = Arc::new(Tally::default());
    let mut writer = Writer::open(disk.clone(), files(300, 2), tally).expect("a writer");
    for number in 0..20 {
        writer.add(&record(number));
        writer.store();
    }
    let before = held(&disk);
    assert_eq!(before.len(), 3);
    lock(&disk.0).faults = vec![Fault::Refused(0); 1_000];
    for number in 20..100 {
        writer.add(&record(number));
        writer.store();
    }
    assert_eq!(held(&disk), before);
    lock(&disk.0).faults.clear();
    writer.add(&record(100));
    writer.store();
    let after: Vec<Held> = held(&disk).into_iter().flatten().collect();
    assert_eq!(after[after.len() - 2..], [Held::Missing(80), Held::Record(100)]);
}

#[test]
fn gap_at_the_end_of_the_queue_is_told_when_it_is_idle() {
    let disk = Memory::default();
    let tally = Arc::new(Tally::default());
    let writer = Writer::open(disk.clone(), files(10_000, 2), Arc::clone(&tally)).expect("one");
    let (queue, messages) = mpsc::sync_channel(9);
    let (flushed, answers) = mpsc::sync_channel(9);
    queue.send(Message::Record { gap: 0, record: record(0) }).expect("there is room");
    queue.send(Message::Record { gap: 2, record: record(3) }).expect("there is room");
    *lock(&tally.gap) = 4;
    queue.send(Message::Flush(flushed)).expect("there is room");
    let running = std::thread::spawn(move || writer.run(&messages));
    answers.recv().expect("an answer");
    let (stored, missing) = (Held::Record, Held::Missing);
    assert_eq!(held(&disk), [[stored(0), missing(2), stored(3), missing(4)]]);
    *lock(&tally.gap) = 5;
    drop(queue);
    running.join().expect("it ends");
    assert_eq!(held(&disk)[0].last(), Some(&missing(5)));
}
