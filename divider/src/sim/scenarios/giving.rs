//! Claims that are given away where answers are lost or of old.

use std::time::Duration;

use bytes::Bytes;

use super::casts::pair;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::core::edge::Notice;
use crate::core::timing::Timing;
use crate::id::Token;
use crate::wire::{ClaimRecord, ControlRecord, MAX_NOT, Mode, NotNode};

/// The same, where the one that runs it is drained and was told to stop.
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
fn a_hand_over_whose_acknowledgement_got_lost_is_found_by_asking() {
    let (mut play, donor, other) = stopping();
    play.run(BEAT / 2);
    // The watch shows it much later.
    play.players[donor].pace = BEAT * 2;
    play.run(MS);
    play.once(donor, Verb::Write, "claim.k", Fate::Unanswered);
    play.confirm(donor, "k");
    play.until(Timing::of(LEASE).ack + MS * 20, |play| handed(play, donor).len() == 1);
    assert!(handed(&play, donor)[0] >= BEAT / 2, "counted from the stop");
    play.until(BEAT, |play| play.runs(other, "k"));
}

#[test]
fn a_hand_over_that_the_watch_shows_before_anybody_answers_is_counted_once() {
    for retracted in [false, true] {
        let (mut play, donor, _) = pair();
        play.rule(donor, Verb::Read, "claim.k", Fate::Lost);
        play.once(donor, Verb::Write, "claim.k", Fate::Unanswered);
        if retracted {
            play.retract("k");
        } else {
            play.drain(donor);
        }
        play.run(LEASE);
        assert_eq!(handed(&play, donor).len(), 1, "retracted: {retracted}");
    }
}

#[test]
fn a_leader_of_old_does_not_end_a_hand_over_in_doubt() {
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

// U6
#[test]
fn a_claim_that_was_mended_while_it_is_given_away_is_given_away_from_there() {
    for shown_by_the_watch in [false, true] {
        let (mut play, donor, other) = pair();
        play.players[donor].app.confirms = false;
        play.once(donor, Verb::Write, "claim.k", Fate::Held);
        play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
        play.until(BEAT, |play| !play.players[donor].held.is_empty());
        play.drain(donor);
        play.until(BEAT, |play| play.told(donor, "k") == "+-");
        if shown_by_the_watch {
            play.rule(donor, Verb::Read, "claim.k", Fate::Lost);
        } else {
            play.players[donor].pace = BEAT * 2;
            play.run(MS);
            play.once(donor, Verb::Read, "claim.k", Fate::Held);
        }
        play.confirm(donor, "k");
        play.run(MS * 10);
        play.land(donor);
        play.until(LEASE * 2, |play| play.runs(other, "k"));
        assert_eq!(play.told(donor, "k"), "+-", "the watch: {shown_by_the_watch}");
    }
}

#[test]
fn a_key_that_nobody_may_take_any_more_when_it_has_stopped_starts_again() {
    let (mut play, donor, other) = stopping();
    let id = play.players[other].id.to_string();
    play.control(&id, &ControlRecord::new(Mode::Cordon));
    play.run(MS * 10);
    play.confirm(donor, "k");
    play.until(BEAT, |play| play.runs(donor, "k"));
    assert_eq!(play.told(donor, "k"), "+-+");
}

#[test]
fn of_those_who_released_a_key_the_first_is_forgotten_when_there_are_too_many() {
    for others in [MAX_NOT - 1, MAX_NOT] {
        let mut play = Play::new(LEASE);
        let a = play.start("a");
        play.run(LEASE);
        let not =
            |at| NotNode { node: format!("n{at}").parse().expect("a legal id"), for_ms: 600_000 };
        let claim =
            ClaimRecord { owner: None, token: Token(1), not: (0..others).map(not).collect() };
        play.put("claim.k", Some(claim.encode()), None);
        play.announce("k");
        play.until_running(&["k"]);
        play.release(a, "k");
        play.run(MS * 10);
        let not = play.claim("k").expect("it can be read").not;
        assert_eq!(not.len(), MAX_NOT, "{others} others");
        assert_eq!(not[0].node.as_str(), if others == MAX_NOT { "n1" } else { "n0" });
        assert_eq!(not[MAX_NOT - 1].node.as_str(), "a");
    }
}

#[test]
fn a_completion_of_which_nobody_knows_anything_is_written_again() {
    let (mut play, donor, _) = pair();
    play.once(donor, Verb::Write, "key.k", Fate::Lost);
    play.rule(donor, Verb::Read, "key.k", Fate::Lost);
    let request = play.complete(donor, "k");
    play.until(LEASE, |play| play.reply(donor, request).is_some());
    assert_eq!(play.record("key.k").and_then(|record| record.value), None);
}

#[test]
fn a_lease_tells_how_many_keys_are_held() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce_all(&["k1", "k2", "k3"]);
    play.until_running(&["k1", "k2", "k3"]);
    play.players[a].app.confirms = false;
    play.retract("k1");
    play.run(BEAT * 2);
    assert_eq!(play.lease("a").map(|lease| (lease.held, lease.stopping)), Some((3, 1)));
}
