//! What each role has to do works with exactly its rights.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use divider::group::{AfterResume, DrainOptions, Requester};
use divider::requests::RequestError;
use divider::store::Store;
use divider::store::nats::Role;
use divider::{Assignment, BoxError, Divider, Event, Events, Finish, Group, NatsStore};
use divider_examples::proxy::{Flow, Link};

use crate::office::{Office, connect_as, group, in_time, key};

/// The next key that a node starts. What it has to stop is stopped meanwhile.
async fn next_start(events: &mut Events) -> String {
    in_time(async {
        loop {
            match events.next().await.expect("the node lives") {
                Event::Start(assignment) => return assignment.key().as_str().to_owned(),
                Event::Stop(handoff) | Event::Lost(handoff) => handoff.confirm(),
            }
        }
    })
    .await
}

async fn start(office: &Office, url: &str, node: &str) -> (Divider, Events) {
    let store = office.try_at(url, "worker").await.expect("a worker may open the group");
    let lease = Duration::from_secs(3);
    Divider::builder(store).node(node).lease(lease).start().await.expect("a worker may join")
}

/// Joining, taking, completing, handing over and leaving; and taking over from a node that is cut off,
/// whose lease another one has to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_works() {
    let office = Office::open().await;
    let announcer = office.group("announcer").await;
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, office.server.port()));
    let link = Link::open(server).unwrap();
    let url = format!("nats://127.0.0.1:{}", link.port());
    let (first, mut events) = start(&office, &url, "w1").await;
    announcer.announce_all(["a", "b", "c"].map(key)).await.unwrap();
    let mut started = BTreeSet::new();
    while started.len() < 3 {
        started.insert(next_start(&mut events).await);
    }
    let held = first.assigned();
    let held = held.iter().find(|held| *held.key() == key("a")).unwrap();
    first.complete(held).await.unwrap();
    let viewer = office.group("viewer").await;
    in_time(until(&viewer, |keys| !keys.contains("a"))).await;

    let (second, mut heir) = start(&office, &office.server.url(), "w2").await;
    // It takes its share, and all when the other one is cut off.
    link.set(Flow::Lose, Flow::Lose);
    let reader = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Event::Stop(handoff) | Event::Lost(handoff) = event {
                handoff.confirm();
            }
        }
    });
    let mut taken = BTreeSet::new();
    while taken.len() < 2 {
        taken.insert(next_start(&mut heir).await);
    }
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), ["b", "c"]);
    let leaving = tokio::spawn(async move { second.flush_and_cancel().await });
    while let Some(event) = in_time(heir.next()).await {
        if let Event::Stop(handoff) | Event::Lost(handoff) = event {
            handoff.confirm();
        }
    }
    assert_eq!(leaving.await.unwrap().unwrap().freed, 2);
    in_time(first.cancel()).await;
    reader.await.unwrap();
}

/// A snapshot so large that the server asks for flow control, too.
#[tokio::test]
async fn a_viewer_views() {
    let office = Office::open().await;
    let keys = (0..30_000).map(|n| key(&format!("/large/{n}")));
    in_time(office.group("announcer").await.announce_all(keys)).await.unwrap();
    let viewer = office.group("viewer").await;
    let snapshot = in_time(viewer.snapshot()).await.unwrap();
    assert_eq!(snapshot.keys().len(), 30_000);
    // A worker follows as much; it takes none of these.
    let store = office.store("worker").await;
    let node = Divider::builder(store).node("w1").prefix("/none/").start().await;
    let (node, _events) = node.unwrap();
    in_time(async {
        while viewer.snapshot().await.unwrap().nodes().len() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    in_time(node.cancel()).await;
}

#[tokio::test]
async fn an_announcer_announces_and_retracts() {
    let office = Office::open().await;
    let (announcer, viewer) = (office.group("announcer").await, office.group("viewer").await);
    announcer.announce(&key("a b")).await.unwrap();
    announcer.announce_for(&key("c"), Duration::from_mins(2)).await.unwrap();
    in_time(until(&viewer, |keys| keys.len() == 2)).await;
    announcer.retract(&key("a b")).await.unwrap();
    in_time(until(&viewer, |keys| keys.len() == 1)).await;
}

/// Through a move, and with an answer of each kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_asks_and_workers_answer() {
    let office = Office::open().await;
    office.group("announcer").await.announce(&key("a b")).await.unwrap();
    let caller = office.group("caller").await;
    let mut tokens = BTreeSet::new();
    for name in ["w1", "w2"] {
        let store = office.store("worker").await;
        let (node, events) = Divider::builder(store).node(name).start().await.unwrap();
        let running = divider::run(node.clone(), events, answer);
        let running = tokio::spawn(running.into_future());
        let request = caller.request(&key("a b"), "hello").deadline(crate::office::PATIENCE);
        let reply = request.await.unwrap();
        assert_eq!(reply.payload(), "HELLO");
        tokens.insert(reply.token().unwrap());
        let dropped = caller.request(&key("a b"), "").await;
        assert!(matches!(dropped, Err(RequestError::Dropped { .. })), "{dropped:?}");
        in_time(node.flush_and_cancel()).await.unwrap();
        in_time(running).await.unwrap().unwrap();
    }
    assert_eq!(tokens.len(), 2);
}

/// Replies in capitals, and not at all to nothing.
async fn answer(mine: Assignment) -> Result<Finish, BoxError> {
    let mut requests = mine.requests().await?;
    while let Some(request) = requests.next().await {
        if !request.payload().is_empty() {
            let reply = request.payload().to_ascii_uppercase();
            request.reply(reply).await?;
        }
    }
    Ok(Finish::Release)
}

#[tokio::test]
async fn an_operator_operates() {
    let office = Office::open().await;
    let operator = office.group("operator").await;
    let (node, _events) = start(&office, &office.server.url(), "w1").await;
    let id = node.node().clone();
    let why = Requester::new("test", "the rights suffice");
    operator.announce(&key("a")).await.unwrap();
    operator.set_affinity(&id, Some(50), &why).await.unwrap();
    operator.cordon(&id, &why).await.unwrap();
    operator.drain(std::slice::from_ref(&id), &DrainOptions::new()).await.unwrap();
    operator.pause_drain(&id).await.unwrap();
    operator.continue_drain(&id).await.unwrap();
    operator.resume(&id, AfterResume::Rebalance, &why).await.unwrap();
    operator.freeze(Some(Duration::from_mins(1)), &why).await.unwrap();
    operator.thaw().await.unwrap();
    operator.reconcile("", [key("b")]).await.unwrap();
    in_time(until(&operator, |keys| keys.len() == 1 && keys.contains("b"))).await;
    in_time(node.cancel()).await;
}

#[tokio::test]
async fn the_group_says_its_state_to_everybody() {
    let office = Office::open().await;
    for role in crate::office::ROLES {
        let info = office.store(role).await.info().await.unwrap();
        assert_eq!(info.replicas, 1, "{role}");
    }
}

/// What tries rights one by one finds what the roles have. A worker may look on and an operator
/// announce; nobody else has what is another's.
#[tokio::test]
async fn rights_that_are_tried_one_by_one_are_those_of_the_roles() {
    let office = Office::open().await;
    for (user, has) in [
        ("worker", &[Role::Viewer, Role::Worker, Role::Caller][..]),
        ("caller", &[Role::Caller]),
        ("viewer", &[Role::Viewer]),
        ("operator", &[Role::Viewer, Role::Announcer, Role::Operator]),
    ] {
        let options = NatsStore::options().connect_options(connect_as(user));
        let account = options.account(office.server.url()).await.unwrap();
        for right in account.rights(&group()).await.iter().filter(|it| has.contains(&it.role)) {
            assert_eq!(right.refused, None, "{user}: {}", right.subject);
        }
        let others = account.rights(&group()).await;
        let others = others.iter().filter(|right| !has.contains(&right.role));
        assert!(
            others.clone().count() > 0 && others.clone().any(|it| it.refused.is_some()),
            "{user}"
        );
    }
}

/// Waits until the keys that exist are as wanted.
async fn until(group: &Group, wanted: impl Fn(&BTreeSet<String>) -> bool) {
    loop {
        let snapshot = group.snapshot().await.expect("it may be read");
        let keys = snapshot.keys().map(|(key, _)| key.as_str().to_owned()).collect();
        if wanted(&keys) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
