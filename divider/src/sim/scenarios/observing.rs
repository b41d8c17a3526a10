//! Observers: what they wait for before they end a session, and what does not make them wait.

use super::casts::{KEYS, sharing};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::core::edge::Notice;
use crate::core::timing::observed;
use crate::id::Revision;
use crate::wire::LeaseState;

fn has_killed(play: &Play, place: usize) -> bool {
    play.notices(place).any(|notice| matches!(notice, Notice::Killed { .. }))
}

// V7
#[test]
fn an_absent_lease_is_waited_for_like_a_silent_one_and_ended_where_there_is_none() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    play.log.forget("lease.a");
    play.until(LEASE * 4, |play| has_killed(play, b));
    let kills = play.writes(b, "lease.a");
    let (seen, last) = (&kills[0], kills.last().expect("a kill"));
    assert_eq!(last.1.expected, Some(Revision::NONE));
    assert_ne!(seen.1.expected, Some(Revision::NONE), "at first it was thought to be there");
    assert!(last.0.since(seen.0) >= observed(LEASE), "absent is not dead");
    assert_eq!(play.lease("a").expect("its end").state, LeaseState::Dead);
    play.until_running(&KEYS);
}

// V7
#[test]
fn a_session_that_writes_its_lost_lease_again_wins_against_its_observer() {
    let (mut play, a, b) = sharing();
    play.log.forget("lease.a");
    play.break_watches(b);
    play.run(observed(LEASE) * 3);
    assert!(!has_killed(&play, b));
    assert!(!play.is_fenced(a));
}

// V9
#[test]
fn nodes_that_crash_together_cost_one_lease_and_not_one_for_every_three() {
    let mut play = Play::new(LEASE);
    let places: Vec<_> = (0..40).map(|at| play.start(&format!("n{at}"))).collect();
    play.run(LEASE * 2);
    let keys: Vec<_> = (0..80).map(|at| format!("k{at}")).collect();
    play.announce_all(&keys);
    play.until(LEASE, |play| keys.iter().all(|key| play.runner(key).is_some()));
    play.run(LEASE);
    for &place in &places[1..] {
        play.crash(place);
    }
    let took = play.until(LEASE * 10, |play| keys.iter().all(|key| play.runs(places[0], key)));
    // Each step along the ring costs two missed heartbeats and doubles what is observed.
    assert!(took < observed(LEASE) + BEAT * 2 * 5, "{took:?}");
}

// V9
#[test]
fn everybody_observes_everybody_in_a_small_group() {
    use crate::core::edge::Action;
    let mut play = Play::new(LEASE);
    let places: Vec<_> = (0..16).map(|at| play.start(&format!("n{at}"))).collect();
    play.run(LEASE * 2);
    for place in places {
        let last = play.players[place].done.iter().rev().find_map(|(_, action)| match action {
            Action::Watch(_, filter, _) => Some(filter.names.clone()),
            _ => None,
        });
        assert_eq!(last, Some(vec!["lease.>".to_owned()]));
    }
}

// V13
#[test]
fn a_watch_that_breaks_more_often_than_a_lease_still_ends_dead_sessions() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    let mut breaks = 0;
    while !has_killed(&play, b) {
        play.run(LEASE / 3);
        play.break_watches(b);
        breaks += 1;
        assert!(breaks < 6, "never:\n{}", play.story());
    }
    play.until_running(&KEYS);
}

// V13
#[test]
fn a_long_gap_keeps_an_observer_from_ending_sessions_for_a_lease() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    play.run(LEASE - BEAT);
    // Without what was written meanwhile, nobody can say who is silent.
    let opened = play.now;
    play.players[b].silent = true;
    play.break_watches(b);
    play.run(BEAT * 2);
    play.mend(b);
    let mended = play.now;
    play.until(LEASE * 3, |play| has_killed(play, b));
    assert!(mended.since(opened) > BEAT);
    assert!(play.now.since(mended) >= LEASE);
}

#[test]
fn an_observer_whose_watch_fell_silent_when_a_node_died_does_not_miss_that_it_came_back() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    play.until(LEASE * 3, |play| has_killed(play, b));
    play.run(BEAT);
    play.players[b].watches.retain(|_, feed| feed.filter.names.len() > 1);
    let again = play.start("a");
    play.run(LEASE);
    play.announce("more");
    play.until(LEASE * 2, |play| KEYS.iter().any(|key| play.runs(again, key)));
    play.crash(again);
    play.until(LEASE * 5, |play| KEYS.iter().all(|key| play.runs(b, key)));
}
