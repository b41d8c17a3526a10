//! The subjects of a group: announcing by a plain publish, domains, and who may do what.

use std::time::Duration;

use divider::store::{Outcome, Store, StoreError, Write};
use divider::{NatsStore, Revision};
use divider_local_server::LocalServer;
use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::support::{
    Nats, consumers, creating, fill, group, in_time, names, next_record, put, snapshot, until,
    watch, write,
};

#[tokio::test]
async fn a_plain_publish_announces_a_key() {
    let nats = Nats::start().await;
    let client = nats.client().await;
    let mut watching = watch(&nats.store, &["key.>"]).await;
    snapshot(&mut watching).await;
    let publish = |key: &'static str, headers: &'static [(&str, &str)]| {
        let client = client.clone();
        async move {
            let subject = format!("divider.suite.key.{key}");
            let mut map = async_nats::HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, *value);
            }
            let sent = if headers.is_empty() {
                client.publish(subject, "".into()).await
            } else {
                client.publish_with_headers(subject, map, "".into()).await
            };
            sent.expect("it is sent");
        }
    };
    publish("/process/me/1234", &[]).await;
    let plain = next_record(&mut watching).await;
    assert_eq!((plain.name.as_str(), plain.ttl), ("key./process/me/1234", None));
    assert_eq!(plain.value.as_deref(), Some(&b""[..]));

    publish("orders.eu.17", &[("Nats-TTL", "90s")]).await;
    let short = next_record(&mut watching).await;
    assert_eq!(
        (short.name.as_str(), short.ttl),
        ("key.orders.eu.17", Some(Duration::from_secs(90)))
    );

    publish("orders.eu.17", &[("KV-Operation", "DEL")]).await;
    let gone = next_record(&mut watching).await;
    assert_eq!((gone.name.as_str(), gone.value, gone.ttl), ("key.orders.eu.17", None, None));

    let read = nats.store.read("key./process/me/1234").await.expect("an answer");
    assert_eq!(read, Some(plain));
    watching.close().await;
}

#[tokio::test]
async fn the_group_is_a_key_value_bucket_for_others() {
    let nats = Nats::start().await;
    let jetstream = async_nats::jetstream::new(nats.client().await);
    let bucket = jetstream.get_key_value("divider_suite").await.expect("a bucket");
    let revision = write(&nats.store, put("key.a", "value", None)).await;
    let entry = bucket.entry("key.a").await.expect("an answer").expect("an entry");
    assert_eq!((entry.revision, &entry.value[..]), (revision, &b"value"[..]));
    bucket.delete("key.a").await.expect("it is deleted");
    let record = nats.store.read("key.a").await.expect("an answer").expect("a tombstone");
    assert_eq!(record.value, None);
    // This is how one without a time to live is given one.
    let ttl = Some(Duration::from_hours(1));
    let again = Write::delete("key.a", Some(record.revision)).with_ttl(ttl);
    write(&nats.store, again).await;
    let record = nats.store.read("key.a").await.expect("an answer").expect("a tombstone");
    assert_eq!(record.ttl, ttl);
}

#[tokio::test]
async fn a_group_lives_in_another_domain_or_on_a_client_that_exists() {
    let config = "jetstream { domain: hub }";
    let server = LocalServer::builder().config(config).start().expect("a nats-server");
    let far = creating().domain("hub").connect(server.url(), group()).await.expect("a group");
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let near = NatsStore::open(client, group()).await.expect("the same group");
    let mut watching = watch(&near, &["key.>"]).await;
    snapshot(&mut watching).await;
    let revision = write(&far, put("key.a", "", Some(0))).await;
    assert_eq!(next_record(&mut watching).await.revision, Revision(revision));
    let mut other = watch(&far, &["key.>"]).await;
    assert_eq!(snapshot(&mut other).await.len(), 1);
    assert_eq!(near.read("key.a").await, far.read("key.a").await);
    watching.close().await;
    other.close().await;
}

/// A server with one user who may do everything, and one who may publish only this.
fn with_user(allowed: &str) -> LocalServer {
    LocalServer::builder().config(rights(allowed)).start().expect("a nats-server")
}

/// A configuration with an administrator, and a user who may publish to these subjects.
fn rights(allowed: &str) -> String {
    format!(
        r#"authorization {{ users = [
            {{ user: admin, password: pass }}
            {{ user: some, password: pass, permissions: {{
                publish: {{ allow: [{allowed}] }}, subscribe: {{ allow: ["_INBOX.>"] }} }} }}
        ] }}"#
    )
}

fn url(server: &LocalServer, user: &str) -> String {
    format!("nats://{user}:pass@127.0.0.1:{}", server.port())
}

async fn client(server: &LocalServer, user: &str) -> async_nats::Client {
    let options = async_nats::ConnectOptions::with_user_and_password(user.into(), "pass".into());
    options.connect(server.url()).await.expect("a connection")
}

#[track_caller]
fn assert_denied(error: &StoreError, subject: &str) {
    let StoreError::Denied { what } = error else { panic!("{error}") };
    assert!(what.contains(subject), "{what}");
}

#[tokio::test]
async fn a_permission_that_lacks_is_named_and_not_timed_out() {
    let server = with_user(r#""$JS.API.STREAM.INFO.>", "$KV.divider_suite.key.>""#);
    let admin = creating().connect(url(&server, "admin"), group()).await.expect("a group");
    let store = NatsStore::connect(url(&server, "some"), group()).await.expect("the group");
    write(&store, put("key.a", "", Some(0))).await;
    let outcome = store.write(put("claim.a", "", Some(0))).await;
    let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
    assert_denied(&error, "$KV.divider_suite.claim.a");
    let error = store.read("key.a").await.expect_err("denied");
    assert_denied(&error, "$JS.API.STREAM.MSG.GET.KV_divider_suite");
    let error = store.watch(names(&[">"])).await.map(drop).expect_err("denied");
    assert_denied(&error, "$JS.API.CONSUMER.CREATE.KV_divider_suite.");
    assert_eq!(admin.read("claim.a").await, Ok(None));
}

#[tokio::test]
async fn a_worker_gets_by_with_the_rights_of_its_role() {
    let server = with_user(
        r#""$JS.API.STREAM.INFO.KV_divider_suite", "$JS.API.STREAM.MSG.GET.KV_divider_suite",
           "$JS.API.CONSUMER.CREATE.KV_divider_suite.>",
           "$JS.API.CONSUMER.DELETE.KV_divider_suite.*", "$JS.FC.KV_divider_suite.>",
           "$KV.divider_suite.claim.>", "$KV.divider_suite.lease.>", "$KV.divider_suite.key.>""#,
    );
    let admin = creating().connect(url(&server, "admin"), group()).await.expect("a group");
    fill(&admin, (0..20_000).map(|n| put(&format!("key.{n}"), vec![b'x'; 500], None))).await;
    let store = NatsStore::connect(url(&server, "some"), group()).await.expect("the group");
    for filter in [&["key.>", "claim.>", "group"][..], &["key.>"], &["lease.w2"]] {
        let mut watching = watch(&store, filter).await;
        let expected = if filter[0] == "key.>" { 20_000 } else { 0 };
        assert!(snapshot(&mut watching).await.len() >= expected);
        watching.close().await;
    }
    write(&store, put("claim.a", "", Some(0))).await;
    let key = store.read("key.1").await.expect("an answer").expect("a record");
    write(&store, Write::delete("key.1", Some(key.revision))).await;
    let outcome = store.write(put("control.w1", "", Some(0))).await;
    let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
    assert_denied(&error, "$KV.divider_suite.control.w1");
}

#[tokio::test]
async fn a_consumer_that_could_not_be_deleted_is_deleted_with_the_next_watch() {
    const READS: &str = r#""$JS.API.STREAM.INFO.>", "$JS.API.STREAM.MSG.GET.>",
        "$JS.API.CONSUMER.CREATE.>", "$JS.FC.>""#;
    let mut server = with_user(READS);
    creating().connect(url(&server, "admin"), group()).await.expect("a group");
    let admin = client(&server, "admin").await;
    let mut deletions = admin.subscribe("$JS.API.CONSUMER.DELETE.>").await.expect("it listens");
    admin.flush().await.expect("it listens");
    let store = NatsStore::connect(url(&server, "some"), group()).await.expect("the group");
    watch(&store, &[">"]).await.close().await;
    assert_eq!(consumers(&admin).await, 1, "it may not delete it");
    server.reload(rights(&format!("{READS}, \"$JS.API.CONSUMER.DELETE.>\""))).expect("it is taken");
    // The server has closed its connection.
    let again = in_time(async {
        loop {
            if let Ok(again) = store.watch(names(&[">"])).await {
                return again;
            }
        }
    });
    let again = again.await;
    in_time(deletions.next()).await.expect("a request to delete it");
    until(|| async { consumers(&admin).await == 1 }).await;
    again.close().await;
    assert_eq!(consumers(&admin).await, 0);
}

#[tokio::test]
async fn an_announcer_needs_no_right_but_to_announce() {
    let server = with_user(r#""$JS.API.STREAM.INFO.KV_divider_suite", "divider.suite.key.>""#);
    let admin = creating().connect(url(&server, "admin"), group()).await.expect("a group");
    let store = NatsStore::connect(url(&server, "some"), group()).await.expect("the group");
    let expires_in = Some(Duration::from_hours(1));
    let revision = write(&store, put("key.a", "", None).with_expires_in(expires_in)).await;
    let record = admin.read("key.a").await.expect("an answer").expect("a record");
    assert_eq!((record.revision, record.ttl), (Revision(revision), None));
    assert!(record.expires_in.is_some_and(|left| left <= Duration::from_hours(1)));
    write(&store, Write::delete("key.a", None)).await;
    let record = admin.read("key.a").await.expect("an answer").expect("a tombstone");
    assert_eq!((record.value, record.ttl), (None, None));
    let many = (0..100).map(|n| store.write(put(&format!("claim.{n}"), "", None)));
    for outcome in in_time(join_all(many)).await {
        let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
        assert_denied(&error, "$KV.divider_suite.claim.");
    }
}

#[tokio::test]
async fn on_a_client_that_was_handed_in_a_time_out_lists_the_rights() {
    let server = with_user(r#""$JS.API.STREAM.INFO.>", "$JS.API.STREAM.MSG.GET.>""#);
    creating().connect(url(&server, "admin"), group()).await.expect("a group");
    let client = client(&server, "some").await;
    let options = NatsStore::options().request_timeout(Duration::from_millis(500));
    let store = options.open(client, group()).await.expect("the group");
    let outcome = store.write(put("claim.a", "", Some(0))).await;
    let Outcome::Unknown(error @ StoreError::Timeout { .. }) = outcome else {
        panic!("{outcome:?}");
    };
    let text = error.to_string();
    assert!(text.contains("publish to that subject and subscribe to _INBOX."), "{text}");
    assert!(text.contains("$KV.divider_suite.claim.a"), "{text}");
}

#[tokio::test]
async fn a_viewer_can_be_confined_to_its_filter() {
    let server = with_user(
        r#""$JS.API.STREAM.INFO.KV_divider_suite", "$JS.API.STREAM.MSG.GET.KV_divider_suite",
           "$JS.API.CONSUMER.CREATE.KV_divider_suite.*.$KV.divider_suite.key.>",
           "$JS.API.CONSUMER.DELETE.KV_divider_suite.*", "$JS.FC.KV_divider_suite.>""#,
    );
    let admin = creating().connect(url(&server, "admin"), group()).await.expect("a group");
    write(&admin, put("key.a", "", None)).await;
    let store = NatsStore::connect(url(&server, "some"), group()).await.expect("the group");
    let mut watching = watch(&store, &["key.>"]).await;
    assert_eq!(snapshot(&mut watching).await.len(), 1);
    watching.close().await;
    for more in [&[">"][..], &["key.>", "claim.>"]] {
        let error = store.watch(names(more)).await.map(drop).expect_err("denied");
        assert_denied(&error, "$JS.API.CONSUMER.CREATE.KV_divider_suite.");
    }
}

/// Without the right to answer flow control a large snapshot stands still in its middle.
#[tokio::test]
async fn a_watch_that_may_not_answer_flow_control_ends_and_says_so() {
    let server = with_user(r#""$JS.API.>""#);
    let admin = creating().connect(url(&server, "admin"), group()).await.expect("a group");
    fill(&admin, (0..20_000).map(|n| put(&format!("key.{n}"), vec![b'x'; 500], None))).await;

    let store = NatsStore::connect(url(&server, "some"), group()).await.expect("the group");
    let client = client(&server, "some").await;
    let handed_in = NatsStore::open(client, group()).await.expect("the group");
    for (store, denied) in [(store, true), (handed_in, false)] {
        let mut watching = watch(&store, &["key.>"]).await;
        let error = in_time(async {
            loop {
                if let Err(error) = watching.next().await {
                    return error;
                }
            }
        })
        .await;
        if denied {
            assert_denied(&error, "$JS.FC.KV_divider_suite.");
        } else {
            assert!(matches!(error, StoreError::Gap { .. }), "{error}");
            assert!(
                error.to_string().contains("may publish to $JS.FC.KV_divider_suite."),
                "{error}"
            );
        }
    }
    until(|| async { admin.info().await.is_ok() }).await;
}
