//! What can be done to a group, each with its undo.

mod catalogue;
mod nats;
mod network;
mod operators;
mod postgres;
mod redis;
mod rights;
mod servers;
mod store;
mod workers;

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use crate::Failure;
use crate::arena::Arena;

pub(crate) use self::catalogue::help;

/// Something done to the group for a while. Its text says to whom.
pub(crate) trait Fault: fmt::Display {
    /// Does it.
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure>;

    /// Undoes it. Afterwards everything is as it was, but for what the group itself has done.
    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure>;
}

/// What a fault may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// What was acknowledged stays: no key may have two owners at any time.
    Durable,
    /// Acknowledged writes are lost: a key may have two owners for a short while.
    Lossy,
}

/// Whom a fault keeps from working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Some workers; the others take over while it lasts.
    Some,
    /// A server: everybody while it lasts, or for an election where the others go on without it.
    Server,
    /// Everybody, while it lasts.
    All,
}

/// What a fault is done to. Only one fault at a time is done to what is not a few workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Workers,
    Group,
}

/// A kind of fault.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How often it is chosen, next to the others.
    pub(crate) weight: u32,
    pub(crate) target: Target,
    pub(crate) reach: Reach,
    pub(crate) cost: Cost,
    /// Whether claims become unreadable. Where the owner dies meanwhile they are left alone for long.
    pub(crate) garbles: bool,
    /// How many servers it needs.
    pub(crate) servers: usize,
    /// The shortest and longest time, in leases.
    pub(crate) leases: (f64, f64),
    pub(crate) make: fn(&mut Rng, &mut Shape) -> Option<Box<dyn Fault>>,
}

/// What there is to be hurt.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) servers: usize,
    pub(crate) lease: Duration,
    pub(crate) workers: usize,
    /// The workers that no fault of this round has chosen yet.
    pub(crate) free: Vec<usize>,
}

impl Shape {
    /// A worker that nothing else happens to.
    fn any(&mut self, rng: &mut Rng) -> Option<usize> {
        (!self.free.is_empty()).then(|| self.free.swap_remove(rng.usize(..self.free.len())))
    }

    /// The same, but never the first worker: its process lives throughout, so that its memory can be
    /// watched.
    fn mortal(&mut self, rng: &mut Rng) -> Option<usize> {
        let mortals: Vec<usize> =
            (0..self.free.len()).filter(|place| self.free[*place] != 0).collect();
        let place = rng.choice(mortals)?;
        Some(self.free.swap_remove(place))
    }

    /// Between two and half of the workers, the first one left alone.
    fn many_mortals(&mut self, rng: &mut Rng) -> Option<Vec<usize>> {
        let count = rng.usize(2..=(self.workers / 2).max(2));
        let chosen: Vec<usize> = (0..count).filter_map(|_| self.mortal(rng)).collect();
        (!chosen.is_empty()).then_some(chosen)
    }
}

/// The nodes of some workers, for texts.
fn nodes(slots: &[usize]) -> String {
    let names: Vec<String> = slots.iter().map(|slot| format!("w{slot}")).collect();
    names.join(" ")
}
