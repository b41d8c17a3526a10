//! What this node does with a key: at most one thing at a time. What it remembers of keys beside that is
//! in [`notes`](super::notes).

use std::collections::BTreeSet;

use super::notes::KeyNotes;
use crate::edge::{ReadId, RequestId, StopReason, WriteId};
use crate::id::{Revision, Token};
use crate::log::{Outcome, StoreError};
use crate::node::register::{Register, Verdict};
use crate::time::Time;
use crate::view::{KeyIx, KeyTable, OwnerIx};
use crate::wire::{Failed, Quarantine};

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
    /// The application gave the key up because its work failed.
    Failed,
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
    /// What the next claim says about the failures of the run.
    pub(crate) failing: Option<Box<Failing>>,
    /// Since when the writes have failed.
    pub(crate) unwritten: Option<Time>,
    pub(crate) write: Register,
}

/// The failures of a run, as the next claim says them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failing {
    pub(crate) failed: Failed,
    /// Unless another node may try the key.
    pub(crate) quarantine: Option<Quarantine>,
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
    /// It names no owner, and no node takes the key.
    Quarantined,
    /// It is deleted: the key no longer exists.
    Deleted,
    /// It is written again with a new token: the key starts here again.
    Here,
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

/// The keys that this node owns, takes or gives away, and temporary facts about keys.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    table: KeyTable<Hold>,
    /// Counts of the holds.
    tally: Tally,
    /// Temporary facts about keys, held or not.
    pub(crate) notes: KeyNotes,
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
            debug_assert!(!before.is_with_application(), "it runs already");
            self.tally.leave(ix, &before);
        }
    }

    /// What the outcome of a write says, if it is the write that is in flight for this key.
    pub(crate) fn on_wrote<'a>(
        &mut self,
        ix: KeyIx,
        id: WriteId,
        outcome: &'a Outcome,
    ) -> Option<Verdict<'a>> {
        self.table.get_mut(ix)?.register_mut()?.on_wrote(id, outcome)
    }

    /// Whether this is the read that this key waits for.
    pub(crate) fn on_read(&mut self, ix: KeyIx, id: ReadId) -> bool {
        let register = self.table.get_mut(ix).and_then(Hold::register_mut);
        register.is_some_and(|write| write.on_read(id))
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

    /// Whether a requested stop is not confirmed.
    pub(crate) fn is_any_stopping(&self) -> bool {
        !self.tally.stopping.is_empty()
    }

    /// The number of runs that were asked to end and are not confirmed over. This includes runs
    /// whose key was lost, or was handed over because the stop took too long.
    pub(crate) fn open_count(&self) -> usize {
        self.tally.stopping.len() + self.notes.lost_count()
    }

    /// The keys of open runs that this node no longer owns, or that another node may own at any
    /// moment.
    pub(crate) fn given(&self, now: Time) -> impl Iterator<Item = KeyIx> {
        let timed_out = self.tally.until.iter().take_while(move |(until, _)| *until <= now);
        timed_out.map(|(_, ix)| *ix).chain(self.notes.lost().map(|(ix, _)| ix))
    }

    /// The oldest open runs, at most `most`.
    pub(crate) fn open(&self, now: Time, most: usize) -> Vec<Open> {
        let stop = |&(ending_since, ix): &(Time, KeyIx)| {
            let hold = self.table.get(ix)?;
            let given = hold.stop_until().is_some_and(|until| until <= now);
            Some(Open { ending_since, ix, token: hold.token, given })
        };
        let stopping = self.tally.stopping.iter().take(most).filter_map(stop);
        let given = self.notes.lost().map(|(ix, run)| Open {
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
        self.held += usize::from(hold.is_with_application());
        if let Phase::Stopping(_) = hold.phase {
            self.stopping.insert((hold.since, ix));
            self.until.extend(hold.stop_until().map(|until| (until, ix)));
        }
    }

    /// The hold is about to be removed, or to enter another phase.
    pub(crate) fn leave(&mut self, ix: KeyIx, hold: &Hold) {
        self.held -= usize::from(hold.is_with_application());
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
    pub(crate) fn is_with_application(&self) -> bool {
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
