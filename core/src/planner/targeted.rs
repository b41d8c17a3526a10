//! The keys that are planned for each session.

use crate::view::{KeyIx, OwnerIx, OwnerMap, View};

/// For each session, a list of keys that were planned for it. The list may have stale entries: the
/// target in the key's own entry decides. So adding and removing need no search.
#[derive(Debug, Default)]
pub(super) struct Targeted {
    lists: OwnerMap<List>,
    /// The total number of planned keys.
    live: usize,
}

#[derive(Debug, Default)]
struct List {
    keys: Vec<KeyIx>,
    /// The number of listed keys that are still planned for the session.
    live: usize,
}

/// Lists shorter than this are not cleaned.
const SHORT: usize = 64;

impl Targeted {
    pub(super) fn clear(&mut self) {
        self.lists.clear();
        self.live = 0;
    }

    /// The number of keys that are planned for any session.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// The number of keys that are planned for the session.
    pub(super) fn len(&self, owner: OwnerIx) -> usize {
        self.lists.get(owner).map_or(0, |list| list.live)
    }

    /// Adds a key that is planned for the session. `NONE` is ignored.
    pub(super) fn add(&mut self, owner: OwnerIx, ix: KeyIx) {
        if owner.is_some() {
            self.live += 1;
            let list = self.lists.entry(owner);
            list.keys.push(ix);
            list.live += 1;
        }
    }

    /// A key is no longer planned for this session.
    pub(super) fn remove(&mut self, view: &View, owner: OwnerIx) {
        let Some(list) = self.lists.get_mut(owner) else { return };
        self.live -= 1;
        list.live -= 1;
        if list.live == 0 {
            return self.lists.remove(owner);
        }
        if list.keys.len() > list.live * 2 + SHORT {
            list.keys.retain(|ix| is_target(view, *ix, owner));
            list.keys.sort_unstable();
            list.keys.dedup();
        }
    }

    /// The keys that are planned for the session. A key may appear twice.
    pub(super) fn of(&self, view: &View, owner: OwnerIx) -> impl Iterator<Item = KeyIx> {
        let keys = self.lists.get(owner).map_or(&[][..], |list| &list.keys[..]);
        keys.iter().copied().filter(move |ix| is_target(view, *ix, owner))
    }

    /// Every planned key, once.
    #[cfg(test)]
    pub(super) fn all(&self, view: &View) -> Vec<KeyIx> {
        let planned = self.lists.iter().flat_map(|(_, list)| list.keys.iter().copied());
        let target = |ix: KeyIx| view.keys.get(ix).is_some_and(|entry| entry.target.is_some());
        let mut all: Vec<_> = planned.filter(|ix| target(*ix)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn is_target(view: &View, ix: KeyIx, owner: OwnerIx) -> bool {
    view.keys.get(ix).is_some_and(|entry| entry.target == owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{NodeId, Revision, Session};
    use crate::key::Key;
    use crate::log::Record;
    use crate::time::{Now, Time};

    #[test]
    fn a_list_of_mostly_old_entries_is_cleaned() {
        let mut view = View::default();
        let node = NodeId::new("a").expect("a legal id");
        let owner = view.owners.intern(&node, Session::from_bits(1), Revision(1)).expect("new");
        let (name, value, ttl) = ("key.k".into(), Some(bytes::Bytes::new()), None);
        let now = Now { at: Time(0), unix_us: 0 };
        view.apply(now, &Record { name, revision: Revision(1), value, ttl, expires_in: None });
        let ix = view.keys.find(&Key::new("k").expect("a legal key")).expect("it was announced");
        let mut targeted = Targeted::default();
        for _ in 0..1_000 {
            targeted.add(owner, ix);
        }
        targeted.add(OwnerIx::NONE, ix);
        for live in (1..1_000).rev() {
            targeted.remove(&view, owner);
            assert_eq!((targeted.len(owner), targeted.live()), (live, live));
            let kept = targeted.lists.get(owner).expect("some are left").keys.len();
            let cleaned = 1_000 > (live * 2 + SHORT);
            assert_eq!(kept, if cleaned { 0 } else { 1_000 }, "{live} are left");
        }
        targeted.remove(&view, owner);
        assert_eq!((targeted.len(owner), targeted.live()), (0, 0));
        assert!(targeted.lists.get(owner).is_none());
    }
}
