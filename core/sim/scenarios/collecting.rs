//! Deleted records stay deleted after a crash of the store, and their tombstones are collected.

use std::time::Duration;

use bytes::Bytes;

use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::id::Revision;
use crate::log::{Outcome, Record, Write};
use crate::timing::TOMBSTONE_TTL;
use crate::wire::ManifestRecord;

/// Deleted keys, enough to make a manifest worth its write here.
pub(super) const GONE: [&str; 3] = ["x", "y", "z"];

pub(super) fn start(play: &mut Play, id: &str) -> usize {
    play.start_with(id, 0, |config| config.worth = GONE.len())
}

/// Two nodes that ran some deleted keys and one existing key.
fn used() -> (Play, usize, usize) {
    let mut play = Play::new(LEASE);
    let (a, b) = (start(&mut play, "a"), start(&mut play, "b"));
    play.announce_all(&GONE);
    play.announce("stays");
    play.until_running(&GONE);
    play.until_running(&["stays"]);
    for key in GONE {
        play.retract(key);
    }
    (play, a, b)
}

pub(super) fn is_collected(play: &Play, key: &str) -> bool {
    let record = play.log.newest(&format!("key.{key}"));
    record.is_none_or(|record| record.value.is_none() && record.ttl == Some(TOMBSTONE_TTL))
}

fn manifest(play: &Play) -> ManifestRecord {
    let record = play.log.newest("manifest.0-0").expect("a manifest");
    ManifestRecord::decode(record.value.as_ref().expect("no tombstone")).expect("it can be read")
}

/// The store drops the tombstones that may expire, and shows again what they superseded.
fn crash_store(play: &mut Play) {
    play.log.crash(play.now, Duration::ZERO, |_| Some(0));
    for at in 0..play.players.len() {
        play.break_watches(at);
    }
}

fn exists(play: &Play, key: &str) -> bool {
    play.log.has_value(&format!("key.{key}"))
}

#[test]
fn tombstones_stay_until_a_manifest_covers_them() {
    let (mut play, ..) = used();
    let deleted: Vec<_> = GONE.iter().map(|key| play.revision(&format!("key.{key}"))).collect();
    play.until(LEASE * 2, |play| GONE.iter().all(|key| is_collected(play, key)));
    let manifest = manifest(&play);
    assert!(deleted.iter().all(|revision| manifest.is_superseded(*revision)), "{manifest:?}");
    for standing in ["key.stays", "member.a", "member.b"] {
        assert!(manifest.live.contains(&play.revision(standing)), "{standing}");
    }
}

#[test]
fn few_tombstones_cause_no_manifest() {
    let mut play = Play::new(LEASE);
    let a = start(&mut play, "a");
    for key in &GONE[1..] {
        play.announce(key);
        play.until_running(&[key]);
        play.retract(key);
    }
    play.run(LEASE * 3);
    assert!(play.log.newest("manifest.0-0").is_none());
    assert!(play.writes(a, "key.").is_empty());
}

#[test]
fn a_superseded_key_is_not_started_by_nodes_that_knew_it() {
    let (mut play, a, b) = used();
    play.until(LEASE * 2, |play| GONE.iter().all(|key| is_collected(play, key)));
    crash_store(&mut play);
    assert!(GONE.iter().any(|key| exists(&play, key)), "what was superseded is back");
    play.until(LEASE, |play| !GONE.iter().any(|key| exists(play, key)));
    play.run(LEASE);
    for key in GONE {
        assert!(is_collected(&play, key), "it is deleted again");
        assert!([a, b].iter().all(|at| !play.runs(*at, key)));
        let told = [a, b].map(|at| play.told(at, key)).concat();
        assert_eq!(told.matches('+').count(), 1, "{key} {told}");
    }
}

#[test]
fn a_superseded_key_is_not_started_by_new_nodes() {
    let (mut play, a, b) = used();
    play.until(LEASE * 2, |play| GONE.iter().all(|key| is_collected(play, key)));
    play.crash(a);
    play.crash(b);
    crash_store(&mut play);
    assert!(GONE.iter().any(|key| exists(&play, key)), "what was superseded is back");
    let c = start(&mut play, "c");
    play.until(LEASE * 6, |play| play.runs(c, "stays"));
    play.until(LEASE, |play| !GONE.iter().any(|key| exists(play, key)));
    for key in GONE {
        assert_eq!(play.told(c, key), "", "{key}");
    }
}

#[test]
fn an_expired_key_stays_gone_after_a_store_crash() {
    let mut play = Play::new(LEASE);
    let a = start(&mut play, "a");
    play.announce("k");
    play.until_running(&["k"]);
    play.put("key.k", Some(Bytes::new()), Some(Duration::from_secs(2)));
    play.until(LEASE, |play| play.told(a, "k") == "+-");
    let record = play.record("key.k").expect("a tombstone");
    assert_eq!((record.value, record.ttl), (None, None));
    crash_store(&mut play);
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+-");
}

#[test]
fn a_key_that_expired_unseen_gets_a_tombstone() {
    let mut play = Play::new(LEASE);
    play.announce("k");
    play.put("key.k", Some(Bytes::new()), Some(Duration::from_secs(2)));
    play.run(Duration::from_secs(3));
    let a = start(&mut play, "a");
    play.until(LEASE, |play| !exists(play, "k"));
    let record = play.record("key.k").expect("a tombstone");
    assert_eq!((record.value, record.ttl), (None, None));
    assert_eq!(play.told(a, "k"), "");
}

#[test]
fn an_announcement_with_nats_ttl_is_deleted() {
    let mut play = Play::new(LEASE);
    let a = start(&mut play, "a");
    play.announce("k");
    play.until_running(&["k"]);
    let write = Write {
        name: "key.k".into(),
        value: Some(Bytes::new()),
        expected: None,
        ttl: Some(Duration::from_mins(1)),
        expires_in: None,
    };
    assert!(matches!(play.log.write(play.now, &write), Outcome::Acked(_)));
    play.wake();
    play.until(LEASE, |play| play.told(a, "k") == "+-");
    play.until(BEAT * 2, |play| !exists(play, "k"));
    let record = play.record("key.k").expect("a tombstone");
    assert_eq!((record.value, record.ttl), (None, None));
}

#[test]
fn a_refused_collector_is_replaced() {
    for denied in 0..2 {
        let (mut play, ..) = used();
        play.rule(denied, Verb::Write, "manifest.0-0", Fate::Refused);
        for key in GONE {
            play.rule(denied, Verb::Write, &format!("key.{key}"), Fate::Refused);
        }
        play.until(LEASE * 5, |play| GONE.iter().all(|key| is_collected(play, key)));
    }
}

#[test]
fn a_superseded_record_unknown_to_the_leader_gets_a_tombstone() {
    let (mut play, a, b) = used();
    play.until(LEASE * 2, |play| GONE.iter().all(|key| is_collected(play, key)));
    let names = GONE.map(|key| format!("key.{key}"));
    for at in [a, b] {
        for name in &names {
            play.once(at, Verb::Write, name, Fate::Held);
        }
    }
    crash_store(&mut play);
    let back: Vec<_> = names.iter().filter(|name| play.log.has_value(name)).collect();
    assert!(!back.is_empty());
    let held = |play: &Play, at: usize| play.players[at].held.len() == back.len();
    play.until(LEASE, |play| held(play, a) || held(play, b));
    // The watches showed records that the leader does not have.
    for name in &back {
        play.log.forget(name);
    }
    let collector = if held(&play, a) { a } else { b };
    play.land(collector);
    play.run(BEAT);
    for name in back {
        let written = play.writes(collector, name);
        assert!(written.iter().any(|(_, write)| write.expected == Some(Revision::NONE)));
        let record = play.record(name).expect("a tombstone");
        assert_eq!((record.value, record.ttl), (None, Some(TOMBSTONE_TTL)));
    }
}

#[test]
fn a_manifest_that_does_not_fit_covers_a_smaller_part() {
    let mut play = Play::new(LEASE);
    // Revisions this far apart need ten digits each.
    let keys: Vec<_> = (0..1_000).map(|n| format!("k{n}")).collect();
    for key in &keys {
        play.announce(key);
        play.log.skip(1 << 46);
    }
    let a = play.start_with("a", 0, |config| config.worth = 100);
    play.until(LEASE * 2, |play| keys.iter().all(|key| play.runs(a, key)));
    let (gone, stay) = keys.split_at(100);
    for key in gone {
        play.retract(key);
    }
    let manifests = |play: &Play| {
        let names = play.log.records().map(|record| record.name.clone());
        names.filter(|name| name.starts_with("manifest.")).collect::<Vec<_>>()
    };
    play.until(LEASE, |play| !manifests(play).is_empty());
    assert_eq!(manifests(&play).iter().filter(|name| name.starts_with("manifest.0")).count(), 0);
    play.break_watches(a);
    play.run(LEASE);
    assert!(stay.iter().all(|key| play.told(a, key) == "+"));
}

#[test]
fn a_manifest_about_later_revisions_is_ignored() {
    let mut play = Play::new(LEASE);
    let forged = ManifestRecord { upto: Revision(1 << 40), live: Vec::new() };
    play.put("manifest.0-0", Some(forged.encode()), None);
    let a = start(&mut play, "a");
    play.announce("k");
    play.until_running(&["k"]);
    play.break_watches(a);
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+");
    let record: Option<Record> = play.record("key.k");
    assert!(record.is_some_and(|record| record.value.is_some()));
}

#[test]
fn the_second_collector_waits_one_lease_for_the_first() {
    let (mut play, a, b) = used();
    for place in [a, b] {
        play.rule(place, Verb::Write, "manifest.0-0", Fate::Refused);
    }
    let tried = |play: &Play, place| !play.writes(place, "manifest.0-0").is_empty();
    play.until(LEASE * 6, |play| tried(play, a) && tried(play, b));
    let mut first = [a, b].map(|place| play.writes(place, "manifest.0-0")[0].0);
    first.sort_unstable();
    assert!(first[1].since(first[0]) >= LEASE, "{first:?}");
}

#[test]
fn a_manifest_deleted_while_the_collector_is_idle_is_restored() {
    let (mut play, ..) = used();
    play.until(LEASE * 2, |play| GONE.iter().all(|key| is_collected(play, key)));
    play.retract("stays");
    play.run(LEASE * 3);
    let before = manifest(&play);
    play.put("manifest.0-0", None, None);
    play.until(LEASE * 3, |play| play.log.has_value("manifest.0-0"));
    assert_eq!(manifest(&play), before);
}
