//! Asks from time to time whether the log still has the known records. A heartbeat asks for one
//! key, regardless of the number of keys. The search for this key may pass over four bytes for each
//! known key.

use std::time::Duration;

use super::LogWatch;
use crate::edge::Action;
use crate::log::{Info, Record, StoreError};
use crate::node::io::{Demand, Io, ReadFor, answer_revision};
use crate::node::keys::Keys;
use crate::node::session::OwnSession;
use crate::time::{Now, Time};
use crate::timing::Timing;
use crate::view::{KeyEntry, KeyIx, OwnerIx, View};
use crate::wire::{ClaimRecord, RecordName};

/// How often the node asks about the log as a whole.
const INFO_INTERVAL: Duration = Duration::from_secs(30);

/// How often one of this node's own claims is read, unless a heartbeat is longer.
const CLAIM_INTERVAL: Duration = Duration::from_millis(100);

/// The state of the audit.
#[derive(Debug)]
pub(crate) struct Audit {
    info_at: Time,
    claim_at: Time,
    /// The next record to read. For each of the node's own keys, the claim comes first, then the
    /// key itself.
    turn: (Option<KeyIx>, bool),
    /// The creation time of the log, which identifies it.
    created: Option<i128>,
}

impl Audit {
    pub(crate) fn new(now: Time) -> Self {
        Self { info_at: now, claim_at: now, turn: (None, false), created: None }
    }

    /// When the next step is due.
    pub(crate) fn timeout(&self, me: OwnerIx) -> Option<Time> {
        let claim = me.is_some().then_some(self.claim_at);
        claim.into_iter().chain([self.info_at]).min()
    }
}

/// The audit, and the fields that its rules may touch. It only reads the keys and the log.
pub(crate) struct AuditHandler<'a> {
    pub(crate) timing: &'a Timing,
    pub(crate) session: &'a OwnSession,
    pub(crate) watch: &'a LogWatch,
    pub(crate) view: &'a View,
    pub(crate) keys: &'a Keys,
    pub(crate) audit: &'a mut Audit,
    pub(crate) io: &'a mut Io,
}

impl AuditHandler<'_> {
    pub(crate) fn drive(&mut self, now: Now) {
        if self.audit.info_at <= now.at {
            self.audit.info_at = now.at + INFO_INTERVAL;
            self.io.push(Action::Info);
        }
        if self.audit.claim_at <= now.at {
            self.audit.claim_at = now.at + CLAIM_INTERVAL.max(self.timing.heartbeat);
            if self.session.is_working(now, self.timing, self.watch) {
                self.audit_next_record();
            }
        }
    }

    fn audit_next_record(&mut self) {
        let (before, key_next) = self.audit.turn;
        let Some(ix) = before.filter(|_| key_next).or_else(|| self.keys.holds.next_after(before))
        else {
            return;
        };
        self.audit.turn = (Some(ix), !key_next);
        let Some(key) = self.view.keys.key(ix) else { return };
        if key_next {
            self.io.read(self.view, ReadFor::AuditKey(ix), &RecordName::Key(key));
        } else {
            self.io.read(self.view, ReadFor::Audit(ix), &RecordName::Claim(key));
        }
    }

    /// A claim shows that the log lost a write if it is older than the known claim, if it is gone,
    /// or if it differs at the same revision. The same is true if the watch must have shown the
    /// claim and did not. A newer claim will still arrive through the watch.
    pub(crate) fn on_claim_read(&mut self, ix: KeyIx, answer: Result<Option<Record>, StoreError>) {
        let Ok(record) = answer else { return };
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let Some(shown) = self.view.keys.get(ix).map(|e| e.claim.revision) else { return };
        let revision = answer_revision(record.as_ref());
        let claim = record.and_then(|r| r.value).and_then(|v| ClaimRecord::decode(&v).ok());
        let other = claim.is_some_and(|claim| claim.token != hold.token);
        let missed = other && revision != shown && revision <= self.view.seen;
        let lost = revision < hold.revision || revision == hold.revision && other || missed;
        if hold.is_with_application() && lost && self.watch.is_live() {
            self.io.demand(Demand::Resync("a claim in the log differs from the view"));
        }
    }

    /// A deleted key keeps a tombstone for a long time. A key without any record was lost.
    pub(crate) fn on_key_read(&mut self, ix: KeyIx, answer: Result<Option<Record>, StoreError>) {
        let Ok(record) = answer else { return };
        let exists = self.view.keys.get(ix).is_some_and(KeyEntry::exists);
        if exists && record.is_none() && self.watch.is_live() {
            self.io.demand(Demand::Resync("a key of the view is not in the log"));
        }
    }

    pub(crate) fn on_info(&mut self, info: Result<Info, StoreError>) {
        let Ok(info) = info else { return };
        let before = self.audit.created.replace(info.created);
        if before.is_some_and(|created| created != info.created) {
            self.io.demand(Demand::Resync("the log was replaced"));
        }
    }
}
