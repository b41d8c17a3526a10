/// A time in which something was done to the group, from which times to recover count.
#[derive(Debug, Clone)]
pub(crate) struct Disturbance {
    pub(crate) from_ns: u64,
    /// Its end; `u64::MAX` while it lasts.
    pub(crate) until_ns: u64,
    pub(crate) what: String,
}

/// How long a key was without an owner, counted from the last disturbance before it got one.
pub(crate) fn undisturbed(gap: (u64, u64), disturbances: &[Disturbance]) -> u64 {
    let (mut from_ns, until_ns) = gap;
    for disturbance in disturbances.iter().filter(|it| it.from_ns < until_ns) {
        from_ns = from_ns.max(disturbance.until_ns.min(until_ns));
    }
    until_ns - from_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_from_the_last_disturbance_in_it() {
        let check = |gap: (u64, u64), spans: &[(u64, u64)], expected: u64| {
            let disturbances: Vec<Disturbance> = spans
                .iter()
                .map(|&(from_ns, until_ns)| Disturbance { from_ns, until_ns, what: String::new() })
                .collect();
            assert_eq!(undisturbed(gap, &disturbances), expected, "{gap:?} {spans:?}");
        };
        check((10, 50), &[], 40);
        check((10, 50), &[(0, 5)], 40);
        check((10, 50), &[(20, 21)], 29);
        check((10, 50), &[(5, 40), (12, 13)], 10);
        check((10, 50), &[(20, u64::MAX)], 0);
        check((10, 50), &[(60, 70)], 40);
    }
}
