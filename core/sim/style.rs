//! The styles of faults.

use std::time::Duration;

use super::Class;
use super::faults::Fault;
use super::schedule::{Schedule, key};
use super::traps::{Blow, Moment, Trap};
use crate::config::JoinPolicy;
use crate::wire::Mode;

/// How faults are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Any fault at any time.
    Uniform,
    /// Connections are blocked one after another, and unblocked in another order.
    Swizzle,
    /// Some nodes are cut off for a long time, while others pause and continue.
    Partition,
    /// Faults between two steps of the protocol: a send and its acknowledgement, an acknowledgement and
    /// its delivery, a confirmation and its hand-over.
    Targeted,
}

impl Style {
    pub(super) fn any(rng: &mut fastrand::Rng) -> Self {
        let styles = [Self::Uniform, Self::Uniform, Self::Swizzle, Self::Partition, Self::Targeted];
        styles[rng.usize(..styles.len())]
    }
}

/// Fills a schedule with faults.
pub(super) fn trouble(schedule: &mut Schedule, rng: &mut fastrand::Rng) {
    let few = match schedule.style {
        Style::Uniform => rng.usize(..24),
        Style::Swizzle | Style::Partition | Style::Targeted => rng.usize(..8),
    };
    match schedule.style {
        Style::Uniform => {}
        Style::Swizzle => swizzle(schedule, rng),
        Style::Partition => partition(schedule, rng),
        Style::Targeted => targeted(schedule, rng),
    }
    for _ in 0..few {
        let fault = any_fault(schedule, rng);
        sow(schedule, rng, fault);
    }
    if schedule.class == Class::Lossy {
        for _ in 0..rng.usize(1..4) {
            let fault = any_loss(schedule, rng);
            sow(schedule, rng, fault);
        }
    }
}

/// Adds a fault at a random time.
fn sow(schedule: &mut Schedule, rng: &mut fastrand::Rng, fault: Fault) {
    let when = schedule.span.mul_f64(rng.f64());
    schedule.faults.push((when, fault));
}

fn any_fault(schedule: &Schedule, rng: &mut fastrand::Rng) -> Fault {
    let lease = schedule.lease;
    let at = rng.usize(..schedule.nodes.len());
    let a_while = lease.mul_f64(rng.f64() * 3.0);
    let key = key(rng.usize(..schedule.keys.len()));
    let modes = [Mode::Active, Mode::Cordon, Mode::Drain];
    match rng.u8(..26) {
        0 | 1 => Fault::Pause(at, lease.mul_f64(rng.f64() * 5.0)),
        2 => Fault::Crash(at),
        3 | 4 => Fault::Restart(at, rng.bool()),
        5 => Fault::Cut(at, true, true, a_while),
        6 => Fault::Cut(at, true, false, a_while),
        7 => Fault::Cut(at, false, true, a_while),
        8 => Fault::Outage(a_while),
        9 => Fault::BreakWatches(at),
        10 => Fault::SilenceWatches(at),
        11 | 12 => Fault::Announce(key),
        13 | 14 => Fault::Retract(key),
        15 => Fault::AnnounceFor(key, Duration::from_secs(rng.u64(1..5))),
        16 | 17 => Fault::Control(at, modes[rng.usize(..3)]),
        18 => Fault::Rebalance,
        19 => Fault::Command(at, rng.u8(..)),
        20 => Fault::DeleteMember(at),
        21 => Fault::Garbage(key),
        22 => rare_fault(schedule, at, rng),
        23 => Fault::Churn(key, rng.u8(1..12)),
        24 => Fault::Smother(key),
        _ if schedule.class == Class::Lossy => any_loss(schedule, rng),
        _ => Fault::Garbage(key),
    }
}

fn rare_fault(schedule: &Schedule, at: usize, rng: &mut fastrand::Rng) -> Fault {
    // If some nodes never recover, one of them must not have the id of a node that does.
    let first = if schedule.class == Class::Live { 3 } else { 0 };
    match rng.u8(first..7) {
        0 => Fault::Twin(at, JoinPolicy::Observe),
        // If the log loses a take-over, both processes of the id rely on the promise that they are
        // alone.
        1 if schedule.class == Class::Lossy => Fault::Deny(at, "claim."),
        1 => Fault::Twin(at, JoinPolicy::TakeOver),
        2 => Fault::Twin(at, JoinPolicy::FailIfInUse),
        3 => Fault::Skew([-3_600, 3_600, 600][rng.usize(..3)]),
        4 => Fault::StaleClaim(rng.u8(..)),
        5 => Fault::Deny(at, "claim."),
        _ => [Fault::Ghost(0, 0), Fault::Ghost(1, 1), Fault::Ghost(1, 9)][rng.usize(..3)].clone(),
    }
}

fn any_loss(schedule: &Schedule, rng: &mut fastrand::Rng) -> Fault {
    match rng.u8(..8) {
        0 => Fault::Recreate,
        1 => Fault::Delete(schedule.lease.mul_f64(rng.f64() * 3.0)),
        2 => Fault::Resurrect(rng.usize(..10_000)),
        _ => Fault::LoseTail(rng.usize(1..40)),
    }
}

fn swizzle(schedule: &mut Schedule, rng: &mut fastrand::Rng) {
    let mut nodes: Vec<usize> = (0..schedule.nodes.len()).filter(|_| rng.bool()).collect();
    let mut when: Vec<(f64, f64)> = nodes.iter().map(|_| (rng.f64() * 0.5, rng.f64())).collect();
    when.sort_by(|a, b| a.0.total_cmp(&b.0));
    rng.shuffle(&mut nodes);
    for (at, (from, to)) in nodes.into_iter().zip(when) {
        let ways = [(true, true), (true, false), (false, true)];
        let (out, back) = ways[rng.usize(..3)];
        let longest = schedule.lease * 5;
        let lasts = schedule.span.mul_f64((to - from).max(0.05)).min(longest);
        schedule.faults.push((schedule.span.mul_f64(from), Fault::Cut(at, out, back, lasts)));
    }
}

fn partition(schedule: &mut Schedule, rng: &mut fastrand::Rng) {
    let (out, back) = [(true, true), (true, false), (false, true)][rng.usize(..3)];
    let from = schedule.span.mul_f64(rng.f64() * 0.3);
    let lasts = schedule.lease.mul_f64(1.0 + rng.f64() * 4.0);
    for at in 0..schedule.nodes.len() {
        if rng.bool() {
            schedule.faults.push((from, Fault::Cut(at, out, back, lasts)));
        } else {
            let when = from + lasts.mul_f64(rng.f64());
            let pause = schedule.lease.mul_f64(rng.f64() * 3.0);
            schedule.faults.push((when, Fault::Pause(at, pause)));
        }
    }
}

fn targeted(schedule: &mut Schedule, rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(1..10) {
        let leases = rng.f64() * 3.0;
        let blow = match rng.u8(..12) {
            0..4 => Blow::Pause(leases),
            4 | 5 => Blow::Cut { out: true, back: true, leases },
            6 => Blow::Cut { out: false, back: true, leases },
            7 => Blow::Cut { out: true, back: false, leases },
            8 => Blow::Crash,
            9 | 10 => Blow::BreakWatches,
            _ => Blow::Silence,
        };
        let skip = rng.u32(..40);
        schedule.traps.push(Trap { moment: Moment::any(rng), skip, blow });
    }
    // Keys must move, or there are few such moments.
    for _ in 0..4 {
        let at = rng.usize(..schedule.nodes.len());
        let fault = match rng.u8(..4) {
            0 => Fault::Rebalance,
            1 => Fault::Control(at, [Mode::Active, Mode::Drain][rng.usize(..2)]),
            2 => Fault::Command(at, 0),
            _ => Fault::Restart(at, rng.bool()),
        };
        sow(schedule, rng, fault);
    }
}
