//! Completing and releasing keys when answers are lost: retries, their pauses, and the replies.

use super::casts::{alone, pair};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, Reply};
use crate::id::Token;
use crate::key::Key;
use crate::time::Time;
use crate::timing::Timing;
use crate::wire::{ClaimRecord, ControlRecord, Mode};

/// When the process wrote the record of `k`.
fn deletions(play: &Play, place: usize) -> Vec<Time> {
    play.writes(place, "key.k").into_iter().map(|(at, _)| at).collect()
}

#[test]
fn a_lost_completion_is_repeated_after_a_pause() {
    let timing = Timing::of(LEASE);
    let unanswered = timing.ack + timing.retry;
    for (fate, asked, pause) in
        [(Fate::Lost, true, unanswered), (Fate::Lost, false, unanswered + timing.ack)]
    {
        let (mut play, a) = alone();
        play.once(a, Verb::Write, "key.k", fate);
        if !asked {
            play.once(a, Verb::Read, "key.k", Fate::Lost);
        }
        let complete = play.complete(a, "k");
        play.until(LEASE, |play| play.reply(a, complete) == Some(&Reply::Done));
        let times = deletions(&play, a);
        let gap = times[1].since(times[0]);
        assert!((pause..pause + MS * 5).contains(&gap), "{gap:?}, and not {pause:?}");
        assert_eq!(times.len(), 2);
    }
}

#[test]
fn a_completion_found_by_a_read_is_done() {
    let (mut play, a) = alone();
    play.players[a].silent = true;
    play.once(a, Verb::Write, "key.k", Fate::Unanswered);
    let complete = play.complete(a, "k");
    play.until(BEAT, |play| play.reply(a, complete) == Some(&Reply::Done));
    assert_eq!(deletions(&play, a).len(), 1);
    play.run(BEAT);
    assert_eq!(play.claim("k"), None);
}

#[test]
fn a_completion_of_a_lost_key_is_doubtful() {
    let (mut play, a) = alone();
    play.once(a, Verb::Write, "key.k", Fate::Held);
    let complete = play.complete(a, "k");
    let claim = play.claim("k").expect("a claim");
    let other = ClaimRecord { owner: None, token: Token(claim.token.0 + 1), ..claim };
    play.put("claim.k", Some(other.encode()), None);
    play.until(BEAT, |play| play.reply(a, complete) == Some(&Reply::Doubtful));
}

#[test]
fn a_completion_of_a_retracted_key_is_done_at_once() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    play.retract("k");
    play.until(BEAT, |play| play.told(a, "k") == "+-");
    let complete = play.complete(a, "k");
    assert_eq!(play.reply(a, complete), Some(&Reply::Done));
    assert_eq!(deletions(&play, a), [], "there is nothing to delete");
}

#[test]
fn a_key_completed_during_its_stop_starts_nowhere() {
    let (mut play, owner, other) = pair();
    play.players[owner].app.confirms = false;
    play.drain(owner);
    play.until(LEASE, |play| play.told(owner, "k") == "+-");
    let complete = play.complete(owner, "k");
    play.run(LEASE);
    assert_eq!(play.reply(owner, complete), Some(&Reply::Done));
    assert_eq!(play.told(other, "k"), "");
    assert_eq!(play.claim("k"), None);
}

#[test]
fn a_key_given_away_unconfirmed_cannot_be_completed() {
    let mut play = Play::new(LEASE);
    let places =
        ["a", "b"].map(|id| play.start_with(id, 0, |config| config.stop_timeout = Some(BEAT)));
    play.run(LEASE);
    play.announce("k");
    play.until_running(&["k"]);
    let owner = play.runner("k").expect("it runs");
    let key = Key::new("k").expect("a legal key");
    let token = play.claim("k").expect("a claim").token;
    play.players[owner].app.confirms = false;
    play.drain(owner);
    play.run(LEASE);
    assert!(play.claim("k").is_some_and(|claim| claim.token != token), "it is another's");
    let complete = play.command(owner, Command::Complete(key.clone(), token));
    assert_eq!(play.reply(owner, complete), Some(&Reply::Lost));
    let again = play.command(owner, Command::Complete(key, token));
    assert_eq!(play.reply(owner, again), Some(&Reply::NotHeld));
    play.run(LEASE);
    assert!(play.runs(places[1 - owner], "k"));
}

#[test]
fn commands_for_an_unknown_key_get_not_held() {
    let (mut play, a) = alone();
    let key = Key::new("nothing").expect("a legal key");
    for command in [Command::Release, Command::Complete] {
        let request = play.command(a, command(key.clone(), Token(1)));
        assert_eq!(play.reply(a, request), Some(&Reply::NotHeld));
    }
}

#[test]
fn a_released_key_moves_without_a_stop() {
    let (mut play, owner, other) = pair();
    let token = play.claim("k").expect("a claim").token;
    let release = play.release(owner, "k");
    assert_eq!(play.reply(owner, release), Some(&Reply::Done));
    play.until(BEAT, |play| play.runs(other, "k"));
    assert_eq!(play.told(owner, "k"), "+", "it was not told to stop");
    let key = Key::new("k").expect("a legal key");
    let again = play.command(owner, Command::Release(key, token));
    assert_eq!(play.reply(owner, again), Some(&Reply::NotHeld));
}

#[test]
fn the_operators_affinity_overrides_the_nodes_own() {
    let (mut play, a) = alone();
    let set = play.command(a, Command::SetAffinity(7));
    assert_eq!(play.reply(a, set), Some(&Reply::Affinity { own: 7, overridden: None }));
    let control = ControlRecord { affinity: Some(9), ..ControlRecord::new(Mode::Active) };
    play.control("a", &control);
    play.run(BEAT);
    let altered = play.command(a, Command::AlterAffinity(-2));
    assert_eq!(play.reply(a, altered), Some(&Reply::Affinity { own: 5, overridden: Some(9) }));
    play.run(BEAT);
    assert_eq!(play.member("a").expect("a member").affinity, 5);
}
