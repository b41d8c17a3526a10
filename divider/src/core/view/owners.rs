//! The sessions that claims and members name, each with the keys it is named as the owner of.

use std::collections::HashMap;

use super::keys::KeyIx;
use crate::id::{NodeId, Revision, Session};

/// A session's place in [`Owners`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OwnerIx(u32);

impl OwnerIx {
    /// Nobody: a key that is free, or has no plan.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Whether it stands for somebody.
    pub(crate) fn is_some(self) -> bool {
        self != Self::NONE
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn from_index(at: u32) -> Self {
        Self(at)
    }
}

impl Default for OwnerIx {
    fn default() -> Self {
        Self::NONE
    }
}

/// One session of one node.
#[derive(Debug)]
pub(crate) struct OwnerEntry {
    pub(crate) node: NodeId,
    pub(crate) session: Session,
    /// The revision of the record that named it first, as far as this view knows: its lease record is
    /// older.
    pub(crate) named: Revision,
    /// The keys whose claims name it, in no order.
    pub(crate) keys: Vec<KeyIx>,
}

/// All sessions that are named anywhere.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    entries: Vec<Option<OwnerEntry>>,
    free: Vec<u32>,
    index: HashMap<Session, OwnerIx>,
}

impl Owners {
    pub(crate) fn get(&self, owner: OwnerIx) -> Option<&OwnerEntry> {
        self.entries.get(owner.0 as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, owner: OwnerIx) -> Option<&mut OwnerEntry> {
        self.entries.get_mut(owner.0 as usize)?.as_mut()
    }

    /// The session's place, if it is named anywhere. A session that is named for another node too
    /// is that other node's no less: the first one seen has it.
    pub(crate) fn find(&self, node: &NodeId, session: Session) -> Option<OwnerIx> {
        let owner = *self.index.get(&session)?;
        self.get(owner).filter(|o| o.node == *node).map(|_| owner)
    }

    /// The session's place, made where there is none. `None` where another node's session has the
    /// same bits, which only a forged record can bring about.
    pub(crate) fn intern(
        &mut self,
        node: &NodeId,
        session: Session,
        named: Revision,
    ) -> Option<OwnerIx> {
        if let Some(&owner) = self.index.get(&session) {
            return self.get(owner).filter(|o| o.node == *node).map(|_| owner);
        }
        let entry = OwnerEntry { node: node.clone(), session, named, keys: Vec::new() };
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 sessions at a time")
        });
        self.entries[at as usize] = Some(entry);
        self.index.insert(session, OwnerIx(at));
        Some(OwnerIx(at))
    }

    /// Forgets the sessions that no claim names and that `keep` does not know.
    pub(crate) fn sweep(&mut self, keep: impl Fn(OwnerIx, &OwnerEntry) -> bool) {
        for at in 0..self.entries.len() {
            let owner = OwnerIx(u32::try_from(at).expect("fewer than 2^32 sessions at a time"));
            let Some(entry) = &self.entries[at] else { continue };
            if entry.keys.is_empty() && !keep(owner, entry) {
                self.index.remove(&entry.session);
                self.entries[at] = None;
                self.free.push(owner.0);
            }
        }
    }

    /// Every session with its place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (OwnerIx, &OwnerEntry)> {
        (0u32..).zip(&self.entries).filter_map(|(at, e)| Some((OwnerIx(at), e.as_ref()?)))
    }

    /// How many sessions are named.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }
}
