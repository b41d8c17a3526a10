//! What a node's watch has delivered, up to a revision.

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

use std::collections::BTreeMap;
use std::time::Duration;

pub use apply::Effect;
pub use entry::{Claim, CoolDownUntil, KeyEntry, Note};
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

/// A record with its place in the log.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// The record.
    pub record: T,
    /// Its place in the log.
    pub revision: Revision,
    /// When it was received, on the clock of whoever reads.
    pub received: Time,
}

impl Versioned<MemberRecord> {
    /// The revision of its join, as far as it is one of this log.
    pub fn joined(&self) -> Revision {
        self.past(self.record.joined)
    }

    /// How long its lease lasts, as it says.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.record.lease_ms).min(UNKNOWN_LEASE)
    }

    /// The newest join that it calls settled, likewise.
    pub fn settled(&self) -> Revision {
        self.past(self.record.settled)
    }

    /// The newest balance generation that it is done with, likewise.
    pub fn balanced(&self) -> Revision {
        self.past(self.record.balanced)
    }

    /// A record speaks of what was before it. What it says of later revisions is of a log that is
    /// lost, or forged: believed, it would outdo every join and generation to come.
    fn past(&self, said: Revision) -> Revision {
        if said < self.revision { said } else { Revision::NONE }
    }
}

/// The fold of the delivered records. It judges nothing and plans nothing.
#[derive(Debug, Default)]
pub struct View {
    /// The keys, with their claims.
    pub keys: Keys,
    /// The sessions that any record names.
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
    /// The newest `rebalance` record's revision.
    pub rebalance: Revision,
    /// The records that cannot be read.
    pub problems: Problems,
    /// The `manifest` records.
    pub manifests: Manifests,
    /// The records that are to be collected.
    pub leftovers: Leftovers,
    /// The newest revision delivered.
    pub seen: Revision,
    /// The highest token of any claim: a new one has to be above it.
    pub highest_token: u64,
}

impl View {
    /// Whether the session does not get the key yet: it released it lately, or the key rests.
    pub fn is_kept_away(&self, now: Now, ix: KeyIx, owner: OwnerIx) -> bool {
        let node = self.owners.get(owner).map(|o| &o.node).filter(|_| !broken!(CoolDown));
        self.keys.cooling_down(ix).iter().any(|n| Some(&n.node) == node && n.until > now.at)
            || self.rests(now, ix)
    }

    /// Whether as many nodes released the key lately as a claim can name: nobody takes it before the
    /// first of their cool-downs ends. A large group would hand it on and on without a pause otherwise.
    pub fn rests(&self, now: Now, ix: KeyIx) -> bool {
        let not = self.keys.cooling_down(ix);
        not.len() >= MAX_COOL_DOWNS && not.iter().all(|n| n.until > now.at)
    }

    /// The session that the node's member record names.
    pub fn current(&self, node: &NodeId) -> Option<OwnerIx> {
        let member = self.members.get(node)?;
        self.owners.find(node, member.record.session)
    }

    /// The newest join among the members.
    pub fn newest_join(&self) -> Revision {
        self.members.values().map(Versioned::joined).max().unwrap_or_default()
    }

    /// The newest join that some member calls settled.
    pub fn settled(&self) -> Revision {
        self.members.values().map(Versioned::settled).max().unwrap_or_default()
    }
}
