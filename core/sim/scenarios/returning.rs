//! Keys that come back to a node that had them, or was taking them.

use super::casts::{alone, claiming, one, pair, strange_lease, stranger};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Reply};
use crate::id::{NodeId, Token};
use crate::wire::{ClaimRecord, LeaseState, Owner};

/// Writes a claim of `k` for a node, as a hand-over does.
fn give(play: &mut Play, place: usize) {
    let node = play.players[place].id.clone();
    let session = play.member(node.as_str()).expect("a member").session;
    let token = Token(play.claim("k").expect("a claim").token.0 + 1);
    let claim = ClaimRecord::new(Some(Owner { node, session }), token);
    play.put("claim.k", Some(claim.encode()), None);
}

#[test]
fn a_key_handed_back_starts_on_that_claim() {
    let (mut play, owner, other) = pair();
    play.players[other].silent = true;
    give(&mut play, other);
    play.until(BEAT, |play| play.told(owner, "k") == "+!");
    play.players[other].silent = false;
    play.deliver_now(other);
    assert!(play.runs(other, "k"));
    let before = play.writes(owner, "claim.k").len();
    play.run(BEAT * 2);
    play.drain(other);
    play.until(LEASE, |play| play.runs(owner, "k"));
    assert_eq!(play.told(owner, "k"), "+!+");
    assert_eq!(play.writes(owner, "claim.k").len(), before);
}

#[test]
fn a_key_starts_when_its_claim_is_delivered() {
    let (mut play, a) = one();
    play.once(a, Verb::Write, "claim.k", Fate::Unanswered);
    play.rule(a, Verb::Read, "claim.k", Fate::Lost);
    play.announce("k");
    play.until(MS * 20, |play| play.runs(a, "k"));
}

#[test]
fn a_new_token_is_above_every_known_token() {
    let mut play = Play::new(LEASE);
    play.start("a");
    play.run(LEASE);
    // 100 s ahead of this node's clock.
    let token = Token(1_700_000_100_000_000);
    let other = ClaimRecord::new(None, token);
    play.put("claim.other", Some(other.encode()), None);
    play.run(BEAT);
    play.announce("k");
    play.until_running(&["k"]);
    assert!(play.claim("k").expect("a claim").token > token);
}

#[test]
fn a_take_that_another_node_won_pauses_one_heartbeat() {
    let (mut play, a) = claiming();
    play.players[a].silent = true;
    let (node, session) = (NodeId::new("z").expect("a legal id"), stranger());
    let owner = Some(Owner { node, session });
    let claim = ClaimRecord::new(owner, Token(5));
    play.put("claim.k", Some(claim.encode()), None);
    play.land(a);
    play.run(BEAT - MS * 5);
    assert_eq!(play.writes(a, "claim.k").len(), 1);
    play.players[a].silent = false;
    play.deliver_now(a);
    give(&mut play, a);
    play.until(BEAT, |play| play.runs(a, "k"));
}

#[test]
fn a_session_replaced_by_its_own_node_needs_no_proof() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.crash(a);
    let again = play.start("a");
    play.until_running(&["k"]);
    assert_eq!(play.reads(again, "lease.a"), 1, "before it joined");
    play.cut(again);
    play.until(LEASE, |play| play.is_fenced(again));
    play.run(BEAT);
    let before = play.reads(again, "lease.a");
    play.mend(again);
    play.until_running(&["k"]);
    assert_eq!(play.reads(again, "lease.a"), before + 1, "before it joined again");
}

/// A write in flight counts until it has an outcome, whatever happens to the key.
#[test]
fn a_node_whose_take_met_a_lost_claim_can_leave() {
    let (mut play, a) = one();
    let (node, session) = (NodeId::new("z").expect("a legal id"), stranger());
    let dead = strange_lease(LeaseState::Dead);
    play.put("lease.z", Some(dead.encode()), None);
    let owner = Some(Owner { node, session });
    let claim = ClaimRecord::new(owner, Token(5));
    play.put("claim.k", Some(claim.encode()), None);
    play.once(a, Verb::Write, "claim.k", Fate::Held);
    play.announce("k");
    play.until(BEAT, |play| !play.players[a].held.is_empty());
    play.log.forget("claim.k");
    play.break_watches(a);
    play.until(LEASE * 3, |play| play.runs(a, "k"));
    let flush = play.command(a, Command::Flush);
    let done = Reply::Flushed { handed: 0, freed: 1, kept: 0, lost: 0 };
    play.until(LEASE, |play| play.reply(a, flush) == Some(&done));
}

#[test]
fn a_key_of_the_own_ended_session_counts_once_as_unowned() {
    let (mut play, a) = alone();
    play.cut(a);
    play.until(LEASE * 2, |play| play.is_fenced(a));
    play.rule(a, Verb::Write, "claim.k", Fate::Held);
    play.mend(a);
    play.until(LEASE * 3, |play| !play.players[a].held.is_empty());
    assert_eq!(play.players[a].core.numbers().unowned, 1);
}
