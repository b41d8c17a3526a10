//! Moves of single keys to named nodes, as operators request them.

use super::casts::{KEYS, pair, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{LEASE, MS};
use crate::wire::{ControlRecord, KeyMove, Mode};

fn name(play: &Play, place: usize) -> String {
    play.players[place].id.to_string()
}

/// Requests that the owner moves `k`, at its current claim, to the other node.
fn request(play: &mut Play, from: usize, to: usize) {
    let claim = play.revision("claim.k").0;
    let to = name(play, to);
    let moves = vec![KeyMove { key: "k".to_owned(), claim, to }];
    let from = name(play, from);
    play.control(&from, &ControlRecord { moves, ..ControlRecord::default() });
}

#[test]
fn a_requested_move_happens_once() {
    let (mut play, a, b) = pair();
    let first = play.claim("k").expect("it is owned").token;
    request(&mut play, a, b);
    play.run(MS * 50);
    assert!(play.runs(b, "k"), "{}", play.story());
    assert_eq!(play.told(a, "k"), "+-");
    assert!(play.claim("k").expect("it is owned").token > first);

    // The first request stays on record when the key comes back: it names an earlier claim.
    request(&mut play, b, a);
    play.run(LEASE * 4);
    assert!(play.runs(a, "k"), "{}", play.story());
    assert_eq!((play.told(a, "k").as_str(), play.told(b, "k").as_str()), ("+-+", "+-"));
}

#[test]
fn a_requested_move_waits_until_the_node_may_take_the_key() {
    let (mut play, a, b) = pair();
    let other = name(&play, b);
    play.control(&other, &ControlRecord::new(Mode::Cordon));
    play.run(MS * 20);
    request(&mut play, a, b);
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+");

    play.control(&other, &ControlRecord::new(Mode::Active));
    play.run(MS * 50);
    assert!(play.runs(b, "k"), "{}", play.story());
}

#[test]
fn a_key_starts_again_at_its_owner_if_the_receiver_may_not_take_it_any_more() {
    let (mut play, a, b) = pair();
    play.players[a].app.confirms = false;
    request(&mut play, a, b);
    play.run(MS * 20);
    assert_eq!(play.told(a, "k"), "+-");
    let other = name(&play, b);
    play.control(&other, &ControlRecord::new(Mode::Cordon));
    play.run(MS * 20);
    play.confirm(a, "k");
    play.run(MS * 50);
    assert_eq!(play.told(a, "k"), "+-+");
    assert!(play.runs(a, "k"));
}

#[test]
fn a_hand_over_of_a_requested_move_that_got_no_answer_still_goes_to_that_node() {
    let (mut play, a, b) = pair();
    play.once(a, Verb::Write, "claim.k", Fate::Lost);
    request(&mut play, a, b);
    play.run(LEASE);
    assert!(play.runs(b, "k"), "{}", play.story());
    assert_eq!(play.told(a, "k"), "+-");
}

#[test]
fn a_request_that_came_without_a_connection_is_carried_out_after_the_snapshot() {
    let (mut play, a, b) = pair();
    play.break_watches(a);
    request(&mut play, a, b);
    assert_eq!(play.told(a, "k"), "+");
    play.run(LEASE);
    assert!(play.runs(b, "k"), "{}", play.story());
}

#[test]
fn a_requested_move_does_not_go_to_a_node_that_released_the_key() {
    let (mut play, a, b) = pair();
    play.release(a, "k");
    play.until(LEASE, |play| play.runs(b, "k"));
    request(&mut play, b, a);
    play.run(LEASE);
    assert_eq!(play.told(b, "k"), "+");
}

#[test]
fn a_node_sees_which_node_has_more_than_its_share() {
    let (mut play, a, b) = sharing();
    assert_eq!(play.players[a].core.fullest(), None, "{}", play.story());
    let own: Vec<_> = KEYS.into_iter().filter(|key| play.runs(a, key)).collect();
    let moves = own.iter().map(|key| {
        let claim = play.revision(&format!("claim.{key}")).0;
        KeyMove { key: (*key).to_owned(), claim, to: "b".to_owned() }
    });
    let moves: Vec<_> = moves.collect();
    play.control("a", &ControlRecord { moves, ..ControlRecord::default() });
    play.run(LEASE);
    assert!(KEYS.iter().all(|key| play.runs(b, key)));
    let fullest = play.players[a].core.fullest().expect("b is above its share");
    assert_eq!((fullest.node.as_str(), fullest.keys, fullest.share), ("b", 6, 3));
}

#[test]
fn a_request_for_what_is_no_key_or_no_node_has_no_effect() {
    let (mut play, a, _) = pair();
    let claim = play.revision("claim.k").0;
    let request = |key: &str, to: &str| KeyMove { key: key.to_owned(), claim, to: to.to_owned() };
    let own = name(&play, a);
    let moves =
        vec![request("", "b"), request("k", "nobody"), request("k", "?"), request("k", &own)];
    play.control(&own, &ControlRecord { moves, ..ControlRecord::default() });
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn a_request_for_another_claim_does_not_name_the_receiver() {
    let (mut play, a, b) = pair();
    play.players[a].app.confirms = false;
    request(&mut play, a, b);
    play.run(MS * 20);
    assert_eq!(play.told(a, "k"), "+-");
    // Before the key stopped, the request was replaced by one that names another claim.
    let moves = vec![KeyMove { key: "k".to_owned(), claim: 1, to: name(&play, b) }];
    let from = name(&play, a);
    play.control(&from, &ControlRecord { moves, ..ControlRecord::default() });
    play.run(MS * 20);
    play.confirm(a, "k");
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+-+");
}

#[test]
fn the_fullest_node_is_the_one_with_the_most_keys_for_its_share() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.start_with("b", 0, |config| config.affinity = 200);
    play.start("c");
    play.run(LEASE);
    let names: Vec<_> = (0..16).map(|at| format!("k{at}")).collect();
    play.announce_all(&names);
    play.until(LEASE, |play| names.iter().all(|key| play.runner(key).is_some()));
    play.run(LEASE);
    let own: Vec<_> = names.iter().filter(|key| play.runs(a, key)).cloned().collect();
    assert_eq!(own.len(), 4);
    let moves = own.into_iter().zip(["b", "b", "c", "c"]).map(|(key, to)| {
        let claim = play.revision(&format!("claim.{key}")).0;
        KeyMove { key, claim, to: to.to_owned() }
    });
    let moves = moves.collect();
    play.control("a", &ControlRecord { moves, ..ControlRecord::default() });
    play.run(LEASE);
    // `b` has 10 keys for a share of 8.
    let fullest = play.players[a].core.fullest().expect("two nodes are above their shares");
    assert_eq!((fullest.node.as_str(), fullest.keys, fullest.share), ("c", 6, 4));
}
