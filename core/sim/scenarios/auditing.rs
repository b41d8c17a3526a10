//! The audit: a node regularly reads one of its own records, to find changes that its watch does
//! not show.

use std::time::Duration;

use super::casts::{alone, pair};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::Action;
use crate::id::{Revision, Token};
use crate::log::Record;
use crate::time::Time;
use crate::wire::ClaimRecord;

/// When the process read a record of this kind.
fn asked(play: &Play, place: usize, kind: &str) -> Vec<(Time, String)> {
    let ask = |(at, action): &(Time, Action)| match action {
        Action::Read(_, name, _) if name.starts_with(kind) => Some((*at, name.clone())),
        _ => None,
    };
    play.players[place].done.iter().filter_map(ask).collect()
}

#[test]
fn the_audit_reads_one_claim_or_key_per_heartbeat() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    let keys = ["k1", "k2", "k3"];
    play.announce_all(&keys);
    play.until_running(&keys);
    play.run(LEASE);
    let before = asked(&play, a, "").len();
    play.run(BEAT * 12);
    let asked: Vec<_> = asked(&play, a, "").into_iter().skip(before).collect();
    assert_eq!(asked.len(), 12);
    assert!(asked.windows(2).all(|pair| pair[1].0.since(pair[0].0) == BEAT), "{asked:?}");
    let names: Vec<&str> = asked.iter().map(|(_, name)| name.as_str()).collect();
    for key in keys {
        let at = names.iter().position(|name| *name == format!("claim.{key}")).expect("asked for");
        let next = names[(at + 1) % 6..].first().expect("there are twelve");
        assert_eq!(*next, format!("key.{key}"), "{names:?}");
        assert_eq!(names.iter().filter(|name| name.ends_with(key)).count(), 4);
    }
}

#[test]
fn the_audit_reads_at_most_ten_times_a_second() {
    let mut play = Play::new(Duration::from_millis(300));
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    let before = asked(&play, a, "").len();
    play.run(Duration::from_secs(2));
    assert_eq!(asked(&play, a, "").len() - before, 20);
}

/// Whether a node resyncs when the leader answers this for the claim that it holds.
fn resyncs_on(answer: impl FnOnce(&mut Play) -> Option<Record>) -> bool {
    let (mut play, a) = alone();
    let answer = answer(&mut play);
    play.run(MS * 5);
    let before = play.resyncs(a);
    play.rule(a, Verb::Read, "claim.k", Fate::Old(answer));
    play.run(BEAT * 5);
    play.resyncs(a) > before
}

#[test]
fn a_claim_that_differs_from_the_view_causes_a_resync() {
    let standing = |play: &mut Play| play.record("claim.k").expect("a claim");
    let other = |play: &mut Play| {
        let claim = play.claim("k").expect("a claim");
        Some(ClaimRecord { token: Token(claim.token.0 + 1), ..claim }.encode())
    };
    assert!(resyncs_on(|_| None), "it is gone");
    assert!(!resyncs_on(|play| Some(standing(play))));
    assert!(resyncs_on(|play| Some(Record { value: other(play), ..standing(play) })));
    assert!(resyncs_on(|play| {
        let record = standing(play);
        Some(Record { revision: Revision(record.revision.0 - 1), ..record })
    }));
    // The watch should have delivered it.
    let later = |play: &mut Play, by: u64| {
        play.announce("other");
        Record { revision: Revision(play.log.last().0 + by), ..standing(play) }
    };
    assert!(resyncs_on(|play| Some(Record { value: other(play), ..later(play, 0) })));
    assert!(!resyncs_on(|play| Some(later(play, 0))), "with its own token it may be mended");
    // The watch will deliver it.
    assert!(!resyncs_on(|play| Some(Record { value: other(play), ..later(play, 1_000) })));
}

#[test]
fn a_vanished_claim_is_noticed_within_two_heartbeats() {
    let (mut play, owner, _) = pair();
    play.log.forget("claim.k");
    play.until(BEAT * 2 + MS * 10, |play| play.resyncs(owner) == 1);
    play.until_running(&["k"]);
}

#[test]
fn a_vanished_key_is_noticed_and_stopped() {
    let (mut play, owner, _) = pair();
    play.log.forget("key.k");
    play.until(BEAT * 3, |play| play.told(owner, "k") == "+-");
    assert_eq!(play.resyncs(owner), 1);
}

#[test]
fn the_audit_covers_stopping_keys() {
    let (mut play, owner, _) = pair();
    play.players[owner].app.confirms = false;
    play.drain(owner);
    play.until(BEAT, |play| play.told(owner, "k") == "+-");
    play.log.forget("claim.k");
    play.until(BEAT * 3, |play| play.told(owner, "k") == "+-!");
}

#[test]
fn a_recreated_stream_is_noticed_within_thirty_seconds() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    let info = |play: &Play| -> Vec<Time> {
        let is_it = |(_, action): &&(Time, Action)| matches!(action, Action::Info);
        play.players[a].done.iter().filter(is_it).map(|(at, _)| *at).collect()
    };
    play.run(Duration::from_mins(1));
    let times = info(&play);
    assert!(times.len() > 2);
    let thirty = Duration::from_secs(30);
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == thirty), "{times:?}");
    assert_eq!(play.resyncs(a), 0, "it is the same one");
    play.log.created += 1;
    play.until(thirty, |play| play.resyncs(a) == 1);
    play.run(Duration::from_secs(65));
    assert_eq!(play.resyncs(a), 1, "it knows that one now");
}

#[test]
fn a_node_without_keys_audits_nothing() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    let before = asked(&play, a, "").len();
    play.run(LEASE * 2);
    assert_eq!(asked(&play, a, "").len(), before);
}

#[test]
fn a_late_audit_answer_does_not_apply_to_another_key() {
    let (mut play, a) = alone();
    play.once(a, Verb::Read, "claim.k", Fate::Held);
    play.until(LEASE, |play| !play.players[a].held.is_empty());
    play.retract("k");
    play.run(MS * 20);
    play.announce("j");
    play.until(MS * 100, |play| play.runs(a, "j"));
    let before = play.resyncs(a);
    play.land(a);
    play.run(BEAT);
    assert_eq!(play.resyncs(a), before);
    assert_eq!(play.told(a, "j"), "+");
}
