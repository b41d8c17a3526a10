//! Combinations of drains, freezes, joins, prefixes and cool-downs. At the end every key runs on an
//! eligible node, and no node writes claims.

use std::time::Duration;

use bytes::Bytes;

use super::casts::KEYS;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::config::RebalancePolicy;
use crate::edge::{Command, End, Reply};
use crate::key::Key;
use crate::timing::SETTLE_AT_MOST;
use crate::wire::{ControlRecord, Freeze, GroupRecord, Mode, OnDeadline};

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

/// Every key runs, and for three leases no node writes a claim.
fn check_rest(play: &mut Play) {
    play.until_running(&KEYS);
    play.run(LEASE * 2);
    let claims = play.log.written("claim.");
    play.run(LEASE * 3);
    assert_eq!(play.log.written("claim."), claims, "keys that flap:\n{}", play.story());
    play.until_running(&KEYS);
}

#[test]
fn a_drain_continues_during_a_freeze_and_a_join() {
    let (mut play, places) = group(&["a", "b"]);
    freeze(&mut play, true);
    mode(&mut play, "a", Mode::Drain);
    let c = play.start("c");
    play.until(LEASE, |play| running(play, places[0]) == 0);
    play.run(LEASE * 2);
    mode(&mut play, "a", Mode::Active);
    check_rest(&mut play);
    freeze(&mut play, false);
    let even = |play: &Play| [places[0], places[1], c].iter().all(|&at| running(play, at) == 2);
    play.until(LEASE * 2 + SETTLE_AT_MOST, even);
    check_rest(&mut play);
}

#[test]
fn successive_drains_lose_no_key() {
    let (mut play, places) = group(&["a", "b", "c"]);
    for id in ["a", "b", "c"] {
        mode(&mut play, id, Mode::Drain);
        play.run(BEAT * 3);
    }
    assert_eq!(running(&play, places[2]), 6, "the last one keeps what nobody takes");
    check_rest(&mut play);
    mode(&mut play, "a", Mode::Active);
    play.until(LEASE, |play| running(play, places[0]) == 6);
    for id in ["b", "c"] {
        mode(&mut play, id, Mode::Active);
    }
    rebalance(&mut play);
    play.until(LEASE, |play| places.iter().all(|&at| running(play, at) == 2));
    check_rest(&mut play);
}

#[test]
fn a_resumed_drain_restarts_its_stopped_keys() {
    let (mut play, places) = group(&["a", "b"]);
    let a = places[0];
    play.players[a].app.confirms = false;
    mode(&mut play, "a", Mode::Drain);
    play.run(BEAT);
    mode(&mut play, "a", Mode::Active);
    play.run(BEAT);
    let told: Vec<_> = play.players[a].app.runs.keys().cloned().collect();
    assert_eq!(told.len(), 3);
    play.players[a].app.confirms = true;
    for key in told {
        play.confirm(a, key.as_str());
    }
    check_rest(&mut play);
    assert_eq!(running(&play, a), 3);
}

#[test]
fn nodes_with_affinity_0_keep_keys_and_take_none() {
    let (mut play, places) = group(&["a", "b"]);
    for &place in &places {
        play.command(place, Command::SetAffinity(0));
    }
    play.run(BEAT);
    assert_eq!(running(&play, places[0]) + running(&play, places[1]), 6);
    let runner = play.runner("k1").expect("it runs");
    play.release(runner, "k1");
    play.announce("late");
    rebalance(&mut play);
    play.run(LEASE * 2);
    assert_eq!(play.runner("k1"), None);
    assert_eq!(play.runner("late"), None);
    let claims = play.log.written("claim.");
    play.run(LEASE * 2);
    assert_eq!(play.log.written("claim."), claims, "nobody writes it back and forth");
    play.command(places[1], Command::AlterAffinity(1));
    play.until_running(&["late"]);
    check_rest(&mut play);
}

#[test]
fn an_affinity_cannot_overflow() {
    let (mut play, places) = group(&["a", "b"]);
    play.command(places[0], Command::SetAffinity(u32::MAX));
    let request = play.command(places[0], Command::AlterAffinity(i64::MAX));
    let most = Reply::Affinity { own: u32::MAX, overridden: None };
    assert_eq!(play.reply(places[0], request), Some(&most));
    let request = play.command(places[1], Command::AlterAffinity(i64::MIN));
    let least = Reply::Affinity { own: 0, overridden: None };
    assert_eq!(play.reply(places[1], request), Some(&least));
    play.command(places[1], Command::SetAffinity(u32::MAX));
    play.run(BEAT);
    rebalance(&mut play);
    play.run(LEASE);
    assert_eq!(running(&play, places[0]), 3);
    check_rest(&mut play);
}

#[test]
fn overlapping_generations_end_balanced() {
    let (mut play, places) = group(&["a"]);
    play.players[places[0]].app.confirms = false;
    let b = play.start("b");
    play.run(LEASE + SETTLE_AT_MOST);
    let c = play.start("c");
    play.run(LEASE + SETTLE_AT_MOST);
    rebalance(&mut play);
    play.run(BEAT);
    play.players[places[0]].app.confirms = true;
    for key in KEYS {
        if play.told(places[0], key) == "+-" {
            play.confirm(places[0], key);
        }
    }
    check_rest(&mut play);
    assert_eq!([places[0], b, c].map(|at| running(&play, at)), [2, 2, 2]);
}

#[test]
fn a_new_prefix_during_a_generation_ends_balanced() {
    let keys = ["x/1", "x/2", "x/3", "x/4", "x/5", "x/6"];
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    play.announce_all(&keys);
    play.until_running(&keys);
    play.players[a].app.confirms = false;
    let b = play.start_with("b", 0, |config| config.prefixes = vec!["x/".into()]);
    play.run(LEASE + SETTLE_AT_MOST);
    play.start_with("c", 0, |config| config.prefixes = vec!["a/".into()]);
    play.run(LEASE + SETTLE_AT_MOST);
    play.players[a].app.confirms = true;
    for key in keys {
        if play.told(a, key) == "+-" {
            play.confirm(a, key);
        }
    }
    play.run(LEASE * 2);
    let has = |place| keys.iter().filter(|key| play.runs(place, key)).count();
    assert_eq!((has(a), has(b)), (3, 3));
}

#[test]
fn keys_wait_for_their_prefix_and_go_home_after_a_drain() {
    let mut play = Play::new(LEASE);
    let a = play.start_with("a", 0, |config| config.prefixes = vec!["x/".into()]);
    let b = play.start_with("b", 0, |config| config.prefixes = vec!["y/".into()]);
    play.run(LEASE);
    play.announce_all(&["x/1", "x/2", "y/1", "z/1"]);
    play.until_running(&["x/1", "x/2", "y/1"]);
    mode(&mut play, "a", Mode::Drain);
    play.run(LEASE * 2);
    assert!(play.runs(a, "x/1"), "nobody else may take it");
    play.release(a, "x/1");
    play.run(LEASE * 2);
    assert_eq!(play.runner("x/1"), None);
    let c = play.start_with("c", 0, |config| config.prefixes = vec!["x/".into(), "z/".into()]);
    play.until(LEASE * 2 + SETTLE_AT_MOST, |play| {
        ["x/1", "x/2", "z/1"].iter().all(|key| play.runs(c, key))
    });
    assert!(play.runs(b, "y/1"));
    mode(&mut play, "c", Mode::Drain);
    mode(&mut play, "a", Mode::Active);
    play.until(LEASE, |play| play.runs(a, "x/1") && play.runs(a, "x/2"));
    assert!(play.runs(c, "z/1"));
}

#[test]
fn a_manual_member_allows_requested_rebalances_only() {
    let mut play = Play::new(LEASE);
    let a = play.start_with("a", 0, |config| config.rebalance = RebalancePolicy::Manual);
    play.run(LEASE);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    let b = play.start("b");
    play.run(LEASE * 2 + SETTLE_AT_MOST);
    assert_eq!((running(&play, a), running(&play, b)), (6, 0));
    rebalance(&mut play);
    play.until(LEASE, |play| running(play, b) == 3);
    check_rest(&mut play);
}

#[test]
fn a_drain_deadline_follows_a_wall_clock_set_back() {
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

#[test]
fn a_wall_clock_set_back_lowers_no_token() {
    let mut play = Play::new(LEASE);
    let places = ["a", "b"].map(|id| play.start_with(id, 3_600_000_000, |_| ()));
    play.run(LEASE);
    play.announce("k");
    play.until_running(&["k"]);
    for place in places {
        play.players[place].ahead_us = 0;
    }
    // The play checks that every start's token is above the last one.
    for _ in 0..3 {
        let donor = play.runner("k").expect("it runs");
        play.release(donor, "k");
        play.run(LEASE);
        play.until_running(&["k"]);
    }
}

#[test]
fn a_flush_at_any_time_of_a_rejoin_is_answered() {
    for wait in 0..12 {
        let (mut play, places) = group(&["a", "b"]);
        let a = places[0];
        play.rule(a, Verb::Write, "lease.a", Fate::Lost);
        play.until(LEASE, |play| play.is_fenced(a));
        play.players[a].rules.clear();
        play.run(BEAT / 100 * wait);
        let request = play.command(a, Command::Flush);
        play.until(LEASE * 2, |play| play.reply(a, request).is_some());
        play.command(a, Command::Cancel);
        play.until(LEASE * 2, |play| play.players[a].end == Some(End::Cancelled));
        play.until(LEASE * 2, |play| running(play, places[1]) == 6);
    }
}

#[test]
fn a_cancel_at_any_time_of_a_join_frees_the_id() {
    for wait in 0..12 {
        let (mut play, _) = group(&["a"]);
        let b = play.start("b");
        play.run(Duration::from_micros(700) * wait);
        play.command(b, Command::Cancel);
        play.until(LEASE * 2, |play| play.players[b].end == Some(End::Cancelled));
        play.run(BEAT);
        let again = play.start("b");
        play.until(LEASE * 4 + SETTLE_AT_MOST, |play| running(play, again) == 3);
    }
}

#[test]
fn a_process_replaced_while_frozen_loses_its_stops() {
    let (mut play, places) = group(&["a", "b"]);
    let a = places[0];
    play.players[a].app.confirms = false;
    mode(&mut play, "a", Mode::Drain);
    play.run(BEAT);
    play.freeze(a);
    mode(&mut play, "a", Mode::Active);
    let again = play.start("a");
    play.until(LEASE * 4, |play| running(play, again) + running(play, places[1]) == 6);
    play.thaw(a);
    play.until(LEASE, |play| matches!(play.players[a].end, Some(End::Replaced { .. })));
    let lost = KEYS.iter().filter(|key| play.told(a, key) == "+-!").count();
    assert_eq!(lost, 3);
    check_rest(&mut play);
}

#[test]
fn stale_token_confirm_is_ignored() {
    use crate::edge::Input;
    let (mut play, places) = group(&["a"]);
    let a = places[0];
    let key = Key::new("k1").expect("legal");
    let first = play.players[a].app.runs[&key].token;
    play.players[a].app.confirms = false;
    play.retract("k1");
    play.run(BEAT);
    play.announce("k1");
    play.run(BEAT);
    play.confirm(a, "k1");
    play.input(a, Input::Confirm(key.clone(), first));
    play.until_running(&["k1"]);
    play.input(a, Input::Confirm(key.clone(), first));
    let second = play.players[a].app.runs[&key].token;
    play.input(a, Input::Confirm(key, second));
    play.run(LEASE);
    assert_eq!(play.told(a, "k1"), "+-+", "it runs: nobody asked it to stop");
}

#[test]
fn released_keys_settle_during_drains_and_cool_downs() {
    let (mut play, places) = group(&["a", "b", "c"]);
    for round in 0..4 {
        for key in KEYS {
            if let Some(at) = play.runner(key) {
                play.release(at, key);
            }
        }
        let id = ["a", "b", "c"][round % 3];
        mode(&mut play, id, Mode::Drain);
        play.run(BEAT);
        mode(&mut play, id, Mode::Active);
    }
    check_rest(&mut play);
    rebalance(&mut play);
    play.run(LEASE);
    assert!(places.iter().all(|&at| running(&play, at) == 2));
    check_rest(&mut play);
}
