//! Sessions without a member record: what their lease records prove.

use std::time::Duration;

use super::casts::{strange_lease, stranger};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::edge::Notice;
use crate::id::{NodeId, Session, Token};
use crate::timing::{UNKNOWN_LEASE, observed};
use crate::wire::{ClaimRecord, LeaseRecord, LeaseState, Owner};

/// An active node.
fn worker() -> (Play, usize) {
    let mut play = Play::new(LEASE);
    let b = play.start("b");
    play.run(LEASE);
    (play, b)
}

/// Announces `k` with a claim that names a session without a member record.
fn claim_of(play: &mut Play, node: &str) {
    claim_by(play, "k", node, stranger());
}

fn claim_by(play: &mut Play, key: &str, node: &str, session: Session) {
    let node = NodeId::new(node).expect("a legal id");
    let owner = Some(Owner { node, session });
    let claim = ClaimRecord::new(owner, Token(5));
    play.put(&format!("claim.{key}"), Some(claim.encode()), None);
    play.announce(key);
}

/// The lease record of that session.
fn lease(state: LeaseState) -> LeaseRecord {
    LeaseRecord { lease_ms: 300, ..strange_lease(state) }
}

#[test]
fn keys_of_an_ended_session_are_taken_at_once() {
    for state in [LeaseState::Ended, LeaseState::Dead] {
        let (mut play, b) = worker();
        play.put("lease.z", Some(lease(state).encode()), None);
        claim_of(&mut play, "z");
        play.until(BEAT / 5, |play| play.runs(b, "k"));
        assert!(play.writes(b, "lease.z").is_empty(), "there is nothing to end");
    }
}

#[test]
fn a_lost_kill_of_an_unnamed_session_is_repeated() {
    let (mut play, b) = worker();
    play.put("lease.z", Some(lease(LeaseState::Live).encode()), None);
    claim_of(&mut play, "z");
    play.once(b, Verb::Write, "lease.z", Fate::Lost);
    play.until(LEASE * 4, |play| play.runs(b, "k"));
    let ends = play.writes(b, "lease.z");
    assert_eq!(ends.len(), 2);
    let pause = ends[1].0.since(ends[0].0);
    assert!(pause >= observed(Duration::from_millis(300)), "it is observed again: {pause:?}");
}

#[test]
fn an_older_lease_of_another_session_is_overwritten_before_its_keys_are_taken() {
    let (mut play, b) = worker();
    killed(&mut play, b);
    claim_of(&mut play, "a");
    play.run(LEASE);
    assert_eq!(play.told(b, "k"), "", "the watch may show the lease of that session yet");
    play.until(LEASE, |play| play.runs(b, "k"));
    assert_eq!(play.writes(b, "lease.a").len(), 2, "the end of the session that the claim names");
    assert_eq!(play.reads(b, "lease.a"), 0);
}

#[test]
fn a_newer_lease_of_another_session_proves_that_it_replaced_the_one_in_the_claim() {
    let (mut play, b) = worker();
    killed(&mut play, b);
    claim_of(&mut play, "a");
    play.run(BEAT);
    let other = play.lease("a").expect("the end of another session");
    play.put("lease.a", Some(other.encode()), None);
    play.until(LEASE * 2 / 3, |play| play.runs(b, "k"));
    assert_eq!(play.writes(b, "lease.a").len(), 1, "the end of the first session only");
}

#[test]
fn an_end_that_a_snapshot_does_not_show_proves_nothing_of_other_sessions() {
    let (mut play, b) = worker();
    killed(&mut play, b);
    play.put("lease.a", Some(lease(LeaseState::Live).encode()), None);
    play.players[b].hidden.extend(["lease.a".into(), "member.a".into()]);
    play.break_watches(b);
    play.run(BEAT);
    claim_of(&mut play, "a");
    play.run(LEASE * 4);
    assert_eq!(play.told(b, "k"), "", "the session may live");
}

/// A node `a` crashed, and `b` has ended its session.
fn killed(play: &mut Play, b: usize) {
    let a = play.start("a");
    play.run(LEASE * 2);
    play.crash(a);
    play.until(LEASE * 3, |play| {
        play.notices(b).any(|notice| matches!(notice, Notice::Killed { .. }))
    });
    play.run(LEASE);
}

#[test]
fn a_session_named_before_the_join_needs_proof_too() {
    let mut play = Play::new(LEASE);
    play.put("lease.z", Some(lease(LeaseState::Live).encode()), None);
    claim_of(&mut play, "z");
    let b = play.start("b");
    play.until(LEASE * 2, |play| !play.writes(b, "claim.k").is_empty());
    assert_eq!(play.writes(b, "lease.z").len(), 1, "it was ended first");
}

#[test]
fn a_foreign_session_of_the_own_id_is_over_once_the_own_lease_is_renewed() {
    let (mut play, b) = worker();
    let beats = play.writes(b, "lease.b").len();
    claim_of(&mut play, "b");
    play.until(LEASE, |play| !play.writes(b, "claim.k").is_empty());
    assert!(play.writes(b, "lease.b").len() > beats, "it may have replaced this one");
    play.until(LEASE, |play| play.runs(b, "k"));
}

#[test]
fn of_two_sessions_of_a_node_the_one_named_last_is_awaited() {
    let (mut play, b) = worker();
    let newer = Session::from_bits(78);
    claim_of(&mut play, "z");
    play.run(BEAT);
    claim_by(&mut play, "k2", "z", newer);
    play.run(BEAT);
    // It replaced the older one, and is not renewed.
    let live = LeaseRecord { session: newer, ..lease(LeaseState::Live) };
    play.put("lease.z", Some(live.encode()), None);
    play.until(BEAT / 5, |play| play.runs(b, "k"));
    assert_eq!(play.told(b, "k2"), "");
    play.until(LEASE, |play| play.runs(b, "k2"));
}

#[test]
fn an_awaited_lease_that_a_snapshot_does_not_show_is_observed_again_from_then_on() {
    let (mut play, b) = worker();
    let live = LeaseRecord { lease_ms: 60_000, ..lease(LeaseState::Live) };
    play.put("lease.z", Some(live.encode()), None);
    claim_of(&mut play, "z");
    play.run(LEASE * 10);
    play.players[b].hidden.insert("lease.z".into());
    play.break_watches(b);
    play.run(observed(UNKNOWN_LEASE) - LEASE);
    assert_eq!(play.writes(b, "lease.z").len(), 0, "it may be renewed and lost again");
    play.run(LEASE * 2);
    assert_eq!(play.writes(b, "lease.z").len(), 1);
}
