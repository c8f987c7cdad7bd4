//! The IMAP client async-imap against a scripted server, over a stream in memory.

use std::time::Duration;

use async_imap::Client;
use async_imap::extensions::idle::IdleResponse;
use futures::TryStreamExt;
use tokio::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::spawn;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A server that knows as much as the programs need. While the client idles, a message comes after
/// 10 ms.
async fn serve(end: DuplexStream) {
    let (read, mut write) = io::split(end);
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"* OK ready\r\n").await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        let (tag, command) = line.split_once(' ').unwrap();
        let reply = match command.split(' ').next().unwrap() {
            "LOGIN" | "NOOP" => String::new(),
            "SELECT" => "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n".to_owned(),
            "FETCH" => "* 1 FETCH (UID 11)\r\n* 2 FETCH (UID 12)\r\n".to_owned(),
            "LOGOUT" => "* BYE\r\n".to_owned(),
            "IDLE" => {
                write.write_all(b"+ idling\r\n").await.unwrap();
                let done = tokio::select! {
                    done = lines.next_line() => done,
                    () = sleep(Duration::from_millis(10)) => {
                        write.write_all(b"* 3 EXISTS\r\n").await.unwrap();
                        lines.next_line().await
                    }
                };
                assert_eq!(done.unwrap().as_deref(), Some("DONE"));
                String::new()
            }
            _ => panic!("{line}"),
        };
        let reply = format!("{reply}{tag} OK done\r\n");
        write.write_all(reply.as_bytes()).await.unwrap();
        if command == "LOGOUT" {
            break;
        }
    }
}

type Session = async_imap::Session<DuplexStream>;

/// A session that is logged in, and its server. The pipe holds 16 bytes.
async fn session() -> (Session, JoinHandle<()>) {
    let (near, far) = io::duplex(16);
    let server = spawn(serve(far));
    let mut client = Client::new(near);
    client.read_response().await.unwrap().unwrap();
    let session = client.login("user", "secret").await.map_err(|(error, _)| error).unwrap();
    (session, server)
}

/// A whole session: each answer belongs to its command.
pub(crate) async fn session_of_commands() {
    let (mut session, server) = session().await;
    let mailbox = session.select("INBOX").await.unwrap();
    assert_eq!((mailbox.exists, mailbox.uid_validity), (2, Some(7)));
    let messages: Vec<_> = session.fetch("1:2", "UID").await.unwrap().try_collect().await.unwrap();
    let ids: Vec<_> = messages.iter().map(|message| message.uid).collect();
    assert_eq!(ids, [Some(11), Some(12)]);
    session.logout().await.unwrap();
    server.await.unwrap();
}

/// The client idles for 10 ms, just when a message comes. Either way the session goes on.
pub(crate) async fn idle() {
    let (mut session, server) = session().await;
    session.select("INBOX").await.unwrap();
    let mut idle = session.idle();
    idle.init().await.unwrap();
    let (response, _interrupt) = idle.wait_with_timeout(Duration::from_millis(10));
    let response = response.await.unwrap();
    assert!(matches!(response, IdleResponse::Timeout | IdleResponse::NewData(_)), "{response:?}");
    let mut session = idle.done().await.unwrap();
    session.noop().await.unwrap();
    session.logout().await.unwrap();
    server.await.unwrap();
}
