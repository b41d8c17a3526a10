//! What this node does with a key: at most one thing at a time.
//!
//! A claim that names this session is started as it is, unless one of the following prevents it.
//! Each one protects against one way in which an earlier write, run or owner can come back:
//!
//! | | remembers | so that | until |
//! |---|---|---|---|
//! | [`Unconfirmed`] | a run that was lost, or handed over unconfirmed | a key has one run here at a time | the application confirms it |
//! | [`Spent`] | the claims of a key that were run or given away here | a late write of this node that names another owner cannot replace a running claim | the key starts on another claim, or the session ends |
//! | [`Holds::floor`] | the highest token before the log was last read again | a claim that came back after the log lost its tail is first written again, with a higher token | the log is read again |
//! | `Notes::unreadable` | since when the claim has been unreadable | no node takes a key that its last owner may still hold | the claim can be read |
//! | `Notes::deleting` | that a deletion of the claim is in flight | there is one deletion at a time | the deletion has an outcome |

use std::collections::{BTreeSet, HashMap};

use crate::edge::RequestId;
use crate::edge::StopReason;
use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::log::StoreError;
use crate::node::register::Register;
use crate::time::Time;
use crate::view::{KeyIx, KeyTable, OwnerIx};

/// A key that this node owns, takes or gives away.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The token of the claim that this node holds or writes.
    pub(crate) token: Token,
    /// The revision of the held claim. During a take, the revision that the take replaces.
    pub(crate) revision: Revision,
    /// When the key entered this phase.
    pub(crate) since: Time,
    pub(crate) phase: Phase,
}

/// The phase of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The claim is being written.
    Taking(Register),
    /// The claim is in the log. The key starts when the view is complete.
    Taken,
    /// The application was notified to start.
    Running,
    /// The application was notified to stop, and has not confirmed.
    Stopping(Stop),
    /// The application has stopped because the work is done; the key is being deleted.
    Completing(Box<Completing>),
    /// The run is confirmed over, and the claim is being given away. From now on the key never
    /// starts again on this revision.
    HandingOver(Box<HandOver>),
    /// The claim was given away; the watch has not shown it yet.
    HandedOver,
}

/// A key whose work is done. Boxed: few exist at a time, and every running key has a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completing {
    pub(crate) request: RequestId,
    /// The announcement whose work is done. A later announcement is new work.
    pub(crate) announced: Revision,
    /// The last error of the store, if the key could not be deleted.
    pub(crate) failed: Option<StoreError>,
    pub(crate) write: Register,
}

/// Why a claim is given away: it decides who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandOverReason {
    /// The application confirmed a stop that was requested for this reason.
    Stopped(StopReason),
    /// The application released the key.
    Released,
    /// The claim named this session, which may not run the key.
    ReturnedUnrun,
}

/// A claim that is being given away. Boxed: few exist at a time, and every running key has a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandOver {
    pub(crate) destination: Destination,
    /// The token of the run that is over.
    pub(crate) ran: Token,
    /// When the application was notified to stop, or when it stopped by itself.
    pub(crate) ending_since: Time,
    /// Whether it counts against the limit of parallel moves.
    pub(crate) slot: bool,
    pub(crate) reason: HandOverReason,
    /// Since when the writes have failed.
    pub(crate) unwritten: Option<Time>,
    pub(crate) write: Register,
}

/// A stop that was requested from the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) reason: StopReason,
    /// Whether it counts against the limit of parallel moves.
    pub(crate) slot: bool,
    /// When the key is handed over, even if the stop is not confirmed.
    pub(crate) until: Option<Time>,
}

/// What happens to a claim whose run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// It names the next owner.
    To(OwnerIx),
    /// It names no owner.
    Free,
    /// It is deleted: the key no longer exists.
    Deleted,
    /// It is written again with a new token: the key starts here again.
    Here,
}

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

/// A run that the application was notified to end, and that is not confirmed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) ix: KeyIx,
    pub(crate) token: Token,
    pub(crate) ending_since: Time,
    /// This node no longer owns the key, or another node may own it at any moment.
    pub(crate) given: bool,
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

/// The keys that this node owns, takes or gives away, and temporary facts about keys.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    table: KeyTable<Hold>,
    /// Counts of the holds.
    tally: Tally,
    /// Temporary facts about keys, held or not.
    notes: HashMap<KeyIx, Notes>,
    /// The number of keys with an unconfirmed run.
    unconfirmed: usize,
    /// The highest known token when the log was last read again. No claim at or below it is started
    /// as it is.
    pub(crate) floor: Token,
}

impl Holds {
    pub(crate) fn get(&self, ix: KeyIx) -> Option<&Hold> {
        self.table.get(ix)
    }

    /// The hold, to change everything except the phase. [`enter`](Self::enter) changes the phase.
    pub(crate) fn get_mut(&mut self, ix: KeyIx) -> Option<&mut Hold> {
        self.table.get_mut(ix)
    }

    pub(crate) fn contains(&self, ix: KeyIx) -> bool {
        self.table.contains(ix)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The keys, in memory order.
    pub(crate) fn keys(&self) -> Vec<KeyIx> {
        self.table.keys()
    }

    /// The key after this one. After the last key, the first key.
    pub(crate) fn next_after(&self, before: Option<KeyIx>) -> Option<KeyIx> {
        self.table.next_after(before).or_else(|| self.table.next_after(None))
    }

    pub(crate) fn is_running(&self, ix: KeyIx) -> bool {
        self.table.get(ix).is_some_and(|hold| hold.phase == Phase::Running)
    }

    pub(crate) fn insert(&mut self, ix: KeyIx, hold: Hold) {
        self.tally.enter(ix, &hold);
        if let Some(before) = self.table.insert(ix, hold) {
            debug_assert!(!before.is_held(), "it runs already");
            self.tally.leave(ix, &before);
        }
    }

    pub(crate) fn remove(&mut self, ix: KeyIx) -> Option<Hold> {
        let hold = self.table.remove(ix)?;
        self.tally.leave(ix, &hold);
        Some(hold)
    }

    /// A held key enters another phase.
    pub(crate) fn enter(&mut self, ix: KeyIx, since: Time, phase: Phase) {
        if let Some(hold) = self.table.get_mut(ix) {
            self.tally.leave(ix, hold);
            hold.phase = phase;
            hold.since = since;
            self.tally.enter(ix, hold);
        }
    }

    /// The number of keys that the application runs, including keys that it was asked to stop.
    pub(crate) fn held(&self) -> usize {
        self.tally.held
    }

    /// The number of keys that this node has and has not given away.
    pub(crate) fn kept(&self) -> usize {
        let kept = |(_, hold): &(KeyIx, &Hold)| {
            !matches!(hold.phase, Phase::Taking(_) | Phase::Taken | Phase::HandedOver)
        };
        self.table.iter().filter(kept).count()
    }

    /// Whether the key has an unconfirmed run although this node no longer owns it. Until that run
    /// is confirmed over, the key does not start here.
    pub(crate) fn is_unconfirmed(&self, ix: KeyIx) -> bool {
        self.unconfirmed(ix).is_some() && !broken!(OneRun)
    }

    /// The unconfirmed run of a key that this node no longer owns.
    pub(crate) fn unconfirmed(&self, ix: KeyIx) -> Option<Unconfirmed> {
        self.notes.get(&ix)?.unconfirmed
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
        let spent = self.notes.get(&ix).and_then(|notes| notes.spent);
        spent.is_some_and(|spent| spent.covers(revision, token))
    }

    pub(crate) fn set_spent(&mut self, ix: KeyIx, spent: Spent) {
        self.note(ix, |notes| notes.spent = Some(spent));
    }

    /// The view has moved past the claims that were run or given away.
    pub(crate) fn clear_spent(&mut self, ix: KeyIx) {
        if self.notes.contains_key(&ix) {
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
        self.notes.get(&ix)?.asked
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
        let notes = self.notes.entry(ix).or_default();
        let before = change(notes);
        if notes.is_empty() {
            self.notes.remove(&ix);
        }
        before
    }

    fn retain(&mut self, mut change: impl FnMut(KeyIx, &mut Notes)) {
        self.notes.retain(|ix, notes| {
            change(*ix, notes);
            !notes.is_empty()
        });
    }

    /// Whether a requested stop is not confirmed.
    pub(crate) fn is_any_stopping(&self) -> bool {
        !self.tally.stopping.is_empty()
    }

    /// The number of runs that were asked to end and are not confirmed over. This includes runs
    /// whose key was lost, or was handed over because the stop took too long.
    pub(crate) fn open_count(&self) -> usize {
        self.tally.stopping.len() + self.unconfirmed
    }

    /// The keys of open runs that this node no longer owns, or that another node may own at any
    /// moment.
    pub(crate) fn given(&self, now: Time) -> impl Iterator<Item = KeyIx> {
        let timed_out = self.tally.until.iter().take_while(move |(until, _)| *until <= now);
        timed_out.map(|(_, ix)| *ix).chain(self.lost().map(|(ix, _)| ix))
    }

    /// The unconfirmed runs of lost keys.
    fn lost(&self) -> impl Iterator<Item = (KeyIx, Unconfirmed)> {
        let found = self.notes.iter().filter_map(|(ix, notes)| Some((*ix, notes.unconfirmed?)));
        found.take(self.unconfirmed)
    }

    /// The oldest open runs, at most `most`.
    pub(crate) fn open(&self, now: Time, most: usize) -> Vec<Open> {
        let stop = |&(ending_since, ix): &(Time, KeyIx)| {
            let hold = self.table.get(ix)?;
            let given = hold.stop_until().is_some_and(|until| until <= now);
            Some(Open { ending_since, ix, token: hold.token, given })
        };
        let stopping = self.tally.stopping.iter().take(most).filter_map(stop);
        let given = self.lost().map(|(ix, run)| Open {
            ending_since: run.ending_since,
            ix,
            token: run.token,
            given: true,
        });
        let mut open: Vec<_> = stopping.chain(given).collect();
        open.sort_unstable_by_key(|open| (open.ending_since, open.ix));
        open.truncate(most);
        open
    }

    /// The number of keys with an unconfirmed run, and of keys with spent claims.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let spent = self.notes.values().filter(|notes| notes.spent.is_some()).count();
        (self.unconfirmed, spent)
    }

    /// What is wrong with the counts, if anything.
    #[cfg(test)]
    pub(crate) fn wrong_tally(&self) -> Option<String> {
        let mut fresh = Tally::default();
        for (ix, hold) in self.table.iter() {
            fresh.enter(ix, hold);
        }
        (fresh != self.tally).then(|| format!("{:?} is counted, but it is {fresh:?}", self.tally))
    }
}

/// Counts that each heartbeat reports about the held keys. There may be many keys, so the counts
/// are updated on each change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Keys that the application runs, including keys that it was asked to stop.
    held: usize,
    /// Keys that were asked to stop, by the time of the request.
    stopping: BTreeSet<(Time, KeyIx)>,
    /// Stopping keys that are given away at a certain time, confirmed or not.
    until: BTreeSet<(Time, KeyIx)>,
}

impl Tally {
    /// The hold entered its phase.
    pub(crate) fn enter(&mut self, ix: KeyIx, hold: &Hold) {
        self.held += usize::from(hold.is_held());
        if let Phase::Stopping(_) = hold.phase {
            self.stopping.insert((hold.since, ix));
            self.until.extend(hold.stop_until().map(|until| (until, ix)));
        }
    }

    /// The hold is about to be removed, or to enter another phase.
    pub(crate) fn leave(&mut self, ix: KeyIx, hold: &Hold) {
        self.held -= usize::from(hold.is_held());
        if let Phase::Stopping(_) = hold.phase {
            self.stopping.remove(&(hold.since, ix));
            if let Some(until) = hold.stop_until() {
                self.until.remove(&(until, ix));
            }
        }
    }
}

impl Hold {
    /// Whether the application runs the key, even if it was asked to stop.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Stopping(_))
    }

    /// When the key is given away even if its stop is not confirmed.
    fn stop_until(&self) -> Option<Time> {
        match self.phase {
            Phase::Stopping(stop) => stop.until,
            _ => None,
        }
    }

    /// The register of its pending write.
    pub(crate) fn register_mut(&mut self) -> Option<&mut Register> {
        match &mut self.phase {
            Phase::Taking(write) => Some(write),
            Phase::Completing(completing) => Some(&mut completing.write),
            Phase::HandingOver(hand_over) => Some(&mut hand_over.write),
            Phase::Taken | Phase::Running | Phase::Stopping(_) | Phase::HandedOver => None,
        }
    }
}
