//! Proof of death: nothing is taken from a session without it.

use super::casts::{KEYS, claiming, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::Notice;
use crate::id::{NodeId, Revision, Session, Token};
use crate::timing::{UNKNOWN_LEASE, observed};
use crate::wire::{ClaimRecord, LeaseState, Owner};
#[test]
fn a_deleted_member_record_proves_no_death() {
    let (mut play, a, b) = sharing();
    let claims = play.writes(b, "claim.").len();
    play.rule(a, Verb::Write, "member.a", Fate::Held);
    play.put("member.a", None, None);
    play.run(LEASE * 4);
    assert_eq!(play.writes(b, "claim.").len(), claims, "the lease says that it lives");
    play.players[a].rules.clear();
    play.run(LEASE);
    assert!(play.member("a").is_some(), "a session that lives writes it again");
    for key in KEYS {
        assert_eq!(play.told(a, key) + &play.told(b, key), "+", "{key}");
    }
}
#[test]
fn a_node_claims_nothing_before_its_member_record_is_delivered() {
    let mut play = Play::new(LEASE);
    play.announce("k");
    let a = play.start("a");
    play.until(LEASE, |play| !play.writes(a, "member.a").is_empty());
    play.players[a].silent = true;
    play.run(BEAT * 3);
    assert!(play.member("a").is_some());
    assert!(!play.notices(a).any(|n| matches!(n, Notice::Joined { .. })), "{}", play.story());
    assert!(play.writes(a, "claim.").is_empty());
    play.mend(a);
    play.until_running(&["k"]);
}
#[test]
fn a_late_member_deletion_does_not_delete_the_next_session() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    play.rule(b, Verb::Write, "member.a", Fate::Held);
    play.until(LEASE * 3, |play| !play.players[b].held.is_empty());
    let a = play.start("a");
    play.until(LEASE, |play| play.notices(a).any(|n| matches!(n, Notice::Joined { .. })));
    play.run(LEASE);
    let member = play.record("member.a");
    play.players[b].rules.clear();
    play.land(b);
    assert_eq!(play.record("member.a"), member);
    play.run(BEAT);
    assert_eq!(play.record("member.a"), member);
    play.until_running(&KEYS);
}
#[test]
fn an_absent_own_lease_is_judged_by_a_complete_view_only() {
    let (mut play, a, _) = sharing();
    play.rule(a, Verb::Write, "lease.a", Fate::Held);
    play.put("lease.a", None, None);
    let twin = play.start("a");
    play.once(twin, Verb::Read, "lease.a", Fate::Held);
    play.until(BEAT, |play| play.reads(twin, "lease.a") == 1);
    play.players[twin].pace = MS * 100;
    play.break_watches(twin);
    play.land(twin);
    play.run(MS * 50);
    assert!(play.writes(twin, "lease.a").is_empty(), "the member record names a session");
}
#[test]
fn a_session_without_records_is_observed_for_the_longest_lease() {
    let mut play = Play::new(LEASE);
    let b = play.start("b");
    play.run(LEASE);
    let node = NodeId::new("z").expect("a legal id");
    let owner = Some(Owner { node, session: Session::from_bits(77) });
    let claim = ClaimRecord::new(owner, Token(5));
    for key in KEYS {
        play.put(&format!("claim.{key}"), Some(claim.encode()), None);
        play.announce(key);
    }
    play.run(UNKNOWN_LEASE);
    assert!(play.writes(b, "claim.").is_empty(), "absent is not dead");
    let left = observed(UNKNOWN_LEASE) - UNKNOWN_LEASE + LEASE * 2;
    play.until(left, |play| KEYS.iter().all(|key| play.runs(b, key)));
    assert_eq!(play.lease("z").expect("its end").state, LeaseState::Dead);
    assert_eq!(play.writes(b, "lease.z")[0].1.expected, Some(Revision::NONE));
    assert_eq!(play.reads(b, "lease.z"), 0, "the watch would have shown it");
}
#[test]
fn the_killer_of_a_session_needs_no_leader_read() {
    let (mut play, a, b) = sharing();
    let old = play.member("a").expect("a member").session;
    play.crash(a);
    play.until(LEASE * 3, |play| KEYS.iter().all(|key| play.runs(b, key)));
    assert_eq!(play.lease("a").expect("its end").session, old);
    assert!(play.notices(b).any(|n| matches!(n, Notice::Killed { .. })));
    assert!(play.reads(b, "lease.a") <= 1);
}

#[test]
fn a_claim_that_lands_after_two_sessions_of_its_node_have_ended_is_taken_within_leases() {
    let (mut play, first) = claiming();
    let b = play.start("b");
    play.run(LEASE);
    play.retract("k");
    play.crash(first);
    let second = play.start("a");
    play.run(LEASE * 3);
    play.crash(second);
    play.run(LEASE * 3);
    assert_eq!(play.lease("a").expect("it was ended").state, LeaseState::Dead);
    assert_eq!(play.member("a"), None);
    // The claim names the first session, the lease of the node the second one, at a lower revision.
    play.land(first);
    play.announce("k");
    play.until(LEASE * 2, |play| play.runs(b, "k"));
}
