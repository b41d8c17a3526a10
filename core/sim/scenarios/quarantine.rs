//! Keys whose work fails until no node works on them any more.

use bytes::Bytes;

use super::casts::{alone, pair};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Failure, Notice, Reply, RequestId};
use crate::id::Token;
use crate::timing::observed;
use crate::wire::{Failed, MAX_REASON, Quarantine, RetryRecord};

impl Play {
    /// The application gives up the newest run of a key: its work failed.
    fn fail(&mut self, place: usize, key: &str, limit: u32) -> RequestId {
        self.fail_because(place, key, Failure { limit, ..failure() })
    }

    fn fail_because(&mut self, place: usize, key: &str, failure: Failure) -> RequestId {
        let (key, token) = self.done_with(place, key);
        self.command(place, Command::Fail(key, token, failure))
    }

    fn quarantine(&mut self, key: &str) -> Option<Quarantine> {
        self.claim(key)?.quarantine
    }

    fn retry_key(&mut self, key: &str) {
        let claim = self.claim(key).expect("a claim");
        self.put_retry(key, claim.token);
    }

    fn put_retry(&mut self, key: &str, token: Token) {
        let value = RetryRecord::new(token, "ana", "").encode();
        self.put(&format!("retry.{key}"), Some(value), None);
    }

    fn starts(&self, key: &str) -> usize {
        (0..self.players.len()).map(|at| self.told(at, key).matches('+').count()).sum()
    }
}

fn failure() -> Failure {
    Failure { reason: "no such table".into(), attempts: 5, goes_on: true, limit: 1 }
}

#[test]
fn a_key_that_fails_on_node_after_node_goes_into_quarantine() {
    let (mut play, owner, other) = pair();
    let request = play.fail(owner, "k", 3);
    assert_eq!(play.reply(owner, request), Some(&Reply::Done));
    play.until(BEAT, |play| play.runs(other, "k"));
    assert_eq!(play.claim("k").map(|claim| claim.failed), Some(Failed { runs: 1, attempts: 5 }));
    play.fail(other, "k", 3);
    play.run(MS * 50);
    let claim = play.claim("k").expect("it is free until a cool-down ends");
    assert_eq!((claim.owner, claim.failed), (None, Failed { runs: 2, attempts: 10 }));
    play.until_running(&["k"]);
    let last = play.runner("k").expect("it runs");
    play.fail(last, "k", 3);
    play.run(LEASE * 20);
    let claim = play.claim("k").expect("a claim");
    assert_eq!((claim.owner, claim.failed), (None, Failed { runs: 3, attempts: 15 }));
    assert!(claim.cooling_down.is_empty(), "a retry may go to any node");
    let quarantine = claim.quarantine.expect("it is in quarantine");
    assert_eq!(quarantine.node, play.players[last].id);
    assert_eq!(quarantine.reason, "no such table");
    assert_eq!(play.starts("k"), 3);
    let told = play.notices(last).filter(|n| matches!(n, Notice::Quarantined { .. })).count();
    assert_eq!(told, 1);
    for place in [owner, other] {
        assert_eq!(play.players[place].core.numbers().unowned, 0);
    }
}

#[test]
fn a_retried_key_starts_at_once_and_its_row_is_forgotten() {
    let (mut play, owner, other) = pair();
    play.fail(owner, "k", 1);
    play.run(LEASE);
    play.retry_key("k");
    play.until(MS * 20, |play| play.runner("k").is_some());
    let runner = play.runner("k").expect("it runs");
    play.fail(runner, "k", 2);
    play.until(BEAT, |play| play.runs(owner + other - runner, "k"));
    assert_eq!(play.claim("k").map(|claim| claim.failed.runs), Some(1));
}

#[test]
fn a_retry_ends_one_quarantine_and_no_later_one() {
    let (mut play, owner, _) = pair();
    play.fail(owner, "k", 1);
    play.run(BEAT);
    let first = play.claim("k").expect("a claim").token;
    play.put_retry("k", Token(first.0 - 1));
    play.run(LEASE);
    assert_eq!(play.runner("k"), None, "of an earlier quarantine");
    play.put_retry("k", first);
    play.until(MS * 20, |play| play.runner("k").is_some());
    let runner = play.runner("k").expect("it runs");
    play.fail(runner, "k", 1);
    play.run(LEASE);
    assert_eq!(play.runner("k"), None, "the record of the retry stands, and is old");
    let third = play.start("c");
    play.run(LEASE * 3);
    assert!(!play.runs(third, "k"));
    play.retry_key("k");
    play.until(BEAT, |play| play.runner("k").is_some());
}

#[test]
fn a_node_that_comes_after_a_retry_starts_the_key() {
    let (mut play, owner, other) = pair();
    play.fail(owner, "k", 1);
    play.run(BEAT);
    for place in [owner, other] {
        play.crash(place);
    }
    play.retry_key("k");
    let third = play.start("c");
    play.until(LEASE * 5, |play| play.runs(third, "k"));
}

#[test]
fn a_success_and_a_move_begin_a_new_row() {
    let (mut play, owner, other) = pair();
    play.fail(owner, "k", 3);
    play.until(BEAT, |play| play.runs(other, "k"));
    play.fail_because(other, "k", Failure { goes_on: false, limit: 2, ..failure() });
    play.until_running(&["k"]);
    assert_eq!(play.claim("k").map(|claim| claim.failed), Some(Failed { runs: 1, attempts: 5 }));
    let runner = play.runner("k").expect("it runs");
    play.run(LEASE * 20);
    play.drain(runner);
    play.until(BEAT, |play| play.runs(owner + other - runner, "k"));
    assert_eq!(play.claim("k").map(|claim| claim.failed), Some(Failed::default()));
}

#[test]
fn a_quarantine_outlives_every_node_and_announcements() {
    let (mut play, owner, other) = pair();
    play.fail(owner, "k", 1);
    play.run(BEAT);
    for place in [owner, other] {
        play.crash(place);
    }
    play.run(LEASE * 3);
    play.announce("k");
    let third = play.start("c");
    play.announce("l");
    play.until(LEASE * 10, |play| play.runs(third, "l"));
    play.announce("k");
    play.run(LEASE * 5);
    assert_eq!(play.runner("k"), None);
    assert!(play.quarantine("k").is_some());
    assert_eq!(play.players[third].core.numbers().unowned, 0);
    play.retry_key("k");
    play.until(MS * 20, |play| play.runs(third, "k"));
}

#[test]
fn a_retraction_ends_a_quarantine() {
    let (mut play, owner, _) = pair();
    play.fail(owner, "k", 1);
    play.run(BEAT);
    play.retract("k");
    play.run(LEASE);
    assert_eq!(play.claim("k"), None, "nobody needs it");
    play.announce("k");
    play.until(BEAT, |play| play.runner("k").is_some());
    // The same without a pause.
    let runner = play.runner("k").expect("it runs");
    play.fail(runner, "k", 1);
    play.run(BEAT);
    play.retract("k");
    play.run(MS * 5);
    play.announce("k");
    play.until(BEAT, |play| play.runner("k").is_some());
}

#[test]
fn a_quarantine_of_unknown_outcome_is_written_once() {
    for fate in [Fate::Lost, Fate::Unanswered] {
        let (mut play, owner, _) = pair();
        play.once(owner, Verb::Write, "claim.k", fate);
        play.fail(owner, "k", 1);
        play.run(LEASE * 3);
        assert!(play.quarantine("k").is_some());
        assert_eq!(play.starts("k"), 1);
        let told = play.notices(owner).filter(|n| matches!(n, Notice::Quarantined { .. })).count();
        assert_eq!(told, 1);
    }
}

#[test]
fn a_quarantine_that_was_not_written_is_none() {
    let (mut play, owner, other) = pair();
    play.once(owner, Verb::Write, "claim.k", Fate::Held);
    play.fail(owner, "k", 1);
    play.crash(owner);
    play.until(LEASE * 3, |play| play.runs(other, "k"));
    play.land(owner);
    play.run(LEASE);
    assert!(play.runs(other, "k") && play.quarantine("k").is_none(), "it came too late");
}

#[test]
fn a_retry_before_the_acknowledgement_is_kept() {
    let (mut play, owner, other) = pair();
    play.once(owner, Verb::Write, "claim.k", Fate::Unanswered);
    play.players[owner].silent = true;
    play.fail(owner, "k", 1);
    play.run(MS * 20);
    play.retry_key("k");
    play.until(LEASE * 3, |play| play.runs(other, "k"));
    play.mend(owner);
    play.run(LEASE * 5);
    assert!(play.runner("k").is_some() && play.quarantine("k").is_none());
}

#[test]
fn a_key_that_is_gone_needs_no_quarantine() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.retract("k");
    play.until(BEAT, |play| play.told(a, "k") == "+-");
    play.fail(a, "k", 1);
    play.run(BEAT);
    assert_eq!(play.claim("k"), None);
    assert!(!play.notices(a).any(|n| matches!(n, Notice::Quarantined { .. })));
}

#[test]
fn a_drain_ends_with_a_key_that_goes_into_quarantine() {
    let (mut play, owner, other) = pair();
    play.players[owner].app.confirms = false;
    play.drain(owner);
    play.until(BEAT, |play| play.told(owner, "k") == "+-");
    play.fail(owner, "k", 1);
    play.run(BEAT);
    assert!(play.quarantine("k").is_some());
    assert!(play.notices(owner).any(|n| matches!(n, Notice::Drained { .. })));
    assert_eq!(play.told(other, "k"), "");
}

#[test]
fn garbage_ends_a_quarantine_after_the_wait_for_garbage() {
    let (mut play, owner, _) = pair();
    play.fail(owner, "k", 1);
    play.run(BEAT);
    play.put("claim.k", Some(Bytes::from_static(b"{garbage")), None);
    play.run(observed(LEASE) * 3 - LEASE / 10);
    assert_eq!(play.starts("k"), 1);
    play.until(LEASE * 2, |play| play.runner("k").is_some());
}

#[test]
fn a_log_that_lost_a_quarantine_runs_the_key_again() {
    let (mut play, owner, _) = pair();
    play.run(BEAT / 4);
    let before = play.log.last();
    play.fail(owner, "k", 1);
    play.until(BEAT, |play| play.log.last() > before);
    play.run(MS * 5);
    let count = usize::try_from(play.log.last().0 - before.0).expect("few");
    play.log.lose_tail(count);
    play.until_running(&["k"]);
    let runner = play.runner("k").expect("it runs");
    play.fail(runner, "k", 1);
    play.run(LEASE);
    assert!(play.quarantine("k").is_some());
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let (mut play, a) = alone();
    let reason = "é".repeat(MAX_REASON);
    play.fail_because(a, "k", Failure { reason, ..failure() });
    play.run(BEAT);
    let reason = play.quarantine("k").expect("it is in quarantine").reason;
    assert_eq!(reason, "é".repeat(MAX_REASON / 2));
    let (mut play, a) = alone();
    let reason = format!("a{}", "é".repeat(MAX_REASON));
    play.fail_because(a, "k", Failure { reason, ..failure() });
    play.run(BEAT);
    let reason = play.quarantine("k").expect("it is in quarantine").reason;
    assert_eq!(reason, format!("a{}", "é".repeat(MAX_REASON / 2 - 1)));
}
