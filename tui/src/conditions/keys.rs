//! Keys that nobody works on, or that nobody stops.

use std::time::Duration;

use divider::Key;
use divider::snapshot::{Moment, NodeState, NodeStatus, Snapshot, UnconfirmedStop};

use super::{Code, Condition, MOST_SUBJECTS, Seen, Severity, are, have, list};
use crate::output::{age, count};

/// Without an owner for so long is no take-over any more.
const LONG_ORPHANED: Duration = Duration::from_secs(30);

/// Not confirmed for so long is a stop that will not be.
const LONG_UNCONFIRMED: Duration = Duration::from_mins(1);

pub(super) fn look(snapshot: &Snapshot, seen: &Seen, now: Moment, found: &mut Vec<Condition>) {
    found.extend(nobody_takes(snapshot));
    found.extend(orphaned(snapshot, seen, now));
    found.extend(quarantined(snapshot, seen));
    found.extend(unconfirmed(snapshot, now));
}

fn nobody_takes(snapshot: &Snapshot) -> Option<Condition> {
    let keys = snapshot.counts().all();
    let takes = |node: &NodeStatus| node.effective_affinity > 0 && node.state != NodeState::Lost;
    if keys == 0 || snapshot.nodes().any(takes) {
        return None;
    }
    let why = match snapshot.nodes().len() {
        0 => "there are no nodes".to_owned(),
        1 => format!("the only node is {}", closed(snapshot)),
        n => format!("all {n} are {}", closed(snapshot)),
    };
    Some(Condition {
        severity: Severity::Critical,
        code: Code::NobodyTakesKeys,
        sentence: format!("no node accepts keys: {why}"),
        count: keys,
        subjects: Vec::new(),
    })
}

/// The states of the nodes, none of which accepts keys: `drained, cordoned or lost`.
fn closed(snapshot: &Snapshot) -> String {
    let state = |node: &NodeStatus| match node.state {
        NodeState::Ready | NodeState::Joining | NodeState::Late => "at affinity 0",
        state => state.as_str(),
    };
    let mut states: Vec<_> = snapshot.nodes().map(state).collect();
    states.sort_unstable();
    states.dedup();
    match states.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

fn orphaned(snapshot: &Snapshot, seen: &Seen, now: Moment) -> Option<Condition> {
    let counts = snapshot.counts();
    let waiting = snapshot.nodes().filter(|node| node.state == NodeState::Away);
    let orphans = counts.orphaned.saturating_sub(waiting.map(|node| node.keys).sum());
    if orphans == 0 {
        return None;
    }
    let mut oldest: Vec<_> = seen.orphans.iter().map(|(key, since)| (*since, key)).collect();
    // There may be as many as there are keys: only the oldest are sorted.
    if oldest.len() > MOST_SUBJECTS {
        oldest.select_nth_unstable(MOST_SUBJECTS);
        oldest.truncate(MOST_SUBJECTS);
    }
    oldest.sort_unstable();
    let waited = oldest.first().map_or(Duration::ZERO, |(since, _)| now.since(*since));
    let severity = if waited >= LONG_ORPHANED { Severity::Critical } else { Severity::Warning };
    let mut sentence = format!("{} {} no owner", count(orphans, "key"), have(orphans));
    if waited >= Duration::from_secs(1) {
        sentence = format!("{sentence}, the first for {}", age(waited));
    }
    if counts.unplaced > 0 {
        let is_unplaced = |key: &&Key| snapshot.key(key).is_some_and(|status| status.to.is_none());
        let first = oldest.iter().map(|(_, key)| *key).find(is_unplaced);
        sentence = match (counts.unplaced, first) {
            (1, Some(first)) => format!("{sentence}: no node takes {first}"),
            (many, Some(first)) => format!("{sentence}: no node takes {many}, such as {first}"),
            (many, None) => format!("{sentence}: no node takes {many}"),
        };
    }
    let subjects = oldest.into_iter().map(|(_, key)| key.to_string()).collect();
    Some(Condition { severity, code: Code::Orphaned, sentence, count: orphans, subjects })
}

fn quarantined(snapshot: &Snapshot, seen: &Seen) -> Option<Condition> {
    let keys = snapshot.counts().quarantined;
    let first = seen.quarantined.first().filter(|_| keys > 0)?;
    let status = snapshot.key(first)?;
    let reason = status.quarantine.as_ref().map_or("", |of| of.reason.as_str());
    let sentence = match keys {
        1 => format!("{first} is quarantined: {reason}"),
        _ => format!("{keys} keys are quarantined, such as {first}: {reason}"),
    };
    let subjects = seen.quarantined.iter().take(MOST_SUBJECTS).map(ToString::to_string).collect();
    let severity = Severity::Warning;
    Some(Condition { severity, code: Code::Quarantined, sentence, count: keys, subjects })
}

/// A node and one of its stops.
type Stop<'a> = (&'a NodeStatus, &'a UnconfirmedStop);

fn unconfirmed(snapshot: &Snapshot, now: Moment) -> Option<Condition> {
    let stops = |node| -> Vec<Stop<'_>> { old_stops(node, now) };
    let mut old: Vec<Stop<'_>> = snapshot.nodes().flat_map(stops).collect();
    old.sort_by_key(|(_, stop)| stop.told);
    let (node, first) = old.first()?;
    let waited = now.since(first.told);
    let severity = if waited >= LONG_UNCONFIRMED { Severity::Critical } else { Severity::Warning };
    let stops = snapshot.nodes().map(|node| how_many(node, now)).sum();
    let sentence = format!(
        "{} {} not confirmed, the first for {}: {} on {}",
        count(stops, "stop"),
        are(stops),
        age(waited),
        first.key,
        node.node
    );
    let subjects = old.iter().take(MOST_SUBJECTS).map(|(_, stop)| stop.key.to_string()).collect();
    Some(Condition { severity, code: Code::Unconfirmed, sentence, count: stops, subjects })
}

/// How many stops of a node are old: of more than it lists, all, where all that it lists are.
fn how_many(node: &NodeStatus, now: Moment) -> u64 {
    let old = old_stops(node, now).len();
    let all = old == node.unconfirmed.oldest.len();
    if all { node.unconfirmed.count } else { old as u64 }
}

/// The stops of a node that took longer than its stop budget, a sixth of its lease.
fn old_stops(node: &NodeStatus, now: Moment) -> Vec<Stop<'_>> {
    let is_old = |stop: &&UnconfirmedStop| now.since(stop.told) > node.lease / 6;
    node.unconfirmed.oldest.iter().filter(is_old).map(|stop| (node, stop)).collect()
}

/// What [`list`] says of nodes.
pub(super) fn names(nodes: &[&NodeStatus]) -> (String, Vec<String>) {
    let subjects = nodes.iter().take(MOST_SUBJECTS).map(|node| node.node.to_string()).collect();
    (list(nodes.iter().map(|node| &node.node)), subjects)
}
