//! Proof that a session is over: without it nothing is taken from one.
//!
//! **Invariant (proof of death):** the lease record alone decides. That a session's member record is
//! gone says when to look, and no more.

use std::collections::HashMap;
use std::time::Duration;

use super::PeerHandler;
use crate::guard::broken;
use crate::id::{NodeId, Revision, Session};
use crate::log::{Record, StoreError};
use crate::node::io::{ReadFor, WriteFor, answer_revision};
use crate::time::{Now, Time};
use crate::timing::{UNKNOWN_LEASE, observed};
use crate::view::OwnerIx;
use crate::wire::{LeaseRecord, LeaseState, RecordName};

/// For how long a leader that lost its office may go on answering.
const OLD_LEADER: Duration = Duration::from_secs(30);

/// What is known of a session that no member record names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The leader is being asked.
    Reading,
    /// It is over, for ever.
    Over,
    /// Nothing is known; to be asked again at this time.
    Unsure { ask: Time },
    /// Another session's record stands there, from before this one was first named: the answer of a
    /// leader of old, or this one's claim was written late.
    Doubted { since: Time, ask: Time },
    /// Its record, or the lack of one, has been the same at every question since then.
    Watched { revision: Revision, since: Time, ask: Time },
    /// Its record is being overwritten as dead.
    Killing,
}

impl Proof {
    fn ask(&self) -> Option<Time> {
        match self {
            Self::Unsure { ask } | Self::Doubted { ask, .. } | Self::Watched { ask, .. } => {
                Some(*ask)
            }
            Self::Reading | Self::Over | Self::Killing => None,
        }
    }

    /// The same, asked now and, unless there is an answer, again later.
    fn asked(self, later: Time) -> Self {
        match self {
            Self::Doubted { since, .. } => Self::Doubted { since, ask: later },
            Self::Watched { revision, since, .. } => Self::Watched { revision, since, ask: later },
            _ => Self::Unsure { ask: later },
        }
    }
}

/// The sessions in question.
#[derive(Debug, Default)]
pub(super) struct Proofs(HashMap<Session, (NodeId, Proof)>);

impl Proofs {
    pub(super) fn next(&self) -> Option<Time> {
        self.0.values().filter_map(|(_, proof)| proof.ask()).min()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A kill of this session has an outcome: if it was not over by that, it is asked for again.
    pub(super) fn end_kill(&mut self, session: Session, ask: Time) {
        if let Some((_, proof)) = self.0.get_mut(&session)
            && *proof == Proof::Killing
        {
            *proof = Proof::Unsure { ask };
        }
    }

    /// Forgets the sessions that nothing names any more.
    pub(super) fn sweep(&mut self, named: impl Fn(&NodeId, Session) -> bool) {
        self.0.retain(|session, (node, _)| named(node, *session));
    }
}

impl PeerHandler<'_> {
    /// Whether the session that a claim names is proved to be over. If that is not known, it is
    /// asked for, and its keys are looked at again when the answer comes.
    pub(in crate::node) fn is_proved_over(&mut self, owner: OwnerIx) -> bool {
        let Some(entry) = self.view.owners.get(owner).filter(|_| !broken!(ProofOfDeath)) else {
            return true;
        };
        let (node, session) = (entry.node.clone(), entry.session);
        let joined = self.member.joined();
        let older = self.session.old.contains(&session) || entry.named < joined;
        if node == self.config.node && (owner == self.session.me || older) {
            // This session replaced it by a compare-and-set. A later one may have replaced this one.
            return owner != self.session.me;
        }
        if let Some((_, proof)) = self.peers.proofs.0.get(&session) {
            return *proof == Proof::Over;
        }
        let over = match self.peers.session(&node) {
            Some((seen, over)) => seen == session && over,
            None => false,
        };
        if over {
            self.set_proof(session, Proof::Over);
            return true;
        }
        self.ask_proof(&node, session);
        false
    }

    fn ask_proof(&mut self, node: &NodeId, session: Session) {
        self.peers.proofs.0.insert(session, (node.clone(), Proof::Reading));
        self.io.read(
            self.view,
            ReadFor::Proof(node.clone(), session),
            &RecordName::Lease(node.clone()),
        );
    }

    /// Notes what is known of a session; its keys are looked at again if it is over.
    pub(super) fn set_proof(&mut self, session: Session, proof: Proof) {
        let Some((owner, node)) = self
            .view
            .owners
            .iter()
            .find(|(_, o)| o.session == session)
            .map(|(ix, o)| (ix, &o.node))
        else {
            return;
        };
        self.peers.proofs.0.insert(session, (node.clone(), proof));
        if proof == Proof::Over {
            self.mark_keys_of(owner);
        }
    }

    fn mark_keys_of(&mut self, owner: OwnerIx) {
        let keys = self.view.owners.get(owner).map(|o| o.keys.clone()).unwrap_or_default();
        self.planner.mark_dirty(keys);
    }

    /// The observer saw another state of a node's lease.
    pub(super) fn on_session_observed(&mut self, node: &NodeId) {
        let Some((session, true)) = self.peers.session(node) else { return };
        if self.peers.proofs.0.contains_key(&session) {
            self.set_proof(session, Proof::Over);
        }
    }

    pub(in crate::node) fn on_proof_read(
        &mut self,
        now: Now,
        node: &NodeId,
        session: Session,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Some(&(_, before)) = self.peers.proofs.0.get(&session) else { return };
        if before == Proof::Over {
            return;
        }
        let again = now.at + self.timing.retry.max(Duration::from_millis(50));
        let Ok(record) = answer else { return self.set_proof(session, before.asked(again)) };
        let value = record.as_ref().and_then(|r| r.value.as_deref());
        let revision = answer_revision(record.as_ref());
        let found = value.map(LeaseRecord::decode);
        let proof = match found {
            Some(Ok(lease)) if lease.session != session => {
                self.on_another(now, session, before, revision)
            }
            Some(Ok(lease)) if lease.state != LeaseState::Live => Proof::Over,
            Some(Ok(lease)) => {
                let lease = Duration::from_millis(lease.lease_ms).min(UNKNOWN_LEASE);
                self.watch_session(now, node, session, before, revision, lease)
            }
            None if broken!(AbsentIsNotDead) => Proof::Over,
            Some(Err(_)) | None => {
                self.watch_session(now, node, session, before, revision, UNKNOWN_LEASE)
            }
        };
        self.set_proof(session, proof);
    }

    /// Another session's record stands where this one's was. Written later than this session was
    /// first named, it replaced it. Written earlier, it proves that only once no leader of old can be
    /// answering any more.
    fn on_another(&self, now: Now, session: Session, before: Proof, revision: Revision) -> Proof {
        let named = self.view.owners.iter().find(|(_, o)| o.session == session);
        if named.is_none_or(|(_, o)| revision > o.named) {
            return Proof::Over;
        }
        let since = match before {
            Proof::Doubted { since, .. } => since,
            _ => now.at,
        };
        if since + OLD_LEADER <= now.at {
            Proof::Over
        } else {
            Proof::Doubted { since, ask: now.at + self.timing.heartbeat }
        }
    }

    /// The observer's rule, for a session that no member record names: unchanged at every question
    /// for as long as its lease lasts, its record is overwritten at that very revision; so is the lack
    /// of one, since a session that lives writes it again.
    fn watch_session(
        &mut self,
        now: Now,
        node: &NodeId,
        session: Session,
        before: Proof,
        revision: Revision,
        lease: Duration,
    ) -> Proof {
        let since = match before {
            Proof::Watched { revision: same, since, .. } if same == revision => since,
            _ => now.at,
        };
        let due = since + observed(lease);
        if due > now.at || !self.is_working(now) {
            // Another session's record may come to stand there meanwhile.
            let ask = due.min(now.at + self.timing.lease).max(now.at + self.timing.heartbeat);
            return Proof::Watched { revision, since, ask };
        }
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let write = self.dead_write(node, session, revision, lease_ms);
        self.io.write(self.view, WriteFor::Kill(node.clone(), session), write);
        Proof::Killing
    }

    pub(in crate::node) fn drive_proofs(&mut self, now: Now) {
        let due = |(session, (node, proof)): (&Session, &(NodeId, Proof))| {
            let due = proof.ask().is_some_and(|ask| ask <= now.at);
            due.then(|| (node.clone(), *session, *proof))
        };
        let mut asked: Vec<_> = self.peers.proofs.0.iter().filter_map(due).collect();
        asked.sort_unstable_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        for (node, session, proof) in asked {
            let proof = proof.asked(now.at + self.timing.lease);
            self.peers.proofs.0.insert(session, (node.clone(), proof));
            self.io.read(
                self.view,
                ReadFor::Proof(node.clone(), session),
                &RecordName::Lease(node),
            );
        }
    }
}
