//! Processes are killed, frozen, asked to leave, and doubled.

use std::fmt;
use std::time::Duration;

use divider_examples::journal::now_ns;

use super::{Cost, Fault, Kind, Reach, Target, nodes};
use crate::Failure;
use crate::arena::Arena;

const WORKERS: Kind = Kind {
    name: "",
    weight: 3,
    target: Target::Workers,
    reach: Reach::Some,
    cost: Cost::Durable,
    garbles: false,
    servers: 1,
    leases: (0.2, 2.5),
    make: |_, _| None,
};

/// SIGKILL for one; its node comes back under its name.
pub(super) const KILL: Kind = Kind {
    name: "kill-worker",
    weight: 8,
    make: |rng, shape| Some(Box::new(Kill(vec![shape.mortal(rng)?]))),
    ..WORKERS
};

/// SIGKILL for up to half of them at once.
pub(super) const KILL_MANY: Kind = Kind {
    name: "kill-workers",
    make: |rng, shape| Some(Box::new(Kill(shape.many_mortals(rng)?))),
    ..WORKERS
};

/// SIGSTOP for longer than a lease, then SIGCONT.
pub(super) const FREEZE: Kind = Kind {
    name: "freeze-worker",
    weight: 8,
    leases: (1.5, 5.0),
    make: |rng, shape| Some(Box::new(Freeze::of(vec![shape.any(rng)?], shape.lease))),
    ..WORKERS
};

/// The same for up to half of them at once.
pub(super) const FREEZE_MANY: Kind = Kind {
    name: "freeze-workers",
    leases: (1.5, 5.0),
    make: |rng, shape| Some(Box::new(Freeze::of(shape.many_mortals(rng)?, shape.lease))),
    ..WORKERS
};

/// SIGSTOP for less than half a lease, which nobody is to notice.
pub(super) const BLINK: Kind = Kind {
    name: "blink",
    leases: (0.05, 0.4),
    make: |rng, shape| Some(Box::new(Freeze::of(vec![shape.any(rng)?], shape.lease))),
    ..WORKERS
};

/// SIGTERM: it hands over everything and leaves; then it comes back.
pub(super) const LEAVE: Kind = Kind {
    name: "leave",
    weight: 5,
    leases: (0.1, 1.5),
    make: |rng, shape| Some(Box::new(Leave(shape.mortal(rng)?))),
    ..WORKERS
};

/// A second process under the name of a node that lives.
pub(super) const TWIN: Kind = Kind {
    name: "twin",
    weight: 2,
    leases: (1.5, 2.5),
    make: |rng, shape| Some(Box::new(Twin { slot: shape.any(rng)?, run: None })),
    ..WORKERS
};

struct Kill(Vec<usize>);

impl Fault for Kill {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for &slot in &self.0 {
            arena.workers.leave_down(slot);
            if let Some(worker) = arena.workers.current(slot) {
                worker.kill();
            }
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.0.iter().try_for_each(|&slot| arena.workers.start(slot))
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&nodes(&self.0))
    }
}

struct Freeze {
    slots: Vec<usize>,
    lease: Duration,
    /// Those that are frozen, and since when.
    asleep: Vec<(usize, u64)>,
}

impl Freeze {
    fn of(slots: Vec<usize>, lease: Duration) -> Self {
        Self { slots, lease, asleep: Vec::new() }
    }
}

impl Fault for Freeze {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for &slot in &self.slots {
            if !arena.workers.is_running(slot) {
                continue;
            }
            let Some(worker) = arena.workers.current(slot) else { continue };
            self.asleep.push((slot, now_ns()));
            worker.freeze();
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        for (slot, since_ns) in std::mem::take(&mut self.asleep) {
            // On a busy machine a short freeze may have become one of which nobody can say whether
            // the lease outlived it. Then it is made a long one.
            let asleep = || Duration::from_nanos(now_ns() - since_ns);
            let in_time = asleep() < self.lease.mul_f64(0.6);
            if !in_time {
                std::thread::sleep(self.lease.mul_f64(1.4).saturating_sub(asleep()));
            }
            let Some(worker) = arena.workers.current(slot) else { continue };
            if in_time { worker.thaw_in_time() } else { worker.thaw() }
        }
        Ok(())
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&nodes(&self.slots))
    }
}

struct Leave(usize);

impl Fault for Leave {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.workers.leave_down(self.0);
        if let Some(worker) = arena.workers.current(self.0) {
            worker.terminate();
        }
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        // It may be at it still, with the store away; it is not killed for that.
        arena.workers.start_when_over(self.0)
    }
}

impl fmt::Display for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&nodes(&[self.0]))
    }
}

struct Twin {
    slot: usize,
    run: Option<usize>,
}

impl Fault for Twin {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        self.run = Some(arena.workers.start_twin(self.slot)?);
        Ok(())
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        if let Some(run) = self.run.take() {
            arena.workers.run(run).kill();
        }
        Ok(())
    }
}

impl fmt::Display for Twin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&nodes(&[self.slot]))
    }
}
