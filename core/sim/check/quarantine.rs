//! Quarantine: no node takes a key that is in quarantine, and none works on it.

use std::collections::BTreeSet;

use super::Check;
use crate::id::Token;
use crate::key::Key;
use crate::log::{Record, Write};
use crate::sim::world::World;
use crate::wire::{ClaimRecord, RecordName, RetryRecord};

/// The quarantines that operators ended: each key, with the token of its claim.
pub(in crate::sim) type Retried = BTreeSet<(Key, Token)>;

/// The key of a claim in quarantine, and the token.
fn quarantined(record: &Record) -> Option<(Key, Token)> {
    let Ok(RecordName::Claim(key)) = RecordName::parse(&record.name) else { return None };
    let claim = ClaimRecord::decode(record.value.as_deref()?).ok()?;
    claim.quarantine.is_some().then_some((key, claim.token))
}

impl World {
    /// The keys that are in quarantine, as the log shows it.
    pub(in crate::sim) fn quarantined(&self) -> BTreeSet<Key> {
        let is_over = |key: &Key, token| {
            let record = self.log.newest(&RecordName::Retry(key.clone()).to_string());
            let retry =
                record.and_then(|record| RetryRecord::decode(record.value.as_deref()?).ok());
            retry.is_some_and(|retry| retry.token == token)
        };
        let claims = self.log.records().filter_map(quarantined);
        claims.filter(|(key, token)| !is_over(key, *token)).map(|(key, _)| key).collect()
    }

    /// An operator ends the quarantine of the claim with this token.
    pub(in crate::sim) fn note_retried(&mut self, key: &Key, token: Token) {
        self.checks.retried.insert((key.clone(), token));
    }

    /// A node wrote a claim. Only an operator ends a quarantine; after it, a node may be the owner.
    pub(super) fn check_quarantine(&mut self, write: &Write, before: Option<&Record>) {
        let claim = write.value.as_deref().and_then(|value| ClaimRecord::decode(value).ok());
        let claim = claim.filter(|_| write.name.starts_with("claim."));
        let owned = claim.is_some_and(|claim| claim.owner.is_some());
        let before = before.and_then(quarantined);
        let rests = before.is_some_and(|before| !self.checks.retried.contains(&before));
        if owned && rests && self.lost.is_none() {
            let what = format!("{} is taken, and is in quarantine", write.name);
            self.violate(Check::Quarantine, what);
        }
    }

    /// At the end, no key in quarantine runs.
    pub(super) fn check_quarantined_rest(&mut self) {
        let runs = self.runs();
        let odd: Vec<_> = self.quarantined().into_iter().filter(|k| runs.contains_key(k)).collect();
        if !odd.is_empty() {
            self.violate(Check::Quarantine, format!("keys in quarantine run: {odd:?}"));
        }
    }
}
