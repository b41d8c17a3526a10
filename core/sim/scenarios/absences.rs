//! Reads about records that may be gone, and the outcomes of writes and reads that are late.

use std::time::Duration;

use bytes::Bytes;

use super::casts::{alone, crowded, one, pair, stranger};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::Input;
use crate::id::{NodeId, Revision, Token};
use crate::log::{Change, Record, StoreError};
use crate::timing::Timing;
use crate::wire::{ClaimRecord, ControlRecord, Mode, Owner};

/// The pause before a record is read again, or a deletion is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A node that runs many keys. The log no longer has the record of `k9`, and the node reads it for the
/// first time. The answer is lost. The audit does not come to this key soon: there are many others.
fn unanswered() -> (Play, usize, usize) {
    let (mut play, a, _) = crowded(40);
    play.log.forget("key.k9");
    let before = play.reads(a, "key.k9");
    play.once(a, Verb::Read, "key.k9", Fate::Lost);
    play.break_watches(a);
    play.until(BEAT, |play| play.reads(a, "key.k9") == before + 1);
    (play, a, before + 1)
}

/// A node that runs `k`, whose time to live ends soon.
fn expiring() -> (Play, usize) {
    let (mut play, a) = alone();
    play.put("key.k", Some(Bytes::new()), Some(PAUSE));
    play.run(PAUSE - MS * 10);
    assert_eq!(play.told(a, "k"), "+");
    (play, a)
}

#[test]
fn an_unanswered_read_about_a_missing_key_is_repeated_after_a_pause() {
    let (mut play, a, reads) = unanswered();
    let took = play.until(LEASE, |play| play.reads(a, "key.k9") > reads);
    assert!(took >= PAUSE + Timing::of(LEASE).ack, "{took:?}");
    assert_eq!(play.told(a, "k9"), "+", "it may exist");
    play.until(BEAT, |play| play.told(a, "k9") == "+-");
    play.run(LEASE);
    assert_eq!(play.reads(a, "key.k9"), reads + 1);
}

#[test]
fn a_missing_key_that_is_announced_again_is_not_read_again() {
    let (mut play, a, reads) = unanswered();
    play.announce("k9");
    play.run(LEASE);
    assert_eq!((play.reads(a, "key.k9"), play.told(a, "k9").as_str()), (reads, "+"));
}

#[test]
fn an_older_answer_about_a_missing_key_is_not_believed() {
    let (mut play, a, _) = crowded(40);
    let now = play.record("key.k9").expect("the key");
    let old = Record { revision: Revision(now.revision.0 - 1), value: None, ..now };
    let before = play.reads(a, "key.k9");
    play.players[a].hidden.insert("key.k9".into());
    play.once(a, Verb::Read, "key.k9", Fate::Old(Some(old)));
    play.break_watches(a);
    play.run(LEASE);
    assert_eq!((play.reads(a, "key.k9"), play.told(a, "k9").as_str()), (before + 2, "+"));
}

#[test]
fn a_lost_deletion_of_an_expired_key_is_repeated_after_a_pause() {
    let (mut play, a) = expiring();
    play.once(a, Verb::Write, "key.k", Fate::Lost);
    play.until(BEAT, |play| play.writes(a, "key.k").len() == 1);
    let took = play.until(LEASE, |play| play.writes(a, "key.k").len() == 2);
    assert!(took >= PAUSE, "{took:?}");
    assert_eq!(play.told(a, "k"), "+", "it may have been announced again");
    play.until(BEAT, |play| play.told(a, "k") == "+-");
}

#[test]
fn a_key_whose_deletion_is_refused_expires_all_the_same() {
    let (mut play, a) = expiring();
    play.rule(a, Verb::Write, "key.k", Fate::Refused);
    play.until(BEAT, |play| play.told(a, "k") == "+-");
}

// The node learned from the watch that its take landed. The answer of the read comes later, and shows
// a newer claim than the watch.
#[test]
fn a_late_answer_about_a_take_does_not_end_the_run() {
    let (mut play, a) = one();
    play.once(a, Verb::Write, "claim.k", Fate::Unanswered);
    play.rule(a, Verb::Read, "claim.k", Fate::Held);
    play.announce("k");
    play.until(BEAT, |play| !play.writes(a, "claim.k").is_empty());
    play.players[a].silent = true;
    play.run(Timing::of(LEASE).ack + MS * 10);
    play.players[a].silent = false;
    play.wake();
    play.until(BEAT, |play| play.runs(a, "k"));
    play.players[a].silent = true;
    let owner = Some(Owner { node: NodeId::new("z").expect("a legal id"), session: stranger() });
    let token = Token(play.claim("k").expect("its claim").token.0 + 1);
    let claim = ClaimRecord::new(owner, token);
    play.put("claim.k", Some(claim.encode()), None);
    play.land(a);
    play.run(MS * 10);
    assert_eq!(play.told(a, "k"), "+", "the watch has not shown it");
    play.players[a].silent = false;
    play.wake();
    play.until(BEAT, |play| play.told(a, "k") == "+!");
}

#[test]
fn a_hand_over_that_waited_for_the_view_is_sent_when_the_view_is_complete() {
    let (mut play, donor, other) = pair();
    play.players[donor].app.confirms = false;
    let id = play.players[donor].id.to_string();
    play.control(&id, &ControlRecord::new(Mode::Drain));
    play.until(BEAT, |play| play.told(donor, "k") == "+-");
    play.players[donor].pace = MS * 5;
    play.break_watches(donor);
    play.run(MS * 10);
    let before = play.writes(donor, "claim.k").len();
    play.confirm(donor, "k");
    let is_complete = |play: &Play| play.players[donor].core.seen().is_some();
    play.run(MS);
    assert!(!is_complete(&play));
    play.until(BEAT, is_complete);
    assert_eq!(play.writes(donor, "claim.k").len(), before + 1, "it waits no longer");
    play.until(MS * 10, |play| play.runs(other, "k"));
}

#[test]
fn a_closed_watch_has_no_effect() {
    let (mut play, a) = alone();
    let closed = *play.players[a].watches.keys().next().expect("a watch");
    play.break_watches(a);
    play.run(BEAT);
    let record = Record {
        name: "key.k".into(),
        revision: Revision(play.log.last().0 + 1),
        value: None,
        ..play.record("key.k").expect("the key")
    };
    let gap = StoreError::Gap { what: "scripted".into() };
    let resyncs = play.resyncs(a);
    play.input(a, Input::Change(closed, Change::Record(record)));
    play.input(a, Input::WatchEnded(closed, gap));
    play.run(BEAT);
    assert_eq!((play.told(a, "k").as_str(), play.resyncs(a)), ("+", resyncs));
}
