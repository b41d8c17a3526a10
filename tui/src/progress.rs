//! How far a drain is.

use divider::NodeId;
use divider::snapshot::{Link, NodeState, NodeStatus, Snapshot, Update};
use divider::wire::Mode;

use crate::exit::{Exit, Failure};
use crate::output::{answer, count, tell};

/// The nodes that are not drained yet.
pub(crate) struct Progress {
    left: Vec<NodeId>,
    /// Whether the wish was seen: before, a node is in whatever state it was.
    begun: Vec<NodeId>,
    lost: bool,
}

impl Progress {
    pub(crate) fn new(nodes: Vec<NodeId>) -> Self {
        Self { left: nodes, begun: Vec::new(), lost: false }
    }

    /// Says which nodes are drained now, and whether all are.
    pub(crate) fn on_update(&mut self, update: &Update) -> Result<bool, Failure> {
        self.tell_link(&update.link);
        if !update.snapshot.is_complete() {
            return Ok(false);
        }
        for node in self.left.clone() {
            if self.is_done(&node, update.snapshot.node(&node))? {
                answer(&format!("node/{node} drained\n"))?;
                self.left.retain(|left| *left != node);
            }
        }
        Ok(self.left.is_empty())
    }

    fn is_done(&mut self, node: &NodeId, status: Option<&NodeStatus>) -> Result<bool, Failure> {
        let drains = |s: &&NodeStatus| s.wish.as_ref().is_some_and(|w| w.mode == Mode::Drain);
        let Some(status) = status.filter(drains) else {
            let undone = self.begun.contains(node);
            return if undone {
                Err(Failure::new(Exit::Refused, format!("somebody undid the drain: {node}")))
            } else {
                Ok(false)
            };
        };
        if !self.begun.contains(node) {
            self.begun.push(node.clone());
        }
        let adrift = status.wish.as_ref().map_or(0, |wish| wish.adrift);
        let gone = status.state == NodeState::Absent && status.keys == 0 && adrift == 0;
        Ok(gone || status.state == NodeState::Drained)
    }

    /// What is left when there is no more time.
    pub(crate) fn left(&self, snapshot: &Snapshot) -> String {
        let each = self.left.iter().map(|node| {
            let status = snapshot.node(node);
            let keys = status.map_or(0, |s| s.keys);
            let stops = status.map_or(0, |s| s.unconfirmed.count);
            format!(
                "{node} still has {}, {} not confirmed",
                count(keys, "key"),
                count(stops, "stop")
            )
        });
        let each: Vec<_> = each.collect();
        format!("the deadline is over, and nothing is undone: {}", each.join("; "))
    }

    fn tell_link(&mut self, link: &Link) {
        let lost = match link {
            Link::Lost { error, .. } if !self.lost => {
                tell(&format!("lost the store, trying again; the drain goes on: {error}"));
                true
            }
            Link::Lost { .. } => true,
            Link::Live => false,
            _ => self.lost,
        };
        self.lost = lost;
    }
}
