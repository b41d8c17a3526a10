//! The classes at one moment: which nodes are eligible for which keys, and how many keys each node
//! has.
//!
//! Most classes stand alone: their nodes are eligible for no other class that has keys. Such a
//! class is balanced by itself. Where classes overlap, the keys of a node in all these classes
//! count together.

use std::collections::BTreeSet;

use crate::plan::{
    Candidate, Holding, Placer, Quota, SharedPlacer, Stream, Vessel, cmp_next, quotas,
    shared_quotas, shares,
};
use crate::view::{KeyIx, OwnerIx, OwnerMap};

/// Keys with the same eligible nodes, and the number of keys of each node, including the keys
/// planned for it.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub signatures: Vec<u16>,
    /// The eligible sessions, by node id.
    pub nodes: Vec<OwnerIx>,
    /// The same nodes, in the form that the plan functions take.
    pub candidates: Vec<Candidate>,
    /// The keys of each node, minus the keys that it must still give, plus the keys that it will
    /// get. The value can be below 0 for a moment, when keys that the node should give no longer
    /// exist.
    balance: Vec<i64>,
    /// The sum of `balance`.
    keys: i64,
    index: OwnerMap<u32>,
}

impl Class {
    pub(super) fn new(
        signatures: Vec<u16>,
        nodes: Vec<OwnerIx>,
        candidates: Vec<Candidate>,
    ) -> Self {
        let balance: Vec<i64> = candidates.iter().map(|c| signed(c.load)).collect();
        let mut index = OwnerMap::default();
        for (at, &owner) in (0..).zip(&nodes) {
            index.insert(owner, at);
        }
        Self { signatures, nodes, candidates, keys: balance.iter().sum(), balance, index }
    }

    /// The index of the session among the candidates.
    pub(super) fn position(&self, owner: OwnerIx) -> Option<usize> {
        self.index.get(owner).map(|at| *at as usize)
    }

    fn has_keys(&self) -> bool {
        self.keys > 0
    }

    /// Adds keys to a session. Returns whether the session is a candidate.
    fn add(&mut self, owner: OwnerIx, keys: i64) -> bool {
        let Some(at) = self.position(owner) else { return false };
        self.keys += keys;
        self.balance[at] += keys;
        self.candidates[at].load = u64::try_from(self.balance[at]).unwrap_or(0);
        true
    }
}

fn signed(keys: u64) -> i64 {
    i64::try_from(keys).expect("fewer than 2^63 keys")
}

/// All classes.
#[derive(Debug, Default)]
pub struct Grouping {
    all: Vec<Class>,
    /// The class of each signature.
    class_of: Vec<usize>,
    /// For each candidate, its numbers over all its classes.
    nodes: OwnerMap<Total>,
    /// The number of classes that have keys.
    live: usize,
}

/// The numbers of a node over all its classes.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    /// Its position in the order of node ids.
    order: usize,
    /// The number of its keys.
    keys: i64,
    /// The number of its classes that have keys, on any node.
    live: usize,
}

/// An orphan: the index of its class, its hash, and its own index.
pub(super) type Orphan = (usize, u64, KeyIx);

impl Grouping {
    /// Builds the classes of some members. `order` has the members' sessions by node id.
    pub(super) fn new(
        all: Vec<Class>,
        class_of: Vec<usize>,
        order: impl Iterator<Item = OwnerIx>,
    ) -> Self {
        let mut nodes: OwnerMap<Total> = OwnerMap::default();
        for (order, owner) in order.enumerate() {
            nodes.insert(owner, Total { order, ..Total::default() });
        }
        for class in &all {
            for (owner, keys) in class.nodes.iter().zip(&class.balance) {
                nodes.entry(*owner).keys += keys;
            }
        }
        let mut grouping = Self { all, class_of, nodes, live: 0 };
        for at in 0..grouping.all.len() {
            if grouping.all[at].has_keys() {
                grouping.set_live(at, true);
            }
        }
        grouping
    }

    /// Whether there are no classes: the view was never complete, or has no keys.
    #[cfg(any(test, feature = "testing"))]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn all(&self) -> &[Class] {
        &self.all
    }

    /// The class of a signature.
    pub(super) fn class(&self, signature: u16) -> &Class {
        &self.all[self.class_at(signature)]
    }

    pub(super) fn class_at(&self, signature: u16) -> usize {
        self.class_of[usize::from(signature)]
    }

    /// Counts keys for the other session.
    pub(super) fn adjust(&mut self, signature: u16, from: OwnerIx, to: OwnerIx, keys: u64) {
        let at = self.class_at(signature);
        // The addition comes first, so that a class with one key never seems empty.
        self.add(at, to, signed(keys));
        self.add(at, from, -signed(keys));
    }

    fn add(&mut self, at: usize, owner: OwnerIx, keys: i64) {
        let class = &mut self.all[at];
        let was = class.has_keys();
        if class.add(owner, keys) {
            let is = class.has_keys();
            self.nodes.entry(owner).keys += keys;
            if was != is {
                self.set_live(at, is);
            }
        }
    }

    fn set_live(&mut self, at: usize, live: bool) {
        let change = |count: &mut usize| if live { *count += 1 } else { *count -= 1 };
        change(&mut self.live);
        for &owner in &self.all[at].nodes {
            change(&mut self.nodes.entry(owner).live);
        }
    }

    /// For each candidate: the number of its keys, and the number of its classes that have keys.
    #[cfg(test)]
    pub(super) fn totals(&self) -> Vec<(OwnerIx, i64, usize)> {
        let own = |owner: OwnerIx| self.all.iter().any(|class| class.position(owner).is_some());
        let nodes = self.nodes.iter().filter(|(owner, _)| own(*owner));
        nodes.map(|(owner, node)| (owner, node.keys, node.live)).collect()
    }

    /// Whether no node of the class is eligible for another class that has keys.
    fn stands_alone(&self, at: usize, is_live: bool) -> bool {
        let own = usize::from(is_live);
        let only = |owner: &OwnerIx| self.nodes.get(*owner).is_none_or(|node| node.live == own);
        self.live == own || self.all[at].nodes.iter().all(only)
    }

    /// Places these orphans together. For each orphan, `suit` returns its home and the nodes that
    /// are cooling down, as positions in its class.
    pub(super) fn place(
        &mut self,
        mut batch: Vec<Orphan>,
        suit: impl Fn(KeyIx, &Class) -> (Option<usize>, Vec<usize>),
    ) -> Vec<(KeyIx, OwnerIx)> {
        batch.sort_unstable();
        let classes = || batch.chunk_by(|left, right| left.0 == right.0);
        // From now on, these classes have keys.
        let fresh: Vec<usize> =
            classes().map(|of| of[0].0).filter(|at| !self.all[*at].has_keys()).collect();
        for &at in &fresh {
            self.set_live(at, true);
        }
        let (alone, shared): (Vec<_>, Vec<_>) =
            classes().partition(|of| self.stands_alone(of[0].0, true));
        let mut places = Vec::with_capacity(batch.len());
        for orphans in alone {
            let class = &self.all[orphans[0].0];
            let mut picker = Placer::new(&class.candidates, orphans.len() as u64);
            for &(_, hash, ix) in orphans {
                let (home, not) = suit(ix, class);
                let at = picker.place(hash, home, &not);
                places.push((ix, at.map_or(OwnerIx::NONE, |at| class.nodes[at])));
            }
        }
        if !shared.is_empty() {
            self.place_shared(&shared, suit, &mut places);
        }
        for at in fresh {
            self.set_live(at, false);
        }
        places
    }

    fn place_shared(
        &self,
        batches: &[&[Orphan]],
        suit: impl Fn(KeyIx, &Class) -> (Option<usize>, Vec<usize>),
        places: &mut Vec<(KeyIx, OwnerIx)>,
    ) {
        let vessels = Vessels::of(self, batches.iter().map(|of| of[0].0));
        let stream = |of: &&[Orphan]| Stream {
            to: vessels.places(&self.all[of[0].0]),
            keys: of.len() as u64,
        };
        let mut streams: Vec<_> = batches.iter().map(|of| (stream(of), *of)).collect();
        streams.sort_by(|left, right| left.0.to.cmp(&right.0.to));
        let (streams, batches): (Vec<Stream>, Vec<_>) = streams.into_iter().unzip();
        let mut picker = SharedPlacer::new(vessels.all, streams);
        for (stream, orphans) in batches.into_iter().enumerate() {
            let class = &self.all[orphans[0].0];
            for &(_, hash, ix) in orphans {
                let (home, not) = suit(ix, class);
                let at = picker.place(stream, hash, home, &not);
                places.push((ix, at.map_or(OwnerIx::NONE, |at| class.nodes[at])));
            }
        }
    }

    /// The position, in the class, of the node that gets a single key when its owner gives it up.
    pub(super) fn place_one(
        &self,
        at: usize,
        hash: u64,
        from: Option<usize>,
        not: &[usize],
    ) -> Option<usize> {
        let class = &self.all[at];
        if self.stands_alone(at, class.has_keys()) {
            let mut candidates = class.candidates.clone();
            if let Some(from) = from {
                candidates[from].load = candidates[from].load.saturating_sub(1);
            }
            return Placer::new(&candidates, 1).place(hash, None, not);
        }
        let vessels: Vec<Vessel> =
            class.nodes.iter().map(|owner| self.vessel(at, *owner)).collect();
        let allowed = (0..vessels.len()).filter(|at| !not.contains(at));
        allowed.min_by(|&a, &b| cmp_next((&vessels[a], a), (&vessels[b], b)))
    }

    /// The smallest number of moves that balance everything, each with the index of its class.
    pub(super) fn quotas(&self) -> Vec<(usize, Quota)> {
        let (shared, alone) = self.shared();
        let moves = |at: usize| {
            let quotas = quotas(&self.all[at].candidates);
            quotas.into_iter().map(move |quota| (at, quota))
        };
        let mut all: Vec<_> = alone.into_iter().flat_map(moves).collect();
        if !shared.is_empty() {
            let (vessels, classes, holdings) = self.holdings(shared);
            let moves = shared_quotas(&vessels.all, &holdings);
            let moves = classes.into_iter().zip(moves);
            all.extend(moves.flat_map(|(at, quotas)| quotas.into_iter().map(move |q| (at, q))));
        }
        all
    }

    /// The number of keys of each node when everything is balanced, in thousandths of a key.
    pub fn targets(&self) -> Vec<(OwnerIx, u128)> {
        let (shared, alone) = self.shared();
        let mut targets = Vec::new();
        for class in alone.into_iter().map(|at| &self.all[at]) {
            let total: u128 = class.candidates.iter().map(|c| u128::from(c.load)).sum();
            let sum: u128 = class.candidates.iter().map(|c| u128::from(c.affinity)).sum();
            let share = |c: &Candidate| total * 1000 * u128::from(c.affinity) / sum.max(1);
            targets.extend(class.nodes.iter().copied().zip(class.candidates.iter().map(share)));
        }
        if !shared.is_empty() {
            let (vessels, _, holdings) = self.holdings(shared);
            let each = shares(&vessels.all, &holdings).into_iter();
            let each = each.map(|keys| u128::from(keys) * 1000);
            targets.extend(vessels.owners.into_iter().zip(each));
        }
        targets
    }

    /// The indices of the classes with keys that overlap with others, and of the classes with keys
    /// that stand alone.
    fn shared(&self) -> (Vec<usize>, Vec<usize>) {
        let live = (0..self.all.len()).filter(|&at| self.all[at].has_keys());
        live.partition(|&at| !self.stands_alone(at, true))
    }

    /// The keys of these classes by node. The classes are sorted by their lists of nodes.
    fn holdings(&self, classes: Vec<usize>) -> (Vessels, Vec<usize>, Vec<Holding>) {
        let vessels = Vessels::of(self, classes.iter().copied());
        let holding = |class: &Class| Holding {
            nodes: vessels.places(class),
            keys: class.candidates.iter().map(|c| c.load).collect(),
        };
        let mut all: Vec<_> = classes.into_iter().map(|at| (holding(&self.all[at]), at)).collect();
        all.sort_by(|left, right| left.0.nodes.cmp(&right.0.nodes));
        let (holdings, classes) = all.into_iter().unzip();
        (vessels, classes, holdings)
    }

    /// A candidate of a class, with the number of its keys of all classes.
    fn vessel(&self, at: usize, owner: OwnerIx) -> Vessel {
        let class = &self.all[at];
        let candidate = class.position(owner).map(|at| class.candidates[at]);
        let (hash, affinity) = candidate.map_or((0, 1), |c| (c.hash, c.affinity));
        let keys = self.nodes.get(owner).map_or(0, |node| node.keys);
        Vessel { hash, affinity, load: u64::try_from(keys).unwrap_or(0) }
    }
}

/// The nodes of some classes, by id.
struct Vessels {
    owners: Vec<OwnerIx>,
    all: Vec<Vessel>,
    index: OwnerMap<usize>,
}

impl Vessels {
    fn of(grouping: &Grouping, classes: impl Iterator<Item = usize>) -> Self {
        let mut nodes = BTreeSet::new();
        let mut vessels = OwnerMap::default();
        for at in classes {
            for &owner in &grouping.all[at].nodes {
                if !vessels.contains(owner) {
                    vessels.insert(owner, Some(grouping.vessel(at, owner)));
                    nodes.insert((grouping.nodes.get(owner).map(|node| node.order), owner));
                }
            }
        }
        let owners: Vec<OwnerIx> = nodes.into_iter().map(|(_, owner)| owner).collect();
        let mut index = OwnerMap::default();
        for (at, &owner) in owners.iter().enumerate() {
            index.insert(owner, at);
        }
        let all = owners.iter().filter_map(|owner| *vessels.get(*owner)?).collect();
        Self { owners, all, index }
    }

    /// The indices of a class's nodes, in the order of their ids.
    fn places(&self, class: &Class) -> Vec<usize> {
        class.nodes.iter().filter_map(|owner| self.index.get(*owner).copied()).collect()
    }
}
