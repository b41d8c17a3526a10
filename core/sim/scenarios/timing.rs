//! Disturbances that the spans of a lease tolerate.

use std::time::Duration;

use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, MS};

fn alone(lease: Duration) -> (Play, usize) {
    let mut play = Play::new(lease);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.run(lease);
    (play, a)
}
#[test]
fn the_default_lease_survives_the_longest_election() {
    for phase in 0..6 {
        let (mut play, a) = alone(Duration::from_secs(18));
        play.run(BEAT * phase);
        play.cut(a);
        play.run(Duration::from_secs(8));
        play.mend(a);
        play.run(Duration::from_secs(20));
        assert_eq!(play.told(a, "k"), "+", "{:?} after a heartbeat", BEAT * phase);
    }
}
#[test]
fn two_lost_answers_do_not_fence_a_node() {
    for ms in [300, 1_000, 6_000] {
        let (mut play, a) = alone(MS * ms);
        play.once(a, Verb::Write, "lease.a", Fate::Unanswered);
        play.once(a, Verb::Read, "lease.a", Fate::Lost);
        play.once(a, Verb::Write, "lease.a", Fate::Lost);
        play.run(MS * ms * 3);
        assert_eq!(play.told(a, "k"), "+", "a lease of {ms} ms");
        assert!(play.players[a].rules.is_empty(), "it did happen");
    }
}
