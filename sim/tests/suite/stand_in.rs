//! The stand-ins for a network and a storage: what they do by default, each of their faults, what
//! survives a crash, and the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use mapi_sync::contract::Party;
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::decision::{Decisions, Kind};
use mapi_sync_sim::engine::sync::Register;
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::stand_in::{
    Crashed, Network, NetworkError, NetworkFault, Storage, StorageError, StorageFault,
};
use mapi_sync_sim::strategy::{Random, TrackedSharing};
use mapi_sync_sim::{Check, Report, check, explore, sometimes};

const SURVIVES: &str = "disk: what was acknowledged survives a crash";

type Events = Arc<Mutex<Vec<String>>>;

/// The events of the default schedule, each with its time.
fn by_default<F: Future<Output = ()> + Send + 'static>(
    program: impl FnOnce(Box<dyn Fn(&str) + Send + Sync>) -> F,
) -> Vec<String> {
    let events = Events::default();
    let noted = Arc::clone(&events);
    let note = move |text: &str| noted.lock().unwrap().push(format!("{} {text}", engine::now()));
    let mut engine = Engine::new(Limits::default().with_faults(9), Random::new(1));
    engine.replay(&Decisions::default(), program(Box::new(note)));
    assert_eq!(engine.broken_properties(), []);
    let events = events.lock().unwrap();
    events.clone()
}

/// The texts of the report: as a person and as a program read it.
fn texts(report: &Report) -> [String; 2] {
    let mut json = Vec::new();
    Format::Json.write(&mut json, Document::Check(report), &Palette::PLAIN).unwrap();
    [report.to_string(), String::from_utf8(json).unwrap()]
}

/// Asserts that the check fails with these words, that `faults` faults are left of it, and that its
/// token shows the same.
#[track_caller]
fn assert_breaks(check: &Check, defect: &str, words: &[&str], faults: usize) {
    let report = check.run();
    let is_it = |shown: &&_| -> bool {
        let shown: &mapi_sync_sim::Counterexample = shown;
        shown.defects[0].id() == defect
    };
    let shown = report.counterexamples.iter().find(is_it).unwrap_or_else(|| panic!("{report}"));
    for text in texts(&report) {
        // JSON escapes quotes.
        let text = text.replace("\\\"", "\"");
        for words in words {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
    let decisions = shown.decisions.departures();
    let struck = decisions.iter().filter(|decision| decision.place.kind == Kind::Fault).count();
    assert_eq!(struck, faults, "{report}");
    let replayed = check.replay(&shown.token().to_string()).unwrap();
    assert_eq!(replayed.shows_its_defect(), Some(true));
}

#[track_caller]
fn assert_meets_all(report: &Report) {
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
}

#[test]
fn by_default_nothing_goes_wrong_and_time_passes() {
    let events = by_default(|note| async move {
        let imap = Network::new("imap").latency(20..=29).refuses("fetch", ["throttled"]);
        let disk = Storage::new("disk").latency(5);
        note("asks");
        let served = || {
            note("served");
            vec![1, 2, 3]
        };
        let answer = imap.receive("fetch", served).await;
        note(&format!("{answer:?}"));
        disk.write("a", "one").await.unwrap();
        note("written");
        disk.sync("a").await.unwrap();
        note("synced");
        assert_eq!(disk.append("a", " two").await, Ok(4));
        disk.rename("a", "b").await.unwrap();
        note(&format!("{:?}", disk.read("b").await));
        note(&format!("{:?} {:?}", disk.read("a").await, disk.keys().await));
        disk.sync_all().await.unwrap();
        disk.remove("b").await.unwrap();
        note(&format!("{:?}", disk.remove("b").await));
        note(&format!("{:?}", disk.sync("b").await));
        note(&format!("{:?}", disk.rename("b", "c").await));
        imap.connect().await.unwrap();
        note("connected");
    });
    let read = format!("45 Ok(Some({:?}))", b"one two");
    assert_eq!(
        events,
        [
            "0 asks",
            "10 served",
            "20 Ok([1, 2, 3])",
            "25 written",
            "30 synced",
            &read,
            "55 Ok(None) Ok([\"b\"])",
            "70 Err(NotFound)",
            "75 Err(NotFound)",
            "80 Err(NotFound)",
            "100 connected",
        ]
    );
}

#[test]
fn each_fault_of_a_network_strikes_in_some_schedule() {
    let program = || async {
        let faults = [
            NetworkFault::RequestLost,
            NetworkFault::AnswerLost,
            NetworkFault::Broken,
            NetworkFault::Short,
            NetworkFault::Silent,
        ];
        let imap = Network::new("imap").latency(20).faults(faults).refuses("fetch", ["throttled"]);
        let served = Register::new("served", 0);
        let serve = || {
            served.update(|served| *served += 1);
            vec![1, 2, 3]
        };
        let mut answer = Box::pin(imap.receive("fetch", serve));
        let mut patience = Box::pin(engine::sleep(100));
        let answer = std::future::poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => patience.as_mut().poll(cx).map(|()| None),
        });
        match (answer.await, served.get()) {
            (Some(Ok(items)), 1) => {
                assert!(items == [1, 2, 3] || items == [1, 2] || items == [1]);
                sometimes!("one of three", items.len() == 1);
                sometimes!("two of three", items.len() == 2);
                sometimes!("all three", items.len() == 3);
            }
            (Some(Err(NetworkError::Lost)), 0) => sometimes!("the request is lost"),
            (Some(Err(NetworkError::Lost)), 1) => sometimes!("the answer is lost"),
            (Some(Err(NetworkError::Refused("throttled"))), 0) => sometimes!("refused"),
            (None, 0) => sometimes!("silence"),
            (Some(Err(NetworkError::Broken)), _) => {
                let again = imap.request("fetch", || ()).await;
                assert_eq!(again, Err(NetworkError::Broken));
                match imap.connect().await {
                    Ok(()) => sometimes!("connected anew"),
                    Err(error) => {
                        assert_eq!(error, NetworkError::Lost);
                        sometimes!("not connected");
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    };
    let goals = [
        "one of three",
        "two of three",
        "all three",
        "the request is lost",
        "the answer is lost",
        "refused",
        "silence",
        "connected anew",
        "not connected",
    ];
    assert_meets_all(&explore(program).goals(goals).schedules(2_000).run());
    // All of it in an exhaustive search too.
    let exhaustive = explore(program).goals(goals).strategy("exhaustive").unwrap();
    assert_meets_all(&exhaustive.tracked_sharing(TrackedSharing).run());
}

#[test]
fn each_fault_of_a_storage_strikes_in_some_schedule() {
    let program = || async {
        let disk = Storage::new("disk");
        let life = async {
            match disk.write("a", "0123").await {
                Ok(()) => {}
                Err(StorageError::Failed) => {
                    assert_ne!(disk.read("a").await, Ok(Some(b"0123".to_vec())));
                    return sometimes!("a write fails");
                }
                Err(error) => {
                    assert_eq!(error, StorageError::Full);
                    return match disk.read("a").await {
                        Ok(left) => {
                            assert_eq!(left, Some(b"01".to_vec()));
                            sometimes!("a write is short");
                        }
                        Err(error) => assert_eq!(error, StorageError::Failed),
                    };
                }
            }
            match disk.append("a", "4567").await {
                Ok(2) => sometimes!("an append is short"),
                Ok(taken) => assert_eq!(taken, 4),
                Err(error) => assert_eq!(error, StorageError::Failed),
            }
            sometimes!("a read fails", disk.read("a").await == Err(StorageError::Failed));
            sometimes!("a sync fails", disk.sync("a").await == Err(StorageError::Failed));
        };
        sometimes!("a crash", disk.until_crash(life).await == Err(Crashed));
        assert_eq!(disk.reopen().crashes(), disk.crashes());
    };
    let goals = [
        "a write fails",
        "a write is short",
        "an append is short",
        "a read fails",
        "a sync fails",
        "a crash",
    ];
    assert_meets_all(&explore(program).goals(goals).schedules(2_000).run());
}

#[test]
fn a_lost_answer_shrinks_to_the_one_fault_and_is_named() {
    // A request that is repeated although its answer was lost. Every other fault is met too.
    let check = explore(|| async {
        let smtp = Network::new("smtp").latency(20..=25);
        let outbox = Register::new("outbox", 0);
        for _ in 0..4 {
            let deliver = || outbox.update(|outbox| *outbox += 1);
            match smtp.request("send", deliver).await {
                Ok(()) => break,
                Err(NetworkError::Broken) => return,
                Err(_) => {}
            }
        }
        assert!(outbox.get() <= 1, "sent twice");
    });
    let fault = "the fault send: answer lost strikes `main`";
    assert_breaks(&check.schedules(300), "panic", &[fault, "sent twice"], 1);
}

/// A store that acknowledges: `sync_first` says whether it does so once that is true.
async fn store(disk: Storage, sync_first: bool) -> Result<(), StorageError> {
    for key in ["message 1", "message 2"] {
        disk.write(key, "content").await?;
        if sync_first {
            disk.sync(key).await?;
        }
        disk.acknowledge(key);
        if !sync_first {
            disk.sync(key).await?;
        }
    }
    Ok(())
}

#[test]
fn a_store_that_acknowledges_before_it_syncs_is_found_and_named() {
    let of = |sync_first| {
        explore(move || async move {
            let disk = Storage::new("disk").latency(1);
            let storing = disk.clone();
            let writer = engine::spawn("writer", async move {
                let life = store(storing.clone(), sync_first);
                let _ = storing.until_crash(life).await;
            });
            writer.await.unwrap();
        })
    };
    let words =
        ["the fault disk: crash strikes `writer`", "was acknowledged by `writer` at ", SURVIVES];
    for seed in 0..20 {
        assert_breaks(&of(false).seed(seed).schedules(300), SURVIVES, &words, 1);
    }
    of(true).schedules(2_000).run().assert_holds();
    of(true).strategy("exhaustive").unwrap().run().assert_holds();
    // A crash after the sync that came too late loses nothing.
    let report = of(false).run();
    assert_eq!(report.counterexamples.len(), 1, "{report}");
}

#[test]
fn a_temporary_file_that_is_written_again_is_never_accused() {
    let report = explore(|| async {
        let disk = Storage::new("disk");
        for _ in 0..4 {
            let disk = disk.reopen();
            let life = async {
                // Both a failure and a crash lead here again.
                while disk.read("file").await? != Some(b"content".to_vec()) {
                    let stored = async {
                        disk.write("new", "content").await?;
                        disk.sync("new").await?;
                        disk.rename("new", "file").await?;
                        disk.sync("file").await
                    };
                    if stored.await.is_ok() {
                        disk.acknowledge("file");
                    }
                }
                Ok::<(), StorageError>(())
            };
            let _ = disk.until_crash(life).await;
        }
    });
    report.clone().schedules(5_000).run().assert_holds();
    report.strategy("exhaustive").unwrap().schedules(3_000).run().assert_holds();
}

/// Replaces a file that was acknowledged.
async fn replace(disk: &Storage, how: &str) -> Result<(), StorageError> {
    disk.write("file", "before").await?;
    disk.sync("file").await?;
    if !how.starts_with("only synced") {
        disk.acknowledge("file");
    }
    match how.trim_start_matches("only synced, ") {
        "in place" => disk.write("file", "after").await?,
        "released" => {
            disk.release("file");
            disk.write("file", "after").await?;
        }
        "not synced" => {
            disk.write("file.new", "after").await?;
            disk.rename("file.new", "file").await?;
        }
        "synced" => {
            disk.write("file.new", "after").await?;
            disk.sync("file.new").await?;
            disk.rename("file.new", "file").await?;
            disk.acknowledge("file");
        }
        "appended" => {
            let mut rest = &b"after"[..];
            while !rest.is_empty() {
                rest = &rest[disk.append("file", rest).await?..];
            }
        }
        "removed" => disk.remove("file").await?,
        other => panic!("{other}"),
    }
    // A crash after all of it.
    disk.sync("no such file").await
}

fn replaces(how: &'static str, faults: &'static [StorageFault]) -> Check {
    explore(move || async move {
        let disk = Storage::new("disk").faults(faults.iter().copied());
        let _ = disk.until_crash(replace(&disk, how)).await;
    })
}

#[test]
fn only_a_replacement_that_can_be_lost_is_accused() {
    const ALL: &[StorageFault] = &[
        StorageFault::Crash,
        StorageFault::WriteFails,
        StorageFault::ShortWrite,
        StorageFault::SyncFails,
    ];
    let told = "\"file\" was acknowledged by `main` at 0 ms, and after the crash";
    for how in ["in place", "not synced"] {
        assert_breaks(&replaces(how, ALL).schedules(2_000), SURVIVES, &[told], 1);
    }
    let right = [
        "synced",
        "appended",
        "removed",
        "released",
        // What is only synced may have to be written again, by a recovery for example.
        "only synced, in place",
        "only synced, not synced",
    ];
    for how in right {
        replaces(how, ALL).schedules(2_000).run().assert_holds();
        let exhaustive = replaces(how, ALL).strategy("exhaustive").unwrap();
        exhaustive.tracked_sharing(TrackedSharing).run().assert_holds();
    }
}

#[test]
fn a_sync_after_one_that_failed_proves_nothing() {
    let check = explore(|| async {
        let disk = Storage::new("disk").faults([StorageFault::Crash, StorageFault::SyncFails]);
        let life = async {
            disk.write("file", "content").await?;
            while disk.sync("file").await.is_err() {}
            disk.sync("no such file").await
        };
        let _ = disk.until_crash(life).await;
    });
    let told =
        "\"file\" was acknowledged by `main` at 0 ms (sync returned Ok), and after the crash";
    let words = ["the fault disk: sync fails strikes `main`", SURVIVES, told];
    assert_breaks(&check.schedules(2_000), SURVIVES, &words, 2);
    let anew = explore(|| async {
        let disk = Storage::new("disk").faults([StorageFault::Crash, StorageFault::SyncFails]);
        let life = async {
            loop {
                disk.write("file", "content").await?;
                if disk.sync("file").await.is_ok() {
                    break;
                }
            }
            disk.sync("no such file").await
        };
        let _ = disk.until_crash(life).await;
    });
    anew.strategy("exhaustive").unwrap().run().assert_holds();
}

#[test]
fn an_acknowledgment_of_nothing_is_accused_without_a_crash() {
    let check = explore(|| async { Storage::new("disk").acknowledge("message 1") });
    let words = ["`disk`: \"message 1\" was acknowledged by `main` at 0 ms, and nothing is there"];
    assert_breaks(&check.schedules(1), SURVIVES, &words, 0);
}

/// An operation on a storage.
#[derive(Clone, Copy, Debug)]
enum Op {
    Write(&'static str, &'static str),
    Append(&'static str, &'static str),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    Sync(&'static str),
}

type Content = BTreeMap<String, Vec<u8>>;

async fn run(disk: &Storage, ops: &[Op]) -> Result<(), StorageError> {
    for op in ops {
        match *op {
            Op::Write(key, bytes) => disk.write(key, bytes).await?,
            Op::Append(key, bytes) => assert_eq!(disk.append(key, bytes).await?, bytes.len()),
            Op::Rename(from, to) => disk.rename(from, to).await?,
            Op::Remove(key) => disk.remove(key).await?,
            Op::Sync(key) => disk.sync(key).await?,
        }
    }
    Ok(())
}

/// What the exhaustive search finds after a crash, and how many executions it took.
fn survivors(ops: &'static [Op]) -> (BTreeSet<Content>, u64) {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let found = Arc::clone(&seen);
    let report = explore(move || {
        let found = Arc::clone(&found);
        async move {
            let disk = Storage::new("disk").faults([StorageFault::Crash]);
            if disk.until_crash(run(&disk, ops)).await.is_ok() {
                disk.crash();
            }
            let disk = disk.reopen();
            let mut content = Content::new();
            for key in disk.keys().await.unwrap() {
                content.insert(key.clone(), disk.read(&key).await.unwrap().unwrap());
            }
            found.lock().unwrap().insert(content);
        }
    })
    .strategy("exhaustive")
    .unwrap()
    .jobs(1)
    .run();
    let proof = report.proof.as_ref().unwrap();
    assert!(report.complete, "{report}");
    let seen = seen.lock().unwrap();
    (seen.clone(), proof.count)
}

/// A disk of the naive oracle: what has reached it, and what nothing more reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    names: BTreeMap<String, usize>,
    files: BTreeMap<usize, Vec<u8>>,
    stopped: BTreeSet<usize>,
    names_stopped: bool,
    /// The files whose names have not reached it.
    not_named: BTreeSet<usize>,
}

/// All contents that a crash may leave, at any point: each file, and the names, reach the disk up
/// to some moment; a sync is possible only where its file has reached it.
fn naive(ops: &[Op]) -> BTreeSet<Content> {
    let mut disks = BTreeSet::from([Reached::default()]);
    let mut found = BTreeSet::new();
    let mut visible: BTreeMap<&str, usize> = BTreeMap::new();
    let mut files = 0;
    for op in ops.iter().map(Some).chain([None]) {
        for disk in &disks {
            let content = |file: &usize| disk.files.get(file).cloned().unwrap_or_default();
            let names = disk.names.iter();
            found.insert(names.map(|(name, file)| (name.clone(), content(file))).collect());
        }
        let Some(op) = op else { break };
        // A name that is new comes first.
        if let Op::Write(key, _) | Op::Append(key, _) = op
            && !visible.contains_key(key)
        {
            visible.insert(key, files);
            let file = files;
            disks = named(&disks, file, |names| {
                names.insert((*key).to_owned(), file);
            });
            files += 1;
        }
        disks = match *op {
            Op::Write(key, bytes) => {
                let (file, bytes) = (visible[key], bytes.as_bytes());
                changed(&disks, file, |_| {
                    vec![bytes.to_vec(), bytes[..bytes.len() / 2].to_vec(), Vec::new()]
                })
            }
            Op::Append(key, bytes) => {
                let (file, bytes) = (visible[key], bytes.as_bytes());
                changed(&disks, file, |before| {
                    let parts = [bytes, &bytes[..bytes.len() / 2]];
                    parts.map(|part| [before, part].concat()).into()
                })
            }
            Op::Rename(from, to) => {
                let file = visible.remove(from).unwrap();
                visible.insert(to, file);
                named(&disks, file, |names| {
                    names.remove(from);
                    names.insert(to.to_owned(), file);
                })
            }
            Op::Remove(key) => {
                let file = visible.remove(key).unwrap();
                named(&disks, file, |names| {
                    names.remove(key);
                })
            }
            Op::Sync(key) => {
                let file = visible[key];
                let has_reached = |disk: &&Reached| {
                    !disk.stopped.contains(&file) && !disk.not_named.contains(&file)
                };
                disks.iter().filter(has_reached).cloned().collect()
            }
        };
    }
    found
}

fn named(
    disks: &BTreeSet<Reached>,
    file: usize,
    change: impl Fn(&mut BTreeMap<String, usize>),
) -> BTreeSet<Reached> {
    let mut after = BTreeSet::new();
    for disk in disks {
        if !disk.names_stopped {
            let mut disk = disk.clone();
            change(&mut disk.names);
            after.insert(disk);
        }
        let mut disk = disk.clone();
        disk.names_stopped = true;
        disk.not_named.insert(file);
        after.insert(disk);
    }
    after
}

/// `outcomes` are the contents after the change: in full, and in part.
fn changed(
    disks: &BTreeSet<Reached>,
    file: usize,
    outcomes: impl Fn(&[u8]) -> Vec<Vec<u8>>,
) -> BTreeSet<Reached> {
    let mut after = BTreeSet::new();
    for disk in disks {
        if disk.stopped.contains(&file) {
            after.insert(disk.clone());
            continue;
        }
        let before = disk.files.get(&file).cloned().unwrap_or_default();
        let outcomes = outcomes(&before);
        for (place, content) in outcomes.into_iter().chain([before]).enumerate() {
            let mut disk = disk.clone();
            disk.files.insert(file, content);
            if place > 0 {
                disk.stopped.insert(file);
            }
            after.insert(disk);
        }
    }
    after
}

#[test]
fn what_survives_is_what_a_naive_oracle_says() {
    use Op::{Append, Remove, Rename, Sync, Write};
    let programs: [&'static [Op]; 9] = [
        &[Write("a", "one"), Sync("a"), Write("a", "three")],
        &[Write("a", "one"), Write("a", "three"), Append("a", "four")],
        &[Write("a", "one"), Write("b", "two"), Sync("b"), Append("a", "x")],
        &[Write("a", "one"), Sync("a"), Write("b", "two"), Rename("b", "a")],
        &[Write("b", "two"), Sync("b"), Rename("b", "a"), Write("c", "x"), Sync("a")],
        &[Write("a", "one"), Sync("a"), Remove("a"), Write("a", "two")],
        &[Append("a", "12"), Append("a", "34"), Sync("a"), Append("a", "5"), Append("a", "67")],
        &[Write("a", ""), Write("b", "x"), Rename("a", "b"), Remove("b")],
        &[Write("a", "1"), Write("b", "2"), Write("c", "3"), Sync("b"), Rename("c", "a")],
    ];
    for program in programs {
        let (found, _) = survivors(program);
        assert_eq!(found, naive(program), "{program:?}");
        assert!(found.len() > 2, "{program:?}");
    }
}

#[test]
fn exhaustive_search_runs_as_many_cases_as_there_are() {
    use Op::{Sync, Write};
    // A crash after `m` files of two bytes are written leaves the first `j` names, and of each of
    // these files all, half or nothing: the sum of 3^j. The crash at the end is one more of these.
    let sum = |m: u32| (0..=m).map(|j| 3_u64.pow(j)).sum::<u64>();
    let written = |m: u32| (0..m).map(sum).sum::<u64>() + sum(m);
    assert_eq!(survivors(&[Write("a", "xy")]).1, written(1));
    assert_eq!(survivors(&[Write("a", "xy"), Write("b", "xy")]).1, written(2));
    assert_eq!(survivors(&[Write("a", "xy"), Write("b", "xy"), Write("c", "xy")]).1, written(3));
    // Nothing is lost once it is synced: a crash before the write, one before the sync, one before
    // it returns, and one at the end.
    assert_eq!(survivors(&[Write("a", "xy"), Sync("a")]).1, 1 + sum(1) + 1 + 1);
}

#[test]
fn writers_of_different_keys_are_independent() {
    let program = |keys: [&'static str; 2]| {
        explore(move || async move {
            let disk = Storage::new("disk").faults([]);
            for key in ["a", "b"] {
                disk.write(key, "before").await.unwrap();
            }
            let tasks = keys.map(|key| {
                let disk = disk.clone();
                engine::spawn("writer", async move { disk.write(key, "x").await.unwrap() })
            });
            for task in tasks {
                task.await.unwrap();
            }
        })
        .strategy("exhaustive")
        .unwrap()
        .tracked_sharing(TrackedSharing)
        .run()
    };
    assert_eq!(program(["a", "b"]).proof.unwrap().count, 1);
    assert_eq!(program(["a", "a"]).proof.unwrap().count, 2);
    // Which of two new keys comes first is in the journal.
    assert_eq!(program(["c", "d"]).proof.unwrap().count, 2);
}

#[test]
fn a_crash_ends_a_life_and_reaches_every_handle() {
    let program = || async {
        let disk = Storage::new("disk").faults([StorageFault::Crash]);
        let other = disk.clone();
        let task = engine::spawn("other", async move {
            while other.write("b", "x").await.is_ok() {
                if engine::now() > 50 {
                    return;
                }
                engine::sleep(10).await;
            }
            assert_eq!(other.read("b").await, Err(StorageError::Crashed));
            sometimes!("the other task learns of it");
        });
        let life = async {
            for _ in 0..3 {
                disk.write("a", "x").await.unwrap();
                engine::sleep(10).await;
            }
            // Nothing goes on here after a crash.
            assert_eq!(disk.crashes(), 0);
        };
        if disk.until_crash(life).await == Err(Crashed) {
            assert_eq!(disk.write("a", "y").await, Err(StorageError::Crashed));
            let disk = disk.reopen().faults([]);
            assert_eq!(disk.write("a", "z").await, Ok(()));
            assert_eq!(disk.read("a").await, Ok(Some(b"z".to_vec())));
        }
        task.await.unwrap();
    };
    let report = explore(program).goals(["the other task learns of it"]).schedules(500).run();
    assert_meets_all(&report);
}

#[test]
fn a_network_and_a_storage_say_that_they_work_only_in_a_check() {
    fn now<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match Pin::as_mut(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }
    let (imap, disk) = (Network::new("imap"), Storage::new("disk"));
    let error = now(imap.request("fetch", || ())).unwrap_err();
    assert_eq!(error, NetworkError::OutsideOfCheck("imap"));
    assert_eq!(
        error.to_string(),
        "the network `imap` is a stand-in and works only inside of a check: in production, put a \
         real connection behind the same trait"
    );
    assert_eq!(now(imap.connect()), Err(error));
    assert_eq!(now(imap.receive("fetch", || vec![1])), Err(error));
    let error = StorageError::OutsideOfCheck("disk");
    assert!(error.to_string().starts_with("the storage `disk` is a stand-in and works only"));
    assert_eq!(now(disk.write("a", "x")), Err(error));
    assert_eq!(now(disk.append("a", "x")), Err(error));
    assert_eq!(now(disk.read("a")), Err(error));
    assert_eq!(now(disk.keys()), Err(error));
    assert_eq!(now(disk.remove("a")), Err(error));
    assert_eq!(now(disk.rename("a", "b")), Err(error));
    assert_eq!(now(disk.sync("a")), Err(error));
    assert_eq!(now(disk.sync_all()), Err(error));
    disk.acknowledge("a");
    disk.release("a");
    disk.crash();
    assert_eq!((disk.crashes(), disk.reopen().crashes()), (0, 0));
    let kind = |error: std::io::Error| error.kind();
    assert_eq!(kind(error.into()), std::io::ErrorKind::Unsupported);
    assert_eq!(kind(NetworkError::Lost.into()), std::io::ErrorKind::TimedOut);
}

/// A provider that acknowledges messages to its user before they are durable.
struct Store {
    imap: Network,
    disk: Storage,
    sync_first: bool,
    syncs: Register<u32>,
}

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let (imap, disk, sync_first) = (self.imap.clone(), self.disk.reopen(), self.sync_first);
        // Syncs may run at the same time: each has keys for itself.
        let sync = self.syncs.update(|syncs| {
            *syncs += 1;
            *syncs
        });
        request.start(move |session| async move {
            let mut status = HResult::S_OK;
            for message in 1..=2 {
                let key = format!("message {message} of sync {sync}");
                let stored = async {
                    imap.request("fetch", || ()).await?;
                    disk.write(&key, "content").await?;
                    if sync_first {
                        disk.sync(&key).await?;
                    }
                    disk.acknowledge(&key);
                    disk.sync(&key).await?;
                    Ok::<(), std::io::Error>(())
                };
                if stored.await.is_err() {
                    status = HResult::MAPI_E_CALL_FAILED;
                    break;
                }
                session.progress(Some("Inbox"), message, 2).await;
            }
            session.done_or_cancelled(status).await
        })
    }
}

#[test]
fn a_provider_is_to_blame_for_what_it_lost() {
    let check = |sync_first| {
        check(move || {
            let (imap, disk) = (Network::new("imap").latency(20), Storage::new("disk"));
            Store { imap, disk, sync_first, syncs: Register::new("syncs", 0) }
        })
        .schedules(1_500)
    };
    let words = ["the fault disk: crash strikes", "was acknowledged by", SURVIVES];
    assert_breaks(&check(false), SURVIVES, &words, 1);
    let report = check(false).run();
    assert_eq!(report.counterexamples[0].defects[0].blame(), Some(Party::Provider));
    let holds = check(true).run();
    holds.assert_holds();
}
