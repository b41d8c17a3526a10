//! Hand-overs when answers are lost, or come from a deposed leader.

use std::time::Duration;

use super::casts::{claiming, pair};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::Notice;
use crate::id::{NodeId, Revision, Session, Token};
use crate::log::Record;
use crate::timing::Timing;
use crate::wire::{ClaimRecord, ControlRecord, CoolDown, MAX_COOL_DOWNS, Mode, Owner};

/// Two nodes; the owner of `k` drains and received a stop.
fn stopping() -> (Play, usize, usize) {
    let (mut play, donor, other) = pair();
    play.players[donor].app.confirms = false;
    play.drain(donor);
    play.until(BEAT, |play| play.told(donor, "k") == "+-");
    (play, donor, other)
}

/// How long each hand-over of a process took.
fn handed(play: &Play, place: usize) -> Vec<Duration> {
    let after = |notice: &Notice| match notice {
        Notice::HandedOver { after } => Some(*after),
        _ => None,
    };
    play.notices(place).filter_map(after).collect()
}

#[test]
fn an_unacknowledged_hand_over_is_found_by_a_leader_read() {
    let (mut play, donor, other) = stopping();
    play.run(BEAT / 2);
    // The watch shows nothing.
    play.players[donor].silent = true;
    play.once(donor, Verb::Write, "claim.k", Fate::Unanswered);
    play.confirm(donor, "k");
    play.until(Timing::of(LEASE).ack + MS * 20, |play| handed(play, donor).len() == 1);
    let since_the_stop = BEAT / 2 + Timing::of(LEASE).ack;
    assert!(handed(&play, donor)[0] >= since_the_stop, "not from when it was confirmed");
    play.until(BEAT, |play| play.runs(other, "k"));
}

#[test]
fn a_delivered_hand_over_is_counted_once() {
    for retracted in [false, true] {
        let (mut play, donor, other) = pair();
        play.rule(donor, Verb::Read, "claim.k", Fate::Lost);
        let before = play.writes(donor, "claim.k").len();
        play.once(donor, Verb::Write, "claim.k", Fate::Unanswered);
        if retracted {
            play.retract("k");
        } else {
            play.drain(donor);
        }
        play.run(LEASE);
        assert_eq!(handed(&play, donor).len(), 1, "retracted: {retracted}");
        assert_eq!(play.writes(donor, "claim.k").len(), before + 1);
        assert_eq!(play.told(other, "k"), if retracted { "" } else { "+" });
    }
}

#[test]
fn an_old_leader_does_not_end_an_unknown_hand_over() {
    let (mut play, donor, other) = stopping();
    let before = play.writes(donor, "claim.k").len();
    play.once(donor, Verb::Write, "claim.k", Fate::Lost);
    play.rule(donor, Verb::Read, "claim.k", Fate::Old(None));
    play.confirm(donor, "k");
    play.until(LEASE, |play| play.runs(other, "k"));
    let writes = play.writes(donor, "claim.k");
    assert_eq!(writes.len(), before + 2);
    let gap = writes[before + 1].0.since(writes[before].0);
    assert!(gap >= Timing::of(LEASE).ack + BEAT, "{gap:?}");
}

#[test]
fn a_stopped_key_without_a_receiver_restarts() {
    let (mut play, donor, other) = stopping();
    let id = play.players[other].id.to_string();
    play.control(&id, &ControlRecord::new(Mode::Cordon));
    play.run(MS * 10);
    play.confirm(donor, "k");
    play.until(BEAT, |play| play.runs(donor, "k"));
    assert_eq!(play.told(donor, "k"), "+-+");
}

/// Leaves a node one way to learn the outcome of its hand-over: its watch or a leader read.
fn by_either(play: &mut Play, place: usize, the_watch: bool) {
    if the_watch {
        play.rule(place, Verb::Read, "claim.k", Fate::Lost);
    } else {
        play.players[place].silent = true;
    }
}

#[test]
fn a_claim_kept_after_a_stop_is_written_once() {
    for the_watch in [false, true] {
        let (mut play, donor, other) = stopping();
        let id = play.players[other].id.to_string();
        play.control(&id, &ControlRecord::new(Mode::Cordon));
        play.run(MS * 10);
        let before = play.writes(donor, "claim.k").len();
        by_either(&mut play, donor, the_watch);
        play.once(donor, Verb::Write, "claim.k", Fate::Unanswered);
        play.confirm(donor, "k");
        play.until(Timing::of(LEASE).ack + MS * 20, |play| play.runs(donor, "k"));
        play.run(BEAT / 2);
        assert_eq!(play.writes(donor, "claim.k").len(), before + 1, "the watch: {the_watch}");
    }
}

#[test]
fn a_claim_taken_before_its_hand_over_is_not_counted_as_moved() {
    let node = NodeId::new("z").expect("a legal id");
    let owner = Some(Owner { node, session: Session::from_bits(77) });
    let taken = ClaimRecord::new(owner, Token(5));
    for value in [None, Some(taken.encode())] {
        for the_watch in [false, true] {
            let (mut play, donor, other) = stopping();
            play.rule(other, Verb::Write, "claim.k", Fate::Refused);
            by_either(&mut play, donor, the_watch);
            play.once(donor, Verb::Write, "claim.k", Fate::Lost);
            play.confirm(donor, "k");
            play.run(MS * 5);
            play.put("claim.k", value.clone(), None);
            play.run(Timing::of(LEASE).ack + MS * 20);
            assert!(handed(&play, donor).is_empty(), "the watch: {the_watch}, {value:?}");
        }
    }
}

#[test]
fn a_key_stopped_for_another_reason_does_not_join_a_move() {
    for first_attempt_is_lost in [false, true] {
        let mut play = Play::new(LEASE);
        let a = play.start("a");
        let keys = ["k", "k2", "k3", "k4"];
        play.announce_all(&keys);
        play.until_running(&keys);
        play.players[a].app.confirms = false;
        play.retract("k");
        play.until(BEAT, |play| play.told(a, "k") == "+-");
        play.announce("k");
        play.start("b");
        let moving = |play: &Play| keys[1..].iter().any(|key| play.told(a, key) == "+-");
        play.until(LEASE, moving);
        if first_attempt_is_lost {
            play.once(a, Verb::Write, "claim.k", Fate::Lost);
        }
        play.confirm(a, "k");
        play.until(BEAT * 2, |play| play.runs(a, "k"));
    }
}

#[test]
fn an_ineligible_owner_gives_its_claim_back_free() {
    let (mut play, _, other) = pair();
    let session = play.member(if other == 0 { "a" } else { "b" }).expect("a member").session;
    let node = play.players[other].id.clone();
    play.control(node.as_str(), &ControlRecord::new(Mode::Cordon));
    play.run(MS * 50);
    play.once(other, Verb::Write, "claim.odd", Fate::Lost);
    let owner = Some(Owner { node, session });
    let claim = ClaimRecord::new(owner, Token(5));
    play.announce("odd");
    play.put("claim.odd", Some(claim.encode()), None);
    play.run(BEAT * 2);
    let writes = play.writes(other, "claim.odd");
    let owners: Vec<_> = writes
        .iter()
        .map(|(_, write)| ClaimRecord::decode(write.value.as_deref().expect("a claim")))
        .map(|claim| claim.expect("it can be read").owner)
        .collect();
    assert_eq!(owners, [None, None]);
}

#[test]
fn nothing_is_handed_over_before_the_view_is_complete() {
    let (mut play, donor, other) = stopping();
    play.players[donor].pace = BEAT;
    play.break_watches(donor);
    play.run(MS * 50);
    let before = play.writes(donor, "claim.k").len();
    play.confirm(donor, "k");
    play.run(BEAT);
    assert_eq!(play.writes(donor, "claim.k").len(), before, "who is next is not known");
    play.players[donor].pace = MS;
    play.until(LEASE, |play| play.runs(other, "k"));
    assert_eq!(play.told(donor, "k"), "+-");
}

#[test]
fn nothing_starts_before_the_view_is_complete() {
    let (mut play, a) = claiming();
    play.players[a].pace = BEAT;
    play.break_watches(a);
    play.run(MS * 50);
    play.land(a);
    play.run(MS * 20);
    assert!(play.claim("k").is_some(), "it is in the log");
    assert_eq!(play.told(a, "k"), "");
    play.players[a].pace = MS;
    play.until(LEASE, |play| play.runs(a, "k"));
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn a_full_cool_down_list_drops_its_first_entry() {
    for others in [MAX_COOL_DOWNS - 1, MAX_COOL_DOWNS] {
        let mut play = Play::new(LEASE);
        let a = play.start("a");
        play.run(LEASE);
        let not =
            |at| CoolDown { node: format!("n{at}").parse().expect("a legal id"), for_ms: 600_000 };
        let node = play.players[a].id.clone();
        let session = play.member("a").expect("a member").session;
        let owner = Some(Owner { node, session });
        let cooling_down = (0..others).map(not).collect();
        let claim = ClaimRecord { cooling_down, ..ClaimRecord::new(owner, Token(1)) };
        play.announce("k");
        play.put("claim.k", Some(claim.encode()), None);
        play.until_running(&["k"]);
        play.release(a, "k");
        play.run(MS * 10);
        let not = play.claim("k").expect("it can be read").cooling_down;
        assert_eq!(not.len(), MAX_COOL_DOWNS, "{others} others");
        assert_eq!(not[0].node.as_str(), if others == MAX_COOL_DOWNS { "n1" } else { "n0" });
        assert_eq!(not[MAX_COOL_DOWNS - 1].node.as_str(), "a");
    }
}

#[test]
fn a_completion_of_unknown_outcome_is_written_again() {
    let (mut play, donor, _) = pair();
    play.once(donor, Verb::Write, "key.k", Fate::Lost);
    play.rule(donor, Verb::Read, "key.k", Fate::Lost);
    let request = play.complete(donor, "k");
    play.until(LEASE, |play| play.reply(donor, request).is_some());
    assert_eq!(play.record("key.k").and_then(|record| record.value), None);
}

#[test]
fn a_lease_counts_held_and_stopping_keys() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce_all(&["k1", "k2", "k3"]);
    play.until_running(&["k1", "k2", "k3"]);
    play.players[a].app.confirms = false;
    play.retract("k1");
    play.run(BEAT * 2);
    play.rule(a, Verb::Write, "claim.k4", Fate::Held);
    play.announce("k4");
    play.run(BEAT * 2);
    let counts = play.lease("a").map(|lease| (lease.held, lease.stopping));
    assert_eq!(counts, Some((3, 1)), "one that is being taken is not held");
}

#[test]
fn a_hand_over_that_only_a_deposed_leader_shows_does_not_leave_the_key_idle() {
    let (mut play, donor, _) = pair();
    let revision = Revision(play.revision("claim.k").0 + 1);
    let deleted = Record::new("claim.k", revision, None);
    play.once(donor, Verb::Write, "claim.k", Fate::Lost);
    play.once(donor, Verb::Read, "claim.k", Fate::Old(Some(deleted)));
    play.retract("k");
    play.run(BEAT);
    assert_eq!(play.told(donor, "k"), "+-");
    play.announce("k");
    play.until(LEASE, |play| play.runner("k").is_some());
}
