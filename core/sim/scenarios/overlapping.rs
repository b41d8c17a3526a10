//! Nodes with overlapping prefixes: all keys of a node count together.

use bytes::Bytes;

use super::play::Play;
use super::{LEASE, MS};
use crate::wire::{ControlRecord, Mode};

/// Starts a node with these prefixes.
fn start(play: &mut Play, id: &str, prefixes: &[&str]) -> usize {
    play.start_with(id, 0, |config| {
        config.prefixes = prefixes.iter().map(ToString::to_string).collect();
    })
}

fn keys(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("{prefix}{at}")).collect()
}

fn held(play: &Play, all: &[String]) -> Vec<usize> {
    let of = |place| all.iter().filter(|key| play.runs(place, key)).count();
    (0..play.players.len()).map(of).collect()
}

fn rebalance(play: &mut Play) {
    play.put("rebalance", Some(Bytes::from_static(b"{\"v\":1}")), None);
    play.run(LEASE);
}

/// Two nodes with one prefix each and a third with both. All keys exist before the nodes.
fn three() -> (Play, Vec<String>) {
    let mut play = Play::new(LEASE);
    let all = [keys("/a/", 100), keys("/b/", 100)].concat();
    play.announce_all(&all);
    for (id, prefixes) in [("a", &["/a/"][..]), ("b", &["/b/"]), ("c", &["/a/", "/b/"])] {
        start(&mut play, id, prefixes);
    }
    play.run(LEASE * 2);
    (play, all)
}

fn assert_even(play: &Play, all: &[String]) {
    let mut found = held(play, all);
    found.sort_unstable();
    assert_eq!(found, [66, 67, 67]);
}

#[test]
fn a_node_with_two_prefixes_gets_its_share_only() {
    let (play, all) = three();
    assert_even(&play, &all);
}

#[test]
fn a_rebalance_evens_out_single_placements() {
    let mut play = Play::new(LEASE);
    for (id, prefixes) in [("a", &["/a/"][..]), ("b", &["/b/"]), ("c", &["/a/", "/b/"])] {
        start(&mut play, id, prefixes);
    }
    play.run(LEASE);
    let all = [keys("/a/", 100), keys("/b/", 100)].concat();
    for part in all.chunks(100) {
        play.announce_all(part);
        play.run(LEASE);
    }
    assert_eq!(held(&play, &all), [50, 75, 75], "nothing moves by itself");
    let fullest = |play: &Play| play.players[0].core.fullest().map(|fullest| fullest.keys);
    assert_eq!(fullest(&play), Some(75), "more than its share of all keys");
    rebalance(&mut play);
    assert_even(&play, &all);
    assert_eq!(fullest(&play), None);
    let before = play.log.written("claim.");
    rebalance(&mut play);
    assert_eq!(play.log.written("claim."), before, "it is even");
}

#[test]
fn nested_prefixes_are_balanced() {
    let mut play = Play::new(LEASE);
    let all = [keys("/a/b/", 10), keys("/a/", 10)].concat();
    play.announce_all(&all);
    start(&mut play, "p", &["/a/b/"]);
    start(&mut play, "q", &["/a/"]);
    play.run(LEASE * 2);
    assert_eq!(held(&play, &all), [10, 10]);
}

#[test]
fn a_drain_gives_keys_to_the_least_loaded() {
    let (mut play, all) = three();
    start(&mut play, "d", &["/b/"]);
    play.run(LEASE * 2);
    assert_eq!(held(&play, &all), [50, 50, 50, 50]);
    play.control("c", &ControlRecord::new(Mode::Drain));
    play.run(LEASE * 2);
    let found = held(&play, &all);
    assert_eq!((found[0], found[2]), (100, 0), "only one takes these");
    assert_eq!((found[1], found[3]), (50, 50));
}

#[test]
fn a_resync_plans_open_placements_as_others_do() {
    let (mut play, all) = three();
    play.crash(2);
    play.until(LEASE * 3, |play| held(play, &all).iter().sum::<usize>() > 150);
    // This compares the plans of both.
    play.break_watches(0);
    play.run(MS * 20);
    play.run(LEASE);
    assert_eq!(held(&play, &all), [100, 100, 0]);
}
