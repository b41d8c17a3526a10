//! What is known of one key. There is one of these for each key in each node: 64 bytes.

use super::owners::OwnerIx;
use super::texts::Text;
use crate::id::{NodeId, Revision, Token};
use crate::time::Time;

/// What the log says of one key, and where the plan puts it.
#[derive(Debug)]
pub struct KeyEntry {
    pub(super) text: Text,
    /// The hash of its text.
    pub hash: u64,
    /// The revision of its `key` record; none: the key does not exist (any more).
    pub announced: Revision,
    /// What its `claim` record says.
    pub claim: Claim,
    /// Where the plan puts it, while that is not where it is. The planner's to write.
    pub target: OwnerIx,
    /// The session whose load counts this key. The planner's to write.
    pub counted: OwnerIx,
    /// Its place in its owner's list.
    pub(super) at: u32,
    /// Which of the members' prefixes it has. The planner's to write.
    pub signature: u16,
    notes: u8,
}

const _: () = assert!(size_of::<Option<KeyEntry>>() == 64, "the promise at the top of this file");

/// What the log says of a key's owner. Who released it lately is in [`Keys::not`](super::Keys::not).
#[derive(Debug, Default)]
pub struct Claim {
    /// The revision of the `claim` record, of its tombstone too.
    pub revision: Revision,
    /// The token in it; 0 where there is none.
    pub token: Token,
    /// The session that it names.
    pub owner: OwnerIx,
    /// There is a record, and not just its tombstone.
    pub exists: bool,
    /// The newest record cannot be read; owner and token are the last ones known.
    pub unreadable: bool,
}

/// A node that does not want a key, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoolDownUntil {
    /// The node.
    pub node: NodeId,
    /// The end of its cool-down.
    pub until: Time,
}

/// Something that holds of a key or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The target is this node's own promise: a hand-over is on its way.
    Pledged = 1,
    /// This node has business with it: the entry stays although the log knows nothing of it.
    Pinned = 2,
    /// This node watches whether its planned owner takes it.
    Watched = 4,
    /// The newest snapshot, or what came after it, showed its `key` record.
    KeyShown = 8,
    /// The newest snapshot, or what came after it, showed its `claim` record.
    ClaimShown = 16,
    /// It exists, and a member's session owns it. The planner's to write.
    Owned = 32,
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
            notes: 0,
        }
    }

    /// Whether the key exists.
    pub fn exists(&self) -> bool {
        self.announced != Revision::NONE
    }

    /// Whether it is noted.
    pub fn is(&self, note: Note) -> bool {
        self.notes & note as u8 != 0
    }

    /// Notes it; whether it was not noted before.
    pub fn note(&mut self, note: Note) -> bool {
        let new = !self.is(note);
        self.notes |= note as u8;
        new
    }

    /// Takes the note back.
    pub fn unnote(&mut self, note: Note) {
        self.notes &= !(note as u8);
    }

    /// Whether nothing is known of it any more.
    pub(super) fn is_idle(&self) -> bool {
        let wanted = self.is(Note::Pinned) || self.is(Note::Watched) || self.counted.is_some();
        !self.exists() && !self.claim.exists && !wanted
    }
}
