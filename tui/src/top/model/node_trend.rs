//! The last ten minutes of each node, in half minutes.

use std::collections::{BTreeMap, VecDeque};

use divider::NodeId;
use divider::snapshot::Snapshot;

use super::history::{Step, What};

/// How a node was in one half minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HalfMinute {
    /// How many keys it had at the end of it.
    pub(crate) keys: u64,
    /// How many keys it got or gave away.
    pub(crate) changes: u64,
}

/// The half minutes of every node in which it was heard of, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeTrend {
    nodes: BTreeMap<NodeId, VecDeque<(u64, HalfMinute)>>,
    /// Which half minute of the Unix time it is.
    newest: u64,
}

/// So many are kept, and so long each is in seconds.
pub(crate) const KEPT: u64 = 20;
const SPAN: u64 = 30;

impl NodeTrend {
    /// Notes how many keys each node has in that Unix second. Costs as much as there are nodes.
    pub(crate) fn note(&mut self, second: u64, live: &Snapshot) {
        self.newest = second / SPAN;
        for node in live.nodes() {
            let half = self.half(&node.node);
            half.keys = node.keys;
        }
        let oldest = (self.newest + 1).saturating_sub(KEPT);
        self.nodes.retain(|_, halves| halves.back().is_some_and(|(at, _)| *at >= oldest));
    }

    /// Counts the keys that nodes got and gave away in that Unix second.
    pub(crate) fn add(&mut self, second: u64, steps: &[Step]) {
        self.newest = second / SPAN;
        let between =
            |step: &&Step| matches!(step.what, What::Moved(_) | What::Taken | What::Orphaned);
        let mut changes: BTreeMap<&NodeId, u64> = BTreeMap::new();
        for step in steps.iter().filter(between) {
            for node in step.from.iter().chain(&step.to) {
                *changes.entry(node).or_default() += 1;
            }
        }
        for (node, count) in changes {
            // Nodes that are gone have no row.
            if self.nodes.contains_key(node) {
                self.half(node).changes += count;
            }
        }
    }

    /// What is known of a node in the half minute that runs: at first what was so before.
    fn half(&mut self, node: &NodeId) -> &mut HalfMinute {
        let newest = self.newest;
        let halves = self.nodes.entry(node.clone()).or_default();
        let last = halves.back().copied();
        if last.is_none_or(|(at, _)| at != newest) {
            if halves.len() as u64 == KEPT {
                halves.pop_front();
            }
            let keys = last.map_or(0, |(_, half)| half.keys);
            halves.push_back((newest, HalfMinute { keys, changes: 0 }));
        }
        &mut halves.back_mut().expect("pushed if there was none").1
    }

    /// The last half minutes of a node, at most so many of them, the newest last. `None`: not known.
    pub(crate) fn of(&self, node: &NodeId, count: usize) -> Vec<Option<HalfMinute>> {
        let count = u64::try_from(count).unwrap_or(KEPT).min(KEPT);
        let halves = self.nodes.get(node);
        let known = |at: u64| {
            let found = halves?.iter().rev().find(|(half, _)| *half == at)?;
            Some(found.1)
        };
        (0..count).rev().map(|back| self.newest.checked_sub(back).and_then(known)).collect()
    }
}

#[cfg(test)]
mod tests {
    use divider::Revision;
    use divider::snapshot::{Moment, NodeState, NodeStatus};

    use super::*;
    use crate::top::fixture::{key, node_id};

    fn group(keys: &[(&str, u64)]) -> Snapshot {
        let now = Moment::now();
        let group = "orders".parse().expect("legal");
        let node = |(id, keys): &(&str, u64)| {
            let mut node = NodeStatus::new(node_id(id), NodeState::Ready, now);
            node.keys = *keys;
            node
        };
        let empty = Snapshot::builder(group, Revision(1), now);
        keys.iter().map(node).fold(empty, divider::snapshot::SnapshotBuilder::node).build()
    }

    fn keys(trend: &NodeTrend, id: &str, count: usize) -> Vec<Option<u64>> {
        let halves = trend.of(&node_id(id), count).into_iter();
        halves.map(|half| half.map(|half| half.keys)).collect()
    }

    #[test]
    fn half_minutes_that_nothing_is_known_of_are_gaps() {
        let mut trend = NodeTrend::default();
        trend.note(3000, &group(&[("w1", 5)]));
        trend.note(3029, &group(&[("w1", 7)]));
        trend.note(3090, &group(&[("w1", 9), ("w2", 1)]));
        assert_eq!(keys(&trend, "w1", 5), [None, Some(7), None, None, Some(9)]);
        assert_eq!(keys(&trend, "w2", 2), [None, Some(1)]);
        assert_eq!(keys(&trend, "w3", 1), [None]);
        assert_eq!(keys(&trend, "w1", 1000).len() as u64, KEPT);
    }

    #[test]
    fn keys_that_come_and_go_are_counted_on_both_sides() {
        let step = |what, from: Option<&str>, to: Option<&str>| Step {
            key: key("eu.1"),
            unix_ms: 0,
            from: from.map(node_id),
            to: to.map(node_id),
            what,
        };
        let mut trend = NodeTrend::default();
        trend.note(3000, &group(&[("w1", 5), ("w2", 5)]));
        let steps = [
            step(What::Moved(None), Some("w1"), Some("w2")),
            step(What::Taken, None, Some("w2")),
            step(What::Stopping, Some("w1"), Some("w1")),
        ];
        trend.add(3010, &steps);
        let changes = |id| trend.of(&node_id(id), 1)[0].map(|half| half.changes);
        assert_eq!((changes("w1"), changes("w2")), (Some(1), Some(2)));
    }

    #[test]
    fn a_node_that_is_gone_is_forgotten_after_ten_minutes() {
        let mut trend = NodeTrend::default();
        trend.note(3000, &group(&[("w1", 5), ("w2", 5)]));
        trend.note(3000 + SPAN * (KEPT - 1), &group(&[("w1", 5)]));
        assert_eq!(trend.nodes.len(), 2);
        trend.note(3000 + SPAN * KEPT, &group(&[("w1", 5)]));
        assert_eq!(trend.nodes.len(), 1);
    }
}
