//! Collecting tombstones despite failures and invalid manifests.

use std::time::Duration;

use bytes::Bytes;

use super::collecting::{GONE, is_collected, start};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::id::Revision;
use crate::wire::ManifestRecord;

fn are_collected(play: &Play) -> bool {
    GONE.iter().all(|key| is_collected(play, key))
}

fn use_up(play: &mut Play) {
    play.announce_all(&GONE);
    play.until_running(&GONE);
    for key in GONE {
        play.retract(key);
    }
}

#[test]
fn a_failed_collection_is_retried_without_other_events() {
    for fate in [Fate::Lost, Fate::Refused] {
        let mut play = Play::new(LEASE);
        let a = start(&mut play, "a");
        play.announce_all(&GONE);
        play.until_running(&GONE);
        for key in GONE {
            play.once(a, Verb::Write, &format!("key.{key}"), fate.clone());
        }
        for key in GONE {
            play.retract(key);
        }
        play.until(LEASE * 4, are_collected);
    }
}

#[test]
fn an_invalid_manifest_is_overwritten() {
    let forged = ManifestRecord { upto: Revision(1 << 40), live: Vec::new() };
    for value in [Some(Bytes::from_static(b"garbage")), Some(forged.encode()), None] {
        for later in [false, true] {
            let mut play = Play::new(LEASE);
            play.put("manifest.0-0", value.clone(), None);
            if later {
                play.log.forget("manifest.0-0");
            }
            start(&mut play, "a");
            if later {
                play.run(LEASE * 2);
                play.put("manifest.0-0", value.clone(), None);
            }
            use_up(&mut play);
            play.until(LEASE * 4, are_collected);
        }
    }
}

#[test]
fn a_vanished_manifest_is_rewritten() {
    let mut play = Play::new(LEASE);
    start(&mut play, "a");
    use_up(&mut play);
    play.until(LEASE * 2, are_collected);
    play.log.forget("manifest.0-0");
    use_up(&mut play);
    play.until(LEASE * 4, are_collected);
}

#[test]
fn a_refused_collector_is_replaced_while_keys_come_and_go() {
    for denied in 0..2 {
        let mut play = Play::new(LEASE);
        let (_, _) = (start(&mut play, "a"), start(&mut play, "b"));
        play.announce("busy");
        play.until_running(&["busy"]);
        play.rule(denied, Verb::Write, "manifest.0-0", Fate::Refused);
        use_up(&mut play);
        for _ in 0..20 {
            play.retract("busy");
            play.run(LEASE / 4);
            play.announce("busy");
            play.run(LEASE / 4);
        }
        assert!(are_collected(&play), "{denied} may not");
    }
}

#[test]
fn the_second_collector_is_as_fast() {
    let keys: Vec<_> = (0..1_000).map(|n| format!("k{n}")).collect();
    for denied in 0..2 {
        let mut play = Play::new(LEASE);
        start(&mut play, "a");
        start(&mut play, "b");
        play.rule(denied, Verb::Write, "manifest.0-0", Fate::Refused);
        play.rule(denied, Verb::Write, "key.", Fate::Refused);
        play.announce_all(&keys);
        play.run(LEASE * 4);
        for key in &keys {
            play.retract(key);
        }
        play.until(LEASE * 5, |play| keys.iter().all(|key| is_collected(play, key)));
    }
}

#[test]
fn lost_collections_are_repeated() {
    let mut play = Play::new(LEASE);
    start(&mut play, "a");
    play.announce_all(&GONE);
    play.until_running(&GONE);
    play.run(Duration::from_millis(100));
    use_up(&mut play);
    let first = |play: &Play| is_collected(play, GONE[0]);
    play.until(LEASE * 2, first);
    play.log.lose_tail(GONE.len());
    play.run(BEAT);
    play.until(LEASE * 4, are_collected);
}

#[test]
fn an_overwritten_manifest_is_restored() {
    let forged = ManifestRecord { upto: Revision(1 << 40), live: Vec::new() };
    for value in [Some(Bytes::from_static(b"garbage")), Some(forged.encode()), None] {
        let mut play = Play::new(LEASE);
        let (a, b) = (start(&mut play, "a"), start(&mut play, "b"));
        use_up(&mut play);
        play.until(LEASE * 2, are_collected);
        play.put("manifest.0-0", value, None);
        play.run(LEASE * 3);
        play.crash(a);
        play.crash(b);
        play.log.crash(play.now, Duration::ZERO, |_| Some(0));
        assert!(GONE.iter().any(|key| play.log.has_value(&format!("key.{key}"))), "it is back");
        let c = start(&mut play, "c");
        play.run(LEASE * 6);
        for key in GONE {
            assert_eq!(play.told(c, key), "", "{key}");
        }
    }
}

#[test]
fn a_deleted_manifest_with_an_expired_tombstone_is_restored() {
    let mut play = Play::new(LEASE);
    let a = start(&mut play, "a");
    use_up(&mut play);
    play.until(LEASE * 2, are_collected);
    play.once(a, Verb::Write, "manifest.0-0", Fate::Lost);
    play.put("manifest.0-0", None, None);
    play.run(BEAT);
    play.log.forget("manifest.0-0");
    play.until(LEASE * 2, |play| play.log.has_value("manifest.0-0"));
}

#[test]
fn a_recreated_log_is_collected_despite_a_higher_manifest() {
    let mut play = Play::new(LEASE);
    let a = start(&mut play, "a");
    play.log.skip(1 << 20);
    use_up(&mut play);
    play.put("manifest.0-0", Some(Bytes::from_static(b"garbage")), None);
    play.until(LEASE, |play| play.reads(a, "manifest.0-0") > 0);
    // This answer names a revision of the old log. It is the last one from that log.
    play.run(MS * 3);
    play.log.recreate();
    play.break_watches(a);
    play.run(LEASE * 2);
    use_up(&mut play);
    play.until(LEASE * 4, are_collected);
}

#[test]
fn a_key_announced_during_its_collection_stays() {
    let mut play = Play::new(LEASE);
    let a = start(&mut play, "a");
    play.announce_all(&GONE);
    play.until_running(&GONE);
    let name = format!("key.{}", GONE[0]);
    play.once(a, Verb::Write, &name, Fate::Held);
    for key in GONE {
        play.retract(key);
    }
    play.until(LEASE * 2, |play| play.players[a].held.len() == 1);
    play.announce(GONE[0]);
    play.until_running(&GONE[..1]);
    play.land(a);
    play.run(LEASE);
    play.break_watches(a);
    play.run(LEASE);
    assert!(play.runs(a, GONE[0]) && play.log.has_value(&name));
    assert_eq!(play.told(a, GONE[0]), "+-+");
}
