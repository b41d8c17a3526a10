//! Following one group.

use std::time::Duration;

use divider::group::GroupWatch;
use divider::snapshot::{Link, Update};
use divider::{Group, NodeId};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{Next, answer, groups};
use crate::connection::Opened;
use crate::top::update::{Ask, News};

/// So often news are told at most: a burst becomes one.
const BATCH: Duration = Duration::from_millis(100);

/// So often the store is asked what the log is.
const INFO: Duration = Duration::from_secs(10);

/// Follows a group until something else is to be followed; gives back whom it listens to.
pub(super) async fn follow(
    opened: Opened,
    mut asks: mpsc::Receiver<Ask>,
    tell: mpsc::Sender<News>,
) -> (Next, mpsc::Receiver<Ask>) {
    let mut watch = opened.group.watch();
    drop(tokio::spawn(tell_past(opened.group.clone(), tell.clone())));
    let mut info = interval(INFO);
    info.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut not_before = Instant::now();
    let next = loop {
        tokio::select! {
            biased;
            ask = asks.recv() => match ask {
                None => break Next::Nothing,
                Some(Ask::Switch(group)) => break Next::Group(group),
                Some(Ask::Context(name)) => break Next::Context(name),
                Some(Ask::Resync) => break Next::Same,
                Some(ask) => if let Some(news) = answer_to(ask, &watch, &opened, &tell) {
                    let _ = tell.send(news).await;
                },
            },
            update = later(&mut watch, not_before) => {
                not_before = Instant::now() + BATCH;
                let Update { snapshot, changed, link, .. } = update;
                if tell.send(News::Update { snapshot, changed, link }).await.is_err() {
                    break Next::Nothing;
                }
            }
            _ = info.tick() => drop(tokio::spawn(tell_info(opened.group.clone(), tell.clone()))),
        }
    };
    watch.close().await;
    (next, asks)
}

/// The next update, not before that time: what comes until then is in it.
///
/// While the group is read it is never waited, or the store would have to keep what has come: what
/// is said of it meanwhile is left out.
async fn later(watch: &mut GroupWatch, not_before: Instant) -> Update {
    if watch.snapshot().is_complete() {
        sleep_until(not_before).await;
    }
    loop {
        let update = watch.next().await;
        let reads = matches!(update.link, Link::Reading { .. });
        if !reads || Instant::now() >= not_before {
            return update;
        }
    }
}

/// So far back the events go. A clock shows no more.
const PAST: Duration = Duration::from_hours(12);

/// What happened before. Where that cannot be read, the events begin now.
async fn tell_past(group: Group, tell: mpsc::Sender<News>) {
    if let Ok(history) = group.history(PAST).await {
        let _ = tell.send(News::Past(history.entries)).await;
    }
}

async fn tell_info(group: Group, tell: mpsc::Sender<News>) {
    let asked = Instant::now();
    if let Ok(info) = group.info().await {
        let answer_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        let _ = tell.send(News::Info { info, answer_ms }).await;
    }
}

/// What the watch knows at once; the rest is answered beside it.
fn answer_to(
    ask: Ask,
    watch: &GroupWatch,
    opened: &Opened,
    tell: &mpsc::Sender<News>,
) -> Option<News> {
    Some(match ask {
        Ask::DrainPlan(nodes) => {
            let preview = watch.preview_drain(&nodes).map_err(|error| answer::words(&error));
            News::DrainPlan { nodes, preview }
        }
        Ask::RebalancePlan(nodes) => {
            let preview = plan_after_resume(watch, &nodes);
            News::RebalancePlan(preview.map_err(|error| answer::words(&error)))
        }
        Ask::Suitors(key) => {
            let suitors = watch.candidates(&key).unwrap_or_default();
            News::Suitors { key, suitors }
        }
        Ask::Operate(operation, why) => {
            let on = (opened.place.clone(), opened.group.clone());
            tokio::spawn(answer::operate(operation, why, on, tell.clone()));
            return None;
        }
        Ask::Groups => {
            tokio::spawn(groups::tell(Some(opened.place.clone()), tell.clone()));
            return None;
        }
        Ask::Switch(_) | Ask::Context(_) | Ask::Resync => return None,
    })
}

fn plan_after_resume(
    watch: &GroupWatch,
    nodes: &[NodeId],
) -> Result<divider::snapshot::RebalancePreview, divider::group::OperateError> {
    if nodes.is_empty() { watch.preview_rebalance() } else { watch.preview_resume(nodes) }
}
