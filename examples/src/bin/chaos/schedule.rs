use std::time::Duration;

use fastrand::Rng;

use crate::fault::{Cost, Fault, Kind, Shape, Target};

/// Which faults come when, all from one seed.
pub(crate) struct Schedule {
    rng: Rng,
    shape: Shape,
    kinds: Vec<&'static Kind>,
}

/// Faults that come together, and a pause after all is well again.
pub(crate) struct Round {
    pub(crate) faults: Vec<Planned>,
    pub(crate) pause: Duration,
}

/// A fault and its time, counted from the beginning of its round.
pub(crate) struct Planned {
    pub(crate) kind: &'static Kind,
    pub(crate) fault: Box<dyn Fault>,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

impl Schedule {
    /// A schedule of those of the kinds that are named, or of all that can be done to the shape.
    pub(crate) fn new(seed: u64, shape: Shape, kinds: Vec<&'static Kind>, only: &[String]) -> Self {
        let wanted = |kind: &&Kind| only.is_empty() || only.iter().any(|name| name == kind.name);
        let possible = |kind: &&Kind| kind.servers <= shape.servers;
        let kinds = kinds.into_iter().filter(wanted).filter(possible).collect();
        Self { rng: Rng::with_seed(seed), shape, kinds }
    }

    /// The next round: often one fault, sometimes two or three.
    pub(crate) fn next(&mut self) -> Round {
        let mut shape = Shape { free: (0..self.shape.workers).collect(), ..self.shape.clone() };
        let count = [1, 1, 1, 1, 1, 2, 2, 2, 3, 3][self.rng.usize(..10)];
        let mut faults: Vec<Planned> = Vec::new();
        for _ in 0..count {
            let kinds = self.kinds.iter().copied().filter(|kind| goes_with(kind, &faults));
            let kinds: Vec<&'static Kind> = kinds.collect();
            let Some(kind) = self.choose(&kinds) else { break };
            let Some(fault) = (kind.make)(&mut self.rng, &mut shape) else { continue };
            let (shortest, longest) = kind.leases;
            let lasts = shortest + (longest - shortest) * self.rng.f64();
            // Those that come together come in any order, within half a lease.
            let from = if count == 1 { 0.0 } else { 0.5 * self.rng.f64() };
            let (from, until) = (shape.lease.mul_f64(from), shape.lease.mul_f64(from + lasts));
            faults.push(Planned { kind, fault, from, until });
        }
        let pause = shape.lease.mul_f64(0.5 * self.rng.f64());
        Round { faults, pause }
    }

    fn choose(&mut self, kinds: &[&'static Kind]) -> Option<&'static Kind> {
        let sum: u32 = kinds.iter().map(|kind| kind.weight).sum();
        let mut place = self.rng.u32(..sum.max(1));
        kinds.iter().copied().find(|kind| {
            let found = place < kind.weight;
            place = place.saturating_sub(kind.weight);
            found
        })
    }
}

/// A fault of the whole group comes once a round, and one that loses writes comes alone.
fn goes_with(kind: &Kind, others: &[Planned]) -> bool {
    let groups = |kind: &Kind| kind.target == Target::Group;
    let loses = |kind: &Kind| kind.cost == Cost::Lossy;
    !others
        .iter()
        .any(|other| (groups(kind) && groups(other.kind)) || loses(kind) || loses(other.kind))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::bed::Backend;

    fn story(backend: Backend, seed: u64, servers: usize, rounds: usize) -> Vec<String> {
        let lease = Duration::from_secs(3);
        let shape = Shape { servers, lease, workers: 5, free: Vec::new() };
        let mut schedule = Schedule::new(seed, shape, backend.faults(), &[]);
        let tell = |round: Round| {
            let faults = round.faults.iter();
            let told = faults
                .map(|it| format!("{} {} {:?} {:?}", it.kind.name, it.fault, it.from, it.until));
            told.collect::<Vec<_>>().join(", ")
        };
        (0..rounds).map(|_| tell(schedule.next())).collect()
    }

    #[test]
    fn the_same_seed_is_the_same_schedule() {
        for backend in Backend::value_variants() {
            assert_eq!(story(*backend, 7, 1, 50), story(*backend, 7, 1, 50));
            assert_ne!(story(*backend, 7, 1, 50), story(*backend, 8, 1, 50));
        }
    }

    #[test]
    fn a_seed_of_nats_means_what_it_always_did() {
        let lease = Duration::from_secs(3);
        let shape = Shape { servers: 1, lease, workers: 3, free: Vec::new() };
        let mut schedule = Schedule::new(7, shape, Backend::Nats.faults(), &[]);
        let mut next = || {
            let faults = schedule.next().faults;
            let told = faults.iter().map(|it| format!("{} {}", it.kind.name, it.fault));
            told.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(next(), "twin w2, blink w1");
        assert_eq!(next(), "kill-worker w2, freeze-worker w1");
        assert_eq!(next(), "leave w1, leave w2, half-open w0");
        assert_eq!(next(), "stop-server the leader");
    }

    #[test]
    fn every_kind_comes_that_the_servers_allow() {
        for backend in Backend::value_variants() {
            let most = backend.servers().iter().copied().max().expect("there are some");
            let all = story(*backend, 1, most, 3000).join("\n");
            let one = story(*backend, 1, 1, 3000).join("\n");
            for kind in backend.faults() {
                assert!(all.contains(kind.name), "{backend}: {}", kind.name);
                let possible = kind.servers == 1;
                assert_eq!(one.contains(kind.name), possible, "{backend}: {}", kind.name);
            }
        }
    }
}
