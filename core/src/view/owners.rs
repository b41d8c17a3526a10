//! The sessions that claims and members name, each with the keys that it owns.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::keys::KeyIx;
use crate::id::{NodeId, Revision, Session};
use crate::wire::Malformed;

/// The index of a session in [`Owners`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerIx(u32);

impl OwnerIx {
    /// No session. It is the owner of a free key, and the place of a key without a place.
    pub const NONE: Self = Self(u32::MAX);

    /// The lowest index.
    pub const FIRST: Self = Self(0);

    /// Whether it is the index of a session.
    pub fn is_some(self) -> bool {
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
pub struct OwnerEntry {
    pub node: NodeId,
    pub session: Session,
    /// The revision of the first record that named the session since the log was last read from its
    /// start, or [`NOT_NAMED`]. The lease record of the session is older.
    pub named: Revision,
    /// The keys whose claims name the session, in no order.
    pub keys: Vec<KeyIx>,
}

/// No record has named the session since the log was last read from its start. Revisions of an earlier
/// reading say nothing: another log may assign revisions from the start again.
const NOT_NAMED: Revision = Revision(u64::MAX);

impl OwnerEntry {
    fn hash(&self) -> u64 {
        hash(self.session)
    }
}

fn hash(session: Session) -> u64 {
    xxh3_64(&session.to_bits().to_le_bytes())
}

/// All sessions that any record names.
#[derive(Debug, Default)]
pub struct Owners {
    entries: Vec<Option<OwnerEntry>>,
    free: Vec<u32>,
    /// The indices by a cheap hash, because every claim that is read needs one.
    index: HashTable<OwnerIx>,
}

impl Owners {
    /// The entry of the session.
    pub fn get(&self, owner: OwnerIx) -> Option<&OwnerEntry> {
        self.entries.get(owner.0 as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, owner: OwnerIx) -> Option<&mut OwnerEntry> {
        self.entries.get_mut(owner.0 as usize)?.as_mut()
    }

    /// Begins a snapshot, which has named no session yet.
    pub(super) fn begin_snapshot(&mut self) {
        for entry in self.entries.iter_mut().flatten() {
            entry.named = NOT_NAMED;
        }
    }

    /// A record of this revision names the session of this node.
    fn name(&mut self, owner: OwnerIx, node: &str, revision: Revision) -> bool {
        let entry = self.get_mut(owner).filter(|entry| entry.node.as_str() == node);
        entry.map(|entry| entry.named = entry.named.min(revision)).is_some()
    }

    fn find_session(&self, session: Session) -> Option<OwnerIx> {
        let same = |owner: &OwnerIx| self.get(*owner).is_some_and(|o| o.session == session);
        self.index.find(hash(session), same).copied()
    }

    /// The index of the session, if any record names it. If two nodes claim one session, it belongs
    /// to the node that was seen first.
    pub fn find(&self, node: &NodeId, session: Session) -> Option<OwnerIx> {
        let owner = self.find_session(session)?;
        self.get(owner).filter(|o| o.node == *node).map(|_| owner)
    }

    /// The index of the session. Adds the session if it is new. Returns `None` if it belongs to
    /// another node. Only a forged record can cause that.
    pub(crate) fn intern(
        &mut self,
        node: &NodeId,
        session: Session,
        named: Revision,
    ) -> Option<OwnerIx> {
        if let Some(owner) = self.find_session(session) {
            return self.name(owner, node.as_str(), named).then_some(owner);
        }
        let entry = OwnerEntry { node: node.clone(), session, named, keys: Vec::new() };
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 sessions at a time")
        });
        self.entries[at as usize] = Some(entry);
        let entries = &self.entries;
        let hash_of = |owner: &OwnerIx| entries[owner.index()].as_ref().map_or(0, OwnerEntry::hash);
        self.index.insert_unique(hash(session), OwnerIx(at), hash_of);
        Some(OwnerIx(at))
    }

    /// Like [`intern`](Self::intern), for a node id that is not parsed yet. The id of a known
    /// session is not parsed.
    pub(super) fn intern_text(
        &mut self,
        node: &str,
        session: Session,
        named: Revision,
    ) -> Result<OwnerIx, Malformed> {
        if let Some(owner) = self.find_session(session)
            && self.name(owner, node, named)
        {
            return Ok(owner);
        }
        let owner = self.intern(&NodeId::new(node)?, session, named);
        owner.ok_or(Malformed::OutOfBounds { field: "session" })
    }

    /// Removes every session that no claim names, unless `keep` returns true for it.
    ///
    /// # Panics
    /// Never: there are fewer sessions than 2^32.
    pub fn sweep(&mut self, keep: impl Fn(OwnerIx, &OwnerEntry) -> bool) {
        for at in 0..self.entries.len() {
            let owner = OwnerIx(u32::try_from(at).expect("fewer than 2^32 sessions at a time"));
            let Some(entry) = &self.entries[at] else { continue };
            if entry.keys.is_empty() && !keep(owner, entry) {
                if let Ok(place) = self.index.find_entry(entry.hash(), |found| *found == owner) {
                    place.remove();
                }
                self.entries[at] = None;
                self.free.push(owner.0);
            }
        }
    }

    /// Every session with its index.
    pub fn iter(&self) -> impl Iterator<Item = (OwnerIx, &OwnerEntry)> {
        (0u32..).zip(&self.entries).filter_map(|(at, e)| Some((OwnerIx(at), e.as_ref()?)))
    }

    /// The number of named sessions.
    pub fn count(&self) -> usize {
        self.index.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str) -> NodeId {
        NodeId::new(id).expect("a legal id")
    }

    #[test]
    fn unnamed_sessions_are_removed_and_their_indices_reused() {
        let mut owners = Owners::default();
        let kept = owners.intern(&node("kept"), Session::from_bits(1), Revision(1)).expect("new");
        for bits in 2..100 {
            let (id, session) = (node(&format!("n{bits}")), Session::from_bits(bits));
            let owner = owners.intern(&id, session, Revision(2)).expect("new");
            assert_eq!(owners.intern(&id, session, Revision(3)), Some(owner));
            assert_eq!(owners.get(owner).map(|o| o.named), Some(Revision(2)), "the first time");
            assert_eq!(owners.find(&id, session), Some(owner));
            owners.entries[owner.index()].as_mut().expect("it is there").keys.push(a_key());
            owners.sweep(|owner, _| owner == kept);
            assert_eq!(owners.count(), 2, "a claim names it");
            owners.entries[owner.index()].as_mut().expect("it is there").keys.clear();
            owners.sweep(|owner, _| owner == kept);
            assert_eq!((owners.find(&id, session), owners.count()), (None, 1));
        }
        assert_eq!(owners.entries.len(), 2);
        assert_eq!(owners.find(&node("kept"), Session::from_bits(1)), Some(kept));
    }

    fn a_key() -> KeyIx {
        super::super::Keys::default().intern("k")
    }

    #[test]
    fn a_snapshot_forgets_which_record_named_a_session_first() {
        let mut owners = Owners::default();
        let (id, session) = (node("a"), Session::from_bits(1));
        let owner = owners.intern(&id, session, Revision(9)).expect("new");
        let named = |owners: &Owners| owners.get(owner).map(|o| o.named);
        owners.begin_snapshot();
        assert_eq!(named(&owners), Some(NOT_NAMED));
        assert_eq!(owners.intern_text("a", session, Revision(3)).ok(), Some(owner));
        assert_eq!(owners.intern(&id, session, Revision(4)), Some(owner));
        assert_eq!(named(&owners), Some(Revision(3)));
    }

    #[test]
    fn a_session_belongs_to_the_first_node_that_names_it() {
        let mut owners = Owners::default();
        let session = Session::from_bits(1);
        let owner = owners.intern(&node("a"), session, Revision(1)).expect("new");
        assert_eq!(owners.intern(&node("b"), session, Revision(2)), None);
        assert_eq!(owners.find(&node("b"), session), None);
        assert_eq!(owners.intern_text("a", session, Revision(2)).ok(), Some(owner));
        assert!(owners.intern_text("b", session, Revision(2)).is_err());
        assert!(owners.intern_text("no id", Session::from_bits(2), Revision(2)).is_err());
        let other = owners.intern_text("b", Session::from_bits(2), Revision(2)).ok();
        assert!(other.is_some_and(|other| other != owner));
    }
}
