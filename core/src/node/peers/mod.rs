//! The other nodes: whose lease is renewed, whose session is over, and how that is proved.

mod kill;
mod observe;
mod over;
mod ring;

use std::collections::{BTreeMap, BTreeSet};

use self::observe::Seen;
use self::ring::Ring;
use super::io::Io;
use super::session::OwnSession;
use super::trust::LogWatch;
use crate::config::Config;
use crate::id::{NodeId, Session};
use crate::planner::Planner;
use crate::time::Time;
use crate::timing::Timing;
use crate::view::View;

/// What this node sees of other nodes' leases.
#[derive(Debug)]
pub(crate) struct Peers {
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
    /// The sessions that no member record names and whose end this node waits for, to take their keys.
    awaited: BTreeMap<NodeId, Session>,
    /// Members whose deletion is on its way.
    deleting: BTreeSet<NodeId>,
}

impl Peers {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            ring: Ring::default(),
            whole_since: now,
            gap_since: None,
            seen: BTreeMap::new(),
            shown: BTreeSet::new(),
            awaited: BTreeMap::new(),
            deleting: BTreeSet::new(),
        }
    }

    /// The watch is read anew, and shows every lease again.
    pub(crate) fn begin_snapshot(&mut self, shown: Time) {
        self.shown.clear();
        self.gap_since.get_or_insert(shown);
    }

    /// Those whose leases this node ends.
    fn observed(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.ring.observed().iter().filter_map(|node| self.seen.get_key_value(node))
    }

    /// Those whose sessions this node ends: those that it observes in the ring, and those that it waits
    /// for.
    fn judged(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        let waits = self.awaited.keys().filter(|node| !self.ring.knows(node));
        self.observed().chain(waits.filter_map(|node| self.seen.get_key_value(node)))
    }

    /// Forgets the sessions that nothing names any more.
    pub(crate) fn sweep(&mut self, named: impl Fn(&NodeId, Session) -> bool) {
        self.awaited.retain(|node, session| named(node, *session));
    }

    #[cfg(test)]
    pub(crate) fn awaited(&self) -> usize {
        self.awaited.len()
    }
}

/// The other nodes, and what the rules about them may touch.
pub(crate) struct PeerHandler<'a> {
    pub(crate) config: &'a Config,
    pub(crate) timing: &'a Timing,
    pub(crate) session: &'a OwnSession,
    pub(crate) watch: &'a LogWatch,
    pub(crate) view: &'a mut View,
    pub(crate) planner: &'a mut Planner,
    pub(crate) io: &'a mut Io,
    pub(crate) peers: &'a mut Peers,
}
