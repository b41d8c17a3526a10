//! What a node counts, for metrics.

use super::Node;

/// A node's numbers at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Keys without an owner. This includes the keys that this node ran before it was fenced.
    pub unowned: u64,
    /// How many revisions the view is behind this node's newest heartbeat.
    pub view_lag: u64,
    /// Whether this node is the first member by id. That one reports what concerns the whole group.
    pub is_first: bool,
}

impl Node {
    /// The current numbers. The cost depends on the number of keys in transition, not on all keys.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            unowned: (self.planner.unowned(&self.view) + self.stopped()) as u64,
            view_lag: self.watch.newest_missing().0.saturating_sub(self.view.seen.0),
            is_first: self.view.members.keys().next() == Some(&self.config.node),
        }
    }

    /// The number of keys that the log assigns to this node's last session. That session has ended
    /// for this node, but not yet for the other nodes: no node works on these keys.
    fn stopped(&self) -> usize {
        let Some(&session) = self.session.old.last() else { return 0 };
        let last = self.view.owners.find(&self.config.node, session);
        let last = last.filter(|&owner| owner != self.session.me && self.planner.is_member(owner));
        last.and_then(|owner| self.view.owners.get(owner)).map_or(0, |owner| owner.keys.len())
    }
}
