//! A worker's rights are taken from it by a reload of the servers' configuration.

use std::fmt;

use super::{Cost, Fault, Kind, Reach, Target};
use crate::Failure;
use crate::arena::Arena;
use crate::rights::Taken;

/// One worker may not do something any more, and later may again.
pub(super) const REVOKE: Kind = Kind {
    name: "revoke",
    weight: 4,
    target: Target::Group,
    reach: Reach::Some,
    cost: Cost::Durable,
    garbles: false,
    servers: 1,
    leases: (0.5, 3.0),
    make: |rng, shape| {
        let kinds = [Taken::Leases, Taken::Claims, Taken::Watches, Taken::Everything];
        let taken = rng.choice(kinds).expect("there are some");
        Some(Box::new(Revoke { slot: shape.any(rng)?, taken }))
    },
};

struct Revoke {
    slot: usize,
    taken: Taken,
}

impl Fault for Revoke {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.set_rights(Some((self.slot, self.taken)))
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.set_rights(None)
    }
}

impl fmt::Display for Revoke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of w{}", self.taken, self.slot)
    }
}
