//! A node's own lease: fences, rejoins, and the end.

use super::casts::alone;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::config::JoinPolicy;
use crate::edge::{Action, Command, End};
use crate::wire::LeaseState;

/// A fenced node: its heartbeats were lost, and its application continues with `k`.
fn fenced(fate: Fate) -> (Play, usize) {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.rule(a, Verb::Write, "lease.a", fate);
    play.until(LEASE, |play| play.is_fenced(a));
    play.players[a].rules.clear();
    (play, a)
}
#[test]
fn a_fenced_node_waits_for_the_end_of_its_lease() {
    let (mut play, a) = fenced(Fate::Lost);
    let (until, before) = (play.players[a].app.until, play.lease("a"));
    assert_eq!(until.since(play.now), BEAT, "the stop budget is left");
    play.run(until.since(play.now) - MS);
    assert_eq!(play.lease("a"), before, "its last heartbeat stands");
    play.run(BEAT);
    let after = play.lease("a").expect("a new session");
    assert_ne!(after.session, before.expect("a lease").session);
}
#[test]
fn a_fenced_node_rejoins_when_its_runs_are_confirmed() {
    let (mut play, a) = fenced(Fate::Lost);
    let (until, before) = (play.players[a].app.until, play.lease("a").expect("a lease"));
    play.run(BEAT / 5);
    play.confirm(a, "k");
    play.run(BEAT / 5);
    assert!(play.now < until);
    assert_ne!(play.lease("a").expect("a lease").session, before.session);
}
#[test]
fn after_a_fence_a_key_is_not_started_before_its_lost_run_is_confirmed() {
    let (mut play, a) = fenced(Fate::Lost);
    play.run(LEASE * 3);
    assert_eq!(play.told(a, "k"), "+!", "it is a member again, and its old run goes on");
    play.confirm(a, "k");
    play.until_running(&["k"]);
    assert_eq!(play.told(a, "k"), "+!+");
}
#[test]
fn a_cancelled_node_waits_for_its_runs() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.command(a, Command::Cancel);
    play.run(BEAT * 3);
    assert_eq!(play.told(a, "k"), "+!");
    assert_eq!(play.lease("a").expect("a lease").state, LeaseState::Live);
    play.confirm(a, "k");
    play.until(BEAT, |play| play.players[a].end == Some(End::Cancelled));
    assert_eq!(play.lease("a").expect("a lease").state, LeaseState::Ended);
}
#[test]
fn a_cancelled_node_with_endless_work_waits_for_its_lease() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    let until = play.players[a].app.until;
    play.command(a, Command::Cancel);
    play.until(LEASE * 2, |play| play.players[a].end == Some(End::Cancelled));
    assert!(play.now >= until);
    assert_eq!(play.lease("a").expect("a lease").state, LeaseState::Live);
}
#[test]
fn a_lease_counts_from_the_attempt_whose_beat_is_in_the_record() {
    let (mut play, a) = alone();
    let before = play.writes(a, "lease.a").len();
    // The first attempt lands without an answer, and a deposed leader does not know it either. The
    // second attempt finds another revision.
    play.players[a].silent = true;
    play.once(a, Verb::Write, "lease.a", Fate::Unanswered);
    let old = play.record("lease.a");
    play.once(a, Verb::Read, "lease.a", Fate::Old(old));
    play.until(LEASE, |play| play.writes(a, "lease.a").len() == before + 2);
    let writes = play.writes(a, "lease.a");
    let (first, second) = (&writes[before], &writes[before + 1]);
    assert_eq!(first.1.expected, second.1.expected);
    assert_ne!(first.1.value, second.1.value, "each attempt has its own beat");
    play.run(MS * 10);
    assert_eq!(play.players[a].app.until, first.0 + LEASE, "not from the second attempt");
}
#[test]
fn no_start_within_the_stop_budget() {
    let (play, a) = alone();
    let leases = play.players[a].done.iter().filter_map(|(_, action)| match action {
        Action::Lease { until, start_until } => Some(until.since(*start_until)),
        _ => None,
    });
    assert!(leases.clone().count() > 3);
    assert!(leases.into_iter().all(|left| left == BEAT));
}
#[test]
fn a_claim_acknowledged_after_the_lease_starts_nothing() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "claim.late", Fate::Held);
    play.announce("late");
    play.until(BEAT, |play| !play.writes(a, "claim.late").is_empty());
    play.freeze(a);
    play.land(a);
    play.run(LEASE);
    play.thaw(a);
    play.run(MS);
    assert!(play.is_fenced(a));
    assert_eq!(play.told(a, "k"), "+!", "what it held it has lost");
    assert_eq!(play.told(a, "late"), "", "its claim is of a session that is over");
    play.until_running(&["k", "late"]);
}
#[test]
fn a_replaced_node_ends_for_good() {
    let (mut play, a) = alone();
    let successor = play.start_with("a", 0, |config| config.join = JoinPolicy::TakeOver);
    play.until(BEAT, |play| matches!(play.players[a].end, Some(End::Replaced { .. })));
    assert_eq!(play.told(a, "k"), "+!");
    assert!(!play.is_fenced(a), "it is over at once");
    let done = play.players[a].done.len();
    play.run(LEASE * 3);
    assert_eq!(play.players[a].done.len(), done, "it does nothing any more");
    assert!(play.runs(successor, "k"));
}
#[test]
fn a_node_replaced_during_a_partition_ends() {
    let (mut play, a) = alone();
    play.cut(a);
    play.until(LEASE, |play| play.is_fenced(a));
    let successor = play.start_with("a", 0, |config| config.join = JoinPolicy::TakeOver);
    play.run(BEAT);
    play.mend(a);
    play.until(LEASE, |play| matches!(play.players[a].end, Some(End::Replaced { .. })));
    play.until_running(&["k"]);
    assert!(play.runs(successor, "k"));
}
#[test]
fn a_live_session_rewrites_its_vanished_lease() {
    let (mut play, a) = alone();
    let before = play.lease("a").expect("a lease");
    play.log.forget("lease.a");
    play.run(LEASE * 2);
    assert!(!play.is_fenced(a));
    assert_eq!(play.lease("a").expect("written again").session, before.session);
    assert_eq!(play.told(a, "k"), "+");
}
#[test]
fn a_fenced_node_replaces_its_own_old_session_in_one_write() {
    let (mut play, a) = fenced(Fate::Held);
    // A late heartbeat of the old session lands after the fence.
    play.land(a);
    let (old, revision) = (play.lease("a").expect("a lease"), play.revision("lease.a"));
    let before = play.writes(a, "lease.a").len();
    play.confirm(a, "k");
    play.run(BEAT / 2);
    let writes = play.writes(a, "lease.a");
    assert_eq!(writes[before].1.expected, Some(revision));
    let new = play.lease("a").expect("a lease");
    assert_eq!((old.state, new.state), (LeaseState::Live, LeaseState::Live));
    assert_ne!(old.session, new.session);
    assert_eq!(writes.len(), before + 1, "nothing in between");
}

#[test]
fn a_release_confirms_a_lost_run() {
    let (mut play, a) = fenced(Fate::Lost);
    play.run(LEASE * 3);
    assert_eq!(play.told(a, "k"), "+!");
    play.release(a, "k");
    play.until_running(&["k"]);
}

#[test]
fn a_lost_run_blocks_its_key_after_retraction_and_announcement() {
    let (mut play, a) = fenced(Fate::Lost);
    play.run(LEASE * 2);
    play.retract("k");
    play.run(LEASE * 2);
    assert_eq!(play.claim("k"), None, "nothing is left of it in the log");
    play.announce("other");
    play.until_running(&["other"]);
    play.announce("k");
    play.run(LEASE);
    assert_eq!(play.told(a, "k"), "+!");
    play.confirm(a, "k");
    play.until_running(&["k"]);
}

#[test]
fn a_take_is_not_retried_during_a_resync() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    play.rule(a, Verb::Write, "claim.k", Fate::Refused);
    play.announce("k");
    play.until(BEAT, |play| !play.writes(a, "claim.k").is_empty());
    play.run(MS * 10);
    play.players[a].pace = BEAT / 2;
    play.break_watches(a);
    play.run(BEAT);
    assert_eq!(play.writes(a, "claim.k").len(), 1, "it was to be tried again by now");
    play.players[a].rules.clear();
    play.players[a].pace = MS;
    play.until(LEASE, |play| play.runs(a, "k"));
}
