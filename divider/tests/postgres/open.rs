//! Opening a group: what is missing, what is refused, and what is created.

use std::time::Duration;

use divider::GroupName;
use divider::store::postgres::{OpenError, PostgresStore};
use divider::store::{Backend, ConnectError, Store, StoreOptions};
use divider_local_server::LocalPostgres;

use crate::support::{PATIENCE, creating, in_time, new_group, put, server, write};

#[tokio::test]
async fn what_is_missing_is_named() {
    let Some(server) = server() else { return };
    let absent = GroupName::new("absent").expect("legal");
    creating().connect(server.url(), new_group()).await.expect("a group");
    let error = creating_not().connect(server.url(), absent.clone()).await.expect_err("no group");
    assert!(matches!(error, OpenError::NoGroup { .. }), "{error:?}");
    let options = creating_not().schema("nowhere");
    let error = options.connect(server.url(), absent.clone()).await.expect_err("no schema");
    assert!(matches!(error, OpenError::NoSchema { .. }), "{error:?}");
    let error = creating().schema("No").connect(server.url(), absent.clone()).await;
    assert!(matches!(error, Err(OpenError::Invalid { .. })), "{error:?}");
    let url = server.url_of("nobody", "postgres");
    let error = creating().connect(url, absent).await.expect_err("no such user");
    assert!(matches!(error, OpenError::Connect { .. }), "{error:?}");
}

fn creating_not() -> divider::store::postgres::PostgresOptions {
    PostgresStore::options().request_timeout(PATIENCE / 2).connect_timeout(PATIENCE / 2)
}

#[tokio::test]
async fn many_who_create_at_once_open_the_same_group() {
    let Some(server) = server() else { return };
    let group = new_group();
    let options = creating().schema("raced");
    let open = || options.connect(server.url(), group.clone());
    let opened = futures_util::future::join_all((0..8).map(|_| open())).await;
    let stores: Vec<_> = opened.into_iter().map(|store| store.expect("a group")).collect();
    write(&stores[0], put("key.a", Some(0))).await;
    for store in &stores {
        assert!(store.read("key.a").await.expect("an answer").is_some());
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let Some(server) = server() else { return };
    let group = new_group();
    let options = creating().schema("newer");
    options.connect(server.url(), group.clone()).await.expect("a group");
    server.sql("UPDATE newer.schema_version SET version = 99").expect("the owner may");
    let error = options.connect(server.url(), group).await.expect_err("too new");
    assert!(matches!(error, OpenError::SchemaVersion { found: 99, .. }), "{error:?}");
}

#[tokio::test]
async fn an_address_opens_lists_and_deletes_groups() {
    // Of its own: nobody has created the schema.
    let Some(server) = LocalPostgres::or_skip(LocalPostgres::start()) else { return };
    let (url, group) = (server.url(), new_group());
    let options = StoreOptions::default().request_timeout(PATIENCE / 2);
    assert_eq!(Backend::of(&url).expect("known"), Backend::Postgres);
    let missing = options.connect(&url, group.clone()).await.map(drop);
    assert!(matches!(missing, Err(ConnectError::NoGroup { .. })), "{missing:?}");
    let missing = options.delete(&url, &group).await;
    assert!(matches!(missing, Err(ConnectError::NoGroup { .. })), "{missing:?}");
    assert_eq!(options.groups(&url).await.expect("an answer"), []);
    let store = options.clone().create_if_missing().connect(&url, group.clone()).await;
    assert_eq!(store.expect("a group").group(), &group);
    assert!(options.groups(&url).await.expect("an answer").contains(&group));
    options.delete(&url, &group).await.expect("deleted");
    assert!(!options.groups(&url).await.expect("an answer").contains(&group));
    let again = options.delete(&url, &group).await;
    assert!(matches!(again, Err(ConnectError::NoGroup { .. })), "{again:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let Some(mut server) = LocalPostgres::or_skip(LocalPostgres::start()) else { return };
    server.stop();
    let options = creating().wait_for_server(PATIENCE);
    let (url, group) = (server.url(), new_group());
    let waiting = tokio::spawn(async move { options.connect(url, group).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.restart().expect("it starts");
    in_time(waiting).await.expect("no panic").expect("a group");
    server.stop();
    let options = creating().wait_for_server(Duration::from_millis(300));
    let error = in_time(options.connect(server.url(), new_group())).await.expect_err("nobody");
    assert!(matches!(error, OpenError::NotThere { .. }), "{error:?}");
}

#[tokio::test]
async fn the_settings_that_promises_depend_on_are_read() {
    let Some(server) = server() else { return };
    let found = creating().inspect(server.url()).await.expect("an answer");
    assert_eq!((found.is_standby, found.fsync.as_str()), (false, "off"));
    assert_eq!((found.synchronous_standbys.as_str(), found.standbys), ("", Some(0)));
    assert_eq!(found.synchronous_commit, "on");
}
