//! Weighted rendezvous scores in integers, so that all machines agree.

use std::cmp::Ordering;

/// The hash of a key. It orders orphans and is part of each pair hash.
pub fn key_hash(key: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key.as_bytes())
}

/// The hash of a node's id.
pub fn node_hash(node: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(node.as_bytes(), 1)
}

/// The score of a node for a key: affinity / −ln(u), where u is a number between 0 and 1 from the
/// hash of the pair. The highest score wins, and each node wins in proportion to its affinity.
///
/// The score is a fraction and is compared by cross multiplication, which is exact and needs no
/// division. A constant factor changes no comparison, so the logarithm is to base 2.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    affinity: u32,
    /// −log2(u) in [`FRACTION_BITS`] fixed point, at least 1.
    cost: u64,
}

/// The score of a node for a key.
#[inline]
pub fn score(node: u64, key: u64, affinity: u32) -> Score {
    score_of(pair_hash(node, key), affinity)
}

/// The score of a pair hash. It never falls when the pair hash or the affinity rises.
#[inline]
pub(super) fn score_of(pair: u64, affinity: u32) -> Score {
    Score { affinity, cost: neg_log2(pair) }
}

impl Score {
    /// The score for display. Plans do not use it.
    #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
    pub fn as_f64(self) -> f64 {
        f64::from(self.affinity) * (1_u64 << FRACTION_BITS) as f64 / self.cost as f64
    }
}

impl Ord for Score {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.affinity) * u128::from(other.cost);
        let right = u128::from(other.affinity) * u128::from(self.cost);
        left.cmp(&right)
    }
}

impl PartialOrd for Score {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Score {}

impl PartialEq for Score {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

/// The 64 bits of a pair: two rounds of a folded 64 × 64 → 128 multiplication. That is enough because
/// both hashes are well mixed. The constants are odd 64-bit numbers without a pattern.
#[inline]
pub(super) fn pair_hash(node: u64, key: u64) -> u64 {
    let mixed = fold(node ^ 0xa076_1d64_78bd_642f, key ^ 0xe703_7ed1_a0b4_28db);
    fold(mixed ^ 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3)
}

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let wide = u128::from(left) * u128::from(right);
    low(wide) ^ low(wide >> 64)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
const fn low(wide: u128) -> u64 {
    wide as u64
}

/// 57 bits after the point, and 7 before it: the logarithm is between 2^-57 and 64.
const FRACTION_BITS: u32 = 57;

/// The number of intervals of the interpolation, a power of two.
const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: u32 = 8;

/// −log2(hash / 2^64) in fixed point, at least 1.
///
/// It falls strictly except in the last bits. It is exact at the points of the table. Between them the
/// error is at most 3·10^-6, and at most a thousandth of the value down to 2^-40.
#[inline]
fn neg_log2(hash: u64) -> u64 {
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    let mantissa = (hash << zeros) << 1; // Without its leading one.
    let at = usize::try_from(mantissa >> (64 - STEP_BITS)).expect("8 bits");
    let between = mantissa << STEP_BITS;
    let step = LOG2[at + 1] - LOG2[at];
    let log2 = LOG2[at] + low((u128::from(step) * u128::from(between)) >> 64);
    let cost = (u64::from(zeros + 1) << FRACTION_BITS) - log2;
    cost.max(1)
}

/// log2(1 + i / STEPS) in fixed point, rounded down.
static LOG2: [u64; STEPS + 1] = log2_table();

const fn log2_table() -> [u64; STEPS + 1] {
    let mut table = [0; STEPS + 1];
    let mut at = 0;
    while at < STEPS {
        table[at] = log2_bits(at as u64);
        at += 1;
    }
    table[STEPS] = 1 << FRACTION_BITS;
    table
}

/// The bits of log2(1 + step / STEPS), one by one: squaring doubles a logarithm, and a square of at
/// least 2 means that the next bit is 1.
const fn log2_bits(step: u64) -> u64 {
    let mut value: u128 = ((STEPS as u128) + step as u128) << (63 - STEP_BITS);
    let mut bits = 0;
    let mut left = FRACTION_BITS;
    while left > 0 {
        left -= 1;
        value = (value * value) >> 63;
        if value >> 64 != 0 {
            value >>= 1;
            bits |= 1 << left;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many of the keys each node of these affinities wins.
    fn wins(affinities: &[u32], keys: u32) -> Vec<u32> {
        let nodes: Vec<u64> = (0..affinities.len()).map(|n| node_hash(&format!("n{n}"))).collect();
        let mut wins = vec![0; nodes.len()];
        for key in 0..keys {
            let key = key_hash(&format!("/process/me/{key}"));
            let best = (0..nodes.len()).max_by_key(|&n| score(nodes[n], key, affinities[n]));
            wins[best.expect("at least one node")] += 1;
        }
        wins
    }

    /// Chi-square against the affinities. With k nodes it is k − 1 on average. It is above k + 6·√(2k)
    /// far less often than once in a million.
    fn check_shares(affinities: &[u32]) {
        let keys = 100_000;
        let sum: f64 = affinities.iter().copied().map(f64::from).sum();
        let chi: f64 = wins(affinities, keys)
            .iter()
            .zip(affinities)
            .map(|(&won, &affinity)| {
                let want = f64::from(keys) * f64::from(affinity) / sum;
                (f64::from(won) - want).powi(2) / want
            })
            .sum();
        let k = f64::from(u32::try_from(affinities.len()).expect("few"));
        assert!(chi < k + 6.0 * (2.0 * k).sqrt(), "{affinities:?}: chi-square {chi}");
    }

    #[test]
    fn the_displayed_score_is_affinity_by_logarithm() {
        let of = |affinity, cost: u64| Score { affinity, cost: cost << (FRACTION_BITS - 1) };
        for (affinity, halves, shown) in [(1, 2, 1.0), (3, 2, 3.0), (3, 4, 1.5), (100, 1, 200.0)] {
            let error = of(affinity, halves).as_f64() - shown;
            assert!(error.abs() < 1e-9, "{affinity} {halves}");
        }
        assert_eq!(of(1, 2), of(2, 4));
        assert_ne!(of(1, 2), of(1, 3));
    }

    #[test]
    fn every_node_wins_in_proportion_to_its_affinity() {
        check_shares(&[1, 2, 1]);
        check_shares(&[1, 2, 5]);
        check_shares(&[100; 10]);
        check_shares(&[1; 300]);
        check_shares(&[u32::MAX, u32::MAX, u32::MAX / 2]);
        check_shares(&(1..=40).collect::<Vec<u32>>());
    }

    #[test]
    fn second_places_follow_the_affinities() {
        let nodes: Vec<u64> = (0..8).map(|n| node_hash(&format!("n{n}"))).collect();
        let mut seconds = [[0_u32; 8]; 8];
        for key in 0..80_000 {
            let key = key_hash(&format!("k{key}"));
            let mut order: Vec<usize> = (0..8).collect();
            order.sort_by_key(|&n| std::cmp::Reverse(score(nodes[n], key, 1)));
            seconds[order[0]][order[1]] += 1;
        }
        for (first, row) in seconds.iter().enumerate() {
            let total: u32 = row.iter().sum();
            for (second, &count) in row.iter().enumerate().filter(|(second, _)| *second != first) {
                let want = f64::from(total) / 7.0;
                assert!((f64::from(count) - want).abs() < 6.0 * want.sqrt(), "{first} {second}");
            }
        }
    }

    #[test]
    fn the_affinity_of_a_node_moves_only_keys_to_it_or_from_it() {
        let nodes: Vec<u64> = (0..5).map(|n| node_hash(&format!("n{n}"))).collect();
        for key in (0..10_000).map(|key| key_hash(&format!("k{key}"))) {
            let best = |second: u32| {
                let affinity = |n: usize| if n == 1 { second } else { 10 };
                (0..5).max_by_key(|&n| score(nodes[n], key, affinity(n))).expect("5 nodes")
            };
            let (before, after) = (best(10), best(11));
            assert!(before == after || after == 1);
        }
    }

    #[test]
    fn golden_values_hold_on_every_machine() {
        assert_eq!(key_hash("/process/me/1234"), 0x2ffd_6983_42d9_18a3);
        assert_eq!(node_hash("w1"), 0x17b6_3670_5345_510d);
        let check = |node: &str, key: &str, affinity: u32, pair: u64, cost: u64| {
            let (node, key) = (node_hash(node), key_hash(key));
            let got = score(node, key, affinity);
            let want = (pair, affinity, cost);
            assert_eq!((pair_hash(node, key), got.affinity, got.cost), want, "{node:x} {key:x}");
        };
        check("w1", "/process/me/1234", 100, 0xb1ed_558b_70e2_bcf5, 75_640_062_144_840_461);
        check("w2", "/process/me/1234", u32::MAX, 0x0a46_4178_0882_b79a, 668_552_342_795_410_024);
        check("w1", "orders.eu.17", 1, 0x1e38_db7b_cda1_528b, 444_230_571_180_507_045);
        check("node-07", "a b", 7, 0xa4c1_8e7d_ee95_5cad, 91_630_419_568_718_832);
    }

    #[derive(serde::Deserialize)]
    struct Given {
        key: String,
        nodes: Vec<(String, u32)>,
    }

    #[test]
    fn vectors() {
        crate::vectors::check("scores", |Given { key, nodes }| {
            let hash = key_hash(&key);
            let mut order: Vec<_> = nodes
                .iter()
                .map(|(node, affinity)| (score(node_hash(node), hash, *affinity), node))
                .collect();
            order.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            let nodes = nodes.iter().map(|(node, affinity)| {
                let node = node_hash(node);
                let pair = pair_hash(node, hash);
                serde_json::json!({
                    "hash": format!("{node:016x}"),
                    "pair": format!("{pair:016x}"),
                    "cost": score(node, hash, *affinity).cost.to_string(),
                })
            });
            serde_json::json!({
                "key_hash": format!("{hash:016x}"),
                "nodes": nodes.collect::<Vec<_>>(),
                "best_first": order.into_iter().map(|(_, node)| node).collect::<Vec<_>>(),
            })
        });
    }

    #[test]
    fn the_logarithm_has_known_values_at_its_bounds() {
        assert_eq!(neg_log2(u64::MAX), 1);
        assert_eq!(neg_log2(1 << 63), 1 << FRACTION_BITS);
        assert_eq!(neg_log2(3 << 62), 59_813_207_267_103_473);
        assert_eq!(neg_log2(0), 64 << FRACTION_BITS);
        assert_eq!(neg_log2(1), 64 << FRACTION_BITS);
    }

    #[test]
    fn the_lowest_and_the_highest_affinity_compare_without_overflow() {
        let low = Score { affinity: 1, cost: 64 << FRACTION_BITS };
        let high = Score { affinity: u32::MAX, cost: 1 };
        assert!(low < high);
        assert!(Score { affinity: u32::MAX, cost: u64::MAX } < high);
        assert_eq!(Score { affinity: 2, cost: 10 }, Score { affinity: 1, cost: 5 });
    }

    proptest! {
        #[test]
        fn the_logarithm_is_accurate_and_monotonic(hash: u64, shift in 0_u32..64, other: u64) {
            let hash = hash >> shift | 1;
            #[expect(clippy::cast_precision_loss, reason = "compared within a tolerance")]
            let (got, want) = (
                neg_log2(hash) as f64 / (1_u64 << FRACTION_BITS) as f64,
                64.0 - (hash as f64).log2(),
            );
            prop_assert!((got - want).abs() < 3e-6, "{got} {want}");
            let (low, high) = (hash.min(other), hash.max(other));
            prop_assert!(neg_log2(low) >= neg_log2(high));
        }

        #[test]
        fn the_logarithm_of_numbers_near_1_is_near_0(below: u64, shift in 8_u32..40) {
            let below = below >> shift | 1 << 24;
            #[expect(clippy::cast_precision_loss, reason = "compared within a tolerance")]
            let (got, want) = (
                neg_log2(u64::MAX - below) as f64 / (1_u64 << FRACTION_BITS) as f64,
                -(-(below as f64) / 2_f64.powi(64)).ln_1p() / std::f64::consts::LN_2,
            );
            prop_assert!((got / want - 1.0).abs() < 0.001, "{got} {want}");
        }

        #[test]
        fn scores_have_a_total_order(a: (u32, u64), b: (u32, u64), c: (u32, u64)) {
            let score = |(affinity, cost): (u32, u64)| Score {
                affinity: affinity.max(1),
                cost: cost.max(1),
            };
            let mut three = [score(a), score(b), score(c)];
            three.sort();
            prop_assert!(three[0] <= three[1] && three[1] <= three[2] && three[0] <= three[2]);
        }
    }
}
