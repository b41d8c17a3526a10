//! Checks the checker: breaks each guard of the core in turn. Each must be detected.
//!
//! The table has the first seed that detects each guard. A change of the core may shift it, so some
//! more seeds are played from there on. `FIND=1` searches from seed 0 for a new table, `GUARD=Echo` for
//! one guard.

use super::Class::{self, Durable, Live, Lossy};
use super::sweep::{set, sweep_range};
use crate::guard::Guard;

/// Each guard, the class that detects it when broken, and the first seed that does.
const TABLE: &[(Guard, Class, u64)] = &[
    (Guard::LeaseFromSend, Durable, 1515),
    (Guard::BeatInRecord, Durable, 18),
    (Guard::HeartbeatCas, Durable, 0),
    (Guard::SelfFence, Durable, 21),
    (Guard::QuietBeforeRejoin, Durable, 328),
    (Guard::QuietBeforeEnd, Durable, 128),
    (Guard::ReplacedIsOver, Durable, 31),
    (Guard::ClockInSuspend, Durable, 0),
    (Guard::Echo, Durable, 151),
    (Guard::Grace, Durable, 48),
    (Guard::KillCas, Durable, 681),
    (Guard::ProofOfDeath, Durable, 0),
    (Guard::AbsentIsNotDead, Durable, 561),
    (Guard::MemberCas, Durable, 240),
    (Guard::AwayIsKept, Durable, 0),
    (Guard::StartAfterAck, Durable, 4),
    (Guard::StartInTime, Durable, 359),
    (Guard::OwnSession, Durable, 85),
    (Guard::ConflictIsFailure, Durable, 11),
    (Guard::UnknownIsDoubt, Durable, 4),
    (Guard::OneRun, Durable, 4),
    (Guard::HandAfterStop, Durable, 0),
    (Guard::StopIsFinal, Durable, 168),
    (Guard::StopTimeout, Durable, 32),
    (Guard::ConfirmToken, Durable, 181),
    (Guard::HandOnce, Durable, 14),
    (Guard::DeleteCas, Durable, 202),
    (Guard::CompleteCas, Durable, 502),
    (Guard::GarbagePatience, Durable, 5),
    (Guard::Fallback, Live, 5),
    (Guard::FallbackDelay, Durable, 0),
    (Guard::CoolDown, Durable, 3),
    (Guard::QuarantineIsKept, Durable, 0),
    (Guard::TokenAboveLast, Durable, 0),
    (Guard::TokenNotRevision, Lossy, 972),
    (Guard::FreshSnapshot, Lossy, 0),
    (Guard::TokenFloor, Lossy, 6),
    (Guard::LossIsFollowed, Lossy, 2397),
    (Guard::SupersededIsGone, Durable, 74),
    (Guard::CoveredGoes, Durable, 22),
];

/// How many seeds are played from the recorded one on before a broken guard counts as undetected.
const MORE: u64 = 400;

/// How many seeds are searched for a new table.
const MOST: u64 = 10_000;

#[test]
fn every_broken_guard_is_detected() {
    let find = set("FIND").is_some();
    let mut unnoticed = Vec::new();
    let only = std::env::var("GUARD").ok();
    let meant = |guard: Guard| only.as_ref().is_none_or(|only| *only == format!("{guard:?}"));
    for &(guard, class, seed) in TABLE.iter().filter(|(guard, ..)| meant(*guard)) {
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
