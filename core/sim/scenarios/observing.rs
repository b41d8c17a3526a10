//! Observers: when they kill a session, and what does not delay them.

use super::casts::{KEYS, sharing};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::edge::Notice;
use crate::id::Revision;
use crate::timing::observed;
use crate::wire::LeaseState;

fn has_killed(play: &Play, place: usize) -> bool {
    play.notices(place).any(|notice| matches!(notice, Notice::Killed { .. }))
}
#[test]
fn an_absent_lease_is_observed_for_its_whole_time() {
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
#[test]
fn a_session_that_rewrites_its_lost_lease_survives() {
    let (mut play, a, b) = sharing();
    play.log.forget("lease.a");
    play.break_watches(b);
    play.run(observed(LEASE) * 3);
    assert!(!has_killed(&play, b));
    assert!(!play.is_fenced(a));
}
#[test]
fn simultaneous_crashes_cost_one_lease() {
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
    assert!(took < observed(LEASE) + BEAT, "{took:?}");
}
#[test]
fn in_a_small_group_all_nodes_observe_all() {
    let mut play = Play::new(LEASE);
    let places: Vec<_> = (0..16).map(|at| play.start(&format!("n{at}"))).collect();
    play.run(LEASE * 2);
    play.crash(places[0]);
    play.run(observed(LEASE) + BEAT);
    for &place in &places[1..] {
        assert_eq!(play.writes(place, "lease.n0").len(), 1, "n{place}");
    }
}
#[test]
fn frequent_watch_breaks_do_not_prevent_kills() {
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
#[test]
fn after_a_long_gap_an_observer_waits_one_lease() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    play.run(LEASE - BEAT);
    // Without the records of that time, no node can tell which leases are silent.
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
fn after_an_outage_sessions_can_renew_before_any_kill() {
    let check = |opened_again: bool| {
        let (mut play, a, b) = sharing();
        // The watches show nothing, and do not end.
        play.players[a].cut = true;
        play.players[b].cut = true;
        play.run(LEASE / 2 + BEAT / 2);
        play.players[b].cut = false;
        if opened_again {
            play.break_watches(b);
        }
        // The other node reconnects later. Its lease was silent for longer than its whole time.
        play.run(LEASE / 2 + BEAT);
        play.mend(a);
        play.run(LEASE * 2);
        assert!(!play.is_fenced(b), "{}", play.story());
        assert_eq!(play.writes(b, "lease.a"), [], "{opened_again}:\n{}", play.story());
    };
    check(true);
    check(false);
}

// The log shows the end of the earlier session again: the lease of the newer one was lost.
#[test]
fn a_lost_lease_is_observed_although_an_older_session_ended() {
    let (mut play, a, b) = sharing();
    play.crash(a);
    play.until(LEASE * 3, |play| has_killed(play, b));
    let ended = play.revision("lease.a");
    play.run(BEAT);
    let longer = LEASE * 3;
    let again = play.start_with("a", 0, |config| config.lease = longer);
    play.announce("more");
    play.until(LEASE * 2, |play| KEYS.iter().any(|key| play.runs(again, key)));
    play.crash(again);
    let lost = play.now;
    let back = usize::try_from(ended.0 - 1).expect("few");
    assert_eq!(play.log.resurrect(back).as_deref(), Some("lease.a"));
    play.break_watches(b);
    play.until(longer * 3, |play| KEYS.iter().all(|key| play.runs(b, key)));
    assert!(play.now.since(lost) >= observed(longer), "by its own lease, not by the older one");
}
