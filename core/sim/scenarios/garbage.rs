//! Unreadable claims and forged tokens.

use std::time::Duration;

use bytes::Bytes;

use super::casts::pair;
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::id::Token;
use crate::timing::observed;
use crate::wire::ClaimRecord;

#[test]
fn an_owner_loses_a_key_with_an_unreadable_claim() {
    for garbage in ["{garbage", "", r#"{"v":2,"node":"b","session":"","token":0}"#] {
        let (mut play, owner, other) = pair();
        play.put("claim.k", Some(Bytes::from(garbage)), None);
        play.run(BEAT);
        assert_eq!(play.told(owner, "k"), "+!", "{garbage:?}");
        play.run(observed(LEASE) * 3 - BEAT * 2);
        assert_eq!(play.runner("k"), None, "another owner may not have seen it: {garbage:?}");
        assert!(play.writes(other, "claim.k").is_empty(), "{garbage:?}");
        play.until(LEASE, |play| play.runner("k").is_some());
    }
}

#[test]
fn an_unreadable_claim_of_unknown_owner_is_taken_after_the_wait() {
    let (mut play, owner, other) = pair();
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.run(BEAT);
    play.crash(owner);
    play.crash(other);
    let third = play.start("c");
    play.run(observed(LEASE) * 3);
    assert!(play.writes(third, "claim.k").is_empty());
    play.until(LEASE * 2, |play| play.runs(third, "k"));
}

#[test]
fn an_unreadable_claim_of_a_dead_owner_is_taken() {
    let (mut play, owner, other) = pair();
    play.crash(owner);
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.until(observed(LEASE) * 6, |play| play.runs(other, "k"));
}

#[test]
fn a_token_from_a_clock_one_year_ahead_is_accepted() {
    let year = Duration::from_hours(365 * 24);
    let mut play = Play::new(LEASE);
    let ahead = u64::try_from(year.as_micros()).expect("a year");
    let a = play.start_with("a", ahead, |_| ());
    play.announce("k");
    play.until_running(&["k"]);
    let b = play.start("b");
    play.run(LEASE * 2);
    assert_eq!(play.told(a, "k"), "+");
    let token = play.claim("k").expect("a claim").token;
    play.crash(a);
    // The play checks that this start's token is above the first one.
    play.until(LEASE * 2, |play| play.runs(b, "k"));
    assert!(play.claim("k").expect("a claim").token > token);
}

#[test]
fn a_forged_token_affects_only_its_own_key() {
    let (mut play, owner, _) = pair();
    let forged = ClaimRecord::new(None, Token(Token::MAX.0 - 1));
    play.put("claim.forged", Some(forged.encode()), None);
    play.announce("forged");
    play.announce("next");
    play.until_running(&["k", "forged", "next"]);
    assert_eq!(play.claim("forged").expect("a claim").token, Token::MAX);
    assert!(play.claim("next").expect("a claim").token < Token(1 << 60));
    assert_eq!(play.told(owner, "k"), "+");
}

#[test]
fn new_garbage_restarts_the_wait() {
    let (mut play, owner, other) = pair();
    let before = play.claim("k").expect("a claim");
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.run(observed(LEASE) * 2);
    play.players[other].silent = true;
    // Between the two claims the key had an owner that this node did not see.
    let again = ClaimRecord { token: Token(before.token.0 + 1), ..before };
    play.put("claim.k", Some(again.encode()), None);
    play.until(BEAT, |play| play.runs(owner, "k"));
    play.put("claim.k", Some(Bytes::from_static(b"{more")), None);
    play.mend(other);
    play.run(observed(LEASE) * 2);
    assert!(play.writes(other, "claim.k").is_empty(), "its last owner may still run it");
}

#[test]
fn an_unreadable_claim_that_its_owner_never_saw_is_taken() {
    for third in [false, true] {
        let (mut play, owner, other) = pair();
        play.players[other].silent = true;
        play.drain(owner);
        let given = |play: &mut Play| play.claim("k").and_then(|claim| claim.owner);
        play.run(BEAT / 2);
        assert_eq!(given(&mut play).map(|o| o.node), Some(play.players[other].id.clone()));
        play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
        let id = play.players[owner].id.to_string();
        play.put(&format!("control.{id}"), None, None);
        play.mend(other);
        if third {
            play.start("c");
        }
        play.run(BEAT);
        assert_eq!(play.runner("k"), None, "nobody knows that it is theirs");
        play.until(observed(LEASE) * 3 + LEASE, |play| play.runner("k").is_some());
    }
}

#[test]
fn garbage_over_an_unseen_hand_over_is_not_overwritten() {
    let (mut play, donor, other) = pair();
    play.once(donor, Verb::Write, "claim.k", Fate::Unanswered);
    play.rule(donor, Verb::Read, "claim.k", Fate::Held);
    let before = play.writes(donor, "claim.k").len();
    play.drain(donor);
    play.until(LEASE, |play| play.writes(donor, "claim.k").len() > before);
    play.players[donor].silent = true;
    play.until(LEASE, |play| play.runs(other, "k"));
    // The receiver is cut off, and the donor sees no more than this.
    play.cut(other);
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.players[donor].silent = false;
    play.wake();
    play.run(BEAT * 3);
    assert_eq!(play.writes(donor, "claim.k").len(), before + 1, "it is another's, maybe");
}
