//! Which nodes a node observes: all of them, or a few successors in a ring if the group is large.

use std::collections::BTreeMap;

use crate::id::NodeId;
use crate::plan::node_hash;

/// Up to this number of members, every node observes all others.
pub(super) const ALL_OBSERVE: usize = 16;

/// In a larger group, each node observes this many successors. It looks one node past a run of late
/// successors, and observes one more node for each late successor. So the number of observed nodes
/// doubles with each step past nodes that are gone. Simultaneous crashes then cost one lease time,
/// not one after another.
const SUCCESSORS: usize = 3;

/// The other members in the order of their hashes, starting after this node.
#[derive(Debug, Default)]
pub(super) struct Ring {
    others: Vec<NodeId>,
    /// The number of observed nodes. It does not decrease until the members change.
    count: usize,
}

impl Ring {
    pub(super) fn new<'a>(own: &NodeId, members: impl Iterator<Item = &'a NodeId>) -> Self {
        let place = |node: &NodeId| (node_hash(node.as_str()), node.clone());
        let mut ring: Vec<_> = members.filter(|node| *node != own).map(place).collect();
        ring.sort_unstable();
        let start = ring.partition_point(|at| *at < place(own));
        ring.rotate_left(start);
        Self { others: ring.into_iter().map(|(_, node)| node).collect(), count: SUCCESSORS }
    }

    /// Whether the ring was built from these members.
    pub(super) fn is_of<T>(&self, own: &NodeId, members: &BTreeMap<NodeId, T>) -> bool {
        let others = members.len() - usize::from(members.contains_key(own));
        others == self.others.len() && self.others.iter().all(|n| members.contains_key(n))
    }

    /// Whether the node is in the ring.
    pub(super) fn knows(&self, node: &NodeId) -> bool {
        self.others.contains(node)
    }

    pub(super) fn is_large(&self) -> bool {
        self.others.len() >= ALL_OBSERVE
    }

    /// The nodes that this node observes.
    pub(super) fn observed(&self) -> &[NodeId] {
        &self.others[..if self.is_large() { self.count } else { self.others.len() }]
    }

    /// Observes more nodes if some of them are late.
    pub(super) fn widen(&mut self, is_late: impl Fn(&NodeId) -> bool) {
        if !self.is_large() {
            return;
        }
        let run = self.others.iter().take_while(|node| is_late(node)).count();
        let first = SUCCESSORS.max(run + 1);
        let late = self.others.iter().take(first).filter(|node| is_late(node)).count();
        self.count = self.count.max(first + late).min(self.others.len());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(count: usize) -> Vec<NodeId> {
        (0..count).map(|n| NodeId::new(format!("n{n}")).expect("a legal id")).collect()
    }

    #[test]
    fn in_a_small_group_every_node_observes_all_others() {
        let nodes = ids(16);
        let observed: BTreeSet<_> =
            Ring::new(&nodes[0], nodes.iter()).observed().iter().cloned().collect();
        assert_eq!(observed, nodes[1..].iter().cloned().collect());
        assert!(Ring::new(&nodes[0], nodes[..1].iter()).observed().is_empty());
    }

    #[derive(serde::Deserialize)]
    struct Given {
        own: String,
        members: usize,
        late: Vec<String>,
    }

    #[test]
    fn vectors() {
        crate::vectors::check("ring", |Given { own, members, late }| {
            let own = NodeId::new(own).expect("a legal id");
            let mut ring = Ring::new(&own, ids(members).iter());
            ring.widen(|node| late.iter().any(|late| late == node.as_str()));
            let mut nodes: Vec<_> = ring.observed().iter().map(NodeId::as_str).collect();
            nodes.sort_unstable();
            match nodes.len() {
                0 => serde_json::json!({"observes": "nobody"}),
                _ if !ring.is_large() => serde_json::json!({"observes": "all"}),
                _ => serde_json::json!({"observes": nodes}),
            }
        });
    }

    #[test]
    fn in_a_large_group_every_node_has_three_observers() {
        let nodes = ids(40);
        let mut observers = BTreeMap::<NodeId, usize>::new();
        for node in &nodes {
            let ring = Ring::new(node, nodes.iter());
            assert!(!ring.observed().contains(node));
            for other in ring.observed() {
                *observers.entry(other.clone()).or_default() += 1;
            }
        }
        assert!(nodes.iter().all(|node| observers[node] == 3), "{observers:?}");
    }

    #[test]
    fn each_late_successor_adds_observed_nodes() {
        let nodes = ids(40);
        let mut ring = Ring::new(&nodes[0], nodes.iter());
        let order = ring.others.clone();
        ring.widen(|node| order[..5].contains(node));
        assert_eq!(ring.observed(), &order[..11]);
        ring.widen(|_| false);
        assert_eq!(ring.observed(), &order[..11], "it does not shrink by itself");
        ring.widen(|_| true);
        assert_eq!(ring.observed(), &order[..]);
    }
}
