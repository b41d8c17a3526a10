//! The stops record: when it is written, and its content.

use std::time::Duration;

use super::casts::{KEYS, alone, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::time::Time;
use crate::timing::TOMBSTONE_TTL;
use crate::wire::StopsRecord;

/// The stops records that a process wrote, with their times. `None`: a deletion.
fn written(play: &Play, place: usize) -> Vec<(Time, Option<StopsRecord>)> {
    let name = format!("stops.{}", play.players[place].id);
    let read = |value: &[u8]| StopsRecord::decode(value).expect("it can be read");
    let writes = play.writes(place, &name).into_iter();
    writes.map(|(at, write)| (at, write.value.as_deref().map(read))).collect()
}

#[test]
fn stops_are_rewritten_when_their_age_grew_by_a_quarter() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.retract("k");
    play.until(BEAT, |play| play.told(a, "k") == "+-");
    let since = play.now;
    play.run(Duration::from_hours(3));
    let written = written(&play, a);
    assert!(written[0].0.since(since) <= BEAT);
    for pair in written.windows(2) {
        let age = pair[0].0.since(since);
        let want = (age / 4).clamp(BEAT * 2, TOMBSTONE_TTL / 4);
        let gap = pair[1].0.since(pair[0].0);
        assert!((want..want + BEAT).contains(&gap), "{gap:?} at {age:?}, and not {want:?}");
        let said = pair[0].1.as_ref().expect("there is one").oldest[0].since_ms;
        assert_eq!(u128::from(said), age.as_millis());
    }
}

#[test]
fn stops_are_written_when_the_count_changes() {
    let (mut play, a, _) = sharing();
    play.players[a].app.confirms = false;
    let keys = KEYS.into_iter().filter(|key| play.runs(a, key)).collect::<Vec<_>>();
    for key in &keys {
        play.retract(key);
        play.run(BEAT + MS * 50);
    }
    for key in &keys {
        play.confirm(a, key);
        play.run(BEAT + MS * 50);
    }
    let counts: Vec<_> =
        written(&play, a).into_iter().map(|(_, stops)| stops.map_or(0, |s| s.count)).collect();
    let mut changes = counts.clone();
    changes.dedup();
    assert_eq!(changes, [1, 2, 3, 2, 1, 0]);
    assert_eq!(counts.iter().filter(|count| **count == 0).count(), 1, "{counts:?}");
    play.run(LEASE * 2);
    assert_eq!(written(&play, a).len(), counts.len(), "then there is nothing to say");
}

#[test]
fn a_node_without_stops_writes_no_stops_record() {
    let (mut play, a) = alone();
    play.run(LEASE * 2);
    assert!(written(&play, a).is_empty());
}

#[test]
fn only_one_stops_write_is_on_its_way() {
    let (mut play, a, _) = sharing();
    play.players[a].app.confirms = false;
    play.rule(a, Verb::Write, "stops.a", Fate::Held);
    let keys = KEYS.into_iter().filter(|key| play.runs(a, key)).collect::<Vec<_>>();
    play.retract(keys[0]);
    play.until(BEAT * 2, |play| !written(play, a).is_empty());
    play.retract(keys[1]);
    play.run(BEAT / 3);
    play.retract(keys[2]);
    // Due with this heartbeat, before the outcome of the first write is known.
    play.run(BEAT / 3);
    assert_eq!(written(&play, a).len(), 1);
}

#[test]
fn a_failed_stops_write_is_repeated() {
    for fate in [Fate::Refused, Fate::Lost, Fate::Unanswered] {
        let (mut play, a) = alone();
        play.players[a].app.confirms = false;
        play.once(a, Verb::Write, "stops.a", fate);
        play.retract("k");
        play.run(LEASE);
        let value = play.record("stops.a").and_then(|record| record.value).expect("it stands");
        let stops = StopsRecord::decode(&value).expect("it can be read");
        assert_eq!((stops.count, stops.oldest.len()), (1, 1));
        assert_eq!(stops.session, play.member("a").expect("a member").session);
    }
}
