//! Servers crash, stop and freeze.

use std::fmt;

use fastrand::Rng;

use super::{Cost, Fault, Kind, Reach, Shape, Target};
use crate::Failure;
use crate::arena::Arena;
use crate::bed::How;

pub(super) const SERVERS: Kind = Kind {
    name: "",
    weight: 4,
    target: Target::Group,
    reach: Reach::Server,
    cost: Cost::Durable,
    garbles: false,
    servers: 1,
    leases: (0.05, 2.5),
    make: |_, _| None,
};

/// SIGKILL, and a start over the same store.
pub(super) const KILL: Kind = Kind {
    name: "kill-server",
    weight: 6,
    make: |rng, shape| Some(Box::new(Down::new(How::Kill, whom(rng, shape)))),
    ..SERVERS
};

/// SIGTERM, and a start over the same store.
pub(super) const STOP: Kind = Kind {
    name: "stop-server",
    make: |rng, shape| Some(Box::new(Down::new(How::Stop, whom(rng, shape)))),
    ..SERVERS
};

/// SIGSTOP and SIGCONT: connections stay open, nothing is answered, and what was sent meanwhile is
/// done late.
pub(super) const FREEZE: Kind = Kind {
    name: "freeze-server",
    weight: 6,
    make: |rng, shape| Some(Box::new(Down::new(How::Freeze, whom(rng, shape)))),
    ..SERVERS
};

#[derive(Debug, Clone)]
pub(super) enum Whom {
    Leader,
    These(Vec<usize>),
}

/// The leader in half of the cases, else any.
pub(super) fn whom(rng: &mut Rng, shape: &Shape) -> Whom {
    if rng.bool() { Whom::Leader } else { Whom::These(vec![rng.usize(..shape.servers)]) }
}

pub(super) struct Down {
    how: How,
    whom: Whom,
    hurt: Vec<usize>,
}

impl Down {
    pub(super) fn new(how: How, whom: Whom) -> Self {
        Self { how, whom, hurt: Vec::new() }
    }
}

impl Whom {
    /// Their places now.
    pub(super) fn places(&self, arena: &mut Arena) -> Result<Vec<usize>, Failure> {
        match self {
            Self::Leader => Ok(vec![arena.bed.leader()?]),
            Self::These(servers) => Ok(servers.clone()),
        }
    }
}

impl Fault for Down {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.hurt = self.whom.places(arena)?;
        for &place in &self.hurt {
            arena.bed.hurt(place, self.how);
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for place in std::mem::take(&mut self.hurt) {
            arena.bed.thaw(place);
        }
        arena.bed.revive()
    }
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whom.fmt(f)
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Leader => f.write_str("the leader"),
            Whom::These(servers) => {
                let names: Vec<String> =
                    servers.iter().map(|place| format!("n{}", place + 1)).collect();
                f.write_str(&names.join(" "))
            }
        }
    }
}
