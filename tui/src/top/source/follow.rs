//! Following one group.

use std::time::Duration;

use divider::group::GroupWatch;
use divider::snapshot::Update;
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

/// Follows a group until something else is to be followed.
pub(super) async fn follow(
    opened: &Opened,
    asks: &mut mpsc::Receiver<Ask>,
    tell: &mpsc::Sender<News>,
) -> Next {
    let mut watch = opened.group.watch();
    let mut info = interval(INFO);
    info.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut not_before = Instant::now();
    let next = loop {
        tokio::select! {
            biased;
            ask = asks.recv() => match ask {
                None => break Next::Nothing,
                Some(Ask::Switch(group)) => break Next::Group(group),
                Some(Ask::Resync) => break Next::Same,
                Some(ask) => answer_to(ask, &watch, opened, tell).await,
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
    next
}

/// The next update, not before that time: what comes until then is in it.
async fn later(watch: &mut GroupWatch, not_before: Instant) -> Update {
    sleep_until(not_before).await;
    watch.next().await
}

async fn tell_info(group: Group, tell: mpsc::Sender<News>) {
    let asked = Instant::now();
    if let Ok(info) = group.info().await {
        let answer_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        let _ = tell.send(News::Info { info, answer_ms }).await;
    }
}

/// Answers at once what the watch knows, and has the rest answered beside it.
async fn answer_to(ask: Ask, watch: &GroupWatch, opened: &Opened, tell: &mpsc::Sender<News>) {
    let news = match ask {
        Ask::DrainPlan(nodes) => {
            let preview = watch.preview_drain(&nodes).map_err(|error| answer::words(&error));
            News::DrainPlan { nodes, preview }
        }
        Ask::RebalancePlan(nodes) => {
            let preview = plan_after_resume(watch, &nodes);
            News::RebalancePlan(preview.map_err(|error| answer::words(&error)))
        }
        Ask::Suitors(key) => {
            let suitors = watch.suitors(&key).unwrap_or_default();
            News::Suitors { key, suitors }
        }
        Ask::Operate(operation, why) => {
            let (group, tell) = (opened.group.clone(), tell.clone());
            tokio::spawn(answer::operate(operation, why, group, tell));
            return;
        }
        Ask::Groups => {
            let (account, tell) = (opened.account.clone(), tell.clone());
            tokio::spawn(async move {
                let _ = tell.send(News::Groups(groups::rows(&account).await)).await;
            });
            return;
        }
        Ask::Switch(_) | Ask::Resync => return,
    };
    let _ = tell.send(news).await;
}

fn plan_after_resume(
    watch: &GroupWatch,
    nodes: &[NodeId],
) -> Result<divider::snapshot::RebalancePreview, divider::group::OperateError> {
    if nodes.is_empty() { watch.preview_rebalance() } else { watch.preview_resume(nodes) }
}
