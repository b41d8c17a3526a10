//! Messages of a stranger that clients cannot read: each would cut every node off for good.

use std::io::{Read, Write};
use std::net::TcpStream;

use divider::NatsStore;
use divider::store::{Change, Store, StoreError};

use crate::support::{Nats, PATIENCE, group, in_time, names, put, snapshot, until, watch, write};

/// Publishes any bytes, as a client in another language may.
fn publish(port: u16, subject: &[u8], headers: &[u8], value: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let sizes = format!(" {} {}\r\n", headers.len(), headers.len() + value.len());
    let parts: [&[u8]; 7] = [
        b"CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB ",
        subject,
        sizes.as_bytes(),
        headers,
        value,
        b"\r\n",
        b"PING\r\n",
    ];
    stream.write_all(&parts.concat()).expect("it is sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"PONG\r\n") {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).expect("an answer");
        assert!(read > 0, "closed: {}", String::from_utf8_lossy(&answer));
        answer.extend(&bytes[..read]);
    }
}

/// Opens watches until one gets to the end of its snapshot.
async fn names_seen(store: &dyn Store) -> Vec<String> {
    in_time(async {
        'again: loop {
            let mut names = Vec::new();
            let mut watching = watch(store, &["key.>", "claim.>"]).await;
            loop {
                match watching.next().await {
                    Ok(Change::Record(record)) => names.push(record.name),
                    Ok(Change::CaughtUp) => {
                        watching.close().await;
                        return names;
                    }
                    Err(_) => continue 'again,
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn headers_that_cannot_be_read_cut_nobody_off_for_long() {
    let nats = Nats::start().await;
    let other = NatsStore::connect(nats.server.url(), group()).await.expect("the group");
    for n in 0..50 {
        write(&nats.store, put(&format!("key.before.{n}"), "", None)).await;
    }
    let unreadable: [&[u8]; 7] = [
        b"NATS/1.0\r\nno colon\r\n\r\n",
        b"NATS/1.0\r\nname: \xff\r\n\r\n",
        b"NATS/1.0\r\na name: value\r\n\r\n",
        b"NATS/1.0 abc\r\nname: value\r\n\r\n",
        b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\n\r\n",
        b"HELLO\r\nname: value\r\n\r\n",
        // Over this one the client panics.
        b"NATS/1.0\r\nname: va\rlue\r\n\r\n",
    ];
    for (n, headers) in unreadable.into_iter().enumerate() {
        let mut watching = watch(&other, &[">"]).await;
        snapshot(&mut watching).await;
        let name = format!("key.bad.{n}");
        let subject = format!("divider.suite.{name}");
        publish(nats.server.port(), subject.as_bytes(), headers, b"body");
        // Nothing that is written suffers, before it is mended and after.
        write(&nats.store, put("lease.w1", "", None)).await;
        let names = names_seen(&nats.store).await;
        assert!(names.contains(&name), "{headers:?}: {names:?}");
        let record = nats.store.read(&name).await.expect("it can be read").expect("a record");
        assert_eq!(record.value.as_deref(), Some(&b"body"[..]), "{headers:?}");
        write(&other, put("lease.w2", "", None)).await;
        assert!(names_seen(&other).await.contains(&name));
    }
}

#[tokio::test]
async fn a_subject_that_is_no_text_is_named_with_what_helps() {
    let nats = Nats::start().await;
    let subject = b"divider.suite.key.\xff";
    publish(nats.server.port(), subject, b"NATS/1.0\r\na: b\r\n\r\n", b"");
    // A watch may meet the message while it is opened, or just after.
    let first_change = || async {
        let mut watching = in_time(nats.store.watch(names(&["key.>"]))).await?;
        in_time(watching.next()).await
    };
    let error = first_change().await.expect_err("nobody can read it");
    let StoreError::Other { what } = error else { panic!("{error}") };
    assert!(what.contains("not UTF-8") && what.contains("Nats-TTL: 1s"), "{what}");
    write(&nats.store, put("lease.w1", "", None)).await;

    publish(nats.server.port(), subject, b"NATS/1.0\r\nNats-TTL: 1s\r\n\r\n", b"");
    until(|| async { matches!(first_change().await, Ok(Change::CaughtUp)) }).await;
}
