//! What only happens to Redis: lost data, evicted keys, replicas, forgotten scripts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use divider::RedisStore;
use divider::store::redis::OpenError;
use divider::store::{Change, Outcome, Store, StoreError};
use divider_local_server::RedisServer;

use crate::support::{end_of, group, in_time, put, server, store, until, watch, write};

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).expect("a copy");
        return;
    }
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// The append-only file of Redis 7 is a folder, that of Redis 6 a file.
fn data(server: &RedisServer) -> std::path::PathBuf {
    let folder = server.dir().join("appendonlydir");
    if folder.is_dir() { folder } else { server.dir().join("appendonly.aof") }
}

#[tokio::test]
async fn a_log_that_lost_writes_is_another_log_and_uses_no_revision_twice() {
    let Some(mut server) = server("a_log_that_lost_writes") else { return };
    let store = store(&server.url()).await;
    write(&store, put("key.kept", 0)).await;
    server.stop();
    let (data, saved) = (data(&server), server.dir().join("saved"));
    copy(&data, &saved);
    server.restart().expect("it starts again");
    until(|| async { store.info().await.is_ok() }).await;
    let before = store.info().await.expect("an answer");
    let lost = write(&store, put("key.lost", 0)).await;
    let (mut following, _) = watch(&store).await;
    server.kill();
    // The disk had not got the last write.
    if data.is_dir() {
        fs::remove_dir_all(&data).expect("removed");
    }
    copy(&saved, &data);
    server.restart().expect("it starts again");
    end_of(&mut following).await;
    until(|| async { store.info().await.is_ok() }).await;
    let after = store.info().await.expect("an answer");
    assert_ne!(after.created, before.created, "it is another log");
    assert_eq!(store.read("key.lost").await, Ok(None));
    assert!(store.read("key.kept").await.expect("an answer").is_some());
    let next = write(&store, put("key.next", 0)).await;
    assert!(next > lost, "revision {next} after {lost}");
    let (_, names) = watch(&store).await;
    assert_eq!(names, ["group", "key.kept", "key.next"]);
}

#[tokio::test]
async fn a_group_that_is_gone_is_named_and_not_made_again() {
    let Some(server) = server("a_group_that_is_gone") else { return };
    let store = store(&server.url()).await;
    let (mut following, _) = watch(&store).await;
    server.command("FLUSHALL").expect("it is empty");
    let no_group = StoreError::NoGroup { group: "orders".into() };
    assert_eq!(store.write(put("key.a", 0)).await, Outcome::Refused(no_group.clone()));
    assert_eq!(store.read("key.a").await, Err(no_group.clone()));
    assert_eq!(store.info().await, Err(no_group));
    let end = end_of(&mut following).await;
    assert!(matches!(end, StoreError::Gap { .. }), "{end}");
    let opened = RedisStore::connect(server.url(), group()).await;
    assert!(matches!(opened, Err(OpenError::NoGroup { .. })), "{opened:?}");
}

#[tokio::test]
async fn an_evicted_part_of_the_group_is_noticed_with_every_request() {
    let Some(server) = server("an_evicted_part") else { return };
    let store = store(&server.url()).await;
    write(&store, put("key.a", 0)).await;
    let (mut following, _) = watch(&store).await;
    server.command("DEL {divider:orders}:records").expect("it is gone");
    let says = |error: &StoreError| error.to_string().contains("noeviction");
    let outcome = store.write(put("key.b", 0)).await;
    assert!(matches!(&outcome, Outcome::Refused(error) if says(error)), "{outcome:?}");
    let read = store.read("key.a").await;
    assert!(matches!(&read, Err(error) if says(error)), "{read:?}");
    assert!(says(&end_of(&mut following).await));
}

#[tokio::test]
async fn changes_that_were_trimmed_are_read_from_the_records() {
    let Some(server) = server("changes_that_were_trimmed") else { return };
    let store = store(&server.url()).await;
    let (mut following, _) = watch(&store).await;
    for n in 0..100 {
        write(&store, put(&format!("key.{n}"), 0)).await;
        server.command("XTRIM {divider:orders}:changes MAXLEN 1").expect("trimmed");
    }
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "key.99") {
        match in_time(following.next()).await.expect("no gap") {
            Change::Record(record) => names.push(record.name),
            Change::CaughtUp => panic!("the snapshot ended twice"),
        }
    }
    assert!(names.into_iter().eq((0..100).map(|n| format!("key.{n}"))));
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let Some(server) = server("scripts_that_the_server_forgot") else { return };
    let store = store(&server.url()).await;
    for n in 0..3 {
        server.command("SCRIPT FLUSH").expect("forgotten");
        write(&store, put(&format!("key.{n}"), 0)).await;
    }
    assert_eq!(watch(&store).await.1.len(), 4);
}

/// One that is behind lacks writes that were acknowledged; here it has them all.
#[tokio::test]
async fn of_several_servers_the_one_that_takes_writes_is_used_also_after_a_promotion() {
    let Some(mut primary) = server("a_promotion") else { return };
    let follow = format!("replicaof 127.0.0.1 {}", primary.port());
    let replica = RedisServer::with(["appendonly yes".to_owned(), follow]).expect("a replica");
    let alone = store(&primary.url()).await;
    write(&alone, put("key.a", 0)).await;
    let synced = || async {
        let info = replica.command("INFO replication").unwrap_or_default();
        info.contains("master_link_status:up")
    };
    until(synced).await;
    // Alone, it is refused as what it is.
    let impatient = RedisStore::options().request_timeout(Duration::from_secs(5));
    let opened = impatient.clone().connect(replica.url(), group()).await;
    let Err(OpenError::Store(StoreError::Unreachable { what })) = opened else {
        panic!("{opened:?}")
    };
    assert!(what.contains("READONLY"), "{what}");

    let urls = format!("{},{}", replica.url(), primary.url());
    let both = impatient.wait_for_server(Duration::from_mins(1));
    let both = both.connect(urls, group()).await.expect("the primary");
    let last = write(&both, put("key.b", 0)).await;
    let (mut following, _) = watch(&both).await;
    let caught_up = || async {
        let revision = replica.command("HGET {divider:orders}:log last");
        revision.is_ok_and(|revision| revision == last.to_string())
    };
    until(caught_up).await;
    primary.kill();
    replica.command("REPLICAOF NO ONE").expect("promoted");
    end_of(&mut following).await;
    until(|| async { matches!(both.read("key.b").await, Ok(Some(_))) }).await;
    assert!(write(&both, put("key.c", 0)).await > last);
    assert_eq!(watch(&both).await.1, ["group", "key.a", "key.b", "key.c"]);
}

/// A writer that has nothing to write is not polled, also while it waits for a connection.
#[tokio::test]
async fn a_request_that_is_not_polled_keeps_no_other_from_connecting() {
    let Some(mut server) = server("a_request_that_is_not_polled") else { return };
    let store = store(&server.url()).await;
    server.command("CLIENT KILL TYPE normal").expect("its connection is gone");
    server.freeze();
    store.read("key.a").await.expect_err("its connection is gone");
    // The server accepts the next connection, and does not answer.
    let mut forgotten = store.read("key.a");
    assert!(futures_util::poll!(&mut forgotten).is_pending());
    server.thaw();
    until(|| async { store.read("key.a").await.is_ok() }).await;
    write(&store, put("key.a", 0)).await;
    in_time(forgotten).await.expect("its own attempt has found the server");
}

#[tokio::test]
async fn a_primary_without_the_replicas_that_it_needs_is_left_for_another() {
    let Some(replaced) = server("a_primary_without_the_replicas") else { return };
    let primary = RedisServer::start().expect("a redis-server");
    store(&primary.url()).await;
    let both = store(&format!("{},{}", replaced.url(), primary.url())).await;
    write(&both, put("key.a", 0)).await;
    replaced.command("CONFIG SET min-replicas-to-write 1").expect("set");
    let refused = both.write(put("key.b", 0)).await;
    assert!(matches!(refused, Outcome::Refused(StoreError::Unreachable { .. })), "{refused:?}");
    write(&both, put("key.b", 0)).await;
    let on_primary = store(&primary.url()).await;
    assert!(on_primary.read("key.b").await.expect("an answer").is_some());
    // One that opens the group looks further than the first address, too.
    let later = store(&format!("{},{}", replaced.url(), primary.url())).await;
    assert!(later.read("key.b").await.expect("an answer").is_some());
}
