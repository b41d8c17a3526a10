//! The groups with which scenarios begin.

use super::fate::{Fate, Verb};
use super::play::Play;
use super::{BEAT, LEASE};
use crate::id::{Revision, Session};
use crate::wire::{LeaseRecord, LeaseState};

/// Keys that a group shares.
pub(super) const KEYS: [&str; 6] = ["k1", "k2", "k3", "k4", "k5", "k6"];

/// A node that runs `k` alone.
pub(super) fn alone() -> (Play, usize) {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    (play, a)
}

/// A node with many keys: the play, the node, the keys.
pub(super) fn crowded(count: usize) -> (Play, usize, Vec<String>) {
    let (mut play, a) = one();
    let keys: Vec<_> = (0..count).map(|at| format!("k{at}")).collect();
    play.announce_all(&keys);
    play.until(LEASE, |play| keys.iter().all(|key| play.runs(a, key)));
    play.run(LEASE);
    (play, a, keys)
}

/// A node whose take of `k` is held back.
pub(super) fn claiming() -> (Play, usize) {
    let (mut play, a) = one();
    play.once(a, Verb::Write, "claim.k", Fate::Held);
    play.announce("k");
    play.until(BEAT, |play| !play.players[a].held.is_empty());
    (play, a)
}

/// A node without keys.
pub(super) fn one() -> (Play, usize) {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.run(LEASE);
    (play, a)
}

/// Two nodes without keys.
pub(super) fn two() -> (Play, usize, usize) {
    let mut play = Play::new(LEASE);
    let (a, b) = (play.start("a"), play.start("b"));
    play.run(LEASE);
    (play, a, b)
}

/// Two nodes, one of which runs `k`: the play, the owner, the other one.
pub(super) fn pair() -> (Play, usize, usize) {
    let mut play = Play::new(LEASE);
    play.start("a");
    play.start("b");
    play.run(LEASE);
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    let donor = play.runner("k").expect("it runs");
    (play, donor, 1 - donor)
}

/// Two nodes that share [`KEYS`].
pub(super) fn sharing() -> (Play, usize, usize) {
    let mut play = Play::new(LEASE);
    let (a, b) = (play.start("a"), play.start("b"));
    play.run(LEASE);
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    play.run(LEASE);
    (play, a, b)
}

/// The session of a node that is not in the play.
pub(super) fn stranger() -> Session {
    Session::from_bits(77)
}

/// The lease record of that session.
pub(super) fn strange_lease(state: LeaseState) -> LeaseRecord {
    LeaseRecord {
        session: stranger(),
        beat: 1,
        lease_ms: 3_000,
        state,
        held: 0,
        stopping: 0,
        seen: Revision::NONE,
        by: None,
    }
}
