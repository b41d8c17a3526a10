//! What becomes of a store when its server is hurt.

use std::time::Duration;

use divider::store::nats::StreamOptions;
use divider::store::{Change, Outcome, Store, StoreError, Watch};
use divider::{Group, Key, NatsStore, Revision};
use divider_local_server::{Cluster, LocalServer};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{
    Nats, PATIENCE, api, consumers, creating, delete, fill, group, impatient, in_time, names, put,
    snapshot, until, watch, write,
};

/// Reads on until the watch ends, and says why.
async fn end_of(watch: &mut Box<dyn Watch>) -> StoreError {
    in_time(async {
        loop {
            if let Err(error) = watch.next().await {
                return error;
            }
        }
    })
    .await
}

fn is_gap(error: &StoreError) -> bool {
    matches!(error, StoreError::Gap { .. })
}

#[tokio::test]
async fn a_closed_watch_leaves_no_consumer() {
    let nats = Nats::start().await;
    let client = nats.client().await;
    let mut watches = Vec::new();
    for filter in [&[">"][..], &["key.a"], &["key.>", "claim.>", "lease.w1"]] {
        let mut watching = watch(&nats.store, filter).await;
        snapshot(&mut watching).await;
        watches.push(watching);
    }
    assert_eq!(consumers(&client).await, 3);
    for watching in watches {
        watching.close().await;
    }
    assert_eq!(consumers(&client).await, 0);
}

#[tokio::test]
async fn a_deleted_group_ends_its_watches_and_is_named() {
    let nats = Nats::start().await;
    let client = nats.client().await;
    let before = nats.store.info().await.expect("an answer").created;
    let mut watching = watch(&nats.store, &[">"]).await;
    snapshot(&mut watching).await;
    api(&client, "STREAM.DELETE.KV_divider_suite", Value::Null).await;

    let outcome = nats.store.write(put("key.a", "", None)).await;
    assert!(matches!(outcome, Outcome::Unknown(StoreError::Unreachable { .. })), "{outcome:?}");
    let no_group = StoreError::NoGroup { group: "suite".into() };
    assert_eq!(nats.store.read("key.a").await, Err(no_group.clone()));
    assert_eq!(nats.store.info().await, Err(no_group.clone()));
    let opened = nats.store.watch(names(&[">"])).await.map(drop);
    assert_eq!(opened, Err(no_group));
    let end = end_of(&mut watching).await;
    assert!(is_gap(&end), "{end}");

    // Made again by somebody, it is another log, and the same store works on it.
    let again = creating().connect(nats.server.url(), group()).await.expect("a group");
    assert_ne!(again.info().await.expect("an answer").created, before);
    write(&nats.store, put("key.a", "", Some(0))).await;
}

#[tokio::test]
async fn a_consumer_that_is_gone_ends_its_watch() {
    let nats = Nats::start().await;
    let client = nats.client().await;
    let mut watching = watch(&nats.store, &[">"]).await;
    snapshot(&mut watching).await;
    let names = api(&client, "CONSUMER.NAMES.KV_divider_suite", serde_json::json!({})).await;
    let name = names["consumers"][0].as_str().expect("a name");
    api(&client, &format!("CONSUMER.DELETE.KV_divider_suite.{name}"), Value::Null).await;
    let end = end_of(&mut watching).await;
    assert!(is_gap(&end), "{end}");
}

#[tokio::test]
async fn deliveries_that_the_client_dropped_end_the_watch() {
    let nats = Nats::start().await;
    fill(&nats.store, (0..5000).map(|n| put(&format!("key.{n}"), "", None))).await;
    let options = async_nats::ConnectOptions::new().subscription_capacity(16);
    let client = options.connect(nats.server.url()).await.expect("a connection");
    let store = NatsStore::open(client, group()).await.expect("the group");
    let mut watching = watch(&store, &["key.>"]).await;
    let end = end_of(&mut watching).await;
    assert!(is_gap(&end), "{end}");
    watching.close().await;
}

#[tokio::test]
async fn a_restarted_server_ends_its_watches_and_has_what_was_acked() {
    let mut nats = Nats::start().await;
    for crash in [false, true] {
        let name = format!("key.{crash}");
        let revision = write(&nats.store, put(&name, "", None)).await;
        let mut watching = watch(&nats.store, &["key.>"]).await;
        snapshot(&mut watching).await;
        if crash {
            nats.server.kill();
        } else {
            nats.server.stop();
        }
        nats.server.restart().expect("it starts again");
        let end = end_of(&mut watching).await;
        assert!(is_gap(&end), "{end}");
        // Not by its silence, which takes seconds to be noticed.
        assert!(end.to_string().contains("the connection was established again"), "{end}");
        let mut again = watch(&nats.store, &["key.>"]).await;
        let view = snapshot(&mut again).await;
        assert_eq!(view.get(&name).map(|record| record.revision), Some(Revision(revision)));
    }
}

#[tokio::test]
async fn a_frozen_server_leaves_a_write_unknown() {
    let nats = Nats::start().await;
    let store = impatient(&nats.server).await;
    let mut watching = watch(&store, &["key.>"]).await;
    snapshot(&mut watching).await;
    // Only what is impatient is asked from here on.
    let Nats { store: _patient, mut server } = nats;
    server.freeze();
    let outcome = store.write(put("key.a", "", Some(0))).await;
    assert!(matches!(outcome, Outcome::Unknown(StoreError::Timeout { .. })), "{outcome:?}");
    let read = store.read("key.a").await;
    assert!(matches!(read, Err(StoreError::Timeout { .. })), "{read:?}");
    let end = end_of(&mut watching).await;
    assert!(is_gap(&end), "{end}");
    server.thaw();
    until(|| async { store.read("key.a").await.is_ok() }).await;
    until(|| async {
        let Ok(mut again) = store.watch(names(&["key.>"])).await else { return false };
        let view = in_time(async {
            while again.next().await? != Change::CaughtUp {}
            Ok::<_, StoreError>(())
        });
        view.await.is_ok()
    })
    .await;
}

/// What was on its way when the connection was cut is given up when there is another one, long before
/// its own time is over.
#[tokio::test]
async fn what_was_on_its_way_when_the_connection_was_cut_ends_with_the_next_one() {
    let Nats { store: _, mut server } = Nats::start().await;
    let options = NatsStore::options().request_timeout(PATIENCE * 10);
    let patient = options.connect(server.url(), group()).await.expect("the group");
    // A write waits for its connection, for as long as it may: this one's ends soon.
    let store = impatient(&server).await;
    // It takes what is sent, and answers nothing; then it loses that.
    server.freeze();
    let write = tokio::spawn(patient.write(put("key.a", "", Some(0))));
    let read = tokio::spawn(patient.read("key.a"));
    // Once it notices that nobody answers, the client has sent both long ago.
    until(|| async {
        matches!(
            store.write(put("key.b", "", None)).await,
            Outcome::Refused(StoreError::Unreachable { .. })
        )
    })
    .await;
    server.kill();
    server.restart().expect("it starts again");
    let outcome = in_time(write).await.expect("no panic");
    assert!(matches!(outcome, Outcome::Unknown(StoreError::Unreachable { .. })), "{outcome:?}");
    let read = in_time(read).await.expect("no panic");
    assert!(matches!(read, Err(StoreError::Unreachable { .. })), "{read:?}");
    assert!(in_time(patient.read("group")).await.is_ok());
}

#[tokio::test]
async fn what_was_refused_without_a_connection_never_lands() {
    let mut nats = Nats::start().await;
    let store = impatient(&nats.server).await;
    nats.server.kill();
    let mut refused = Vec::new();
    for n in 0.. {
        // Each has a name of its own: what nobody answered may land later.
        let name = format!("key.{n}");
        match store.write(put(&name, "", Some(0))).await {
            Outcome::Refused(StoreError::Unreachable { .. }) => refused.push(name),
            // It was on its way before the loss of the connection was noticed.
            Outcome::Unknown(_) => {}
            other => panic!("{other:?}"),
        }
        if refused.len() == 3 {
            break;
        }
    }
    nats.server.restart().expect("it starts again");
    // What the client kept while it had no connection goes out before this.
    fill(&store, [put("group", "", None)].into_iter()).await;
    for name in refused {
        assert_eq!(nats.store.read(&name).await, Ok(None), "{name}");
    }
}

/// A server has room for so many writes of a stream at once. It drops what is more, and says so.
#[tokio::test]
async fn what_a_server_has_no_room_for_is_sent_again() {
    let config = "jetstream { max_buffered_msgs: 64 }";
    let server = LocalServer::builder().config(config).start().expect("a nats-server");
    let nats = Nats::with(server).await;
    let mut written = 0;
    let dropping = || nats.server.log().contains("excessive stream ingest rate");
    in_time(async {
        while !dropping() {
            let names = (written..written + 4_000).map(|n| format!("key.{n}"));
            let round = names.map(|name| nats.store.write(put(&name, "", Some(0))));
            for outcome in join_all(round).await {
                assert!(matches!(outcome, Outcome::Acked(_)), "{outcome:?}");
            }
            written += 4_000;
        }
    })
    .await;
    let mut watching = watch(&nats.store, &["key.>"]).await;
    assert_eq!(snapshot(&mut watching).await.len(), written);
}

#[tokio::test]
async fn keys_are_announced_when_the_connection_is_back() {
    let mut nats = Nats::start().await;
    let store = impatient(&nats.server).await;
    nats.server.kill();
    let group = Group::open(store.clone());
    let keys: Vec<_> = (0..100).map(|n| Key::new(format!("k{n}")).expect("short")).collect();
    let announcing = tokio::spawn(async move { group.announce_all(keys).await });
    // When this one has waited for a connection in vain, those have, too.
    until(|| async {
        let outcome = store.write(put("control.w1", "", None)).await;
        matches!(outcome, Outcome::Refused(StoreError::Unreachable { .. }))
    })
    .await;
    nats.server.restart().expect("it starts again");
    assert_eq!(in_time(announcing).await.expect("no panic"), Ok(100));
    let mut watching = watch(&nats.store, &["key.>"]).await;
    assert_eq!(snapshot(&mut watching).await.len(), 100);
}

#[tokio::test]
async fn a_full_group_refuses_what_grows_and_renews_what_does_not() {
    let server = LocalServer::start().expect("a nats-server");
    let stream = StreamOptions::default().max_bytes(64 * 1024);
    let options = creating().create_if_missing(stream);
    let store = options.connect(server.url(), group()).await.expect("a group");
    assert_eq!(store.info().await.expect("an answer").max_bytes, Some(64 * 1024));
    let lease = write(&store, put("lease.w1", vec![b'x'; 300], Some(0))).await;
    let mut newest = 0;
    let full = loop {
        match store.write(put(&format!("key.{newest}"), vec![b'x'; 500], Some(0))).await {
            Outcome::Acked(revision) => newest = revision.0,
            other => break other,
        }
    };
    assert!(matches!(full, Outcome::Refused(StoreError::Full { .. })), "{full:?}");
    let lease = write(&store, put("lease.w1", vec![b'y'; 300], Some(lease))).await;
    let outcome = store.write(put("lease.w1", vec![b'y'; 900], Some(lease))).await;
    assert!(matches!(outcome, Outcome::Refused(StoreError::Full { .. })), "{outcome:?}");
    write(&store, delete("lease.w1", lease)).await;
}

#[tokio::test]
async fn a_cluster_that_loses_its_leader_goes_on() {
    let mut cluster = Cluster::start().expect("three servers");
    let store = open_patiently(&cluster).await;
    assert_eq!(store.info().await.expect("an answer").replicas, 3);
    let revision = write_patiently(&store, "1", Revision(0)).await;
    let leader = cluster.leader("KV_divider_suite", Duration::from_secs(30)).expect("a leader");
    cluster.servers_mut()[leader].kill();
    let written = write_patiently(&store, "2", revision).await;
    assert!(written > revision);
    let mut watching = in_time(async {
        loop {
            if let Ok(watching) = store.watch(names(&["claim.>"])).await {
                return watching;
            }
        }
    })
    .await;
    let change = in_time(watching.next()).await;
    assert!(matches!(change, Ok(Change::Record(record)) if record.revision == written));
}

/// A cluster that has just formed may choose another leader at once, which answers nothing then.
async fn open_patiently(cluster: &Cluster) -> NatsStore {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let options = NatsStore::options().create_if_missing(StreamOptions::default().replicas(3));
        match options.connect(cluster.url(), group()).await {
            Ok(store) => return store,
            Err(error) => assert!(Instant::now() < deadline, "no group: {error:?}"),
        }
    }
}

/// Writes a claim, also where a cluster has no leader now or has not yet told every server of a new
/// stream. Each attempt is read back before the next, as whoever writes has to.
async fn write_patiently(store: &NatsStore, value: &'static str, expected: Revision) -> Revision {
    in_time(async {
        loop {
            let outcome = store.write(put("claim.a", value, Some(expected.0))).await;
            if let Outcome::Acked(revision) = outcome {
                return revision;
            }
            let unreachable = StoreError::Unreachable { what: String::new() };
            let told = if let Outcome::Refused(error) = &outcome { error } else { &unreachable };
            assert!(matches!(told, StoreError::Unreachable { .. }), "{outcome:?}");
            match store.read("claim.a").await {
                Ok(Some(record)) if record.value.as_deref() == Some(value.as_bytes()) => {
                    return record.revision;
                }
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    })
    .await
}
