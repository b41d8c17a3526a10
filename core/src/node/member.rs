//! The own member record and the record of unconfirmed stops, written on change.

use std::time::Duration;

use super::Node;
use super::join::{Life, PLAN};
use super::outcome::{ReadFor, WriteFor};
use crate::config::RebalancePolicy;
use crate::id::{Revision, Session};
use crate::log::{Outcome, Record, StoreError, Write};
use crate::time::{Now, Time};
use crate::timing::{SETTLE, SETTLE_AT_MOST, TOMBSTONE_TTL};
use crate::view::KeyIx;
use crate::wire::{MAX_STOPS, MemberRecord, MemberState, OldestStop, RecordName, StopsRecord};

/// What the other nodes are told of this one.
#[derive(Debug)]
pub(super) struct OwnMember {
    pub(super) affinity: u32,
    session: Session,
    joined: Revision,
    /// When the session began.
    begun: Time,
    leaving: bool,
    balanced: Revision,
    settled: Revision,
    /// The member record's revision as far as it is known.
    revision: Revision,
    written: Option<MemberRecord>,
    writing: Option<MemberRecord>,
    retry_at: Option<Time>,
    /// The newest join that no member's record calls settled, and since when it is the newest.
    join: Option<(Revision, Time)>,
    /// Since when there has been such a join.
    unsettled_since: Option<Time>,
    stops: StopsOut,
}

/// What stands in the record of unconfirmed stops.
#[derive(Debug, Default)]
struct StopsOut {
    revision: Revision,
    written: Option<(u64, u64, Time)>,
    writing: bool,
    /// When it is written again though nothing changed.
    again: Time,
    /// When the newest one was made that is on its way or recorded.
    made: Option<Time>,
    /// When the newest one was made that is recorded.
    recorded: Option<Time>,
}

impl OwnMember {
    pub(super) fn new(affinity: u32) -> Self {
        Self {
            affinity,
            session: Session::from_bits(0),
            joined: Revision::NONE,
            begun: Time::default(),
            leaving: false,
            balanced: Revision::NONE,
            settled: Revision::NONE,
            revision: Revision::NONE,
            written: None,
            writing: None,
            retry_at: None,
            join: None,
            unsettled_since: None,
            stops: StopsOut::default(),
        }
    }

    /// A session began; the member record that stands has this revision.
    pub(super) fn begin(
        &mut self,
        now: Now,
        session: Session,
        joined: Revision,
        revision: Revision,
    ) {
        let (affinity, leaving) = (self.affinity, self.leaving);
        let begun = now.at;
        *self = Self { session, joined, begun, leaving, revision, ..Self::new(affinity) };
    }

    pub(super) fn begun(&self) -> Time {
        self.begun
    }

    pub(super) fn joined(&self) -> Revision {
        self.joined
    }

    pub(super) fn leave(&mut self) {
        self.leaving = true;
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    pub(super) fn set_balanced(&mut self, generation: Revision) {
        self.balanced = self.balanced.max(generation);
    }

    /// The view was read anew, up to this revision. What the log does not have (any more) is forgotten
    /// or written again: it was of a log, or of a tail of one, that is lost.
    pub(super) fn on_snapshot(&mut self, end: Revision, own: Option<(Revision, &MemberRecord)>) {
        if self.balanced > end {
            self.balanced = Revision::NONE;
        }
        if self.settled > end {
            self.settled = Revision::NONE;
        }
        if let Some((revision, record)) = own
            && self.writing.is_none()
            && self.written.as_ref() != Some(record)
        {
            self.written = None;
            self.revision = revision;
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }
}

impl Node {
    pub(super) fn member_name(&self) -> RecordName {
        RecordName::Member(self.config.node.clone())
    }

    fn member_record(&self) -> MemberRecord {
        let out = &self.member;
        MemberRecord {
            session: out.session,
            joined: out.joined,
            lease_ms: u64::try_from(self.timing.lease.as_millis()).unwrap_or(u64::MAX),
            affinity: out.affinity,
            prefixes: self.config.prefixes.clone(),
            state: if out.leaving { MemberState::Leaving } else { MemberState::Active },
            balanced: out.balanced,
            settled: out.settled,
            manual: self.config.rebalance == RebalancePolicy::Manual,
            plan: (PLAN, PLAN),
            labels: self.config.labels.clone(),
            host: self.config.host.clone(),
            build: self.config.build.clone(),
        }
    }

    /// The members, or what is wanted of them, changed.
    pub(super) fn on_members(&mut self, now: Now) {
        self.on_own_member_delivered();
        let joined = self.view.newest_join();
        if joined > self.view.settled() {
            self.member.unsettled_since.get_or_insert(now.at);
            if self.member.join.is_none_or(|(newest, _)| newest != joined) {
                self.member.join = Some((joined, now.at));
            }
        } else {
            self.member.join = None;
            self.member.unsettled_since = None;
        }
        self.note_deadline(now);
        self.sweep();
    }

    fn on_own_member_delivered(&mut self) {
        if !matches!(self.life, Life::Entering(_) | Life::Active(_)) {
            return;
        }
        let own = self.view.members.get(&self.config.node);
        match own.map(|m| (m.record.session == self.member.session, m.revision)) {
            Some((true, revision)) => {
                // Newer than what was acknowledged, and not on its way from here: somebody else's.
                let foreign = self.member.writing.is_none()
                    && revision > self.member.revision
                    && self.member.written.as_ref() != own.map(|m| &m.record);
                if foreign {
                    self.member.written = None;
                }
                self.member.revision = self.member.revision.max(revision);
                // Where the log lost its tail the record may stand below what it speaks of: that does
                // not count for anybody, and is not to count here.
                if own.is_some_and(|m| m.record.settled > m.settled()) {
                    self.member.settled = Revision::NONE;
                }
                self.on_own_member();
            }
            // It was deleted or overwritten; a session that lives writes it again.
            other if self.member.writing.is_none() => {
                self.member.revision = other.map_or(Revision::NONE, |(_, revision)| revision);
                self.member.written = None;
            }
            _ => {}
        }
    }

    /// The own member record cannot be read: a session that lives writes it again, since whoever
    /// comes later does not know it.
    pub(super) fn on_own_member_unreadable(&mut self, revision: Revision) {
        if self.member.writing.is_none() {
            self.member.written = None;
            self.member.revision = revision;
        }
    }

    /// Forgets the sessions that nothing names any more.
    fn sweep(&mut self) {
        let (planner, me) = (&self.planner, self.me);
        self.view.owners.sweep(|owner, _| owner == me || planner.is_named(owner));
        let owners = &self.view.owners;
        self.proofs.sweep(|node, session| owners.find(node, session).is_some());
        let keys = &self.view.keys;
        self.turns.sweep(|owner| owners.get(owner).is_some());
        self.takes.sweep(|ix| keys.get(ix).is_some_and(|e| e.claim.unreadable));
    }

    /// When it is this node's turn to say that the joins have settled: the first by id does so when
    /// nobody has joined for the settle time, each other one a little later if nobody did.
    ///
    /// Joins that settled before are settled for good, but a node that starts to read the log knows
    /// that from the members' records alone. When the last record that said so is gone, it is said
    /// again, at once.
    fn settle_at(&self) -> Option<Time> {
        let (joined, at) = self.member.join?;
        if !self.watch.is_live() || joined <= self.member.settled {
            return None;
        }
        let due = if self.planner.unsettled(&self.view).is_none() {
            at
        } else {
            (at + SETTLE).min(self.member.unsettled_since? + SETTLE_AT_MOST)
        };
        let active = self.planner.standings().iter().filter(|(_, s)| !s.departs);
        let rank = active.take_while(|(_, s)| s.owner != self.me).count();
        let pause = (self.timing.heartbeat / 2).max(Duration::from_millis(100));
        Some(due + pause * u32::try_from(rank).unwrap_or(u32::MAX))
    }

    pub(super) fn member_timeout(&self) -> Option<Time> {
        if !matches!(self.life, Life::Entering(_) | Life::Active(_)) {
            return None;
        }
        let settle = matches!(self.life, Life::Active(_)).then(|| self.settle_at()).flatten();
        settle.into_iter().chain(self.member.retry_at).min()
    }

    /// Writes the member record if it ought to be another one.
    pub(super) fn drive_member(&mut self, now: Now) {
        if !matches!(self.life, Life::Entering(_) | Life::Active(_)) {
            return;
        }
        if matches!(self.life, Life::Active(_)) && self.settle_at().is_some_and(|at| at <= now.at) {
            self.member.settled =
                self.member.join.map_or(self.member.settled, |(joined, _)| joined);
            self.member.unsettled_since = Some(now.at);
        }
        if self.member.writing.is_some() || self.member.retry_at.is_some_and(|at| at > now.at) {
            return;
        }
        self.member.retry_at = None;
        if self.member.written.as_ref() == Some(&self.member_record()) {
            return;
        }
        // Where it is written anyway, it also keeps what it knows of settled joins.
        self.member.settled = self.member.settled.max(self.planner.settled());
        let record = self.member_record();
        let write = Write {
            name: self.member_name().to_string(),
            value: Some(record.encode()),
            expected: Some(self.member.revision),
            ttl: None,
            expires_in: None,
        };
        self.member.writing = Some(record);
        self.write(WriteFor::Member, write);
    }

    pub(super) fn on_member_wrote(&mut self, now: Now, outcome: &Outcome) {
        match outcome {
            Outcome::Acked(revision) => {
                self.member.revision = *revision;
                self.member.written = self.member.writing.take();
                self.on_own_member();
            }
            Outcome::Conflict | Outcome::Unknown(_) => {
                let name = self.member_name();
                self.read(ReadFor::Member, &name);
            }
            Outcome::Refused(_) => {
                self.member.writing = None;
                self.member.retry_at = Some(now.at + self.timing.heartbeat);
            }
        }
    }

    pub(super) fn on_member_read(&mut self, now: Now, answer: Result<Option<Record>, StoreError>) {
        let Some(wrote) = self.member.writing.take() else { return };
        self.member.retry_at = Some(now.at + self.timing.retry);
        let Ok(record) = answer else { return };
        self.member.revision = Self::answer_revision(record.as_ref());
        let value = record.and_then(|r| r.value);
        let found = value.and_then(|v| MemberRecord::decode(&v).ok());
        self.member.written = found.filter(|found| *found == wrote);
    }

    /// Whether the record says since this time which runs outlast their claims, so that a key may be
    /// given away whose run is not confirmed over: no viewer takes it for confirmed. Has it written if
    /// not. After a lease without it the key is given away all the same: the right may be missing.
    pub(super) fn is_announced_given(&mut self, now: Now, since: Time) -> bool {
        let recorded = self.member.stops.recorded.is_some_and(|made| made >= since);
        if !recorded && self.member.stops.made.is_none_or(|made| made < since) {
            self.member.stops.again = now.at;
            self.write_stops(now);
        }
        recorded || since + self.timing.lease <= now.at
    }

    /// Writes which stops are told and not confirmed, with a heartbeat and on change.
    pub(super) fn write_stops(&mut self, now: Now) {
        if !matches!(self.life, Life::Active(_)) || self.member.stops.writing {
            return;
        }
        let count = self.holds.open_count() as u64;
        let given = self.holds.given(now.at).count() as u64;
        let oldest = self.holds.open(now.at, MAX_STOPS);
        let state = (count, given, oldest.first().map_or(Time::default(), |open| open.told));
        let before = self.member.stops.written;
        let is_known = before == Some(state) && now.at < self.member.stops.again;
        if is_known || count == 0 && before.is_none_or(|(count, ..)| count == 0) {
            return;
        }
        // Whoever comes to look later counts the ages from when it read the record: they are to be
        // short by no more than a fifth. And the record must not go before its stops do.
        let again = (now.at.since(state.2) / 4).clamp(self.timing.heartbeat * 2, TOMBSTONE_TTL / 4);
        self.member.stops.again = now.at + again;
        let oldest = oldest.into_iter().filter_map(|open| {
            let key = self.view.keys.key(open.ix)?;
            let since_ms = u64::try_from(now.at.since(open.told).as_millis()).unwrap_or(u64::MAX);
            Some(OldestStop { key, token: open.token, since_ms, given: open.given })
        });
        let session = self.member.session;
        let record = StopsRecord { session, count, given, oldest: oldest.collect() };
        let write = Write {
            name: RecordName::Stops(self.config.node.clone()).to_string(),
            value: (count > 0).then(|| record.encode()),
            expected: Some(self.member.stops.revision),
            ttl: Some(TOMBSTONE_TTL),
            expires_in: None,
        };
        self.member.stops.writing = true;
        self.member.stops.made = Some(now.at);
        self.member.stops.written = Some(state);
        self.write(WriteFor::Stops, write);
    }

    pub(super) fn on_stops_wrote(&mut self, outcome: &Outcome) {
        let stops = &mut self.member.stops;
        if let Outcome::Acked(revision) = outcome {
            stops.revision = *revision;
            stops.writing = false;
            stops.recorded = stops.made;
            // What waited for it can be given away now.
            let made = stops.made.unwrap_or_default();
            let given: Vec<KeyIx> = self.holds.given(made).collect();
            for ix in given {
                self.reconcile_at(made, ix);
            }
        } else {
            // Until it is read, what stands there is taken for something that has to go.
            stops.written = Some((u64::MAX, 0, Time::default()));
            stops.made = stops.recorded;
            let name = RecordName::Stops(self.config.node.clone());
            self.read(ReadFor::Stops, &name);
        }
    }

    pub(super) fn on_stops_read(&mut self, answer: Result<Option<Record>, StoreError>) {
        self.member.stops.writing = false;
        if let Ok(record) = answer {
            self.member.stops.revision = Self::answer_revision(record.as_ref());
            if record.is_none_or(|record| record.value.is_none()) {
                self.member.stops.written = None;
            }
        }
    }
}
