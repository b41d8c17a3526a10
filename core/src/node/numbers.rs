//! What a node counts, for metrics and for the history.

use std::collections::HashMap;

use super::Node;
use crate::id::NodeId;
use crate::planner::Standing;
use crate::view::OwnerIx;
use crate::wire::LeaseState;

/// A node's numbers at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Keys without an owner. This includes the keys that this node ran before it was fenced.
    pub unowned: u64,
    /// Keys in quarantine.
    pub quarantined: u64,
    /// How many revisions the view is behind this node's newest heartbeat.
    pub view_lag: u64,
    /// Whether this node is the first member by id. That one reports what concerns the whole group.
    pub is_first: bool,
}

/// A node with more keys than its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fullest {
    /// The node.
    pub node: NodeId,
    /// Its keys.
    pub keys: u64,
    /// Its share of all keys, as a rebalance would leave it.
    pub share: u64,
}

impl Node {
    /// The current numbers. The cost depends on the number of keys in transition, not on all keys.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            unowned: (self.planner.unowned(&self.view) + self.stopped() + self.waiting()) as u64,
            quarantined: self.view.keys.quarantined() as u64,
            view_lag: self.watch.newest_missing().0.saturating_sub(self.view.seen.0),
            is_first: self.is_first(),
        }
    }

    /// The node with the most keys for its share, if it has more than one key too many, as the view
    /// shows it now. The cost depends on the number of nodes and classes.
    pub fn fullest(&self) -> Option<Fullest> {
        let mut shares: HashMap<OwnerIx, u128> = HashMap::new();
        for (owner, thousandths) in self.planner.classes().targets() {
            *shares.entry(owner).or_default() += thousandths;
        }
        let load = |(owner, thousandths): (OwnerIx, u128)| {
            let entry = self.view.owners.get(owner)?;
            let (keys, share) = (entry.keys.len() as u64, thousandths.div_ceil(1000));
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            (keys > share + 1).then(|| Fullest { node: entry.node.clone(), keys, share })
        };
        shares.into_iter().filter_map(load).max_by(|a, b| {
            let ratio = |f: &Fullest| f.keys * 1000 / f.share.max(1);
            ratio(a).cmp(&ratio(b)).then_with(|| b.node.cmp(&a.node))
        })
    }

    /// Whether this is the first member that is not away.
    fn is_first(&self) -> bool {
        let mut here = self.view.members.iter().filter(|(_, m)| m.record.away().is_none());
        here.next().is_some_and(|(node, _)| *node == self.config.node)
    }

    /// The number of keys that wait for nodes that restart, and whose sessions have ended.
    fn waiting(&self) -> usize {
        let away = self.planner.standings().iter().filter(|(_, standing)| standing.away);
        let ended = away.filter(|(node, _)| {
            self.view.leases.get(*node).is_some_and(|l| l.record.state != LeaseState::Live)
        });
        let keys =
            |(_, s): (&NodeId, &Standing)| self.view.owners.get(s.owner).map(|o| o.keys.len());
        ended.filter_map(keys).sum()
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
