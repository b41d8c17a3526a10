//! When a node gives up a watch, and when it waits.

use super::casts::{KEYS, crowded, one, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Action, Notice};
use crate::wire::{ControlRecord, Mode};
#[test]
fn a_node_without_deliveries_for_two_leases_is_fenced() {
    let (mut play, a, b) = sharing();
    // Its heartbeats are acknowledged, but it would not see a drain.
    play.players[a].silent = true;
    let took = play.until(LEASE * 3, |play| play.is_fenced(a));
    assert!(took >= LEASE * 2 - BEAT, "{took:?}");
    play.until(LEASE * 3, |play| KEYS.iter().all(|key| play.runs(b, key)));
}
#[test]
fn joins_open_no_second_watch() {
    let (mut play, a) = one();
    for id in ["b", "c", "d"] {
        play.start(id);
        play.run(LEASE);
    }
    let opened = play.players[a].done.iter().filter(|(_, act)| matches!(act, Action::Watch(..)));
    assert_eq!(opened.count(), 1);
}
#[test]
fn a_slow_snapshot_is_not_restarted() {
    let (mut play, a, keys) = crowded(50);
    // The own heartbeat is queued behind all other records, for longer than the limit of a silent
    // watch.
    play.players[a].pace = MS * 40;
    play.break_watches(a);
    play.run(LEASE * 3);
    assert_eq!(play.resyncs(a), 1);
    assert!(keys.iter().all(|key| play.told(a, key) == "+"));
}
#[test]
fn a_burst_ahead_of_the_own_heartbeat_causes_no_resync() {
    let (mut play, a) = one();
    play.control("a", &ControlRecord::new(Mode::Cordon));
    play.run(BEAT);
    play.players[a].pace = MS * 5;
    play.announce_all(&(0..800).map(|at| format!("k{at}")).collect::<Vec<_>>());
    play.run(LEASE * 3);
    assert_eq!(play.resyncs(a), 0);
    assert!(!play.is_fenced(a));
}
#[test]
fn a_silent_watch_is_reopened() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    play.players[a].silent = true;
    let took = play.until(LEASE * 2, |play| play.resyncs(a) == 1);
    assert!(took > BEAT * 4, "two seconds and the ack time-out");
    play.players[a].silent = false;
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn a_node_whose_snapshots_never_end_is_fenced() {
    // The lease is longer than a snapshot may make no progress.
    let mut play = Play::new(LEASE * 6);
    let a = play.start("a");
    play.run(LEASE * 12);
    play.players[a].endless = true;
    play.break_watches(a);
    let broken = play.now;
    while !play.is_fenced(a) {
        // Each snapshot shows the own lease, and then nothing.
        let resyncs = play.resyncs(a);
        play.players[a].silent = false;
        play.run(BEAT);
        play.players[a].silent = true;
        play.until(LEASE * 6, |play| play.resyncs(a) > resyncs || play.is_fenced(a));
        assert!(play.now.since(broken) < LEASE * 16, "it would not see a drain");
    }
}

#[test]
fn a_complete_snapshot_shows_that_the_watch_works() {
    let (mut play, a, _) = crowded(50);
    play.players[a].silent = true;
    let before = play.writes(a, "lease.a").len();
    play.until(LEASE, |play| play.writes(a, "lease.a").len() > before);
    play.run(MS * 10);
    let missing = play.now;
    play.players[a].pace = MS * 55;
    play.mend(a);
    let snapshots = |play: &Play| {
        play.notices(a).filter(|notice| matches!(notice, Notice::CaughtUp { .. })).count()
    };
    play.until(LEASE * 2, |play| snapshots(play) == 2);
    assert!(play.now.since(missing) > LEASE * 2 - BEAT, "{:?}", play.now.since(missing));
    play.rule(a, Verb::Write, "lease.a", Fate::Lost);
    play.run(BEAT);
    assert!(play.now.since(missing) > LEASE * 2);
    assert!(!play.is_fenced(a));
}
