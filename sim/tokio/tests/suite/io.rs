//! Streams in memory are tracked; what needs the outside world is refused by name.

use mapi_sync_engine::Outcome;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};

use crate::common::{exhaust, once, outside};

#[test]
fn a_stream_in_memory_passes_bytes_on() {
    async fn lines() -> Vec<String> {
        let (mut client, server) = duplex(4);
        let task = tokio::spawn(async move {
            let mut lines = BufReader::new(server).lines();
            let mut seen = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                seen.push(line);
            }
            seen
        });
        client.write_all(b"one\ntwo\n").await.unwrap();
        client.shutdown().await.unwrap();
        task.await.unwrap()
    }
    assert!(exhaust(lines).results.into_keys().eq([vec!["one".to_owned(), "two".to_owned()]]));
    assert_eq!(outside(lines()), ["one", "two"]);
}

#[test]
fn a_task_that_only_uses_a_stream_lets_others_run() {
    async fn program() -> bool {
        let (mut here, mut there) = duplex(8);
        let echo = async {
            loop {
                here.write_all(b"ping").await.unwrap();
                there.read_exact(&mut [0; 4]).await.unwrap();
            }
        };
        tokio::select! {
            biased;
            () = echo => false,
            () = tokio::task::yield_now() => true,
        }
    }
    assert_eq!(once(1, program()).1, Some(true));
    assert!(outside(program()));
}

#[test]
fn a_stream_without_room_is_refused_where_it_is_made() {
    let (outcome, _) = once(1, async { drop(duplex(0)) });
    let place = outcome.panics[0].place.as_ref().unwrap();
    assert!(place.contains("io.rs") && !place.contains("src"), "{place}");
}

fn refusal(outcome: &Outcome) -> &str {
    &outcome.panics[0].message
}

#[test]
fn files_names_and_signals_are_refused_inside() {
    let (outcome, _) = once(1, async { tokio::fs::read("Cargo.toml").await.is_ok() });
    assert!(refusal(&outcome).starts_with("tokio::fs::read is not under control"), "{outcome:?}");
    let (outcome, _) = once(1, async { tokio::net::lookup_host("[::1]:1").await.is_ok() });
    assert!(refusal(&outcome).contains("lookup_host is not under control"), "{outcome:?}");
    let (outcome, _) = once(1, async { tokio::signal::ctrl_c().await.is_ok() });
    assert!(refusal(&outcome).contains("ctrl_c is not under control"), "{outcome:?}");
}

// Under Wine the sources lie elsewhere.
#[cfg(not(windows))]
#[test]
fn files_and_names_are_the_real_ones_outside() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let text = runtime.block_on(tokio::fs::read_to_string(manifest)).unwrap();
    assert!(text.contains("mapi-sync-tokio"));
    let found =
        runtime.block_on(async { tokio::net::lookup_host("127.0.0.1:1").await.unwrap().count() });
    assert_eq!(found, 1);
}
