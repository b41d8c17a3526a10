//! The faults of a group. All of them are computed from a seed before the run, so that parts can be
//! left out.

use std::fmt;
use std::time::Duration;

use super::app::Manners;
use super::faults::{Fault, RIGHTS};
use super::style::{self, Style};
use super::traps::Trap;
use super::{Class, SECOND};
use crate::key::Key;

/// A group and its faults.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) class: Class,
    pub(super) style: Style,
    pub(super) lease: Duration,
    pub(super) nodes: Vec<Start>,
    /// When each key is announced.
    pub(super) keys: Vec<Duration>,
    /// How long the faults last.
    pub(super) span: Duration,
    pub(super) weather: Air,
    pub(super) faults: Vec<(Duration, Fault)>,
    pub(super) traps: Vec<Trap>,
    /// How many nodes recover while the others never do. All of them, unless the class is `live`.
    pub(super) healed: usize,
    /// Whether joins and deaths are checked afterwards.
    pub(super) exam: bool,
}

/// A node that starts at the beginning.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) affinity: u32,
    pub(super) prefixes: Vec<String>,
    pub(super) stop_timeout: Option<Duration>,
    pub(super) rollout: u64,
    pub(super) seed: u64,
    pub(super) manners: Manners,
    /// How long after it the next one starts.
    pub(super) wait: Duration,
}

/// The permanent faults, in thousandths, and the lag of watches, in µs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Air {
    pub(super) lost: u16,
    pub(super) slow: u16,
    pub(super) ambiguous: u16,
    pub(super) stale: u16,
    pub(super) lag: u64,
}

impl Air {
    fn any(rng: &mut fastrand::Rng) -> Self {
        Self {
            lost: [0, 0, 5, 30, 100][rng.usize(..5)],
            slow: [0, 0, 20, 300][rng.usize(..4)],
            ambiguous: [0, 0, 10, 50][rng.usize(..4)],
            stale: [0, 0, 50, 300][rng.usize(..4)],
            lag: [0, 1_000, 50_000][rng.usize(..3)],
        }
    }
}

pub(super) fn key(number: usize) -> Key {
    Key::new(format!("/process/me/{number}")).expect("a legal key")
}

impl Schedule {
    /// For how long keys may wait for a process that restarts.
    pub(super) fn longest_away(&self) -> Duration {
        let away = |(_, fault): &(Duration, Fault)| match fault {
            Fault::LeaveFor(_, away, _) => Some(*away),
            _ => None,
        };
        self.faults.iter().filter_map(away).max().unwrap_or_default()
    }

    pub(super) fn new(seed: u64, class: Class) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let rng = &mut rng;
        let lease = Duration::from_millis([300, 600, 1_000, 2_000, 6_000][rng.usize(..5)]);
        let keys = rng.usize(1..24);
        let keys = (0..keys).map(|_| Duration::from_millis(rng.u64(..3_000))).collect();
        let count = if class == Class::Live { rng.usize(2..6) } else { rng.usize(1..6) };
        let nodes: Vec<_> = (0..count).map(|_| Start::any(rng, lease)).collect();
        let span = SECOND * rng.u32(2..15);
        let style = Style::any(rng);
        let healed = if class == Class::Live { rng.usize(1..count) } else { count };
        let mut schedule = Self {
            seed,
            class,
            style,
            lease,
            nodes,
            keys,
            span,
            weather: Air::any(rng),
            faults: Vec::new(),
            traps: Vec::new(),
            healed,
            exam: class == Class::Durable && rng.u8(..4) == 0,
        };
        style::trouble(&mut schedule, rng);
        season(&mut schedule);
        schedule.faults.sort_by_key(|(when, _)| *when);
        schedule
    }
}

/// Adds properties that only some groups have. They have their own random numbers, so that
/// everything else stays the same.
fn season(schedule: &mut Schedule) {
    let mut rng = fastrand::Rng::with_seed(schedule.seed ^ 0x5e77);
    let (lease, nodes) = (schedule.lease, &mut schedule.nodes);
    if rng.u8(..4) == 0 {
        // The first node takes every key, so that each key has an eligible node.
        for node in nodes.iter_mut().skip(1) {
            let taken = PREFIXES.iter().filter(|_| rng.u8(..3) == 0);
            node.prefixes = taken.map(ToString::to_string).collect();
        }
    }
    if rng.u8(..4) == 0 {
        let spans = [None, Some(lease / 6), Some(lease / 2), Some(lease * 2)];
        for node in &mut *nodes {
            node.stop_timeout = spans[rng.usize(..spans.len())];
        }
    }
    if rng.u8(..8) == 0 {
        for node in nodes {
            node.manners.repeats = true;
        }
    }
    if rng.u8(..8) == 0 {
        schedule.weather.slow = 1_000;
    }
    if rng.u8(..2) == 0 {
        for _ in 0..rng.u8(1..4) {
            let when = schedule.span.mul_f64(rng.f64());
            schedule.faults.push((when, Fault::StoreCrash(rng.usize(..10_000))));
        }
    }
    if rng.u8(..4) == 0 {
        revoke(schedule, &mut rng);
    }
    if rng.u8(..3) == 0 {
        restart(schedule, &mut rng);
    }
    if rng.u8(..4) == 0 {
        for node in &mut schedule.nodes {
            node.rollout = rng.u64(..3);
        }
    }
    if rng.u8(..4) == 0 {
        fail(schedule, &mut rng);
    }
}

/// Work that fails often, and operators who retry it.
fn fail(schedule: &mut Schedule, rng: &mut fastrand::Rng) {
    for node in &mut schedule.nodes {
        node.manners.panics = [0, 100, 400][rng.usize(..3)];
    }
    for _ in 0..rng.u8(1..4) {
        let when = schedule.span.mul_f64(rng.f64());
        schedule.faults.push((when, Fault::Retry));
    }
}

/// Restarts processes under their ids, while their keys wait. Some return too late.
fn restart(schedule: &mut Schedule, rng: &mut fastrand::Rng) {
    let lease = schedule.lease;
    for _ in 0..rng.u8(1..5) {
        let when = schedule.span.mul_f64(rng.f64());
        let at = rng.usize(..schedule.nodes.len());
        let away = [lease / 3, lease * 2, lease * 5][rng.usize(..3)];
        let back = away.mul_f64(rng.f64() * 1.5);
        schedule.faults.push((when, Fault::LeaveFor(at, away, back)));
    }
}

/// Removes rights for ever. Later commands to these nodes must still be answered.
fn revoke(schedule: &mut Schedule, rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..schedule.nodes.len());
        let when = schedule.span.mul_f64(rng.f64());
        let kind = RIGHTS[rng.usize(..RIGHTS.len())];
        schedule.faults.push((when, Fault::Deny(at, kind)));
        for _ in 0..rng.usize(1..4) {
            let later = schedule.lease.mul_f64(rng.f64() * 3.0);
            let asked = (when + later).min(schedule.span.mul_f64(0.99));
            schedule.faults.push((asked, Fault::Command(at, rng.u8(..6))));
        }
    }
}

/// Prefixes of some keys, of a part of these keys, and one of no key.
const PREFIXES: [&str; 5] =
    ["/process/me/1", "/process/me/2", "/process/me/11", "/process/", "/other/"];

impl Start {
    fn any(rng: &mut fastrand::Rng, lease: Duration) -> Self {
        Self {
            affinity: [100, 100, 100, 1, 50, 0][rng.usize(..6)],
            prefixes: Vec::new(),
            stop_timeout: None,
            rollout: 0,
            seed: rng.u64(..),
            manners: Manners::any(rng, lease),
            wait: Duration::from_millis(rng.u64(..800)),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, keys) = (self.nodes.len(), self.keys.len());
        writeln!(
            f,
            "seed {}: {:?}, {:?}, lease {:?}",
            self.seed, self.class, self.style, self.lease
        )?;
        writeln!(
            f,
            "{nodes} nodes, {keys} keys, {:?} of trouble in {:?}",
            self.span, self.weather
        )?;
        for (when, fault) in &self.faults {
            writeln!(f, "  {when:>12?} {fault:?}")?;
        }
        for trap in &self.traps {
            writeln!(f, "  {trap:?}")?;
        }
        Ok(())
    }
}
