//! Tokens rise: every run of a key has a higher one than all before it, whatever the store lost. Where
//! the claim that had the highest one was deleted or written over by a stranger, who comes later can
//! only go by its wall clock.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::id::Token;
use crate::key::Key;
use crate::log::Write;
use crate::sim::host::{Host, unix_us};
use crate::sim::world::World;
use crate::wire::{ClaimRecord, RecordName};

/// The highest token that each key has run with.
#[derive(Debug, Default)]
pub(in crate::sim) struct Tokens {
    highest: BTreeMap<Key, Token>,
    /// The keys whose log does not say it any more.
    forgotten: BTreeSet<Key>,
}

impl World {
    /// Something is written, by whomever: a claim that is none any more says no token.
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

    /// An acknowledgement or an application may be slow, and the store may lose what it acknowledged
    /// meanwhile: then the start comes after one with a higher token, which was taken before or runs at
    /// this moment (an overlap), and what the tokens guard refuses it.
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
