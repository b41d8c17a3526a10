//! What a node remembers of a key for a while, whether it holds the key or not.
//!
//! A claim that names this session is started as it is, unless one of the following prevents it.
//! Each one protects against one way in which an earlier write, run or owner can come back:
//!
//! | | remembers | so that | until |
//! |---|---|---|---|
//! | [`Unconfirmed`] | a run that was lost, or handed over unconfirmed | a key has one run here at a time | the application confirms it |
//! | [`Spent`] | the claims of a key that were run or given away here | a late write of this node that names another owner cannot replace a running claim | the key starts on another claim, or the session ends |
//! | [`Holds::floor`](super::hold::Holds::floor) | the highest token before the log was last read again | a claim that came back after the log lost its tail is first written again, with a higher token | the log is read again |
//! | `Notes::unreadable` | since when the claim has been unreadable | no node takes a key that its last owner may still hold | the claim can be read |
//! | `Notes::deleting` | that a deletion of the claim is in flight | there is one deletion at a time | the deletion has an outcome |

use std::collections::HashMap;

use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::time::Time;
use crate::view::KeyIx;

/// A run whose key was lost, and that is not confirmed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unconfirmed {
    pub(crate) token: Token,
    /// When the application was notified to stop. For a run that was just lost, when it must be
    /// over.
    pub(crate) ending_since: Time,
    /// Until when the application may still rely on the run.
    pub(crate) until: Time,
}

/// Claims of a key that were run or given away here. They are not started as they are: a late write
/// of this node that names another owner may replace one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Every claim up to this revision.
    pub(crate) revision: Revision,
    /// The token of the claim that was run. If the log lost its tail, this claim may have another
    /// revision.
    pub(crate) ran: Token,
}

impl Spent {
    fn covers(self, revision: Revision, token: Token) -> bool {
        revision <= self.revision || token == self.ran
    }
}

/// Temporary facts about one key, held or not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Notes {
    unconfirmed: Option<Unconfirmed>,
    spent: Option<Spent>,
    /// Since when the claim at this revision has been unreadable.
    unreadable: Option<(Revision, Time)>,
    /// Whether a deletion of its stale claim is in flight.
    deleting: bool,
    /// When the key's record, last known at this revision, is read again from the leader.
    asked: Option<(Revision, Time)>,
}

impl Notes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The notes of all keys that have any.
#[derive(Debug, Default)]
pub(crate) struct KeyNotes {
    of: HashMap<KeyIx, Notes>,
    /// The number of keys with an unconfirmed run.
    unconfirmed: usize,
}

impl KeyNotes {
    /// The number of runs of lost keys that are not confirmed over.
    pub(crate) fn lost_count(&self) -> usize {
        self.unconfirmed
    }

    /// Whether the key has an unconfirmed run although this node no longer owns it. Until that run
    /// is confirmed over, the key does not start here.
    pub(crate) fn is_unconfirmed(&self, ix: KeyIx) -> bool {
        self.unconfirmed(ix).is_some() && !broken!(OneRun)
    }

    /// The unconfirmed run of a key that this node no longer owns.
    pub(crate) fn unconfirmed(&self, ix: KeyIx) -> Option<Unconfirmed> {
        self.of.get(&ix)?.unconfirmed
    }

    /// Whether every run of a lost key is confirmed over.
    pub(crate) fn is_all_confirmed(&self) -> bool {
        self.unconfirmed == 0
    }

    pub(crate) fn set_unconfirmed(&mut self, ix: KeyIx, run: Option<Unconfirmed>) {
        let before = self.note(ix, |notes| std::mem::replace(&mut notes.unconfirmed, run));
        self.unconfirmed += usize::from(run.is_some());
        self.unconfirmed -= usize::from(before.is_some());
    }

    /// Whether a claim was run or given away here. Such a claim is not started as it is.
    pub(crate) fn is_spent(&self, ix: KeyIx, revision: Revision, token: Token) -> bool {
        let spent = self.of.get(&ix).and_then(|notes| notes.spent);
        spent.is_some_and(|spent| spent.covers(revision, token))
    }

    pub(crate) fn set_spent(&mut self, ix: KeyIx, spent: Spent) {
        self.note(ix, |notes| notes.spent = Some(spent));
    }

    /// The view has moved past the claims that were run or given away.
    pub(crate) fn clear_spent(&mut self, ix: KeyIx) {
        if self.of.contains_key(&ix) {
            self.note(ix, |notes| notes.spent = None);
        }
    }

    /// A session begins: no write of an earlier session is in flight.
    pub(crate) fn forget_spent(&mut self) {
        self.retain(|_, notes| notes.spent = None);
    }

    /// Since when the claim at this revision has been known to be unreadable. For a new revision,
    /// the time starts now: between two unreadable claims there may have been a claim of a live
    /// owner.
    pub(crate) fn unreadable_since(&mut self, ix: KeyIx, revision: Revision, now: Time) -> Time {
        self.note(ix, |notes| {
            let known = notes.unreadable.filter(|(known, _)| *known == revision);
            let (_, since) = *notes.unreadable.insert(known.unwrap_or((revision, now)));
            since
        })
    }

    /// Forgets the unreadable state of the claims that can be read now.
    pub(crate) fn sweep_unreadable(&mut self, is_unreadable: impl Fn(KeyIx) -> bool) {
        self.retain(|ix, notes| {
            notes.unreadable.take_if(|_| !is_unreadable(ix));
        });
    }

    /// When the key's record is read again, and the revision at which it was known.
    pub(crate) fn asked(&self, ix: KeyIx) -> Option<(Revision, Time)> {
        self.of.get(&ix)?.asked
    }

    pub(crate) fn set_asked(&mut self, ix: KeyIx, asked: Option<(Revision, Time)>) {
        self.note(ix, |notes| notes.asked = asked);
    }

    /// Records that the deletion of a stale claim is in flight, or has an outcome. Returns whether
    /// this is a change.
    pub(crate) fn set_deleting(&mut self, ix: KeyIx, deleting: bool) -> bool {
        self.note(ix, |notes| std::mem::replace(&mut notes.deleting, deleting)) != deleting
    }

    fn note<T>(&mut self, ix: KeyIx, change: impl FnOnce(&mut Notes) -> T) -> T {
        let notes = self.of.entry(ix).or_default();
        let before = change(notes);
        if notes.is_empty() {
            self.of.remove(&ix);
        }
        before
    }

    fn retain(&mut self, mut change: impl FnMut(KeyIx, &mut Notes)) {
        self.of.retain(|ix, notes| {
            change(*ix, notes);
            !notes.is_empty()
        });
    }

    /// The unconfirmed runs of lost keys.
    pub(crate) fn lost(&self) -> impl Iterator<Item = (KeyIx, Unconfirmed)> {
        let found = self.of.iter().filter_map(|(ix, notes)| Some((*ix, notes.unconfirmed?)));
        found.take(self.unconfirmed)
    }

    /// The number of keys with an unconfirmed run, and of keys with spent claims.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let spent = self.of.values().filter(|notes| notes.spent.is_some()).count();
        (self.unconfirmed, spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Revision = Revision(7);
    const RUN: Unconfirmed = Unconfirmed { token: Token(3), ending_since: Time(1), until: Time(2) };
    const SPENT: Spent = Spent { revision: AT, ran: Token(3) };

    type Change = fn(&mut KeyNotes, KeyIx);

    #[test]
    fn a_key_without_facts_uses_no_memory() {
        let cases: [(Change, Change); 6] = [
            (|n, ix| n.set_spent(ix, SPENT), |n, ix| n.clear_spent(ix)),
            (|n, ix| n.set_spent(ix, SPENT), |n, _| n.forget_spent()),
            (|n, ix| _ = n.unreadable_since(ix, AT, Time(5)), |n, _| n.sweep_unreadable(|_| false)),
            (|n, ix| n.set_asked(ix, Some((AT, Time(9)))), |n, ix| n.set_asked(ix, None)),
            (|n, ix| n.set_unconfirmed(ix, Some(RUN)), |n, ix| n.set_unconfirmed(ix, None)),
            (|n, ix| _ = n.set_deleting(ix, true), |n, ix| _ = n.set_deleting(ix, false)),
        ];
        for (at, (set, clear)) in cases.into_iter().enumerate() {
            let mut notes = KeyNotes::default();
            let ix = KeyIx::from_index(1);
            set(&mut notes, ix);
            assert_eq!(notes.of.len(), 1, "{at}");
            clear(&mut notes, ix);
            assert_eq!(notes.of.len(), 0, "{at}: {notes:?}");
        }
    }

    #[test]
    fn an_unreadable_claim_is_remembered_while_it_is_unreadable() {
        let (ix, mut notes) = (KeyIx::from_index(1), KeyNotes::default());
        assert_eq!(notes.unreadable_since(ix, AT, Time(5)), Time(5));
        notes.sweep_unreadable(|_| true);
        assert_eq!(notes.unreadable_since(ix, AT, Time(6)), Time(5));
        assert_eq!(notes.unreadable_since(ix, Revision(8), Time(7)), Time(7));
    }

    #[test]
    fn a_key_has_one_deletion_in_flight() {
        let (ix, mut notes) = (KeyIx::from_index(1), KeyNotes::default());
        assert!(notes.set_deleting(ix, true));
        assert!(!notes.set_deleting(ix, true));
        assert!(notes.set_deleting(ix, false));
    }
}
