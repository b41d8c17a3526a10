//! Placing and balancing where classes overlap, by all keys of a node.

use std::collections::VecDeque;

use super::fill::{Stream, Vessel, cmp_next, fill};
use super::flow::Flow;
use super::rebalance::{Quota, spread};
use super::score::score;

/// Places the orphans of overlapping classes, those of each class in the order of their hashes.
///
/// The best state that can be reached decides how many keys of each class each node gets. So placing is
/// confluent, as with [`Placer`](super::Placer).
#[derive(Debug)]
pub struct SharedPlacer {
    vessels: Vec<Vessel>,
    streams: Vec<Stream>,
    /// How many keys of each stream each of its vessels still gets.
    left: Vec<Vec<u64>>,
}

impl SharedPlacer {
    /// Makes a placer for these streams, sorted by their lists of nodes.
    pub fn new(vessels: Vec<Vessel>, streams: Vec<Stream>) -> Self {
        debug_assert!(streams.is_sorted_by(|a, b| a.to < b.to));
        let base: Vec<u64> = vessels.iter().map(|vessel| vessel.load).collect();
        let levels = fill(&vessels, &base, &streams);
        let room = levels.iter().zip(&base).map(|(level, base)| level - base).collect();
        let mut flow = Flow::new(&streams, room);
        flow.run();
        flow.straighten();
        let left = flow.keys;
        Self { vessels, streams, left }
    }

    /// The position, in the stream's list, of the vessel for this orphan. `None` if all of them are
    /// in `not`. `home` is the vessel that had the key last.
    pub fn place(
        &mut self,
        stream: usize,
        key: u64,
        home: Option<usize>,
        not: &[usize],
    ) -> Option<usize> {
        let to = &self.streams[stream].to;
        let left = &mut self.left[stream];
        let open = |at: usize| left[at] > 0 && !not.contains(&at);
        let best = || {
            let of = |at: &usize| {
                let vessel = &self.vessels[to[*at]];
                (score(vessel.hash, key, vessel.affinity), std::cmp::Reverse(*at))
            };
            (0..to.len()).filter(|&at| open(at)).max_by_key(of)
        };
        let at = if let Some(at) = home.filter(|&at| open(at)).or_else(best) {
            left[at] -= 1;
            at
        } else {
            let vessel = |at: usize| (&self.vessels[to[at]], to[at]);
            let allowed = (0..to.len()).filter(|at| !not.contains(at));
            allowed.min_by(|&a, &b| cmp_next(vessel(a), vessel(b)))?
        };
        self.vessels[to[at]].load += 1;
        Some(at)
    }
}

/// How many keys of a class each node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Indices of vessels, ascending.
    pub nodes: Vec<usize>,
    /// The keys of each.
    pub keys: Vec<u64>,
}

/// How many keys each vessel should have after all moves.
pub fn shares(vessels: &[Vessel], classes: &[Holding]) -> Vec<u64> {
    let stream =
        |class: &Holding| Stream { to: class.nodes.clone(), keys: class.keys.iter().sum() };
    let streams: Vec<Stream> = classes.iter().map(stream).collect();
    fill(vessels, &vec![0; vessels.len()], &streams)
}

/// The moves that bring every vessel to its share, by class, along the shortest chains. Indices are
/// positions in the class's list of nodes.
pub fn shared_quotas(vessels: &[Vessel], classes: &[Holding]) -> Vec<Vec<Quota>> {
    let mut chains = Chains::new(vessels, classes);
    while chains.shift() {}
    let changes = classes.iter().zip(&chains.classes);
    changes.map(|(before, after)| deal(vessels, before, &after.keys)).collect()
}

/// The moves of one class, distributed over its receivers.
fn deal(vessels: &[Vessel], class: &Holding, after: &[u64]) -> Vec<Quota> {
    let change = || class.keys.iter().zip(after);
    let mut open: Vec<u64> = change().map(|(was, is)| is.saturating_sub(*was)).collect();
    let mut quotas = Vec::new();
    for (from, (was, is)) in change().enumerate().filter(|(_, (was, is))| was > is) {
        spread(from, was - is, vessels[class.nodes[from]].hash, &mut open, &mut quotas);
    }
    quotas
}

/// Keys that move from nodes with excess keys to nodes that lack keys. If such nodes share no
/// class, keys move through other nodes.
#[derive(Debug)]
struct Chains {
    classes: Vec<Holding>,
    /// The excess keys of each vessel.
    excess: Vec<u64>,
    /// How many keys each vessel lacks.
    lack: Vec<u64>,
    /// The classes for which each vessel is eligible, with its position in their lists.
    of: Vec<Vec<(usize, usize)>>,
}

impl Chains {
    fn new(vessels: &[Vessel], classes: &[Holding]) -> Self {
        let (mut has, mut of) = (vec![0_u64; vessels.len()], vec![Vec::new(); vessels.len()]);
        for (number, class) in classes.iter().enumerate() {
            for (place, (&node, keys)) in class.nodes.iter().zip(&class.keys).enumerate() {
                has[node] += keys;
                of[node].push((number, place));
            }
        }
        let shares = shares(vessels, classes);
        let over = |a: &[u64], b: &[u64]| -> Vec<u64> {
            a.iter().zip(b).map(|(a, b)| a.saturating_sub(*b)).collect()
        };
        let (excess, lack) = (over(&has, &shares), over(&shares, &has));
        Self { classes: classes.to_vec(), excess, lack, of }
    }

    /// Moves keys along one of the shortest chains, if there is one.
    fn shift(&mut self) -> bool {
        let Some((end, by)) = self.search() else { return false };
        let (mut hops, mut node) = (Vec::new(), end);
        while let Some(hop) = by[node] {
            hops.push(hop);
            node = self.classes[hop.class].nodes[hop.from];
        }
        let on_the_way = hops.iter().map(|hop| self.classes[hop.class].keys[hop.from]).min();
        let ends = self.lack[end].min(self.excess[node]);
        let keys = ends.min(on_the_way.unwrap_or(u64::MAX));
        self.lack[end] -= keys;
        self.excess[node] -= keys;
        for hop in hops {
            let held = &mut self.classes[hop.class].keys;
            held[hop.from] -= keys;
            held[hop.to] += keys;
        }
        true
    }

    /// The nearest vessel that lacks keys, and the hop by which each nearer one was reached.
    fn search(&self) -> Option<(usize, Vec<Option<Hop>>)> {
        let mut by = vec![None; self.of.len()];
        let mut known: Vec<bool> = self.excess.iter().map(|excess| *excess > 0).collect();
        let mut seen = vec![false; self.classes.len()];
        let mut queue: VecDeque<usize> = (0..known.len()).filter(|&at| known[at]).collect();
        while let Some(node) = queue.pop_front() {
            if self.lack[node] > 0 {
                return Some((node, by));
            }
            for &(class, from) in &self.of[node] {
                // The first vessel that is reached reaches all others of its class.
                if self.classes[class].keys[from] == 0 || std::mem::replace(&mut seen[class], true)
                {
                    continue;
                }
                for (to, &next) in self.classes[class].nodes.iter().enumerate() {
                    if !std::mem::replace(&mut known[next], true) {
                        by[next] = Some(Hop { class, from, to });
                        queue.push_back(next);
                    }
                }
            }
        }
        None
    }
}

/// One node of a class gives keys to another.
#[derive(Debug, Clone, Copy)]
struct Hop {
    class: usize,
    from: usize,
    to: usize,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::score::{key_hash, node_hash};
    use super::*;

    /// Nodes, and classes of them: the keys of each node, and the number of orphans.
    #[derive(Debug, Clone)]
    struct Group {
        affinities: Vec<u32>,
        classes: Vec<Holding>,
        orphans: Vec<u64>,
    }

    impl Group {
        fn vessels(&self, classes: &[Holding]) -> Vec<Vessel> {
            let load = |node: usize| {
                let of = |class: &Holding| {
                    let place = class.nodes.binary_search(&node);
                    place.map_or(0, |at| class.keys[at])
                };
                classes.iter().map(of).sum()
            };
            let vessel = |(node, &affinity): (usize, &u32)| Vessel {
                hash: node_hash(&format!("n{node}")),
                affinity,
                load: load(node),
            };
            self.affinities.iter().enumerate().map(vessel).collect()
        }

        /// The orphans as (class, hash), in the order of placing.
        fn keys(&self) -> Vec<(usize, u64)> {
            let of = |(class, &count): (usize, &u64)| {
                (0..count).map(move |key| (class, key_hash(&format!("{class}.{key}"))))
            };
            let mut keys: Vec<_> = self.orphans.iter().enumerate().flat_map(of).collect();
            keys.sort_unstable();
            keys
        }

        fn place(&self, classes: &[Holding], keys: &[(usize, u64, Option<usize>)]) -> Vec<usize> {
            let stream = |(at, class): (usize, &Holding)| Stream {
                to: class.nodes.clone(),
                keys: keys.iter().filter(|(of, ..)| *of == at).count() as u64,
            };
            let streams = classes.iter().enumerate().map(stream).collect();
            let mut placer = SharedPlacer::new(self.vessels(classes), streams);
            let mut place = |&(class, key, home): &(usize, u64, Option<usize>)| {
                let home = home.filter(|home| *home < classes[class].nodes.len());
                placer.place(class, key, home, &[]).expect("somebody may take it")
            };
            keys.iter().map(&mut place).collect()
        }
    }

    fn loads(vessels: &[Vessel]) -> Vec<u64> {
        vessels.iter().map(|vessel| vessel.load).collect()
    }

    /// Whether no key of these classes would weigh less on another node.
    fn is_even(vessels: &[Vessel], classes: &[Holding]) -> bool {
        classes.iter().all(|class| {
            let holders = class.nodes.iter().zip(&class.keys).filter(|(_, keys)| **keys > 0);
            let mut holders = holders.map(|(&node, _)| vessels[node]);
            holders.all(|holder| {
                let last = Vessel { load: holder.load.saturating_sub(1), ..holder };
                class.nodes.iter().all(|&other| weighs_no_more(&last, &vessels[other]))
            })
        })
    }

    fn weighs_no_more(one: &Vessel, other: &Vessel) -> bool {
        let weight = |a: &Vessel, by: &Vessel| (2 * a.load + 1) * u64::from(by.affinity);
        weight(one, other) <= weight(other, one) || one.hash == other.hash
    }

    fn carry_out(classes: &mut [Holding], quotas: &[Vec<Quota>]) -> u64 {
        let mut moved = 0;
        for (class, quotas) in classes.iter_mut().zip(quotas) {
            for quota in quotas {
                class.keys[quota.from] -= quota.keys;
                class.keys[quota.to] += quota.keys;
                moved += quota.keys;
            }
        }
        moved
    }

    fn any_group() -> impl Strategy<Value = Group> {
        let affinities = proptest::collection::vec(select(vec![1, 1, 1, 1, 2, 5, 100]), 1..6);
        let classes = proptest::collection::vec((1_u8..32, any::<[u8; 5]>(), 0_u64..12), 1..5);
        (affinities, classes).prop_map(|(affinities, mut classes)| {
            let nodes = |bits: u8| (0..affinities.len()).filter(move |at| bits & (1 << at) != 0);
            let mut known = BTreeSet::new();
            classes.retain(|(bits, ..)| {
                let nodes: Vec<usize> = nodes(*bits).collect();
                !nodes.is_empty() && known.insert(nodes)
            });
            classes.sort_by_key(|(bits, ..)| nodes(*bits).collect::<Vec<_>>());
            let holding = |(bits, keys, _): &(u8, [u8; 5], u64)| Holding {
                nodes: nodes(*bits).collect(),
                keys: nodes(*bits).map(|at| u64::from(keys[at] % 6)).collect(),
            };
            let orphans = classes.iter().map(|(.., orphans)| *orphans).collect();
            Group {
                classes: classes.iter().map(holding).collect(),
                orphans,
                affinities: affinities.clone(),
            }
        })
    }

    #[test]
    fn a_node_of_two_classes_gets_no_larger_share() {
        let group = Group {
            affinities: vec![1; 3],
            classes: [[0, 2], [1, 2]]
                .map(|nodes| Holding { nodes: nodes.to_vec(), keys: vec![50, 50] })
                .to_vec(),
            orphans: Vec::new(),
        };
        let vessels = group.vessels(&group.classes);
        assert_eq!(loads(&vessels), [50, 50, 100]);
        let mut after = group.classes.clone();
        assert_eq!(carry_out(&mut after, &shared_quotas(&vessels, &group.classes)), 33);
        let mut even = loads(&group.vessels(&after));
        even.sort_unstable();
        assert_eq!(even, [66, 67, 67]);
    }

    #[test]
    fn keys_move_through_a_third_node_if_necessary() {
        let group = Group {
            affinities: vec![1; 3],
            classes: vec![
                Holding { nodes: vec![0, 1], keys: vec![9, 0] },
                Holding { nodes: vec![1, 2], keys: vec![3, 0] },
            ],
            orphans: Vec::new(),
        };
        let moves = shared_quotas(&group.vessels(&group.classes), &group.classes);
        let mut after = group.classes.clone();
        carry_out(&mut after, &moves);
        assert_eq!(
            loads(&group.vessels(&after)),
            [5, 4, 3],
            "no more of the second class is there"
        );
    }

    proptest! {
        #[test]
        fn no_placed_key_weighs_less_on_another_node(group in any_group()) {
            let keys: Vec<_> = group.keys().into_iter().map(|(of, key)| (of, key, None)).collect();
            let mut placed = group.classes.clone();
            for class in &mut placed {
                class.keys.fill(0);
            }
            let mut after = group.classes.clone();
            for (&(class, ..), at) in keys.iter().zip(group.place(&group.classes, &keys)) {
                placed[class].keys[at] += 1;
                after[class].keys[at] += 1;
            }
            prop_assert!(is_even(&group.vessels(&after), &placed));
        }

        #[test]
        fn a_partial_plan_leaves_the_rest_unchanged(
            group in any_group(),
            part in proptest::collection::vec(any::<bool>(), 60),
            homes in proptest::collection::vec(proptest::option::of(0_usize..5), 60),
        ) {
            let keys: Vec<_> =
                group.keys().into_iter().zip(homes).map(|((of, key), home)| (of, key, home)).collect();
            let full = group.place(&group.classes, &keys);
            let mut later = group.classes.clone();
            let (mut left, mut want) = (Vec::new(), Vec::new());
            for ((key, at), done) in keys.iter().zip(full).zip(part) {
                if done {
                    later[key.0].keys[at] += 1;
                } else {
                    left.push(*key);
                    want.push(at);
                }
            }
            prop_assert_eq!(group.place(&later, &left), want);
        }

        #[test]
        fn moves_end_when_every_node_has_its_share(group in any_group()) {
            let vessels = group.vessels(&group.classes);
            let want = shares(&vessels, &group.classes);
            let moves = shared_quotas(&vessels, &group.classes);
            let mut after = group.classes.clone();
            let moved = carry_out(&mut after, &moves);
            let even = group.vessels(&after);
            prop_assert_eq!(loads(&even), want.clone());
            prop_assert!(is_even(&even, &after));
            prop_assert!(shared_quotas(&even, &after).iter().all(Vec::is_empty));
            let excess = vessels.iter().zip(&want).map(|(v, want)| v.load.saturating_sub(*want));
            prop_assert!(moved >= excess.sum());
        }

        #[test]
        fn carrying_out_direct_moves_keeps_every_share(
            group in any_group(),
            parts in proptest::collection::vec(0_u64..40, 60),
        ) {
            let vessels = group.vessels(&group.classes);
            let want = shares(&vessels, &group.classes);
            let mut moves = shared_quotas(&vessels, &group.classes);
            let excess = vessels.iter().zip(&want).map(|(v, want)| v.load.saturating_sub(*want));
            let direct = carry_out(&mut group.classes.clone(), &moves) == excess.sum::<u64>();
            for (quota, part) in moves.iter_mut().flatten().zip(parts) {
                quota.keys = quota.keys.min(part);
            }
            let mut later = group.classes.clone();
            carry_out(&mut later, &moves);
            if direct {
                prop_assert_eq!(shares(&group.vessels(&later), &later), want);
            }
        }
    }
}
