//! Placing orphans.

use std::cmp::Ordering;

use super::score::{pair_hash, score_of};

/// A node that is eligible for the keys of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The hash of its id.
    pub hash: u64,
    /// Its effective affinity, above 0.
    pub affinity: u32,
    /// Its keys of the class, including planned keys.
    pub load: u64,
}

/// The floor and the ceiling of each candidate's share of `total` keys.
pub(super) fn bands(candidates: &[Candidate], total: u64) -> Vec<(u64, u64)> {
    let share = Share::new(candidates, total);
    candidates.iter().map(|candidate| share.band(candidate)).collect()
}

/// How `total` keys are divided.
#[derive(Debug, Clone, Copy)]
struct Share {
    total: u128,
    /// The sum of the affinities, at least 1.
    affinities: u128,
}

impl Share {
    fn new(candidates: &[Candidate], total: u64) -> Self {
        debug_assert!(candidates.iter().all(|candidate| candidate.affinity > 0));
        let sum: u64 = candidates.iter().map(|candidate| u64::from(candidate.affinity)).sum();
        Self { total: total.into(), affinities: sum.max(1).into() }
    }

    fn band(self, candidate: &Candidate) -> (u64, u64) {
        let scaled = self.scaled(candidate);
        let floor = u64::try_from(scaled / self.affinities).expect("a share is at most the total");
        (floor, floor + u64::from(!scaled.is_multiple_of(self.affinities)))
    }

    /// The candidate's share times the sum of the affinities, which is an integer.
    fn scaled(self, candidate: &Candidate) -> u128 {
        self.total * u128::from(candidate.affinity)
    }
}

/// Places the orphans of one class, one after another in the order of their hashes.
///
/// Placing is confluent: after any part of its plan is carried out, a new placer plans the rest as
/// before. (Only a key that leaves its band because of `not` may be placed differently later.)
#[derive(Debug)]
pub struct Placer {
    slots: Vec<Slot>,
    /// Orphans that are left when every node has its floor.
    spare: u64,
}

/// A candidate and its room.
#[derive(Debug)]
struct Slot {
    candidate: Candidate,
    /// How many keys it lacks to its floor.
    below_floor: u64,
    /// Whether its ceiling is above its floor.
    below_ceiling: bool,
}

impl Placer {
    /// Makes a placer for `orphans` keys.
    pub fn new(candidates: &[Candidate], orphans: u64) -> Self {
        let total = candidates.iter().map(|candidate| candidate.load).sum::<u64>() + orphans;
        let share = Share::new(candidates, total);
        let slots: Vec<Slot> = candidates.iter().map(|&c| Slot::new(c, share)).collect();
        let deficit: u64 = slots.iter().map(|slot| slot.below_floor).sum();
        Self { slots, spare: orphans.saturating_sub(deficit) }
    }

    /// The index of the candidate that this orphan goes to, or `None` if all candidates are in `not`.
    /// `home` is the candidate that had the key last.
    pub fn place(&mut self, key: u64, home: Option<usize>, not: &[usize]) -> Option<usize> {
        let home = home.filter(|&at| self.has_room(at) && !not.contains(&at));
        let to =
            home.or_else(|| self.best_with_room(key, not)).or_else(|| self.least_loaded(not))?;
        self.put(to);
        Some(to)
    }

    fn best_with_room(&self, key: u64, not: &[usize]) -> Option<usize> {
        // A candidate with a lower pair hash and no higher affinity cannot have a higher score. This
        // check saves the logarithm for nearly all of them.
        let (mut best, mut beaten) = (None, None);
        for (at, slot) in self.slots.iter().enumerate() {
            if !slot.has_room(self.spare) || not.contains(&at) {
                continue;
            }
            let affinity = slot.candidate.affinity;
            let pair = pair_hash(slot.candidate.hash, key);
            if beaten.is_some_and(|(by, weight)| pair <= by && affinity <= weight) {
                continue;
            }
            let score = score_of(pair, affinity);
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, at));
                beaten = Some((pair, affinity));
            }
        }
        best.map(|(_, at)| at)
    }

    fn least_loaded(&self, not: &[usize]) -> Option<usize> {
        let allowed = (0..self.slots.len()).filter(|at| !not.contains(at));
        allowed.min_by(|&left, &right| {
            self.slots[left].candidate.cmp_filling(&self.slots[right].candidate)
        })
    }

    fn has_room(&self, at: usize) -> bool {
        self.slots.get(at).is_some_and(|slot| slot.has_room(self.spare))
    }

    fn put(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        slot.candidate.load += 1;
        if slot.below_floor > 0 {
            slot.below_floor -= 1;
        } else if slot.below_ceiling && self.spare > 0 {
            slot.below_ceiling = false;
            self.spare -= 1;
        } else {
            slot.below_ceiling = false;
        }
    }
}

impl Slot {
    /// Divides only if the candidate is below its floor. When one key is placed, most are not.
    fn new(candidate: Candidate, share: Share) -> Self {
        let (scaled, load) = (share.scaled(&candidate), u128::from(candidate.load));
        if (load + 1) * share.affinities > scaled {
            let below_ceiling = load * share.affinities < scaled;
            return Self { candidate, below_floor: 0, below_ceiling };
        }
        let (floor, ceiling) = share.band(&candidate);
        let below_floor = floor - candidate.load;
        Self { candidate, below_floor, below_ceiling: floor < ceiling }
    }

    fn has_room(&self, spare: u64) -> bool {
        self.below_floor > 0 || (self.below_ceiling && spare > 0)
    }
}

impl Candidate {
    /// Compares (load + 1) / affinity.
    fn cmp_filling(&self, other: &Self) -> Ordering {
        let left = (u128::from(self.load) + 1) * u128::from(other.affinity);
        let right = (u128::from(other.load) + 1) * u128::from(self.affinity);
        left.cmp(&right)
    }
}

#[cfg(test)]
mod tests {
    use super::super::score::{key_hash, node_hash, score};
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn group(affinities: &[u32], loads: &[u64]) -> Vec<Candidate> {
        let one = |at: usize| Candidate {
            hash: node_hash(&format!("n{at}")),
            affinity: affinities[at],
            load: loads.get(at).copied().unwrap_or(0),
        };
        (0..affinities.len()).map(one).collect()
    }

    /// The hashes of this many keys, in the order of placing.
    fn orphans(count: u64) -> Vec<u64> {
        let mut keys: Vec<u64> = (0..count).map(|key| key_hash(&format!("k{key}"))).collect();
        keys.sort_unstable();
        keys
    }

    fn place_all(candidates: &[Candidate], keys: &[u64]) -> Vec<usize> {
        let mut placer = Placer::new(candidates, keys.len() as u64);
        keys.iter().map(|&key| placer.place(key, None, &[]).expect("a candidate")).collect()
    }

    fn after(candidates: &[Candidate], placed: impl IntoIterator<Item = usize>) -> Vec<u64> {
        let mut loads: Vec<u64> = candidates.iter().map(|candidate| candidate.load).collect();
        for at in placed {
            loads[at] += 1;
        }
        loads
    }

    #[test]
    fn shares_are_exact_whatever_the_affinities() {
        let check = |affinities: &[u32], total: u64, want: &[(u64, u64)]| {
            assert_eq!(bands(&group(affinities, &[]), total), want, "{affinities:?} {total}");
        };
        check(&[1, 1, 1], 7, &[(2, 3), (2, 3), (2, 3)]);
        check(&[1, 2, 5], 16, &[(2, 2), (4, 4), (10, 10)]);
        check(&[1, 2, 5], 17, &[(2, 3), (4, 5), (10, 11)]);
        check(&[1, u32::MAX], 10, &[(0, 1), (9, 10)]);
        check(&[u32::MAX, u32::MAX], 1 << 40, &[(1 << 39, 1 << 39); 2]);
        check(&[u32::MAX], u64::MAX, &[(u64::MAX, u64::MAX)]);
        check(&[3], 0, &[(0, 0)]);
        check(&[], 5, &[]);
    }

    #[test]
    fn a_cold_start_ends_balanced() {
        let check = |affinities: &[u32], keys: u64, want: &[u64]| {
            let candidates = group(affinities, &[]);
            let mut loads = after(&candidates, place_all(&candidates, &orphans(keys)));
            if affinities.iter().all(|a| *a == affinities[0]) {
                loads.sort_unstable();
            }
            assert_eq!(loads, want, "{affinities:?} {keys}");
        };
        check(&[1, 1, 1], 7, &[2, 2, 3]);
        check(&[1, 2, 1], 100, &[25, 50, 25]);
        check(&[1, 2, 5], 80, &[10, 20, 50]);
        check(&[u32::MAX, u32::MAX, 1], 10, &[5, 5, 0]);
        check(&[7], 3, &[3]);
    }

    #[test]
    fn an_orphan_returns_to_its_last_owner_while_there_is_room() {
        let mut placer = Placer::new(&group(&[1, 1], &[]), 4);
        assert_eq!(placer.place(1, Some(1), &[]), Some(1));
        assert_eq!(placer.place(2, Some(1), &[]), Some(1));
        assert_eq!(placer.place(3, Some(1), &[]), Some(0), "home is full");
        assert_eq!(placer.place(4, Some(1), &[1]), Some(0));
    }

    #[test]
    fn a_cooling_down_node_gets_no_orphan() {
        let candidates = group(&[1, 1, 1], &[3, 0, 2]);
        let place = |not: &[usize]| Placer::new(&candidates, 1).place(7, Some(1), not);
        assert_eq!(place(&[]), Some(1));
        assert_eq!(place(&[1]), Some(2), "the least loaded of the others");
        assert_eq!(place(&[1, 2]), Some(0));
        assert_eq!(place(&[0, 1, 2]), None);
    }

    #[test]
    fn without_eligible_room_an_orphan_goes_to_the_least_filled_node() {
        let check = |affinities: [u32; 2], loads: [u64; 2], want: usize| {
            let mut candidates = group(&[affinities[0], affinities[1], 1_000], &[]);
            for (candidate, load) in candidates.iter_mut().zip(loads) {
                candidate.load = load;
            }
            let place = Placer::new(&candidates, 1).place(7, None, &[2]);
            assert_eq!(place, Some(want), "{affinities:?} {loads:?}");
        };
        check([1, 1], [3, 2], 1);
        check([1, 1], [2, 2], 0);
        check([1, 5], [2, 9], 1);
        check([5, 1], [9, 2], 0);
        check([2, 1], [0, 0], 0);
        check([1, 2], [0, 0], 1);
        check([1, 3], [4, 11], 1);
        check([1, 3], [4, 14], 0);
    }

    #[test]
    fn a_key_above_the_ceiling_takes_no_room_of_other_nodes() {
        let candidates = group(&[1, 1, 1], &[3, 0, 2]);
        let mut placer = Placer::new(&candidates, 2);
        assert_eq!(placer.place(7, None, &[1]), Some(2), "the least loaded");
        assert_eq!(placer.place(8, None, &[1]), Some(0), "it is as full as the first now");
        let mut placer = Placer::new(&candidates, 2);
        assert_eq!(placer.place(7, None, &[1]), Some(2));
        assert_eq!(placer.place(8, None, &[]), Some(1), "whose places were kept");
    }

    #[test]
    fn without_a_candidate_there_is_no_place() {
        assert_eq!(Placer::new(&[], 1).place(1, None, &[]), None);
        assert_eq!(Placer::new(&group(&[1], &[]), 1).place(1, Some(9), &[]), Some(0));
    }

    #[test]
    fn a_single_orphan_of_a_balanced_group_goes_to_the_best_score() {
        let candidates = group(&[1; 50], &[10; 50]);
        for key in orphans(200) {
            let best = (0..50).max_by_key(|&at| score(candidates[at].hash, key, 1));
            assert_eq!(Placer::new(&candidates, 1).place(key, None, &[]), best);
        }
    }

    fn any_group() -> impl Strategy<Value = Vec<Candidate>> {
        let affinity = select(vec![1, 1, 1, 2, 5, 100, 1 << 20, u32::MAX]);
        proptest::collection::vec((affinity, 0_u64..12), 1..9).prop_map(|nodes| {
            let (affinities, loads): (Vec<u32>, Vec<u64>) = nodes.into_iter().unzip();
            group(&affinities, &loads)
        })
    }

    proptest! {
        #[test]
        fn a_band_is_the_share_rounded_down_and_up(candidates in any_group(), total: u64) {
            let sum: u128 = candidates.iter().map(|c| u128::from(c.affinity)).sum();
            for (candidate, (floor, ceiling)) in candidates.iter().zip(bands(&candidates, total)) {
                let scaled = u128::from(total) * u128::from(candidate.affinity);
                prop_assert!(u128::from(floor) * sum <= scaled);
                prop_assert!(scaled < (u128::from(floor) + 1) * sum);
                prop_assert!(u128::from(ceiling) * sum >= scaled);
                prop_assert!(ceiling - floor <= 1);
            }
        }

        #[test]
        fn a_node_below_its_floor_ends_in_its_band(
            candidates in any_group(),
            keys in 0_u64..60,
        ) {
            let loads = after(&candidates, place_all(&candidates, &orphans(keys)));
            let bands = bands(&candidates, loads.iter().sum());
            let under = |at: usize| candidates[at].load <= bands[at].0;
            for at in 0..loads.len() {
                prop_assert!(loads[at] <= bands[at].1.max(candidates[at].load));
                if (0..loads.len()).all(under) {
                    prop_assert!(loads[at] >= bands[at].0);
                }
            }
        }

        #[test]
        fn a_partial_plan_leaves_the_rest_unchanged(
            candidates in any_group(),
            part in proptest::collection::vec(any::<bool>(), 0..60),
            homes in proptest::collection::vec(proptest::option::of(0_usize..9), 60),
        ) {
            let keys = orphans(part.len() as u64);
            let plan = |candidates: &[Candidate], which: &[usize]| -> Vec<usize> {
                let mut placer = Placer::new(candidates, which.len() as u64);
                let place = |&at: &usize| placer.place(keys[at], homes[at], &[]).expect("one");
                which.iter().map(place).collect()
            };
            let all: Vec<usize> = (0..keys.len()).collect();
            let full = plan(&candidates, &all);
            let (done, left): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&at| part[at]);
            let mut later = candidates.clone();
            for at in done {
                later[full[at]].load += 1;
            }
            let rest = plan(&later, &left);
            let want: Vec<usize> = left.iter().map(|&at| full[at]).collect();
            prop_assert_eq!(rest, want);
        }

        #[test]
        fn placing_single_keys_ends_in_the_same_balance(candidates in any_group(), keys in 0_u64..60) {
            let mut candidates = candidates;
            for candidate in &mut candidates {
                candidate.load = 0;
            }
            for key in orphans(keys) {
                let to = Placer::new(&candidates, 1).place(key, None, &[]).expect("one");
                candidates[to].load += 1;
            }
            let bands = bands(&candidates, keys);
            let most = candidates.iter().zip(&bands).map(|(c, b)| c.load.abs_diff(b.1)).max();
            prop_assert!(most <= Some(2), "{candidates:?} {bands:?}");
        }
    }
}
