//! Nothing is broken: operators move keys about.

use std::fmt;

use divider::group::{AfterResume, DrainOptions, Requester};

use super::{Cost, Fault, Kind, Reach, Target};
use crate::Failure;
use crate::arena::Arena;

const OPERATORS: Kind = Kind {
    name: "",
    weight: 5,
    target: Target::Group,
    reach: Reach::Some,
    cost: Cost::Durable,
    garbles: false,
    servers: 1,
    leases: (0.3, 1.5),
    make: |_, _| None,
};

/// A node is drained, then resumed with a rebalance.
pub(super) const DRAIN: Kind =
    Kind { name: "drain", make: |rng, shape| Some(Box::new(Drain(shape.any(rng)?))), ..OPERATORS };

/// A node's affinity is changed for a while, with a rebalance each time.
pub(super) const REBALANCE: Kind = Kind {
    name: "rebalance",
    make: |rng, shape| {
        Some(Box::new(Rebalance { slot: shape.any(rng)?, affinity: rng.u32(10..500) }))
    },
    ..OPERATORS
};

struct Drain(usize);

impl Fault for Drain {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        let node = arena.workers.node(self.0).parse()?;
        let options = DrainOptions::new().parallel(0).requester(why());
        arena.runtime.block_on(arena.operator.drain(&[node], &options))?;
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        let node = arena.workers.node(self.0).parse()?;
        let why = why();
        let resumed = arena.operator.resume(&node, AfterResume::Rebalance, &why);
        arena.runtime.block_on(resumed)?;
        Ok(())
    }
}

impl fmt::Display for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}

struct Rebalance {
    slot: usize,
    affinity: u32,
}

impl Rebalance {
    fn set(&self, arena: &Arena, affinity: Option<u32>) -> Result<(), Failure> {
        let node = arena.workers.node(self.slot).parse()?;
        arena.runtime.block_on(async {
            arena.operator.set_affinity(&node, affinity, &why()).await?;
            arena.operator.rebalance(&why()).await
        })?;
        Ok(())
    }
}

impl Fault for Rebalance {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.set(arena, Some(self.affinity))
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.set(arena, None)
    }
}

impl fmt::Display for Rebalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{} to {}", self.slot, self.affinity)
    }
}

fn why() -> Requester {
    Requester::new("chaos", "a fault of the schedule")
}
