//! The fewest keys that have to move, worked out without divider's planner, to judge it by.

/// What one node holds, and its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// How many keys it holds.
    pub held: u64,
    /// Its affinity.
    pub affinity: u32,
}

/// The fewest moves after which every node holds its share rounded down or up. Nodes of affinity 0
/// neither give nor take, as after a join; `held` of theirs is not shared out.
pub fn least_moves(loads: &[Load]) -> u64 {
    let takers = || loads.iter().filter(|load| load.affinity > 0);
    let keys: u128 = takers().map(|load| u128::from(load.held)).sum();
    let weights: u128 = takers().map(|load| u128::from(load.affinity)).sum();
    let (mut excess, mut deficit) = (0, 0);
    for load in takers() {
        let share = keys * u128::from(load.affinity);
        let (floor, ceiling) = (share / weights, share.div_ceil(weights));
        let held = u128::from(load.held);
        excess += held.saturating_sub(ceiling);
        deficit += floor.saturating_sub(held);
    }
    // It is at most the number of keys, which were counted in 64 bits.
    u64::try_from(excess.max(deficit)).unwrap_or(u64::MAX)
}

/// Whether every node holds its share rounded down or up.
pub fn is_balanced(loads: &[Load]) -> bool {
    least_moves(loads) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_what_the_bands_ask_for() {
        let check = |loads: &[(u64, u32)], expected: u64| {
            let loads: Vec<Load> =
                loads.iter().map(|&(held, affinity)| Load { held, affinity }).collect();
            assert_eq!(least_moves(&loads), expected, "{loads:?}");
            assert_eq!(is_balanced(&loads), expected == 0, "{loads:?}");
        };
        check(&[], 0);
        check(&[(7, 0)], 0);
        check(&[(3, 1), (2, 1), (2, 1)], 0);
        check(&[(3, 1), (3, 1), (1, 1)], 1);
        check(&[(50, 1), (50, 1), (0, 1)], 33);
        check(&[(100, 1), (0, 2), (0, 5)], 87);
        check(&[(10, 0), (5, 1), (1, 1)], 2);
        check(&[(5, u32::MAX), (5, u32::MAX), (0, 0)], 0);
        check(&[(4, 1), (4, 1), (4, 1), (0, 1)], 3);
    }
}
