//! This node's own member record, written on change.

use std::time::Duration;

use super::io::{Io, ReadFor, WriteFor, answer_revision};
use super::register::{Register, Verdict};
use super::session::{Life, OwnSession, PLAN};
use super::trust::LogWatch;
use crate::config::{Config, RebalancePolicy};
use crate::edge::{ReadId, WriteId};
use crate::id::{Revision, Session};
use crate::log::{Outcome, Record, StoreError, Write};
use crate::planner::Planner;
use crate::time::{Now, Time};
use crate::timing::{LONGEST_ROLLOUT, SETTLE, SETTLE_AT_MOST, Timing};
use crate::view::{Versioned, View};
use crate::wire::{LONGEST_AWAY_MS, MemberRecord, MemberState, RecordName};

/// Whether the node takes keys, and what happens to those that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// It takes keys.
    None,
    /// It hands them over.
    Leaves,
    /// It stops them. They wait for its next session for this long.
    Restarts { away: Duration },
}

/// What this node reports to the other nodes.
#[derive(Debug)]
pub(super) struct OwnMember {
    pub(super) affinity: u32,
    session: Session,
    joined: Revision,
    /// When the session began.
    begun: Time,
    departure: Departure,
    previous: Option<Session>,
    balanced: Revision,
    settled: Revision,
    /// The rollout of this node's deploy has lasted too long.
    rollout_over: bool,
    /// The last known revision of the member record.
    revision: Revision,
    written: Option<MemberRecord>,
    write: Register,
    /// The content of the write in flight, while its outcome is unknown.
    sent: Option<MemberRecord>,
    /// The newest join that no member record reports as settled, and since when it is the newest.
    join: Option<(Revision, Time)>,
    /// Since when there has been such a join.
    unsettled_since: Option<Time>,
}

impl OwnMember {
    pub(super) fn new(affinity: u32) -> Self {
        Self {
            affinity,
            session: Session::from_bits(0),
            joined: Revision::NONE,
            begun: Time::default(),
            departure: Departure::None,
            previous: None,
            balanced: Revision::NONE,
            settled: Revision::NONE,
            rollout_over: false,
            revision: Revision::NONE,
            written: None,
            write: Register::Idle,
            sent: None,
            join: None,
            unsettled_since: None,
        }
    }

    /// A session began. This is the current member record.
    pub(super) fn begin(
        &mut self,
        now: Now,
        session: Session,
        joined: Revision,
        record: Option<&Versioned<MemberRecord>>,
    ) {
        let revision = record.map(|found| found.revision).unwrap_or_default();
        let away = record.filter(|found| found.record.state == MemberState::Away);
        let previous = away.map(|found| found.record.session);
        let (affinity, departure) = (self.affinity, self.departure);
        let begun = now.at;
        *self =
            Self { session, joined, begun, departure, previous, revision, ..Self::new(affinity) };
    }

    pub(super) fn begun(&self) -> Time {
        self.begun
    }

    pub(super) fn joined(&self) -> Revision {
        self.joined
    }

    pub(super) fn session(&self) -> Session {
        self.session
    }

    pub(super) fn depart(&mut self, departure: Departure) {
        self.departure = departure;
    }

    pub(super) fn departure(&self) -> Departure {
        self.departure
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.departure == Departure::Leaves
    }

    pub(super) fn set_balanced(&mut self, generation: Revision) {
        self.balanced = self.balanced.max(generation);
    }

    /// The log was read again, up to this revision. State that the log does not have is forgotten
    /// or written again: it came from a lost log, or from the lost tail of this log.
    pub(super) fn on_snapshot(&mut self, end: Revision, own: Option<(Revision, &MemberRecord)>) {
        if self.balanced > end {
            self.balanced = Revision::NONE;
        }
        if self.settled > end {
            self.settled = Revision::NONE;
        }
        if let Some((revision, record)) = own
            && !self.write.is_open()
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

/// This node's own member record, and the fields that its rules may touch.
pub(super) struct MemberHandler<'a> {
    pub(super) config: &'a Config,
    pub(super) timing: &'a Timing,
    pub(super) view: &'a View,
    pub(super) planner: &'a Planner,
    pub(super) session: &'a OwnSession,
    pub(super) watch: &'a LogWatch,
    pub(super) member: &'a mut OwnMember,
    pub(super) io: &'a mut Io,
}

impl MemberHandler<'_> {
    pub(super) fn name(&self) -> RecordName {
        RecordName::Member(self.config.node.clone())
    }

    fn record(&self) -> MemberRecord {
        let out = &self.member;
        let (state, away_ms) = match out.departure {
            Departure::None => (MemberState::Active, 0),
            Departure::Leaves => (MemberState::Leaving, 0),
            Departure::Restarts { away } => {
                let ms = u64::try_from(away.as_millis()).unwrap_or(u64::MAX);
                (MemberState::Away, ms.clamp(1, LONGEST_AWAY_MS))
            }
        };
        MemberRecord {
            session: out.session,
            joined: out.joined,
            lease_ms: u64::try_from(self.timing.lease.as_millis()).unwrap_or(u64::MAX),
            affinity: out.affinity,
            prefixes: self.config.prefixes.clone(),
            state,
            away_ms,
            previous: out.previous,
            balanced: out.balanced,
            settled: out.settled,
            manual: self.config.rebalance == RebalancePolicy::Manual,
            rollout: self.config.rollout,
            rollout_over: out.rollout_over,
            plan: (PLAN, PLAN),
            labels: self.config.labels.clone(),
            host: self.config.host.clone(),
            build: self.config.build.clone(),
        }
    }

    /// The members changed: finds the newest join, and whether it has settled.
    pub(super) fn note_joins(&mut self, now: Now) {
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
    }

    /// Member records were delivered. Returns whether this session's record is among them.
    pub(super) fn on_delivered(&mut self) -> bool {
        if !matches!(self.session.life, Life::Entering(_) | Life::Active(_)) {
            return false;
        }
        let own = self.view.members.get(&self.config.node);
        match own.map(|m| (m.record.session == self.member.session, m.revision)) {
            Some((true, revision)) => {
                // The record is newer than the acknowledged one, and no write of this node is in
                // flight: another process wrote it.
                let foreign = !self.member.write.is_open()
                    && revision > self.member.revision
                    && self.member.written.as_ref() != own.map(|m| &m.record);
                if foreign {
                    self.member.written = None;
                }
                self.member.revision = self.member.revision.max(revision);
                // If the log lost its tail, the record may have a lower revision than the join that
                // it reports as settled. Such a report counts for no node, so it must not count
                // here.
                if own.is_some_and(|m| m.record.settled > m.settled()) {
                    self.member.settled = Revision::NONE;
                }
                return true;
            }
            // The record was deleted or overwritten. A live session writes it again.
            other if !self.member.write.is_open() => {
                self.member.revision = other.map_or(Revision::NONE, |(_, revision)| revision);
                self.member.written = None;
            }
            _ => {}
        }
        false
    }

    /// This node's own member record is unreadable. A live session writes it again, because nodes
    /// that join later cannot read it.
    pub(super) fn on_unreadable(&mut self, revision: Revision) {
        if !self.member.write.is_open() {
            self.member.written = None;
            self.member.revision = revision;
        }
    }

    /// When this node must report that the joins have settled. The first node by id reports it when
    /// no node has joined for the settle time. Every further node waits a little longer, in case
    /// the nodes before it do not report.
    ///
    /// Joins that have settled stay settled. But a node that starts to read the log knows this only
    /// from the member records. When the last such report is gone, a node reports it again
    /// immediately.
    fn settle_at(&self) -> Option<Time> {
        let (joined, at) = self.member.join?;
        if !self.watch.is_live() || joined <= self.member.settled {
            return None;
        }
        let due = if self.planner.unsettled(self.view).is_none() {
            at
        } else {
            (at + SETTLE).min(self.member.unsettled_since? + SETTLE_AT_MOST)
        };
        let active = self.planner.standings().iter().filter(|(_, s)| !s.departs && !s.away);
        let rank = active.take_while(|(_, s)| s.owner != self.session.me).count();
        let pause = (self.timing.heartbeat / 2).max(Duration::from_millis(100));
        Some(due + pause * u32::try_from(rank).unwrap_or(u32::MAX))
    }

    /// When the rollout of this node's deploy is over in any case, if it is under way.
    fn rollout_until(&self) -> Option<Time> {
        let own = self.planner.rollout().filter(|newest| *newest == self.config.rollout);
        own.filter(|_| !self.member.rollout_over).map(|_| self.member.begun + LONGEST_ROLLOUT)
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        if !matches!(self.session.life, Life::Entering(_) | Life::Active(_)) {
            return None;
        }
        let settle =
            matches!(self.session.life, Life::Active(_)).then(|| self.settle_at()).flatten();
        let times = settle.into_iter().chain(self.rollout_until());
        times.chain(self.member.write.timeout()).min()
    }

    /// Writes the member record if its content must change.
    pub(super) fn drive(&mut self, now: Now) {
        if !matches!(self.session.life, Life::Entering(_) | Life::Active(_)) {
            return;
        }
        if matches!(self.session.life, Life::Active(_))
            && self.settle_at().is_some_and(|at| at <= now.at)
        {
            self.member.settled =
                self.member.join.map_or(self.member.settled, |(joined, _)| joined);
            self.member.unsettled_since = Some(now.at);
        }
        if self.rollout_until().is_some_and(|at| at <= now.at) {
            self.member.rollout_over = true;
        }
        if !self.member.write.is_due(now.at) {
            return;
        }
        self.member.write = Register::Idle;
        if self.member.written.as_ref() == Some(&self.record()) {
            return;
        }
        // Whenever the record is written, it also keeps what this node knows about settled joins.
        self.member.settled = self.member.settled.max(self.planner.settled());
        let record = self.record();
        let write = Write {
            name: self.name().to_string(),
            value: Some(record.encode()),
            expected: Some(self.member.revision),
            ttl: None,
            expires_in: None,
        };
        self.member.sent = Some(record);
        self.member.write = Register::Writing(self.io.write(self.view, WriteFor::Member, write));
    }

    /// The outcome of the write. Returns whether the log has the record as it was written.
    pub(super) fn on_wrote(&mut self, now: Now, id: WriteId, outcome: &Outcome) -> bool {
        match self.member.write.on_wrote(id, outcome) {
            Some(Verdict::Landed(revision)) => {
                self.member.revision = revision;
                self.member.written = self.member.sent.take();
                self.judge_written();
                return true;
            }
            Some(Verdict::MustRead) => {
                let name = self.name();
                let id = self.io.read(self.view, ReadFor::Member, &name);
                self.member.write = Register::Reading(id);
            }
            Some(Verdict::Refused(_)) => {
                self.member.write = Register::Retry(now.at + self.timing.heartbeat);
            }
            None => {}
        }
        false
    }

    pub(super) fn on_read(
        &mut self,
        now: Now,
        id: ReadId,
        answer: Result<Option<Record>, StoreError>,
    ) {
        if !self.member.write.on_read(id) {
            return;
        }
        self.member.write = Register::Retry(now.at + self.timing.retry);
        let wrote = self.member.sent.take();
        let Ok(record) = answer else { return };
        self.member.revision = answer_revision(record.as_ref());
        let value = record.and_then(|r| r.value);
        let found = value.and_then(|v| MemberRecord::decode(&v).ok());
        self.member.written = found.filter(|found| Some(found) == wrote.as_ref());
        self.judge_written();
    }

    /// The record does not count as written if the watch has passed it and shows another one: it was
    /// replaced before the answer came.
    fn judge_written(&mut self) {
        let shown = self.view.members.get(&self.config.node).map(|m| &m.record);
        let unreadable = self.view.problems.revision(&self.name().to_string()).is_some();
        let passed = self.watch.is_live() && self.view.seen >= self.member.revision;
        if passed && (unreadable || self.member.written.as_ref() != shown) {
            self.member.written = None;
        }
    }
}
