//! The other nodes: whose lease is renewed, whose session is over, and how that is proved.

mod kill;
mod observe;
mod proof;
mod ring;

use std::collections::{BTreeMap, BTreeSet};

use self::observe::Seen;
use self::proof::Proofs;
use self::ring::Ring;
use super::io::Io;
use super::member::OwnMember;
use super::session::OwnSession;
use super::trust::LogWatch;
use crate::config::Config;
use crate::id::{NodeId, Session};
use crate::planner::Planner;
use crate::time::{Now, Time};
use crate::timing::Timing;
use crate::view::View;
use crate::wire::LeaseState;

/// What this node sees of other nodes' leases.
#[derive(Debug)]
pub(in crate::node) struct Peers {
    /// Whose leases it ends: of the others it only keeps what it sees.
    ring: Ring,
    /// Since when nobody can have been kept from renewing unseen: no reading anew left out more than a
    /// heartbeat, and the watch was never silent for half a lease.
    whole_since: Time,
    /// What the last thing was that a watch showed before it was read anew.
    gap_since: Option<Time>,
    seen: BTreeMap<NodeId, Seen>,
    /// The nodes whose leases the snapshot has shown so far.
    shown: BTreeSet<NodeId>,
    proofs: Proofs,
    /// Members whose deletion is on its way.
    deleting: BTreeSet<NodeId>,
}

impl Peers {
    pub(in crate::node) fn new(now: Time) -> Self {
        Self {
            ring: Ring::default(),
            whole_since: now,
            gap_since: None,
            seen: BTreeMap::new(),
            shown: BTreeSet::new(),
            proofs: Proofs::default(),
            deleting: BTreeSet::new(),
        }
    }

    /// The watch is read anew, and shows every lease again.
    pub(in crate::node) fn begin_snapshot(&mut self, shown: Time) {
        self.shown.clear();
        self.gap_since.get_or_insert(shown);
    }

    /// The node's session as its lease was last received, and whether it is over.
    fn session(&self, node: &NodeId) -> Option<(Session, bool)> {
        let seen = self.seen.get(node)?;
        Some((seen.session?, seen.state != LeaseState::Live))
    }

    /// Those whose leases this node ends.
    fn observed(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.ring.observed().iter().filter_map(|node| self.seen.get_key_value(node))
    }

    /// When a session that no member record names is asked for next.
    pub(in crate::node) fn next_proof(&self) -> Option<Time> {
        self.proofs.next()
    }

    /// Forgets the sessions that nothing names any more.
    pub(in crate::node) fn sweep(&mut self, named: impl Fn(&NodeId, Session) -> bool) {
        self.proofs.sweep(named);
    }

    #[cfg(test)]
    pub(in crate::node) fn proofs(&self) -> usize {
        self.proofs.len()
    }
}

/// The other nodes, and what the rules about them may touch.
pub(in crate::node) struct PeerHandler<'a> {
    pub(in crate::node) config: &'a Config,
    pub(in crate::node) timing: &'a Timing,
    pub(in crate::node) session: &'a OwnSession,
    pub(in crate::node) member: &'a OwnMember,
    pub(in crate::node) watch: &'a LogWatch,
    pub(in crate::node) view: &'a mut View,
    pub(in crate::node) planner: &'a mut Planner,
    pub(in crate::node) io: &'a mut Io,
    pub(in crate::node) peers: &'a mut Peers,
}

impl PeerHandler<'_> {
    fn is_working(&self, now: Now) -> bool {
        self.session.is_working(now, self.timing, self.watch)
    }
}
