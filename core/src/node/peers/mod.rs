//! The other nodes: which leases are renewed, which sessions are over, and how that is proved.

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
    /// The nodes whose leases this node ends. For other nodes it only records what it sees.
    ring: Ring,
    /// Since when this node has seen every renewal: the log was not read again with a gap of more
    /// than a heartbeat, and the watch was never silent for half a lease.
    unbroken_since: Time,
    /// When a watch last showed something before the log was read again.
    gap_since: Option<Time>,
    seen: BTreeMap<NodeId, Seen>,
    /// The nodes whose leases the snapshot has shown so far.
    shown: BTreeSet<NodeId>,
    /// Sessions that no member record names. This node waits for their end, to take their keys.
    awaited: BTreeMap<NodeId, Awaited>,
    /// Members whose deletion is in flight.
    deleting: BTreeSet<NodeId>,
}

/// A session whose end this node waits for.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    session: Session,
    /// Since when no lease of it has been shown, at the earliest.
    since: Time,
}

impl Peers {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            ring: Ring::default(),
            unbroken_since: now,
            gap_since: None,
            seen: BTreeMap::new(),
            shown: BTreeSet::new(),
            awaited: BTreeMap::new(),
            deleting: BTreeSet::new(),
        }
    }

    /// The log is read again, and the watch shows every lease again.
    pub(crate) fn begin_snapshot(&mut self, shown: Time) {
        self.shown.clear();
        self.gap_since.get_or_insert(shown);
    }

    /// The nodes that this node observes in the ring.
    fn observed(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.ring.observed().iter().filter_map(|node| self.seen.get_key_value(node))
    }

    /// The nodes whose sessions this node ends: those that it observes in the ring, and those whose
    /// end it waits for.
    fn judged(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        let waits = self.awaited.keys().filter(|node| !self.ring.knows(node));
        self.observed().chain(waits.filter_map(|node| self.seen.get_key_value(node)))
    }

    /// Forgets the sessions that no record names any more.
    pub(crate) fn sweep(&mut self, named: impl Fn(&NodeId, Session) -> bool) {
        self.awaited.retain(|node, awaited| named(node, awaited.session));
    }

    #[cfg(test)]
    pub(crate) fn awaited(&self) -> usize {
        self.awaited.len()
    }
}

/// The other nodes, and the fields that the rules about them may touch.
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
