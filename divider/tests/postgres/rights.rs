//! The roles of `postgres-roles.sql`: each has the rights that it needs, and no others.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use divider::store::postgres::{OpenError, PostgresStore};
use divider::store::{CheckpointWrite, Filter, HistoryStart, Outcome, Store, StoreError};
use divider::{GroupName, Key, Revision, Token};
use divider_local_server::LocalPostgres;
use futures_util::future::join_all;

use crate::support::{PATIENCE, creating, in_time, new_group, put, snapshot, until, write};

/// A server with the roles, and a login for each.
async fn with_roles(group: &GroupName) -> Option<LocalPostgres> {
    let server = LocalPostgres::or_skip(LocalPostgres::start())?;
    creating().connect(server.url(), group.clone()).await.expect("a group");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../postgres-roles.sql");
    let psql = server.programs().join("psql");
    let run = Command::new(psql)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.url(), "-f"])
        .arg(file)
        .output()
        .expect("psql");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for role in ["node", "announcer", "viewer"] {
        let login = format!("CREATE ROLE {role} LOGIN; GRANT divider_{role} TO {role}");
        server.sql(&login).expect("the superuser may");
    }
    Some(server)
}

async fn store_of(server: &LocalPostgres, role: &str, group: &GroupName) -> PostgresStore {
    let options = PostgresStore::options().request_timeout(PATIENCE / 2);
    let options = options.connect_timeout(PATIENCE / 2);
    options.connect(server.url_of(role, "postgres"), group.clone()).await.expect("it may open")
}

fn is_denied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(StoreError::Denied { .. }))
}

#[tokio::test]
async fn each_role_may_do_what_it_needs_and_nothing_else() {
    let group = new_group();
    let Some(server) = with_roles(&group).await else { return };
    let (node, announcer, viewer) = (
        store_of(&server, "node", &group).await,
        store_of(&server, "announcer", &group).await,
        store_of(&server, "viewer", &group).await,
    );
    let taken = write(&node, put("claim.a", Some(0))).await;
    write(&announcer, put("key.a", None)).await;
    write(&announcer, put("key.a", None)).await;
    for store in [&node, &announcer, &viewer] {
        let mut watching = in_time(store.watch(Filter::everything())).await.expect("a watch");
        assert_eq!(snapshot(&mut watching).await, ["group", "claim.a", "key.a"]);
    }
    let outcome = viewer.write(put("key.b", None)).await;
    assert!(is_denied(&outcome), "{outcome:?}");
    // Many at once, of which some are refused: each has its own answer.
    let names = ["key.c", "claim.b", "key.d", "claim.a"];
    let outcomes = join_all(names.map(|name| announcer.write(put(name, None)))).await;
    let denied: Vec<_> = outcomes.iter().map(is_denied).collect();
    assert_eq!(denied, [false, true, false, true], "{outcomes:?}");
    let found = node.read("claim.a").await.expect("an answer").expect("a record");
    assert_eq!(found.revision, Revision(taken));
    // A node that lacked a right asks with this whether it has it again.
    let never = Revision(i64::MAX.cast_unsigned());
    let outcome = viewer.write(divider::store::Write::delete("lease.w", Some(never))).await;
    assert!(is_denied(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_node_keeps_history_and_checkpoints_and_sweeps() {
    let group = new_group();
    let Some(server) = with_roles(&group).await else { return };
    let (node, viewer) =
        (store_of(&server, "node", &group).await, store_of(&server, "viewer", &group).await);
    node.append_history("one", Bytes::from_static(b"{}")).await.expect("appended");
    let denied = viewer.append_history("two", Bytes::from_static(b"{}")).await;
    assert!(matches!(denied, Err(StoreError::Denied { .. })), "{denied:?}");
    assert_eq!(viewer.read_history(HistoryStart::After(0)).await.expect("entries").len(), 1);
    let key = Key::new("a").expect("legal");
    let write = |over: Revision| CheckpointWrite::new(key.clone(), over, Token(7), None);
    let outcome = node.checkpoints().expect("kept").write(write(Revision::NONE)).await;
    let Outcome::Acked(revision) = outcome else { panic!("{outcome:?}") };
    let outcome = viewer.checkpoints().expect("kept").write(write(revision)).await;
    assert!(is_denied(&outcome), "{outcome:?}");
    let swept = format!("SET ROLE node; SELECT divider.sweep_v1('{group}', 0, 1000, 1000)");
    until(|| async { server.sql(&swept).is_ok() }).await;
}

#[tokio::test]
async fn nobody_but_the_owner_creates_or_deletes_groups() {
    let group = new_group();
    let Some(server) = with_roles(&group).await else { return };
    for role in ["node", "announcer", "viewer"] {
        let url = server.url_of(role, "postgres");
        let created = creating().connect(&url, new_group()).await.map(drop);
        assert!(matches!(created, Err(OpenError::Denied { .. })), "{role}: {created:?}");
        let deleted = creating().delete(&url, &group).await;
        assert!(matches!(deleted, Err(OpenError::Denied { .. })), "{role}: {deleted:?}");
        // Who may create where something is missing opens what is there.
        let opened = creating().connect(&url, group.clone()).await.map(drop);
        assert!(opened.is_ok(), "{role}: {opened:?}");
    }
}
