//! A provider that synchronizes a Maildir into a store, and reports each message.
//!
//! ```sh
//! cargo run -p mapi-sync-maildir -- ~/Maildir mail.sqlite
//! ```
//!
//! The [`Provider`] knows two traits, [`Source`] and [`MessageStore`]. In production a [`Maildir`]
//! and an [`SqliteStore`] stand behind them; in the check of `tests/check.rs`, a simulated network
//! and a simulated disk, which lose requests and crash. The provider is the same code.
//!
//! A sync can stop anywhere. The next one asks the store which messages it has, and goes on with
//! the others, so that no message is lost and none is doubled.
#![forbid(unsafe_code)]

mod dialog;
mod maildir;
mod provider;
mod sqlite;

use std::collections::BTreeMap;
use std::io;

use mapi_sync::async_trait;

pub use self::dialog::synchronize_in_terminal;
pub use self::maildir::Maildir;
pub use self::provider::Provider;
pub use self::sqlite::SqliteStore;

/// Names a message for ever: its folder, and the part of its file name that never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The folder, such as `Inbox` or `Lists/rust`.
    pub folder: String,
    /// Unique within its folder.
    pub unique: String,
}

/// A message that a source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which message.
    pub id: MessageId,
    /// Its flags, each an upper-case letter, in ascending order: `R` replied, `S` seen, and
    /// others.
    pub flags: String,
}

/// Where messages come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// All messages, folder by folder.
    ///
    /// # Errors
    ///
    /// If the source cannot be read.
    async fn list(&self) -> io::Result<Vec<Entry>>;

    /// The content of a message; `None` if it is gone since.
    ///
    /// # Errors
    ///
    /// If the source cannot be read.
    async fn fetch(&self, id: &MessageId) -> io::Result<Option<Vec<u8>>>;
}

/// Where messages go to.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// The messages that it has, with their flags.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    async fn known(&self) -> io::Result<BTreeMap<MessageId, String>>;

    /// Stores a message that it does not have. Once this returns `Ok`, the message survives a
    /// crash.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    async fn put(&self, entry: &Entry, content: &[u8]) -> io::Result<()>;

    /// Changes the flags of a message that it has.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    async fn set_flags(&self, entry: &Entry) -> io::Result<()>;
}
