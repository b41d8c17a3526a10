//! The moves of a balance generation.

use super::place::{Candidate, bands};

/// How many keys a donor gives a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Index of the donor.
    pub from: usize,
    /// Index of the receiver.
    pub to: usize,
    /// How many keys; above 0.
    pub keys: u64,
}

/// The fewest moves that bring every candidate of one class into its band.
///
/// Sorted by donor, then receiver. Each donor's keys are spread over the receivers, so that each key
/// can have a receiver for which its score is good.
pub fn quotas(candidates: &[Candidate]) -> Vec<Quota> {
    let flows = flows(candidates);
    let mut open: Vec<u64> = flows.iter().map(|flow| flow.take).collect();
    let mut quotas = Vec::new();
    for (from, flow) in flows.iter().enumerate().filter(|(_, flow)| flow.give > 0) {
        spread(from, flow.give, candidates[from].hash, &mut open, &mut quotas);
    }
    debug_assert!(open.iter().all(|left| *left == 0), "what is given is taken");
    quotas
}

/// How many keys one candidate gives or takes; one of them is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Flow {
    give: u64,
    take: u64,
}

fn flows(candidates: &[Candidate]) -> Vec<Flow> {
    let bands = bands(candidates, candidates.iter().map(|candidate| candidate.load).sum());
    let mut flows: Vec<Flow> = candidates
        .iter()
        .zip(&bands)
        .map(|(candidate, &(floor, ceiling))| Flow {
            give: candidate.load.saturating_sub(ceiling),
            take: floor.saturating_sub(candidate.load),
        })
        .collect();
    let excess: u64 = flows.iter().map(|flow| flow.give).sum();
    let deficit: u64 = flows.iter().map(|flow| flow.take).sum();
    let (mut missing, mut spare) = (deficit.saturating_sub(excess), excess.saturating_sub(deficit));
    for at in in_hash_order(candidates) {
        let (flow, load, (floor, ceiling)) = (&mut flows[at], candidates[at].load, bands[at]);
        if missing > 0 && load - flow.give.min(load) > floor {
            flow.give += 1;
            missing -= 1;
        } else if spare > 0 && load + flow.take < ceiling {
            flow.take += 1;
            spare -= 1;
        }
        debug_assert!(flow.give == 0 || flow.take == 0, "a donor is no receiver");
    }
    debug_assert!(missing == 0 && spare == 0, "the bands hold all keys");
    flows
}

/// The order of the nodes' hashes, which differs from that of their ids.
fn in_hash_order(candidates: &[Candidate]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&at| (candidates[at].hash, at));
    order
}

/// Distributes a donor's keys over the open places, in proportion to them. The running sum over the
/// receivers is scaled to the number of keys; each integer that it passes is one key. `hash` shifts the
/// first integer, so that donors of one or two keys do not all fill the same receiver.
///
/// No receiver gets more keys than it has open places, because a donor has at most as many keys as
/// there are open places.
pub(super) fn spread(from: usize, give: u64, hash: u64, open: &mut [u64], quotas: &mut Vec<Quota>) {
    let places: u128 = open.iter().copied().map(u128::from).sum();
    debug_assert!(u128::from(give) <= places);
    let start = u128::from(hash) % places.max(1);
    let (mut passed, mut dealt) = (0_u128, 0);
    for (to, left) in open.iter_mut().enumerate().filter(|(_, left)| **left > 0) {
        passed += u128::from(*left);
        let so_far = u64::try_from((passed * u128::from(give) + start) / places)
            .expect("at most what the donor gives");
        let keys = so_far - dealt;
        if keys > 0 {
            quotas.push(Quota { from, to, keys });
            *left -= keys;
            dealt = so_far;
        }
    }
    debug_assert_eq!(dealt, give);
}

#[cfg(test)]
mod tests {
    use super::super::score::node_hash;
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn group(affinities: &[u32], loads: &[u64]) -> Vec<Candidate> {
        let one = |at: usize| Candidate {
            hash: node_hash(&format!("n{at}")),
            affinity: affinities[at],
            load: loads[at],
        };
        (0..affinities.len()).map(one).collect()
    }

    fn carry_out(candidates: &mut [Candidate], quotas: &[Quota]) {
        for quota in quotas {
            candidates[quota.from].load -= quota.keys;
            candidates[quota.to].load += quota.keys;
        }
    }

    fn total(quotas: &[Quota]) -> u64 {
        quotas.iter().map(|quota| quota.keys).sum()
    }

    #[test]
    fn a_join_moves_exactly_its_share() {
        let check = |loads: &[u64], moves: u64, want: &[u64]| {
            let mut candidates = group(&vec![1; loads.len()], loads);
            let quotas = quotas(&candidates);
            carry_out(&mut candidates, &quotas);
            let mut after: Vec<u64> = candidates.iter().map(|candidate| candidate.load).collect();
            after.sort_unstable();
            assert_eq!((total(&quotas), after.as_slice()), (moves, want), "{loads:?}");
        };
        check(&[4, 3, 0], 2, &[2, 2, 3]);
        check(&[3, 2, 2], 0, &[2, 2, 3]);
        check(&[50, 50, 0], 33, &[33, 33, 34]);
        check(&[7, 0, 0], 4, &[2, 2, 3]);
        check(&[3, 3, 0, 3], 2, &[2, 2, 2, 3]);
        check(&[1, 0], 0, &[0, 1]);
        check(&[0, 0], 0, &[0, 0]);
        check(&[5], 0, &[5]);
    }

    #[test]
    fn shares_follow_the_affinities() {
        let mut candidates = group(&[1, 2, 5], &[80, 0, 0]);
        let moves = quotas(&candidates);
        assert_eq!(moves.iter().map(|q| (q.to, q.keys)).collect::<Vec<_>>(), [(1, 20), (2, 50)]);
        carry_out(&mut candidates, &moves);
        assert_eq!(quotas(&candidates), []);
        let candidates = group(&[u32::MAX, u32::MAX], &[1 << 40, 0]);
        assert_eq!(quotas(&candidates), [Quota { from: 0, to: 1, keys: 1 << 39 }]);
        assert_eq!(quotas(&[]), []);
    }

    #[test]
    fn donors_of_one_key_use_different_receivers() {
        let mut loads = vec![11; 100];
        loads.extend([5; 20]);
        let quotas = quotas(&group(&[1; 120], &loads));
        assert_eq!(total(&quotas), 100);
        let first_half = quotas.iter().filter(|quota| quota.from < 50);
        let mut receivers: Vec<usize> = first_half.map(|quota| quota.to).collect();
        receivers.sort_unstable();
        receivers.dedup();
        assert!(receivers.len() > 10, "{receivers:?}");
    }

    #[test]
    fn a_node_with_an_integer_share_gives_exactly_its_excess() {
        for double in 0..5 {
            let (mut affinities, mut loads) = ([1; 5], [3, 3, 3, 3, 3]);
            (affinities[double], loads[double]) = (2, 6);
            loads[(double + 1) % 5] = 0;
            let mut candidates = group(&affinities, &loads);
            let quotas = quotas(&candidates);
            carry_out(&mut candidates, &quotas);
            assert_eq!((total(&quotas), candidates[double].load), (2, 5), "{double}");
        }
    }

    #[test]
    fn a_donor_of_many_keys_gives_to_every_receiver() {
        let quotas = quotas(&group(&[1; 11], &[1100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(quotas.len(), 10);
        assert!(quotas.iter().all(|quota| quota.keys == 100));
    }

    fn any_group() -> impl Strategy<Value = Vec<Candidate>> {
        let affinity = select(vec![1, 1, 1, 2, 5, 100, 1 << 20, u32::MAX]);
        proptest::collection::vec((affinity, 0_u64..40), 1..12).prop_map(|nodes| {
            let (affinities, loads): (Vec<u32>, Vec<u64>) = nodes.into_iter().unzip();
            group(&affinities, &loads)
        })
    }

    proptest! {
        #[test]
        fn the_fewest_moves_bring_every_node_into_its_band(candidates in any_group()) {
            let sum: u64 = candidates.iter().map(|candidate| candidate.load).sum();
            let bands = bands(&candidates, sum);
            let mut after = candidates.clone();
            let moves = quotas(&candidates);
            carry_out(&mut after, &moves);
            let (mut excess, mut deficit) = (0, 0);
            for (at, &(floor, ceiling)) in bands.iter().enumerate() {
                prop_assert!((floor..=ceiling).contains(&after[at].load));
                excess += candidates[at].load.saturating_sub(ceiling);
                deficit += floor.saturating_sub(candidates[at].load);
            }
            prop_assert_eq!(total(&moves), excess.max(deficit));
            prop_assert!(moves.iter().all(|quota| quota.keys > 0 && quota.from != quota.to));
            prop_assert!(moves.is_sorted_by_key(|quota| (quota.from, quota.to)));
        }

        #[test]
        fn a_partial_rebalance_keeps_all_other_moves(
            candidates in any_group(),
            parts in proptest::collection::vec(0_u64..40, 132),
        ) {
            let moves = quotas(&candidates);
            let mut want = flows(&candidates);
            let mut later = candidates;
            for (quota, part) in moves.iter().zip(parts) {
                let keys = part.min(quota.keys);
                carry_out(&mut later, &[Quota { keys, ..*quota }]);
                want[quota.from].give -= keys;
                want[quota.to].take -= keys;
            }
            prop_assert_eq!(flows(&later), want);
        }

        #[test]
        fn no_node_gives_and_takes(candidates in any_group()) {
            prop_assert!(flows(&candidates).iter().all(|flow| flow.give == 0 || flow.take == 0));
        }
    }
}
