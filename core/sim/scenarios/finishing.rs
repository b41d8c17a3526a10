//! Keys that are completed, released, retracted or announced again at an inconvenient time.

use std::time::Duration;

use bytes::Bytes;

use super::casts::alone;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Notice, Reply};
use crate::key::Key;
use crate::wire::StopsRecord;

fn k() -> Key {
    Key::new("k").expect("a legal key")
}

#[test]
fn a_retracted_key_can_return_after_completion() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.retract("k");
    play.until(BEAT, |play| play.told(a, "k") == "+-");
    let request = play.complete(a, "k");
    play.run(BEAT);
    assert_eq!(play.reply(a, request), Some(&Reply::Done));
    assert_eq!(play.claim("k"), None, "nobody needs it");
    play.announce("k");
    play.until_running(&["k"]);
}

#[test]
fn a_lost_completion_does_not_end_a_new_announcement() {
    for fate in [Fate::Lost, Fate::Unanswered] {
        let (mut play, a) = alone();
        play.once(a, Verb::Write, "key.k", fate);
        let request = play.complete(a, "k");
        play.run(MS * 5);
        play.announce("k");
        play.run(LEASE);
        assert_eq!(play.reply(a, request), Some(&Reply::AnnouncedAgain));
        assert!(play.record("key.k").is_some_and(|record| record.value.is_some()));
        assert!(play.runs(a, "k"));
    }
}

#[test]
fn an_announcement_before_the_completion_answer_is_kept() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "key.k", Fate::Held);
    play.complete(a, "k");
    play.land(a);
    play.announce("k");
    play.deliver_now(a);
    play.until_running(&["k"]);
}

#[test]
fn release_and_complete_confirm_a_lost_run() {
    for complete in [false, true] {
        let (mut play, a) = alone();
        play.players[a].app.confirms = false;
        play.rule(a, Verb::Write, "lease.a", Fate::Lost);
        play.until(LEASE, |play| play.is_fenced(a));
        play.players[a].rules.clear();
        play.run(LEASE * 3);
        assert_eq!(play.told(a, "k"), "+!", "it is a member again, and its old run goes on");
        let request = if complete { play.complete(a, "k") } else { play.release(a, "k") };
        assert_eq!(play.reply(a, request), Some(&Reply::Lost));
        play.until(LEASE, |play| play.runs(a, "k"));
    }
}

#[test]
fn commands_with_a_stale_token_are_ignored() {
    for command in [Command::Release, Command::Complete] {
        let (mut play, a) = alone();
        let earlier = play.claim("k").expect("a claim").token;
        play.cut(a);
        play.until(LEASE, |play| play.is_fenced(a));
        play.mend(a);
        play.until_running(&["k"]);
        let request = play.command(a, command(k(), earlier));
        play.run(LEASE);
        assert_eq!(play.reply(a, request), Some(&Reply::NotHeld));
        assert_eq!(play.told(a, "k"), "+!+");
        assert!(play.record("key.k").is_some_and(|record| record.value.is_some()));
    }
}

#[test]
fn an_announcement_during_expiry_keeps_the_key_running() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.once(a, Verb::Write, "key.k", Fate::Held);
    play.put("key.k", Some(Bytes::new()), Some(Duration::from_secs(2)));
    play.until_running(&["k"]);
    play.until(LEASE, |play| !play.players[a].held.is_empty());
    play.announce("k");
    play.land(a);
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn an_expired_key_causes_no_resync() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.put("key.k", Some(Bytes::new()), Some(Duration::from_secs(4)));
    play.until_running(&["k"]);
    play.run(LEASE * 4);
    assert_eq!(play.told(a, "k"), "+-");
    assert_eq!(play.resyncs(a), 0);
}

#[test]
fn gone_keys_are_forgotten_by_every_node() {
    let mut play = Play::new(LEASE);
    let places = ["a", "b"].map(|id| play.start(id));
    play.run(LEASE);
    for round in 0..40 {
        let key = format!("k{round}");
        play.announce(&key);
        play.until_running(&[&key]);
        play.retract(&key);
    }
    play.run(LEASE * 2);
    for place in places {
        assert_eq!(play.players[place].core.known_keys(), 0);
    }
}

#[test]
fn keys_gone_unseen_are_forgotten() {
    let (mut play, a) = alone();
    let b = play.start("b");
    play.run(LEASE);
    play.players[b].silent = true;
    play.retract("k");
    play.run(BEAT);
    play.log.forget("key.k");
    play.log.forget("claim.k");
    play.mend(b);
    play.run(LEASE * 2);
    for place in [a, b] {
        assert_eq!(play.players[place].core.known_keys(), 0);
    }
}

#[test]
fn a_lost_deletion_of_the_stops_record_is_repeated() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.retract("k");
    play.until(LEASE, |play| !play.writes(a, "stops.a").is_empty());
    play.run(BEAT / 2);
    play.once(a, Verb::Write, "stops.a", Fate::Lost);
    play.confirm(a, "k");
    play.run(LEASE);
    assert_eq!(play.record("stops.a").and_then(|record| record.value), None);
}

/// A viewer that starts later knows the age only from the record.
#[test]
fn the_stops_record_keeps_up_with_the_age_and_never_expires() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.retract("k");
    play.until(LEASE, |play| !play.writes(a, "stops.a").is_empty());
    let first = play.writes(a, "stops.a").first().expect("there is one").0;
    for minutes in [1, 10, 100] {
        play.run(Duration::from_mins(minutes));
        let value = play.record("stops.a").and_then(|record| record.value).expect("it stands");
        let stops = StopsRecord::decode(&value).expect("it can be read");
        let said = Duration::from_millis(stops.oldest[0].since_ms);
        let age = play.now.since(first);
        assert!(said + BEAT * 2 > age / 5 * 4, "{said:?} of {age:?}");
    }
    let writes = play.writes(a, "stops.a").len();
    assert!(writes < 40, "each is a fourth of the age after the one before: {writes}");
}

#[test]
fn a_drain_does_not_count_earlier_releases() {
    let mut play = Play::new(LEASE);
    let places = ["a", "b"].map(|id| play.start(id));
    play.run(LEASE);
    play.announce("k");
    play.until_running(&["k"]);
    let donor = play.runner("k").expect("it runs");
    play.release(donor, "k");
    play.run(LEASE);
    assert!(play.runs(places[1 - donor], "k"));
    play.drain(donor);
    play.run(LEASE);
    let told = play.notices(donor).find(|notice| matches!(notice, Notice::Drained { .. }));
    assert_eq!(told, Some(&Notice::Drained { handed: 0, freed: 0 }));
}
