//! Asking now and then whether the log still says what it said: its cost does not know how many keys
//! there are.

use std::time::Duration;

use super::Node;
use super::hold::Phase;
use super::outcome::ReadFor;
use crate::core::edge::Action;
use crate::core::time::{Now, Time};
use crate::core::view::{KeyEntry, KeyIx};
use crate::store::{Info, Record, StoreError};
use crate::wire::RecordName;

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
    turn: usize,
    /// Which log it is.
    created: Option<i128>,
}

impl Audit {
    pub(super) fn new(now: Time) -> Self {
        Self { info_at: now, claim_at: now, turn: 0, created: None }
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
        let Some(own) = self.view.owners.get(self.me).filter(|own| !own.keys.is_empty()) else {
            return;
        };
        let turn = self.audit.turn;
        self.audit.turn = turn.wrapping_add(1);
        let ix = own.keys[turn / 2 % own.keys.len()];
        let Some(key) = self.view.keys.get(ix).map(|e| e.key.clone()) else { return };
        if turn.is_multiple_of(2) {
            self.read(ReadFor::Audit(ix), &RecordName::Claim(key));
        } else {
            self.read(ReadFor::AuditKey(ix), &RecordName::Key(key));
        }
    }

    /// A claim that is older than it is known, or gone, shows that the log lost something. One that
    /// is newer is on its way through the watch.
    pub(super) fn on_audit_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Ok(record) = answer else { return };
        let Some(hold) = self.holds.keys.get(&ix) else { return };
        let revision = hold.revision;
        let runs = matches!(hold.phase, Phase::Running | Phase::Stopping(_));
        if runs && Self::answer_revision(record.as_ref()) < revision && self.watch.is_live() {
            self.resync(now, "a claim in the log is older than it is known");
        }
    }

    /// A key may have ended its time to live unseen, while the watch lagged.
    pub(super) fn on_audit_key_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Ok(record) = answer else { return };
        let known = self.view.keys.get(ix).is_some_and(KeyEntry::exists);
        if known && record.is_none() && self.watch.is_live() {
            self.resync(now, "a key that is known is not in the log");
        }
    }

    pub(super) fn on_info(&mut self, now: Now, info: Result<Info, StoreError>) {
        let Ok(info) = info else { return };
        let before = self.audit.created.replace(info.created);
        if before.is_some_and(|created| created != info.created) {
            self.resync(now, "another log has taken this one's place");
        }
    }
}
