//! Drains that failed, or that were paused.

use std::time::Duration;

use divider::snapshot::Mode;
use divider::snapshot::{DesiredState, NodeState, NodeStatus, Snapshot};

use super::{Clock, Code, Condition, Severity};
use crate::conditions::keys::names;
use crate::output::{age, count};

pub(super) fn look(snapshot: &Snapshot, now: Clock, found: &mut Vec<Condition>) {
    found.extend(failed(snapshot, now));
    found.extend(paused(snapshot));
}

/// The desired of a node that is drained and has something left.
fn unfinished(node: &NodeStatus) -> Option<&DesiredState> {
    let desired = node.desired.as_ref().filter(|desired| desired.mode == Mode::Drain)?;
    let left = node.keys + node.unconfirmed.count + desired.adrift;
    let done = matches!(node.state, NodeState::Drained | NodeState::Emptied) || left == 0;
    (!done).then_some(desired)
}

fn failed(snapshot: &Snapshot, now: Clock) -> Option<Condition> {
    let over = |node: &&NodeStatus| {
        let deadline = unfinished(node).and_then(|desired| desired.deadline_ms);
        deadline.is_some_and(|deadline| deadline <= now.unix_ms)
    };
    let nodes: Vec<_> = snapshot.nodes().filter(over).collect();
    let deadlines = nodes.iter().filter_map(|node| unfinished(node)?.deadline_ms);
    let late = Duration::from_millis(now.unix_ms.saturating_sub(deadlines.min()?));
    let keys: u64 = nodes.iter().map(|node| node.keys).sum();
    let (named, subjects) = names(&nodes);
    let failed = nodes.len() as u64;
    let sentence = format!(
        "{} past the deadline by {}, {} left: {named}",
        if failed == 1 { "a drain is".to_owned() } else { format!("drains of {failed} nodes are") },
        age(late),
        count(keys, "key")
    );
    let severity = Severity::Critical;
    Some(Condition { severity, code: Code::DrainFailed, sentence, count: failed, subjects })
}

fn paused(snapshot: &Snapshot) -> Option<Condition> {
    let is_paused = |node: &&NodeStatus| unfinished(node).is_some_and(|desired| desired.paused);
    let nodes: Vec<_> = snapshot.nodes().filter(is_paused).collect();
    if nodes.is_empty() {
        return None;
    }
    let paused = nodes.len() as u64;
    let (named, subjects) = names(&nodes);
    let sentence = if paused == 1 {
        format!("a drain is paused: {named}")
    } else {
        format!("drains of {paused} nodes are paused: {named}")
    };
    let severity = Severity::Note;
    Some(Condition { severity, code: Code::DrainPaused, sentence, count: paused, subjects })
}
