//! Whether a session is over. Without proof of this, no node takes its keys.
//!
//! **Invariant (proof of death):** only the lease record decides. A session writes its lease before
//! its first claim. So the lease of another session proves that it replaced this one only if its
//! revision is above the first record that named this session since the log was last read from its
//! start. A lower one may be older: a watch skips superseded records, so it may show a claim before the
//! lease that its session has renewed since. If the watch shows no readable lease, nothing is proved: a live session writes
//! its lease again with its next heartbeat.

use super::observe::Seen;
use super::{Awaited, PeerHandler, Peers};
use crate::guard::broken;
use crate::id::{NodeId, Revision, Session};
use crate::time::Now;
use crate::timing::UNKNOWN_LEASE;
use crate::view::OwnerIx;
use crate::wire::LeaseState;

impl Peers {
    /// Whether the node's lease proves that this session of the node is over.
    pub(super) fn is_over(&self, node: &NodeId, session: Session, named: Revision) -> bool {
        let Some(seen) = self.seen.get(node) else { return broken!(AbsentIsNotDead) };
        match seen.session {
            Some(found) if found != session => seen.revision > named,
            Some(_) => seen.state != LeaseState::Live,
            None => broken!(AbsentIsNotDead),
        }
    }
}

impl PeerHandler<'_> {
    /// Whether the session that a claim names is proved to be over. If it is not, its lease is
    /// observed from now on. When the session is over, its keys are reconciled again.
    pub(crate) fn is_proved_over(&mut self, now: Now, owner: OwnerIx) -> bool {
        let Some(entry) = self.view.owners.get(owner).filter(|_| !broken!(ProofOfDeath)) else {
            return true;
        };
        if entry.node == self.config.node {
            // If a session renews its lease after another session was named, the other one has not
            // replaced it.
            let renewed = self.session.lease().is_some_and(|l| l.recorded() > entry.named);
            return owner != self.session.me && renewed;
        }
        if self.peers.is_over(&entry.node, entry.session, entry.named) {
            return true;
        }
        let (node, session, named) = (entry.node.clone(), entry.session, entry.named);
        self.peers.seen.entry(node.clone()).or_insert_with(|| Seen::absent(now.at, UNKNOWN_LEASE));
        // Of several sessions of a node, it waits for the one that was named last: what proves that
        // one over proves it of the others.
        let earlier = self.peers.awaited.get(&node).copied();
        let is_last =
            earlier.is_none_or(|earlier| self.named(&node, earlier.session) < Some(named));
        if is_last {
            let since = earlier.map_or(now.at, |earlier| earlier.since);
            self.peers.awaited.insert(node, Awaited { session, since });
        }
        false
    }

    /// The first record that named this session of the node, if any names it.
    fn named(&self, node: &NodeId, session: Session) -> Option<Revision> {
        let owner = self.view.owners.find(node, session)?;
        self.view.owners.get(owner).map(|entry| entry.named)
    }

    /// Whether the session that this node waits for is over.
    pub(super) fn is_awaited_over(&self, node: &NodeId, session: Session) -> bool {
        let named = self.named(node, session);
        named.is_none_or(|named| self.peers.is_over(node, session, named))
    }

    /// The lease of a node now names another session, or has another state. The keys of its ended
    /// sessions may be taken.
    pub(super) fn on_session_observed(&mut self, node: &NodeId) {
        let owners = self.view.owners.iter().filter(|(_, owner)| owner.node == *node);
        for (_, owner) in
            owners.filter(|(_, owner)| self.peers.is_over(node, owner.session, owner.named))
        {
            self.planner.mark_dirty(owner.keys.iter().copied());
        }
        let awaited = self.peers.awaited.get(node);
        if awaited.is_some_and(|awaited| self.is_awaited_over(node, awaited.session)) {
            self.peers.awaited.remove(node);
        }
    }
}
