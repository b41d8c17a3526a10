//! What a node holds while it reads the log again, and what follows when the view is complete.

use bytes::Bytes;

use super::casts::{KEYS, alone, claiming, one, pair, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Notice, Reply};
use crate::id::{NodeId, Session, Token};
use crate::wire::{ClaimRecord, ControlRecord, Mode, Owner};

/// How many times the claim of a process met a conflict.
fn conflicts(play: &Play, place: usize) -> usize {
    let is_it = |notice: &&Notice| matches!(notice, Notice::CasConflict { what: "write a claim" });
    play.notices(place).filter(is_it).count()
}

/// A node that runs `k`: what its application sees if the claim is changed in this way while it is cut
/// off.
fn told_after(change: impl FnOnce(ClaimRecord) -> ClaimRecord) -> String {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    let claim = play.claim("k").expect("a claim");
    play.cut(a);
    play.put("claim.k", Some(change(claim).encode()), None);
    play.run(MS * 50);
    play.mend(a);
    play.run(BEAT / 2);
    play.told(a, "k")
}

#[test]
fn after_a_resync_a_changed_claim_is_lost() {
    let other =
        || Owner { node: NodeId::new("z").expect("a legal id"), session: Session::from_bits(77) };
    assert_eq!(told_after(|claim| claim), "+", "written again as it was");
    assert_eq!(told_after(|claim| ClaimRecord { token: Token(claim.token.0 + 1), ..claim }), "+!");
    assert_eq!(told_after(|claim| ClaimRecord { owner: Some(other()), ..claim }), "+!");
    assert_eq!(told_after(|claim| ClaimRecord { owner: None, ..claim }), "+!");
}

#[test]
fn an_equal_claim_at_a_new_revision_is_handed_over() {
    let (mut play, donor, other) = pair();
    let value = play.record("claim.k").expect("a claim").value;
    let before = conflicts(&play, donor);
    play.cut(donor);
    play.put("claim.k", value, None);
    play.run(MS * 50);
    play.mend(donor);
    play.run(BEAT);
    play.drain(donor);
    play.until(BEAT, |play| play.runs(other, "k"));
    assert_eq!(conflicts(&play, donor), before);
}

#[test]
fn a_take_acknowledged_during_a_resync_is_held() {
    let (mut play, a) = claiming();
    play.players[a].pace = MS * 20;
    play.players[a].hidden.insert("claim.k".into());
    play.break_watches(a);
    play.until(BEAT, |play| !play.players[a].watches.is_empty());
    play.run(MS * 5);
    play.land(a);
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn a_hand_over_that_lands_during_a_resync_counts() {
    let (mut play, donor, other) = pair();
    play.once(donor, Verb::Write, "claim.k", Fate::Held);
    let flush = play.command(donor, Command::Flush);
    play.until(BEAT, |play| !play.players[donor].held.is_empty());
    play.break_watches(donor);
    play.run(MS * 100);
    assert_eq!(play.resyncs(donor), 1);
    play.land(donor);
    let done = Reply::Flushed { handed: 1, freed: 0, kept: 0, lost: 0 };
    play.until(BEAT, |play| play.reply(donor, flush) == Some(&done));
    assert!(play.runs(other, "k"));
    assert_eq!(play.writes(donor, "claim.k").len(), 2, "taken once and given away once");
}

#[test]
fn other_nodes_vanished_keys_need_no_leader_read() {
    let (mut play, _, other) = pair();
    play.log.forget("key.k");
    play.log.forget("claim.k");
    play.break_watches(other);
    play.run(BEAT / 2);
    assert_eq!((play.reads(other, "key.k"), play.reads(other, "claim.k")), (0, 0));
}

#[test]
fn a_failed_read_of_a_hidden_claim_causes_another_resync() {
    let (mut play, a) = alone();
    play.players[a].hidden.insert("claim.k".into());
    play.once(a, Verb::Read, "claim.k", Fate::Lost);
    play.break_watches(a);
    play.run(LEASE);
    assert_eq!(play.resyncs(a), 2);
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn a_claim_read_with_another_token_is_lost() {
    let (mut play, a) = alone();
    let claim = play.claim("k").expect("a claim");
    play.players[a].hidden.insert("claim.k".into());
    play.cut(a);
    let later = ClaimRecord { token: Token(claim.token.0 + 1), ..claim };
    play.put("claim.k", Some(later.encode()), None);
    play.run(MS * 50);
    play.mend(a);
    play.until(BEAT / 2, |play| play.told(a, "k").starts_with("+!"));
}

#[test]
fn a_failed_read_of_a_hidden_key_is_repeated() {
    let (mut play, a) = alone();
    play.log.forget("key.k");
    play.once(a, Verb::Read, "key.k", Fate::Lost);
    play.break_watches(a);
    play.run(BEAT);
    assert_eq!(play.told(a, "k"), "+");
    play.until(BEAT * 3, |play| play.told(a, "k") == "+-");
}

#[test]
fn a_failed_read_of_a_hidden_key_deletes_nothing() {
    let (mut play, a) = alone();
    play.players[a].hidden.insert("key.k".into());
    play.once(a, Verb::Read, "key.k", Fate::Lost);
    play.break_watches(a);
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+");
    assert!(play.record("key.k").is_some_and(|record| record.value.is_some()));
    assert!(play.writes(a, "key.k").is_empty(), "no read of it says that its time is over");
}

#[test]
fn a_resync_moves_nothing() {
    let (mut play, a, b) = sharing();
    for place in [a, b] {
        let id = play.players[place].id.to_string();
        play.drain(place);
        play.run(LEASE);
        play.control(&id, &ControlRecord::new(Mode::Active));
        play.run(LEASE);
    }
    assert!(KEYS.iter().all(|key| play.runs(a, key)), "nothing comes back by itself");
    let claims = play.log.written("claim.");
    for place in [a, b] {
        play.break_watches(place);
        play.run(LEASE);
    }
    assert_eq!(play.log.written("claim."), claims);
}

#[test]
fn open_moves_continue_after_a_resync() {
    let (mut play, a) = one();
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    play.run(LEASE);
    play.players[a].app.confirms = false;
    let b = play.start("b");
    let told = |play: &Play| KEYS.iter().filter(|key| play.told(a, key) == "+-").count();
    play.until(LEASE, |play| told(play) == 3);
    play.break_watches(a);
    play.run(BEAT);
    assert_eq!(told(&play), 3, "no other is told");
    play.players[a].app.confirms = true;
    for key in KEYS.iter().filter(|key| play.told(a, key) == "+-").collect::<Vec<_>>() {
        play.confirm(a, key);
    }
    play.until(BEAT, |play| KEYS.iter().filter(|key| play.runs(b, key)).count() == 3);
    play.run(LEASE);
    assert_eq!(KEYS.iter().filter(|key| play.runs(a, key)).count(), 3);
}

#[test]
fn a_hidden_retraction_stops_the_key() {
    let (mut play, a) = alone();
    play.players[a].hidden.insert("key.k".into());
    play.cut(a);
    play.retract("k");
    play.run(MS * 50);
    play.mend(a);
    play.until(BEAT / 2, |play| play.told(a, "k") == "+-");
}

#[test]
fn an_unseen_announcement_extends_the_key() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.put("key.k", Some(Bytes::new()), Some(LEASE));
    play.until_running(&["k"]);
    play.run(LEASE / 2);
    play.players[a].hidden.insert("key.k".into());
    play.put("key.k", Some(Bytes::new()), Some(LEASE));
    play.run(LEASE - BEAT);
    assert_eq!(play.told(a, "k"), "+", "it was announced for longer");
    play.until(BEAT * 2, |play| play.told(a, "k") == "+-");
    assert_eq!(play.resyncs(a), 0);
}

#[test]
fn a_claim_readable_again_after_a_lost_tail_needs_a_new_token() {
    let (mut play, owner, other) = pair();
    let last = play.log.last();
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.run(MS * 20);
    let count = usize::try_from(play.log.last().0 - last.0).expect("few");
    play.log.lose_tail(count);
    play.run(LEASE);
    assert_eq!(play.told(owner, "k"), "+!+");
    play.drain(owner);
    play.until(BEAT, |play| play.runs(other, "k"));
    assert_eq!(play.told(owner, "k"), "+!+-");
}

#[test]
fn a_key_completed_during_a_resync_is_lost_with_its_claim() {
    let (mut play, a) = alone();
    let kept = play.log.last().0;
    play.run(LEASE * 3);
    play.announce("late");
    play.until_running(&["late"]);
    let claim = play.claim("late").expect("it is claimed");
    play.run(BEAT);
    play.log.lose_tail(usize::try_from(play.log.last().0 - kept).expect("few"));
    play.announce("late");
    let free = ClaimRecord { owner: None, token: Token(claim.token.0 + 1), ..claim };
    play.put("claim.late", Some(free.encode()), None);
    play.players[a].pace = MS * 20;
    play.until(LEASE, |play| play.resyncs(a) > 0);
    let request = play.complete(a, "late");
    play.until(LEASE, |play| play.runs(a, "late"));
    assert_eq!(play.reply(a, request), Some(&Reply::Doubtful));
}
