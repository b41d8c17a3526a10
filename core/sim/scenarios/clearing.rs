//! Killing a session once, and deleting the member record of a session that another node killed.

use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::wire::{LeaseRecord, LeaseState};

/// Two nodes, of which the first crashes.
fn crashed() -> (Play, usize) {
    let mut play = Play::new(LEASE);
    let (a, b) = (play.start("a"), play.start("b"));
    play.run(LEASE * 2);
    play.crash(a);
    (play, b)
}

#[test]
fn a_kill_on_its_way_is_not_repeated() {
    let (mut play, b) = crashed();
    play.once(b, Verb::Write, "lease.a", Fate::Held);
    play.until(LEASE * 3, |play| !play.players[b].held.is_empty());
    play.run(BEAT / 4);
    play.land(b);
    play.run(LEASE * 3);
    assert_eq!(play.writes(b, "lease.a").len(), 1);
    assert_eq!(play.member("a"), None);
}

#[test]
fn a_killed_member_is_deleted_by_others_after_two_heartbeats() {
    let (mut play, b) = crashed();
    let dead = LeaseRecord { state: LeaseState::Dead, ..play.lease("a").expect("a lease") };
    play.put("lease.a", Some(dead.encode()), None);
    play.once(b, Verb::Write, "member.a", Fate::Lost);
    let took = play.until(LEASE, |play| !play.writes(b, "member.a").is_empty());
    assert!((BEAT * 2..BEAT * 2 + MS * 10).contains(&took), "{took:?}");
    play.run(BEAT / 4);
    assert_eq!(play.writes(b, "member.a").len(), 1, "that one is on its way");
    play.until(LEASE, |play| play.writes(b, "member.a").len() == 2);
    play.run(MS * 10);
    assert_eq!(play.member("a"), None, "the first deletion got lost");
    assert!(play.writes(b, "lease.a").is_empty(), "it was over already");
}
