//! The group's log is full, gets garbage, goes away, or falls back to an older copy.

use std::fmt;
use std::path::PathBuf;

use divider::group::Requester;
use fastrand::Rng;

use super::{Cost, Fault, Kind, Reach, Shape, Target};
use crate::Failure;
use crate::arena::Arena;

const STORE: Kind = Kind {
    name: "",
    weight: 3,
    target: Target::Group,
    reach: Reach::All,
    cost: Cost::Durable,
    garbles: false,
    servers: 1,
    leases: (0.5, 2.5),
    make: |_, _| None,
};

/// The log takes nothing that makes it larger.
pub(super) const FULL: Kind = Kind { name: "full", make: |_, _| Some(Box::new(Full)), ..STORE };

/// Somebody writes garbage over claims and other records.
pub(super) const GARBAGE: Kind = Kind {
    name: "garbage",
    garbles: true,
    reach: Reach::Some,
    leases: (0.0, 1.0),
    make: |rng, shape| Some(Box::new(Garbage::new(rng, shape))),
    ..STORE
};

/// The log is deleted, and made again by an operator; announcers say again what exists.
pub(super) const DELETE: Kind = Kind {
    name: "delete-group",
    weight: 2,
    cost: Cost::Lossy,
    make: |_, _| Some(Box::new(Delete)),
    ..STORE
};

/// The log falls back to a copy made earlier, as when a backup is put back; announcers say again
/// what exists.
pub(super) const RESTORE: Kind = Kind {
    name: "restore-older",
    weight: 2,
    cost: Cost::Lossy,
    make: |rng, shape| Some(Box::new(Restore { slot: shape.any(rng)?, copies: Vec::new() })),
    ..STORE
};

struct Full;

impl Fault for Full {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.set_full(true)
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.set_full(false)
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hardly a record more")
    }
}

struct Garbage {
    records: Vec<(String, Vec<u8>)>,
}

impl Garbage {
    fn new(rng: &mut Rng, shape: &Shape) -> Self {
        let mut records = Vec::new();
        for _ in 0..rng.usize(1..10) {
            records.push((format!("claim./steady/{}", rng.u32(..10)), Self::value(rng)));
        }
        let strays =
            ["lease.nobody", "member.nobody", "claim.=2F=2F=zz", "what.is.this", "key.=61"];
        for stray in strays {
            records.push((stray.to_owned(), Self::value(rng)));
        }
        records.push((format!("stops.w{}", rng.usize(..shape.workers)), Self::value(rng)));
        Self { records }
    }

    fn value(rng: &mut Rng) -> Vec<u8> {
        let len = rng.usize(1..2000);
        match rng.u32(..5) {
            0 => (0..len).map(|_| rng.u8(..)).collect(),
            1 => b"{\"v\":1,\"node\":".to_vec(),
            2 => b"{\"v\":99}".to_vec(),
            3 => b"{\"v\":1,\"node\":\"w1\",\"session\":7,\"token\":1e400}".to_vec(),
            _ => "[".repeat(len).into_bytes(),
        }
    }
}

impl Fault for Garbage {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for (name, value) in &self.records {
            arena.bed.put(name, value)?;
        }
        Ok(())
    }

    fn undo(&mut self, _: &mut Arena) -> Result<(), Failure> {
        Ok(())
    }
}

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.records.len())
    }
}

struct Delete;

impl Fault for Delete {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.delete_group()
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.make_group()?;
        arena.announce_again()
    }
}

impl fmt::Display for Delete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("and made again")
    }
}

struct Restore {
    slot: usize,
    copies: Vec<PathBuf>,
}

impl Fault for Restore {
    /// Only copies: what is lost is what happens from here on.
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.copies = arena.bed.copy_stores()?;
        // Keys change their owners, so that older claims name those who gave them away.
        let node = arena.workers.node(self.slot).parse()?;
        let why = Requester::new("chaos", "changes that are going to be lost");
        arena.runtime.block_on(async {
            arena.operator.set_affinity(&node, Some(500), &why).await?;
            arena.operator.rebalance(&why).await
        })?;
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.roll_back_stores(&self.copies)?;
        arena.announce_again()
    }
}

impl fmt::Display for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all servers")
    }
}
