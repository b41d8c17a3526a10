//! Restarts: the keys of a node wait for it, and no other node takes them meanwhile.

use std::time::Duration;

use super::casts::{KEYS, alone, claiming, pair, sharing};
use super::play::Play;
use super::{BEAT, LEASE, MS};
use crate::edge::{Command, End, Notice, Reply};
use crate::wire::{ControlRecord, MemberState, Mode};

const AWAY: Duration = Duration::from_secs(20);

fn name(play: &Play, place: usize) -> String {
    play.players[place].id.to_string()
}

/// The node stops its keys and ends its session. They wait for it.
fn leave_for(play: &mut Play, place: usize, away: Duration) {
    let asked = play.command(place, Command::LeaveFor(away));
    play.until(LEASE, |play| play.reply(place, asked).is_some());
    play.command(place, Command::Cancel);
    play.until(LEASE, |play| play.players[place].end == Some(End::Cancelled));
}

#[test]
fn a_restarted_node_gets_exactly_its_own_keys_back() {
    let (mut play, a, b) = sharing();
    let own: Vec<&str> = KEYS.into_iter().filter(|key| play.runs(a, key)).collect();
    leave_for(&mut play, a, AWAY);
    assert!(own.iter().all(|key| play.told(a, key) == "+-"), "stopped, not lost");
    play.run(AWAY - LEASE * 2);
    let id = name(&play, a);
    let back = play.start(&id);
    let took = play.until(LEASE, |play| own.iter().all(|key| play.runs(back, key)));
    assert!(took < BEAT, "it waits for nobody: {took:?}");
    play.run(LEASE);
    for key in KEYS {
        let told = if own.contains(&key) { ("", "+") } else { ("+", "") };
        assert_eq!((play.told(b, key).as_str(), play.told(back, key).as_str()), told, "{key}");
    }
}

#[test]
fn a_restarted_node_gets_its_keys_back_although_it_has_more_than_its_share_of_them() {
    let (mut play, a, b) = pair();
    play.control(&name(&play, b), &ControlRecord::new(Mode::Cordon));
    play.run(LEASE);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    play.control(&name(&play, b), &ControlRecord::new(Mode::Active));
    play.run(LEASE);
    leave_for(&mut play, a, AWAY);
    let id = name(&play, a);
    let back = play.start(&id);
    play.until(LEASE, |play| KEYS.iter().all(|key| play.runs(back, key)));
    play.run(LEASE * 2);
    let all = KEYS.into_iter().chain(["k"]);
    let moved = all.filter(|key| play.told(b, key) == "+").count();
    assert_eq!(moved, 3, "by the generation of its join");
}

#[test]
fn the_keys_of_a_node_that_does_not_return_move_when_its_time_is_over() {
    let (mut play, a, b) = pair();
    leave_for(&mut play, a, AWAY);
    play.run(AWAY - BEAT);
    assert_eq!(play.told(b, "k"), "");
    assert_eq!(play.member(&name(&play, a)).map(|m| m.state), Some(MemberState::Away));
    play.until(BEAT * 3, |play| play.runs(b, "k"));
    assert_eq!(play.member(&name(&play, a)), None);
}

#[test]
fn a_drain_ends_the_wait_for_a_node() {
    let (mut play, a, b) = pair();
    leave_for(&mut play, a, AWAY);
    play.run(LEASE);
    assert_eq!(play.told(b, "k"), "");
    play.drain(a);
    play.until(BEAT * 3, |play| play.runs(b, "k"));
}

#[test]
fn the_keys_of_a_node_that_dies_while_it_stops_wait_for_it() {
    let (mut play, a, b) = pair();
    play.players[a].app.confirms = false;
    play.command(a, Command::LeaveFor(AWAY));
    play.run(BEAT);
    play.crash(a);
    play.run(LEASE * 3);
    assert_eq!(play.told(b, "k"), "", "its session was ended by the other node");
    let id = name(&play, a);
    let back = play.start(&id);
    play.until(LEASE, |play| play.runs(back, "k"));
    assert_eq!(play.told(b, "k"), "");
}

#[test]
fn a_restarting_node_ends_its_session_when_every_stop_is_confirmed() {
    let (mut play, a) = alone();
    play.players[a].app.confirms = false;
    let asked = play.command(a, Command::LeaveFor(AWAY));
    play.run(LEASE * 3);
    assert_eq!(play.reply(a, asked), None);
    play.confirm(a, "k");
    play.run(BEAT);
    let done = Reply::Flushed { handed: 0, freed: 0, kept: 1, lost: 0 };
    assert_eq!(play.reply(a, asked), Some(&done));
    assert!(play.notices(a).any(|notice| *notice == Notice::Stopped { kept: 1 }));
    assert_eq!(play.told(a, "k"), "+-", "it does not start again");
}

#[test]
fn a_flush_replaces_a_restart() {
    let (mut play, a, b) = pair();
    let restart = play.command(a, Command::LeaveFor(AWAY));
    play.until(BEAT, |play| play.reply(a, restart).is_some());
    let flush = play.command(a, Command::Flush);
    play.until(LEASE, |play| play.runs(b, "k"));
    play.until(BEAT, |play| play.reply(a, flush).is_some());
    assert_eq!(play.told(a, "k"), "+-");
    let ends =
        play.notices(a).filter(|n| matches!(n, Notice::Stopped { .. } | Notice::Drained { .. }));
    assert_eq!(ends.count(), 2, "each is reported once");
}

#[test]
fn a_node_that_leaves_does_not_restart() {
    let (mut play, a, b) = pair();
    play.players[a].app.confirms = false;
    play.command(a, Command::Flush);
    play.run(MS * 20);
    let asked = play.command(a, Command::LeaveFor(AWAY));
    play.confirm(a, "k");
    play.until(LEASE, |play| play.runs(b, "k"));
    let done = Reply::Flushed { handed: 1, freed: 0, kept: 0, lost: 0 };
    play.until(BEAT, |play| play.reply(a, asked) == Some(&done));
}

#[test]
fn a_take_that_lands_during_a_restart_waits_with_the_other_keys() {
    let (mut play, a) = claiming();
    let asked = play.command(a, Command::LeaveFor(AWAY));
    play.run(MS * 50);
    play.land(a);
    let done = Reply::Flushed { handed: 0, freed: 0, kept: 1, lost: 0 };
    play.until(BEAT, |play| play.reply(a, asked) == Some(&done));
}

#[test]
fn a_key_that_is_retracted_during_a_restart_is_gone() {
    let (mut play, a) = alone();
    let asked = play.command(a, Command::LeaveFor(AWAY));
    play.until(BEAT, |play| play.reply(a, asked).is_some());
    play.retract("k");
    play.run(BEAT);
    assert_eq!(play.claim("k"), None);
}

#[test]
fn joins_move_no_keys_while_a_node_is_away() {
    let (mut play, a, b) = sharing();
    leave_for(&mut play, a, AWAY);
    play.start("c");
    play.run(LEASE * 2);
    assert!(KEYS.iter().all(|key| play.told(b, key).len() <= 1), "{}", play.story());
    let id = name(&play, a);
    let back = play.start(&id);
    play.run(LEASE * 2);
    let moved =
        |place: usize| KEYS.iter().filter(|key| play.told(place, key).ends_with('-')).count();
    assert_eq!((moved(b), moved(back)), (1, 1), "each node has two of six keys");
}

#[test]
fn a_new_key_does_not_wait_for_an_absent_node() {
    let (mut play, a, b) = pair();
    leave_for(&mut play, a, AWAY);
    play.announce_all(&KEYS);
    play.until(LEASE, |play| KEYS.iter().all(|key| play.runs(b, key)));
}
