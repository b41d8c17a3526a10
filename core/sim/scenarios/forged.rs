//! Forged records, and records of a lost log. They do no harm after they are gone.

use bytes::Bytes;

use super::casts::{KEYS, sharing, strange_lease};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::Command;
use crate::id::{Revision, Session, Token};
use crate::timing::SETTLE_AT_MOST;
use crate::wire::{
    ClaimRecord, ControlRecord, LeaseRecord, LeaseState, MemberRecord, MemberState, Mode,
};

fn running(play: &Play, place: usize) -> usize {
    KEYS.iter().filter(|key| play.runs(place, key)).count()
}

fn from_the_future(session: u128) -> MemberRecord {
    let never = Revision(u64::MAX);
    MemberRecord {
        session: Session::from_bits(session),
        joined: never,
        lease_ms: 300,
        affinity: 0,
        prefixes: Vec::new(),
        state: MemberState::Active,
        away_ms: 0,
        previous: None,
        balanced: never,
        settled: never,
        manual: false,
        rollout: 0,
        rollout_over: false,
        plan: (1, 1),
        labels: std::collections::BTreeMap::default(),
        host: String::new(),
        build: String::new(),
    }
}

#[test]
fn future_revisions_in_a_member_record_do_not_stop_balancing() {
    let (mut play, ..) = sharing();
    play.put("member.z", Some(from_the_future(9).encode()), None);
    play.run(LEASE * 2);
    assert_eq!(play.member("z"), None, "nobody renews its lease");
    let c = play.start("c");
    play.until(LEASE * 2 + SETTLE_AT_MOST, |play| running(play, c) == 2);
}

#[test]
fn a_forged_member_record_is_deleted() {
    let (mut play, ..) = sharing();
    let lease = LeaseRecord {
        session: Session::from_bits(8),
        lease_ms: 300,
        ..strange_lease(LeaseState::Ended)
    };
    play.put("lease.z", Some(lease.encode()), None);
    play.put("member.z", Some(from_the_future(9).encode()), None);
    play.run(LEASE * 3);
    assert_eq!(play.member("z"), None);
}

#[test]
fn in_a_recreated_log_joins_still_balance() {
    let mut play = Play::new(LEASE);
    play.start("a");
    play.run(LEASE);
    for round in 0..500 {
        play.announce(&format!("old{round}"));
    }
    for round in 0..500 {
        play.retract(&format!("old{round}"));
    }
    play.start("b");
    play.run(LEASE * 2);
    play.log.recreate();
    play.run(LEASE);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    play.run(LEASE * 2);
    let c = play.start("c");
    play.until(LEASE * 2 + SETTLE_AT_MOST, |play| running(play, c) == 2);
}

/// Sessions outlive their log. What was known of their age in the old log, whose revisions were higher,
/// says nothing in the new one.
#[test]
fn in_a_recreated_log_the_keys_of_a_session_that_was_replaced_are_taken() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    for round in 0..500 {
        play.announce(&format!("old{round}"));
    }
    for round in 0..500 {
        play.retract(&format!("old{round}"));
    }
    let b = play.start("b");
    play.run(LEASE * 2);
    // The session of "b" is a member again before "a" notices that the log is another one.
    play.freeze(a);
    play.log.recreate();
    play.run(BEAT * 2);
    play.thaw(a);
    play.run(LEASE);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    assert!(running(&play, b) > 0, "its session lives on");
    play.freeze(a);
    play.freeze(b);
    play.run(LEASE * 2);
    play.thaw(a);
    play.thaw(b);
    play.until_running(&KEYS);
}

#[test]
fn an_overwritten_member_record_is_restored() {
    let (mut play, a, b) = sharing();
    let before = play.member("a").expect("a member");
    let other = MemberRecord { affinity: 0, ..before.clone() };
    for damage in [Bytes::from_static(b"{garbage"), other.encode()] {
        play.put("member.a", Some(damage), None);
        play.run(BEAT * 3);
        assert_eq!(play.member("a").as_ref(), Some(&before));
    }
    play.run(LEASE * 3);
    assert_eq!((running(&play, a), running(&play, b)), (3, 3));
}

fn forge_token(play: &mut Play, token: u64) {
    let claim = ClaimRecord::new(None, Token(token));
    play.put("claim.forged", Some(claim.encode()), None);
    play.announce("forged");
}

#[test]
fn a_taker_of_a_forged_token_uses_normal_tokens_for_other_keys() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    forge_token(&mut play, Token::MAX.0 - 1);
    play.until_running(&["forged"]);
    play.announce("k1");
    play.until_running(&["k1"]);
    assert!(play.claim("k1").expect("a claim").token < Token(1 << 60));
    play.break_watches(a);
    play.run(BEAT);
    play.announce("k2");
    play.until_running(&["k2"]);
}

#[test]
fn a_claim_with_the_highest_token_is_handed_over_once() {
    let mut play = Play::new(LEASE);
    forge_token(&mut play, Token::MAX.0 - 1);
    let a = play.start("a");
    play.until_running(&["forged"]);
    play.run(LEASE);
    assert_eq!(play.claim("forged").expect("a claim").token, Token::MAX);
    // The watch delivers the outcome before an acknowledgement does.
    play.once(a, Verb::Write, "claim.forged", Fate::Unanswered);
    play.command(a, Command::Flush);
    play.run(LEASE);
    let writes = play.writes(a, "claim.forged");
    assert_eq!(writes.len(), 2, "taken, and given away:\n{}", play.story());
}

#[test]
fn a_drain_of_an_absent_node_applies_when_it_joins() {
    let (mut play, ..) = sharing();
    play.control("c", &ControlRecord::new(Mode::Drain));
    play.run(LEASE);
    let c = play.start("c");
    play.run(LEASE * 3);
    assert_eq!(running(&play, c), 0);
    play.control("c", &ControlRecord::new(Mode::Active));
    play.put("rebalance", Some(Bytes::from_static(b"{\"v\":1}")), None);
    play.until(LEASE, |play| running(play, c) == 2);
}

#[test]
fn maximal_numbers_in_a_control_record_are_handled() {
    let (mut play, a, _) = sharing();
    let mut drain = ControlRecord::new(Mode::Drain);
    drain.affinity = Some(u32::MAX);
    drain.deadline_ms = Some(u64::MAX);
    drain.at_ms = u64::MAX;
    drain.parallel = u32::MAX;
    drain.plan_rev = u64::MAX;
    play.control("a", &drain);
    play.until(LEASE, |play| running(play, a) == 0);
    play.run(BEAT);
    let mut active = ControlRecord::new(Mode::Active);
    active.affinity = Some(u32::MAX);
    play.control("a", &active);
    play.put("rebalance", Some(Bytes::from_static(b"{\"v\":1}")), None);
    play.until(LEASE, |play| running(play, a) == 5 || running(play, a) == 6);
}

#[test]
fn plan_version_zero_keeps_no_node_out() {
    let (mut play, a, b) = sharing();
    let forged = MemberRecord { plan: (0, 0), lease_ms: 300_000, ..from_the_future(9) };
    play.put("member.z", Some(forged.encode()), None);
    for place in [a, b] {
        play.cut(place);
    }
    play.run(LEASE * 2);
    for place in [a, b] {
        play.mend(place);
    }
    play.until_running(&KEYS);
}

#[test]
fn a_forged_token_that_was_run_is_not_run_again() {
    let (mut play, a, b) = sharing();
    forge_token(&mut play, 1 << 60);
    play.until_running(&["forged"]);
    let owner = play.runner("forged").expect("it runs");
    assert!([a, b].contains(&owner));
    play.run(LEASE);
    let claim = play.record("claim.forged").expect("a claim").value;
    play.once(owner, Verb::Write, "claim.forged", Fate::Lost);
    play.drain(owner);
    play.until(BEAT, |play| play.told(owner, "forged") == "+-");
    play.run(MS);
    play.cut(owner);
    play.put("claim.forged", claim, None);
    let id = play.players[owner].id.to_string();
    play.control(&id, &ControlRecord::new(Mode::Active));
    play.run(MS * 50);
    play.mend(owner);
    // The play checks that the token of the next start is above the last one.
    play.until_running(&["forged"]);
}
