//! When waiting keys get a place, and how they are counted until then.

use std::time::Duration;

use bytes::Bytes;

use super::casts::{KEYS, alone, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Notice};
use crate::wire::{ControlRecord, Freeze, GroupRecord, Mode};

fn unowned(play: &Play, place: usize) -> u64 {
    play.players[place].core.numbers().unowned
}

fn running(play: &Play, place: usize) -> usize {
    KEYS.iter().filter(|key| play.runs(place, key)).count()
}

#[test]
fn a_released_key_returns_after_its_cool_down() {
    let (mut play, a) = alone();
    play.release(a, "k");
    let took = play.until(LEASE, |play| play.runs(a, "k"));
    let cool_down = Duration::from_secs(2);
    assert!((cool_down..cool_down + MS * 10).contains(&took), "{took:?}");
}

#[test]
fn a_fenced_nodes_lost_keys_count_as_unowned() {
    let (mut play, a) = alone();
    assert_eq!(unowned(&play, a), 0);
    play.cut(a);
    play.until(LEASE, |play| play.is_fenced(a));
    play.run(LEASE * 3);
    assert_eq!(unowned(&play, a), 1, "its store is away");
    play.mend(a);
    play.until_running(&["k"]);
    play.run(BEAT);
    assert_eq!(unowned(&play, a), 0);
}

#[test]
fn a_freeze_ends_at_its_time() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    let span = LEASE * 4 + MS * 123;
    let until = Some(play.players[a].clock(play.now + span).unix_us / 1_000);
    let freeze = Freeze { by: "ana".into(), reason: String::new(), until };
    let record = GroupRecord { freeze: Some(freeze), ..GroupRecord::default() };
    play.put("group", Some(record.encode()), None);
    let b = play.start("b");
    play.run(span - MS * 2);
    assert_eq!(running(&play, b), 0);
    play.run(MS * 12);
    assert_eq!(running(&play, b), 3);
}

#[test]
fn waiting_keys_count_as_unowned() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    // Waiting for an eligible node.
    play.control("a", &ControlRecord::new(Mode::Cordon));
    play.run(BEAT);
    play.announce_all(&KEYS[..2]);
    play.run(BEAT);
    assert_eq!(unowned(&play, a), 2);
    // Waiting for its claim.
    play.rule(a, Verb::Write, "claim.", Fate::Held);
    play.control("a", &ControlRecord::new(Mode::Active));
    play.run(MS * 50);
    play.announce(KEYS[2]);
    play.run(MS * 50);
    assert_eq!(unowned(&play, a), 3);
    play.players[a].rules.clear();
    play.land(a);
    play.run(MS * 50);
    assert_eq!(unowned(&play, a), 0);
    // Waiting for a join to settle.
    play.start("b");
    play.run(MS * 50);
    play.announce(KEYS[3]);
    play.run(MS * 50);
    assert_eq!(unowned(&play, a), 1);
    play.run(LEASE);
    assert_eq!(unowned(&play, a), 0);
    // A key that moves has an owner.
    play.players[a].app.confirms = false;
    play.drain(a);
    play.run(BEAT / 2);
    assert_eq!(unowned(&play, a), 0);
}

#[test]
fn past_sessions_are_forgotten() {
    let (mut play, a, _) = sharing();
    for _ in 0..20 {
        let c = play.start("c");
        play.run(LEASE);
        play.command(c, Command::Cancel);
        play.run(LEASE);
    }
    play.run(LEASE);
    let owners = play.players[a].core.sizes().owners;
    assert!(owners <= 3, "{owners}");
}

#[test]
fn each_unreadable_record_is_reported_once() {
    let (mut play, a) = alone();
    let told = |play: &Play| -> Vec<u64> {
        let count = |notice: &Notice| match notice {
            Notice::Problems { count } => Some(*count),
            _ => None,
        };
        play.notices(a).filter_map(count).collect()
    };
    play.run(LEASE);
    assert!(told(&play).is_empty());
    for at in 1..3 {
        play.put(&format!("member.x{at}"), Some(Bytes::from_static(b"{garbage")), None);
        play.run(LEASE);
    }
    assert_eq!(told(&play), [1, 2]);
}

#[test]
fn a_resync_does_not_repeat_a_rebalance() {
    let (mut play, a, b) = sharing();
    play.drain(a);
    play.run(LEASE);
    play.control("a", &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    assert_eq!(running(&play, a), 0);
    play.put("rebalance", Some(Bytes::from_static(b"{\"v\":1}")), None);
    play.run(LEASE);
    assert_eq!((running(&play, a), running(&play, b)), (3, 3));
    play.drain(a);
    play.run(LEASE);
    play.control("a", &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    for place in [a, b] {
        play.break_watches(place);
    }
    play.run(LEASE);
    assert_eq!(running(&play, a), 0, "it was asked for once");
}
