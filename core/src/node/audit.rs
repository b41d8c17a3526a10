//! Asking now and then whether the log still says what it said. A heartbeat asks for one key, however
//! many there are; to find it may take a pass over four bytes for each known key.

use std::time::Duration;

use super::Node;
use super::outcome::ReadFor;
use crate::edge::Action;
use crate::log::{Info, Record, StoreError};
use crate::time::{Now, Time};
use crate::view::{KeyEntry, KeyIx};
use crate::wire::{ClaimRecord, RecordName};

/// How often the log as a whole is asked about.
const INFO: Duration = Duration::from_secs(30);

/// How often one of the own claims is read, unless a heartbeat is longer.
const CLAIM: Duration = Duration::from_millis(100);

/// The state of the audit.
#[derive(Debug)]
pub(super) struct Audit {
    info_at: Time,
    claim_at: Time,
    /// Whose turn is next: of each of the own keys first the claim, then the key itself.
    turn: (Option<KeyIx>, bool),
    /// Which log it is.
    created: Option<i128>,
}

impl Audit {
    pub(super) fn new(now: Time) -> Self {
        Self { info_at: now, claim_at: now, turn: (None, false), created: None }
    }
}

impl Node {
    pub(super) fn audit_timeout(&self) -> Option<Time> {
        let claim = self.me.is_some().then_some(self.audit.claim_at);
        claim.into_iter().chain([self.audit.info_at]).min()
    }

    pub(super) fn drive_audit(&mut self, now: Now) {
        if self.audit.info_at <= now.at {
            self.audit.info_at = now.at + INFO;
            self.actions.push_back(Action::Info);
        }
        if self.audit.claim_at <= now.at {
            self.audit.claim_at = now.at + CLAIM.max(self.timing.heartbeat);
            if self.is_working(now) {
                self.audit_a_claim();
            }
        }
    }

    fn audit_a_claim(&mut self) {
        let (before, key_next) = self.audit.turn;
        let Some(ix) = before.filter(|_| key_next).or_else(|| self.next_held(before)) else {
            return;
        };
        self.audit.turn = (Some(ix), !key_next);
        let Some(key) = self.view.keys.key(ix) else { return };
        if key_next {
            self.read(ReadFor::AuditKey(ix), &RecordName::Key(key));
        } else {
            self.read(ReadFor::Audit(ix), &RecordName::Claim(key));
        }
    }

    /// The key after this one, of those that this node has to do with; the first after the last.
    fn next_held(&self, before: Option<KeyIx>) -> Option<KeyIx> {
        let keys = &self.holds.keys;
        keys.next_after(before).or_else(|| keys.next_after(None))
    }

    /// A claim that is older than it is known, gone, or another one at the same place shows that the
    /// log lost something; so does one that the watch must have shown and did not. One that is newer
    /// is on its way through the watch.
    pub(super) fn on_audit_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Ok(record) = answer else { return };
        let Some(hold) = self.holds.keys.get(ix) else { return };
        let Some(shown) = self.view.keys.get(ix).map(|e| e.claim.revision) else { return };
        let revision = Self::answer_revision(record.as_ref());
        let claim = record.and_then(|r| r.value).and_then(|v| ClaimRecord::decode(&v).ok());
        let other = claim.is_some_and(|claim| claim.token != hold.token);
        let missed = other && revision != shown && revision <= self.view.seen;
        let lost = revision < hold.revision || revision == hold.revision && other || missed;
        if hold.is_held() && lost && self.watch.is_live() {
            self.resync(now, "a claim in the log differs from the view");
        }
    }

    /// A key that is gone has a tombstone for a long time: one without a record was lost.
    pub(super) fn on_audit_key_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Ok(record) = answer else { return };
        let exists = self.view.keys.get(ix).is_some_and(KeyEntry::exists);
        if exists && record.is_none() && self.watch.is_live() {
            self.resync(now, "a key of the view is not in the log");
        }
    }

    pub(super) fn on_info(&mut self, now: Now, info: Result<Info, StoreError>) {
        let Ok(info) = info else { return };
        let before = self.audit.created.replace(info.created);
        if before.is_some_and(|created| created != info.created) {
            self.resync(now, "the log was replaced");
        }
    }
}
