//! Sessions without a member record: when the leader is read, how often, and what its answers prove.

use std::time::Duration;

use super::casts::{strange_lease, stranger};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Action, Notice};
use crate::id::{NodeId, Token};
use crate::time::Time;
use crate::timing::Timing;
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
    let node = NodeId::new(node).expect("a legal id");
    let owner = Some(Owner { node, session: stranger() });
    let claim = ClaimRecord { owner, token: Token(5), cooling_down: Vec::new() };
    play.put("claim.k", Some(claim.encode()), None);
    play.announce("k");
}

/// The lease record of that session.
fn lease(state: LeaseState) -> LeaseRecord {
    LeaseRecord { lease_ms: 300, ..strange_lease(state) }
}

/// When a process read a record from the leader.
fn asked(play: &Play, place: usize, name: &str) -> Vec<Time> {
    let ask = |(at, action): &(Time, Action)| match action {
        Action::Read(_, read, _) if read == name => Some(*at),
        _ => None,
    };
    play.players[place].done.iter().filter_map(ask).collect()
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
fn an_unanswered_proof_read_is_repeated() {
    let (mut play, b) = worker();
    play.once(b, Verb::Read, "lease.z", Fate::Lost);
    claim_of(&mut play, "z");
    play.until(LEASE, |play| asked(play, b, "lease.z").len() == 2);
    let times = asked(&play, b, "lease.z");
    let (gap, timing) = (times[1].since(times[0]), Timing::of(LEASE));
    assert!(gap >= timing.ack + timing.retry, "{gap:?}");
    assert!(gap < timing.ack + timing.retry + MS, "not only when something else is due: {gap:?}");
}

#[test]
fn a_lost_kill_of_an_unnamed_session_is_repeated() {
    let (mut play, b) = worker();
    play.put("lease.z", Some(lease(LeaseState::Live).encode()), None);
    claim_of(&mut play, "z");
    play.once(b, Verb::Write, "lease.z", Fate::Lost);
    play.until(LEASE * 2, |play| play.runs(b, "k"));
    let ends = play.writes(b, "lease.z");
    assert_eq!(ends.len(), 2);
    let next = asked(&play, b, "lease.z").into_iter().find(|at| *at > ends[0].0);
    let pause = next.expect("asked again").since(ends[0].0);
    assert!(pause >= Timing::of(LEASE).ack + BEAT, "{pause:?}");
}

#[test]
fn an_older_record_of_another_session_proves_nothing_for_30_s() {
    let (mut play, b) = worker();
    let a = play.start("a");
    play.run(LEASE * 2);
    play.crash(a);
    play.until(LEASE * 3, |play| {
        play.notices(b).any(|notice| matches!(notice, Notice::Killed { .. }))
    });
    play.run(LEASE);
    claim_of(&mut play, "a");
    let before = asked(&play, b, "lease.a").len();
    play.run(Duration::from_secs(15));
    play.once(b, Verb::Read, "lease.a", Fate::Lost);
    play.run(Duration::from_secs(14));
    assert_eq!(play.told(b, "k"), "");
    let questions = asked(&play, b, "lease.a").len() - before;
    assert!((40..80).contains(&questions), "{questions}");
    play.until(BEAT * 4, |play| play.runs(b, "k"));
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
fn a_foreign_session_of_the_own_id_needs_proof() {
    let (mut play, b) = worker();
    let before = asked(&play, b, "lease.b").len();
    claim_of(&mut play, "b");
    play.until(LEASE, |play| play.runs(b, "k"));
    assert!(asked(&play, b, "lease.b").len() > before, "it may have replaced this one");
}

#[test]
fn the_death_of_one_session_proves_no_other() {
    let (mut play, b) = worker();
    let a = play.start("a");
    play.run(LEASE * 2);
    play.crash(a);
    play.rule(b, Verb::Write, "member.a", Fate::Lost);
    let killed = |play: &Play| play.notices(b).any(|n| matches!(n, Notice::Killed { .. }));
    play.until(LEASE * 3, killed);
    claim_of(&mut play, "a");
    play.run(BEAT);
    assert_eq!(play.told(b, "k"), "");
    assert!(!asked(&play, b, "lease.a").is_empty());
}
