//! Tokens rise: every run of a key has a higher token than all earlier runs, whatever the store
//! lost. If a stranger deleted or overwrote the claim with the highest token, later owners have
//! only their wall clocks.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::id::Token;
use crate::key::Key;
use crate::log::Write;
use crate::sim::host::{Host, unix_us};
use crate::sim::world::World;
use crate::wire::{ClaimRecord, RecordName};

/// The highest token with which each key ran.
#[derive(Debug, Default)]
pub(in crate::sim) struct Tokens {
    highest: BTreeMap<Key, Token>,
    /// The keys whose highest token is no longer in the log.
    forgotten: BTreeSet<Key>,
}

impl World {
    /// A record was written, by any client. A claim that is no longer readable shows no token.
    pub(in crate::sim) fn note_token(&mut self, write: &Write) {
        let Ok(RecordName::Claim(key)) = RecordName::parse(&write.name) else { return };
        let claim = write.value.as_deref().and_then(|value| ClaimRecord::decode(value).ok());
        let tokens = &mut self.checks.tokens;
        let highest = tokens.highest.get(&key).copied().unwrap_or_default();
        if claim.is_none() {
            tokens.forgotten.insert(key);
        } else if claim.is_some_and(|claim| claim.token > highest) {
            tokens.forgotten.remove(&key);
        }
    }

    /// Acknowledgements and applications may be slow, and the store may lose acknowledged writes in
    /// between. Then a start may come after a start with a higher token, which was taken before or
    /// still runs (an overlap). The systems that check tokens refuse the lower one.
    pub(in crate::sim) fn check_token(&mut self, key: &Key, token: Token) {
        let runs_higher = |host: &Host| {
            let run = host.app.runs.get(key).filter(|run| run.token > token);
            run.is_some_and(|run| host.holds(self.now, run))
        };
        let overlaps = self.lost.is_some() && self.hosts.iter().any(runs_higher);
        let tokens = &mut self.checks.tokens;
        let highest = tokens.highest.entry(key.clone()).or_default();
        let was = *highest;
        *highest = was.max(token);
        let lost = self.lost.is_some_and(|lost| token.0 <= unix_us(lost));
        let forgotten = tokens.forgotten.contains(key);
        if !forgotten && (token == was || token < was && !lost && !overlaps) {
            let what = format!("{key} starts with {token:?}, no higher than {was:?}");
            self.violate(Check::Tokens, what);
        }
    }
}
