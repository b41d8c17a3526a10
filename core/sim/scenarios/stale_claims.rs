//! Stale claims: claims of keys that do not exist, and which node deletes them.

use bytes::Bytes;

use super::casts::{strange_lease, stranger};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::id::{NodeId, Token};
use crate::timing::{Timing, observed};
use crate::wire::{ClaimRecord, LeaseState, Owner};

/// Enough names that each of two nodes has the best score for some.
const NAMES: [&str; 6] = ["claim.x1", "claim.x2", "claim.x3", "claim.x4", "claim.x5", "claim.x6"];

fn pair() -> (Play, usize, usize) {
    let mut play = Play::new(LEASE);
    let (a, b) = (play.start("a"), play.start("b"));
    play.run(LEASE);
    (play, a, b)
}

fn claim_of(owner: Option<Owner>) -> Bytes {
    ClaimRecord::new(owner, Token(5)).encode()
}

fn are_gone(play: &mut Play) -> bool {
    NAMES.iter().all(|name| play.record(name).is_none_or(|record| record.value.is_none()))
}

fn written(play: &Play, place: usize) -> usize {
    play.writes(place, "claim.").len()
}

#[test]
fn a_stale_claim_is_deleted_by_its_member() {
    let (mut play, a, b) = pair();
    let node = play.players[a].id.clone();
    let session = play.member("a").expect("a member").session;
    for name in NAMES {
        play.put(name, Some(claim_of(Some(Owner { node: node.clone(), session }))), None);
    }
    play.run(BEAT);
    assert!(are_gone(&mut play));
    assert_eq!((written(&play, a), written(&play, b)), (NAMES.len(), 0));
    assert_eq!(play.reads(b, "lease.a"), 0, "it need not ask whether that one is over");
}

#[test]
fn a_stale_claim_needs_proof_of_death() {
    let mut play = Play::new(LEASE);
    let b = play.start("b");
    play.run(LEASE);
    let session = stranger();
    let lease = strange_lease(LeaseState::Live);
    play.put("lease.z", Some(lease.encode()), None);
    let node = NodeId::new("z").expect("a legal id");
    for name in NAMES {
        play.put(name, Some(claim_of(Some(Owner { node: node.clone(), session }))), None);
    }
    play.run(observed(LEASE));
    assert_eq!(written(&play, b), 0);
    play.run(LEASE * 2);
    assert!(are_gone(&mut play), "it was not renewed");
}

#[test]
fn an_unreadable_stale_claim_is_deleted_after_the_wait() {
    let (mut play, a, b) = pair();
    for name in NAMES {
        play.put(name, Some(Bytes::from_static(b"{garbage")), None);
    }
    play.run(observed(LEASE) * 3 - MS * 10);
    assert_eq!((written(&play, a), written(&play, b)), (0, 0));
    play.run(MS * 50);
    assert!(are_gone(&mut play));
    let by = (written(&play, a), written(&play, b));
    assert!(by.0 > 0 && by.1 > 0, "{by:?}");
    assert_eq!(by.0 + by.1, NAMES.len());
}

#[test]
fn a_stale_claim_left_to_a_crashed_node_is_deleted_by_another() {
    let (mut play, a, b) = pair();
    play.crash(a);
    for name in NAMES {
        play.put(name, Some(claim_of(None)), None);
    }
    play.run(BEAT);
    assert!(!are_gone(&mut play), "some were left to the one that is gone");
    play.run(LEASE * 3);
    assert!(are_gone(&mut play));
    assert_eq!(written(&play, b), NAMES.len());
}

#[test]
fn a_lost_deletion_of_a_stale_claim_is_repeated() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    play.once(a, Verb::Write, "claim.x1", Fate::Lost);
    play.put("claim.x1", Some(claim_of(None)), None);
    play.until(LEASE * 3, |play| written(play, a) == 2);
    let writes = play.writes(a, "claim.x1");
    let gap = writes[1].0.since(writes[0].0);
    assert!(gap >= Timing::of(LEASE).ack + LEASE, "{gap:?}");
    play.run(MS * 10);
    assert!(are_gone(&mut play));
}

#[test]
fn a_stale_claim_has_one_next_look_however_often_it_is_looked_at() {
    let (mut play, a, b) = pair();
    play.rule(a, Verb::Write, "claim.", Fate::Refused);
    for name in NAMES {
        play.put(name, Some(claim_of(None)), None);
    }
    for _ in 0..20 {
        play.break_watches(b);
        play.run(BEAT / 2 + MS);
    }
    assert!(!are_gone(&mut play));
    let waiting = play.players[b].core.sizes().later;
    assert!(waiting <= NAMES.len() * 2, "{waiting}");
}

#[test]
fn a_stale_claim_has_one_deletion_in_flight() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    play.rule(a, Verb::Write, "claim.x1", Fate::Held);
    play.put("claim.x1", Some(claim_of(None)), None);
    for _ in 0..3 {
        play.run(MS * 20);
        play.break_watches(a);
    }
    play.run(MS * 20);
    assert_eq!(written(&play, a), 1, "{}", play.story());
}
