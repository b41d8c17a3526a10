//! What a node counts for whoever measures it.

use super::Node;

/// A node's numbers at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Keys without an owner, those that this node ran before it was fenced among them.
    pub unowned: u64,
    /// How many revisions the view is behind the newest own heartbeat.
    pub view_lag: u64,
}

impl Node {
    /// The numbers now. Costs as much as there are keys on their way, not more.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            unowned: (self.planner.unowned(&self.view) + self.stopped()) as u64,
            view_lag: self.watch.newest_missing().0.saturating_sub(self.view.seen.0),
        }
    }

    /// How many keys the log gives to this node's last session, which is over for itself and not yet
    /// for the others: nobody works on them.
    fn stopped(&self) -> usize {
        let Some(&session) = self.session.old.last() else { return 0 };
        let last = self.view.owners.find(&self.config.node, session);
        let last = last.filter(|&owner| owner != self.session.me && self.planner.is_member(owner));
        last.and_then(|owner| self.view.owners.get(owner)).map_or(0, |owner| owner.keys.len())
    }
}
