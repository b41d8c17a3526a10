//! Nodes whose writes are refused.

use bytes::Bytes;

use super::casts::{alone, pair};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Reply};
use crate::log::StoreError;
use crate::timing::Timing;

#[test]
fn refused_takes_do_not_end_the_session() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("had");
    play.until_running(&["had"]);
    play.rule(a, Verb::Write, "claim.k", Fate::Refused);
    play.announce("k");
    play.run(LEASE * 5);
    assert!(!play.is_fenced(a), "nobody waits for it");
    assert_eq!(play.told(a, "had"), "+");
    play.players[a].rules.clear();
    play.until(BEAT * 2, |play| play.runs(a, "k"));
}

#[test]
fn a_node_that_cannot_rewrite_its_claim_is_fenced_until_it_can() {
    let (mut play, a) = alone();
    let last = play.log.last();
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.run(MS * 20);
    assert_eq!(play.told(a, "k"), "+!");
    // The claim of its last run is shown again. The node needs a claim with a higher token.
    play.rule(a, Verb::Write, "claim.k", Fate::Refused);
    let count = usize::try_from(play.log.last().0 - last.0).expect("few");
    play.log.lose_tail(count);
    play.run(LEASE);
    assert!(!play.is_fenced(a), "its rights may come back");
    play.until(LEASE * 3, |play| play.is_fenced(a));
    let before = play.writes(a, "claim.k").len();
    play.run(LEASE * 8);
    let probes = play.writes(a, "claim.k").len() - before;
    assert!((7..=9).contains(&probes), "one in a lease: {probes}");
    play.players[a].rules.clear();
    play.until(LEASE * 2, |play| play.runs(a, "k"));
}

#[test]
fn a_refused_completion_fails_and_the_key_restarts() {
    let (mut play, a) = alone();
    play.rule(a, Verb::Write, "key.k", Fate::Refused);
    let request = play.complete(a, "k");
    play.until(MS * 10, |play| play.reply(a, request).is_some());
    let reply = play.reply(a, request);
    assert!(matches!(reply, Some(Reply::NotDeleted(StoreError::Denied { .. }))), "{reply:?}");
    play.until(LEASE * 2, |play| play.runs(a, "k"));
    assert_eq!(play.told(a, "k"), "++");
}

#[test]
fn an_unanswered_completion_fails_within_three_leases() {
    let (mut play, a) = alone();
    play.rule(a, Verb::Write, "key.k", Fate::Lost);
    play.rule(a, Verb::Read, "key.k", Fate::Lost);
    let request = play.complete(a, "k");
    let took = play.until(LEASE * 3, |play| play.reply(a, request).is_some());
    assert!(took >= LEASE * 2, "{took:?}");
    let reply = play.reply(a, request);
    assert!(matches!(reply, Some(Reply::NotDeleted(StoreError::Timeout { .. }))), "{reply:?}");
    play.until(LEASE * 2, |play| play.runs(a, "k"));
}

#[test]
fn refused_takes_do_not_block_other_keys() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.rule(a, Verb::Write, "claim.no.", Fate::Refused);
    play.run(LEASE);
    let keys: Vec<_> = (0..1_100).map(|at| format!("no.{at}")).collect();
    play.announce_all(&keys);
    play.run(BEAT);
    play.announce("yes");
    play.until(BEAT * 3, |play| play.runs(a, "yes"));
    let before = play.writes(a, "claim.no.").len();
    play.run(LEASE);
    let refused = play.writes(a, "claim.no.").len() - before;
    assert!((1..=1_024 * 7).contains(&refused), "1 024 in a heartbeat at most: {refused}");
    play.players[a].rules.clear();
    play.until(BEAT * 4, |play| keys.iter().all(|key| play.runs(a, key)));
}

#[test]
fn a_node_with_refused_takes_can_leave() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.rule(a, Verb::Write, "claim.", Fate::Refused);
    play.announce_all(&["k1", "k2"]);
    play.run(LEASE);
    let flush = play.command(a, Command::Flush);
    let done = Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 0 };
    play.until(BEAT * 3, |play| play.reply(a, flush) == Some(&done));
}

#[test]
fn a_leaving_node_with_refused_writes_gives_up_its_keys() {
    for name in ["member.a", "claim.k"] {
        let (mut play, a) = alone();
        play.rule(a, Verb::Write, name, Fate::Refused);
        let flush = play.command(a, Command::Flush);
        let lost = Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 1 };
        let took = play.until(LEASE * 5, |play| play.reply(a, flush).is_some());
        assert_eq!(play.reply(a, flush), Some(&lost), "{name}");
        assert!((LEASE * 2..LEASE * 4 + MS * 2).contains(&took), "{name}: {took:?}");
        play.command(a, Command::Cancel);
        play.until(LEASE, |play| play.players[a].end.is_some());
    }
}

#[test]
fn a_flush_waits_for_confirmations_without_limit() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    let flush = play.command(a, Command::Flush);
    play.run(LEASE * 20);
    assert_eq!(play.reply(a, flush), None);
    play.confirm(a, "k");
    let done = Reply::Flushed { handed: 0, freed: 1, kept: 0, lost: 0 };
    play.until(BEAT, |play| play.reply(a, flush) == Some(&done));
}

#[test]
fn an_unwritable_hand_over_ends_the_session() {
    let (mut play, donor, other) = pair();
    play.rule(donor, Verb::Write, "claim.k", Fate::Lost);
    play.rule(donor, Verb::Read, "claim.k", Fate::Lost);
    play.drain(donor);
    let took = play.until(LEASE * 3, |play| play.is_fenced(donor));
    assert!(took >= LEASE * 2 && took <= LEASE * 2 + Timing::of(LEASE).heartbeat * 2, "{took:?}");
    play.until(LEASE * 3, |play| play.runs(other, "k"));
}

#[test]
fn a_node_that_cannot_write_its_member_record_loses_its_keys() {
    let (mut play, owner, other) = pair();
    let id = play.players[owner].id.to_string();
    play.rule(owner, Verb::Write, &format!("member.{id}"), Fate::Refused);
    play.cut(owner);
    play.until(LEASE * 2, |play| play.is_fenced(owner));
    play.mend(owner);
    // Its new session is recorded before another node has killed the old one.
    play.until(LEASE * 8, |play| play.runs(other, "k"));
    play.players[owner].rules.clear();
    play.run(LEASE * 3);
    assert!(play.member(&id).is_some(), "it comes back when it may");
}
