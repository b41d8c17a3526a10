//! Tokens rise: every run of a key has a higher one than all before it, whatever the store lost.

use std::collections::BTreeMap;

use super::Check;
use crate::id::Token;
use crate::key::Key;
use crate::sim::host::unix_us;
use crate::sim::world::World;

/// The highest token that each key has run with.
#[derive(Debug, Default)]
pub(in crate::sim) struct Tokens(BTreeMap<Key, Token>);

impl World {
    /// An acknowledgement may be slow, and the store may lose what it acknowledged meanwhile: then the
    /// start comes after one with a higher token, and what the tokens guard refuses it.
    pub(in crate::sim) fn check_token(&mut self, key: &Key, token: Token) {
        let highest = self.checks.tokens.0.entry(key.clone()).or_default();
        let was = *highest;
        *highest = was.max(token);
        let lost = self.lost.is_some_and(|lost| token.0 <= unix_us(lost));
        if token == was || token < was && !lost {
            let what = format!("{key} starts with {token:?}, no higher than {was:?}");
            self.violate(Check::Tokens, what);
        }
    }
}
