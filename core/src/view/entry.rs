//! What a node knows about one key. Each node has one entry of 64 bytes for each key.

use super::owners::OwnerIx;
use super::texts::Text;
use crate::id::{NodeId, Revision, Token};
use crate::time::Time;

/// The state of one key in the log, and its place in the plan.
#[derive(Debug)]
pub struct KeyEntry {
    pub(super) text: Text,
    /// The hash of its text.
    pub hash: u64,
    /// The revision of its `key` record. [`Revision::NONE`]: the key does not exist.
    pub announced: Revision,
    /// Its claim.
    pub claim: Claim,
    /// The session that the key is planned for. Written by the planner.
    pub target: OwnerIx,
    /// The session in whose load the key counts. Written by the planner.
    pub counted: OwnerIx,
    /// Its position in the list of its owner's keys.
    pub(super) at: u32,
    /// The number of the set of member prefixes that match the key. Written by the planner.
    pub signature: u16,
    flags: u8,
}

const _: () = assert!(size_of::<Option<KeyEntry>>() == 64, "the promise at the top of this file");

/// The claim of a key. Its `cooling_down` list is in
/// [`Keys::cooling_down`](super::Keys::cooling_down), its failures are in
/// [`Keys::failed`](super::Keys::failed).
#[derive(Debug, Default)]
pub struct Claim {
    /// The revision of the claim record or its tombstone.
    pub revision: Revision,
    /// The token of the last readable claim. It stays when the claim is deleted.
    pub token: Token,
    /// The session that the claim names.
    pub owner: OwnerIx,
    /// Whether there is a record, not only a tombstone.
    pub exists: bool,
    /// Whether the newest record is unreadable. Then owner and token are from the last readable
    /// record.
    pub unreadable: bool,
}

/// A node that is cooling down for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoolDownUntil {
    /// The node.
    pub node: NodeId,
    /// The end of its cool-down.
    pub until: Time,
}

/// A flag of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFlag {
    /// The target is this node's own choice: a hand-over is in flight.
    Pledged = 1,
    /// This node works on the key, so the entry stays even if the log has no record of it.
    Pinned = 2,
    /// This node watches whether the planned owner takes the key.
    Watched = 4,
    /// The newest snapshot, or a later record, showed the `key` record.
    KeyShown = 8,
    /// The newest snapshot, or a later record, showed the claim.
    ClaimShown = 16,
    /// The key exists, and a member's session owns it. Written by the planner.
    Owned = 32,
    /// The claim is free, and says that no node works on the key.
    Quarantined = 64,
}

impl KeyEntry {
    pub(super) fn new(text: Text, hash: u64) -> Self {
        Self {
            text,
            hash,
            announced: Revision::NONE,
            claim: Claim::default(),
            target: OwnerIx::NONE,
            counted: OwnerIx::NONE,
            at: 0,
            signature: 0,
            flags: 0,
        }
    }

    /// Whether the key exists.
    pub fn exists(&self) -> bool {
        self.announced != Revision::NONE
    }

    /// Whether the flag is set.
    pub fn is(&self, flag: KeyFlag) -> bool {
        self.flags & flag as u8 != 0
    }

    /// Sets the flag. Returns whether it was clear before.
    pub fn set(&mut self, flag: KeyFlag) -> bool {
        let new = !self.is(flag);
        self.flags |= flag as u8;
        new
    }

    /// Clears the flag.
    pub fn clear(&mut self, flag: KeyFlag) {
        self.flags &= !(flag as u8);
    }

    /// Whether the entry holds no information any more.
    pub(super) fn is_idle(&self) -> bool {
        let wanted =
            self.is(KeyFlag::Pinned) || self.is(KeyFlag::Watched) || self.counted.is_some();
        !self.exists() && !self.claim.exists && !wanted
    }
}

#[cfg(test)]
mod tests {
    use super::super::texts::Texts;
    use super::*;

    #[test]
    fn a_flag_is_new_once_until_it_is_cleared() {
        let mut entry = KeyEntry::new(Texts::default().add("k"), 1);
        assert!(entry.set(KeyFlag::Watched));
        assert!(!entry.set(KeyFlag::Watched));
        assert!(entry.set(KeyFlag::Pinned), "each flag is its own");
        entry.clear(KeyFlag::Watched);
        assert!(!entry.is(KeyFlag::Watched) && entry.is(KeyFlag::Pinned));
        assert!(entry.set(KeyFlag::Watched));
    }
}
