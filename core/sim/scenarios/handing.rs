//! Giving keys away: hand-overs of unknown outcome, stops, releases.

use super::casts::{KEYS, pair, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Notice, Reply};
use crate::id::{Revision, Token};
use crate::key::Key;
use crate::wire::{ClaimRecord, ControlRecord, MAX_COOL_DOWNS, Mode, OnDeadline, Owner};

fn set_mode(play: &mut Play, place: usize, mode: Mode) {
    let id = play.players[place].id.to_string();
    play.control(&id, &ControlRecord::new(mode));
}

/// A drain of the donor has sent `k` to the other node with unknown outcome. Then the other node is
/// cordoned and the drain is cancelled, so the key should stay.
fn doubtful(times_held: usize) -> (Play, usize, usize) {
    let (mut play, donor, other) = pair();
    for _ in 0..times_held {
        play.once(donor, Verb::Write, "claim.k", Fate::Held);
    }
    set_mode(&mut play, donor, Mode::Drain);
    play.until(BEAT, |play| !play.players[donor].held.is_empty());
    set_mode(&mut play, other, Mode::Cordon);
    set_mode(&mut play, donor, Mode::Active);
    (play, donor, other)
}
#[test]
fn a_key_with_an_unknown_hand_over_restarts_on_a_new_claim() {
    let (mut play, donor, other) = doubtful(1);
    let before = play.revision("claim.k");
    play.until_running(&["k"]);
    assert!(play.runs(donor, "k"));
    let again = play.revision("claim.k");
    assert!(again > before, "the claim was written anew first");
    play.land(donor);
    play.run(LEASE);
    assert_eq!(play.revision("claim.k"), again, "the late hand-over finds another revision");
    assert_eq!(play.told(donor, "k"), "+-+");
    assert_eq!(play.told(other, "k"), "");
}
#[test]
fn a_resync_keeps_unknown_hand_overs() {
    let (mut play, donor, other) = doubtful(100);
    play.run(BEAT);
    play.break_watches(donor);
    play.run(BEAT * 2);
    assert_eq!(play.told(donor, "k"), "+-", "the claim still names it, and that means nothing");
    play.players[donor].rules.clear();
    play.until_running(&["k"]);
    play.land(donor);
    play.run(LEASE);
    assert_eq!(play.told(donor, "k"), "+-+");
    assert_eq!(play.told(other, "k"), "");
}

/// One node that claimed `k` twice in this session: (the play, the node, the revision of the first
/// claim, the end of the log at that time).
fn claimed_twice() -> (Play, usize, Revision, Revision) {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    let (first, last) = (play.revision("claim.k"), play.log.last());
    play.players[a].app.confirms = false;
    play.retract("k");
    play.run(MS * 5);
    play.announce("k");
    play.run(MS * 5);
    play.players[a].app.confirms = true;
    play.confirm(a, "k");
    play.until_running(&["k"]);
    assert!(play.revision("claim.k") > first, "announced again while it stopped");
    (play, a, first, last)
}

/// The log loses everything after that revision.
fn lose_since(play: &mut Play, last: Revision) {
    let count = usize::try_from(play.log.last().0 - last.0).expect("few");
    play.log.lose_tail(count);
}
#[test]
fn an_older_own_claim_loses_the_run() {
    let (mut play, a, first, last) = claimed_twice();
    lose_since(&mut play, last);
    assert_eq!(play.revision("claim.k"), first, "it names the same session");
    play.until(LEASE * 2, |play| play.told(a, "k") == "+-+!");
    play.until_running(&["k"]);
    assert!(play.revision("claim.k") > first, "a new claim first");
}
#[test]
fn an_older_own_claim_starts_nothing_after_a_hand_over() {
    let (mut play, a, first, last) = claimed_twice();
    play.rule(a, Verb::Write, "claim.k", Fate::Held);
    play.retract("k");
    play.until(BEAT, |play| !play.players[a].held.is_empty());
    lose_since(&mut play, last);
    assert_eq!(play.revision("claim.k"), first, "it names the same session");
    play.run(BEAT * 4);
    assert!(play.resyncs(a) > 0);
    assert_eq!(play.told(a, "k"), "+-+-");
    play.players[a].rules.clear();
    play.until_running(&["k"]);
    assert!(play.revision("claim.k") > first, "a new claim first");
}
#[test]
fn a_reappeared_claim_needs_a_new_token() {
    let (mut play, donor, other) = pair();
    let (first, last) = (play.revision("claim.k"), play.log.last());
    play.drain(donor);
    play.until(BEAT, |play| play.runs(other, "k"));
    play.crash(other);
    lose_since(&mut play, last);
    assert_eq!(play.revision("claim.k"), first, "it names the donor again");
    // The play checks that this start's token is above the other one.
    play.until(LEASE * 2, |play| play.told(donor, "k") == "+-+");
}

#[test]
fn a_hand_over_lost_with_the_tail_is_repeated() {
    let (mut play, donor, other) = pair();
    let before = play.revision("claim.k");
    play.players[donor].app.confirms = false;
    set_mode(&mut play, donor, Mode::Drain);
    play.until(BEAT, |play| play.told(donor, "k") == "+-");
    play.players[donor].silent = true;
    play.players[other].silent = true;
    play.confirm(donor, "k");
    play.run(MS * 5);
    let handed = play.revision("claim.k");
    assert!(handed > before, "it is acknowledged");
    lose_since(&mut play, Revision(handed.0 - 1));
    assert_eq!(play.revision("claim.k"), before, "it names the donor again");
    play.mend(donor);
    play.mend(other);
    play.until(LEASE, |play| play.runs(other, "k"));
    assert!(play.revision("claim.k") > before);
}
#[test]
fn a_stop_is_never_taken_back() {
    let (mut play, donor, _) = pair();
    play.players[donor].app.confirms = false;
    let before = play.claim("k").expect("a claim");
    play.retract("k");
    play.until(BEAT, |play| play.told(donor, "k") == "+-");
    play.announce("k");
    play.run(LEASE * 2);
    assert_eq!(play.told(donor, "k"), "+-");
    assert_eq!(play.claim("k"), Some(before.clone()));
    play.confirm(donor, "k");
    play.until_running(&["k"]);
    let after = play.claim("k").expect("a claim");
    assert_eq!(after.owner, before.owner, "it is still planned for it");
    assert!(after.token > before.token);
    assert_eq!(play.told(donor, "k"), "+-+");
}
#[test]
fn a_key_announced_during_its_stop_goes_to_its_new_place() {
    let (mut play, donor, other) = pair();
    play.players[donor].app.confirms = false;
    play.retract("k");
    play.until(BEAT, |play| play.told(donor, "k") == "+-");
    play.announce("k");
    set_mode(&mut play, donor, Mode::Drain);
    play.run(BEAT);
    play.confirm(donor, "k");
    play.until_running(&["k"]);
    assert!(play.runs(other, "k"));
    assert_eq!(play.told(donor, "k"), "+-");
}
#[test]
fn a_key_released_by_all_waits_for_the_first_cool_down() {
    let (mut play, donor, other) = pair();
    let cool_down = LEASE;
    for place in [donor, other] {
        play.until(BEAT, |play| play.runs(place, "k"));
        play.release(place, "k");
        play.run(BEAT);
    }
    let freed = play.claim("k").expect("a claim");
    assert_eq!((freed.owner.as_ref(), freed.cooling_down.len()), (None, 2));
    let revision = play.revision("claim.k");
    play.run(BEAT / 2);
    assert_eq!(play.revision("claim.k"), revision, "nobody writes it back and forth");
    play.until(cool_down, |play| play.runs(donor, "k"));
    assert_eq!(play.told(other, "k"), "+");
}

#[test]
fn the_last_releasing_node_reports_an_unwanted_key() {
    let (mut play, donor, other) = pair();
    let unwanted = Notice::Unwanted { key: Key::new("k").expect("a legal key") };
    let told =
        |play: &Play, place| play.notices(place).filter(|notice| **notice == unwanted).count();
    play.release(donor, "k");
    play.until(BEAT, |play| play.runs(other, "k"));
    assert_eq!((told(&play, donor), told(&play, other)), (0, 0), "it goes on elsewhere");
    play.release(other, "k");
    play.run(BEAT);
    assert_eq!((told(&play, donor), told(&play, other)), (0, 1));
}

#[test]
fn a_key_released_by_every_node_rests() {
    let mut play = Play::new(LEASE);
    let places: Vec<_> = (0..12).map(|at| play.start(&format!("n{at:02}"))).collect();
    play.run(LEASE);
    play.announce("k");
    let mut runs = 0;
    let until = play.now + LEASE;
    while play.now < until {
        if let Some(runner) = places.iter().find(|place| play.runs(**place, "k")) {
            runs += 1;
            play.release(*runner, "k");
        }
        play.run(MS);
    }
    // Two cool-downs begin in that time. In each of them every node of a full list is tried once more.
    assert!((10..=2 * (MAX_COOL_DOWNS + 1)).contains(&runs), "it ran {runs} times");
    let told = |place: &usize| play.notices(*place).any(|n| matches!(n, Notice::Unwanted { .. }));
    assert!(places.iter().any(told));
}
#[test]
fn a_release_without_a_delivered_claim_starts_a_cool_down() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    play.announce("k");
    play.until(BEAT, |play| !play.writes(a, "claim.k").is_empty());
    play.players[a].silent = true;
    play.until(BEAT, |play| play.runs(a, "k"));
    play.release(a, "k");
    play.run(BEAT / 2);
    let freed = play.revision("claim.k");
    play.players[a].silent = false;
    play.deliver_now(a);
    play.run(BEAT);
    assert_eq!(play.revision("claim.k"), freed, "its cool-down is not over");
}
#[test]
fn an_ineligible_receiver_frees_its_key() {
    let (mut play, donor, other) = pair();
    set_mode(&mut play, other, Mode::Cordon);
    play.run(BEAT);
    let node = play.players[other].id.clone();
    let session = play.member(node.as_str()).expect("a member").session;
    let owner = Some(Owner { node: node.clone(), session });
    let token = play.claim("k").expect("a claim").token;
    let claim = ClaimRecord::new(owner, Token(token.0 + 1));
    play.put("claim.k", Some(claim.encode()), None);
    play.run(BEAT / 2);
    assert_eq!(play.told(other, "k"), "");
    let writes = play.writes(other, "claim.k");
    let value = writes[0].1.value.as_deref().expect("not a deletion");
    let freed = ClaimRecord::decode(value).expect("a claim");
    assert_eq!((freed.owner, freed.cooling_down[0].node.clone()), (None, node));
    play.until_running(&["k"]);
    assert!(play.runs(donor, "k"));
}
#[test]
fn the_flush_of_the_last_node_frees_its_keys() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce_all(&["k1", "k2"]);
    play.until_running(&["k1", "k2"]);
    let flush = play.command(a, Command::Flush);
    let done = Reply::Flushed { handed: 0, freed: 2, kept: 0, lost: 0 };
    play.until(LEASE, |play| play.reply(a, flush) == Some(&done));
    assert_eq!(play.claim("k1").expect("a claim").owner, None);
}

#[test]
fn a_flush_ended_by_the_lease_counts_lost_keys() {
    let (mut play, donor, _) = sharing();
    let own: Vec<_> = KEYS.into_iter().filter(|key| play.runs(donor, key)).collect();
    play.players[donor].app.confirms = false;
    let flush = play.command(donor, Command::Flush);
    play.until(BEAT, |play| own.iter().all(|key| play.told(donor, key) == "+-"));
    play.cut(donor);
    let done = Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 3 };
    play.until(LEASE, |play| play.reply(donor, flush) == Some(&done));
    play.mend(donor);
    play.run(LEASE * 2);
    let id = play.players[donor].id.to_string();
    assert_eq!(play.member(&id), None, "it does not come back");
}
#[test]
fn a_drain_keeps_keys_without_a_receiver_until_its_deadline() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    let deadline = play.players[a].clock(play.now + LEASE * 3).unix_us / 1_000;
    let mut drain = ControlRecord::new(Mode::Drain);
    (drain.deadline_ms, drain.on_deadline) = (Some(deadline), OnDeadline::Free);
    play.control("a", &drain);
    play.run(LEASE * 3 - BEAT);
    assert_eq!(play.told(a, "k"), "+");
    play.run(BEAT * 2);
    assert_eq!(play.told(a, "k"), "+-");
    assert_eq!(play.claim("k").expect("a claim").owner, None);
    let done = Notice::Drained { handed: 0, freed: 1 };
    assert!(play.notices(a).any(|notice| *notice == done));
}
#[test]
fn a_drain_without_a_deadline_waits_for_a_receiver() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.control("a", &ControlRecord::new(Mode::Drain));
    play.run(LEASE * 5);
    assert_eq!(play.told(a, "k"), "+");
    let b = play.start("b");
    play.until(LEASE * 2, |play| play.runs(b, "k"));
}

#[test]
fn a_lost_run_ends_before_the_key_is_given_back() {
    let (mut play, donor, other) = pair();
    play.players[donor].app.confirms = false;
    let claim = play.claim("k").expect("a claim");
    // This imitates an earlier write of its own that lands late.
    let late = ClaimRecord { token: Token(claim.token.0 + 1), ..claim };
    play.put("claim.k", Some(late.encode()), None);
    play.until(BEAT, |play| play.told(donor, "k") == "+!");
    let until = play.players[donor].app.until;
    // This makes nodes reconcile the key again.
    play.announce("k");
    play.run(until.since(play.now) - MS);
    assert_eq!(play.told(other, "k"), "", "the lost run may go on until then");
    play.until(MS * 20, |play| play.runs(other, "k"));
}

#[test]
fn a_node_with_refused_hand_overs_is_fenced() {
    let (mut play, donor, other) = pair();
    play.rule(donor, Verb::Write, "claim.k", Fate::Refused);
    play.drain(donor);
    play.until(BEAT, |play| play.told(donor, "k") == "+-");
    play.run(LEASE * 2 - BEAT);
    assert!(!play.runs(other, "k"), "its rights may come back");
    play.until(LEASE * 2, |play| play.runs(other, "k"));
    assert!(play.is_fenced(donor));
    let id = play.players[donor].id.to_string();
    play.run(LEASE * 9);
    assert!(play.member(&id).is_none(), "it stays away");
    play.put(&format!("control.{id}"), None, None);
    play.players[donor].rules.clear();
    play.run(LEASE * 2);
    assert!(play.member(&id).is_some(), "its right is back, and so is it");
}
