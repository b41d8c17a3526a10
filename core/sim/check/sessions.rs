//! Sessions are used once: an ended session stays ended, and no other node changes a live one.

use std::collections::{HashMap, HashSet};

use super::Check;
use crate::config::JoinPolicy;
use crate::id::{NodeId, Session};
use crate::log::{Record, Write};
use crate::sim::world::World;
use crate::time::Time;
use crate::wire::{
    ClaimRecord, LeaseRecord, LeaseState, MemberRecord, MemberState, Owner, RecordName,
};

/// The sessions in the log.
#[derive(Debug, Default)]
pub(in crate::sim) struct Sessions {
    /// All sessions that ever began.
    begun: HashSet<Session>,
    /// The sessions that are over: ended, dead or replaced.
    over: HashSet<Session>,
    /// The last session in each lease record.
    last: HashMap<String, Session>,
    /// When each session was over.
    over_at: HashMap<Session, Time>,
    /// The nodes that an operator drained at some time.
    drained: HashSet<NodeId>,
}

fn lease_in(write: &Write) -> Option<LeaseRecord> {
    if !write.name.starts_with("lease.") {
        return None;
    }
    LeaseRecord::decode(write.value.as_deref()?).ok()
}

impl World {
    /// The store lost a record, so a session may no longer be over.
    pub(in crate::sim) fn forget_sessions(&mut self) {
        self.checks.sessions.over.clear();
        self.checks.sessions.last.clear();
    }

    /// A process begins a session, which must be new.
    pub(in crate::sim) fn check_session(&mut self, session: Session) {
        if !self.checks.sessions.begun.insert(session) {
            self.violate(Check::Sessions, format!("{session:?} begins a second time"));
        }
    }

    /// A lease was written. A session that was over must not live again.
    pub(super) fn check_lease_write(&mut self, place: usize, write: &Write) {
        let Some(lease) = lease_in(write) else { return };
        let sessions = &mut self.checks.sessions;
        let live = lease.state == LeaseState::Live;
        let back = live && sessions.over.contains(&lease.session);
        let last = sessions.last.insert(write.name.clone(), lease.session);
        if !live && sessions.over.insert(lease.session) {
            sessions.over_at.insert(lease.session, self.now);
        }
        if let Some(last) = last.filter(|last| *last != lease.session) {
            let began = sessions.over.insert(last);
            if began && self.hosts[place].join == JoinPolicy::TakeOver {
                self.usurp(place, last);
            }
        }
        if back && self.lost.is_none() {
            let what = format!("{:?} is over, and {} is renewed", lease.session, write.name);
            self.violate(Check::Sessions, what);
        }
    }

    /// A process took over an id at once, as it may if the platform promises one process for each id.
    fn usurp(&mut self, by: usize, session: Session) {
        for (place, host) in self.hosts.iter_mut().enumerate() {
            if place != by && host.session == Some(session) {
                host.usurped = Some(self.now);
            }
        }
    }

    /// A claim was written. The session in the claim before it must be the writer's own, or be over.
    ///
    /// Writes of earlier incarnations are exempt: they may have been the owner when they sent them.
    pub(super) fn check_claim_write(
        &mut self,
        (place, epoch): (usize, u32),
        write: &Write,
        before: Option<&Record>,
    ) {
        let now = self.hosts[place].epoch == epoch && self.lost.is_none();
        if !write.name.starts_with("claim.") || !now {
            return;
        }
        let value = before.and_then(|record| record.value.as_deref());
        let Some(Ok(claim)) = value.map(ClaimRecord::decode) else { return };
        let Some(owner) = claim.owner else { return };
        let sessions = &self.checks.sessions;
        let lives =
            sessions.begun.contains(&owner.session) && !sessions.over.contains(&owner.session);
        if owner.node != self.hosts[place].id && lives {
            let id = self.hosts[place].id.clone();
            let what = format!("{id} writes over {} of {owner:?}, which lives", write.name);
            self.violate(Check::Sessions, what);
        }
        self.check_waiting_claim(place, write, &owner);
    }

    /// A claim of another node's session was overwritten. If that node restarts, its keys wait for it
    /// while its member record says so.
    fn check_waiting_claim(&mut self, place: usize, write: &Write, owner: &Owner) {
        if owner.node == self.hosts[place].id {
            return;
        }
        let name = RecordName::Member(owner.node.clone()).to_string();
        let Some(record) = self.log.read(self.now, &name) else { return };
        let member = record.value.as_deref().and_then(|value| MemberRecord::decode(value).ok());
        let waits = |m: &MemberRecord| m.session == owner.session && m.state == MemberState::Away;
        if member.as_ref().is_some_and(waits) && !self.log.is_back(&record) {
            let id = self.hosts[place].id.clone();
            let what = format!("{id} writes {}, which waits for {}", write.name, owner.node);
            self.violate(Check::Movement, what);
        }
    }

    /// An operator drained a node. Its keys no longer wait for it.
    pub(in crate::sim) fn note_drained(&mut self, node: &NodeId) {
        self.checks.sessions.drained.insert(node.clone());
    }

    /// The member record of a node that restarts was deleted: its keys have waited for it for as long as
    /// it said, by any clock.
    fn check_away(&mut self, write: &Write, member: &MemberRecord) {
        let Ok(RecordName::Member(node)) = RecordName::parse(&write.name) else { return };
        let sessions = &self.checks.sessions;
        let (Some(away), Some(over)) = (member.away(), sessions.over_at.get(&member.session))
        else {
            return;
        };
        let waited = self.now.since(*over);
        if waited < away.mul_f64(0.98) && !sessions.drained.contains(&node) {
            let what = format!("{node} is away for {away:?}, and is deleted after {waited:?}");
            self.violate(Check::Movement, what);
        }
    }

    /// A member record was deleted. Its session must be over, unless its own node deleted it.
    pub(super) fn check_member_write(
        &mut self,
        place: usize,
        write: &Write,
        before: Option<&Record>,
    ) {
        if !write.name.starts_with("member.") || write.value.is_some() || self.lost.is_some() {
            return;
        }
        let value = before.and_then(|record| record.value.as_deref());
        let Some(Ok(member)) = value.map(MemberRecord::decode) else { return };
        let own = self.hosts[place].session == Some(member.session);
        // A record that a crash shows again was deleted earlier.
        let back = before.is_some_and(|record| self.log.is_back(record));
        let begun = self.checks.sessions.begun.contains(&member.session) && !own && !back;
        if begun && !self.checks.sessions.over.contains(&member.session) {
            let what = format!("{} is deleted, and its session lives", write.name);
            self.violate(Check::Sessions, what);
        }
        if begun {
            self.check_away(write, &member);
        }
    }
}
