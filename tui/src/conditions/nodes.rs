//! Nodes that are not as they should be.

use std::time::Duration;

use divider::snapshot::{Mode, Moment, NodeState, NodeStatus, Snapshot};

use super::keys::names;
use super::{Code, Condition, MOST_SUBJECTS, Seen, Severity, are};
use crate::output::{age, count};

/// A node with so many times its share is far above it, in hundredths.
const FAR_ABOVE: u64 = 120;

/// For so long a node may be far above its share while keys are on their way.
const BALANCING: Duration = Duration::from_mins(1);

pub(super) fn look(snapshot: &Snapshot, seen: &Seen, now: Moment, found: &mut Vec<Condition>) {
    found.extend(lost(snapshot, now));
    found.extend(late(snapshot, now));
    found.extend(disagree(snapshot, seen, now));
    found.extend(far_above(snapshot, seen, now));
    found.extend(away(snapshot, now));
    found.extend(quiet(snapshot, NodeState::Cordoned));
    found.extend(quiet(snapshot, NodeState::Absent));
}

fn in_state(snapshot: &Snapshot, state: NodeState) -> Vec<&NodeStatus> {
    let mut nodes: Vec<_> = snapshot.nodes().filter(|node| node.state == state).collect();
    nodes.sort_by_key(|node| node.since);
    nodes
}

fn lost(snapshot: &Snapshot, now: Moment) -> Option<Condition> {
    let nodes = in_state(snapshot, NodeState::Lost);
    // From the last that was heard of it: when a node was found to be lost says little.
    let silent = nodes.iter().map(|node| now.since(node.last_beat.unwrap_or(node.since))).max();
    let lost = nodes.len() as u64;
    let keys: u64 = nodes.iter().map(|node| node.keys).sum();
    let (named, subjects) = names(&nodes);
    let age = age(silent?);
    let sentence = format!(
        "{} {} lost, the first for {age}, with {}: {named}",
        count(lost, "node"),
        are(lost),
        count(keys, "key")
    );
    let severity = Severity::Critical;
    Some(Condition { severity, code: Code::Lost, sentence, count: lost, subjects })
}

fn late(snapshot: &Snapshot, now: Moment) -> Option<Condition> {
    let nodes = in_state(snapshot, NodeState::Late);
    let silence = nodes.iter().filter_map(|node| node.last_beat).map(|beat| now.since(beat)).max();
    let late = nodes.len() as u64;
    let (named, subjects) = names(&nodes);
    let sentence = format!(
        "{} {} late, without a heartbeat for {}: {named}",
        count(late, "node"),
        are(late),
        age(silence?)
    );
    let severity = Severity::Warning;
    Some(Condition { severity, code: Code::Late, sentence, count: late, subjects })
}

/// What a node holds by its own word lags the claims by a heartbeat; after two leases it is wrong.
fn disagree(snapshot: &Snapshot, seen: &Seen, now: Moment) -> Option<Condition> {
    let lasting: Vec<_> = seen
        .disagree
        .iter()
        .filter_map(|(node, (said, since))| Some((snapshot.node(node)?, said, *since)))
        .filter(|(node, _, since)| now.since(*since) > node.lease * 2)
        .collect();
    let (node, (held, keys), since) = lasting.first()?;
    let nodes = lasting.len() as u64;
    let sentence = format!(
        "{} with the claims for {}: {} reports {}, the claims show {keys}",
        if nodes == 1 { "1 node disagrees".to_owned() } else { format!("{nodes} nodes disagree") },
        age(now.since(*since)),
        node.node,
        count(*held, "key")
    );
    let subjects = lasting.iter().take(MOST_SUBJECTS).map(|(n, ..)| n.node.to_string()).collect();
    let severity = Severity::Warning;
    Some(Condition { severity, code: Code::Disagree, sentence, count: nodes, subjects })
}

/// Whether a node has far more than its share, by more than the odd key.
pub(super) fn is_over(node: &NodeStatus) -> bool {
    takes_part(node) && node.keys > node.target + 1 && node.keys * 100 > node.target * FAR_ABOVE
}

/// Whether its share says something: it takes keys, and is there.
fn takes_part(node: &NodeStatus) -> bool {
    node.effective_affinity > 0 && matches!(node.state, NodeState::Ready | NodeState::Late)
}

/// How many times its share the node with the most has, in hundredths; the odd key is none.
pub(crate) fn spread(snapshot: &Snapshot) -> Option<u64> {
    let ratio = |node: &NodeStatus| match node.keys.abs_diff(node.target) {
        0 | 1 => 100,
        _ => node.keys * 100 / node.target.max(1),
    };
    snapshot.nodes().filter(|node| takes_part(node)).map(ratio).max()
}

/// Whether no key is on its way and no move of a generation is left: a spread then stays as it is, also
/// for one look.
fn is_at_rest(snapshot: &Snapshot) -> bool {
    let counts = snapshot.counts();
    let rests = |node: &NodeStatus| match node.state {
        NodeState::Ready | NodeState::Late => node.balanced >= snapshot.generation(),
        state => matches!(
            state,
            NodeState::Cordoned | NodeState::Drained | NodeState::Absent | NodeState::Away
        ),
    };
    counts.stopping + counts.orphaned == 0 && snapshot.nodes().all(rests)
}

fn far_above(snapshot: &Snapshot, seen: &Seen, now: Moment) -> Option<Condition> {
    let stays = seen.is_first_look && is_at_rest(snapshot);
    let lasting =
        seen.over.iter().filter(|(_, ((), since))| stays || now.since(*since) > BALANCING);
    let mut nodes: Vec<_> = lasting.filter_map(|(node, _)| snapshot.node(node)).collect();
    nodes.sort_by_key(|node| std::cmp::Reverse(node.keys * 1000 / node.target.max(1)));
    let worst = nodes.first()?;
    let ratio = worst.keys * 100 / worst.target.max(1);
    let (whole, rest) = (ratio / 100, ratio % 100);
    let most = format!(
        "{} has {whole}.{rest:02}× its share, {} keys of {}",
        worst.node, worst.keys, worst.target
    );
    let sentence = match nodes.len() {
        1 => format!("{most}: run `divider rebalance`"),
        n => format!("{n} nodes have far more than their share ({most}): run `divider rebalance`"),
    };
    let subjects = names(&nodes).1;
    let severity = Severity::Warning;
    let count = nodes.len() as u64;
    Some(Condition { severity, code: Code::Spread, sentence, count, subjects })
}

/// Nodes that restart, and for which their keys wait.
fn away(snapshot: &Snapshot, now: Moment) -> Option<Condition> {
    let nodes = in_state(snapshot, NodeState::Away);
    let first = nodes.first()?;
    let many = nodes.len() as u64;
    let keys: u64 = nodes.iter().map(|node| node.keys).sum();
    let (named, subjects) = names(&nodes);
    let waited = age(now.since(first.since));
    let of = first.away.map(|of| format!(" of {}", age(of))).unwrap_or_default();
    let sentence = format!(
        "{} {} away, the first for {waited}{of}, and {} {} for the return: {named}",
        count(many, "node"),
        are(many),
        count(keys, "key"),
        if keys == 1 { "waits" } else { "wait" },
    );
    let severity = if keys > 0 { Severity::Warning } else { Severity::Note };
    Some(Condition { severity, code: Code::Away, sentence, count: many, subjects })
}

/// Absent nodes for which requests wait.
pub(crate) fn absent(nodes: &[&NodeStatus], named: &str) -> String {
    let request = |node: &NodeStatus| match node.desired.as_ref().map(|desired| desired.mode) {
        Some(Mode::Drain) => Some("will be drained"),
        Some(Mode::Cordon) => Some("will be cordoned"),
        _ => None,
    };
    let first = nodes.first().and_then(|node| request(node));
    let what = first.filter(|what| nodes.iter().all(|node| request(node) == Some(*what)));
    match (nodes.len(), what) {
        (1, Some(what)) => format!("{named} is absent; when it returns it {what}"),
        (1, None) => format!("{named} is absent; its request waits for its return"),
        (n, Some(what)) => format!("{n} nodes are absent; when they return they {what}: {named}"),
        (n, None) => format!("{n} nodes are absent; their requests wait for their return: {named}"),
    }
}

/// Nodes that are cordoned or absent.
fn quiet(snapshot: &Snapshot, state: NodeState) -> Option<Condition> {
    let nodes = in_state(snapshot, state);
    if nodes.is_empty() {
        return None;
    }
    let many = nodes.len() as u64;
    let (named, subjects) = names(&nodes);
    let (code, sentence) = if state == NodeState::Cordoned {
        (Code::Cordoned, format!("{} {} cordoned: {named}", count(many, "node"), are(many)))
    } else {
        (Code::Absent, absent(&nodes, &named))
    };
    Some(Condition { severity: Severity::Note, code, sentence, count: many, subjects })
}
