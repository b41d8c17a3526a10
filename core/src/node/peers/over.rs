//! Whether a session is over: without proof of that, nothing is taken from it.
//!
//! **Invariant (proof of death):** the lease record alone decides. A session writes its lease before its
//! first claim, and the watch shows records in the order of the log. So when a claim names a session,
//! the lease that the watch shows is that session's, or a later record: its end, or the lease of a
//! session that replaced it. Where the watch shows no lease that can be read, nothing is proved: a
//! session that lives writes its lease again with its next heartbeat. An end that a later snapshot does
//! not show any more proves nothing of other sessions.

use super::observe::Seen;
use super::{PeerHandler, Peers};
use crate::guard::broken;
use crate::id::{NodeId, Revision, Session};
use crate::time::Now;
use crate::timing::UNKNOWN_LEASE;
use crate::view::OwnerIx;
use crate::wire::LeaseState;

impl Peers {
    /// Whether the node's lease proves that this session of it is over.
    pub(super) fn is_over(&self, node: &NodeId, session: Session) -> bool {
        let Some(seen) = self.seen.get(node) else { return broken!(AbsentIsNotDead) };
        match seen.session {
            Some(found) if found != session => seen.revision != Revision::NONE,
            Some(_) => seen.state != LeaseState::Live,
            None => broken!(AbsentIsNotDead),
        }
    }
}

impl PeerHandler<'_> {
    /// Whether the session that a claim names is proved to be over. If it is not, its lease is observed
    /// from now on, and its keys are looked at again when it is over.
    pub(crate) fn is_proved_over(&mut self, now: Now, owner: OwnerIx) -> bool {
        let Some(entry) = self.view.owners.get(owner).filter(|_| !broken!(ProofOfDeath)) else {
            return true;
        };
        if entry.node == self.config.node {
            // A session that renews its lease after another one was named has not been replaced by it.
            let renewed = self.session.lease().is_some_and(|l| l.recorded() > entry.named);
            return owner != self.session.me && renewed;
        }
        if self.peers.is_over(&entry.node, entry.session) {
            return true;
        }
        let (node, session) = (entry.node.clone(), entry.session);
        self.peers.seen.entry(node.clone()).or_insert_with(|| Seen::absent(now.at, UNKNOWN_LEASE));
        self.peers.awaited.insert(node, session);
        false
    }

    /// The lease of a node names another session than before, or is in another state: the keys of its
    /// sessions that are over may be taken.
    pub(super) fn on_session_observed(&mut self, node: &NodeId) {
        let owners = self.view.owners.iter().filter(|(_, owner)| owner.node == *node);
        for (_, owner) in owners.filter(|(_, owner)| self.peers.is_over(node, owner.session)) {
            self.planner.mark_dirty(owner.keys.iter().copied());
        }
        if self.peers.awaited.get(node).is_some_and(|session| self.peers.is_over(node, *session)) {
            self.peers.awaited.remove(node);
        }
    }
}
