//! Who gets a key: the node that had it, the next in its order, nobody who is about to be drained.

use std::cmp::Reverse;

use super::casts::{pair, two};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::core::plan::{key_hash, node_hash, score};
use crate::core::time::Time;
use crate::wire::{ControlRecord, Mode};

const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// Four nodes in the order in which `k` suits them.
fn in_order() -> (Play, Vec<usize>) {
    let mut play = Play::new(LEASE);
    let mut places: Vec<_> = IDS.into_iter().map(|id| play.start(id)).collect();
    play.run(LEASE * 2 + BEAT / 3);
    places.sort_by_key(|at| Reverse(score(node_hash(IDS[*at]), key_hash("k"), 100)));
    (play, places)
}

fn first_claim(play: &Play, place: usize) -> Option<Time> {
    play.writes(place, "claim.k").first().map(|(at, _)| *at)
}

#[test]
fn a_key_that_is_let_lie_is_taken_by_the_next_in_its_order_and_then_by_the_one_after() {
    let (mut play, order) = in_order();
    for place in &order[..2] {
        play.rule(*place, Verb::Write, "claim.k", Fate::Held);
    }
    play.announce("k");
    let announced = play.now;
    play.until(LEASE * 2, |play| play.runs(order[2], "k"));
    let after = |place: usize| first_claim(&play, place).map(|at| at.since(announced));
    assert!(after(order[0]).is_some_and(|span| span < MS * 5));
    for (place, turns) in [(order[1], 1), (order[2], 2)] {
        let (span, want) = (after(place).expect("it tried"), BEAT * 2 * turns);
        assert!((want..want + MS * 20).contains(&span), "{span:?}, and not {want:?}");
    }
    assert_eq!(after(order[3]), None);
}

#[test]
fn who_released_a_key_is_left_out_of_the_order_in_which_it_is_taken() {
    let (mut play, order) = in_order();
    play.announce("k");
    play.until(BEAT, |play| play.runs(order[0], "k"));
    play.rule(order[1], Verb::Write, "claim.k", Fate::Held);
    play.drain(order[1]);
    play.run(MS * 50);
    play.release(order[0], "k");
    play.run(BEAT);
    assert!(play.runs(order[2], "k"), "the first released it, the second is drained");
}

#[test]
fn a_key_goes_home_to_a_node_that_comes_back() {
    let (mut play, owner, other) = pair();
    let id = play.players[owner].id.to_string();
    play.drain(owner);
    play.until(BEAT, |play| play.runs(other, "k"));
    play.control(&id, &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    let lease = format!("lease.{}", play.players[other].id);
    play.rule(other, Verb::Write, &lease, Fate::Lost);
    play.until(LEASE, |play| play.is_fenced(other));
    play.players[other].rules.clear();
    play.until_running(&["k"]);
    assert!(play.runs(other, "k"), "although the other one suits it better");
}

#[test]
fn what_was_announced_waits_for_a_join_to_settle_and_what_ran_does_not() {
    let (mut play, owner, other) = pair();
    play.start("z");
    play.run(MS * 50);
    play.announce("new");
    play.release(owner, "k");
    play.until(MS * 50, |play| play.runs(other, "k") || play.runs(2, "k"));
    assert_eq!(play.runner("new"), None);
    play.until(BEAT * 2, |play| play.runner("new").is_some());
}

#[test]
fn who_joins_while_nobody_may_take_keys_does_not_take_them_before_its_join_has_settled() {
    let (mut play, a, b) = two();
    for id in ["a", "b"] {
        play.control(id, &ControlRecord::new(Mode::Cordon));
    }
    play.run(BEAT);
    play.announce_all(&["k1", "k2", "k3", "k4"]);
    play.run(BEAT);
    let (c, d) = (play.start("c"), play.start("d"));
    play.until_running(&["k1", "k2", "k3", "k4"]);
    for (place, keys) in [(a, 0), (b, 0), (c, 2), (d, 2)] {
        let runs = |key: &&str| play.runs(place, key);
        assert_eq!(["k1", "k2", "k3", "k4"].iter().filter(|key| runs(key)).count(), keys);
    }
}

#[test]
fn a_node_that_is_to_be_drained_next_gets_nothing_until_it_is_told_otherwise() {
    let mut play = Play::new(LEASE);
    let places = ["a", "b", "c"].map(|id| play.start(id));
    play.run(LEASE);
    let keys = super::casts::KEYS;
    play.announce_all(&keys);
    play.until_running(&keys);
    play.run(LEASE);
    let count =
        |play: &Play| places.map(|place| keys.iter().filter(|key| play.runs(place, key)).count());
    assert_eq!(count(&play), [2, 2, 2]);
    // That was said before.
    play.control("b", &ControlRecord::new(Mode::Active));
    let also = vec!["b".to_owned()];
    play.control("a", &ControlRecord { also: also.clone(), ..ControlRecord::new(Mode::Drain) });
    play.run(LEASE);
    assert_eq!(count(&play), [0, 2, 4]);
    play.control("b", &ControlRecord::new(Mode::Active));
    play.announce_all(&["l1", "l2"]);
    play.run(BEAT);
    assert!(["l1", "l2"].iter().all(|key| play.runs(places[1], key)), "it has room again");
    // A record that drains nobody says nothing of others.
    play.control("a", &ControlRecord { also, ..ControlRecord::new(Mode::Cordon) });
    play.run(BEAT);
    play.announce_all(&["l3", "l4"]);
    play.run(BEAT);
    assert_eq!(["l3", "l4"].iter().filter(|key| play.runs(places[1], key)).count(), 1);
}
