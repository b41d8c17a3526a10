//! What each role may not do is refused, and the refusal names the subject.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Event, ServerError};
use divider::group::{AnnounceError, OperateError, Requester};
use divider::requests::{RequestError, ServeError};
use divider::store::{Filter, Store, StoreError};
use divider::{Divider, Group};
use tokio::sync::mpsc;

use crate::office::{Office, ROLES, connect_as, create, in_time, key, refused};

/// Every record, and the roles that may write it. (Announcements are not writes of records: they go
/// to a subject of their own.)
const RECORDS: [(&str, &[&str]); 9] = [
    ("lease.w1", &["worker"]),
    ("member.w1", &["worker"]),
    ("stops.w1", &["worker"]),
    ("claim.a", &["worker"]),
    ("key.a", &["worker", "operator"]),
    ("control.w1", &["operator"]),
    ("retry.a", &["operator"]),
    ("rebalance", &["operator"]),
    ("group", &["operator"]),
];

/// How long a caller waits for an owner that there is none of: long enough for the server to refuse.
const BRIEF: Duration = Duration::from_secs(20);

#[tokio::test]
async fn each_role_writes_its_own_records_and_no_others() {
    let office = Office::open().await;
    for role in ROLES {
        let store = office.store(role).await;
        for (record, writers) in RECORDS {
            let words = refused(&store, create(record)).await;
            let subject = format!("$KV.divider_orders.{record}");
            match words {
                None => assert!(writers.contains(&role), "{role} may write {record}"),
                Some(words) => {
                    assert!(!writers.contains(&role), "{role} may not write {record}");
                    assert!(words.contains(&subject), "{words}");
                }
            }
        }
    }
}

#[tokio::test]
async fn only_announcers_and_operators_announce() {
    let office = Office::open().await;
    for role in ROLES {
        let announced = office.group(role).await.announce(&key("a")).await;
        match announced {
            Ok(()) => assert!(["announcer", "operator"].contains(&role), "{role}"),
            Err(AnnounceError::NotTaken { source: StoreError::Denied { what }, .. }) => {
                assert!(["worker", "caller", "viewer"].contains(&role), "{role}");
                assert!(what.contains("divider.orders.key.a"), "{what}");
            }
            Err(error) => panic!("{role}: {error}"),
        }
    }
}

#[tokio::test]
async fn an_announcer_reads_nothing() {
    let office = Office::open().await;
    let store = office.store("announcer").await;
    let check = |error: StoreError, subject: &str| match error {
        StoreError::Denied { what } => assert!(what.contains(subject), "{what}"),
        other => panic!("{other}"),
    };
    let error = store.read("key.a").await.expect_err("it is refused");
    check(error, "$JS.API.STREAM.MSG.GET.KV_divider_orders");
    let filter = Filter::everything();
    let error = store.watch(filter).await.map(drop).expect_err("it is refused");
    check(error, "$JS.API.CONSUMER.CREATE.KV_divider_orders.");
}

#[tokio::test]
async fn only_operators_operate() {
    let office = Office::open().await;
    // Somebody has to be there to be drained.
    let member = create("member.w1");
    assert_eq!(refused(&office.store("worker").await, member).await, None);
    let why = Requester::new("test", "");
    let node = "w1".parse().expect("a legal name");
    for role in ["worker", "viewer"] {
        let group: Group = office.group(role).await;
        let check = |error: OperateError, subject: &str| {
            let text = divider_examples::cli::chain(&error);
            assert!(text.contains("ermission") && text.contains(subject), "{role}: {text}");
        };
        check(group.cordon(&node, &why).await.unwrap_err(), "$KV.divider_orders.control.w1");
        check(group.rebalance(&why).await.unwrap_err(), "$KV.divider_orders.rebalance");
        check(group.freeze(None, &why).await.unwrap_err(), "$KV.divider_orders.group");
    }
}

/// A connection with the rights of a role, and what the server says of them.
async fn plain(office: &Office, role: &str) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let tell = Arc::new(tell);
    let options = connect_as(role).event_callback(move |event| {
        if let Event::ServerError(ServerError::Other(words)) = event {
            // The test may be over.
            let _ = tell.send(words);
        }
        std::future::ready(())
    });
    (options.connect(office.server.url()).await.expect("a connection"), told)
}

#[tokio::test]
async fn nobody_deletes_purges_or_changes_the_group() {
    let office = Office::open().await;
    let api = ["DELETE", "PURGE", "UPDATE", "MSG.DELETE", "LEADER.STEPDOWN", "SNAPSHOT", "RESTORE"];
    for role in ROLES {
        let (client, mut told) = plain(&office, role).await;
        let mut subjects: Vec<String> =
            api.iter().map(|what| format!("$JS.API.STREAM.{what}.KV_divider_orders")).collect();
        subjects.extend(
            ["$JS.API.STREAM.CREATE.OTHER", "$JS.API.STREAM.INFO.OTHER", "$SYS.REQ.SERVER.PING"]
                .map(str::to_owned),
        );
        if role != "operator" {
            subjects.push("$JS.API.STREAM.CREATE.KV_divider_orders".to_owned());
        }
        for subject in subjects {
            client.publish(subject.clone(), "{}".into()).await.expect("it is sent");
            let words = in_time(told.recv()).await.expect("the server says so");
            assert!(words.contains("Publish") && words.contains(&subject), "{role}: {words}");
        }
    }
}

#[tokio::test]
async fn nobody_listens_to_what_is_for_others() {
    let office = Office::open().await;
    for role in ROLES {
        let (client, mut told) = plain(&office, role).await;
        let others = ROLES.into_iter().filter(|other| *other != role);
        let mut subjects: Vec<String> = others.map(|other| format!("_INBOX_{other}.>")).collect();
        subjects.extend(
            [">", "_INBOX.>", "$KV.divider_orders.>", "divider.orders.key.>", "$JS.API.>"]
                .map(str::to_owned),
        );
        if role != "worker" {
            subjects.push("divider.orders.to.>".to_owned());
        }
        for subject in subjects {
            let _subscription = client.subscribe(subject.clone()).await.expect("it is sent");
            let words = in_time(told.recv()).await.expect("the server says so");
            assert!(words.contains("Subscription") && words.contains(&subject), "{role}: {words}");
        }
    }
}

#[tokio::test]
async fn only_callers_and_workers_send_requests() {
    let office = Office::open().await;
    for role in ROLES {
        let asked = office.group(role).await.request(&key("a"), "").deadline(BRIEF).await;
        match asked.expect_err("there is no node") {
            RequestError::NoOwner { .. } => assert!(["worker", "caller"].contains(&role), "{role}"),
            RequestError::NotSent { source: StoreError::Denied { what }, .. } => {
                assert!(["announcer", "viewer", "operator"].contains(&role), "{role}");
                assert!(what.contains("divider.orders.to.a"), "{what}");
            }
            error => panic!("{role}: {error:?}"),
        }
    }
}

/// A worker by an older version of the rights: the first key that asks for its requests hears why not.
#[tokio::test]
async fn a_worker_without_the_right_to_requests_is_told_so() {
    let office = Office::without("\"divider.orders.to.>\"").await;
    let (_node, mut events) =
        Divider::builder(office.store("worker").await).node("w1").start().await.expect("a member");
    office.group("announcer").await.announce(&key("a")).await.expect("announced");
    let Some(divider::Event::Start(mine)) = in_time(events.next()).await else { panic!("a start") };
    match mine.requests().await.expect_err("it is refused") {
        ServeError::Store { source: StoreError::Denied { what }, .. } => {
            assert!(what.contains("divider.orders.to."), "{what}");
        }
        error => panic!("{error:?}"),
    }
}

/// Answers that cannot arrive are no time-out: what lacks is said.
#[tokio::test]
async fn a_client_without_its_inbox_prefix_is_told_so() {
    let office = Office::open().await;
    for role in ROLES {
        let options = async_nats::ConnectOptions::with_user_and_password(role.into(), role.into());
        let options = divider::NatsStore::options().connect_options(options);
        let opened = options.connect(office.server.url(), crate::office::group()).await;
        let text = divider_examples::cli::chain(&opened.expect_err("its answers do not arrive"));
        assert!(text.contains("ermission") && text.contains("_INBOX."), "{role}: {text}");
    }
}
