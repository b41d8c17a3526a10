//! Deploys side by side: nodes of a later deploy take the place of the earlier ones.

use super::casts::{KEYS, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::edge::Command;
use crate::timing::LONGEST_ROLLOUT;
use crate::wire::{ControlRecord, Mode, RebalanceRecord};

/// Starts a node of a deploy.
fn deploy(play: &mut Play, id: &str, rollout: u64) -> usize {
    let place = play.start_with(id, 0, |config| config.rollout = rollout);
    play.run(LEASE);
    place
}

fn leave(play: &mut Play, place: usize) {
    let flush = play.command(place, Command::Flush);
    play.until(LEASE, |play| play.reply(place, flush).is_some());
    play.command(place, Command::Cancel);
    play.run(LEASE);
}

fn running(play: &Play, place: usize) -> usize {
    KEYS.iter().filter(|key| play.runs(place, key)).count()
}

#[test]
fn a_deploy_side_by_side_moves_each_key_once() {
    let (mut play, a, b) = sharing();
    let new = [deploy(&mut play, "c", 7), deploy(&mut play, "d", 7)];
    assert_eq!(running(&play, a) + running(&play, b), 6, "joins move nothing");
    leave(&mut play, a);
    assert_eq!(running(&play, b), 3, "the other old node gets nothing");
    leave(&mut play, b);
    play.run(LEASE);
    for place in new {
        assert_eq!(running(&play, place), 3);
        assert!(KEYS.iter().all(|key| !play.told(place, key).contains('-')), "no key moved twice");
    }
}

#[test]
fn a_new_key_goes_to_the_later_deploy() {
    let (mut play, a, b) = sharing();
    let new = deploy(&mut play, "c", 7);
    play.announce("x");
    play.until(BEAT, |play| play.runs(new, "x"));
    assert_eq!((play.told(a, "x").as_str(), play.told(b, "x").as_str()), ("", ""));
}

#[test]
fn a_node_of_an_earlier_deploy_keeps_what_no_later_node_takes() {
    let (mut play, a, b) = sharing();
    let takes = |config: &mut crate::config::Config| {
        config.rollout = 7;
        config.prefixes = vec!["k1".into()];
    };
    play.start_with("c", 0, takes);
    play.run(LEASE);
    play.announce("x");
    play.until(BEAT, |play| play.runs(a, "x") || play.runs(b, "x"));
}

#[test]
fn a_rollout_ends_with_the_last_earlier_node() {
    let (mut play, a, b) = sharing();
    let c = deploy(&mut play, "c", 7);
    leave(&mut play, a);
    leave(&mut play, b);
    assert_eq!(running(&play, c), 6);
    let d = deploy(&mut play, "d", 7);
    play.run(LEASE);
    assert_eq!((running(&play, c), running(&play, d)), (3, 3), "joins move keys again");
}

#[test]
fn an_operator_ends_a_rollout_with_a_rebalance() {
    let (mut play, a, b) = sharing();
    let c = deploy(&mut play, "c", 7);
    play.put("rebalance", Some(RebalanceRecord::new("op", "").encode()), None);
    play.run(LEASE);
    assert_eq!([a, b, c].map(|place| running(&play, place)), [2, 2, 2]);
    play.drain(c);
    play.run(LEASE);
    assert_eq!([a, b, c].map(|place| running(&play, place)), [3, 3, 0], "the old ones get keys");
}

#[test]
fn a_drain_of_the_later_nodes_gives_the_keys_back() {
    let (mut play, a, b) = sharing();
    let c = deploy(&mut play, "c", 7);
    leave(&mut play, a);
    assert_eq!([b, c].map(|place| running(&play, place)), [3, 3]);
    play.control("c", &ControlRecord::new(Mode::Drain));
    play.run(LEASE);
    assert_eq!([b, c].map(|place| running(&play, place)), [6, 0]);
}

#[test]
fn a_rollout_that_does_not_end_is_over_after_an_hour() {
    let (mut play, a, b) = sharing();
    let c = deploy(&mut play, "c", 7);
    play.run(LONGEST_ROLLOUT - LEASE * 3);
    assert_eq!([a, b, c].map(|place| running(&play, place)), [3, 3, 0]);
    play.run(LEASE * 4);
    assert_eq!([a, b, c].map(|place| running(&play, place)), [2, 2, 2]);
}

#[test]
fn nodes_of_one_deploy_and_of_none_are_balanced_as_usual() {
    for rollouts in [(0, 0), (4, 4)] {
        let mut play = Play::new(LEASE);
        let a = deploy(&mut play, "a", rollouts.0);
        play.announce_all(&KEYS);
        play.until_running(&KEYS);
        let b = deploy(&mut play, "b", rollouts.1);
        play.run(LEASE);
        assert_eq!((running(&play, a), running(&play, b)), (3, 3), "{rollouts:?}");
    }
}

#[test]
fn an_earlier_node_takes_what_a_later_one_fails_to_take() {
    let (mut play, a, b) = sharing();
    let c = deploy(&mut play, "c", 7);
    play.rule(c, Verb::Write, "claim.", Fate::Lost);
    leave(&mut play, a);
    play.announce("x");
    play.until(LEASE * 4, |play| play.runs(b, "x"));
}
