//! A worker's rights are taken from it on the servers.

use std::fmt;

use fastrand::Rng;

use super::{Cost, Fault, Kind, Reach, Shape, Target};
use crate::Failure;
use crate::arena::Arena;
use crate::bed::Taken;

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
        revoke(rng, shape, kinds)
    },
};

/// The same where rights are about records.
pub(super) const REVOKE_RECORDS: Kind = Kind {
    make: |rng, shape| revoke(rng, shape, [Taken::Leases, Taken::Claims, Taken::Everything]),
    ..REVOKE
};

/// The same where rights are about commands.
pub(super) const REVOKE_COMMANDS: Kind =
    Kind { make: |rng, shape| revoke(rng, shape, [Taken::Watches, Taken::Everything]), ..REVOKE };

fn revoke<const N: usize>(
    rng: &mut Rng,
    shape: &mut Shape,
    kinds: [Taken; N],
) -> Option<Box<dyn Fault>> {
    let taken = rng.choice(kinds)?;
    Some(Box::new(Revoke { slot: shape.any(rng)?, taken }))
}

struct Revoke {
    slot: usize,
    taken: Taken,
}

impl Fault for Revoke {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.set_rights(Some((self.slot, self.taken)))
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.set_rights(None)
    }
}

impl fmt::Display for Revoke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of w{}", self.taken, self.slot)
    }
}
