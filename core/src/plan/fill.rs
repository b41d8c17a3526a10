//! How many keys each node should have where classes overlap.
//!
//! The model is water: nodes are vessels, and classes are streams that can fill some of the
//! vessels. The k-th key of a node weighs (2k − 1) / affinity. Of all ways to give the keys of each
//! class to its nodes, the plan takes the way whose heaviest key weighs least, then the next
//! heaviest, and so on. Among keys of equal weight, keys that a node already has come first, then
//! the lower hash of the node. So the number of keys of each node is unique, whatever the
//! algorithm.

use std::cmp::Ordering;

use super::flow::Flow;

/// A node that is eligible for keys of some overlapping classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vessel {
    /// The hash of its id.
    pub hash: u64,
    /// Its effective affinity, above 0.
    pub affinity: u32,
    /// Its keys of all classes, including planned keys.
    pub load: u64,
}

/// Keys of one class, and the nodes that are eligible for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream {
    /// Indices of vessels, ascending.
    pub to: Vec<usize>,
    /// How many keys there are.
    pub keys: u64,
}

/// How many keys each vessel has when all streams are in. `base` is what each vessel keeps.
pub(super) fn fill(vessels: &[Vessel], base: &[u64], streams: &[Stream]) -> Vec<u64> {
    let mut levels = base.to_vec();
    let live = |at: &usize| streams[*at].keys > 0 && !streams[*at].to.is_empty();
    let mut parts: Vec<(Vec<usize>, Vec<usize>)> =
        vec![((0..streams.len()).filter(live).collect(), (0..vessels.len()).collect())];
    while let Some((of, into)) = parts.pop() {
        let keys = of.iter().map(|&at| streams[at].keys).sum();
        let wanted = level(vessels, base, &into, keys);
        let mut room = vec![0; vessels.len()];
        for (&at, &level) in into.iter().zip(&wanted) {
            room[at] = level - base[at];
        }
        let open: Vec<Stream> = of.iter().map(|&at| within(&streams[at], &into)).collect();
        let mut flow = Flow::new(&open, room);
        if flow.run() {
            for (&at, &level) in into.iter().zip(&wanted) {
                levels[at] = level;
            }
            continue;
        }
        // The crowd does not fit into its vessels. So these vessels get no other keys, and the
        // crowd uses no other vessels.
        let (crowd, full) = flow.crowd();
        let pick = |all: &[usize], is: &[bool], so: bool| -> Vec<usize> {
            all.iter().zip(is).filter(|(_, is)| **is == so).map(|(at, _)| *at).collect()
        };
        let inside: Vec<bool> = into.iter().map(|&at| full[at]).collect();
        parts.push((pick(&of, &crowd, true), pick(&into, &inside, true)));
        parts.push((pick(&of, &crowd, false), pick(&into, &inside, false)));
    }
    levels
}

/// The stream, limited to these vessels.
fn within(stream: &Stream, into: &[usize]) -> Stream {
    let to = stream.to.iter().copied().filter(|at| into.binary_search(at).is_ok()).collect();
    Stream { to, keys: stream.keys }
}

/// How many keys each of these vessels gets if the keys may go into any of them.
fn level(vessels: &[Vessel], base: &[u64], into: &[usize], keys: u64) -> Vec<u64> {
    let reach = |at: usize, height: u128| {
        let reach = (u128::from(vessels[at].affinity) * height + HALF) / ONE;
        base[at].max(u64::try_from(reach).unwrap_or(u64::MAX))
    };
    let taken = |height: u128| -> u128 {
        into.iter().map(|&at| u128::from(reach(at, height) - base[at])).sum()
    };
    let (mut low, mut high) = (0, 1);
    while !into.is_empty() && taken(high) <= u128::from(keys) {
        (low, high) = (high, high * 2);
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        *(if taken(middle) <= u128::from(keys) { &mut low } else { &mut high }) = middle;
    }
    let mut levels: Vec<u64> = into.iter().map(|&at| reach(at, low)).collect();
    // Less than one key for each vessel is left.
    let left = u128::from(keys) - if into.is_empty() { u128::from(keys) } else { taken(low) };
    let mut next: Vec<usize> = (0..into.len()).collect();
    next.sort_by(|&a, &b| {
        let key = |at: usize| (&vessels[into[at]], levels[at] + 1, into[at]);
        weigh(key(a), key(b))
    });
    for at in next.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        levels[at] += 1;
    }
    levels
}

/// Compares the n-th key of one vessel with that of another. The lesser goes in first.
fn weigh(left: (&Vessel, u64, usize), right: (&Vessel, u64, usize)) -> Ordering {
    let ((a, a_th, a_at), (b, b_th, b_at)) = (left, right);
    let by_weight = cmp_weight(a, a_th, b, b_th);
    by_weight.then((a_th > a.load).cmp(&(b_th > b.load))).then((a.hash, a_at).cmp(&(b.hash, b_at)))
}

fn cmp_weight(a: &Vessel, a_th: u64, b: &Vessel, b_th: u64) -> Ordering {
    let weight = |th: u64, other: u32| (2 * u128::from(th) - 1) * u128::from(other);
    weight(a_th, b.affinity).cmp(&weight(b_th, a.affinity))
}

/// Compares vessels with their indices: the lesser gets the next key.
pub fn cmp_next(left: (&Vessel, usize), right: (&Vessel, usize)) -> Ordering {
    let ((a, a_at), (b, b_at)) = (left, right);
    weigh((a, a.load + 1, a_at), (b, b.load + 1, b_at))
}

/// A height of 1 in fixed point.
const ONE: u128 = 1 << 32;
const HALF: u128 = ONE / 2;
