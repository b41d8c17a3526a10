//! How long a key may be without an owner, and how many writes that costs.

use std::time::Duration;

use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::timing::{SETTLE_AT_MOST, observed};

/// The longest time without an owner: the lease on the slowest clock with the grace, and the heartbeats
/// until the end is noticed and the plan carried out.
fn bound(lease: Duration) -> Duration {
    observed(lease) + lease / 6 * 3 + Duration::from_secs(1)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("k{n}")).collect()
}

fn all_run(play: &Play, keys: &[String]) -> bool {
    keys.iter().all(|key| play.runner(key).is_some())
}

/// How many writes of claims were sent, with any outcome.
fn claims_asked(play: &Play) -> usize {
    (0..play.players.len()).map(|place| play.writes(place, "claim.").len()).sum()
}

#[test]
fn the_keys_of_a_crashed_node_run_again_within_the_bound() {
    for lease in [300, 500, 2_000, 6_000, 18_000].map(Duration::from_millis) {
        for phase in 0..6 {
            let mut play = Play::new(lease);
            let places: Vec<_> = (0..5).map(|n| play.start(&format!("n{n}"))).collect();
            let keys = names(60);
            play.announce_all(&keys);
            play.until(lease + SETTLE_AT_MOST, |play| all_run(play, &keys));
            play.run(lease + lease / 36 * phase);
            play.crash(places[0]);
            play.until(bound(lease), |play| all_run(play, &keys));
        }
    }
}

#[test]
fn a_join_during_a_crash_adds_only_the_settling_time() {
    for phase in 0..8 {
        let mut play = Play::new(LEASE);
        let places: Vec<_> = (0..4).map(|n| play.start(&format!("n{n}"))).collect();
        let keys = names(60);
        play.announce_all(&keys);
        play.until(LEASE * 2, |play| all_run(play, &keys));
        play.run(LEASE);
        play.crash(places[0]);
        play.run(observed(LEASE) / 8 * phase);
        play.start("late");
        let left = bound(LEASE) - observed(LEASE) / 8 * phase;
        play.until(left + SETTLE_AT_MOST, |play| all_run(play, &keys));
    }
}

#[test]
fn a_cold_start_claims_each_key_once() {
    let keys = names(500);
    for apart in [0, 20, 200] {
        let mut play = Play::new(LEASE);
        play.announce_all(&keys);
        for n in 0..10 {
            play.start(&format!("n{n}"));
            play.run(MS * apart);
        }
        play.until(LEASE * 2, |play| all_run(play, &keys));
        play.run(LEASE + BEAT);
        let asked = claims_asked(&play);
        assert!(asked <= keys.len() * 11 / 10, "{asked} claims for {} keys", keys.len());
    }
}
