//! Renewing a lease when answers are lost, late, or from a deposed leader: retries, their pauses,
//! and the revisions.

use std::time::Duration;

use super::casts::alone;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::config::JoinPolicy;
use crate::edge::LostReason;
use crate::edge::{Action, Command, End, Notice};
use crate::id::Revision;
use crate::log::Write;
use crate::time::Time;
use crate::timing::Timing;
use crate::wire::{LeaseRecord, LeaseState};

/// The next two attempts of a process to write its lease.
fn next_two(play: &mut Play, place: usize) -> [(Time, Write); 2] {
    let before = play.writes(place, "lease.a").len();
    play.until(LEASE, |play| play.writes(place, "lease.a").len() == before + 2);
    let mut writes = play.writes(place, "lease.a").into_iter().skip(before);
    std::array::from_fn(|_| writes.next().expect("two were written"))
}

fn gap(attempts: &[(Time, Write); 2]) -> Duration {
    attempts[1].0.since(attempts[0].0)
}

fn lease_of(write: &Write) -> LeaseRecord {
    LeaseRecord::decode(write.value.as_deref().expect("a record")).expect("a lease")
}

#[test]
fn heartbeats_keep_their_interval() {
    let (mut play, a) = alone();
    play.run(LEASE * 2);
    let times: Vec<_> = play.writes(a, "lease.a").into_iter().map(|(at, _)| at).collect();
    let last = &times[times.len() - 10..];
    assert!(last.windows(2).all(|pair| pair[1].since(pair[0]) == BEAT), "{last:?}");
}

#[test]
fn a_renewal_of_unknown_outcome_is_retried_after_a_pause() {
    let (mut play, a) = alone();
    let timing = Timing::of(LEASE);
    play.once(a, Verb::Write, "lease.a", Fate::Lost);
    play.once(a, Verb::Read, "lease.a", Fate::Lost);
    let attempts = next_two(&mut play, a);
    let pause = timing.ack * 2 + timing.retry;
    assert!((pause..pause + MS).contains(&gap(&attempts)), "{:?}", gap(&attempts));
    assert!(!play.is_fenced(a));
}

#[test]
fn a_renewal_found_by_a_read_counts_from_its_send_time() {
    let (mut play, a) = alone();
    play.players[a].silent = true;
    play.once(a, Verb::Write, "lease.a", Fate::Unanswered);
    let before = play.writes(a, "lease.a").len();
    play.until(LEASE, |play| play.writes(a, "lease.a").len() > before);
    let sent = play.now;
    play.until(Timing::of(LEASE).ack + MS * 5, |play| play.players[a].app.until == sent + LEASE);
}

#[test]
fn a_vanished_lease_record_is_rewritten() {
    let (mut play, a) = alone();
    play.log.forget("lease.a");
    let attempts = next_two(&mut play, a);
    assert_eq!(attempts[1].1.expected, Some(Revision::NONE));
    assert!(gap(&attempts) >= Timing::of(LEASE).retry);
}

#[test]
fn an_old_leader_with_an_older_session_ends_nothing() {
    let (mut play, a) = alone();
    let old = play.record("lease.a");
    play.crash(a);
    let a = play.start("a");
    play.until_running(&["k"]);
    play.run(LEASE);
    play.once(a, Verb::Write, "lease.a", Fate::Lost);
    play.once(a, Verb::Read, "lease.a", Fate::Old(old));
    let attempts = next_two(&mut play, a);
    let timing = Timing::of(LEASE);
    assert!(gap(&attempts) >= timing.ack + timing.retry);
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+");
    assert_eq!(play.players[a].end, None);
}
#[test]
fn a_replaced_node_does_not_overwrite_its_successor() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE * 2 + BEAT / 2);
    play.players[a].silent = true;
    let successor = play.start_with("a", 0, |config| config.join = JoinPolicy::TakeOver);
    play.until(BEAT, |play| !play.writes(successor, "lease.a").is_empty());
    play.run(MS * 2);
    let session = play.lease("a").expect("the successor's").session;
    play.until(BEAT * 2, |play| play.players[a].end == Some(End::Replaced { session }));
    assert_eq!(play.lease("a").expect("the successor's").session, session);
    play.run(LEASE * 2);
    assert_eq!(play.players[successor].end, None);
}
#[test]
fn keys_of_a_replaced_node_are_lost_as_replaced() {
    let (mut play, a) = alone();
    let successor = play.start_with("a", 0, |config| config.join = JoinPolicy::TakeOver);
    play.until(LEASE, |play| play.runs(successor, "k"));
    let why = play.players[a].done.iter().find_map(|(_, action)| match action {
        Action::Lost(_, _, reason, _) => Some(*reason),
        _ => None,
    });
    assert_eq!(why, Some(LostReason::Replaced));
}

#[test]
fn a_lost_first_lease_write_is_repeated_for_the_same_session() {
    let (mut play, a) = alone();
    play.command(a, Command::Cancel);
    play.until(BEAT, |play| play.players[a].end == Some(End::Cancelled));
    let a = play.start("a");
    play.once(a, Verb::Write, "lease.a", Fate::Lost);
    let attempts = next_two(&mut play, a);
    assert_eq!(attempts[0].1.expected, attempts[1].1.expected);
    assert_eq!(lease_of(&attempts[0].1).session, lease_of(&attempts[1].1).session);
    let (timing, gap) = (Timing::of(LEASE), gap(&attempts));
    let pause = timing.ack + timing.retry;
    assert!((pause..pause + MS * 5).contains(&gap), "{gap:?}");
    play.until_running(&["k"]);
}

#[test]
fn a_killed_live_session_is_fenced_and_rejoins() {
    let (mut play, a) = alone();
    let dead = LeaseRecord { state: LeaseState::Dead, ..play.lease("a").expect("a lease") };
    play.put("lease.a", Some(dead.encode()), None);
    play.run(MS * 10);
    assert!(play.is_fenced(a), "it need not wait for its next heartbeat");
    play.until_running(&["k"]);
    assert_eq!(play.told(a, "k"), "+!+");
    assert_eq!(play.players[a].end, None, "nobody has replaced it");
    assert_ne!(play.lease("a").expect("a lease").session, dead.session);
}

#[test]
fn an_own_earlier_lease_record_fences_without_ending() {
    let (mut play, a) = alone();
    let earlier = play.record("lease.a").expect("a lease").value;
    play.cut(a);
    play.until(LEASE, |play| play.is_fenced(a));
    play.mend(a);
    play.until_running(&["k"]);
    play.put("lease.a", earlier, None);
    play.run(MS * 10);
    assert_eq!(play.players[a].end, None, "nobody has replaced it");
    play.until_running(&["k"]);
}

#[test]
fn a_lost_tail_is_noticed_when_the_watch_is_faster_than_the_answer() {
    let (mut play, a) = alone();
    let before = play.writes(a, "lease.a").len();
    play.until(LEASE, |play| play.writes(a, "lease.a").len() > before);
    play.run(MS * 10);
    play.log.lose_tail(1);
    // The watch does not show the first of them, which has the revision of the lost renewal.
    for name in ["control.x", "control.y", "control.z"] {
        play.put(name, None, None);
    }
    let asked = play.reads(a, "lease.a");
    play.until(LEASE, |play| play.reads(a, "lease.a") > asked);
    play.once(a, Verb::Write, "lease.a", Fate::Unanswered);
    play.run(LEASE);
    assert_eq!(play.notices(a).filter(|notice| **notice == Notice::LogLost).count(), 1);
}

#[test]
fn nothing_follows_the_end_of_a_node() {
    let mut play = Play::new(LEASE * 6);
    let a = play.start("a");
    play.run(LEASE * 12);
    let before = play.writes(a, "lease.a").len();
    play.until(LEASE * 6, |play| play.writes(a, "lease.a").len() > before);
    // The watch does not show this renewal. Another process takes the id over.
    play.players[a].silent = true;
    play.run(MS * 10);
    play.start_with("a", 0, |config| config.join = JoinPolicy::TakeOver);
    play.until(LEASE * 6, |play| play.reads(a, "lease.a") > 1);
    // When the answer arrives, the watch is stale.
    play.freeze(a);
    play.run(LEASE);
    play.thaw(a);
    play.run(BEAT);
    let last = play.players[a].done.last().map(|(_, action)| action);
    assert!(matches!(last, Some(Action::End(End::Replaced { .. }))), "{last:?}");
}

#[test]
fn a_lost_tail_is_noticed_once() {
    let (mut play, a) = alone();
    play.log.lose_tail(3);
    play.run(LEASE * 2);
    assert_eq!(play.notices(a).filter(|notice| **notice == Notice::LogLost).count(), 1);
    assert_eq!(play.resyncs(a), 1);
}
