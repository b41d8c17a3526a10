//! Records that a snapshot does not show, and what is unknown before its end.

use std::time::Duration;

use bytes::Bytes;

use super::casts::{KEYS, alone, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::guard::{Guard, break_guard};
use crate::id::Token;
use crate::wire::ClaimRecord;
#[test]
fn a_key_missing_from_a_snapshot_is_read_before_it_is_stopped() {
    let (mut play, a) = alone();
    play.players[a].hidden.insert("key.k".into());
    play.break_watches(a);
    play.run(BEAT * 2);
    assert_eq!(play.told(a, "k"), "+");
    // The key is announced again, behind the end of the snapshot.
    play.announce("k");
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+");
}

/// The simulation cannot detect this guard: such a stop looks like one of a watch that lags.
#[test]
fn without_the_leader_read_an_existing_key_is_stopped() {
    break_guard(Some(Guard::AbsenceIsAsked));
    let (mut play, a) = alone();
    play.players[a].hidden.insert("key.k".into());
    play.break_watches(a);
    play.run(BEAT * 2);
    break_guard(None);
    assert_eq!(play.told(a, "k"), "+-");
}
#[test]
fn a_key_missing_on_the_leader_too_is_stopped() {
    let (mut play, a) = alone();
    play.log.forget("key.k");
    play.break_watches(a);
    play.run(BEAT);
    assert_eq!(play.told(a, "k"), "+-");
}
#[test]
fn a_claim_missing_from_a_snapshot_is_read_before_its_key_is_lost() {
    let (mut play, a) = alone();
    let claims = play.writes(a, "claim.k").len();
    play.players[a].hidden.insert("claim.k".into());
    play.break_watches(a);
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+");
    assert_eq!(play.writes(a, "claim.k").len(), claims);
    // The leader does not have it either.
    play.log.forget("claim.k");
    play.break_watches(a);
    play.until(LEASE, |play| play.told(a, "k") == "+!+");
}
#[test]
fn a_member_missing_from_a_snapshot_keeps_its_keys() {
    let (mut play, a, b) = sharing();
    let claims = play.writes(b, "claim.").len();
    play.players[b].hidden.insert("member.a".into());
    play.break_watches(b);
    play.run(LEASE * 4);
    assert_eq!(play.writes(b, "claim.").len(), claims);
    assert!(KEYS.iter().all(|key| play.told(a, key).len() <= 1));
}
#[test]
fn an_incomplete_snapshot_starts_stops_and_takes_nothing() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    play.run(BEAT);
    play.players[b].pace = MS * 100;
    play.break_watches(b);
    play.retract(KEYS.into_iter().find(|key| play.runs(b, key)).expect("it has some"));
    let done = play.players[b].done.len();
    let caught_up = |play: &Play| play.players[b].watches.values().all(|feed| feed.caught_up);
    let took = play.until(LEASE * 3, |play| !play.players[b].watches.is_empty() && caught_up(play));
    assert!(took > BEAT, "the snapshot takes its time");
    let early: Vec<_> = play.players[b].done[done..]
        .iter()
        .filter(|(at, action)| {
            use crate::edge::Action::{Lost, Start, Stop, Write};
            let claim = matches!(action, Write(_, w, _) if w.name.starts_with("claim."));
            *at < play.now && (claim || matches!(action, Start(..) | Stop(..) | Lost(..)))
        })
        .collect();
    assert!(early.is_empty(), "{early:?}");
    play.until(LEASE * 4, |play| KEYS.iter().filter(|key| play.runs(b, key)).count() == 5);
}
#[test]
fn an_expired_key_is_stopped_after_a_leader_read() {
    let mut play = Play::new(LEASE);
    let (a, b) = (play.start("a"), play.start("b"));
    play.run(LEASE);
    let ttl = Some(Duration::from_secs(2));
    play.put("key.t", Some(Bytes::new()), ttl);
    let announced = play.now;
    play.until_running(&["t"]);
    let owner = play.runner("t").expect("it runs");
    // The key is announced again, and its owner does not see that in time.
    play.run(MS * 1_500 - play.now.since(announced));
    play.players[owner].silent = true;
    play.put("key.t", Some(Bytes::new()), ttl);
    play.run(MS * 1_700);
    assert_eq!(play.now.since(announced), MS * 3_200, "its time was over after 2 s");
    assert_eq!(play.told(owner, "t"), "+");
    assert!(play.reads(owner, "key.t") > 0, "it has asked");
    play.players[owner].silent = false;
    play.until(LEASE * 2, |play| play.told(owner, "t") == "+-");
    assert!(play.now.since(announced) > MS * 3_500);
    play.run(BEAT);
    assert!(play.record("claim.t").expect("a tombstone").value.is_none());
    let other = if owner == a { b } else { a };
    assert_eq!(play.reads(other, "key.t"), 0, "whoever does not hold it need not ask");
    assert_eq!(play.told(other, "t"), "");
}

#[test]
fn a_lost_claim_is_given_up_for_one_written_behind_the_snapshot() {
    let (mut play, a) = alone();
    let kept = play.log.last().0;
    play.run(LEASE * 3);
    play.announce("late");
    play.until_running(&["late"]);
    let held = play.revision("claim.late");
    let token = play.claim("late").expect("it is claimed").token;
    // The audit has just read it.
    play.run(BEAT * 2);
    play.log.lose_tail(usize::try_from(play.log.last().0 - kept).expect("few"));
    play.announce("late");
    let claim = ClaimRecord::new(None, Token(token.0 + 1));
    play.put("claim.late", Some(claim.encode()), None);
    // It was written during the snapshot, behind its end.
    play.players[a].hidden.insert("claim.late".into());
    play.rule(a, Verb::Read, "claim.late", Fate::Held);
    let asked = |play: &Play| !play.players[a].held.is_empty();
    play.until(LEASE, asked);
    assert_eq!(play.told(a, "late"), "+", "its claim may be there yet");
    let resyncs = play.resyncs(a);
    play.put("claim.late", Some(claim.encode()), None);
    assert!(play.revision("claim.late") < held);
    play.run(MS * 10);
    play.players[a].hidden.clear();
    play.players[a].rules.clear();
    play.land(a);
    play.until(BEAT, |play| play.told(a, "late") == "+!+");
    assert_eq!(play.resyncs(a), resyncs + 1);
}
