//! The checker is checked: each guard of the core is broken in turn, and has to be noticed.
//!
//! Which seed notices it first is in the table; a change of the core may shift that, so from there on
//! some more seeds are played. `FIND=1` searches all seeds from 0 on for a new table.

use super::Class::{self, Durable};
use super::sweep::{set, sweep_range};
use crate::core::guard::Guard;

/// Each guard with the class that notices it is broken, and the first seed that does.
const TABLE: &[(Guard, Class, u64)] = &[
    (Guard::LeaseFromSend, Durable, 1159),
    (Guard::BeatInRecord, Durable, 205),
    (Guard::HeartbeatCas, Durable, 0),
    (Guard::SelfFence, Durable, 7),
    (Guard::QuietBeforeRejoin, Durable, 330),
    (Guard::QuietBeforeEnd, Durable, 5),
    (Guard::ReplacedIsOver, Durable, 2),
    (Guard::ClockInSuspend, Durable, 5),
    (Guard::Echo, Durable, 27),
    (Guard::Grace, Durable, 60),
    (Guard::KillCas, Durable, 6),
    (Guard::ProofOfDeath, Durable, 19),
    (Guard::AbsentIsNotDead, Durable, 57),
    (Guard::MemberCas, Durable, 123),
    (Guard::StartAfterAck, Durable, 0),
    (Guard::StartInTime, Durable, 122),
    (Guard::OwnSession, Durable, 2),
    (Guard::ConflictIsFailure, Durable, 5),
    (Guard::UnknownIsDoubt, Durable, 5),
    (Guard::OneRun, Durable, 18),
    (Guard::HandAfterStop, Durable, 0),
    (Guard::StopIsFinal, Durable, 268),
    (Guard::ConfirmToken, Durable, 3406),
    (Guard::HandOnce, Durable, 105),
];

/// How many seeds from the recorded one on are played before a broken guard counts as unnoticed.
const MORE: u64 = 400;

/// How many are searched for a new table.
const MOST: u64 = 10_000;

#[test]
fn every_broken_guard_is_noticed() {
    let find = set("FIND").is_some();
    let mut unnoticed = Vec::new();
    for &(guard, class, seed) in TABLE {
        let seeds = if find { 0..MOST } else { seed..seed + MORE };
        let total = sweep_range(class, seeds, Some(guard));
        match total.failed {
            Some(found) => {
                let (seed, steps) = (found.seed, found.steps);
                let (check, what) = (found.violation.check, found.violation.what);
                println!("{guard:?} | {class:?} | {seed} | {steps} | {check:?} | {what}");
            }
            None => unnoticed.push((guard, class, total.seeds)),
        }
    }
    assert_eq!(unnoticed, [], "broken, and nobody noticed");
}
