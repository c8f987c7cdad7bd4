//! The HTTP/1 client and server of hyper, over a stream in memory.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio::{io, select, spawn};

type Sender = client::SendRequest<String>;

/// A client over one end, whose connection is a task.
async fn connect(end: DuplexStream) -> (Sender, tokio::task::JoinHandle<hyper::Result<()>>) {
    let (sender, connection) = client::handshake(TokioIo::new(end)).await.unwrap();
    (sender, spawn(connection))
}

fn request(path: &str) -> Request<String> {
    Request::get(path).header("host", "memory").body(String::new()).unwrap()
}

async fn answer<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
    sleep(Duration::from_millis(5)).await;
    Ok(Response::new(request.uri().path().to_owned()))
}

/// Two requests go over one connection, through a pipe of 16 bytes. Both are answered, and both
/// sides end.
pub(crate) async fn requests() {
    let (near, far) = io::duplex(16);
    let serving = spawn(async move {
        server::Builder::new().serve_connection(TokioIo::new(far), service_fn(answer)).await
    });
    let (mut sender, connection) = connect(near).await;
    for path in ["/one", "/two"] {
        sender.ready().await.unwrap();
        let response = sender.send_request(request(path)).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    serving.await.unwrap().unwrap();
}

/// The server shuts down gracefully at some moment. A request that it took is answered; else the
/// client is told, and never waits for ever.
pub(crate) async fn shutdown() {
    let (near, far) = io::duplex(64);
    let stop = std::sync::Arc::new(Notify::new());
    let stopped = std::sync::Arc::clone(&stop);
    let serving = spawn(async move {
        let service = service_fn(answer);
        let mut connection =
            pin!(server::Builder::new().serve_connection(TokioIo::new(far), service));
        select! {
            ended = connection.as_mut() => ended,
            () = stopped.notified() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    });
    let operator = spawn(async move {
        sleep(Duration::from_millis(5)).await;
        stop.notify_one();
    });
    let (mut sender, connection) = connect(near).await;
    for path in ["/one", "/two"] {
        if sender.ready().await.is_err() {
            break;
        }
        match sender.send_request(request(path)).await {
            Ok(response) => assert_eq!(response.status(), 200),
            Err(error) => assert!(
                error.is_canceled() || error.is_closed() || error.is_incomplete_message(),
                "{error:?}"
            ),
        }
    }
    drop(sender);
    let _ = connection.await.unwrap();
    operator.await.unwrap();
    serving.await.unwrap().unwrap();
}
