//! The watch: opening it, knowing when it is complete, and when it can no longer be believed.

use std::collections::VecDeque;
use std::time::Duration;

use super::Node;
use super::join::Life;
use crate::edge::{Action, Notice, WatchId};
use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::log::{Change, Filter, Record, StoreError};
use crate::time::{Now, Time};
use crate::view::{Effect, Expiry};
use crate::wire::RecordName;

/// On top of the ack time-out: how long an acknowledged heartbeat may be missing from a watch that
/// delivers nothing before the watch is taken for dead.
const ECHO: Duration = Duration::from_secs(2);

/// How long a snapshot may stand still.
const SNAPSHOT_PROGRESS: Duration = Duration::from_secs(10);

/// The most missing heartbeats that are remembered one by one.
const MISSING: usize = 32;

/// What a node follows: all but `stops.>`, which is for operators.
const FOLLOWED: [&str; 8] =
    ["key.>", "claim.>", "member.>", "lease.>", "control.>", "manifest.>", "rebalance", "group"];

/// The longest pause between two attempts to open the watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The state of the watch.
#[derive(Debug)]
pub(super) struct LogWatch {
    id: Option<WatchId>,
    /// It has delivered everything that there was.
    live: bool,
    opened: Time,
    /// When it last delivered a record, or was being opened.
    progress: Time,
    /// How often it was opened in vain.
    failures: u32,
    /// The own heartbeats that were acknowledged and have not come back, oldest first.
    missing: VecDeque<(Revision, Time)>,
    /// The newest own heartbeat that came back.
    echoed: Revision,
    /// Since when a heartbeat is missing that was sent before the watch was opened anew.
    missing_before: Option<Time>,
    pub(super) expiry: Expiry,
}

impl LogWatch {
    pub(super) fn new(now: Time) -> Self {
        Self {
            id: None,
            live: false,
            opened: now,
            progress: now,
            failures: 0,
            missing: VecDeque::new(),
            echoed: Revision::NONE,
            missing_before: None,
            expiry: Expiry::default(),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    pub(super) fn opened(&self) -> Time {
        self.opened
    }

    /// When it last showed something.
    pub(super) fn shown(&self) -> Time {
        self.progress
    }

    /// No heartbeat is expected back (any more).
    pub(super) fn forget_heartbeats(&mut self) {
        self.missing.clear();
        self.missing_before = None;
    }

    pub(super) fn on_lease_acked(&mut self, now: Time, revision: Revision) {
        let newest = self.missing.back().map_or(self.echoed, |(newest, _)| *newest);
        if revision > newest.max(self.echoed) {
            if self.missing.len() == MISSING {
                self.missing.remove(1);
            }
            self.missing.push_back((revision, now));
        }
    }

    /// The newest own heartbeat that has not come back; none: they all have.
    pub(super) fn newest_missing(&self) -> Revision {
        self.missing.back().map_or(Revision::NONE, |(newest, _)| *newest)
    }

    fn on_lease_echoed(&mut self, revision: Revision) {
        self.echoed = self.echoed.max(revision);
        while self.missing.front().is_some_and(|(missing, _)| *missing <= revision) {
            self.missing.pop_front();
            self.missing_before = None;
        }
        if self.missing.is_empty() {
            self.missing_before = None;
        }
    }

    /// Since when the watch owes a heartbeat.
    fn missing_since(&self) -> Option<Time> {
        let since = self.missing_before.or(self.missing.front().map(|(_, at)| *at));
        since.filter(|_| !broken!(Echo))
    }

    /// Another log may count from the start again: what is missing is counted anew, from when it was.
    fn begin_snapshot(&mut self) {
        self.missing_before = self.missing_since();
        self.missing.clear();
        self.echoed = Revision::NONE;
    }

    /// When the watch counts as stale, unless something is delivered before.
    fn stale_at(&self, ack: Duration) -> Option<Time> {
        let since = self.missing_since()?;
        Some(since.max(self.progress) + ECHO + ack)
    }
}

impl Node {
    /// Opens the watch anew, from a full snapshot.
    pub(super) fn open_watch(&mut self, now: Now, delay: Duration) {
        if let Some(id) = self.watch.id.take() {
            self.actions.push_back(Action::Unwatch(id));
        }
        let id = self.watch_id();
        let names = FOLLOWED.map(str::to_owned).to_vec();
        self.actions.push_back(Action::Watch(id, Filter { names }, delay));
        let shown = if self.watch.live { self.watch.progress } else { now.at };
        self.observer.begin_snapshot(shown);
        self.watch.id = Some(id);
        self.watch.live = false;
        self.watch.opened = now.at;
        self.watch.progress = now.at + delay;
        self.watch.begin_snapshot();
        self.holds.floor = Token(self.view.highest_token);
        self.newest = Revision::NONE;
        #[cfg(test)]
        if self.resumes() {
            return;
        }
        self.view.begin_snapshot();
    }

    /// The view cannot be believed any more: everything is read again, and proved.
    pub(super) fn resync(&mut self, now: Now, why: &'static str) {
        self.notice(Notice::Resync { why });
        let delay = self.pause();
        self.open_watch(now, delay);
    }

    /// The pause before the next attempt: none at first, then growing, never the same for two nodes.
    fn pause(&mut self) -> Duration {
        let failures = self.watch.failures;
        self.watch.failures = failures.saturating_add(1);
        if failures == 0 {
            return Duration::ZERO;
        }
        let base = Duration::from_millis(50) * 2u32.saturating_pow(failures.min(6) - 1);
        let base = base.min(LONGEST_PAUSE);
        let mix = crate::plan::key_hash(&format!("{} {failures}", self.config.node));
        base / 2 + base.mul_f64(f64::from(u32::try_from(mix >> 32).unwrap_or(0)) / 8.6e9)
    }

    pub(super) fn on_opening(&mut self, now: Now, id: WatchId) {
        if self.watch.id == Some(id) {
            self.watch.progress = now.at;
        }
    }

    pub(super) fn on_watch_ended(&mut self, now: Now, id: WatchId, error: StoreError) {
        if self.watch.id == Some(id) {
            self.watch.id = None;
            self.notice(Notice::StoreFailed { what: "watch the group", error });
            self.resync(now, "the watch ended");
        }
    }

    pub(super) fn on_change(&mut self, now: Now, id: WatchId, change: Change) {
        if self.watch.id != Some(id) {
            return;
        }
        self.note_silence(now);
        self.watch.progress = now.at;
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
            Effect::Key(ix) => self.watch.expiry.note(*ix, record, now.at),
            Effect::Lease(node) if *node == self.config.node => {
                return self.on_lease_delivered(now, record.revision);
            }
            Effect::Lease(node) => return self.on_lease_observed(now, node, record.revision),
            Effect::Problem => self.on_unreadable(now, record),
            _ => {}
        }
        if !self.watch.live {
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
                self.on_lease_observed(now, &node, record.revision);
            }
            Ok(RecordName::Member(node)) if node == *own => {
                self.on_own_member_unreadable(record.revision);
            }
            _ => {}
        }
    }

    /// An effect on a view that is complete.
    pub(super) fn on_live_effect(&mut self, now: Now, effect: &Effect) {
        match effect {
            Effect::Key(ix) => self.planner.on_key(&mut self.view, now, *ix),
            Effect::Claim(ix, from) => {
                self.note_claim(now, *ix);
                self.planner.on_claim(&mut self.view, now, *ix, *from);
            }
            Effect::Member(node) | Effect::Control(node) => {
                self.observe_member(now, node);
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
        if let Life::Observing { .. } = self.life {
            return self.on_observed_change(now);
        }
        let own = self.view.leases.get(&self.config.node).map(|l| l.record.clone());
        if let Some(own) = own {
            self.on_own_lease(now, &own, revision, false);
        }
    }

    /// The snapshot is complete: what it did not show is gone, and what cannot be proved is lost.
    fn on_caught_up(&mut self, now: Now) {
        self.watch.live = true;
        self.watch.failures = 0;
        let (keys, claims) = self.view.end_snapshot();
        #[cfg(test)]
        let (keys, claims) =
            if broken!(FreshSnapshot) { (Vec::new(), Vec::new()) } else { (keys, claims) };
        for ix in keys {
            self.on_key_not_shown(ix);
        }
        for ix in claims {
            self.on_claim_not_shown(ix);
        }
        self.on_leases_shown(now);
        self.observe_members(now);
        let own = self.view.members.get(&self.config.node).map(|m| (m.revision, &m.record));
        self.member.on_snapshot(self.view.seen, own);
        self.forget_turns();
        self.collector.forget();
        self.planner.on_caught_up(&mut self.view, now);
        self.on_members(now);
        self.planner.mark_dirty(self.view.keys.iter().map(|(ix, _)| ix));
        self.prove_holds(now);
        let after = now.at.since(self.watch.opened);
        self.notice(Notice::CaughtUp { after, keys: self.view.keys.announced() as u64 });
        self.drive_life(now);
    }

    pub(super) fn watch_timeout(&self) -> Option<Time> {
        let stale = if self.watch.live {
            self.watch.stale_at(self.timing.ack)
        } else {
            Some(self.watch.progress + SNAPSHOT_PROGRESS)
        };
        let blind = self.blind_at();
        let expiry = self.watch.expiry.next().filter(|_| self.watch.live);
        [stale, blind, expiry].into_iter().flatten().min()
    }

    /// When a node that does not see its own heartbeats gives up: it would not see a drain either.
    fn blind_at(&self) -> Option<Time> {
        matches!(self.life, Life::Active(_) | Life::Entering(_))
            .then_some(self.watch.missing_since()? + self.timing.lease * 2)
    }

    /// Judges the watch, and the keys whose time to live is over.
    pub(super) fn drive_watch(&mut self, now: Now) {
        if self.blind_at().is_some_and(|at| at <= now.at) {
            self.fence(now, "the watch is silent");
        }
        if self.watch.live {
            if self.watch.stale_at(self.timing.ack).is_some_and(|at| at <= now.at) {
                return self.resync(now, "the watch is silent");
            }
        } else if self.watch.progress + SNAPSHOT_PROGRESS <= now.at {
            return self.resync(now, "the snapshot makes no progress");
        }
        while self.watch.live
            && let Some(ix) = self.watch.expiry.pop(now.at)
        {
            self.on_expired(now, ix);
        }
    }

    pub(super) fn close_watch(&mut self) {
        self.actions.extend(self.watch.id.take().map(Action::Unwatch));
    }
}
