//! Keys that leave a node: which ones, how many at a time, and until when.

use std::collections::BTreeSet;
use std::time::Duration;

use super::casts::{KEYS, alone, crowded, one, sharing};
use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::Command;
use crate::id::{Session, Token};
use crate::plan::{key_hash, node_hash, score};
use crate::timing::SETTLE;
use crate::wire::{ClaimRecord, ControlRecord, DEFAULT_PARALLEL, Mode, OnDeadline, Owner};

/// How many of the keys the process received a stop for.
fn stops(play: &Play, place: usize, keys: &[impl AsRef<str>]) -> usize {
    keys.iter().filter(|key| play.told(place, key.as_ref()).contains('-')).count()
}

/// Two nodes. The first has three keys, and confirms no stop.
fn stuck() -> (Play, usize) {
    let (mut play, a, _) = sharing();
    play.players[a].app.confirms = false;
    (play, a)
}

fn drain(parallel: u32) -> ControlRecord {
    ControlRecord { parallel, ..ControlRecord::new(Mode::Drain) }
}

#[test]
fn a_drain_sends_at_most_parallel_stops() {
    for (parallel, steps) in [(1, [1, 2, 3]), (2, [2, 3, 3]), (0, [3, 3, 3])] {
        let (mut play, a) = stuck();
        play.control("a", &drain(parallel));
        play.run(MS * 5);
        for told in steps {
            assert_eq!(stops(&play, a, &KEYS), told, "{parallel}");
            play.run(BEAT - MS * 10);
            assert_eq!(
                stops(&play, a, &KEYS),
                told,
                "{parallel}: not before the stop budget is over"
            );
            play.run(MS * 10);
        }
    }
}

#[test]
fn a_stop_counts_until_its_hand_over_is_acknowledged() {
    let (mut play, a, _) = sharing();
    play.rule(a, Verb::Write, "claim.", Fate::Held);
    play.control("a", &drain(1));
    play.run(MS * 200);
    assert_eq!(stops(&play, a, &KEYS), 1);
    play.players[a].rules.clear();
    play.land(a);
    play.run(MS * 20);
    assert_eq!(stops(&play, a, &KEYS), 3);
}

#[test]
fn a_drain_continues_after_a_release_completion_or_retraction() {
    for how in 0..3 {
        let (mut play, a) = stuck();
        play.control("a", &drain(1));
        play.run(MS * 5);
        for round in 1..3 {
            assert_eq!(stops(&play, a, &KEYS), round, "{how}");
            let stopped = |key: &&&str| play.told(a, key) == "+-" && play.runs(a, key);
            let key = *KEYS.iter().find(stopped).expect("one is stopping");
            match how {
                0 => _ = play.release(a, key),
                1 => _ = play.complete(a, key),
                _ => {
                    play.retract(key);
                    play.run(MS * 5);
                    play.confirm(a, key);
                }
            }
            play.run(MS * 20);
        }
        assert_eq!(stops(&play, a, &KEYS), 3, "{how}");
    }
}

#[test]
fn a_paused_drain_sends_no_stops_but_a_flush_does() {
    let (mut play, a, _) = sharing();
    let paused = ControlRecord { paused: true, ..drain(1) };
    play.control("a", &paused);
    play.run(LEASE);
    assert_eq!(stops(&play, a, &KEYS), 0);
    play.command(a, Command::Flush);
    play.run(LEASE);
    assert_eq!(stops(&play, a, &KEYS), 3);
}

#[test]
fn a_paused_drain_can_be_continued() {
    let (mut play, a, _) = sharing();
    play.control("a", &ControlRecord { paused: true, ..drain(0) });
    play.run(LEASE);
    play.control("a", &drain(0));
    play.run(MS * 20);
    assert_eq!(stops(&play, a, &KEYS), 3);
}

/// One node that drains until a deadline: (the play, the node, the time to the deadline).
fn alone_until(on_deadline: OnDeadline) -> (Play, usize, Duration) {
    let (mut play, a) = alone();
    let span = LEASE * 2 + MS * 123;
    let deadline = play.players[a].clock(play.now + span).unix_us / 1_000;
    let drain = ControlRecord { deadline_ms: Some(deadline), on_deadline, ..drain(0) };
    play.control("a", &drain);
    (play, a, span)
}

#[test]
fn a_drain_frees_its_keys_at_its_deadline() {
    let (mut play, a, span) = alone_until(OnDeadline::Free);
    play.run(span - MS * 2);
    assert_eq!(play.told(a, "k"), "+");
    play.run(MS * 4);
    assert_eq!(play.told(a, "k"), "+-");
}

#[test]
fn a_drain_with_keep_keeps_its_keys_at_its_deadline() {
    let (mut play, a, span) = alone_until(OnDeadline::Keep);
    play.run(span + LEASE);
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn a_past_deadline_applies_at_once() {
    let (mut play, a) = alone();
    let deadline_ms = Some(play.players[a].clock(play.now).unix_us / 1_000 - 1);
    let drain = ControlRecord { deadline_ms, on_deadline: OnDeadline::Free, ..drain(0) };
    play.control("a", &drain);
    play.run(MS * 20);
    assert_eq!(play.told(a, "k"), "+-");
}

#[test]
fn a_deadline_does_not_apply_after_the_drain() {
    let (mut play, a, span) = alone_until(OnDeadline::Free);
    let deadline_ms = Some(play.players[a].clock(play.now + span).unix_us / 1_000);
    play.control(
        "a",
        &ControlRecord {
            deadline_ms,
            on_deadline: OnDeadline::Free,
            ..ControlRecord::new(Mode::Cordon)
        },
    );
    play.run(span + LEASE);
    assert_eq!(play.told(a, "k"), "+");
}

#[test]
fn a_join_moves_the_keys_with_the_lowest_scores() {
    let (mut play, a, keys) = crowded(12);
    let b = play.start("b");
    play.run(LEASE * 2);
    let moved: BTreeSet<_> = keys.iter().filter(|key| play.runs(b, key)).cloned().collect();
    let mut by_score = keys.clone();
    by_score.sort_by_key(|key| score(node_hash("a"), key_hash(key), 100));
    assert_eq!(moved, by_score.into_iter().take(6).collect());
    assert_eq!(stops(&play, a, &keys), 6, "and no other was touched");
}

#[test]
fn stops_of_one_generation_count_for_the_next() {
    let (mut play, a, keys) = crowded(12);
    play.players[a].app.confirms = false;
    play.start("b");
    play.run(LEASE * 2);
    assert_eq!(stops(&play, a, &keys), 6);
    play.start("c");
    play.run(LEASE * 2);
    assert_eq!(stops(&play, a, &keys), 8, "four stay");
}

#[test]
fn balanced_is_written_after_the_last_hand_over() {
    let (mut play, a, keys) = crowded(12);
    play.players[a].app.confirms = false;
    play.start("b");
    play.run(LEASE * 2);
    let before = play.member("a").expect("a member").balanced;
    let stopped: Vec<_> = keys.iter().filter(|key| play.told(a, key) == "+-").cloned().collect();
    for key in &stopped {
        assert_eq!(play.member("a").expect("a member").balanced, before, "{key} is not confirmed");
        play.confirm(a, key);
        play.run(MS * 20);
    }
    let member = play.member("a").expect("a member");
    assert!(member.balanced > before);
    assert_eq!(member.balanced, play.member("b").expect("a member").joined);
}

#[test]
fn a_lost_key_frees_its_stop_slot() {
    let (mut play, a) = stuck();
    play.control("a", &drain(1));
    play.run(MS * 5);
    let key = *KEYS.iter().find(|key| play.told(a, key) == "+-").expect("one is stopping");
    give_to_another(&mut play, key);
    play.run(MS * 20);
    assert_eq!(play.told(a, key), "+-!");
    assert_eq!(stops(&play, a, &KEYS), 2);
}

#[test]
fn stops_before_a_fence_do_not_count_in_the_next_session() {
    let (mut play, a) = stuck();
    play.control("a", &drain(1));
    play.run(MS * 5);
    assert_eq!(stops(&play, a, &KEYS), 1);
    play.cut(a);
    play.until(LEASE, |play| play.is_fenced(a));
    for key in KEYS.into_iter().filter(|key| play.told(a, key).ends_with('!')).collect::<Vec<_>>() {
        play.confirm(a, key);
    }
    play.control("a", &ControlRecord::new(Mode::Active));
    play.mend(a);
    play.run(LEASE * 3);
    let had: Vec<_> = KEYS.into_iter().filter(|key| play.runs(a, key)).collect();
    assert_eq!(had.len(), 3, "its join was a generation");
    let before: usize = had.iter().map(|key| play.told(a, key).matches('-').count()).sum();
    play.control("a", &drain(1));
    play.run(MS * 20);
    let after: usize = had.iter().map(|key| play.told(a, key).matches('-').count()).sum();
    assert_eq!(after, before + 1);
}

/// Writes another session's claim of a key.
fn give_to_another(play: &mut Play, key: &str) {
    let claim = play.claim(key).expect("a claim");
    let owner = Owner { node: "z".parse().expect("a legal id"), session: Session::from_bits(77) };
    let other = ClaimRecord { owner: Some(owner), token: Token(claim.token.0 + 1), ..claim };
    play.put(&format!("claim.{key}"), Some(other.encode()), None);
}

#[test]
fn a_key_lost_in_the_drain_queue_uses_no_slot() {
    let (mut play, a) = stuck();
    play.control("a", &drain(1));
    play.run(MS * 5);
    let mut keys: Vec<_> = KEYS.into_iter().filter(|key| play.runs(a, key)).collect();
    keys.sort_by_key(|key| key_hash(key));
    assert_eq!(play.told(a, keys[0]), "+-", "by hash");
    give_to_another(&mut play, keys[1]);
    play.run(MS * 20);
    play.confirm(a, keys[0]);
    play.run(MS * 20);
    assert_eq!(play.told(a, keys[2]), "+-");
}

#[test]
fn a_hand_over_lost_in_a_resync_frees_its_slot() {
    let (mut play, a, _) = sharing();
    play.rule(a, Verb::Write, "claim.", Fate::Held);
    play.control("a", &drain(1));
    play.run(MS * 5);
    let key = *KEYS.iter().find(|key| play.told(a, key) == "+-").expect("one is handed over");
    play.cut(a);
    give_to_another(&mut play, key);
    play.run(MS * 50);
    play.players[a].rules.clear();
    play.mend(a);
    play.run(BEAT / 2);
    assert_eq!(stops(&play, a, &KEYS), 3);
}

#[test]
fn queued_moves_to_a_cordoned_receiver_are_dropped() {
    let (mut play, a) = one();
    let keys: Vec<_> = (0..600).map(|at| format!("k{at}")).collect();
    play.announce_all(&keys);
    play.run(LEASE);
    play.players[a].app.confirms = false;
    play.start("b");
    // Its join settles, and the first stops are not overdue yet.
    play.run(SETTLE + BEAT / 2);
    let most = usize::try_from(DEFAULT_PARALLEL).expect("few");
    assert_eq!(stops(&play, a, &keys), most);
    play.control("b", &ControlRecord::new(Mode::Cordon));
    play.run(MS * 20);
    play.players[a].app.confirms = true;
    for key in keys.iter().filter(|key| play.told(a, key) == "+-").cloned().collect::<Vec<_>>() {
        play.confirm(a, &key);
    }
    play.run(LEASE);
    assert_eq!(stops(&play, a, &keys), most);
    assert!(keys.iter().all(|key| play.runs(a, key)));
}
