//! Stops with a time limit.

use std::time::Duration;

use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::id::Revision;
use crate::wire::StopsRecord;

/// Two nodes whose stops time out after a tenth of a heartbeat. One has the key and confirms no stop.
fn hasty() -> (Play, usize) {
    let mut play = Play::new(LEASE);
    for id in ["a", "b"] {
        play.start_with(id, 0, |config| config.stop_timeout = Some(BEAT / 10));
    }
    play.run(LEASE);
    play.announce("k");
    play.until_running(&["k"]);
    let donor = play.runner("k").expect("it runs");
    play.players[donor].app.confirms = false;
    (play, donor)
}

fn stops(play: &mut Play, donor: usize) -> Option<(Revision, StopsRecord)> {
    let name = format!("stops.{}", play.players[donor].id);
    let record = play.record(&name)?;
    let stops = StopsRecord::decode(record.value.as_deref()?).expect("it can be read");
    Some((record.revision, stops))
}

#[test]
fn an_unconfirmed_key_is_handed_over_at_its_stop_timeout() {
    let mut play = Play::new(LEASE);
    for id in ["a", "b"] {
        play.start_with(id, 0, |config| config.stop_timeout = Some(LEASE));
    }
    play.run(LEASE);
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    let donor = play.runner("k").expect("it runs");
    play.players[donor].app.confirms = false;
    play.drain(donor);
    play.until(LEASE, |play| play.told(donor, "k") == "+-");
    let before = play.revision("claim.k");
    play.run(LEASE - MS);
    assert_eq!(play.revision("claim.k"), before, "it may still be at work");
    play.until(MS * 30, |play| play.runs(1 - donor, "k"));
}

#[test]
fn an_unconfirmed_stop_is_recorded_before_its_key_is_given_away() {
    let (mut play, donor) = hasty();
    play.drain(donor);
    play.until(LEASE, |play| play.runs(1 - donor, "k"));
    let (revision, record) = stops(&mut play, donor).expect("it says so");
    assert!(revision < play.revision("claim.k"), "before the key is another's");
    assert_eq!((record.count, record.given, record.oldest.len()), (1, 1, 1));
    assert!(record.oldest[0].given && record.oldest[0].key.as_str() == "k");
    play.run(LEASE * 3);
    let (_, record) = stops(&mut play, donor).expect("it still may run");
    assert_eq!((record.count, record.given), (1, 1));
    let id = play.players[donor].id.to_string();
    assert_eq!(play.lease(&id).expect("it lives").stopping, 1);
    play.confirm(donor, "k");
    play.run(BEAT * 2);
    assert!(stops(&mut play, donor).is_none(), "now it is over");
    assert_eq!(play.lease(&id).expect("it lives").stopping, 0);
}

#[test]
fn an_unrecorded_stop_delays_the_hand_over_by_one_lease() {
    let (mut play, donor) = hasty();
    let name = format!("stops.{}", play.players[donor].id);
    play.rule(donor, Verb::Write, &name, Fate::Refused);
    play.drain(donor);
    play.until(BEAT, |play| play.told(donor, "k") == "+-");
    play.run(LEASE - BEAT);
    assert!(!play.runs(1 - donor, "k"), "it tries for a lease");
    play.until(BEAT + LEASE + Duration::from_secs(1), |play| play.runs(1 - donor, "k"));
}
