//! The groups that scenarios begin with.

use super::LEASE;
use super::play::Play;

/// Keys for a group to share.
pub(super) const KEYS: [&str; 6] = ["k1", "k2", "k3", "k4", "k5", "k6"];

/// A node that runs `k` by itself.
pub(super) fn alone() -> (Play, usize) {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    (play, a)
}

/// Two nodes and no key.
pub(super) fn two() -> (Play, usize, usize) {
    let mut play = Play::new(LEASE);
    let (a, b) = (play.start("a"), play.start("b"));
    play.run(LEASE);
    (play, a, b)
}

/// Two nodes, one of which runs `k`: the play, who runs it, who does not.
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
