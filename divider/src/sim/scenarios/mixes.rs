//! Drains, freezes, joins, prefixes and cool-downs in each other's way: in the end every key runs
//! where it may, and nobody writes claims any more.

use std::time::Duration;

use bytes::Bytes;

use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::core::config::RebalancePolicy;
use crate::core::edge::{Command, End, Reply};
use crate::core::timing::SETTLE_AT_MOST;
use crate::key::Key;
use crate::wire::{ControlRecord, Freeze, GroupRecord, Mode, OnDeadline};

const KEYS: [&str; 6] = ["k1", "k2", "k3", "k4", "k5", "k6"];

fn group(ids: &[&str]) -> (Play, Vec<usize>) {
    let mut play = Play::new(LEASE);
    let places = ids.iter().map(|id| play.start(id)).collect();
    play.run(LEASE);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    play.run(LEASE * 2);
    (play, places)
}

fn running(play: &Play, place: usize) -> usize {
    KEYS.iter().filter(|key| play.runs(place, key)).count()
}

fn mode(play: &mut Play, id: &str, mode: Mode) {
    play.control(id, &ControlRecord::new(mode));
}

fn rebalance(play: &mut Play) {
    play.put("rebalance", Some(Bytes::from_static(b"{\"v\":1}")), None);
}

fn freeze(play: &mut Play, on: bool) {
    let freeze = Freeze { by: "ana".into(), reason: String::new(), until: None };
    let record = GroupRecord { freeze: on.then_some(freeze), ..GroupRecord::default() };
    play.put("group", Some(record.encode()), None);
}

/// Every key runs, and for three leases nobody writes a claim.
fn check_rest(play: &mut Play) {
    play.until_running(&KEYS);
    play.run(LEASE * 2);
    let claims = play.log.claims_written();
    play.run(LEASE * 3);
    assert_eq!(play.log.claims_written(), claims, "keys that flap:\n{}", play.story());
    play.until_running(&KEYS);
}

#[test]
fn a_deadline_holds_by_a_wall_clock_that_was_set_back_meanwhile() {
    let ahead = Duration::from_secs(10);
    let mut play = Play::new(LEASE);
    let a = play.start_with("a", 10_000_000, |_| ());
    play.announce("k");
    play.until_running(&["k"]);
    let deadline = play.players[a].clock(play.now + LEASE).unix_us / 1_000;
    let mut drain = ControlRecord::new(Mode::Drain);
    (drain.deadline_ms, drain.on_deadline) = (Some(deadline), OnDeadline::Free);
    play.control("a", &drain);
    play.run(BEAT);
    play.players[a].ahead_us = 0;
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+", "by its wall clock it is not the time yet");
    play.until(ahead, |play| play.told(a, "k") == "+-");
}
