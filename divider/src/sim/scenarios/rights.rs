//! Nodes that may not write claims.

use bytes::Bytes;

use super::casts::alone;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};

#[test]
fn a_node_that_may_take_no_orphans_keeps_its_session() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("had");
    play.until_running(&["had"]);
    play.rule(a, Verb::Write, "claim.k", Fate::Refused);
    play.announce("k");
    play.run(LEASE * 5);
    assert!(!play.is_fenced(a), "nobody waits for it");
    assert_eq!(play.told(a, "had"), "+");
    play.players[a].rules.clear();
    play.until(BEAT * 2, |play| play.runs(a, "k"));
}

#[test]
fn a_node_that_may_not_write_a_claim_of_its_own_anew_gives_it_up_and_comes_back_when_it_may() {
    let (mut play, a) = alone();
    play.rule(a, Verb::Write, "claim.k", Fate::Held);
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.run(LEASE + BEAT);
    assert_eq!(play.told(a, "k"), "+!", "it could not mend it in time");
    play.players[a].rules.clear();
    play.rule(a, Verb::Write, "claim.k", Fate::Refused);
    play.land(a);
    play.run(LEASE * 2);
    assert!(!play.is_fenced(a), "its rights may come back");
    play.until(BEAT * 2, |play| play.is_fenced(a));
    let before = play.writes(a, "claim.k").len();
    play.run(LEASE * 8);
    let probes = play.writes(a, "claim.k").len() - before;
    assert!((7..=9).contains(&probes), "one in a lease: {probes}");
    play.players[a].rules.clear();
    play.until(LEASE * 2, |play| play.runs(a, "k"));
}
