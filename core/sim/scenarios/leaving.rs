//! Leaving when answers are lost or late: the end of a session is written until it is recorded, and
//! ends no other session.

use super::casts::{alone, claiming, pair, strange_lease};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Action, Command, End, Input, Notice, Reply, RequestId};
use crate::time::Time;
use crate::timing::Timing;
use crate::wire::{ControlRecord, LeaseRecord, LeaseState, Mode};

/// When the process wrote the end of its session.
fn ends(play: &Play, place: usize) -> Vec<Time> {
    let is_end = |value: &[u8]| {
        LeaseRecord::decode(value).is_ok_and(|lease| lease.state == LeaseState::Ended)
    };
    let writes = play.writes(place, "lease.a").into_iter();
    writes.filter(|(_, w)| w.value.as_deref().is_some_and(is_end)).map(|(at, _)| at).collect()
}

fn is_over(play: &Play, place: usize) -> bool {
    play.players[place].end == Some(End::Cancelled)
}

fn has(play: &mut Play, name: &str) -> bool {
    play.record(name).is_some_and(|record| record.value.is_some())
}

#[test]
fn a_cancelled_node_ends_its_lease_and_deletes_its_member_record() {
    let (mut play, a) = alone();
    let beat = play.lease("a").expect("a lease").beat;
    let cancel = play.command(a, Command::Cancel);
    let took = play.until(LEASE, |play| is_over(play, a));
    assert!(took < MS * 10, "it waits for its answers and for nothing else: {took:?}");
    assert_eq!(play.reply(a, cancel), Some(&Reply::Done));
    let ended = play.lease("a").expect("a lease");
    assert_eq!((ended.state, ended.beat), (LeaseState::Ended, beat + 1));
    assert!(!has(&mut play, "member.a"));
}

#[test]
fn a_delivered_end_replaces_its_acknowledgement() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "lease.a", Fate::Unanswered);
    play.command(a, Command::Cancel);
    let took = play.until(LEASE, |play| is_over(play, a));
    assert!(took < MS * 10, "{took:?}");
    assert_eq!(play.writes(a, "member.a").iter().filter(|(_, w)| w.value.is_none()).count(), 1);
}

#[test]
fn a_flush_waits_for_takes_on_their_way() {
    let (mut play, a) = claiming();
    let flush = play.command(a, Command::Flush);
    play.run(MS * 50);
    assert_eq!(play.reply(a, flush), None);
    play.land(a);
    let done = Reply::Flushed { handed: 0, freed: 1, kept: 0, lost: 0 };
    play.until(BEAT, |play| play.reply(a, flush) == Some(&done));
}

#[test]
fn a_lost_end_of_session_is_written_again() {
    let timing = Timing::of(LEASE);
    for (asked, pause) in [(true, timing.ack), (false, timing.ack * 2)] {
        let (mut play, a) = alone();
        play.once(a, Verb::Write, "lease.a", Fate::Lost);
        if !asked {
            play.once(a, Verb::Read, "lease.a", Fate::Lost);
        }
        play.command(a, Command::Cancel);
        play.until(LEASE, |play| is_over(play, a));
        let ends = ends(&play, a);
        assert_eq!(ends.len(), 2);
        let (gap, pause) = (ends[1].since(ends[0]), pause + timing.retry);
        assert!((pause..pause + MS * 5).contains(&gap), "{gap:?}");
        assert_eq!(play.lease("a").expect("a lease").state, LeaseState::Ended);
        assert!(!has(&mut play, "member.a"));
    }
}

#[test]
fn an_end_found_by_a_leader_read_is_not_written_again() {
    let (mut play, a) = alone();
    play.players[a].silent = true;
    play.once(a, Verb::Write, "lease.a", Fate::Unanswered);
    play.command(a, Command::Cancel);
    play.until(LEASE, |play| is_over(play, a));
    assert_eq!(ends(&play, a).len(), 1);
    assert!(!has(&mut play, "member.a"));
}

#[test]
fn a_cancelled_replaced_node_does_not_end_its_successor() {
    let (mut play, a) = alone();
    play.players[a].silent = true;
    play.put("lease.a", Some(strange_lease(LeaseState::Live).encode()), None);
    play.command(a, Command::Cancel);
    play.until(LEASE, |play| is_over(play, a));
    assert_eq!(play.lease("a"), Some(strange_lease(LeaseState::Live)));
    assert_eq!(ends(&play, a).len(), 1, "over the record that it knew");
}

#[test]
fn a_cancelled_node_killed_with_running_work_keeps_its_member_record() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.command(a, Command::Cancel);
    let lease = play.lease("a").expect("a lease");
    play.put("lease.a", Some(LeaseRecord { state: LeaseState::Dead, ..lease }.encode()), None);
    play.until(BEAT, |play| is_over(play, a));
    assert!(has(&mut play, "member.a"), "others read from it when to look");
}

#[test]
fn a_cancel_during_a_flush_waits_for_the_runs_that_are_not_confirmed() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.command(a, Command::Flush);
    play.run(LEASE * 4 - BEAT);
    play.command(a, Command::Cancel);
    play.run(BEAT * 3);
    assert!(!is_over(&play, a), "its run may go on for as long as the lease lasts");
    play.until(LEASE, |play| is_over(play, a));
}

#[test]
fn a_cancel_waits_briefly_for_the_member_deletion() {
    for (fate, at_least) in [(Fate::Lost, Timing::of(LEASE).ack), (Fate::Unanswered, MS)] {
        let (mut play, a) = alone();
        play.rule(a, Verb::Write, "member.a", fate);
        play.command(a, Command::Cancel);
        let took = play.until(LEASE, |play| is_over(play, a));
        assert!((at_least..BEAT).contains(&took), "{took:?}");
    }
}

#[test]
fn a_cancel_without_a_member_record_deletes_none() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.rule(a, Verb::Write, "member.a", Fate::Lost);
    play.until(LEASE, |play| !play.writes(a, "member.a").is_empty());
    play.command(a, Command::Cancel);
    play.until(BEAT, |play| is_over(play, a));
    assert_eq!(play.writes(a, "member.a").len(), 1, "its record, and no deletion");
}

#[test]
fn a_second_cancel_gets_the_same_reply() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    let cancels = [(); 2].map(|()| play.command(a, Command::Cancel));
    play.run(BEAT);
    assert_eq!(cancels.map(|cancel| play.reply(a, cancel).is_some()), [false; 2]);
    play.confirm(a, "k");
    play.until(BEAT, |play| is_over(play, a));
    assert_eq!(
        cancels.map(|cancel| play.reply(a, cancel).cloned()),
        [const { Some(Reply::Done) }; 2]
    );
}

#[test]
fn commands_to_an_ended_node_are_answered() {
    let (mut play, a) = alone();
    play.command(a, Command::Cancel);
    play.until(BEAT, |play| is_over(play, a));
    let now = play.players[a].clock(play.now);
    let nothing = Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 0 };
    let asked = [
        (Command::Cancel, Reply::Done),
        (Command::Flush, nothing),
        (Command::SetAffinity(3), Reply::Over),
    ];
    for (command, want) in asked {
        let request = RequestId(1_000);
        let core = &mut play.players[a].core;
        core.handle(now, Input::Command(request, command));
        let answer = core.poll_action();
        let is_it =
            |action| matches!(action, Action::Reply(id, reply) if id == request && reply == want);
        assert!(answer.is_some_and(is_it), "{want:?}");
        assert!(core.poll_action().is_none());
        assert_eq!(core.poll_timeout(), None);
    }
}

#[test]
fn a_completion_during_cancel_is_answered() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "key.k", Fate::Held);
    let complete = play.complete(a, "k");
    play.command(a, Command::Cancel);
    play.until(LEASE, |play| is_over(play, a));
    assert!(play.reply(a, complete).is_some());
}

#[test]
fn each_drain_reports_its_end_once() {
    let (mut play, donor, other) = pair();
    let id = play.players[donor].id.to_string();
    let drained = |play: &Play| -> Vec<Notice> {
        let is_it = |notice: &&Notice| matches!(notice, Notice::Drained { .. });
        play.notices(donor).filter(is_it).cloned().collect()
    };
    play.drain(donor);
    play.run(LEASE);
    assert_eq!(drained(&play), [Notice::Drained { handed: 1, freed: 0 }]);
    play.control(&id, &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    play.drain(other);
    play.until(LEASE, |play| play.runs(donor, "k"));
    play.control(play.players[other].id.to_string().as_str(), &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    play.drain(donor);
    play.run(LEASE);
    assert_eq!(drained(&play), [(); 2].map(|()| Notice::Drained { handed: 1, freed: 0 }));
}

#[test]
fn a_flush_ends_with_the_last_acknowledged_hand_over() {
    let (mut play, donor, other) = pair();
    play.once(donor, Verb::Write, "claim.k", Fate::Held);
    let flush = play.command(donor, Command::Flush);
    play.run(MS * 100);
    assert_eq!(play.reply(donor, flush), None, "it is on its way");
    play.land(donor);
    let done = Reply::Flushed { handed: 1, freed: 0, kept: 0, lost: 0 };
    play.until(MS * 10, |play| play.reply(donor, flush) == Some(&done));
    assert!(play.runs(other, "k"));
    let again = play.command(donor, Command::Flush);
    play.run(BEAT);
    assert_eq!(play.reply(donor, again), Some(&done), "it says what it said");
}

#[test]
fn a_flush_without_keys_is_answered_at_once() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    let flush = play.command(a, Command::Flush);
    let done = Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 0 };
    assert_eq!(play.reply(a, flush), Some(&done));
}
