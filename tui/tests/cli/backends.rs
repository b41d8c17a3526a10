//! The command on servers of other kinds than NATS, from an empty server to a deleted group.

use divider_local_server::{LocalPostgres, RedisServer};

use crate::bed::Bed;

/// Creates a group, uses it and deletes it.
async fn a_group_from_its_creation_to_its_end(url: &str) {
    let bed = Bed::start();
    let absent = bed.refusal(5, &[&["--server", url], &["nodes"][..]].concat()).await;
    assert!(absent.contains("the group does not exist"), "{absent}");
    let answer = async |args: &[&str]| bed.answer(&[&["--server", url], args].concat()).await;
    assert_eq!(answer(&["init"]).await, "group/orders created\n");
    assert_eq!(answer(&["init"]).await, "group/orders already exists\n");
    answer(&["announce", "a", "b"]).await;
    let status = answer(&["status"]).await;
    assert!(status.contains("2 without an owner"), "{status}");
    assert!(answer(&["keys"]).await.contains("orphaned"));
    answer(&["retract", "a"]).await;
    assert!(answer(&["groups"]).await.contains("orders"));
    answer(&["delete-group", "orders", "--yes", "--confirm", "orders"]).await;
    assert!(!answer(&["groups"]).await.contains("orders"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_on_postgres() {
    if let Some(server) = LocalPostgres::or_skip(LocalPostgres::start()) {
        a_group_from_its_creation_to_its_end(&server.url()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_on_redis() {
    if RedisServer::is_here_or_skip("a_group_on_redis") {
        let server = RedisServer::start().expect("a server");
        a_group_from_its_creation_to_its_end(&server.url()).await;
    }
}
