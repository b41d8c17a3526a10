//! Nodes of tests that pause tokio's clock: on a store in memory they go by it.

use super::*;
use crate::group::Group;
use crate::store::MemoryStore;
use crate::{Assignment, Divider, Finish, RunError};

const LEASE: Duration = Duration::from_secs(6);
const KEYS: usize = 10;

/// A node with a handler for each of its keys.
struct Node {
    divider: Divider,
    run: JoinHandle<Result<(), RunError>>,
}

impl Node {
    async fn start(store: &MemoryStore, name: &str) -> Self {
        let starting = Divider::builder(store.clone()).node(name).lease(LEASE).start();
        let (divider, events) = starting.await.expect("a member");
        let run = crate::run(divider.clone(), events, |mine: Assignment| async move {
            mine.cancelled().await;
            Finish::Release
        });
        Self { divider, run: tokio::spawn(run.into_future()) }
    }

    fn valid(&self) -> usize {
        self.divider.assigned().iter().filter(|assignment| assignment.is_valid()).count()
    }
}

async fn group() -> (MemoryStore, Group) {
    let store = MemoryStore::new(GroupName::new("g").expect("legal"));
    let group = Group::open(store.clone());
    for number in 0..KEYS {
        group.announce(&key(&format!("k{number}"))).await.expect("announced");
    }
    (store, group)
}

#[tokio::test(start_paused = true)]
async fn a_day_passes_with_all_its_heartbeats() {
    let (store, group) = group().await;
    let nodes = [Node::start(&store, "n1").await, Node::start(&store, "n2").await];
    let sessions = nodes.each_ref().map(|node| node.divider.session());
    let mut watch = group.watch();
    let watching = tokio::spawn(async move {
        loop {
            let update = watch.next().await;
            if update.snapshot.counts().running == KEYS as u64 {
                return update.snapshot;
            }
        }
    });
    tokio::time::sleep(Duration::from_hours(24)).await;
    assert_eq!(nodes.each_ref().map(Node::valid), [KEYS / 2; 2]);
    assert_eq!(nodes.each_ref().map(|node| node.divider.session()), sessions, "none was fenced");
    let snapshot = watching.await.expect("no panic");
    assert_eq!(snapshot.nodes().count(), 2);
    assert!(nodes.iter().all(|node| node.divider.lease_remaining() > LEASE / 2));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_ridden_over_while_it_is_short_and_readiness_tells_when_it_is_not() {
    let (store, _group) = group().await;
    let node = Node::start(&store, "n1").await;
    tokio::time::sleep(LEASE).await;
    assert_eq!((node.divider.is_ready(), node.valid()), (true, KEYS));
    let session = node.divider.session();
    store.freeze();
    tokio::time::sleep(LEASE / 2).await;
    assert_eq!((node.divider.is_ready(), node.valid()), (true, KEYS), "there is time left");
    assert!(node.divider.lease_remaining() < LEASE / 2);
    store.thaw();
    tokio::time::sleep(LEASE).await;
    assert_eq!(node.divider.session(), session);
    store.freeze();
    tokio::time::sleep(LEASE).await;
    assert_eq!((node.divider.is_ready(), node.valid()), (false, 0));
    assert_eq!(node.divider.lease_remaining(), Duration::ZERO);
    store.thaw();
    tokio::time::sleep(LEASE * 5).await;
    assert_eq!((node.divider.is_ready(), node.valid()), (true, KEYS));
    assert_ne!(node.divider.session(), session, "it was fenced, and came back");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_advanced_by_a_lease_is_a_pause_of_the_process() {
    let (store, _group) = group().await;
    let node = Node::start(&store, "n1").await;
    tokio::time::sleep(LEASE).await;
    let assignment = node.divider.assigned().pop().expect("it has keys");
    tokio::time::advance(LEASE + Duration::from_millis(1)).await;
    assert!(!assignment.is_valid() && !node.divider.is_ready());
    tokio::time::sleep(LEASE * 5).await;
    assert!(assignment.is_cancelled());
    assert_eq!((node.divider.is_ready(), node.valid()), (true, KEYS));
}

#[tokio::test(start_paused = true)]
async fn keys_are_handed_over_and_completed_as_in_any_time() {
    let (store, group) = group().await;
    let [one, two] = [Node::start(&store, "n1").await, Node::start(&store, "n2").await];
    tokio::time::sleep(LEASE).await;
    one.divider.flush_and_cancel().await.expect("handed over");
    one.run.await.expect("no panic").expect("a good end");
    tokio::time::sleep(LEASE).await;
    assert_eq!(two.valid(), KEYS);
    let assignment = two.divider.assigned().pop().expect("it has keys");
    two.divider.complete(&assignment).await.expect("completed");
    tokio::time::sleep(LEASE).await;
    assert_eq!(two.valid(), KEYS - 1);
    assert_eq!(group.snapshot().await.expect("read").counts().all(), KEYS as u64 - 1);
}

#[tokio::test(start_paused = true)]
async fn on_any_other_store_a_node_does_not_start_in_paused_time() {
    let (asked, _asks) = mpsc::unbounded_channel();
    let store = AskedStore { group: GroupName::new("g").expect("legal"), asked };
    let error = Divider::builder(store).start().await.expect_err("it would wait for ever");
    assert!(matches!(error, StartError::PausedClock), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_whose_handlers_ignore_it_says_how_many_keys_were_lost() {
    let (store, _group) = group().await;
    let starting = Divider::builder(store).lease(LEASE).start();
    let (divider, events) = starting.await.expect("a member");
    let ended = crate::run(divider, events, |_| std::future::pending::<Finish>())
        .with_graceful_shutdown(tokio::time::sleep(LEASE * 2))
        .shutdown_timeout(LEASE)
        .await;
    assert_eq!(ended, Err(RunError::TimedOut { after: LEASE, keys: KEYS as u64 }));
}

#[tokio::test(start_paused = true)]
async fn work_that_is_done_when_it_is_moved_is_not_done_again() {
    let (store, group) = group().await;
    let starting = Divider::builder(store.clone()).node("n1").lease(LEASE).start();
    let (divider, events) = starting.await.expect("a member");
    let run = crate::run(divider, events, |mine: Assignment| async move {
        mine.cancelled().await;
        Finish::Done
    });
    let run = tokio::spawn(run.with_graceful_shutdown(tokio::time::sleep(LEASE * 3)).into_future());
    tokio::time::sleep(LEASE).await;
    let other = Node::start(&store, "n2").await;
    tokio::time::sleep(LEASE).await;
    assert_eq!(other.valid(), 0, "what was to move is done");
    assert_eq!(group.snapshot().await.expect("read").counts().all(), KEYS as u64 / 2);
    run.await.expect("no panic").expect("a good end");
    tokio::time::sleep(LEASE).await;
    assert_eq!(group.snapshot().await.expect("read").counts().all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_every_node_releases_is_tried_by_each_once_a_cool_down() {
    let store = MemoryStore::new(GroupName::new("g").expect("legal"));
    let calls = Arc::new(Mutex::new(Vec::new()));
    for name in ["n1", "n2", "n3"] {
        let calls = Arc::clone(&calls);
        let starting = Divider::builder(store.clone()).node(name).lease(LEASE).start();
        let (divider, events) = starting.await.expect("a member");
        let run = crate::run(divider, events, move |_| {
            lock(&calls).push(tokio::time::Instant::now());
            std::future::ready(Finish::Release)
        });
        tokio::spawn(run.into_future());
    }
    tokio::time::sleep(LEASE).await;
    Group::open(store).announce(&key("k")).await.expect("announced");
    tokio::time::sleep(Duration::from_secs(95)).await;
    let calls = lock(&calls);
    let gaps: Vec<_> = calls.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(calls.len(), 12, "four rounds: {gaps:?}");
    for round in calls.chunks(3) {
        assert!(round[2] - round[0] < Duration::from_secs(1), "{gaps:?}");
    }
    for next in [3, 6, 9] {
        let pause = calls[next] - calls[next - 3];
        assert!((30..31).contains(&pause.as_secs()), "{gaps:?}");
    }
}
