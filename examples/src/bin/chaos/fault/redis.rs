//! What only happens to Redis.

use std::fmt;

use super::{Cost, Fault, Kind, Reach, Target, store};
use crate::Failure;
use crate::arena::Arena;
use crate::bed::{How, RedisBed};

/// The primary crashes or freezes, the Sentinels promote a replica, and the old primary comes back as
/// its replica. What had not reached the replica is lost.
pub(super) const PROMOTE: Kind = Kind {
    name: "promote",
    weight: 6,
    target: Target::Group,
    reach: Reach::Some,
    cost: Cost::Lossy,
    garbles: false,
    servers: 3,
    leases: (0.5, 3.0),
    make: |rng, _| {
        Some(Box::new(Promote { how: if rng.bool() { How::Kill } else { How::Freeze } }))
    },
};

/// Connections are ended by an administrator.
pub(super) const CLIENT_KILL: Kind = Kind {
    name: "client-kill",
    weight: 4,
    cost: Cost::Durable,
    servers: 1,
    leases: (0.0, 0.1),
    make: |rng, shape| {
        let slot = if rng.bool() { Some(shape.any(rng)?) } else { None };
        Some(Box::new(ClientKill { slot }))
    },
    ..PROMOTE
};

/// The server has no memory for another record.
pub(super) const MAXMEMORY: Kind = Kind { name: "maxmemory", ..store::FULL };

/// All is gone, and an operator makes the group again; announcers say again what exists.
pub(super) const FLUSHALL: Kind = Kind { name: "flushall", ..store::DELETE };

struct Promote {
    how: How,
}

impl Fault for Promote {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<RedisBed>()?.lose_primary(self.how)
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<RedisBed>()?.regain_primary()?;
        arena.announce_again()
    }
}

impl fmt::Display for Promote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a replica ({:?})", self.how)
    }
}

struct ClientKill {
    slot: Option<usize>,
}

impl Fault for ClientKill {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        let slot = self.slot;
        arena.bed_of::<RedisBed>()?.kill_clients(slot)
    }

    fn undo(&mut self, _: &mut Arena) -> Result<(), Failure> {
        Ok(())
    }
}

impl fmt::Display for ClientKill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            Some(slot) => write!(f, "of w{slot}"),
            None => f.write_str("of everybody"),
        }
    }
}
