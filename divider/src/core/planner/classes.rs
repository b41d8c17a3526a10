//! Classes: the keys that the same nodes may take.
//!
//! A key's *signature* is the set of the members' prefixes that it has. It is worked out once per
//! key, and again only when a prefix comes up that no member had before. The signatures whose keys
//! the same nodes may take form a class.

use std::collections::{BTreeMap, HashMap};

use super::standing::{Standing, Standings};
use crate::core::plan::Candidate;
use crate::core::view::{OwnerIx, OwnerMap};

/// The keys that the same nodes may take, and how many of them each has or is to have.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    pub(crate) signatures: Vec<u16>,
    /// The eligible sessions, by node id.
    pub(crate) nodes: Vec<OwnerIx>,
    /// The same, as the plan functions want them.
    pub(crate) candidates: Vec<Candidate>,
    /// What each has, less what it has still to give, plus what it has still to get. It may be below
    /// zero for a moment, where keys that were to be given are gone.
    balance: Vec<i64>,
    index: OwnerMap<usize>,
}

impl Class {
    /// The session's place among the candidates.
    pub(crate) fn position(&self, owner: OwnerIx) -> Option<usize> {
        self.index.get(owner).copied()
    }

    fn add(&mut self, owner: OwnerIx, keys: i64) {
        if let Some(at) = self.position(owner) {
            self.balance[at] += keys;
            self.candidates[at].load = u64::try_from(self.balance[at]).unwrap_or(0);
        }
    }
}

fn signed(keys: u64) -> i64 {
    i64::try_from(keys).expect("fewer than 2^63 keys")
}

/// The prefixes, the signatures, and who has how many keys of each.
#[derive(Debug, Default)]
pub(super) struct Classes {
    prefixes: Vec<String>,
    signatures: Vec<Vec<u16>>,
    /// The signature of the keys whose longest prefix that is, or which have none.
    by_longest: HashMap<Option<u16>, u16>,
    /// Keys by signature and session.
    loads: Vec<OwnerMap<u64>>,
    all: Vec<Class>,
    class_of: Vec<usize>,
}

/// The most prefixes of all members together; there is one signature more, and one number says none.
const MOST_PREFIXES: usize = 65_534;

impl Classes {
    /// Whether a member has a prefix that is not known yet: then every key's signature is stale.
    pub(super) fn lacks_prefix(&self, standings: &Standings) -> bool {
        let known = |prefix: &String| self.prefixes.binary_search(prefix).is_ok();
        let full = self.prefixes.len() >= MOST_PREFIXES;
        !full && !standings.values().flat_map(|s| &s.prefixes).all(known)
    }

    /// Starts again with just the prefixes that members have, and no key counted.
    pub(super) fn reset(&mut self, standings: &Standings) {
        let mut prefixes: Vec<_> = standings.values().flat_map(|s| &s.prefixes).cloned().collect();
        prefixes.sort();
        prefixes.dedup();
        // The same ones everywhere. Nobody takes keys for a prefix that is left out.
        prefixes.truncate(MOST_PREFIXES);
        *self = Self { prefixes, ..Self::default() };
    }

    /// The signature of a key, and whether it is a new one: then the classes have to be built again.
    pub(super) fn signature(&mut self, key: &str) -> (u16, bool) {
        let numbers = 0..u16::try_from(self.prefixes.len()).expect("at most `MOST_PREFIXES`");
        let has = |(at, prefix): (u16, &String)| key.starts_with(prefix.as_str()).then_some(at);
        let set: Vec<u16> = numbers.zip(&self.prefixes).filter_map(has).collect();
        // The longest prefix decides which others a key has: there is one set for each, and none.
        let longest = set.iter().max_by_key(|&&at| self.prefixes[usize::from(at)].len()).copied();
        let next = u16::try_from(self.signatures.len()).expect("one more than prefixes at most");
        let at = *self.by_longest.entry(longest).or_insert(next);
        if at == next {
            self.signatures.push(set);
            self.loads.push(OwnerMap::default());
        }
        (at, at == next)
    }

    fn matches(&self, signature: usize, standing: &Standing) -> bool {
        standing.prefixes.is_empty()
            || self.signatures[signature]
                .iter()
                .any(|&at| standing.prefixes.contains(&self.prefixes[usize::from(at)]))
    }

    /// The classes of some members, with their loads.
    pub(super) fn classes_of(&self, standings: &Standings) -> (Vec<Class>, Vec<usize>) {
        let mut grouped: BTreeMap<Vec<OwnerIx>, Vec<u16>> = BTreeMap::new();
        for signature in 0..self.signatures.len() {
            let nodes = standings
                .values()
                .filter(|s| s.affinity > 0 && self.matches(signature, s))
                .map(|s| s.owner)
                .collect();
            let signature = u16::try_from(signature).expect("counted as u16");
            grouped.entry(nodes).or_default().push(signature);
        }
        let by_owner: HashMap<OwnerIx, &Standing> =
            standings.values().map(|s| (s.owner, s)).collect();
        let mut class_of = vec![0; self.signatures.len()];
        let classes: Vec<_> = grouped
            .into_iter()
            .enumerate()
            .map(|(at, (nodes, signatures))| {
                for &signature in &signatures {
                    class_of[usize::from(signature)] = at;
                }
                let candidates: Vec<_> = nodes
                    .iter()
                    .map(|owner| Candidate {
                        hash: by_owner[owner].hash,
                        affinity: by_owner[owner].affinity,
                        load: signatures.iter().map(|&s| self.load(s, *owner)).sum(),
                    })
                    .collect();
                let balance = candidates.iter().map(|c| signed(c.load)).collect();
                let mut index = OwnerMap::default();
                for (at, &owner) in nodes.iter().enumerate() {
                    index.insert(owner, at);
                }
                Class { signatures, nodes, candidates, balance, index }
            })
            .collect();
        (classes, class_of)
    }

    /// Works the classes out again, after a member changed.
    pub(super) fn build(&mut self, standings: &Standings) {
        (self.all, self.class_of) = self.classes_of(standings);
    }

    fn load(&self, signature: u16, owner: OwnerIx) -> u64 {
        self.loads[usize::from(signature)].get(owner).copied().unwrap_or(0)
    }

    /// One key of that signature moves from one session's load to another's.
    pub(super) fn shift(&mut self, signature: u16, from: OwnerIx, to: OwnerIx) {
        let loads = &mut self.loads[usize::from(signature)];
        if let Some(load) = loads.get_mut(from) {
            *load -= 1;
            if *load == 0 {
                loads.remove(from);
            }
        }
        if to.is_some() {
            *loads.entry(to) += 1;
        }
        self.adjust(signature, from, to, 1);
    }

    /// Counts keys as the other session's already, in the classes alone.
    pub(super) fn adjust(&mut self, signature: u16, from: OwnerIx, to: OwnerIx, keys: u64) {
        let class = &mut self.all[self.class_of[usize::from(signature)]];
        class.add(from, -signed(keys));
        class.add(to, signed(keys));
    }

    /// The same counts worked out afresh: by signature and session.
    #[cfg(test)]
    pub(super) fn counted(&self) -> &[OwnerMap<u64>] {
        &self.loads
    }

    /// The class of a signature.
    pub(super) fn class(&self, signature: u16) -> &Class {
        &self.all[self.class_of[usize::from(signature)]]
    }

    pub(super) fn all(&self) -> &[Class] {
        &self.all
    }
}
