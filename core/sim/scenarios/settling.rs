//! Joins that settle: which member settles them, and when.

use std::time::Duration;

use super::casts::one;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::config::{Config, RebalancePolicy};
use crate::edge::Command;
use crate::id::Revision;
use crate::log::Write;
use crate::time::Time;
use crate::timing::{SETTLE, SETTLE_AT_MOST, Timing};
use crate::wire::{ControlRecord, MemberRecord, Mode};

/// The member records that a process wrote, with their times.
fn members(play: &Play, place: usize) -> Vec<(Time, MemberRecord)> {
    let name = format!("member.{}", play.players[place].id);
    let read = |(at, write): (Time, Write)| {
        Some((at, MemberRecord::decode(write.value.as_deref()?).ok()?))
    };
    play.writes(place, &name).into_iter().filter_map(read).collect()
}

/// When the process first settled a join.
fn settled(play: &Play, place: usize, joined: Revision) -> Option<Time> {
    members(play, place).into_iter().find(|(_, m)| m.settled >= joined).map(|(at, _)| at)
}

/// A group of these nodes, and one that joins now: the play, the revision of the join, its time.
fn joining(ids: &[&str], prepare: impl FnOnce(&mut Play)) -> (Play, Revision, Time) {
    let mut play = Play::new(LEASE);
    for id in ids {
        play.start(id);
    }
    play.run(LEASE * 2);
    prepare(&mut play);
    // No heartbeat is due when the join settles.
    play.run(BEAT / 3);
    let z = play.start("z");
    play.until(LEASE, |play| !members(play, z).is_empty());
    let (at, member) = members(&play, z)[0].clone();
    (play, member.joined, at)
}

fn check_settled(play: &mut Play, by: usize, joined: Revision, at: Time, after: Duration) {
    play.run(LEASE * 2);
    let settled = settled(play, by, joined).expect("it was called settled").since(at);
    assert!((after..after + MS * 5).contains(&settled), "{settled:?}, and not {after:?}");
}

#[test]
fn the_first_member_settles_a_join_after_500_ms() {
    let (mut play, joined, at) = joining(&["a", "b"], |_| ());
    check_settled(&mut play, 0, joined, at, SETTLE);
    for later in [1, 2] {
        let alone = |m: &MemberRecord| m.settled >= joined && m.balanced < joined;
        assert!(!members(&play, later).iter().any(|(_, m)| alone(m)), "once is enough");
    }
}

#[test]
fn later_members_settle_in_order_if_the_first_does_not() {
    let (mut play, joined, at) = joining(&["a", "b", "c"], |play| {
        play.rule(0, Verb::Write, "member.a", Fate::Lost);
        play.rule(1, Verb::Write, "member.b", Fate::Lost);
    });
    check_settled(&mut play, 2, joined, at, SETTLE + BEAT / 2 * 2);
}

#[test]
fn a_departing_member_is_skipped_for_settling() {
    let (mut play, joined, at) =
        joining(&["a", "b"], |play| play.control("a", &ControlRecord::new(Mode::Drain)));
    check_settled(&mut play, 1, joined, at, SETTLE);
}

#[test]
fn continuous_joins_settle_within_3_s() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE * 2);
    let first = play.now;
    let before = members(&play, a).len();
    for join in 0..20 {
        play.start(&format!("n{join}"));
        play.run(MS * 400);
    }
    let mut settled: Vec<(Revision, Time)> =
        members(&play, a).into_iter().skip(before).map(|(at, m)| (m.settled, at)).collect();
    settled.dedup_by_key(|(joined, _)| *joined);
    let spans: Vec<_> = settled.iter().map(|(_, at)| at.since(first)).collect();
    // Counted from the first join, and from the first one after that.
    for (span, want) in spans.iter().zip([SETTLE_AT_MOST, MS * 400 * 8 + SETTLE_AT_MOST]) {
        assert!((want..want + MS * 20).contains(span), "{spans:?}");
    }
}

#[test]
fn a_failed_member_write_is_repeated_after_a_pause() {
    let timing = Timing::of(LEASE);
    for (fate, pause) in
        [(Fate::Lost, timing.ack + timing.retry), (Fate::Refused, timing.heartbeat)]
    {
        let mut play = Play::new(LEASE);
        let a = play.start("a");
        play.once(a, Verb::Write, "member.a", fate);
        play.run(LEASE);
        let members = members(&play, a);
        let gap = members[1].0.since(members[0].0);
        assert!((pause..pause + MS * 5).contains(&gap), "{gap:?}, and not {pause:?}");
        assert_eq!(members[1].1, members[0].1);
        assert_eq!(play.member("a").map(|m| m.session), Some(members[0].1.session));
    }
}

#[test]
fn a_member_write_found_by_a_read_is_not_repeated() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE * 2);
    let before = members(&play, a).len();
    play.players[a].silent = true;
    play.once(a, Verb::Write, "member.a", Fate::Unanswered);
    play.command(a, Command::SetAffinity(7));
    play.run(BEAT * 2);
    assert_eq!(members(&play, a).len(), before + 1);
    assert_eq!(play.member("a").expect("a member").affinity, 7);
}

#[test]
fn a_foreign_or_deleted_member_record_is_rewritten() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE * 2);
    let member = play.member("a").expect("a member");
    let forged = MemberRecord { affinity: 3, ..member.clone() };
    play.put("member.a", Some(forged.encode()), None);
    play.run(BEAT);
    assert_eq!(play.member("a"), Some(member.clone()));
    play.put("member.a", None, None);
    play.run(BEAT);
    assert_eq!(play.member("a"), Some(member.clone()));
    // While the node is cut off.
    play.cut(a);
    play.put("member.a", Some(forged.encode()), None);
    play.run(MS * 50);
    play.mend(a);
    play.run(BEAT);
    assert_eq!(play.member("a"), Some(member));
}

/// On a slow store, nodes join while keys that are planned for earlier ones are still being taken.
#[test]
fn keys_started_after_the_cut_still_move() {
    let (mut play, a) = one();
    play.rule(a, Verb::Write, "claim.", Fate::Held);
    let keys: Vec<_> = (0..40).map(|at| format!("k{at}")).collect();
    play.announce_all(&keys);
    play.run(MS * 20);
    let b = play.start("b");
    play.run(SETTLE + MS * 100);
    let joined = play.member("b").expect("a member").joined;
    assert!(play.member("a").expect("a member").settled >= joined);
    assert!(keys.iter().all(|key| play.told(a, key).is_empty()));
    play.players[a].rules.clear();
    play.land(a);
    play.run(LEASE * 2);
    for place in [a, b] {
        assert_eq!(keys.iter().filter(|key| play.runs(place, key)).count(), 20);
    }
    let member = play.member("a").expect("a member");
    assert!(member.balanced >= play.member("b").expect("a member").joined);
}

/// Whether a node that reads the log for the first time sees all joins as settled.
fn seems_settled(play: &mut Play, nodes: &[&str]) -> bool {
    let members: Vec<_> = nodes.iter().filter_map(|node| play.member(node)).collect();
    let settled = members.iter().map(|m| m.settled).max().unwrap_or_default();
    members.iter().all(|m| m.joined <= settled)
}

#[test]
fn joins_stay_settled_without_the_settling_node() {
    for crashes in [false, true] {
        let mut play = Play::new(LEASE);
        // With manual rebalancing, a node writes no member record to finish a generation.
        let manual = |config: &mut Config| config.rebalance = RebalancePolicy::Manual;
        let [a, b, c] = ["a", "b", "c"].map(|id| play.start_with(id, 0, manual));
        play.run(LEASE * 2);
        let newest = play.member("c").expect("a member").joined;
        assert!(settled(&play, a, newest).is_some(), "it has said so");
        assert_eq!([b, c].map(|place| settled(&play, place, newest)), [None, None]);
        if crashes {
            play.crash(a);
        } else {
            play.command(a, Command::Cancel);
        }
        let gone = |play: &Play| !play.log.has_value("member.a");
        play.until(LEASE * 3, gone);
        play.run(MS * 20);
        assert!(seems_settled(&mut play, &["b", "c"]), "crashes: {crashes}");
        assert_eq!(settled(&play, c, newest), None, "once is enough");
    }
}

#[test]
fn joins_stay_settled_when_settling_nodes_leave_in_turn() {
    let mut play = Play::new(LEASE);
    let [a, b, _, _] = ["a", "b", "c", "d"].map(|id| play.start(id));
    play.run(LEASE * 2);
    play.command(a, Command::Cancel);
    play.start("e");
    play.run(MS * 100);
    play.command(b, Command::Cancel);
    play.run(LEASE);
    assert!(seems_settled(&mut play, &["c", "d", "e"]));
}

#[test]
fn a_member_write_passes_settled_on() {
    let mut play = Play::new(LEASE);
    let [_, b, c] = ["a", "b", "c"].map(|id| play.start(id));
    play.run(LEASE * 2);
    let newest = play.member("c").expect("a member").joined;
    for place in [b, c] {
        play.command(place, Command::SetAffinity(7));
        play.run(MS * 50);
        assert!(settled(&play, place, newest).is_some());
    }
}
