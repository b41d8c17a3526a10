//! Generations whose receivers or donors change before all moves are done.

use bytes::Bytes;

use super::casts::{KEYS, crowded, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::config::{Config, RebalancePolicy};
use crate::edge::Command;
use crate::wire::{ControlRecord, Mode};

/// Many keys on one node, which confirms no stop.
fn donor() -> (Play, usize, Vec<String>) {
    let (mut play, a, keys) = crowded(12);
    play.players[a].app.confirms = false;
    (play, a, keys)
}

fn told(play: &Play, place: usize, keys: &[String], so: &str) -> usize {
    keys.iter().filter(|key| play.told(place, key) == so).count()
}

fn confirm_all(play: &mut Play, place: usize, keys: &[String]) {
    play.players[place].app.confirms = true;
    for key in keys.iter().filter(|key| play.told(place, key) == "+-").cloned().collect::<Vec<_>>()
    {
        play.confirm(place, &key);
    }
}

#[test]
fn two_simultaneous_joins_get_exactly_their_shares() {
    let (mut play, a, keys) = donor();
    let (b, c) = (play.start("b"), play.start("c"));
    play.run(LEASE * 2);
    assert_eq!(told(&play, a, &keys, "+-"), 8);
    confirm_all(&mut play, a, &keys);
    play.run(BEAT);
    for place in [a, b, c] {
        assert_eq!(keys.iter().filter(|key| play.runs(place, key)).count(), 4);
    }
}

#[test]
fn keys_whose_receiver_was_cordoned_stay() {
    for (mode, id) in [(Mode::Cordon, "b"), (Mode::Drain, "b")] {
        let (mut play, a, keys) = donor();
        let b = play.start(id);
        play.until(LEASE * 2, |play| told(play, a, &keys, "+-") == 6);
        play.control(id, &ControlRecord::new(mode));
        play.run(MS * 50);
        confirm_all(&mut play, a, &keys);
        play.run(LEASE);
        assert_eq!(told(&play, a, &keys, "+-+"), 6, "{mode:?}");
        assert_eq!(told(&play, a, &keys, "+"), 6, "{mode:?}: and no other was stopped");
        assert!(keys.iter().all(|key| play.told(b, key).is_empty()));
        let member = play.member("a").expect("a member");
        assert!(
            member.balanced >= play.member("b").expect("a member").joined,
            "it is done with it"
        );
    }
}

#[test]
fn keys_whose_receiver_crashed_stay() {
    let (mut play, a, keys) = donor();
    let b = play.start("b");
    play.until(LEASE * 2, |play| told(play, a, &keys, "+-") == 6);
    play.crash(b);
    play.run(LEASE * 2);
    confirm_all(&mut play, a, &keys);
    play.run(LEASE);
    assert!(keys.iter().all(|key| play.runs(a, key)));
    assert_eq!(told(&play, a, &keys, "+"), 6, "no other was stopped");
}

/// A node that resyncs learns from the donors' records that a generation is finished.
#[test]
fn a_resync_does_not_reopen_a_finished_generation() {
    let (mut play, a, b) = sharing();
    play.drain(a);
    play.run(LEASE);
    play.control("a", &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    assert!(KEYS.iter().all(|key| play.runs(b, key)), "nothing comes back by itself");
    play.rule(a, Verb::Write, "claim.", Fate::Held);
    play.announce_all(&["l1", "l2", "l3", "l4", "l5"]);
    play.run(MS * 50);
    play.break_watches(b);
    // This compares the plans of both nodes.
    play.run(BEAT / 2);
    assert_eq!(play.resyncs(b), 1);
}

#[test]
fn a_retracted_key_is_not_replaced_in_its_move() {
    let (mut play, a, keys) = donor();
    let b = play.start("b");
    play.until(LEASE * 2, |play| told(play, a, &keys, "+-") == 6);
    let gone = keys.iter().find(|key| play.told(a, key) == "+-").expect("one stops").clone();
    play.retract(&gone);
    play.run(MS * 50);
    confirm_all(&mut play, a, &keys);
    play.run(LEASE);
    assert_eq!(keys.iter().filter(|key| play.runs(b, key)).count(), 5);
    assert_eq!(told(&play, a, &keys, "+"), 6);
    // All nodes know which node has fewer keys.
    for place in [a, b] {
        play.rule(place, Verb::Write, "claim.", Fate::Held);
    }
    play.announce("new");
    play.run(MS * 20);
    assert!(!play.players[b].held.is_empty());
}

#[test]
fn after_a_receiver_was_cordoned_new_keys_go_to_the_least_loaded() {
    let (mut play, a, keys) = donor();
    play.control("c", &ControlRecord::new(Mode::Cordon));
    let c = play.start("c");
    play.run(LEASE * 2);
    play.start("b");
    play.until(LEASE * 2, |play| told(play, a, &keys, "+-") == 6);
    play.control("b", &ControlRecord::new(Mode::Cordon));
    play.control("c", &ControlRecord::new(Mode::Active));
    play.run(MS * 20);
    let new = ["n1", "n2", "n3", "n4"];
    play.announce_all(&new);
    play.run(BEAT);
    assert!(new.iter().all(|key| play.runs(c, key)), "the first has twelve");
}

#[test]
fn new_keys_are_placed_during_a_generation() {
    let (mut play, a, keys) = donor();
    let places = [a, play.start("b"), play.start("c")];
    play.until(LEASE * 2, |play| told(play, a, &keys, "+-") == 8);
    play.players[a].app.confirms = true;
    for (at, key) in keys
        .iter()
        .filter(|key| play.told(a, key) == "+-")
        .cloned()
        .collect::<Vec<_>>()
        .iter()
        .enumerate()
    {
        play.confirm(a, key);
        play.run(MS * 20);
        for place in places {
            play.rule(place, Verb::Write, &format!("claim.n{at}"), Fate::Held);
        }
        play.announce(&format!("n{at}"));
        // This compares the plans.
        play.run(MS * 20);
    }
    for place in places {
        play.players[place].rules.clear();
        play.land(place);
    }
    play.run(LEASE);
    let all: Vec<_> = keys.iter().cloned().chain((0..8).map(|at| format!("n{at}"))).collect();
    let counts = places.map(|place| all.iter().filter(|key| play.runs(place, key)).count());
    assert_eq!(counts.iter().sum::<usize>(), 20);
    assert!(counts.iter().all(|count| (6..=7).contains(count)), "{counts:?}");
}

#[test]
fn donors_of_one_key_fill_receivers_evenly() {
    let mut play = Play::new(LEASE);
    let ids: Vec<_> = (0..8).map(|at| format!("n{at}")).collect();
    for id in &ids {
        play.start(id);
    }
    play.run(LEASE * 2);
    let keys: Vec<_> = (0..40).map(|at| format!("k{at}")).collect();
    play.announce_all(&keys);
    play.run(LEASE);
    let (y, z) = (play.start("y"), play.start("z"));
    play.run(LEASE * 2);
    let of = |play: &Play, place| keys.iter().filter(|key| play.runs(place, key)).count();
    let counts: Vec<_> = (0..10).map(|place| of(&play, place)).collect();
    assert_eq!(counts, [4; 10], "{y} and {z} joined");
    assert_eq!(keys.iter().filter(|key| (0..8).any(|at| play.told(at, key) == "+-")).count(), 8);
}

/// Here only a request moves keys. A node that joins later sees the request, and that it was done.
#[test]
fn a_joining_node_does_not_repeat_a_finished_rebalance() {
    let mut play = Play::new(LEASE);
    let manual = |config: &mut Config| config.rebalance = RebalancePolicy::Manual;
    let (a, b) = (play.start_with("a", 0, manual), play.start_with("b", 0, manual));
    play.run(LEASE);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    play.put("rebalance", Some(Bytes::from_static(b"{\"v\":1}")), None);
    play.run(LEASE);
    play.drain(a);
    play.run(LEASE);
    play.control("a", &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    play.control("c", &ControlRecord::new(Mode::Cordon));
    let c = play.start_with("c", 0, manual);
    play.run(LEASE);
    assert!(KEYS.iter().all(|key| play.runs(b, key)));
    for new in 0..6 {
        for place in [a, b, c] {
            play.rule(place, Verb::Write, &format!("claim.l{new}"), Fate::Held);
        }
        play.announce(&format!("l{new}"));
        // This compares the plans.
        play.run(MS * 20);
    }
    assert!(KEYS.iter().all(|key| play.told(b, key).ends_with('+')));
}

#[test]
fn a_manual_member_holds_joins_back_until_it_leaves() {
    for reads_anew in [false, true] {
        let mut play = Play::new(LEASE);
        let a = play.start_with("a", 0, |config| {
            config.rebalance = RebalancePolicy::Manual;
            config.affinity = 0;
        });
        let b = play.start("b");
        play.run(LEASE);
        play.announce_all(&KEYS);
        play.until_running(&KEYS);
        let c = play.start("c");
        play.run(LEASE * 2);
        let shares =
            |play: &Play| [b, c].map(|at| KEYS.iter().filter(|k| play.runs(at, k)).count());
        assert_eq!(shares(&play), [6, 0]);
        play.command(a, Command::Cancel);
        play.run(BEAT);
        if reads_anew {
            play.break_watches(b);
        }
        play.run(LEASE);
        assert_eq!(shares(&play), [3, 3], "reads anew: {reads_anew}");
    }
}
