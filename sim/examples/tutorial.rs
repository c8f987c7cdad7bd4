//! The program of the tutorial: a mailbox is fetched message by message, and an anchor says how
//! far.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example tutorial
//! ```
//!
//! One version has a bug that no test on a real disk shows. `docs/tutorial.md` finds it, reads the
//! counterexample, and mends it.

use std::io;

use mapi_sync_sim::stand_in::{Network, Storage, StorageFault};
use mapi_sync_sim::{Check, explore, sometimes};

/// How many messages there are: a bug that needs more than one would need a larger number.
const MESSAGES: usize = 1;

/// Fetches the messages that are not stored yet. The anchor has a byte for each that is.
async fn synchronize(imap: &Network, disk: &Storage) -> io::Result<()> {
    let anchor = disk.read("anchor").await?.unwrap_or_default().len();
    for message in anchor + 1..=MESSAGES {
        let content = imap.request("fetch", || format!("message {message}")).await?;
        disk.write(format!("message {message}"), content).await?;
        disk.append("anchor", ".").await?;
        disk.sync_all().await?;
    }
    Ok(())
}

/// The same, mended: the message is stored before the anchor says so.
async fn synchronize_mended(imap: &Network, disk: &Storage) -> io::Result<()> {
    let anchor = disk.read("anchor").await?.unwrap_or_default().len();
    for message in anchor + 1..=MESSAGES {
        let content = imap.request("fetch", || format!("message {message}")).await?;
        disk.write(format!("message {message}"), content).await?;
        disk.sync(format!("message {message}")).await?;
        disk.append("anchor", ".").await?;
        disk.sync("anchor").await?;
    }
    Ok(())
}

/// Synchronizes until it has succeeded, through crashes and a bad network.
async fn program(is_mended: bool) {
    let imap = Network::new("imap");
    let disk = Storage::new("disk").faults([]);
    loop {
        // One crash is enough.
        let crash = (disk.crashes() == 0).then_some(StorageFault::Crash);
        let disk = disk.reopen().faults(crash);
        let life = async {
            if is_mended {
                synchronize_mended(&imap, &disk).await
            } else {
                synchronize(&imap, &disk).await
            }
        };
        match disk.until_crash(life).await {
            Ok(Ok(())) => break,
            Ok(Err(_)) => drop(imap.connect().await),
            Err(_) => sometimes!("goes on after a crash"),
        }
    }
    for message in 1..=MESSAGES {
        let key = format!("message {message}");
        let content = disk.reopen().read(&key).await;
        assert!(content == Ok(Some(key.into_bytes())), "message {message} is lost");
    }
}

pub(crate) fn broken() -> Check {
    explore(|| program(false)).name("tutorial").goals(["goes on after a crash"])
}

pub(crate) fn mended() -> Check {
    explore(|| program(true)).name("tutorial").goals(["goes on after a crash"])
}

pub(crate) fn main() {
    println!("{}", broken().run());
    println!("{}", mended().run());
}
