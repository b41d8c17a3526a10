//! Users and their rights.

use std::fs;

use divider::RedisStore;
use divider::store::redis::OpenError;
use divider::store::{HistoryStart, Outcome, Store, StoreError, Write};
use divider_local_server::RedisServer;

use crate::support::{group, put, watch, write};

const USERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../redis-users.acl");

/// A server with the users of the repository's file.
fn server(test: &str) -> Option<RedisServer> {
    if !RedisServer::is_here_or_skip(test) {
        return None;
    }
    let users = fs::read_to_string(USERS).expect("the file is in the repository");
    // An aclfile has no comments.
    let lines: Vec<_> = users.lines().filter(|line| line.starts_with("user ")).collect();
    let path = std::env::temp_dir().join(format!("divider-{}-{test}.acl", std::process::id()));
    let listed = format!("user default off\n{}\n", lines.join("\n"));
    fs::write(&path, listed).expect("written");
    let server = RedisServer::with([format!("aclfile {}", path.display())]).expect("a server");
    fs::remove_file(path).expect("the server has read it");
    Some(server)
}

fn url(server: &RedisServer, role: &str) -> String {
    format!("redis://orders-{role}:change-me-{role}@127.0.0.1:{}", server.port())
}

#[tokio::test]
async fn each_role_gets_by_with_its_rights() {
    let Some(server) = server("each_role") else { return };
    let options = RedisStore::options().create_if_missing();
    let node = options.connect(url(&server, "node"), group()).await.expect("a node");
    let first = write(&node, put("key.a", 0)).await;
    write(&node, Write::delete("key.a", Some(divider::Revision(first)))).await;
    let ttl = std::time::Duration::from_secs(100);
    write(&node, put("key.b", 0).with_ttl(ttl)).await;
    node.append_history("1", "entry".into()).await.expect("the history");
    let key = divider::Key::new("a").expect("legal");
    let checkpoints = node.checkpoints().expect("checkpoints");
    assert_eq!(checkpoints.read(&key).await, Ok(None));

    let viewer = RedisStore::connect(url(&server, "viewer"), group()).await.expect("a viewer");
    assert_eq!(watch(&viewer).await.1, ["group", "key.a", "key.b"]);
    assert_eq!(viewer.read_history(HistoryStart::After(0)).await.expect("it").len(), 1);
    let outcome = viewer.write(put("key.c", 0)).await;
    let denied = |error: &StoreError| matches!(error, StoreError::Denied { .. });
    assert!(
        matches!(&outcome, Outcome::Refused(error) | Outcome::Unknown(error) if denied(error)),
        "{outcome:?}"
    );
    assert_eq!(node.read("key.c").await, Ok(None));

    let operator = RedisStore::connect(url(&server, "operator"), group()).await.expect("one");
    let found = operator.inspect().await.expect("rights");
    assert_eq!((found.role.as_str(), found.appendonly, found.replicas), ("master", false, 0));
    assert!(found.risks().iter().any(|risk| risk.contains("appendonly")), "{:?}", found.risks());
    let inspected = viewer.inspect().await;
    assert!(matches!(&inspected, Err(error) if denied(error)), "{inspected:?}");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_without_a_password() {
    let Some(server) = server("who_is_not_let_in") else { return };
    let nobody = format!("redis://127.0.0.1:{}", server.port());
    let wrong = format!("redis://orders-node:secret@127.0.0.1:{}", server.port());
    let other = url(&server, "node");
    for (url, group) in [(nobody, "orders"), (wrong, "orders"), (other, "payments")] {
        let group = divider::GroupName::new(group).expect("legal");
        let options = RedisStore::options().create_if_missing();
        let error = options.connect(&url, group).await.expect_err("it is not let in");
        assert!(matches!(error, OpenError::Denied { .. }), "{url}: {error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_and_a_server_that_is_not_there_are_told_apart() {
    let opened = RedisStore::connect("nats://localhost", group()).await;
    assert!(matches!(opened, Err(OpenError::Address { .. })), "{opened:?}");
    let opened = RedisStore::connect("redis://:secret@127.0.0.1:1", group()).await;
    let error = opened.expect_err("nobody listens there");
    let unreachable = matches!(error, OpenError::Store(StoreError::Unreachable { .. }));
    assert!(unreachable && !error.to_string().contains("secret"), "{error}");
}
