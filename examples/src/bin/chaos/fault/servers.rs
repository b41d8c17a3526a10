//! Servers crash, stop, freeze, lose their office and are upgraded.

use std::fmt;

use divider_examples::proxy::Flow;
use fastrand::Rng;
use serde_json::json;

use super::{Cost, Fault, Kind, Reach, Shape, Target};
use crate::Failure;
use crate::arena::Arena;
use crate::rights::STREAM;

const SERVERS: Kind = Kind {
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
    make: |rng, shape| {
        Some(Box::new(Down { how: How::Kill, whom: whom(rng, shape), hurt: vec![] }))
    },
    ..SERVERS
};

/// SIGTERM, and a start over the same store.
pub(super) const STOP: Kind = Kind {
    name: "stop-server",
    make: |rng, shape| {
        Some(Box::new(Down { how: How::Stop, whom: whom(rng, shape), hurt: vec![] }))
    },
    ..SERVERS
};

/// SIGSTOP and SIGCONT: connections stay open, nothing is answered, and what was sent meanwhile is
/// done late.
pub(super) const FREEZE: Kind = Kind {
    name: "freeze-server",
    weight: 6,
    make: |rng, shape| {
        Some(Box::new(Down { how: How::Freeze, whom: whom(rng, shape), hurt: vec![] }))
    },
    ..SERVERS
};

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
        Some(Box::new(Down { how: How::Kill, whom, hurt: vec![] }))
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

#[derive(Debug, Clone, Copy)]
enum How {
    Kill,
    Stop,
    Freeze,
}

#[derive(Debug, Clone)]
enum Whom {
    Leader,
    These(Vec<usize>),
}

/// The leader in half of the cases, else any.
fn whom(rng: &mut Rng, shape: &Shape) -> Whom {
    if rng.bool() { Whom::Leader } else { Whom::These(vec![rng.usize(..shape.servers)]) }
}

struct Down {
    how: How,
    whom: Whom,
    hurt: Vec<usize>,
}

impl Fault for Down {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.hurt = match &self.whom {
            Whom::Leader => vec![arena.servers.leader()?],
            Whom::These(servers) => servers.clone(),
        };
        for &place in &self.hurt {
            let server = &mut arena.servers.all_mut()[place];
            match self.how {
                How::Kill => server.kill(),
                How::Stop => server.stop(),
                How::Freeze => server.freeze(),
            }
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for place in std::mem::take(&mut self.hurt) {
            arena.servers.all_mut()[place].thaw();
        }
        arena.servers.revive()
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

struct Split {
    whom: Whom,
    cut: Option<usize>,
    sent: Flow,
    received: Flow,
}

impl Fault for Split {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        let place = match &self.whom {
            Whom::Leader => arena.servers.leader()?,
            Whom::These(servers) => servers[0],
        };
        arena.servers.set_flow(place, self.sent, self.received);
        self.cut = Some(place);
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        if let Some(place) = self.cut.take() {
            arena.servers.set_flow(place, Flow::Pass, Flow::Pass);
        }
        arena.servers.revive()
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
        arena.api(&format!("STREAM.LEADER.STEPDOWN.{STREAM}"), &json!({}))?;
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.servers.leader().map(drop)
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
        arena.servers.upgrade()
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
