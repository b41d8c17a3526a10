//! The keys that a node owns, takes or gives away: the life of one key, and the rules for it.

mod absent;
#[cfg(test)]
mod broken;
mod complete;
mod hand_over;
mod hold;
mod lose;
mod moves;
mod notes;
mod reconcile;
mod requested;
mod stop;
mod stops;
mod take;
mod turn;

use std::collections::BTreeSet;

use self::hold::{Destination, Holds};
use self::moves::OutgoingMoves;
use self::stops::OwnStops;
use self::take::Takes;
use self::turn::Turns;
use super::io::Io;
use super::member::OwnMember;
use super::peers::{PeerHandler, Peers};
use super::session::OwnSession;
use super::trust::LogWatch;
use crate::config::Config;
use crate::planner::Planner;
use crate::time::{Now, Time};
use crate::timing::Timing;
use crate::view::{Effect, Expiry, KeyIx, OwnerIx, View};

/// What a node knows about its keys in addition to the log.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) holds: Holds,
    pub(super) takes: Takes,
    pub(super) moves: OutgoingMoves,
    turns: Turns,
    stops: OwnStops,
    pub(super) given: Given,
    /// When the time to live of each key ends.
    pub(super) expiry: Expiry,
    /// When each key is reconciled again.
    later: BTreeSet<(Time, KeyIx)>,
}

/// What a flush or a drain has given away.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Keys that other nodes own now.
    pub(super) handed: u64,
    /// Keys that are free now.
    pub(super) freed: u64,
    /// Keys that wait for this node's next session.
    pub(super) kept: u64,
    /// When the application last confirmed a stop, or a key was handed over, since the flush began.
    pub(super) progress: Time,
}

impl Given {
    /// The flush made progress.
    pub(super) fn note(&mut self, now: Now) {
        self.progress = now.at;
    }

    /// A key was given away.
    fn count(&mut self, now: Now, destination: Destination) {
        self.note(now);
        match destination {
            Destination::To(_) => self.handed += 1,
            Destination::Free => self.freed += 1,
            Destination::Quarantined | Destination::Deleted | Destination::Here => {}
        }
    }

    pub(super) fn forget(&mut self) {
        (self.handed, self.freed, self.kept) = (0, 0, 0);
    }
}

impl Keys {
    fn reconcile_at(&mut self, at: Time, ix: KeyIx) {
        self.later.insert((at, ix));
    }

    /// The earliest timer of a single key.
    pub(super) fn next(&self) -> Option<Time> {
        self.later.first().map(|(at, _)| *at)
    }

    /// When the first turn to take an orphan ends.
    pub(super) fn next_turn(&self) -> Option<Time> {
        self.turns.next()
    }

    /// A session begins: runs and writes of earlier sessions do not belong to it.
    pub(super) fn begin_session(&mut self) {
        self.stops = OwnStops::default();
        self.holds.notes.forget_spent();
    }

    /// Forgets the sessions that no record names any more, and the unreadable state of claims that
    /// can be read now.
    pub(super) fn sweep(
        &mut self,
        named: impl Fn(OwnerIx) -> bool,
        unreadable: impl Fn(KeyIx) -> bool,
    ) {
        self.turns.sweep(named);
        self.holds.notes.sweep_unreadable(unreadable);
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.later.len()
    }
}

/// The keys, and the fields that their rules may touch.
pub(super) struct KeyHandler<'a> {
    pub(super) config: &'a Config,
    pub(super) timing: &'a Timing,
    pub(super) session: &'a OwnSession,
    pub(super) member: &'a OwnMember,
    pub(super) watch: &'a LogWatch,
    pub(super) view: &'a mut View,
    pub(super) planner: &'a mut Planner,
    pub(super) peers: &'a mut Peers,
    pub(super) io: &'a mut Io,
    pub(super) keys: &'a mut Keys,
}

impl KeyHandler<'_> {
    fn peers(&mut self) -> PeerHandler<'_> {
        PeerHandler {
            config: self.config,
            timing: self.timing,
            session: self.session,
            watch: self.watch,
            view: self.view,
            planner: self.planner,
            io: self.io,
            peers: self.peers,
        }
    }

    /// Whether the session that a claim of this key names is proved to be over. If it is not, the
    /// key is reconciled again as soon as it is.
    fn is_proved_over(&mut self, now: Now, ix: KeyIx, owner: OwnerIx) -> bool {
        let over = self.peers().is_proved_over(now, owner);
        let own = self.view.owners.get(owner).is_some_and(|o| o.node == self.config.node);
        if !over && own {
            self.keys.reconcile_at(now.at + self.timing.heartbeat, ix);
        }
        over
    }

    fn is_working(&self, now: Now) -> bool {
        self.session.is_working(now, self.timing, self.watch)
    }

    /// A key or a claim changed in the view, and the view is complete.
    pub(super) fn on_effect(&mut self, now: Now, effect: &Effect) {
        match effect {
            Effect::Key(ix) => self.planner.on_key(self.view, now, *ix),
            Effect::Claim(ix, from) => {
                self.note_claim(now, *ix);
                self.planner.on_claim(self.view, now, *ix, *from);
            }
            _ => {}
        }
    }

    /// Runs the timers of single keys that are due.
    pub(super) fn drive_later(&mut self, now: Now) {
        while let Some(&(at, ix)) = self.keys.later.first()
            && at <= now.at
        {
            self.keys.later.pop_first();
            self.on_later(now, ix);
        }
    }

    /// Reconciles the keys that changed, or whose plan changed.
    pub(super) fn drive_dirty(&mut self, now: Now) {
        while let Some(ix) = self.planner.pop_dirty() {
            self.reconcile_key(now, ix);
            self.view.keys.forget_if_idle(ix);
        }
    }
}
