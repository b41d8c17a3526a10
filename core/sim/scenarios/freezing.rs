//! Freezes of balance generations.

use super::play::Play;
use super::{BEAT, LEASE};
use crate::wire::{Freeze, GroupRecord};

const KEYS: [&str; 4] = ["k1", "k2", "k3", "k4"];

fn running(play: &Play, place: usize) -> usize {
    KEYS.iter().filter(|key| play.runs(place, key)).count()
}

#[test]
fn a_generation_runs_once_after_a_freeze_expires() {
    let mut play = Play::new(LEASE);
    let a = play.start("a");
    play.announce_all(&KEYS);
    play.until_running(&KEYS);
    let unix_ms = play.players[a].clock(play.now + LEASE * 4).unix_us / 1_000;
    let freeze = Freeze { by: "ana".into(), reason: String::new(), until: Some(unix_ms) };
    let record = GroupRecord { freeze: Some(freeze), ..GroupRecord::default() };
    play.put("group", Some(record.encode()), None);
    let b = play.start("b");
    play.run(LEASE * 3);
    assert_eq!(running(&play, b), 0, "joined, settled, and held back");
    play.until(LEASE + BEAT, |play| running(play, b) == 2);
    play.run(LEASE);
    assert_eq!((running(&play, a), running(&play, b)), (2, 2));
}
