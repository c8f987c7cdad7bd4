//! The provider in the check: over a simulated network and a simulated disk, which lose requests,
//! fail and crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mapi_sync::{
    Events, HResult, MapiSync, ProcessEvents, RawEvent, SyncProgressCallback, SyncRequest,
    async_trait,
};
use mapi_sync_maildir::{Entry, MessageId, MessageStore, Provider, Source};
use mapi_sync_sim::engine::sync::{OneshotSender, oneshot};
use mapi_sync_sim::engine::{self, SimRuntime};
use mapi_sync_sim::property::{self, ExactlyOnce};
use mapi_sync_sim::stand_in::{Network, NetworkFault, Storage, StorageError};
use mapi_sync_sim::{Check, Report, check, explore, sometimes};

/// A mailbox behind a network.
struct Server {
    imap: Network,
    messages: u32,
}

fn id(message: u32) -> MessageId {
    let folder = if message.is_multiple_of(2) { "Inbox" } else { "Lists/rust" };
    MessageId { folder: folder.to_owned(), unique: format!("{message:03}") }
}

fn content(id: &MessageId) -> Vec<u8> {
    format!("Subject: {}", id.unique).into_bytes()
}

#[async_trait]
impl Source for Server {
    async fn list(&self) -> io::Result<Vec<Entry>> {
        let all = || (1..=self.messages).map(|m| Entry { id: id(m), flags: "S".into() }).collect();
        Ok(self.imap.request("list", all).await?)
    }

    async fn fetch(&self, id: &MessageId) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(self.imap.request("fetch", || content(id)).await?))
    }
}

/// A store on a disk: a file for each row, which is written, synced and renamed. Nothing but the
/// provider's own care keeps a message from having two rows. After a crash, it is opened anew.
struct Rows {
    disk: Storage,
    /// Wrong: acknowledges a row before it is synced.
    acknowledges_early: bool,
}

impl Rows {
    async fn rows(&self) -> Result<Vec<(String, MessageId, String)>, StorageError> {
        let mut rows = Vec::new();
        let disk = self.disk.reopen();
        for key in disk.keys().await? {
            // What was not renamed is no row.
            if key.ends_with(".new") {
                continue;
            }
            let row = disk.read(&key).await?.ok_or(StorageError::NotFound)?;
            let row = String::from_utf8(row).map_err(|_| StorageError::Failed)?;
            let [folder, unique, flags, ..] = row.split('\n').collect::<Vec<_>>()[..] else {
                return Err(StorageError::Failed);
            };
            let id = MessageId { folder: folder.to_owned(), unique: unique.to_owned() };
            rows.push((key, id, flags.to_owned()));
        }
        Ok(rows)
    }

    async fn write(&self, key: &str, entry: &Entry, content: &[u8]) -> Result<(), StorageError> {
        let Entry { id: MessageId { folder, unique }, flags } = entry;
        let row = [format!("{folder}\n{unique}\n{flags}\n").as_bytes(), content].concat();
        let new = format!("{key}.new");
        let disk = self.disk.reopen();
        disk.write(&new, row).await?;
        if !self.acknowledges_early {
            disk.sync(&new).await?;
        }
        disk.rename(&new, key).await?;
        if !self.acknowledges_early {
            disk.sync(key).await?;
        }
        disk.acknowledge(key);
        Ok(())
    }
}

#[async_trait]
impl MessageStore for Rows {
    async fn known(&self) -> io::Result<BTreeMap<MessageId, String>> {
        let rows = self.rows().await?.into_iter();
        Ok(rows.map(|(_, id, flags)| (id, flags)).collect())
    }

    async fn put(&self, entry: &Entry, content: &[u8]) -> io::Result<()> {
        let last = self.disk.reopen().keys().await?.into_iter().rfind(|key| !key.ends_with(".new"));
        let last = last.and_then(|key| key.parse::<u32>().ok()).unwrap_or(0);
        Ok(self.write(&format!("{:04}", last + 1), entry, content).await?)
    }

    async fn set_flags(&self, entry: &Entry) -> io::Result<()> {
        for (key, id, _) in self.rows().await? {
            if id == entry.id {
                let content = content(&id);
                self.write(&key, entry, &content).await?;
            }
        }
        Ok(())
    }
}

/// A host that waits for Done.
struct Host(std::sync::Mutex<Option<OneshotSender<HResult>>>);

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, _text: Option<&str>, _index: u32, _index_max: u32) -> HResult {
        HResult::S_OK
    }

    async fn error(&self, _result: HResult, _text: Option<&str>) -> HResult {
        HResult::S_OK
    }

    async fn done(&self, _event: RawEvent, status: HResult) -> HResult {
        if let Some(done) = self.0.lock().unwrap().take() {
            let _ = done.send(status);
        }
        HResult::S_OK
    }
}

/// Synchronizes once, and returns the status.
async fn synchronize(provider: &Provider) -> HResult {
    let (done, status) = oneshot("done");
    let events: Arc<dyn Events> = Arc::new(ProcessEvents::new());
    let host = Arc::new(Host(std::sync::Mutex::new(Some(done))));
    let request = SyncRequest::new(host, Arc::new(SimRuntime::new(events)));
    let start = provider.synchronize_in_background(request).await;
    if start.is_failure() { start } else { status.await.unwrap_or(HResult::E_UNEXPECTED) }
}

/// A program that synchronizes again and again, after crashes and errors, until all is there.
fn until_all_is_there(messages: u32, acknowledges_early: bool, forgets: bool) -> Check {
    explore(move || async move {
        let imap = Network::new("imap").latency(10);
        let disk = Storage::new("disk");
        let stored = ExactlyOnce::new("each message is stored once", (1..=messages).map(id));
        // At most three faults strike.
        for _ in 0..4 {
            let rows = Rows { disk: disk.reopen(), acknowledges_early };
            let server = Server { imap: imap.clone(), messages };
            let store: Arc<dyn MessageStore> =
                if forgets { Arc::new(Forgets(rows)) } else { Arc::new(rows) };
            let provider = Provider::new(Arc::new(server), store);
            match disk.reopen().until_crash(synchronize(&provider)).await {
                Ok(HResult::S_OK) => break,
                Ok(_) if disk.reopen().crashes() == 0 => sometimes!("resume after an error"),
                _ => sometimes!("resume after a crash"),
            }
            // Nobody connects anew but the program: an IMAP client would do it in `list`.
            let _ = imap.connect().await;
        }
        let rows = Rows { disk: disk.reopen().faults([]), acknowledges_early };
        for (_, id, _) in rows.rows().await.unwrap() {
            stored.saw(id);
        }
    })
    .name("maildir")
    .goals(["resume after an error", "resume after a crash"])
}

/// Wrong: a store that does not know what it has after a crash or an error.
struct Forgets(Rows);

#[async_trait]
impl MessageStore for Forgets {
    async fn known(&self) -> io::Result<BTreeMap<MessageId, String>> {
        self.0.known().await?;
        Ok(BTreeMap::new())
    }

    async fn put(&self, entry: &Entry, content: &[u8]) -> io::Result<()> {
        self.0.put(entry, content).await
    }

    async fn set_flags(&self, entry: &Entry) -> io::Result<()> {
        self.0.set_flags(entry).await
    }
}

fn ids(report: &Report) -> BTreeSet<&str> {
    report.counterexamples.iter().map(|shown| shown.defects[0].id()).collect()
}

#[test]
fn no_message_is_lost_or_doubled_by_crashes_and_errors() {
    let report = until_all_is_there(5, false, false).schedules(1_500).run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
}

#[test]
fn a_hundred_messages_arrive_through_crashes_and_errors() {
    let report = until_all_is_there(100, false, false).schedules(60).run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
}

#[test]
fn a_store_that_acknowledges_early_is_found() {
    let report = until_all_is_there(3, true, false).schedules(1_000).fail_fast(true).run();
    let found = ids(&report);
    assert!(found.contains("disk: what was acknowledged survives a crash"), "{report}");
}

#[test]
fn a_store_that_forgets_doubles_messages() {
    let report = until_all_is_there(3, false, true).schedules(1_000).fail_fast(true).run();
    assert!(ids(&report).contains("each message is stored once"), "{report}");
    assert!(report.to_string().contains("came 2 times"), "{report}");
}

/// The provider in the simulated host, which cancels, shuts down and fails.
fn in_a_host(messages: u32) -> Check {
    check(move || {
        let disk = Storage::new("disk");
        let faults = [NetworkFault::RequestLost, NetworkFault::AnswerLost];
        let imap = Network::new("imap").latency(10).faults(faults);
        let puts =
            Puts { rows: Rows { disk, acknowledges_early: false }, is_writing: Arc::default() };
        Provider::new(Arc::new(Server { imap, messages }), Arc::new(puts))
    })
}

/// Watches that no two messages are stored at once.
struct Puts {
    rows: Rows,
    is_writing: Arc<AtomicBool>,
}

#[async_trait]
impl MessageStore for Puts {
    async fn known(&self) -> io::Result<BTreeMap<MessageId, String>> {
        let known = self.rows.known().await?;
        let rows = self.rows.rows().await?;
        assert_eq!(known.len(), rows.len(), "a message is doubled");
        sometimes!("a sync goes on where another one stopped", !known.is_empty());
        Ok(known)
    }

    async fn put(&self, entry: &Entry, content: &[u8]) -> io::Result<()> {
        assert!(!self.is_writing.swap(true, Ordering::Relaxed), "two syncs write at once");
        let _writes = Writes(Arc::clone(&self.is_writing));
        self.rows.put(entry, content).await
    }

    async fn set_flags(&self, entry: &Entry) -> io::Result<()> {
        self.rows.set_flags(entry).await
    }
}

struct Writes(Arc<AtomicBool>);

impl Drop for Writes {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn the_contract_holds_under_cancels_faults_and_crashes() {
    let goal = "a sync goes on where another one stopped";
    let report = in_a_host(4).goals([goal]).schedules(2_000).run();
    report.assert_holds();
    assert!(report.goals[0].met > 0, "{report}");
}

#[test]
fn the_contract_holds_wherever_the_sync_of_a_hundred_messages_is_dropped() {
    let report = in_a_host(100).cancellations().schedules(1_200).run();
    report.assert_holds();
    // Each message waits for the network twice and for the disk five times.
    assert!(report.schedules > 600, "{report}");
}

#[test]
fn the_flags_of_a_known_message_follow_the_source() {
    let report = explore(|| async {
        let disk = Storage::new("disk").faults([]);
        let rows = || Rows { disk: disk.clone(), acknowledges_early: false };
        let entry = Entry { id: id(1), flags: String::new() };
        rows().put(&entry, &content(&entry.id)).await.unwrap();
        let imap = Network::new("imap").faults([]);
        let provider = Provider::new(Arc::new(Server { imap, messages: 1 }), Arc::new(rows()));
        assert_eq!(synchronize(&provider).await, HResult::S_OK);
        let known = rows().known().await.unwrap();
        assert_eq!(known, BTreeMap::from([(id(1), "S".to_owned())]));
        property::at_end("time has passed or not", || engine::now() < 1_000);
    })
    .schedules(10)
    .run();
    report.assert_holds();
}
