//! The view: what a node's watch has delivered, up to a revision.

mod apply;
mod entry;
mod expiry;
mod key_table;
mod keys;
mod leftovers;
mod manifests;
mod owner_map;
mod owners;
mod problems;
mod texts;
#[cfg(test)]
mod vectors;

use std::collections::BTreeMap;
use std::time::Duration;

pub use apply::Effect;
pub use entry::{Claim, CoolDownUntil, KeyEntry, KeyFlag};
pub use expiry::Expiry;
pub use key_table::KeyTable;
pub use keys::{KeyIx, Keys};
pub use leftovers::{Cause, Leftover, Leftovers, hash_of};
pub use manifests::{InOrder, Manifests};
pub use owner_map::OwnerMap;
pub use owners::{OwnerIx, Owners};
pub use problems::Problems;

use super::guard::broken;
use super::time::{Now, Time};
use super::timing::UNKNOWN_LEASE;
use crate::id::{NodeId, Revision};
use crate::wire::{
    ControlRecord, GroupRecord, LeaseRecord, MAX_COOL_DOWNS, MemberRecord, StopsRecord,
};

/// A record with its revision.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// The record.
    pub record: T,
    /// The revision of the record in the log.
    pub revision: Revision,
    /// When the reader received it, on the reader's clock.
    pub received: Time,
}

impl Versioned<MemberRecord> {
    /// The revision of the node's join, or 0 if it is not below the record's own revision.
    pub fn joined(&self) -> Revision {
        self.past(self.record.joined)
    }

    /// The length of the node's lease, at most 5 min.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.record.lease_ms).min(UNKNOWN_LEASE)
    }

    /// The newest join that the node reports as settled, or 0 if it is not below the record's own
    /// revision.
    pub fn settled(&self) -> Revision {
        self.past(self.record.settled)
    }

    /// The newest generation that the node has finished, or 0 if it is not below the record's own
    /// revision.
    pub fn balanced(&self) -> Revision {
        self.past(self.record.balanced)
    }

    /// A record can only describe what came before it. A later revision is from a lost log, or is
    /// forged. If it counted, it would hide every later join and generation.
    fn past(&self, stated: Revision) -> Revision {
        if stated < self.revision { stated } else { Revision::NONE }
    }
}

/// The fold of the delivered records. It makes no decisions and no plans.
#[derive(Debug, Default)]
pub struct View {
    /// The keys, with their claims.
    pub keys: Keys,
    /// The sessions that claims and members name.
    pub owners: Owners,
    /// The `member` records.
    pub members: BTreeMap<NodeId, Versioned<MemberRecord>>,
    /// The `control` records.
    pub controls: BTreeMap<NodeId, Versioned<ControlRecord>>,
    /// The `lease` records.
    pub leases: BTreeMap<NodeId, Versioned<LeaseRecord>>,
    /// The `stops` records.
    pub stops: BTreeMap<NodeId, Versioned<StopsRecord>>,
    /// The `group` record.
    pub group: Option<Versioned<GroupRecord>>,
    /// The revision of the newest `rebalance` record.
    pub rebalance: Revision,
    /// The unreadable records.
    pub problems: Problems,
    /// The `manifest` records.
    pub manifests: Manifests,
    /// The records that can be collected.
    pub leftovers: Leftovers,
    /// The newest delivered revision.
    pub seen: Revision,
    /// The highest token of any claim. A new token must be above it.
    pub highest_token: u64,
}

impl View {
    /// Whether the session's node is cooling down for the key, or the key rests.
    pub fn is_kept_away(&self, now: Now, ix: KeyIx, owner: OwnerIx) -> bool {
        let node = self.owners.get(owner).map(|o| &o.node).filter(|_| !broken!(CoolDown));
        self.keys.cooling_down(ix).iter().any(|c| Some(&c.node) == node && c.until > now.at)
            || self.rests(now, ix)
    }

    /// Whether the list of nodes that are cooling down is full. Then no node takes the key before
    /// the first cool-down ends. Otherwise a large group would pass the key on without a pause.
    pub fn rests(&self, now: Now, ix: KeyIx) -> bool {
        let cool_downs = self.keys.cooling_down(ix);
        cool_downs.len() >= MAX_COOL_DOWNS && cool_downs.iter().all(|c| c.until > now.at)
    }

    /// The current session of the node.
    pub fn current(&self, node: &NodeId) -> Option<OwnerIx> {
        let member = self.members.get(node)?;
        self.owners.find(node, member.record.session)
    }

    /// The newest join of the members.
    pub fn newest_join(&self) -> Revision {
        self.members.values().map(Versioned::joined).max().unwrap_or_default()
    }

    /// The newest join that a member reports as settled.
    pub fn settled(&self) -> Revision {
        self.members.values().map(Versioned::settled).max().unwrap_or_default()
    }
}
