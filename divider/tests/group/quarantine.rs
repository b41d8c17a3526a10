//! Keys whose work fails on every node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use divider::group::{HistoryKind, OperateError, Requester, WriteResult};
use divider::snapshot::{KeyStatus, Phase};
use divider::{Assignment, BoxError, Divider, Finish, Group, Key};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::bed::{Bed, in_time, until};

over_each_store! {
    a_key_that_fails_everywhere_rests_until_it_is_retried
    a_handler_and_an_application_quarantine_by_themselves
}

/// The work of the keys: `bad` fails while it is broken, the others never end.
#[derive(Debug, Clone, Default)]
struct Work {
    mended: Arc<AtomicBool>,
    attempts: Arc<AtomicU32>,
}

impl Work {
    async fn on(self, mine: Assignment) -> Result<Finish, BoxError> {
        if mine.key().as_str() == "bad" {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            if !self.mended.load(Ordering::Relaxed) {
                return Err("no such table".into());
            }
        }
        mine.cancelled().await;
        Ok(Finish::Release)
    }
}

/// A node that runs the work.
struct Node {
    end: oneshot::Sender<()>,
    run: JoinHandle<()>,
}

impl Node {
    async fn start(bed: &Bed, name: &str, work: &Work) -> Self {
        let builder = Divider::builder(bed.store().await).node(name);
        let (divider, events) = builder.cool_down(Duration::ZERO).start().await.expect("it joins");
        let work = work.clone();
        let running = divider::run(divider, events, move |mine| work.clone().on(mine));
        let (end, ended) = oneshot::channel::<()>();
        let running = running
            .backoff(Duration::from_millis(1), Duration::from_hours(1))
            .max_attempts(2)
            .quarantine_after(3)
            .with_graceful_shutdown(async move { _ = ended.await });
        let run = tokio::spawn(async move { running.await.expect("it ends in order") });
        Self { end, run }
    }

    async fn end(self) {
        self.end.send(()).expect("it runs");
        in_time(self.run).await.expect("it ends");
    }
}

fn key(text: &str) -> Key {
    Key::new(text).expect("a legal key")
}

/// The status of the key, as soon as it is so.
async fn when(group: &Group, of: &str, so: impl Fn(&KeyStatus) -> bool) -> KeyStatus {
    let mut watch = group.watch();
    let found = in_time(async {
        loop {
            let update = watch.next().await;
            if let Some(status) = update.snapshot.key(&key(of)).filter(|status| so(status)) {
                return status.clone();
            }
        }
    })
    .await;
    watch.close().await;
    found
}

fn rests(status: &KeyStatus) -> bool {
    status.phase == Phase::Quarantined
}

async fn a_key_that_fails_everywhere_rests_until_it_is_retried(bed: Bed) {
    bed.keep_history().await;
    let (group, work) = (Group::open(bed.store().await), Work::default());
    let ana = Requester::new("ana@ops", "table restored");
    let refused = group.retry(&key("bad"), &ana).await;
    assert!(matches!(refused, Err(OperateError::NoSuchKey { .. })), "{refused:?}");
    group.announce_all([key("bad"), key("good")]).await.expect("announced");
    let nodes = [Node::start(&bed, "w1", &work).await, Node::start(&bed, "w2", &work).await];
    let status = when(&group, "bad", rests).await;
    let quarantine = status.quarantine.expect("it has a reason");
    assert_eq!((quarantine.runs, quarantine.attempts), (3, 6));
    assert_eq!(quarantine.reason, "no such table");
    assert_eq!(work.attempts.load(Ordering::Relaxed), 6);
    when(&group, "good", |status| status.phase == Phase::Running).await;
    let refused = group.retry(&key("good"), &ana).await;
    assert!(matches!(refused, Err(OperateError::NotQuarantined { .. })), "{refused:?}");

    // It outlives every node, and an announcement changes nothing.
    for node in nodes {
        node.end().await;
    }
    let node = Node::start(&bed, "w3", &work).await;
    group.announce_all([key("bad"), key("next")]).await.expect("announced");
    when(&group, "next", |status| status.phase == Phase::Running).await;
    assert!(rests(&when(&group, "bad", |_| true).await));
    assert_eq!(work.attempts.load(Ordering::Relaxed), 6);

    work.mended.store(true, Ordering::Relaxed);
    let retried = in_time(group.retry(&key("bad"), &ana)).await.expect("it rests");
    assert!(matches!(retried, WriteResult::Changed(_)), "{retried:?}");
    let status = when(&group, "bad", |status| status.phase == Phase::Running).await;
    assert_eq!(status.quarantine, None);
    until("it is tried once more", || work.attempts.load(Ordering::Relaxed) == 7).await;
    let history = in_time(group.history(Duration::from_hours(1))).await.expect("it is kept");
    let reasons = |kind: HistoryKind| {
        let entries = history.entries.iter().filter(move |entry| entry.kind == kind);
        entries.map(|entry| entry.reason.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(reasons(HistoryKind::Retried), ["bad: table restored"]);
    assert_eq!(reasons(HistoryKind::Quarantined), ["bad: no such table"]);
    node.end().await;
}

async fn a_handler_and_an_application_quarantine_by_themselves(bed: Bed) {
    let group = Group::open(bed.store().await);
    group.announce_all([key("a")]).await.expect("announced");
    let builder = Divider::builder(bed.store().await).node("w1");
    let (divider, mut events) = builder.start().await.expect("it joins");
    let Some(divider::Event::Start(mine)) = in_time(events.next()).await else {
        panic!("the key starts");
    };
    divider.quarantine(&mine, "é".repeat(300)).await.expect("it is held");
    let status = when(&group, "a", rests).await;
    assert_eq!(status.quarantine.expect("a reason").reason, "é".repeat(256));
    assert!(divider.quarantine(&mine, "again").await.is_err(), "it is not held any more");
    group.retract(&key("a")).await.expect("retracted");
    let handle = divider.clone();
    let run = tokio::spawn(
        divider::run(divider, events, |mine: Assignment| async move {
            Finish::Quarantine(format!("{} has no owner", mine.key()).into())
        })
        .into_future(),
    );
    group.announce_all([key("b")]).await.expect("announced");
    let status = when(&group, "b", rests).await;
    assert_eq!(status.quarantine.expect("a reason").reason, "b has no owner");
    handle.cancel().await;
    in_time(run).await.expect("it ends").expect("cancelled");
}
