//! Claims: which node takes an orphan, which one deletes stale claims, and what an acknowledgement
//! proves.

use super::casts::{KEYS, alone, strange_lease, stranger, two};
use super::fate::{Fate, Verb};
use super::{BEAT, LEASE, MS};
use crate::edge::{Notice, Reply};
use crate::id::{NodeId, Token};
use crate::timing::TOMBSTONE_TTL;
use crate::wire::{ClaimRecord, LeaseState, Owner};
#[test]
fn an_orphan_refused_to_its_planned_owner_is_taken_by_the_next() {
    let (mut play, a, b) = two();
    play.rule(a, Verb::Write, "claim.", Fate::Refused);
    play.announce_all(&KEYS);
    play.run(BEAT);
    assert!(KEYS.iter().any(|key| play.runner(key).is_none()), "some are planned for the other");
    play.until(BEAT * 4, |play| KEYS.iter().all(|key| play.runs(b, key)));
}

// Found on real servers, under endless announcements: two nodes each expected the other to take a key.
#[test]
fn an_orphan_of_a_constantly_busy_planned_owner_is_taken_by_the_next() {
    let (mut play, a, b) = two();
    for key in KEYS {
        play.rule(a, Verb::Write, &format!("claim.{key}"), Fate::Refused);
    }
    play.announce_all(&KEYS);
    for n in 0..24 {
        play.announce(&format!("other{n}"));
        play.run(BEAT / 2);
    }
    assert!((0..24).any(|n| play.runs(a, &format!("other{n}"))), "it takes others all the time");
    assert!(KEYS.iter().all(|key| play.runs(b, key)), "{}", play.story());
}

// Found on real servers, with a node that was half a second away from all others.
#[test]
fn a_take_after_an_unseen_owner_gets_a_higher_token() {
    let (mut play, a, b) = two();
    play.rule(b, Verb::Write, "claim.", Fate::Lost);
    play.rule(b, Verb::Read, "claim.", Fate::Lost);
    play.announce_all(&KEYS);
    play.until(BEAT * 6, |play| KEYS.iter().all(|key| play.runs(a, key)));
    let key = KEYS.iter().find(|key| !play.writes(b, &format!("claim.{key}")).is_empty());
    let key = *key.expect("some were planned for the other");
    let had = play.claim(key).expect("it has one").token;
    play.retract(key);
    play.until(BEAT * 2, |play| !play.runs(a, key));
    play.run(BEAT);
    assert!(play.claim(key).is_none(), "its owner has deleted it");
    play.rule(a, Verb::Write, "claim.", Fate::Refused);
    play.players[b].rules.clear();
    play.announce(key);
    play.until(BEAT * 8, |play| play.runs(b, key));
    assert!(play.claim(key).expect("it has one").token > had, "{}", play.story());
}
#[test]
fn a_late_acknowledgement_is_no_lost_tail() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "claim.late", Fate::Held);
    play.announce("late");
    play.until(BEAT, |play| !play.players[a].held.is_empty());
    // The answer takes a millisecond. A later record is faster.
    play.land(a);
    play.announce("other");
    play.deliver_now(a);
    play.run(BEAT / 2);
    assert!(play.runs(a, "late"));
    assert_eq!(play.resyncs(a), 0);
}
#[test]
fn an_acknowledgement_at_an_old_revision_shows_a_lost_tail() {
    let (mut play, a) = alone();
    play.log.lose_tail(3);
    play.until(BEAT * 2, |play| play.notices(a).any(|n| *n == Notice::LogLost));
    assert!(play.resyncs(a) > 0);
}
#[test]
fn an_owner_deletes_the_claim_of_a_retracted_key() {
    let (mut play, a) = alone();
    let held = play.revision("claim.k");
    play.retract("k");
    play.run(BEAT);
    assert_eq!(play.told(a, "k"), "+-");
    let (_, last) = play.writes(a, "claim.k").pop().expect("a deletion");
    assert_eq!((last.value, last.expected, last.ttl), (None, Some(held), Some(TOMBSTONE_TTL)));
    assert!(play.record("claim.k").expect("a tombstone").value.is_none());
}
#[test]
fn a_stale_claim_is_deleted_by_one_node() {
    let (mut play, a, b) = two();
    let node = NodeId::new("z").expect("a legal id");
    let session = stranger();
    let dead = strange_lease(LeaseState::Dead);
    play.put("lease.z", Some(dead.encode()), None);
    let claim = |owner| ClaimRecord::new(owner, Token(5)).encode();
    play.put("claim.dead", Some(claim(Some(Owner { node, session }))), None);
    play.put("claim.free", Some(claim(None)), None);
    play.run(LEASE);
    for name in ["claim.dead", "claim.free"] {
        assert!(play.record(name).expect("a tombstone").value.is_none(), "{name}");
        let writes = play.writes(a, name).len() + play.writes(b, name).len();
        assert_eq!(writes, 1, "{name}");
    }
}
#[test]
fn a_completion_does_not_delete_a_newer_announcement() {
    let (mut play, a) = alone();
    // The owner has not seen the announcement yet.
    play.players[a].silent = true;
    play.announce("k");
    let complete = play.complete(a, "k");
    play.until(BEAT, |play| play.reply(a, complete) == Some(&Reply::AnnouncedAgain));
    play.mend(a);
    play.until_running(&["k"]);
    assert!(play.record("key.k").expect("the key").value.is_some());
    assert_eq!(play.told(a, "k"), "++");
}
#[test]
fn a_completion_deletes_key_and_claim() {
    let (mut play, a) = alone();
    let complete = play.complete(a, "k");
    play.until(BEAT, |play| play.reply(a, complete) == Some(&Reply::Done));
    play.run(BEAT);
    for (name, ttl) in [("key.k", None), ("claim.k", Some(TOMBSTONE_TTL))] {
        let gone = play.record(name).expect("a tombstone");
        assert_eq!((gone.value, gone.ttl), (None, ttl), "{name}");
    }
}
#[test]
fn a_key_announced_during_its_claims_deletion_is_taken_again() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "claim.k", Fate::Held);
    play.retract("k");
    play.until(BEAT, |play| !play.players[a].held.is_empty());
    play.announce("k");
    play.run(MS * 3);
    play.land(a);
    play.until_running(&["k"]);
    assert_eq!(play.told(a, "k"), "+-+");
}
