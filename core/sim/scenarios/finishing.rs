//! Ending a key: completed, released, retracted and announced again, in the wrong moment.

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
fn a_key_that_is_completed_while_it_stops_for_being_retracted_can_come_back() {
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
fn a_completion_that_got_lost_does_not_end_a_key_that_is_announced_again() {
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
fn a_key_announced_again_before_its_completion_is_acknowledged_is_not_forgotten() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "key.k", Fate::Held);
    play.complete(a, "k");
    play.land(a);
    play.announce("k");
    play.deliver_now(a);
    play.until_running(&["k"]);
}

#[test]
fn a_lost_run_that_is_released_instead_of_confirmed_lets_the_key_start_again() {
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
fn what_is_said_of_an_earlier_run_does_not_end_the_newest() {
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
fn a_key_announced_again_while_its_owner_deletes_it_goes_on() {
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
fn the_end_of_a_keys_time_to_live_costs_no_snapshot() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.put("key.k", Some(Bytes::new()), Some(Duration::from_secs(4)));
    play.until_running(&["k"]);
    play.run(LEASE * 4);
    assert_eq!(play.told(a, "k"), "+-");
    assert_eq!(play.resyncs(a), 0);
}

#[test]
fn keys_that_came_and_went_are_forgotten_by_every_node() {
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
fn keys_that_went_while_nobody_watched_are_forgotten_too() {
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
fn the_record_of_unconfirmed_stops_goes_when_its_first_deletion_got_lost() {
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

/// A look that begins later knows the age only from the record.
#[test]
fn the_record_of_unconfirmed_stops_never_says_much_less_than_their_age_and_never_expires() {
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
fn a_drain_counts_what_it_moved_and_not_what_was_released_before() {
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
