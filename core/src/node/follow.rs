//! Following the log: the meaning of each delivered record, and when the log is read again.

use std::time::Duration;

use super::Node;
use super::session::Life;
use crate::edge::{Action, Notice, WatchId};
use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::log::{Change, Filter, Record, StoreError};
use crate::time::{Now, Time};
use crate::view::{Effect, KeyIx};
use crate::wire::RecordName;

/// The records that a node follows: all except `stops.>`, which is for operators.
const FOLLOWED: [&str; 9] = [
    "key.>",
    "claim.>",
    "member.>",
    "lease.>",
    "control.>",
    "retry.>",
    "manifest.>",
    "rebalance",
    "group",
];

impl Node {
    /// Forgets the sessions that no record names any more.
    fn sweep(&mut self) {
        let (planner, me) = (&self.planner, self.session.me);
        self.view.owners.sweep(|owner, _| owner == me || planner.is_named(owner));
        let owners = &self.view.owners;
        self.peers.sweep(|node, session| owners.find(node, session).is_some());
        let keys = &self.view.keys;
        self.keys.sweep(
            |owner| owners.get(owner).is_some(),
            |ix| keys.get(ix).is_some_and(|e| e.claim.unreadable),
        );
    }

    /// Opens the watch again, from a full snapshot.
    pub(super) fn open_watch(&mut self, now: Now, delay: Duration) {
        self.close_watch();
        let id = self.io.watch_id();
        let names = FOLLOWED.map(str::to_owned).to_vec();
        self.io.push(Action::Watch(id, Filter { names }, delay));
        let shown = if self.watch.is_live() { self.watch.shown() } else { now.at };
        self.peers.begin_snapshot(shown);
        self.watch.begin(id, now.at, delay);
        self.keys.holds.floor = Token(self.view.highest_token);
        self.io.newest = Revision::NONE;
        self.begin_view();
    }

    pub(super) fn close_watch(&mut self) {
        if let Some(id) = self.watch.close() {
            self.io.push(Action::Unwatch(id));
        }
    }

    /// The view cannot be trusted any more: the log is read again, and the view is proved.
    pub(super) fn resync(&mut self, now: Now, why: &'static str) {
        self.io.notice(Notice::Resync { why });
        let delay = self.watch.pause(&self.config.node);
        self.open_watch(now, delay);
    }

    pub(super) fn on_opening(&mut self, now: Now, id: WatchId) {
        if self.watch.is(id) {
            self.watch.note_progress(now);
        }
    }

    pub(super) fn on_watch_ended(&mut self, now: Now, id: WatchId, error: StoreError) {
        if self.watch.is(id) {
            self.watch.close();
            self.io.notice(Notice::StoreFailed { what: "watch the group", error });
            self.resync(now, "the watch ended");
        }
    }

    pub(super) fn on_change(&mut self, now: Now, id: WatchId, change: Change) {
        if !self.watch.is(id) {
            return;
        }
        self.peers().note_silence(now);
        self.watch.note_progress(now);
        match change {
            Change::Record(record) => {
                let effect = self.view.apply(now, &record);
                self.on_effect(now, &effect, &record);
            }
            Change::CaughtUp => self.on_caught_up(now),
        }
    }

    fn on_effect(&mut self, now: Now, effect: &Effect, record: &Record) {
        match effect {
            Effect::Key(ix) => self.keys.expiry.note(*ix, record, now.at),
            Effect::Lease(node) if *node == self.config.node => {
                return self.on_lease_delivered(now, record.revision);
            }
            Effect::Lease(node) => {
                return self.peers().on_lease_observed(now, node, record.revision);
            }
            Effect::Problem => self.on_unreadable(now, record),
            _ => {}
        }
        if !self.watch.is_live() {
            return;
        }
        self.on_live_effect(now, effect);
    }

    /// A record that cannot be read.
    fn on_unreadable(&mut self, now: Now, record: &Record) {
        let own = &self.config.node;
        match RecordName::parse(&record.name) {
            Ok(RecordName::Lease(node)) if node != *own => {
                self.view.leases.remove(&node);
                self.peers().on_lease_observed(now, &node, record.revision);
            }
            Ok(RecordName::Member(node)) if node == *own => {
                self.member().on_unreadable(record.revision);
            }
            _ => {}
        }
    }

    /// The members or their controls changed.
    fn on_members(&mut self, now: Now) {
        if self.member().on_delivered() {
            self.on_own_member();
        }
        self.member().note_joins(now);
        self.keys().note_control(now);
        self.sweep();
    }

    /// Handles an effect on a complete view.
    pub(super) fn on_live_effect(&mut self, now: Now, effect: &Effect) {
        match effect {
            Effect::Key(_) | Effect::Claim(..) => self.keys().on_effect(now, effect),
            Effect::Member(node) | Effect::Control(node) => {
                self.peers().observe_member(now, node);
                self.planner.on_member(&mut self.view, now);
                self.on_members(now);
            }
            Effect::Rebalance | Effect::Group => {
                self.planner.on_generation(&mut self.view, now);
            }
            Effect::Nothing | Effect::Lease(_) | Effect::Stops(_) | Effect::Problem => {}
        }
    }

    fn on_lease_delivered(&mut self, now: Now, revision: Revision) {
        self.watch.on_lease_echoed(revision);
        if let Life::Observing { .. } = self.session.life {
            return self.session().on_observed_change(now);
        }
        let own = self.view.leases.get(&self.config.node).map(|l| l.record.clone());
        if let Some(own) = own {
            self.session().on_own_lease(now, &own, revision, false);
        }
    }

    /// The snapshot is complete. Records that it did not show are gone, and keys without proof are
    /// lost.
    fn on_caught_up(&mut self, now: Now) {
        self.watch.note_caught_up();
        let (keys, claims) = self.end_view();
        for ix in keys {
            self.keys().on_key_not_shown(ix);
        }
        for ix in claims {
            self.keys().on_claim_not_shown(ix);
        }
        self.peers().on_leases_shown(now);
        self.peers().observe_members(now);
        let own = self.view.members.get(&self.config.node).map(|m| (m.revision, &m.record));
        self.member.on_snapshot(self.view.seen, own);
        self.keys().forget_turns();
        self.collector.forget();
        self.planner.on_caught_up(&mut self.view, now);
        self.on_members(now);
        self.planner.mark_dirty(self.view.keys.iter().map(|(ix, _)| ix));
        self.keys().prove_holds(now);
        let after = now.at.since(self.watch.opened());
        self.io.notice(Notice::CaughtUp { after, keys: self.view.keys.announced() as u64 });
        self.session().drive(now);
        self.settle(now);
    }

    /// Begins a snapshot of the view.
    fn begin_view(&mut self) {
        if !broken!(FreshSnapshot) || self.view.seen == Revision::NONE {
            self.view.begin_snapshot();
        }
    }

    /// Ends the snapshot. Returns the keys and the claims that it did not show.
    fn end_view(&mut self) -> (Vec<KeyIx>, Vec<KeyIx>) {
        let not_shown = self.view.end_snapshot();
        if broken!(FreshSnapshot) { (Vec::new(), Vec::new()) } else { not_shown }
    }

    pub(super) fn watch_timeout(&self) -> Option<Time> {
        let judged = self.watch.timeout(self.timing.ack);
        judged.into_iter().chain(self.blind_at()).min()
    }

    /// When a node that does not see its own heartbeats ends its session. It would not see a drain
    /// either.
    fn blind_at(&self) -> Option<Time> {
        matches!(self.session.life, Life::Active(_) | Life::Entering(_))
            .then_some(self.watch.missing_since()? + self.timing.lease * 2)
    }

    /// Checks whether the watch can still be trusted.
    pub(super) fn drive_watch(&mut self, now: Now) {
        if self.blind_at().is_some_and(|at| at <= now.at) {
            self.fence(now, "the watch is silent");
        }
        if self.watch.timeout(self.timing.ack).is_some_and(|at| at <= now.at) {
            let live = self.watch.is_live();
            let why = if live { "the watch is silent" } else { "the snapshot makes no progress" };
            self.resync(now, why);
        }
    }

    /// Handles the keys whose time to live has passed.
    pub(super) fn drive_expiry(&mut self, now: Now) {
        while self.watch.is_live()
            && let Some(ix) = self.keys.expiry.pop(now.at)
        {
            self.keys().on_expired(now, ix);
        }
    }
}
