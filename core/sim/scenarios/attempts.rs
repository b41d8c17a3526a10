//! Takes in flight: how many at once, when they are retried, and what proves them.

use bytes::Bytes;

use super::casts::two;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::id::Token;
use crate::timing::Timing;
use crate::wire::{ClaimRecord, CoolDown, Owner};

/// The most takes in flight, and a larger number of keys.
const MOST: usize = 1_024;
const MORE: usize = 1_100;

fn alone() -> (Play, usize) {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    (play, a)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("k{at}")).collect()
}

fn owner(play: &mut Play, node: &str) -> Option<Owner> {
    let session = play.lease(node)?.session;
    Some(Owner { node: node.parse().expect("a legal id"), session })
}

/// Many keys, whose takes are all held back.
fn flooded() -> (Play, usize, Vec<String>) {
    let (mut play, a) = alone();
    play.rule(a, Verb::Write, "claim.", Fate::Held);
    let names = names(MORE);
    play.announce_all(&names);
    play.run(BEAT / 4);
    assert_eq!(play.writes(a, "claim.").len(), MOST);
    (play, a, names)
}

#[test]
fn a_queued_take_that_was_handed_over_starts_once() {
    let (mut play, a, names) = flooded();
    let waits = |name: &&String| play.writes(a, &format!("claim.{name}")).is_empty();
    let name = names.iter().find(waits).expect("one of them").clone();
    let owner = owner(&mut play, "a");
    let claim = ClaimRecord::new(owner, Token(1_700_000_100_000_000));
    play.put(&format!("claim.{name}"), Some(claim.encode()), None);
    play.until(BEAT / 4, |play| play.runs(a, &name));
    play.players[a].rules.clear();
    play.land(a);
    play.until(LEASE, |play| names.iter().all(|name| play.runs(a, name)));
    play.run(LEASE);
    assert!(names.iter().all(|name| play.told(a, name) == "+"));
}

#[test]
fn a_queued_take_is_dropped_when_the_node_cools_down() {
    let (mut play, a, names) = flooded();
    let waits = |name: &&String| play.writes(a, &format!("claim.{name}")).is_empty();
    let name = names.iter().find(waits).expect("one of them").clone();
    let cooling_down = vec![CoolDown { node: play.players[a].id.clone(), for_ms: 600_000 }];
    let claim = ClaimRecord { cooling_down, ..ClaimRecord::new(None, Token(5)) };
    play.put(&format!("claim.{name}"), Some(claim.encode()), None);
    play.run(MS * 5);
    play.players[a].rules.clear();
    play.land(a);
    play.until(LEASE, |play| names.iter().all(|n| *n == name || play.runs(a, n)));
    play.run(BEAT);
    assert_eq!(play.told(a, &name), "");
}

#[test]
fn takes_of_an_ended_session_do_not_count_in_the_next() {
    let (mut play, a, names) = flooded();
    play.rule(a, Verb::Write, "lease.a", Fate::Lost);
    play.until(LEASE, |play| play.is_fenced(a));
    play.players[a].rules.clear();
    play.players[a].held.clear();
    play.until(LEASE * 2, |play| names.iter().all(|name| play.runs(a, name)));
}

#[test]
fn a_take_of_unknown_outcome_is_retried_after_a_pause() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "claim.k", Fate::Lost);
    // The audit reads this record too, so every read is lost.
    play.rule(a, Verb::Read, "claim.k", Fate::Lost);
    play.announce("k");
    play.until_running(&["k"]);
    let (writes, timing) = (play.writes(a, "claim.k"), Timing::of(LEASE));
    assert!(writes[1].0.since(writes[0].0) >= timing.ack * 2 + timing.retry);
    assert_eq!(writes[0].1, writes[1].1, "the same claim: one of the two lands");
}

#[test]
fn a_refused_take_is_retried_after_one_heartbeat() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "claim.k", Fate::Refused);
    play.announce("k");
    play.until_running(&["k"]);
    let writes = play.writes(a, "claim.k");
    assert!(writes[1].0.since(writes[0].0) >= BEAT);
}

#[test]
fn a_key_starts_when_its_claim_is_acknowledged() {
    let (mut play, a) = alone();
    // The watch delivers the claim much later.
    play.players[a].pace = BEAT;
    play.announce("k");
    play.until(MS * 20, |play| play.runs(a, "k"));
}

#[test]
fn a_key_starts_when_its_claim_is_read() {
    let (mut play, a) = alone();
    play.players[a].pace = BEAT;
    play.once(a, Verb::Write, "claim.k", Fate::Unanswered);
    play.announce("k");
    play.until(Timing::of(LEASE).ack + MS * 20, |play| play.runs(a, "k"));
}
#[test]
fn garbage_over_an_unknown_take_is_not_overwritten_at_once() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "claim.k", Fate::Held);
    play.announce("k");
    play.until(BEAT, |play| !play.players[a].held.is_empty());
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.run(LEASE * 2);
    assert_eq!(play.writes(a, "claim.k").len(), 1);
}

#[test]
fn another_sessions_claim_with_the_same_token_starts_nothing() {
    let (mut play, a, b) = two();
    play.rule(a, Verb::Write, "claim.", Fate::Held);
    play.announce_all(&names(6));
    play.until(BEAT, |play| !play.players[a].held.is_empty());
    let (_, write) = play.writes(a, "claim.").remove(0);
    let tried = ClaimRecord::decode(write.value.as_deref().expect("a record")).expect("a claim");
    let claim = ClaimRecord { owner: owner(&mut play, "b"), ..tried };
    play.put(&write.name, Some(claim.encode()), None);
    play.run(BEAT * 2);
    let key = write.name.strip_prefix("claim.").expect("a claim");
    assert_eq!(play.told(a, key), "");
    assert!(play.runs(b, key));
}
#[test]
fn an_untaken_orphan_is_taken_after_two_heartbeats() {
    let (mut play, a, b) = two();
    play.rule(a, Verb::Write, "claim.", Fate::Refused);
    // At this time no other event is due.
    play.run(BEAT / 3);
    let names = names(6);
    play.announce_all(&names);
    let took = play.until(BEAT * 4, |play| names.iter().all(|key| play.runs(b, key)));
    assert!((BEAT * 2..BEAT * 2 + MS * 20).contains(&took), "{took:?}");
}
#[test]
fn a_busy_planned_owner_is_excused_for_its_share() {
    let (mut play, a, b) = two();
    play.rule(a, Verb::Write, "claim.", Fate::Refused);
    let (names, owner) = (names(2_200), owner(&mut play, "a"));
    let running = |play: &Play| names.iter().filter(|key| play.runs(b, key)).count();
    play.announce_all(&names);
    for n in 0..9 {
        let token = Token(1_700_000_100_000_000);
        let claim = ClaimRecord::new(owner.clone(), token);
        play.put(&format!("claim.other{n}"), Some(claim.encode()), None);
        play.run(BEAT / 2);
    }
    assert!(running(&play) < names.len(), "it has 1 100 to write");
    play.until(LEASE, |play| running(play) == names.len());
}

#[test]
fn garbage_over_a_queued_take_is_not_overwritten_at_once() {
    let (mut play, a, names) = flooded();
    let waits = |name: &&String| play.writes(a, &format!("claim.{name}")).is_empty();
    let name = names.iter().find(waits).expect("one of them").clone();
    play.put(&format!("claim.{name}"), Some(Bytes::from_static(b"{garbage")), None);
    play.run(MS * 5);
    play.players[a].rules.clear();
    play.land(a);
    play.run(LEASE * 2);
    assert!(names.iter().all(|n| *n == name || play.runs(a, n)));
    assert!(play.writes(a, &format!("claim.{name}")).is_empty());
    play.until(LEASE * 2, |play| play.runs(a, &name));
}
