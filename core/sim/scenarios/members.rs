//! Member records: their content, and when they are written again.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::casts::{KEYS, alone, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Notice};
use crate::wire::{ControlRecord, MemberRecord, MemberState, Mode, OnDeadline};

#[test]
fn a_node_flushed_before_its_join_takes_nothing() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.command(a, Command::Flush);
    play.run(LEASE);
    play.announce("k");
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "");
    assert!(play.member("a").is_none_or(|member| member.state == MemberState::Leaving));
}

#[test]
fn a_restarted_node_overwrites_its_old_member_record() {
    let (mut play, a) = alone();
    play.crash(a);
    let again = play.start("a");
    play.until_running(&["k"]);
    let is_it = |notice: &Notice| matches!(notice, Notice::CasConflict { .. });
    assert!(!play.notices(again).any(is_it));
    assert_eq!(play.reads(again, "member.a"), 0);
}

#[test]
fn other_garbage_causes_no_member_write() {
    let (mut play, a) = alone();
    let before = play.writes(a, "member.a").len();
    for name in ["member.x", "control.a", "claim.other"] {
        play.put(name, Some(Bytes::from_static(b"{garbage")), None);
        play.run(BEAT);
    }
    assert_eq!(play.writes(a, "member.a").len(), before);
}

#[test]
fn garbage_over_the_own_member_record_is_overwritten_once() {
    let (mut play, a) = alone();
    let (before, member) = (play.writes(a, "member.a").len(), play.member("a"));
    play.put("member.a", Some(Bytes::from_static(b"{garbage")), None);
    play.run(BEAT);
    assert_eq!(play.writes(a, "member.a").len(), before + 1);
    assert_eq!(play.member("a"), member);
}

/// Finished generations of another log do not count in this one.
#[test]
fn in_a_recreated_log_member_records_name_no_later_revision() {
    let (mut play, a, b) = sharing();
    play.run(LEASE * 3);
    play.log.recreate();
    play.run(LEASE * 4);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    let c = play.start("c");
    play.run(LEASE * 2);
    for (place, id) in [(a, "a"), (b, "b"), (c, "c")] {
        let revision = play.revision(&format!("member.{id}"));
        let member = play.member(id).expect("a member");
        assert!(member.balanced < revision && member.settled < revision, "{member:?}");
        assert_eq!(KEYS.iter().filter(|key| play.runs(place, key)).count(), 2, "{id}");
    }
}

#[test]
fn an_idle_node_wakes_only_for_heartbeats() {
    for drained in [false, true] {
        let (mut play, a) = alone();
        if drained {
            let deadline = play.players[a].clock(play.now + LEASE * 100).unix_us / 1_000;
            let mut drain = ControlRecord::new(Mode::Drain);
            (drain.deadline_ms, drain.on_deadline) = (Some(deadline), OnDeadline::Free);
            play.control("a", &drain);
        }
        let mut wakes = BTreeSet::new();
        for _ in 0..3_000 {
            play.run(MS);
            wakes.extend(play.players[a].core.poll_timeout());
        }
        assert!(wakes.len() <= 30, "{} in six heartbeats", wakes.len());
    }
}

/// The log loses its tail, and some of it is written again.
#[test]
fn after_a_lost_tail_a_member_record_keeps_only_valid_revisions() {
    let (mut play, a, b) = sharing();
    let last = play.log.last();
    // Far above the end of the log when the loss is noticed.
    for _ in 0..50 {
        play.put("control.x", None, None);
    }
    let c = play.start("c");
    play.run(LEASE * 2);
    play.put("rebalance", Some(Bytes::from_static(b"{\"v\":1}")), None);
    play.command(a, Command::SetAffinity(7));
    play.run(BEAT);
    let before = play.member("a").expect("a member");
    assert!(before.settled > last && before.balanced > before.settled, "{before:?}");
    play.crash(c);
    let count = usize::try_from(play.log.last().0 - last.0).expect("few");
    play.log.lose_tail(count);
    play.until(LEASE, |play| play.resyncs(a) > 0 && play.resyncs(b) > 0);
    play.run(MS * 50);
    let (revision, member) = (play.revision("member.a"), play.member("a").expect("a member"));
    assert_eq!((member.session, member.affinity), (before.session, 7));
    assert!(member.settled < revision && member.balanced < revision, "{member:?} at {revision:?}");
}

/// Whether a node restores its member record if it is replaced by this before the answer to its write
/// comes.
fn restores(damage: impl FnOnce(MemberRecord) -> Option<Bytes>) -> bool {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "member.a", Fate::Held);
    play.command(a, Command::SetAffinity(5));
    play.land(a);
    let written = play.member("a").expect("a member");
    assert_eq!(written.affinity, 5);
    play.deliver_now(a);
    play.put("member.a", damage(written.clone()), None);
    play.deliver_now(a);
    play.run(BEAT);
    play.member("a") == Some(written)
}

#[test]
fn a_member_record_that_is_replaced_before_its_answer_comes_is_restored() {
    assert!(restores(|_| None));
    assert!(restores(|_| Some(Bytes::from_static(b"{garbage"))));
    assert!(restores(|member| Some(MemberRecord { affinity: 7, ..member }.encode())));
}
