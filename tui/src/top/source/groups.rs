//! The groups of an account, each in a few numbers.

use std::time::Duration;

use divider::snapshot::{NodeState, Snapshot};
use divider::{Group, GroupName};
use tokio::sync::mpsc;

use crate::conditions::spread;
use crate::connection::Server;
use crate::top::model::{GroupNumbers, GroupRow};
use crate::top::update::News;

/// So long one group may take to be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells what there is in the account, once it is read.
pub(super) async fn tell(server: Option<Server>, tell: mpsc::Sender<News>) {
    let rows = match server {
        Some(server) => rows(&server).await,
        None => Err("not connected".to_owned()),
    };
    let _ = tell.send(News::Groups(rows)).await;
}

/// Reads every group of the account once, one after another.
async fn rows(server: &Server) -> Result<Vec<GroupRow>, String> {
    let groups = server.groups().await.map_err(|error| crate::output::chain(&error))?;
    let mut rows = Vec::with_capacity(groups.len());
    for group in groups {
        let numbers = tokio::time::timeout(PATIENCE, numbers(server, group.clone())).await;
        let numbers = numbers.unwrap_or_else(|_| Err("timed out".to_owned()));
        rows.push(GroupRow { group, numbers });
    }
    Ok(rows)
}

async fn numbers(server: &Server, group: GroupName) -> Result<GroupNumbers, String> {
    let store = server.open(group).await.map_err(|error| crate::output::chain(&error))?;
    let snapshot = Group::open(store).snapshot().await;
    snapshot.map(|snapshot| count(&snapshot)).map_err(|error| crate::output::chain(&error))
}

fn count(snapshot: &Snapshot) -> GroupNumbers {
    let counts = snapshot.counts();
    let ready = snapshot.nodes().filter(|node| node.state == NodeState::Ready).count();
    GroupNumbers {
        nodes: snapshot.nodes().len() as u64,
        ready: ready as u64,
        keys: counts.all(),
        orphaned: counts.orphaned,
        stopping: counts.stopping,
        spread: spread(snapshot),
        worst: snapshot.nodes().map(|node| node.state).min(),
    }
}
