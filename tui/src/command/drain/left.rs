//! What a drain has left, and why.

use std::collections::{HashMap, HashSet};

use divider::snapshot::{KeyStatus, NodeStatus, Phase, Snapshot};
use divider::{Key, NodeId};
use serde::Serialize;

use crate::contract::Viewer;
use crate::output::{age, millis};

/// A key that a drain has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LeftKey {
    pub(super) key: String,
    pub(super) node: String,
    pub(super) why: Reason,
    /// How long that has been so; null where it is not known.
    pub(super) age_ms: Option<u64>,
}

/// Why a key was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// Its stop is not confirmed; another node owns the key already.
    RunsOn,
    /// Its stop is not confirmed.
    NotConfirmed,
    /// It left the node and has no owner.
    NoOwner,
    /// No other node may take it.
    NoReceiver,
    /// Its stop is not sent yet.
    NotTold,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::RunsOn => "handed over after its stop timed out; may still run on this node",
            Self::NotConfirmed => "stop not confirmed",
            Self::NoOwner => "has no owner",
            Self::NoReceiver => "no other node may take it",
            Self::NotTold => "stop not sent yet",
        }
    }
}

impl LeftKey {
    /// It as a line for people.
    pub(super) fn line(&self) -> String {
        let Self { key, why, age_ms, .. } = self;
        let span = age_ms.map(|ms| age(std::time::Duration::from_millis(ms)));
        let span = span.map_or_else(String::new, |span| match why {
            Reason::RunsOn => format!(" (stop sent {span} ago)"),
            _ => format!(" for {span}"),
        });
        format!("  {key}  {}{span}", why.as_str())
    }
}

/// The keys that a node still has, and those of its keys that nobody has; the worst first.
pub(super) fn left_of(
    node: &NodeStatus,
    planned: &HashMap<Key, NodeId>,
    snapshot: &Snapshot,
    viewer: &Viewer,
) -> Vec<LeftKey> {
    let told = node.unconfirmed.oldest.iter().map(|stop| (&stop.key, stop.told));
    let told: HashMap<_, _> = told.collect();
    let now = viewer.anchor.moment();
    let given = node.unconfirmed.oldest.iter().filter(|stop| stop.given);
    let runs_on = given.clone().map(|stop| LeftKey {
        key: stop.key.to_string(),
        node: node.node.to_string(),
        why: Reason::RunsOn,
        age_ms: Some(millis(now.since(stop.told))),
    });
    let given: HashSet<_> = given.map(|stop| &stop.key).collect();
    let mut left: Vec<LeftKey> = snapshot
        .keys()
        .filter(|(key, _)| !given.contains(key))
        .filter_map(|(key, status)| {
            let why = reason(node, planned.get(key), status)?;
            let since = told.get(key).copied().or_else(|| viewer.known(status.since));
            let since = since.filter(|_| why < Reason::NoReceiver);
            let why = if told.contains_key(key) { Reason::NotConfirmed } else { why };
            Some(LeftKey {
                key: key.to_string(),
                node: node.node.to_string(),
                why,
                age_ms: since.map(|since| millis(now.since(since))),
            })
        })
        .chain(runs_on)
        .collect();
    left.sort_by(|a, b| a.why.cmp(&b.why).then(b.age_ms.cmp(&a.age_ms)));
    left
}

/// Why the key keeps the node from being drained, if it does.
fn reason(node: &NodeStatus, from: Option<&NodeId>, status: &KeyStatus) -> Option<Reason> {
    match &status.owner {
        Some(owner) if *owner == node.node => Some(match (status.phase, &status.to) {
            (Phase::Stopping, _) => Reason::NotConfirmed,
            (_, None) => Reason::NoReceiver,
            (_, Some(_)) => Reason::NotTold,
        }),
        Some(_) => None,
        None => (from == Some(&node.node)).then_some(Reason::NoOwner),
    }
}
