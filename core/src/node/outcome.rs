//! What writes and reads were for, and whom their answers go to.

use super::Node;
use crate::edge::{Notice, ReadId, WriteId};
use crate::guard::broken;
use crate::id::{NodeId, Revision, Session};
use crate::log::{Outcome, Record, StoreError};
use crate::time::Now;
use crate::view::KeyIx;
use crate::wire::Part;

/// What a write is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WriteFor {
    /// The own lease, with this attempt's number.
    Lease(u64),
    /// The end of the own lease.
    End,
    /// The own member record.
    Member,
    /// Deleting a member record whose session is over.
    MemberGone(NodeId),
    /// The own unconfirmed stops.
    Stops,
    /// Ending another node's session.
    Kill(NodeId, Session),
    /// A key's claim.
    Claim(KeyIx),
    /// Deleting a claim that nobody needs.
    StaleClaim(KeyIx),
    /// Deleting a key whose work is done.
    Complete(KeyIx),
    /// Deleting a key whose time is over, announced at this revision.
    Expire(KeyIx, Revision),
    /// Deleting a record of this name that is of no use.
    Collect(Box<str>),
    /// The manifest of a part.
    Manifest(Part),
    /// Nothing: whether a record may be written.
    Probe,
}

/// What a read is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadFor {
    /// The own lease, before a session begins.
    Join,
    /// The own lease, where an attempt's outcome is doubtful.
    OwnLease,
    /// The own lease, where its end is doubtful.
    End,
    /// The own member record, likewise.
    Member,
    /// The own record of unconfirmed stops, likewise.
    Stops,
    /// A claim, likewise.
    Claim(KeyIx),
    /// A `key` record whose deletion is doubtful.
    Complete(KeyIx),
    /// Whether a session is over.
    Proof(NodeId, Session),
    /// A `key` record that a snapshot did not show, or whose time to live has passed; with the
    /// revision that was known.
    KeyGone(KeyIx, Revision),
    /// A claim that a snapshot did not show, likewise.
    ClaimGone(KeyIx, Revision),
    /// A claim that ought to be as it is known.
    Audit(KeyIx),
    /// A key that ought to exist.
    AuditKey(KeyIx),
    /// A record of no use, which was not as it was shown.
    Collect(Box<str>),
    /// The record of a part's manifest, likewise.
    Manifest(Part),
}

impl WriteFor {
    /// The key that it is about, where its outcome is that key's alone.
    pub(super) fn key(&self) -> Option<KeyIx> {
        match self {
            Self::Claim(ix) | Self::Complete(ix) | Self::Expire(ix, _) => Some(*ix),
            Self::Lease(_)
            | Self::End
            | Self::Member
            | Self::MemberGone(_)
            | Self::Stops
            | Self::Kill(..)
            | Self::StaleClaim(_)
            | Self::Collect(_)
            | Self::Manifest(_)
            | Self::Probe => None,
        }
    }
}

impl ReadFor {
    /// The key that it is about.
    pub(super) fn key(&self) -> Option<KeyIx> {
        match self {
            Self::Claim(ix)
            | Self::Complete(ix)
            | Self::KeyGone(ix, _)
            | Self::ClaimGone(ix, _)
            | Self::Audit(ix)
            | Self::AuditKey(ix) => Some(*ix),
            Self::Join
            | Self::OwnLease
            | Self::End
            | Self::Member
            | Self::Stops
            | Self::Proof(..)
            | Self::Collect(_)
            | Self::Manifest(_) => None,
        }
    }
}

/// Which key was asked about. Its place may be another key's when the answer comes, which has another
/// hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked(Option<(KeyIx, u64)>);

impl Node {
    pub(super) fn asked(&self, ix: Option<KeyIx>) -> Asked {
        Asked(ix.and_then(|ix| Some((ix, self.view.keys.get(ix)?.hash))))
    }

    /// Whether the key that was asked about is the one that has its place now.
    fn is_asked(&self, Asked(asked): Asked) -> bool {
        asked.is_none_or(|(ix, hash)| self.view.keys.get(ix).is_some_and(|e| e.hash == hash))
    }

    /// A write was withdrawn before it was sent: it is not in the log and never will be.
    pub(super) fn on_withdrawn(&mut self, now: Now, id: WriteId) {
        let Some((purpose, _, asked)) = self.writes.remove(&id) else { return };
        let what = "not sent: the session has ended".to_owned();
        self.settle_write(now, id, purpose, asked, &Outcome::Refused(StoreError::Other { what }));
    }

    pub(super) fn on_wrote(&mut self, now: Now, id: WriteId, outcome: &Outcome) {
        let Some((purpose, seen, asked)) = self.writes.remove(&id) else { return };
        match outcome {
            Outcome::Acked(revision) => {
                if *revision <= seen && seen <= self.newest.max(self.view.seen) {
                    self.on_log_lost(now);
                }
                self.newest = self.newest.max(*revision);
            }
            Outcome::Conflict if purpose == WriteFor::Probe => {}
            Outcome::Conflict => self.notice(Notice::CasConflict { what: what(&purpose) }),
            Outcome::Refused(error) if !matches!(purpose, WriteFor::Lease(_)) => {
                let error = error.clone();
                self.notice(Notice::StoreFailed { what: what(&purpose), error });
            }
            _ => {}
        }
        self.settle_write(now, id, purpose, asked, outcome);
    }

    fn settle_write(
        &mut self,
        now: Now,
        id: WriteId,
        purpose: WriteFor,
        asked: Asked,
        outcome: &Outcome,
    ) {
        if !self.is_asked(asked) {
            return;
        }
        match purpose {
            WriteFor::Lease(beat) => self.on_lease_wrote(now, beat, id, outcome),
            WriteFor::End => self.on_end_wrote(now, outcome),
            WriteFor::Member => self.on_member_wrote(now, outcome),
            WriteFor::MemberGone(node) => self.on_member_gone_wrote(now, &node),
            WriteFor::Stops => self.on_stops_wrote(outcome),
            WriteFor::Kill(node, session) => self.on_kill_wrote(now, &node, session, outcome),
            WriteFor::Claim(ix) => self.on_claim_wrote(now, ix, id, outcome),
            WriteFor::Complete(ix) => self.on_complete_wrote(now, ix, id, outcome),
            WriteFor::StaleClaim(ix) => self.on_stale_claim_wrote(now, ix),
            WriteFor::Expire(ix, known) => self.on_expire_wrote(now, ix, known, outcome),
            WriteFor::Collect(name) => self.on_collect_wrote(now, &name, outcome),
            WriteFor::Manifest(part) => self.on_manifest_wrote(now, part, outcome),
            WriteFor::Probe => self.on_probe_wrote(now, outcome),
        }
    }

    pub(super) fn on_read(
        &mut self,
        now: Now,
        id: ReadId,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Some((purpose, asked)) = self.reads.remove(&id) else { return };
        if !self.is_asked(asked) {
            return;
        }
        match purpose {
            ReadFor::Join => self.on_join_read(now, answer),
            ReadFor::OwnLease => self.on_own_lease_read(now, answer),
            ReadFor::End => self.on_end_read(now, answer),
            ReadFor::Member => self.on_member_read(now, answer),
            ReadFor::Stops => self.on_stops_read(answer),
            ReadFor::Claim(ix) => self.on_claim_read(now, ix, answer),
            ReadFor::Complete(ix) => self.on_complete_read(now, ix, answer),
            ReadFor::Proof(node, session) => self.on_proof_read(now, &node, session, answer),
            ReadFor::KeyGone(ix, known) => self.on_key_gone_read(now, ix, known, answer),
            ReadFor::ClaimGone(ix, known) => self.on_claim_gone_read(now, ix, known, answer),
            ReadFor::Audit(ix) => self.on_audit_read(now, ix, answer),
            ReadFor::AuditKey(ix) => self.on_audit_key_read(now, ix, answer),
            ReadFor::Collect(name) => self.on_collect_read(&name, &answer),
            ReadFor::Manifest(part) => self.on_manifest_read(now, part, &answer),
        }
    }

    /// The server acknowledged a revision that it had given before: it lost its tail.
    pub(super) fn on_log_lost(&mut self, now: Now) {
        if broken!(LossIsFollowed) {
            return;
        }
        self.notice(Notice::LogLost);
        self.resync(now, "the log lost its newest records");
    }

    pub(super) fn answer_revision(answer: Option<&Record>) -> Revision {
        answer.map_or(Revision::NONE, |record| record.revision)
    }
}

fn what(purpose: &WriteFor) -> &'static str {
    match purpose {
        WriteFor::Lease(_) => "renew the lease",
        WriteFor::End => "end the lease",
        WriteFor::Member => "write the member record",
        WriteFor::MemberGone(_) => "delete the member record of an ended session",
        WriteFor::Stops => "write the unconfirmed stops",
        WriteFor::Kill(..) => "end an expired session",
        WriteFor::Claim(_) => "write a claim",
        WriteFor::Complete(_) => "delete a completed key",
        WriteFor::StaleClaim(_) => "delete the claim of a deleted key",
        WriteFor::Expire(..) => "delete an expired key",
        WriteFor::Collect(_) => "delete an obsolete record",
        WriteFor::Manifest(_) => "write a manifest",
        WriteFor::Probe => "test the right to write a record",
    }
}
