//! A store in SQLite.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use mapi_sync::async_trait;
use rusqlite::{Connection, params};

use crate::{Entry, MessageId, MessageStore};

/// Messages in one table. The primary key forbids that one is there twice.
#[derive(Debug)]
pub struct SqliteStore {
    /// Each call is one short transaction, within one poll.
    connection: Mutex<Connection>,
}

impl SqliteStore {
    /// Opens a database, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is no database.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let connection = Connection::open(path).map_err(io::Error::other)?;
        // What is committed survives a crash.
        let set_up = "PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS message (
                folder TEXT NOT NULL,
                id TEXT NOT NULL,
                flags TEXT NOT NULL,
                content BLOB NOT NULL,
                PRIMARY KEY (folder, id)
            ) STRICT;";
        connection.execute_batch(set_up).map_err(io::Error::other)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn with<T>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> io::Result<T> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&connection).map_err(io::Error::other)
    }
}

#[async_trait]
impl MessageStore for SqliteStore {
    async fn known(&self) -> io::Result<BTreeMap<MessageId, String>> {
        self.with(|connection| {
            let mut rows = connection.prepare("SELECT folder, id, flags FROM message")?;
            let known = rows.query_map([], |row| {
                Ok((MessageId { folder: row.get(0)?, unique: row.get(1)? }, row.get(2)?))
            })?;
            known.collect()
        })
    }

    async fn put(&self, entry: &Entry, content: &[u8]) -> io::Result<()> {
        let Entry { id: MessageId { folder, unique }, flags } = entry;
        let insert = "INSERT INTO message (folder, id, flags, content) VALUES (?1, ?2, ?3, ?4)";
        self.with(|connection| {
            connection.execute(insert, params![folder, unique, flags, content]).map(drop)
        })
    }

    async fn set_flags(&self, entry: &Entry) -> io::Result<()> {
        let Entry { id: MessageId { folder, unique }, flags } = entry;
        let update = "UPDATE message SET flags = ?3 WHERE folder = ?1 AND id = ?2";
        self.with(|connection| connection.execute(update, params![folder, unique, flags]).map(drop))
    }
}
