//! Where keys go: to their last owner, then in the order of scores, and not to nodes that drain
//! next.

use std::cmp::Reverse;

use super::casts::{pair, two};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::Notice;
use crate::id::Token;
use crate::plan::{key_hash, node_hash, score};
use crate::time::Time;
use crate::wire::{ClaimRecord, ControlRecord, Mode};

const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// Four nodes in the order of their scores for `k`.
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
fn an_untaken_key_goes_down_its_score_order() {
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
fn a_cooling_down_node_is_skipped_in_the_score_order() {
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
fn a_key_goes_home_after_a_fence() {
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
fn announced_keys_wait_for_a_join_and_released_keys_do_not() {
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
fn stranded_keys_wait_for_joins_to_settle() {
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
fn a_node_listed_in_also_gets_nothing_until_its_next_control_record() {
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
    // This control record is older than the drain.
    play.control("b", &ControlRecord::new(Mode::Active));
    let also = vec!["b".to_owned()];
    play.control("a", &ControlRecord { also: also.clone(), ..ControlRecord::new(Mode::Drain) });
    play.run(LEASE);
    assert_eq!(count(&play), [0, 2, 4]);
    play.control("b", &ControlRecord::new(Mode::Active));
    play.announce_all(&["l1", "l2"]);
    play.run(BEAT);
    assert!(["l1", "l2"].iter().all(|key| play.runs(places[1], key)), "it has room again");
    // The list in a record that drains no node has no effect.
    play.control("a", &ControlRecord { also, ..ControlRecord::new(Mode::Cordon) });
    play.run(BEAT);
    play.announce_all(&["l3", "l4"]);
    play.run(BEAT);
    assert_eq!(["l3", "l4"].iter().filter(|key| play.runs(places[1], key)).count(), 1);
}

/// Two nodes, and a key that is planned for the first one, which cannot take it.
fn planned() -> (Play, usize, usize) {
    let (mut play, a, b) = two();
    play.rule(a, Verb::Write, "claim.k", Fate::Held);
    play.rule(b, Verb::Write, "claim.k", Fate::Held);
    play.announce("k");
    play.until(BEAT, |play| play.players.iter().any(|p| !p.held.is_empty()));
    let planned = if play.players[a].held.is_empty() { b } else { a };
    play.players[a + b - planned].rules.clear();
    (play, planned, a + b - planned)
}

#[test]
fn a_key_planned_for_a_cordoned_node_is_placed_again_at_once() {
    let (mut play, planned, other) = planned();
    let id = play.players[planned].id.to_string();
    play.control(&id, &ControlRecord::new(Mode::Cordon));
    play.until(MS * 20, |play| play.runs(other, "k"));
}

#[test]
fn a_lower_affinity_does_not_change_a_place() {
    let (mut play, planned, other) = planned();
    let id = play.players[planned].id.to_string();
    let affinity = Some(1);
    play.control(&id, &ControlRecord { affinity, ..ControlRecord::new(Mode::Active) });
    play.run(BEAT / 2);
    play.announce("k");
    play.run(BEAT / 2);
    assert_eq!(play.told(other, "k"), "", "its own is a hundred");
}

#[test]
fn an_affinity_change_does_not_change_a_drains_plan() {
    let mut play = Play::new(LEASE);
    let places = ["a", "b", "c"].map(|id| play.start(id));
    play.run(LEASE);
    let keys: Vec<_> = (0..12).map(|at| format!("k{at}")).collect();
    play.announce_all(&keys);
    play.run(LEASE);
    play.players[places[0]].app.confirms = false;
    play.drain(places[0]);
    play.run(MS * 50);
    let before = play.players[places[0]].core.plan();
    assert!(before.as_ref().is_some_and(|plan| plan.matches(" to ").count() == 4), "{before:?}");
    let affinity = Some(1);
    play.control("b", &ControlRecord { affinity, ..ControlRecord::new(Mode::Active) });
    play.run(MS * 50);
    assert_eq!(play.players[places[0]].core.plan(), before);
}

#[test]
fn stranded_keys_of_a_crashed_node_wait_for_an_eligible_node() {
    let (mut play, owner, other) = pair();
    let id = play.players[other].id.to_string();
    play.control(&id, &ControlRecord::new(Mode::Cordon));
    play.run(BEAT);
    play.crash(owner);
    play.run(LEASE * 3);
    assert_eq!(play.players[other].core.numbers().unowned, 1);
    play.control(&id, &ControlRecord::new(Mode::Active));
    play.until(MS * 20, |play| play.runs(other, "k"));
}

#[test]
fn a_waiting_key_that_is_retracted_gets_no_place() {
    let (mut play, a, _) = two();
    play.start("z");
    play.run(MS * 50);
    play.announce("k");
    play.run(MS * 20);
    assert_eq!(play.players[a].core.numbers().unowned, 1);
    play.retract("k");
    play.run(MS * 20);
    assert_eq!(play.players[a].core.numbers().unowned, 0);
    play.run(LEASE);
    assert_eq!(play.record("claim.k"), None);
}

/// A key is being handed over when another client makes its claim free. All nodes must plan it again in
/// the same way.
#[test]
fn a_hand_over_plan_ends_with_its_claim() {
    let mut play = Play::new(LEASE);
    let places = ["a", "b", "c"].map(|id| play.start(id));
    play.run(LEASE);
    for n in 0..8 {
        let key = format!("k{n}");
        play.announce(&key);
        play.until_running(&[&key]);
        play.run(MS * 20);
        for place in places {
            play.rule(place, Verb::Write, &format!("claim.{key}"), Fate::Held);
        }
        let owner = play.runner(&key).expect("it runs");
        play.release(owner, &key);
        play.run(MS * 20);
        let claim = play.claim(&key).expect("a claim");
        let token = Token(claim.token.0 + 1);
        let free = ClaimRecord::new(None, token);
        play.put(&format!("claim.{key}"), Some(free.encode()), None);
        // This compares the plans.
        play.run(MS * 20);
    }
}

/// The only eligible node took and released the key, and this node saw neither record.
#[test]
fn a_release_without_a_seen_take_ends_the_place() {
    let (mut play, a, b) = two();
    play.control("b", &ControlRecord::new(Mode::Cordon));
    play.run(BEAT);
    play.once(a, Verb::Write, "claim.k", Fate::Held);
    play.announce("k");
    play.run(MS * 20);
    assert_eq!(play.players[b].core.plan().as_deref(), Some("k to a, "));
    play.players[b].silent = true;
    play.land(a);
    play.until(MS * 20, |play| play.runs(a, "k"));
    play.release(a, "k");
    play.run(MS * 20);
    play.players[b].silent = false;
    play.deliver_now(b);
    assert_eq!(play.players[b].core.plan().as_deref(), Some(""), "nobody may take it");
    play.until(LEASE, |play| play.runs(a, "k"));
}

#[test]
fn a_repeated_announcement_does_not_stop_a_hand_over() {
    let (mut play, donor, other) = pair();
    play.once(donor, Verb::Write, "claim.k", Fate::Held);
    play.release(donor, "k");
    play.run(MS * 10);
    play.announce("k");
    // This checks the counts of the plan.
    play.run(MS * 20);
    play.land(donor);
    play.until(MS * 10, |play| play.runs(other, "k"));
}

#[test]
fn a_key_placed_during_settling_keeps_its_place() {
    let (mut play, a, b) = two();
    let z = play.start("z");
    play.run(MS * 50);
    let keys: Vec<_> = (0..8).map(|at| format!("k{at}")).collect();
    for place in [a, b, z] {
        play.rule(place, Verb::Write, "claim.", Fate::Held);
    }
    play.announce_all(&keys);
    play.run(MS * 20);
    assert_eq!(play.players[a].core.plan().as_deref(), Some(""), "they wait");
    for key in &keys {
        let free = ClaimRecord::new(None, Token(5));
        play.put(&format!("claim.{key}"), Some(free.encode()), None);
    }
    play.run(MS * 20);
    let before = play.players[a].core.plan();
    assert_eq!(play.players[a].core.numbers().unowned, 8);
    assert!(before.as_ref().is_some_and(|plan| plan.matches(" to ").count() == 8), "{before:?}");
    play.run(BEAT + MS * 100);
    assert_eq!(play.players[a].core.plan(), before);
}

#[test]
fn after_an_outage_every_key_goes_home_without_conflicts() {
    let mut play = Play::new(LEASE);
    let nodes = ["a", "b", "c"].map(|id| play.start(id));
    play.run(LEASE * 2);
    let keys: Vec<_> = (0..60).map(|at| format!("k{at}")).collect();
    play.announce_all(&keys);
    play.until(LEASE, |play| keys.iter().all(|key| play.runner(key).is_some()));
    let before: Vec<_> = keys.iter().map(|key| play.runner(key)).collect();
    for at in nodes {
        play.cut(at);
    }
    play.run(LEASE * 4);
    for at in nodes {
        play.mend(at);
    }
    let runs = |play: &Play| keys.iter().all(|key| play.runner(key).is_some());
    play.until(LEASE * 3, runs);
    play.run(LEASE);
    let after: Vec<_> = keys.iter().map(|key| play.runner(key)).collect();
    assert_eq!(after, before);
    for at in nodes {
        let of_a_claim = |n: &&Notice| matches!(n, Notice::CasConflict { what: "write a claim" });
        assert_eq!(play.notices(at).filter(of_a_claim).count(), 0);
    }
}
