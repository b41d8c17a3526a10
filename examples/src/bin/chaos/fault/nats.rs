//! What only happens to nats-servers: they lose their office or their quorum, are cut off from each
//! other, and are upgraded.

use std::fmt;

use divider_examples::proxy::Flow;

use super::servers::{Down, SERVERS, Whom, whom};
use super::{Fault, Kind, Reach};
use crate::Failure;
use crate::arena::Arena;
use crate::bed::{How, NatsBed};

/// The leader of the stream gives its office up.
pub(super) const STEP_DOWN: Kind = Kind {
    name: "step-down",
    weight: 6,
    servers: 3,
    leases: (0.0, 0.1),
    make: |_, _| Some(Box::new(StepDown)),
    ..SERVERS
};

/// Two of three servers crash: nothing can be written.
pub(super) const LOSE_QUORUM: Kind = Kind {
    name: "lose-quorum",
    servers: 3,
    reach: Reach::All,
    make: |rng, _| {
        let one = rng.usize(..3);
        let whom = Whom::These(vec![one, (one + rng.usize(1..3)) % 3]);
        Some(Box::new(Down::new(How::Kill, whom)))
    },
    ..SERVERS
};

/// One of three servers is cut off from the others, or hears or reaches them no more. Its clients stay
/// with it: a leader goes on to answer them for a while.
pub(super) const SPLIT: Kind = Kind {
    name: "split",
    weight: 6,
    servers: 3,
    reach: Reach::All,
    leases: (0.2, 3.0),
    make: |rng, shape| {
        let (sent, received) = match rng.usize(..4) {
            0 => (Flow::Hold, Flow::Hold),
            1 => (Flow::Lose, Flow::Lose),
            2 => (Flow::Lose, Flow::Pass),
            _ => (Flow::Pass, Flow::Lose),
        };
        Some(Box::new(Split { whom: whom(rng, shape), cut: None, sent, received }))
    },
    ..SERVERS
};

/// Each server in turn goes on with the next newer release.
pub(super) const UPGRADE: Kind = Kind {
    name: "upgrade",
    weight: 1,
    leases: (0.0, 0.1),
    make: |_, _| Some(Box::new(Upgrade)),
    ..SERVERS
};

struct Split {
    whom: Whom,
    cut: Option<usize>,
    sent: Flow,
    received: Flow,
}

impl Fault for Split {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.cut = self.whom.places(arena)?.first().copied();
        if let Some(place) = self.cut {
            arena.bed_of::<NatsBed>()?.set_flow(place, self.sent, self.received);
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        if let Some(place) = self.cut.take() {
            arena.bed_of::<NatsBed>()?.set_flow(place, Flow::Pass, Flow::Pass);
        }
        arena.bed.revive()
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { whom, sent, received, .. } = self;
        write!(f, "{whom}, which sends: {sent:?}, and receives: {received:?}")
    }
}

struct StepDown;

impl Fault for StepDown {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<NatsBed>()?.step_down()
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.leader().map(drop)
    }
}

impl fmt::Display for StepDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the leader")
    }
}

struct Upgrade;

impl Fault for Upgrade {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<NatsBed>()?.upgrade()
    }

    fn undo(&mut self, _: &mut Arena) -> Result<(), Failure> {
        Ok(())
    }
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all servers")
    }
}
