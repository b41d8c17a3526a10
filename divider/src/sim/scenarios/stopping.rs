//! Stops that may take only so long.

use super::play::Play;
use super::{LEASE, MS};

#[test]
fn a_stop_that_is_not_confirmed_in_the_time_it_has_is_handed_over_then_and_not_before() {
    let mut play = Play::new(LEASE);
    for id in ["a", "b"] {
        play.start_with(id, 0, |config| config.stop_timeout = Some(LEASE));
    }
    play.run(LEASE);
    play.announce("k");
    play.until_running(&["k"]);
    play.run(LEASE);
    let donor = play.runner("k").expect("it runs");
    play.players[donor].app.confirms = false;
    play.drain(donor);
    play.until(LEASE, |play| play.told(donor, "k") == "+-");
    let before = play.revision("claim.k");
    play.run(LEASE - MS);
    assert_eq!(play.revision("claim.k"), before, "it may still be at work");
    play.until(MS * 10, |play| play.runs(1 - donor, "k"));
}
