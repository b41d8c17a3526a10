//! Joining with an id that another process uses or used.

use bytes::Bytes;

use super::casts::{alone, strange_lease};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::config::JoinPolicy;
use crate::edge::{End, Notice};
use crate::id::Session;
use crate::timing::{Timing, UNKNOWN_LEASE, observed};
use crate::wire::{LeaseRecord, LeaseState, MemberRecord, PROTOCOL};
#[test]
fn a_crashed_node_rejoins_after_its_lease() {
    let (mut play, a) = alone();
    play.crash(a);
    let again = play.start("a");
    let took = play.until(LEASE * 3, |play| play.runs(again, "k"));
    assert!(took >= observed(LEASE), "it is observed like any other: {took:?}");
    assert!(took < observed(LEASE) + LEASE, "{took:?}");
}
#[test]
fn a_crash_before_the_member_record_is_waited_out() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.until(BEAT, |play| !play.writes(a, "member.a").is_empty());
    play.crash(a);
    play.log.forget("member.a");
    play.announce("k");
    let again = play.start("a");
    play.until(LEASE * 3, |play| play.runs(again, "k"));
}

#[test]
fn an_endless_lease_counts_as_the_longest() {
    let mut play = Play::new(LEASE);
    let session = Session::from_bits(7);
    let forged = LeaseRecord { session, lease_ms: u64::MAX, ..strange_lease(LeaseState::Live) };
    play.put("lease.a", Some(forged.encode()), None);
    play.announce("k");
    let a = play.start("a");
    play.until(observed(UNKNOWN_LEASE) + LEASE, |play| play.runs(a, "k"));
}
#[test]
fn a_second_process_of_an_id_in_use_ends() {
    let (mut play, a) = alone();
    let session = play.member("a").expect("a member").session;
    let second = play.start("a");
    play.until(LEASE, |play| play.players[second].end.is_some());
    let end = End::NodeIdInUse { session, host: "sim".into() };
    assert_eq!(play.players[second].end, Some(end));
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+", "the first one does not even notice");
    assert!(play.writes(second, "lease.a").is_empty());
}
#[test]
fn an_id_without_a_lease_record_can_be_in_use() {
    for join in [JoinPolicy::Observe, JoinPolicy::FailIfInUse] {
        let (mut play, a) = alone();
        let session = play.member("a").expect("a member").session;
        play.log.forget("lease.a");
        let second = play.start_with("a", 0, |config| config.join = join);
        play.until(LEASE, |play| play.players[second].end.is_some());
        let end = End::NodeIdInUse { session, host: "sim".into() };
        assert_eq!(play.players[second].end, Some(end));
        play.run(LEASE * 2);
        assert_eq!(play.told(a, "k"), "+", "the first one goes on");
    }
}
#[test]
fn a_node_with_an_expired_lease_record_waits_one_lease() {
    let (mut play, a) = alone();
    play.crash(a);
    play.run(LEASE * 20);
    play.log.forget("lease.a");
    let again = play.start("a");
    let took = play.until(LEASE * 3, |play| play.runs(again, "k"));
    assert!(took >= observed(LEASE), "its former self may live: {took:?}");
}
#[test]
fn fail_if_in_use_does_not_wait() {
    let (mut play, a) = alone();
    play.crash(a);
    let second = play.start_with("a", 0, |config| config.join = JoinPolicy::FailIfInUse);
    play.run(MS * 20);
    assert!(matches!(play.players[second].end, Some(End::NodeIdInUse { .. })));
}

#[test]
fn a_join_that_leaves_before_settling_delays_nothing() {
    let (mut play, a) = alone();
    let ghost = MemberRecord {
        session: Session::from_bits(7),
        joined: play.log.last(),
        ..play.member("a").expect("a member")
    };
    play.put("member.ghost", Some(ghost.encode()), None);
    play.announce("new");
    play.run(MS * 10);
    assert!(!play.runs(a, "new"), "it waits for the join to settle");
    play.put("member.ghost", None, None);
    play.until(BEAT / 2, |play| play.runs(a, "new"));
}

#[test]
fn a_live_nodes_unreadable_member_record_is_rewritten() {
    let (mut play, _) = alone();
    let before = play.member("a");
    play.put("member.a", Some(Bytes::from_static(b"{")), None);
    play.run(LEASE);
    assert_eq!(play.member("a"), before);
}

#[test]
fn a_dead_nodes_unreadable_member_record_is_deleted() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.start("b");
    play.run(LEASE * 2);
    play.put("member.a", Some(Bytes::from_static(b"{")), None);
    play.crash(a);
    play.run(observed(LEASE) + LEASE);
    assert!(play.record("member.a").is_some_and(|record| record.value.is_none()));
}

#[test]
fn a_node_does_not_join_a_group_of_another_protocol() {
    let mut play = Play::new(LEASE);
    let found = PROTOCOL + 1;
    play.put("group", Some(Bytes::from(format!(r#"{{"v":1,"protocol":{found}}}"#))), None);
    let a = play.start("a");
    play.until(BEAT, |play| play.players[a].end == Some(End::Protocol { found }));
    assert!(play.writes(a, "lease.a").is_empty());
}

#[test]
fn a_member_with_a_newer_plan_version_keeps_no_node_out() {
    let (mut play, a) = alone();
    let newer = MemberRecord { plan: (1, 2), ..play.member("a").expect("a member") };
    // A frozen node does not write its record again.
    play.freeze(a);
    play.put("member.a", Some(newer.encode()), None);
    let b = play.start("b");
    play.until(LEASE, |play| play.notices(b).any(|n| matches!(n, Notice::Joined { .. })));
    assert!(play.runs(a, "k"));
}

#[test]
fn a_joining_node_reads_its_lease_after_the_snapshot() {
    let mut play = Play::new(LEASE);
    let names: Vec<_> = (0..20).map(|at| format!("k{at}")).collect();
    play.announce_all(&names);
    let a = play.start("a");
    play.players[a].pace = MS * 20;
    play.run(MS * 300);
    assert_eq!(play.reads(a, "lease.a"), 0, "it does not know yet what bars it");
    play.until(LEASE, |play| play.runs(a, "k0"));
}

#[test]
fn a_failed_read_of_the_own_lease_is_repeated() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.once(a, Verb::Read, "lease.a", Fate::Lost);
    play.until(BEAT, |play| play.reads(a, "lease.a") == 1);
    let timing = Timing::of(LEASE);
    let took = play.until(LEASE, |play| play.reads(a, "lease.a") == 2);
    assert!(took >= timing.ack + timing.retry, "{took:?}");
    assert!(took < timing.ack + timing.retry + MS, "{took:?}");
}
#[test]
fn another_session_in_the_member_record_replaces_a_fenced_node() {
    let (mut play, a) = alone();
    play.cut(a);
    play.until(LEASE, |play| play.is_fenced(a));
    let session = Session::from_bits(7);
    let successor = MemberRecord { session, ..play.member("a").expect("a member") };
    play.put("member.a", Some(successor.encode()), None);
    play.log.forget("lease.a");
    play.mend(a);
    play.until(LEASE, |play| play.players[a].end == Some(End::Replaced { session }));
}
#[test]
fn take_over_does_not_wait_for_an_absent_lease() {
    let (mut play, a) = alone();
    play.crash(a);
    play.log.forget("lease.a");
    let again = play.start_with("a", 0, |config| config.join = JoinPolicy::TakeOver);
    play.until(BEAT * 2, |play| play.runs(again, "k"));
}

#[test]
fn a_lease_that_became_unreadable_during_a_join_is_observed() {
    let mut play = Play::new(LEASE);
    let late = play.start("a");
    play.once(late, Verb::Write, "lease.a", Fate::Held);
    play.until(BEAT, |play| !play.players[late].held.is_empty());
    play.rule(late, Verb::Read, "lease.a", Fate::Lost);
    let first = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.run(BEAT);
    play.cut(first);
    play.put("lease.a", Some(Bytes::from_static(b"{garbage")), None);
    play.players[late].rules.clear();
    // The play checks that the key has one owner.
    play.until(LEASE * 4, |play| play.runs(late, "k"));
}

#[test]
fn an_observer_of_its_own_id_with_a_silent_watch_ends() {
    let (mut play, a) = alone();
    let other = play.start("a");
    play.run(BEAT / 5);
    play.players[other].silent = true;
    // The next watch works.
    play.until(LEASE * 2, |play| play.resyncs(other) > 0);
    play.players[other].silent = false;
    let is_in_use = |play: &Play| matches!(play.players[other].end, Some(End::NodeIdInUse { .. }));
    play.until(LEASE, is_in_use);
    assert_eq!(play.told(a, "k"), "+");
}
