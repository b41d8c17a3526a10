//! What a node counts for whoever measures it.

use super::Node;

/// A node's numbers at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Numbers {
    /// Keys without an owner.
    pub(crate) unowned: u64,
    /// How many revisions the view is behind the newest own heartbeat.
    pub(crate) view_lag: u64,
}

impl Node {
    /// The numbers now. Costs as much as there are keys on their way, not more.
    pub(crate) fn numbers(&self) -> Numbers {
        Numbers {
            unowned: self.planner.unowned(&self.view) as u64,
            view_lag: self.watch.newest_missing().0.saturating_sub(self.view.seen.0),
        }
    }
}
