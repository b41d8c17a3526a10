//! Prefixes and signatures: which keys have the same eligible nodes.
//!
//! The *signature* of a key is the set of the members' prefixes that match it. The longest prefix
//! in the set determines the others. The signature is computed once for each key, and again only
//! when a member brings a new prefix. Signatures whose keys have the same eligible nodes form a
//! class.

use std::collections::{BTreeMap, HashMap};

use super::grouping::{Class, Grouping};
use super::standing::Standings;
use crate::plan::Candidate;
use crate::view::{OwnerIx, OwnerMap};

/// The prefixes, the signatures, and the keys of each session by signature.
#[derive(Debug, Default)]
pub(super) struct Classes {
    /// The prefixes by number. Numbers follow the order of discovery.
    prefixes: Vec<String>,
    /// The numbers, sorted by text.
    sorted: Vec<u16>,
    /// For each prefix, the longest other prefix that it begins with.
    parents: Vec<Option<u16>>,
    /// The longest prefix of each signature.
    signatures: Vec<Option<u16>>,
    by_longest: HashMap<Option<u16>, u16>,
    /// The number of keys by signature and session.
    loads: Vec<OwnerMap<u64>>,
    now: Grouping,
}

/// The highest number of prefixes of all members together. There is one more signature than
/// prefixes, and one number means "none".
const MOST_PREFIXES: usize = 65_534;

impl Classes {
    /// The members' prefixes without a number yet, sorted by text.
    pub(super) fn unknown(&self, standings: &Standings) -> Vec<String> {
        let all = standings.values().flat_map(|standing| &standing.prefixes);
        let mut unknown: Vec<_> =
            all.filter(|prefix| self.number(prefix).is_none()).cloned().collect();
        unknown.sort();
        unknown.dedup();
        unknown
    }

    /// Whether that many more prefixes exceed the limit, unless unused prefixes are removed.
    pub(super) fn is_full(&self, more: usize) -> bool {
        self.prefixes.len() + more > MOST_PREFIXES
    }

    /// Starts again with only the members' prefixes, and no key counted.
    pub(super) fn reset(&mut self, standings: &Standings) {
        let mut prefixes = Self::default().unknown(standings);
        // Every node keeps the same prefixes. Keys for an omitted prefix are not taken.
        prefixes.truncate(MOST_PREFIXES);
        *self = Self::default();
        for prefix in prefixes {
            self.learn(prefix);
        }
    }

    /// Adds a new prefix. Returns the signature whose keys may match the prefix, if there is one.
    pub(super) fn learn(&mut self, prefix: String) -> Option<u16> {
        let number = u16::try_from(self.prefixes.len()).expect("at most `MOST_PREFIXES`");
        let parent = self.longest(&prefix);
        let at = self.sorted.partition_point(|&other| self.prefixes[usize::from(other)] < prefix);
        for &other in &self.sorted[at..] {
            let other = usize::from(other);
            if !self.prefixes[other].starts_with(&prefix) {
                break;
            }
            if self.parents[other] == parent {
                self.parents[other] = Some(number);
            }
        }
        self.sorted.insert(at, number);
        self.parents.push(parent);
        self.prefixes.push(prefix);
        self.by_longest.get(&parent).copied()
    }

    /// The number of a prefix.
    fn number(&self, prefix: &str) -> Option<u16> {
        let text = |&at: &u16| self.prefixes[usize::from(at)].as_str();
        let at = self.sorted.binary_search_by(|other| text(other).cmp(prefix)).ok()?;
        Some(self.sorted[at])
    }

    /// The longest prefix that matches a text. In text order, it is the last prefix that is not
    /// above the text, or a prefix that this last one begins with.
    fn longest(&self, text: &str) -> Option<u16> {
        let up_to =
            self.sorted.partition_point(|&at| self.prefixes[usize::from(at)].as_str() <= text);
        let mut next = self.sorted[..up_to].last().copied();
        while let Some(at) = next.map(usize::from) {
            if text.starts_with(self.prefixes[at].as_str()) {
                break;
            }
            next = self.parents[at];
        }
        next
    }

    /// A prefix and the prefixes that it begins with, longest first.
    fn chain(&self, longest: Option<u16>) -> impl Iterator<Item = u16> {
        std::iter::successors(longest, |at| self.parents[usize::from(*at)])
    }

    /// The signature of a key, and whether it is new. After a new signature, [`build`](Self::build)
    /// must run.
    pub(super) fn signature(&mut self, key: &str) -> (u16, bool) {
        let longest = self.longest(key);
        let next = u16::try_from(self.signatures.len()).expect("one more than prefixes at most");
        let at = *self.by_longest.entry(longest).or_insert(next);
        if at == next {
            self.signatures.push(longest);
            self.loads.push(OwnerMap::default());
        }
        (at, at == next)
    }

    /// The classes of these members, with their loads.
    pub(super) fn classes_of(&self, standings: &Standings) -> Grouping {
        let mut of_signature: Vec<Vec<OwnerIx>> = vec![Vec::new(); self.signatures.len()];
        let signatures_of = self.signatures_of_prefixes();
        for standing in standings.values().filter(|standing| standing.affinity > 0) {
            let mut numbers: Vec<u16> = Vec::new();
            for prefix in standing.prefixes.iter().filter_map(|prefix| self.number(prefix)) {
                numbers.extend(&signatures_of[usize::from(prefix)]);
            }
            if standing.prefixes.is_empty() {
                numbers.extend(self.by_longest.values());
            }
            numbers.sort_unstable();
            numbers.dedup();
            for signature in numbers {
                of_signature[usize::from(signature)].push(standing.owner);
            }
        }
        let mut grouped: BTreeMap<Vec<OwnerIx>, Vec<u16>> = BTreeMap::new();
        for (signature, nodes) in (0..).zip(of_signature) {
            grouped.entry(nodes).or_default().push(signature);
        }
        let mut class_of = vec![0; self.signatures.len()];
        let mut all = Vec::with_capacity(grouped.len());
        let candidates = Candidates::new(standings);
        for (at, (nodes, signatures)) in grouped.into_iter().enumerate() {
            for &signature in &signatures {
                class_of[usize::from(signature)] = at;
            }
            let load = |owner| signatures.iter().map(|&of| self.load(of, owner)).sum();
            let candidates = nodes.iter().map(|&owner| candidates.of(owner, load(owner))).collect();
            all.push(Class::new(signatures, nodes, candidates));
        }
        Grouping::new(all, class_of, standings.values().map(|standing| standing.owner))
    }

    /// The signatures that contain each prefix.
    fn signatures_of_prefixes(&self) -> Vec<Vec<u16>> {
        let mut of = vec![Vec::new(); self.prefixes.len()];
        for (signature, &longest) in (0..).zip(&self.signatures) {
            for prefix in self.chain(longest) {
                of[usize::from(prefix)].push(signature);
            }
        }
        of
    }

    /// Computes the classes again after a member changed.
    pub(super) fn build(&mut self, standings: &Standings) {
        self.now = self.classes_of(standings);
    }

    fn load(&self, signature: u16, owner: OwnerIx) -> u64 {
        self.loads[usize::from(signature)].get(owner).copied().unwrap_or(0)
    }

    /// Moves one key of this signature from one session's load to another's.
    pub(super) fn shift(&mut self, signature: u16, from: OwnerIx, to: OwnerIx) {
        self.count(signature, from, to);
        self.adjust(signature, from, to, 1);
    }

    /// Like [`shift`](Self::shift), but only for classes that are built later.
    pub(super) fn count(&mut self, signature: u16, from: OwnerIx, to: OwnerIx) {
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
    }

    /// Counts keys for the other session, but only in the classes.
    pub(super) fn adjust(&mut self, signature: u16, from: OwnerIx, to: OwnerIx, keys: u64) {
        self.now.adjust(signature, from, to, keys);
    }

    /// The keys by signature and session.
    #[cfg(test)]
    pub(super) fn counted(&self) -> &[OwnerMap<u64>] {
        &self.loads
    }

    /// The class of a signature.
    pub(super) fn class(&self, signature: u16) -> &Class {
        self.now.class(signature)
    }

    /// The number of signatures.
    pub(super) fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// The current classes.
    pub(super) fn now(&self) -> &Grouping {
        &self.now
    }

    pub(super) fn now_mut(&mut self) -> &mut Grouping {
        &mut self.now
    }
}

/// The members as candidates, by session.
struct Candidates(OwnerMap<Option<(u64, u32)>>);

impl Candidates {
    fn new(standings: &Standings) -> Self {
        let mut all = OwnerMap::default();
        for standing in standings.values() {
            all.insert(standing.owner, Some((standing.hash, standing.affinity)));
        }
        Self(all)
    }

    fn of(&self, owner: OwnerIx, load: u64) -> Candidate {
        let (hash, affinity) = self.0.get(owner).copied().flatten().expect("a member");
        Candidate { hash, affinity, load }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_do_not_depend_on_the_order_of_prefixes() {
        let prefixes = ["/", "/a", "/a/", "/a/b/", "/a0", "/b/", "/b/c", "x", ""];
        let keys =
            ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a/c", "/a00", "/b", "/b/cd", "y"];
        for turn in 0..prefixes.len() {
            let mut classes = Classes::default();
            for at in 0..prefixes.len() {
                classes.learn(prefixes[(at * 2 + turn) % prefixes.len()].to_owned());
            }
            for key in keys {
                let chain: Vec<&str> = classes
                    .chain(classes.longest(key))
                    .map(|at| classes.prefixes[usize::from(at)].as_str())
                    .collect();
                let mut want: Vec<&str> =
                    prefixes.iter().copied().filter(|prefix| key.starts_with(prefix)).collect();
                want.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
                assert_eq!(chain, want, "{key}, {turn}");
            }
        }
    }
}
