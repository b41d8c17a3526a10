//! Connecting: to a server that is not there yet, and to no address that cannot be reached.

use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::ConnectOptions;
use divider::NatsStore;
use divider::store::nats::OpenError;
use divider_local_server::LocalServer;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::watch as signal;

use crate::said::Said;
use crate::support::{PATIENCE, creating, group, in_time, put, snapshot, until, watch, write};

/// An address that nobody listens at.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("nats://{}", listener.local_addr().expect("bound"))
}

/// A server that was there, and that comes back to its port with [`LocalServer::restart`].
fn stopped() -> LocalServer {
    let mut server = LocalServer::start().expect("a nats-server");
    server.stop();
    server
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let mut server = stopped();
    let said = Said::listen();
    let options = creating().wait_for_server(PATIENCE);
    let waiting = tokio::spawn(options.connect(server.url(), group()));
    until(|| async { !said.with("WARN waiting for the store").is_empty() }).await;
    server.restart().expect("it starts");
    let store = in_time(waiting).await.expect("no panic").expect("a group");
    write(&store, put("key.a", "", Some(0))).await;
}

#[tokio::test]
async fn a_server_that_does_not_come_is_an_error_that_names_the_last_reason() {
    let options = NatsStore::options().wait_for_server(Duration::from_millis(300));
    let error = in_time(options.connect(nowhere(), group())).await.expect_err("nobody is there");
    let text = error.to_string();
    assert!(text.contains("within 300ms"), "{text}");
    let OpenError::NotThere { source, .. } = error else { panic!("{text}") };
    assert!(matches!(*source, OpenError::Connect { .. }), "{source:?}");
}

#[tokio::test]
async fn what_waiting_does_not_mend_is_told_at_once() {
    let options = || NatsStore::options().wait_for_server(PATIENCE * 10);
    let server = LocalServer::start().expect("a nats-server");
    let error = in_time(options().connect(server.url(), group())).await.expect_err("no group");
    assert!(matches!(error, OpenError::NoGroup { .. }), "{error:?}");

    let config = "authorization { user: someone, password: secret }";
    let server = LocalServer::builder().config(config).start().expect("a nats-server");
    let error = in_time(options().connect(server.url(), group())).await.expect_err("not let in");
    assert!(matches!(error, OpenError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_retries_at_the_start_is_waited_for_and_works_as_any_other() {
    let connect = || ConnectOptions::new().retry_on_initial_connect();
    let hasty = creating().connect_options(connect()).connect_timeout(Duration::from_millis(100));
    let error = in_time(hasty.connect(nowhere(), group())).await.expect_err("nobody is there");
    let text = error.source().expect("has a cause").to_string();
    assert!(text.contains("no server answered within 100ms"), "{text}");

    let mut server = stopped();
    let options = creating().connect_options(connect()).wait_for_server(PATIENCE);
    let waiting = tokio::spawn(options.connect(server.url(), group()));
    server.restart().expect("it starts");
    let store = in_time(waiting).await.expect("no panic").expect("a group");
    write(&store, put("key.a", "", Some(0))).await;
    let mut watching = watch(&store, &["key.>"]).await;
    assert_eq!(snapshot(&mut watching).await.len(), 1);
}

#[tokio::test]
async fn a_client_that_has_not_connected_yet_is_refused_or_waited_for() {
    let mut server = stopped();
    let connect = || ConnectOptions::new().retry_on_initial_connect().connect(server.url());
    let client = connect().await.expect("a client without a connection");
    let error = creating().open(client, group()).await.expect_err("not connected");
    assert!(error.to_string().contains("connect it first or set wait_for_server"), "{error}");

    let client = connect().await.expect("a client without a connection");
    let waiting = tokio::spawn(creating().wait_for_server(PATIENCE).open(client, group()));
    server.restart().expect("it starts");
    in_time(waiting).await.expect("no panic").expect("a group");
}

/// A server behind a forwarded port, which tells its clients of addresses that do not answer.
struct Forwarded {
    url: String,
    /// How many connections came to those addresses.
    lost: Arc<AtomicUsize>,
    cut: signal::Sender<()>,
}

impl Forwarded {
    async fn to(server: &LocalServer) -> Self {
        let lost = Arc::new(AtomicUsize::new(0));
        let mut told = Vec::new();
        for _ in 0..8 {
            let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            told.push(dead.local_addr().expect("bound").to_string());
            let lost = Arc::clone(&lost);
            tokio::spawn(async move {
                let mut silent = Vec::new();
                while let Ok((stream, _)) = dead.accept().await {
                    lost.fetch_add(1, Ordering::Relaxed);
                    silent.push(stream);
                }
            });
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("nats://{}", listener.local_addr().expect("bound"));
        let cut = signal::Sender::new(());
        let (port, cuts) = (server.port(), cut.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, port, told.clone(), cuts.clone()));
            }
        });
        Self { url, lost, cut }
    }
}

/// Forwards one connection until it is cut, after a greeting that tells of the addresses.
async fn forward(
    mut client: TcpStream,
    port: u16,
    told: Vec<String>,
    mut cuts: signal::Receiver<()>,
) -> std::io::Result<()> {
    cuts.mark_unchanged();
    let mut server = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let mut greeting = String::new();
    server.read_line(&mut greeting).await?;
    let info = greeting.strip_prefix("INFO ").expect("a server greets with it");
    let mut info: Value = serde_json::from_str(info).expect("JSON");
    info["connect_urls"] = json!(told);
    client.write_all(format!("INFO {info}\r\n").as_bytes()).await?;
    tokio::select! {
        done = copy_bidirectional(&mut client, &mut server) => done.map(drop),
        _ = cuts.changed() => Ok(()),
    }
}

/// After each cut the store works again, and no address was tried that only the server told of.
async fn assert_never_lost(options: divider::store::nats::NatsOptions, cuts: u64) {
    let server = LocalServer::start().expect("a nats-server");
    let forwarded = Forwarded::to(&server).await;
    let store = options.connect(&forwarded.url, group()).await.expect("a group");
    let mut watching = watch(&store, &[">"]).await;
    snapshot(&mut watching).await;
    for _ in 0..cuts {
        forwarded.cut.send_replace(());
        // The watch has a connection of its own.
        in_time(async { while watching.next().await.is_ok() {} }).await;
        watching = watch(&store, &[">"]).await;
        snapshot(&mut watching).await;
    }
    write(&store, put("key.a", "", None)).await;
    assert_eq!(forwarded.lost.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn addresses_that_a_server_tells_of_are_left_alone_where_that_was_asked_for() {
    assert_never_lost(creating().ignore_discovered_servers(), 5).await;
}

#[tokio::test]
async fn what_has_answered_is_tried_before_what_a_server_only_told_of() {
    assert_never_lost(creating(), 5).await;
}
