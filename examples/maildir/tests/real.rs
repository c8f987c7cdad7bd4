//! The provider for real: a Maildir on disk, SQLite, tokio, and the dialog of the terminal.

// A file name of a Maildir has a colon.
#![cfg(not(windows))]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::ProgressDrawTarget;
use mapi_sync::{CancelSignal, HResult};
use mapi_sync_maildir::{
    Maildir, MessageId, MessageStore, Provider, Source, SqliteStore, synchronize_in_terminal,
};

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("maildir-{name}"));
    // It is not there at the first run.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn maildir(name: &str, messages: u32) -> PathBuf {
    let root = folder(name);
    for part in ["cur", "new", "tmp", ".Lists.rust/cur", ".Lists.rust/new", ".Lists.rust/tmp"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    for message in 0..messages {
        let file = match message % 4 {
            0 => format!("new/{message}.host"),
            1 => format!("cur/{message}.host:2,SR"),
            2 => format!("cur/{message}.host:2,"),
            _ => format!(".Lists.rust/cur/{message}.host:2,S"),
        };
        fs::write(root.join(file), format!("Subject: {message}\n\nText\n")).unwrap();
    }
    fs::write(root.join("tmp/half"), "not delivered yet").unwrap();
    fs::write(root.join("dovecot.index"), "no message").unwrap();
    root
}

async fn run(root: &Path, database: &Path, cancel: CancelSignal) -> HResult {
    let source = Arc::new(Maildir::open(root).unwrap());
    let store = Arc::new(SqliteStore::open(database).unwrap());
    let target = ProgressDrawTarget::hidden();
    synchronize_in_terminal(&Provider::new(source, store), cancel, target).await
}

#[tokio::test]
async fn a_hundred_messages_come_into_sqlite_once_each() {
    let root = maildir("hundred", 100);
    let database = folder("hundred-database").join("mail.sqlite");
    for _ in 0..2 {
        assert_eq!(run(&root, &database, CancelSignal::new()).await, HResult::S_OK);
        let known = SqliteStore::open(&database).unwrap().known().await.unwrap();
        assert_eq!(known.len(), 100);
        let flags = |folder: &str, unique: &str| {
            let id = MessageId { folder: folder.to_owned(), unique: unique.to_owned() };
            known[&id].clone()
        };
        assert_eq!(flags("Inbox", "0.host"), "");
        assert_eq!(flags("Inbox", "1.host"), "RS");
        assert_eq!(flags("Lists/rust", "3.host"), "S");
    }
    // The user has read a message, and another one is deleted.
    fs::rename(root.join("new/0.host"), root.join("cur/0.host:2,S")).unwrap();
    fs::remove_file(root.join("cur/1.host:2,SR")).unwrap();
    assert_eq!(run(&root, &database, CancelSignal::new()).await, HResult::S_OK);
    let known = SqliteStore::open(&database).unwrap().known().await.unwrap();
    let id = MessageId { folder: "Inbox".to_owned(), unique: "0.host".to_owned() };
    assert_eq!((known.len(), &*known[&id]), (100, "S"));
}

#[tokio::test]
async fn a_cancel_stops_the_sync() {
    let root = maildir("cancel", 3);
    let database = folder("cancel-database").join("mail.sqlite");
    let cancel = CancelSignal::new();
    cancel.request();
    assert_eq!(run(&root, &database, cancel).await, HResult::MAPI_E_USER_CANCEL);
    let known = SqliteStore::open(&database).unwrap().known().await.unwrap();
    assert_eq!(known.len(), 0);
}

#[tokio::test]
async fn what_is_gone_since_the_list_is_left_out() {
    let root = maildir("gone", 2);
    let source = Maildir::open(&root).unwrap();
    let entries = source.list().await.unwrap();
    assert_eq!(entries.len(), 2);
    fs::remove_file(root.join("new/0.host")).unwrap();
    assert_eq!(source.fetch(&entries[0].id).await.unwrap(), None);
    let content = source.fetch(&entries[1].id).await.unwrap().unwrap();
    assert_eq!(content, b"Subject: 1\n\nText\n");
    let error = Maildir::open(root.join("tmp")).unwrap_err();
    assert!(error.to_string().ends_with("is no Maildir: it has no folder `cur`"));
}
