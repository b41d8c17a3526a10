//! What this node has to do with a key: at most one thing at a time.
//!
//! A claim that names this session is started as it stands, unless one of these knows better. Each is
//! there for a way in which an earlier write, run or owner can come back:
//!
//! | | remembers | so that | until |
//! |---|---|---|---|
//! | [`Unconfirmed`] | a run that was lost, or handed over unconfirmed | a key has one run here at a time | the application confirms it |
//! | [`Spent`] | the claims of a key that were run or given away here | a late write of this node's that names another owner over one of them fails | the key starts on another claim, or the session ends |
//! | [`Holds::floor`] | the highest token before the view was read again | a claim that a lost tail brought back is written again first, with a higher token | the view is read again |
//! | `Notes::unreadable` | since when the claim has been unreadable | nobody takes a key that its last owner may still hold | the claim can be read |
//! | `Notes::deleting` | that a deletion of the claim is on its way | it is not deleted twice at a time | the deletion has an outcome |

use std::collections::{BTreeSet, HashMap};

use crate::edge::RequestId;
use crate::edge::StopReason;
use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::log::StoreError;
use crate::node::register::Register;
use crate::time::Time;
use crate::view::{KeyIx, KeyTable, OwnerIx};

/// A key that this node has, gets or gives away.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The token of the claim that is held, or being written.
    pub(crate) token: Token,
    /// The revision of the claim that is held; while it is taken, the one that is written over.
    pub(crate) revision: Revision,
    /// When it came into this phase.
    pub(crate) since: Time,
    pub(crate) phase: Phase,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The claim is being written.
    Taking(Register),
    /// The claim is in the log; the key is started when the view is complete.
    Taken,
    /// The application was told to start.
    Running,
    /// The application was told to stop, and has not confirmed.
    Stopping(Stop),
    /// The application has stopped because the work is done; the key is being deleted.
    Completing(Box<Completing>),
    /// The run is confirmed over; the claim is being given away. From here on the key is never
    /// started again on this revision.
    HandingOver(Box<HandOver>),
    /// The claim was given away; the watch has not shown it yet.
    HandedOver,
}

/// A key whose work is done. In a box, likewise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completing {
    pub(crate) request: RequestId,
    /// The announcement whose work is done: a later one is not.
    pub(crate) announced: Revision,
    /// What the store said last where the key could not be deleted.
    pub(crate) failed: Option<StoreError>,
    pub(crate) write: Register,
}

/// Why a claim is given away: it decides who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// A stop that was told for this reason is confirmed.
    Stopped(StopReason),
    /// The application does not want the key.
    Released,
    /// It named this session, which may not run it.
    ReturnedUnrun,
}

/// A claim that is being given away. In a box, since few are at a time and a hold is there for each
/// key that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandOver {
    pub(crate) next: Next,
    /// The token of the run that is over.
    pub(crate) ran: Token,
    /// When the application was told to stop, or stopped by itself.
    pub(crate) told: Time,
    /// It counts against the number of moves that may be under way.
    pub(crate) slot: bool,
    pub(crate) why: Why,
    /// Since when it has been tried to no effect.
    pub(crate) unwritten: Option<Time>,
    pub(crate) write: Register,
}

/// A stop that the application was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) reason: StopReason,
    /// It counts against the number of moves that may be under way.
    pub(crate) slot: bool,
    /// When the key is handed over, confirmed or not.
    pub(crate) until: Option<Time>,
}

/// What becomes of a claim whose run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It names the next owner.
    To(OwnerIx),
    /// It names nobody.
    Free,
    /// It is deleted: the key does not exist any more.
    Gone,
    /// It is written anew, with a new token: the key is started here again.
    Again,
}

/// A run that was lost and is not confirmed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unconfirmed {
    pub(crate) token: Token,
    /// When the application was told to stop; of a run that was just lost, when it has to be over.
    pub(crate) told: Time,
    /// Until when the application may still go by it.
    pub(crate) until: Time,
}

/// A run that the application was told to end, and that is not confirmed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) ix: KeyIx,
    pub(crate) token: Token,
    pub(crate) told: Time,
    /// The key is not this node's any more, or may be another's at any moment.
    pub(crate) given: bool,
}

/// Claims of a key that were run or given away here. They are not started as they stand: a late write
/// of this node's that names another owner may land over one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Those up to this revision.
    pub(crate) revision: Revision,
    /// The one that was run: where the log lost its tail, it may stand at another revision.
    pub(crate) ran: Token,
}

impl Spent {
    fn covers(self, revision: Revision, token: Token) -> bool {
        revision <= self.revision || token == self.ran
    }
}

/// What is remembered of one key for a while, whether it is held or not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Notes {
    unconfirmed: Option<Unconfirmed>,
    spent: Option<Spent>,
    /// Since when the claim at this revision has been unreadable.
    unreadable: Option<(Revision, Time)>,
    /// The deletion of its stale claim is on its way.
    deleting: bool,
}

impl Notes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The keys that this node has to do with.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    table: KeyTable<Hold>,
    /// What is counted of them.
    tally: Tally,
    /// What is remembered for a while, of keys that are held and of others.
    notes: HashMap<KeyIx, Notes>,
    /// How many of them have an unconfirmed run.
    unconfirmed: usize,
    /// The highest token that was known when the view was last read anew: no claim at or below it is
    /// started as it stands.
    pub(crate) floor: Token,
}

impl Holds {
    pub(crate) fn get(&self, ix: KeyIx) -> Option<&Hold> {
        self.table.get(ix)
    }

    /// The hold, to change all of it but its phase, which [`enter`](Self::enter) changes.
    pub(crate) fn get_mut(&mut self, ix: KeyIx) -> Option<&mut Hold> {
        self.table.get_mut(ix)
    }

    pub(crate) fn contains(&self, ix: KeyIx) -> bool {
        self.table.contains(ix)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The keys, in the order in which they lie in memory.
    pub(crate) fn keys(&self) -> Vec<KeyIx> {
        self.table.keys()
    }

    /// The key after this one; the first after the last.
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

    /// A key that is held comes into another phase.
    pub(crate) fn enter(&mut self, ix: KeyIx, since: Time, phase: Phase) {
        if let Some(hold) = self.table.get_mut(ix) {
            self.tally.leave(ix, hold);
            hold.phase = phase;
            hold.since = since;
            self.tally.enter(ix, hold);
        }
    }

    /// How many keys the application has or is told to stop.
    pub(crate) fn held(&self) -> usize {
        self.tally.held
    }

    /// How many keys this node has and has not given away.
    pub(crate) fn kept(&self) -> usize {
        let kept = |(_, hold): &(KeyIx, &Hold)| {
            !matches!(hold.phase, Phase::Taking(_) | Phase::Taken | Phase::HandedOver)
        };
        self.table.iter().filter(kept).count()
    }

    /// Whether a run of the key is not confirmed over although the key is not this node's any more:
    /// until it is, the key is not started here.
    pub(crate) fn is_unconfirmed(&self, ix: KeyIx) -> bool {
        self.unconfirmed(ix).is_some() && !broken!(OneRun)
    }

    /// The run of a key that is not this node's any more, if it is not confirmed over.
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

    /// Whether a claim was run or given away here, so that it is not started as it stands.
    pub(crate) fn is_spent(&self, ix: KeyIx, revision: Revision, token: Token) -> bool {
        let spent = self.notes.get(&ix).and_then(|notes| notes.spent);
        spent.is_some_and(|spent| spent.covers(revision, token))
    }

    pub(crate) fn set_spent(&mut self, ix: KeyIx, spent: Spent) {
        self.note(ix, |notes| notes.spent = Some(spent));
    }

    /// The view has gone beyond the claims that were run or given away.
    pub(crate) fn clear_spent(&mut self, ix: KeyIx) {
        if self.notes.contains_key(&ix) {
            self.note(ix, |notes| notes.spent = None);
        }
    }

    /// A session began: no write of an earlier one is on its way.
    pub(crate) fn forget_spent(&mut self) {
        self.retain(|_, notes| notes.spent = None);
    }

    /// Since when the claim at this revision has been known to be unreadable: from now on, if it was
    /// not known. Between two of them there may have been one of an owner that lives.
    pub(crate) fn unreadable_since(&mut self, ix: KeyIx, revision: Revision, now: Time) -> Time {
        self.note(ix, |notes| {
            let known = notes.unreadable.filter(|(known, _)| *known == revision);
            let (_, since) = *notes.unreadable.insert(known.unwrap_or((revision, now)));
            since
        })
    }

    /// The claims that can be read now are no longer unreadable.
    pub(crate) fn sweep_unreadable(&mut self, is_unreadable: impl Fn(KeyIx) -> bool) {
        self.retain(|ix, notes| {
            notes.unreadable.take_if(|_| !is_unreadable(ix));
        });
    }

    /// The deletion of a stale claim is on its way, or has an outcome. Returns whether that is new.
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

    /// Whether a stop was told and is not confirmed.
    pub(crate) fn is_any_stopping(&self) -> bool {
        !self.tally.stopping.is_empty()
    }

    /// How many runs were told to end and are not confirmed over, also those whose key was lost, or was
    /// handed over because the stop took too long.
    pub(crate) fn open_count(&self) -> usize {
        self.tally.stopping.len() + self.unconfirmed
    }

    /// The keys of those that are not this node's any more, or may be another's at any moment.
    pub(crate) fn given(&self, now: Time) -> impl Iterator<Item = KeyIx> {
        let timed_out = self.tally.until.iter().take_while(move |(until, _)| *until <= now);
        timed_out.map(|(_, ix)| *ix).chain(self.lost().map(|(ix, _)| ix))
    }

    /// The runs of lost keys that are not confirmed over.
    fn lost(&self) -> impl Iterator<Item = (KeyIx, Unconfirmed)> {
        let found = self.notes.iter().filter_map(|(ix, notes)| Some((*ix, notes.unconfirmed?)));
        found.take(self.unconfirmed)
    }

    /// The oldest of all these, no more than so many.
    pub(crate) fn open(&self, now: Time, most: usize) -> Vec<Open> {
        let stop = |&(told, ix): &(Time, KeyIx)| {
            let hold = self.table.get(ix)?;
            let given = hold.stop_until().is_some_and(|until| until <= now);
            Some(Open { told, ix, token: hold.token, given })
        };
        let stopping = self.tally.stopping.iter().take(most).filter_map(stop);
        let given =
            self.lost().map(|(ix, run)| Open { told: run.told, ix, token: run.token, given: true });
        let mut open: Vec<_> = stopping.chain(given).collect();
        open.sort_unstable_by_key(|open| (open.told, open.ix));
        open.truncate(most);
        open
    }

    /// How many keys have something remembered of them, and how many of those claims that are spent.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let spent = self.notes.values().filter(|notes| notes.spent.is_some()).count();
        (self.unconfirmed, spent)
    }

    /// What is wrong with what is counted, if something is.
    #[cfg(test)]
    pub(crate) fn wrong_tally(&self) -> Option<String> {
        let mut fresh = Tally::default();
        for (ix, hold) in self.table.iter() {
            fresh.enter(ix, hold);
        }
        (fresh != self.tally).then(|| format!("{:?} is counted, but it is {fresh:?}", self.tally))
    }
}

/// What each heartbeat tells of the keys that are held, counted as they change: there may be many.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Keys that the application has, those that are told to stop included.
    held: usize,
    /// Those told to stop, by when they were.
    stopping: BTreeSet<(Time, KeyIx)>,
    /// Those of them that are given away at a certain time, confirmed or not.
    until: BTreeSet<(Time, KeyIx)>,
}

impl Tally {
    /// The hold came into its phase.
    pub(crate) fn enter(&mut self, ix: KeyIx, hold: &Hold) {
        self.held += usize::from(hold.is_held());
        if let Phase::Stopping(_) = hold.phase {
            self.stopping.insert((hold.since, ix));
            self.until.extend(hold.stop_until().map(|until| (until, ix)));
        }
    }

    /// The hold is about to go, or into another phase.
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
    /// Whether the application has the key, be it told to stop.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Stopping(_))
    }

    /// When it is given away although its stop is not confirmed.
    fn stop_until(&self) -> Option<Time> {
        match self.phase {
            Phase::Stopping(stop) => stop.until,
            _ => None,
        }
    }

    /// The write that is on its way for it.
    pub(crate) fn register_mut(&mut self) -> Option<&mut Register> {
        match &mut self.phase {
            Phase::Taking(write) => Some(write),
            Phase::Completing(completing) => Some(&mut completing.write),
            Phase::HandingOver(hand_over) => Some(&mut hand_over.write),
            Phase::Taken | Phase::Running | Phase::Stopping(_) | Phase::HandedOver => None,
        }
    }
}
