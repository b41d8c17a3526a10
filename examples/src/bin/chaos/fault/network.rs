//! What happens between workers and servers.

use std::fmt;
use std::time::Duration;

use divider_examples::proxy::{Flow, Link};
use fastrand::Rng;

use super::{Cost, Fault, Kind, Reach, Shape, Target, nodes};
use crate::Failure;
use crate::arena::Arena;

const NETWORK: Kind = Kind {
    name: "",
    weight: 4,
    target: Target::Workers,
    reach: Reach::Some,
    cost: Cost::Durable,
    garbles: false,
    servers: 1,
    leases: (0.2, 3.0),
    make: |_, _| None,
};

/// Nothing goes either way; what was sent arrives at the end, if the connection lasts so long.
pub(super) const PARTITION: Kind = Kind {
    name: "partition",
    weight: 6,
    make: |rng, shape| one(rng, shape, Flow::Hold, Flow::Hold),
    ..NETWORK
};

/// Only what the worker sends arrives: its writes are done, and it is not told.
pub(super) const DEAF: Kind = Kind {
    name: "lost-answers",
    weight: 6,
    make: |rng, shape| one(rng, shape, Flow::Pass, Flow::Lose),
    ..NETWORK
};

/// Only what the worker is sent arrives.
pub(super) const MUTE: Kind = Kind {
    name: "lost-requests",
    make: |rng, shape| one(rng, shape, Flow::Lose, Flow::Pass),
    ..NETWORK
};

/// What the worker sends is kept, and arrives when its lease is long over.
pub(super) const LATE: Kind = Kind {
    name: "late-requests",
    leases: (1.2, 3.0),
    make: |rng, shape| one(rng, shape, Flow::Hold, Flow::Pass),
    ..NETWORK
};

/// One worker's answers come later than it waits for them.
pub(super) const SLOW: Kind = Kind {
    name: "slow-worker",
    make: |rng, shape| {
        let delay = Flow::Delay(patience(shape).mul_f64(0.3 + 1.7 * rng.f64()));
        one(rng, shape, delay, delay)
    },
    ..NETWORK
};

/// Everybody's answers come late, but in time.
pub(super) const SLOW_ALL: Kind = Kind {
    name: "slow-network",
    target: Target::Group,
    reach: Reach::All,
    make: |rng, shape| {
        let delay = Flow::Delay(patience(shape).mul_f64(0.05 + 0.25 * rng.f64()));
        Some(Box::new(Weather { slots: (0..shape.workers).collect(), up: delay, down: delay }))
    },
    ..NETWORK
};

/// A worker's connections carry nothing any more and stay open.
pub(super) const HALF_OPEN: Kind = Kind {
    name: "half-open",
    leases: (0.5, 1.5),
    make: |rng, shape| Some(Box::new(Cut { slots: vec![shape.any(rng)?], how: Link::strand })),
    ..NETWORK
};

/// All connections of all workers are reset at once.
pub(super) const CUT: Kind = Kind {
    name: "reset-all",
    target: Target::Group,
    leases: (0.0, 0.5),
    make: |_, shape| Some(Box::new(Cut { slots: (0..shape.workers).collect(), how: Link::cut })),
    ..NETWORK
};

/// Workers are cut off one after the other, and let back in another order.
pub(super) const SWIZZLE: Kind = Kind {
    name: "swizzle",
    target: Target::Group,
    reach: Reach::All,
    leases: (0.5, 2.0),
    make: |rng, shape| {
        let mut order: Vec<usize> = (0..shape.workers).collect();
        rng.shuffle(&mut order);
        let mut back = order.clone();
        rng.shuffle(&mut back);
        Some(Box::new(Swizzle { order, back, step: shape.lease / 10 }))
    },
    ..NETWORK
};

/// How long a worker waits for an answer.
fn patience(shape: &Shape) -> Duration {
    (shape.lease / 12).clamp(Duration::from_millis(50), Duration::from_secs(2))
}

fn one(rng: &mut Rng, shape: &mut Shape, up: Flow, down: Flow) -> Option<Box<dyn Fault>> {
    Some(Box::new(Weather { slots: vec![shape.any(rng)?], up, down }))
}

struct Weather {
    slots: Vec<usize>,
    up: Flow,
    down: Flow,
}

impl Fault for Weather {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for &slot in &self.slots {
            arena.workers.set_flow(slot, self.up, self.down);
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for &slot in &self.slots {
            arena.workers.set_flow(slot, Flow::Pass, Flow::Pass);
        }
        Ok(())
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.up {
            Flow::Delay(delay) => write!(f, "{} by {delay:?} each way", nodes(&self.slots)),
            _ => f.write_str(&nodes(&self.slots)),
        }
    }
}

struct Cut {
    slots: Vec<usize>,
    how: fn(&Link),
}

impl Fault for Cut {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for &slot in &self.slots {
            arena.workers.links(slot).iter().for_each(self.how);
        }
        Ok(())
    }

    fn undo(&mut self, _: &mut Arena) -> Result<(), Failure> {
        Ok(())
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&nodes(&self.slots))
    }
}

struct Swizzle {
    order: Vec<usize>,
    back: Vec<usize>,
    step: Duration,
}

impl Fault for Swizzle {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for &slot in &self.order {
            arena.workers.set_flow(slot, Flow::Hold, Flow::Hold);
            std::thread::sleep(self.step);
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for &slot in &self.back {
            arena.workers.set_flow(slot, Flow::Pass, Flow::Pass);
            std::thread::sleep(self.step);
        }
        Ok(())
    }
}

impl fmt::Display for Swizzle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, back as {}", nodes(&self.order), nodes(&self.back))
    }
}
