//! Everything that can be wrong when a group is opened has an error that says what to do.

use std::collections::BTreeSet;
use std::net::TcpListener;

use divider::store::nats::OpenError;
use divider::store::nats::{Right, Role, StreamOptions};
use divider::store::{Store, StoreError};
use divider::{GroupName, NatsStore};
use divider_local_server::LocalServer;
use serde_json::{Value, json};

use crate::said::Said;
use crate::support::{Nats, api, creating, group, names, put, watch, write};

fn server() -> LocalServer {
    LocalServer::start().expect("a nats-server")
}

/// The error of opening, and its text.
async fn error_of(server: &LocalServer) -> (OpenError, String) {
    let error = NatsStore::connect(server.url(), group()).await.expect_err("it has to fail");
    let text = error.to_string();
    (error, text)
}

#[tokio::test]
async fn a_group_is_made_once_and_found_after() {
    let server = server();
    let (error, text) = error_of(&server).await;
    assert!(matches!(error, OpenError::NoGroup { .. }), "{text}");
    assert!(text.contains("divider init") && text.contains("create_if_missing"), "{text}");

    let (one, two) = tokio::join!(
        creating().connect(server.url(), group()),
        creating().connect(server.url(), group()),
    );
    let (one, two) = (one.expect("a group"), two.expect("the same group"));
    let record = one.read("group").await.expect("an answer").expect("a group record");
    assert_eq!(two.read("group").await, Ok(Some(record)));
    NatsStore::connect(server.url(), group()).await.expect("it is there");
    // Whatever else a second one asks for, what exists stays as it is.
    let other = NatsStore::options().create_if_missing(StreamOptions::default().max_bytes(1 << 20));
    let other = other.connect(server.url(), group()).await.expect("it is there");
    assert_eq!(other.info().await.expect("an answer").max_bytes, None);
}

#[tokio::test]
async fn an_account_lists_its_groups_and_opens_them_on_one_connection() {
    let server = server();
    let account = NatsStore::options().account(server.url()).await.expect("a connection");
    assert_eq!(account.groups().await.expect("an answer"), []);
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let foreign = json!({"name": "divider_x", "subjects": ["divider.x.key.>"]});
    api(&client, "STREAM.CREATE.divider_x", foreign).await;
    let names = ["orders", "chat"].map(|name| GroupName::new(name).expect("legal"));
    for name in &names {
        let made = account.open_or_create(name.clone(), StreamOptions::default()).await;
        write(&made.expect("a group"), put("key.a", "", None)).await;
    }
    assert_eq!(account.groups().await.expect("an answer"), [names[1].clone(), names[0].clone()]);
    let store = account.open(names[1].clone()).await.expect("it is there");
    assert!(store.read("key.a").await.expect("an answer").is_some());
    let error = account.open(group()).await.expect_err("it is not there");
    assert!(matches!(error, OpenError::NoGroup { .. }), "{error}");
    assert!(account.server().is_new_enough, "{account:?}");
}

#[tokio::test]
async fn an_old_server_is_named_with_the_version_that_is_needed() {
    let old = "2.10.26".parse().expect("a version");
    let server = LocalServer::builder().version(old).start().expect("an old nats-server");
    let error = creating().connect(server.url(), group()).await.expect_err("too old");
    assert_eq!(
        error.to_string(),
        "nats-server is too old, install a newer one: found 2.10.26, needed 2.11.11"
    );
}

#[tokio::test]
async fn a_server_without_jetstream_is_told_from_a_missing_group() {
    let server = LocalServer::builder().without_jetstream().start().expect("a nats-server");
    let error = creating().connect(server.url(), group()).await.expect_err("no JetStream");
    assert!(matches!(error, OpenError::NoJetStream { .. }), "{error}");
    let server = self::server();
    let wrong = NatsStore::options().domain("nowhere").connect(server.url(), group()).await;
    let text = wrong.expect_err("no such domain").to_string();
    assert!(text.starts_with("no JetStream answers at $JS.nowhere.API"), "{text}");
}

#[tokio::test]
async fn every_broken_rule_of_a_stream_is_listed() {
    let server = server();
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let config = json!({
        "name": "KV_divider_suite", "subjects": ["$KV.divider_suite.>"], "storage": "memory",
        "max_msgs_per_subject": 5, "allow_rollup_hdrs": true, "discard": "old",
    });
    api(&client, "STREAM.CREATE.KV_divider_suite", config).await;
    let (error, text) = error_of(&server).await;
    let OpenError::Rules { stream, broken } = error else { panic!("{text}") };
    assert_eq!(stream, "KV_divider_suite");
    let settings: Vec<_> = broken.iter().map(|rule| rule.setting).collect();
    let want = [
        "subjects",
        "subject_transform",
        "storage",
        "discard",
        "max_msgs_per_subject",
        "max_msg_size",
        "duplicate_window",
        "allow_msg_ttl",
        "allow_rollup_hdrs",
        "deny_delete",
        "deny_purge",
    ];
    assert_eq!(settings, want);
    assert!(text.contains("max_msgs_per_subject is 5, needed 1"), "{text}");
    assert!(text.contains(r#"storage is "memory", needed "file""#), "{text}");
    // It is not for us to change it.
    let error = creating().connect(server.url(), group()).await.expect_err("still wrong");
    assert!(matches!(error, OpenError::Rules { .. }), "{error}");
}

#[tokio::test]
async fn a_rule_that_is_broken_while_the_group_is_open_is_told_with_the_next_look() {
    let nats = Nats::start().await;
    let client = nats.client().await;
    let info = api(&client, "STREAM.INFO.KV_divider_suite", Value::Null).await;
    let edit = async |setting: &str, value: Value| {
        let mut config = info["config"].clone();
        config[setting] = value;
        let done = api(&client, "STREAM.UPDATE.KV_divider_suite", config).await;
        assert_eq!(done["error"], Value::Null, "{setting}");
    };
    let said = Said::listen();
    nats.store.info().await.expect("an answer");
    assert!(said.with("the stream").is_empty(), "{:?}", said.with(""));

    edit("max_age", json!(600_000_000_000u64)).await;
    nats.store.info().await.expect("an answer");
    let lines = said.with("ERROR the stream settings are unsafe");
    assert_eq!(lines.len(), 1, "{:?}", said.with(""));
    assert!(lines[0].contains("max_age is 600000000000, needed 0"), "{lines:?}");
    // A node that misses keys reads the log again: that is a look, too, and what was told is told.
    watch(&nats.store, &[">"]).await.close().await;
    assert_eq!(said.with("settings are unsafe").len(), 1, "{:?}", said.with(""));

    // What is harmless is told, too, and locks nobody out.
    edit("allow_direct", json!(true)).await;
    creating().connect(nats.server.url(), group()).await.expect("it opens all the same");
    nats.store.info().await.expect("an answer");
    let lines = said.with("WARN the stream has unexpected but harmless settings");
    assert!(lines.iter().all(|line| line.contains("allow_direct is true")), "{lines:?}");
    assert_eq!(lines.len(), 2, "one of each store: {lines:?}");

    edit("allow_direct", json!(false)).await;
    nats.store.info().await.expect("an answer");
    assert_eq!(
        said.with("INFO the stream settings are correct again").len(),
        1,
        "{:?}",
        said.with("")
    );
}

#[tokio::test]
async fn a_group_of_another_protocol_is_left_alone() {
    let server = server();
    let store = creating().connect(server.url(), group()).await.expect("a group");
    let check = |value: Value, want: &'static str| {
        let (store, server) = (&store, &server);
        async move {
            write(store, put("group", value.to_string(), None)).await;
            let (_, text) = error_of(server).await;
            assert_eq!(text, want);
        }
    };
    let other = "the group uses another protocol version, this build supports 1: \
                 use a build for 7";
    check(json!({"v": 1, "protocol": 7}), other).await;
    check(json!("nonsense"), "the group record cannot be read, correct or delete it: suite").await;
    write(&store, put("group", json!({"v": 1, "protocol": 1}).to_string(), None)).await;
    NatsStore::connect(server.url(), group()).await.expect("it is ours again");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let url = format!("nats://me:secret@127.0.0.1:{port}");
    let error = NatsStore::connect(&url, group()).await.expect_err("nobody there");
    let source = std::error::Error::source(&error).expect("a source").to_string();
    let said = error.to_string();
    assert!(said.starts_with(&format!("cannot connect to nats://127.0.0.1:{port} (")), "{said}");
    assert!(!source.is_empty() && !source.contains("secret"), "{source}");
    let error = NatsStore::connect("no url at all", group()).await.expect_err("no url");
    assert!(matches!(error, OpenError::Connect { .. }), "{error}");
}

#[tokio::test]
async fn a_user_who_is_not_let_in_or_lacks_a_right_is_told_so() {
    let config = r#"authorization { users = [
        { user: admin, password: pass }
        { user: some, password: pass, permissions: {
            publish: { allow: ["$JS.API.STREAM.INFO.>"] }, subscribe: { allow: ["_INBOX.>"] } } }
        { user: deaf, password: pass, permissions: {
            publish: { allow: [">"] }, subscribe: { allow: ["other.>"] } } }
        { user: mute, password: pass, permissions: {
            publish: { allow: ["other.>"] }, subscribe: { allow: ["_INBOX.>"] } } }
    ] }"#;
    let server = LocalServer::builder().config(config).start().expect("a nats-server");
    let port = server.port();
    let open = |user: &'static str| async move {
        let url = format!("nats://{user}@127.0.0.1:{port}");
        creating().connect(url, group()).await.expect_err("it has to fail")
    };
    let error = open("admin:wrong").await;
    assert!(matches!(error, OpenError::Connect { .. }), "{error}");
    let check = |error: OpenError, subject: &str| {
        let OpenError::Denied { what } = error else { panic!("{error}") };
        assert!(what.contains(subject), "{what}");
    };
    check(open("mute:pass").await, "$JS.API.STREAM.INFO.KV_divider_suite");
    check(open("some:pass").await, "$JS.API.STREAM.CREATE.KV_divider_suite");
    check(open("deaf:pass").await, "_INBOX.");
}

#[tokio::test]
async fn a_group_that_cannot_be_made_says_why() {
    let server = server();
    let three = NatsStore::options().create_if_missing(StreamOptions::default().replicas(3));
    let error = three.connect(server.url(), group()).await.expect_err("one server");
    assert!(error.to_string().contains("replicas > 1 not supported"), "{error}");
}

#[tokio::test]
async fn rights_are_tried_one_by_one_and_nothing_is_changed() {
    let config = r#"authorization { users: [
        { user: all, password: pass }
        { user: announcer, password: pass, permissions: {
            publish: ["divider.suite.key.>"], subscribe: ["_INBOX.>"] } }
    ] }"#;
    let server = LocalServer::builder().config(config).start().expect("a nats-server");
    let url = |user: &str| server.url().replace("nats://", &format!("nats://{user}:pass@"));
    let all = NatsStore::options().account(url("all")).await.expect("a connection");
    let store = all.open_or_create(group(), StreamOptions::default()).await.expect("a group");
    let before = store.info().await.expect("an answer");
    let denied = |rights: Vec<Right>| {
        let denied = rights.into_iter().filter(|right| right.refused.is_some());
        denied.map(|right| (right.role, right.refused)).collect::<Vec<_>>()
    };
    assert_eq!(denied(all.rights(&group()).await), []);
    let announcer = NatsStore::options().account(url("announcer")).await.expect("a connection");
    let rights = denied(announcer.rights(&group()).await);
    let roles: BTreeSet<_> = rights.iter().map(|(role, _)| *role).collect();
    let others = [Role::Viewer, Role::Operator, Role::Worker, Role::Caller];
    assert_eq!(roles, BTreeSet::from(others));
    for (_, refused) in rights {
        assert!(matches!(refused, Some(StoreError::Denied { .. })), "{refused:?}");
    }
    assert_eq!(store.info().await.expect("an answer"), before);
}

/// What is tried has to be what a node asks for, or a user passes who cannot take part.
#[tokio::test]
async fn a_user_who_may_follow_one_subject_and_not_the_log_is_told_so() {
    let config = r#"authorization { users: [
        { user: all, password: pass }
        { user: narrow, password: pass, permissions: {
            publish: { deny: ["$JS.API.CONSUMER.CREATE.KV_divider_suite.*.>"] } } }
    ] }"#;
    let server = LocalServer::builder().config(config).start().expect("a nats-server");
    let url = |user: &str| server.url().replace("nats://", &format!("nats://{user}:pass@"));
    creating().connect(url("all"), group()).await.expect("a group");
    let account = NatsStore::options().account(url("narrow")).await.expect("a connection");
    let rights = account.rights(&group()).await;
    let refused = rights.iter().filter(|right| right.refused.is_some());
    let refused: BTreeSet<_> = refused.map(|right| right.what).collect();
    assert_eq!(refused, BTreeSet::from(["watch", "follow the log"]));
    let store = NatsStore::options().connect(url("narrow"), group()).await.expect("a group");
    let error = store.watch(names(&["key.>", "claim.>"])).await.err().expect("denied");
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn a_group_is_inspected_also_where_it_cannot_be_opened() {
    let server = server();
    let account = NatsStore::options().account(server.url()).await.expect("a connection");
    let error = account.inspect(&group()).await.expect_err("no group");
    assert!(matches!(error, OpenError::NoGroup { .. }), "{error}");
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let config = json!({"name": "KV_divider_suite", "subjects": ["$KV.divider_suite.>"]});
    api(&client, "STREAM.CREATE.KV_divider_suite", config).await;
    let found = account.inspect(&group()).await.expect("an answer");
    assert!(found.broken.iter().any(|rule| rule.setting == "subject_transform"), "{found:?}");
    assert_eq!((found.replicas, found.records), (1, 0));
    assert!(found.server_time.is_some(), "{found:?}");
}
