//! Notices of refused writes and of conflicts.

use super::casts::{alone, pair};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::edge::{Command, Notice};
use crate::id::Token;
use crate::wire::ClaimRecord;

fn refused(play: &Play, place: usize) -> Vec<&'static str> {
    let what = |notice: &Notice| match notice {
        Notice::StoreFailed { what, .. } => Some(*what),
        _ => None,
    };
    play.notices(place).filter_map(what).collect()
}

fn conflicts(play: &Play, place: usize) -> Vec<&'static str> {
    let what = |notice: &Notice| match notice {
        Notice::CasConflict { what } => Some(*what),
        _ => None,
    };
    play.notices(place).filter_map(what).collect()
}

/// The notices of a node that runs `k` when its next write of this name is refused.
fn told_of(name: &str, act: impl FnOnce(&mut Play, usize)) -> Vec<&'static str> {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, name, Fate::Refused);
    act(&mut play, a);
    play.run(LEASE);
    refused(&play, a)
}

#[test]
fn a_refused_write_is_reported_with_its_purpose() {
    let stop = |play: &mut Play, a: usize| {
        play.players[a].app.confirms = false;
        play.retract("k");
    };
    assert_eq!(told_of("claim.k", |play, a| _ = play.release(a, "k")), ["write a claim"]);
    assert_eq!(told_of("key.k", |play, a| _ = play.complete(a, "k")), ["delete a completed key"]);
    assert_eq!(
        told_of("member.a", |play, a| _ = play.command(a, Command::SetAffinity(7))),
        ["write the member record"]
    );
    assert_eq!(told_of("stops.a", stop), ["write the unconfirmed stops"]);
    assert_eq!(
        told_of("lease.a", |play, a| _ = play.command(a, Command::Cancel)),
        ["end the lease"]
    );
    assert_eq!(
        told_of("member.a", |play, a| _ = play.command(a, Command::Cancel)),
        ["delete the member record of an ended session"]
    );
    assert_eq!(told_of("lease.a", |_, _| ()), ["renew the lease"]);
}

#[test]
fn refused_writes_of_other_nodes_records_are_reported() {
    let (mut play, owner, other) = pair();
    let id = play.players[owner].id.to_string();
    let names = [format!("lease.{id}"), format!("member.{id}"), "claim.k".into()];
    for name in &names {
        play.once(other, Verb::Write, name, Fate::Refused);
    }
    play.crash(owner);
    play.retract("k");
    play.run(LEASE * 4);
    let mut told = refused(&play, other);
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "delete the claim of a deleted key",
            "delete the member record of an ended session",
            "end an expired session",
        ]
    );
}

#[test]
fn a_conflict_is_reported() {
    let (mut play, owner, _) = pair();
    let before = conflicts(&play, owner).len();
    play.once(owner, Verb::Write, "claim.k", Fate::Held);
    play.drain(owner);
    play.until(BEAT, |play| !play.players[owner].held.is_empty());
    let claim = play.claim("k").expect("a claim");
    let foreign = ClaimRecord { owner: None, token: Token(claim.token.0 + 1), ..claim };
    play.put("claim.k", Some(foreign.encode()), None);
    play.land(owner);
    play.run(BEAT);
    assert_eq!(conflicts(&play, owner)[before..], ["write a claim"]);
}

#[test]
fn a_conflict_of_a_trial_write_is_not_reported() {
    let (mut play, donor, other) = pair();
    play.rule(donor, Verb::Write, "claim.k", Fate::Refused);
    play.drain(donor);
    play.until(LEASE * 4, |play| play.runs(other, "k"));
    play.run(LEASE * 9);
    assert!(refused(&play, donor).contains(&"test the right to write a record"));
    play.players[donor].rules.clear();
    play.run(LEASE * 2);
    assert!(!conflicts(&play, donor).contains(&"test the right to write a record"));
    let id = play.players[donor].id.to_string();
    assert!(play.member(&id).is_some(), "its right is back, and so is it");
}
