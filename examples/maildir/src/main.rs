//! Synchronizes a Maildir into a database of SQLite. Ctrl-C cancels.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::ProgressDrawTarget;
use mapi_sync::CancelSignal;
use mapi_sync_maildir::{Maildir, Provider, SqliteStore, synchronize_in_terminal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(source), Some(database), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: mapi-sync-maildir MAILDIR DATABASE");
        return Ok(ExitCode::from(2));
    };
    let maildir = Arc::new(Maildir::open(source)?);
    let provider = Provider::new(maildir, Arc::new(SqliteStore::open(database)?));
    let cancel = CancelSignal::new();
    let signal = cancel.clone();
    ctrlc::set_handler(move || signal.request())?;
    let target = ProgressDrawTarget::stderr();
    let status = synchronize_in_terminal(&provider, cancel, target).await;
    println!("{status}");
    Ok(if status.is_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
