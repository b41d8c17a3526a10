//! Simulation of whole groups: real cores over a simulated log, in virtual time, from a seed.
//!
//! `cargo test -p divider sim` runs some thousands of seeds. `SEEDS=1000000 cargo test --release -p
//! divider --lib sim::tests::durable` runs as many as wanted, `SEED=17` a single one with its story.

mod check;
mod faults;
mod host;
mod log;
mod overlap;
mod scenarios;
mod world;

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use self::faults::{Fault, Weather};
use self::host::Setting;
use self::world::{Counts, Event, World};
use crate::core::time::Time;
use crate::core::timing::{SETTLE_AT_MOST, UNKNOWN_LEASE, observed};
use crate::id::NodeId;
use crate::key::Key;
use crate::wire::Mode;

/// Which faults there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// What the store acknowledged, it keeps: never two owners.
    Durable,
    /// The store may lose its tail or be made anew: two owners may overlap for a moment.
    Lossy,
}

/// One group and what befalls it, all from a seed.
struct Run {
    world: World,
    keys: Vec<Key>,
    rng: fastrand::Rng,
}

const SECOND: Duration = Duration::from_secs(1);

fn key(number: usize) -> Key {
    Key::new(format!("/process/me/{number}")).expect("a legal key")
}

impl Run {
    fn new(seed: u64, told: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let lease = Duration::from_millis([300, 600, 1_000, 2_000, 6_000][rng.usize(..5)]);
        let world = World::new(seed, lease, told);
        let keys = (0..rng.usize(1..24)).map(key).collect();
        Self { world, keys, rng }
    }

    fn populate(&mut self) {
        let nodes = self.rng.usize(1..6);
        for place in 0..nodes {
            let seed = self.rng.u64(..);
            let affinity = [100, 100, 100, 1, 50, 0][self.rng.usize(..6)];
            let id = NodeId::new(format!("n{place}")).expect("a legal id");
            let setting = Setting { lease: self.world.lease, affinity, prefixes: Vec::new(), seed };
            self.world.start(place, &id, &setting);
            let wait = Duration::from_millis(self.rng.u64(..800));
            self.world.run_until(self.world.now + wait);
        }
        for key in &self.keys {
            let wait = Duration::from_millis(self.rng.u64(..3_000));
            self.world.after(wait, Event::Fault(Fault::Announce(key.clone())));
        }
    }

    /// Sows faults over a span.
    fn trouble(&mut self, span: Duration, class: Class) {
        let rng = &mut self.rng;
        self.world.weather = Weather {
            lost: [0, 0, 5, 30, 100][rng.usize(..5)],
            ambiguous: [0, 0, 10, 50][rng.usize(..4)],
            stale: [0, 0, 50, 300][rng.usize(..4)],
            lag: [0, 1_000, 50_000][rng.usize(..3)],
            down_until: Time(0),
        };
        let lease = self.world.lease;
        let count = rng.usize(0..24);
        for _ in 0..count {
            let at = rng.usize(..self.world.hosts.len());
            let a_while = lease.mul_f64(rng.f64() * 3.0);
            let key = self.keys[rng.usize(..self.keys.len())].clone();
            let modes = [Mode::Active, Mode::Cordon, Mode::Drain];
            let fault = match rng.u8(..20) {
                0 | 1 => Fault::Pause(at, lease.mul_f64(rng.f64() * 5.0)),
                2 => Fault::Crash(at),
                3 | 4 => Fault::Restart(at, rng.bool()),
                5 => Fault::Cut(at, true, true, a_while),
                6 => Fault::Cut(at, true, false, a_while),
                7 => Fault::Cut(at, false, true, a_while),
                8 => Fault::Outage(a_while),
                9 => Fault::BreakWatches(at),
                10 => Fault::SilenceWatches(at),
                11 => Fault::Announce(key),
                12 => Fault::Retract(key),
                13 => Fault::AnnounceFor(key, Duration::from_secs(rng.u64(1..5))),
                14 | 15 => Fault::Control(at, modes[rng.usize(..3)]),
                16 => Fault::Rebalance,
                17 => Fault::Command(at, rng.u8(..)),
                18 => Fault::DeleteMember(at),
                _ => match class {
                    Class::Durable => Fault::Garbage(key),
                    Class::Lossy if rng.u8(..4) == 0 => Fault::Recreate,
                    Class::Lossy => Fault::LoseTail(rng.usize(1..40)),
                },
            };
            let when = span.mul_f64(rng.f64());
            self.world.after(when, Event::Fault(fault));
        }
        let losses = if class == Class::Lossy { rng.usize(1..4) } else { 0 };
        for _ in 0..losses {
            let fault =
                if rng.u8(..4) == 0 { Fault::Recreate } else { Fault::LoseTail(rng.usize(1..40)) };
            let when = span.mul_f64(rng.f64());
            self.world.after(when, Event::Fault(fault));
        }
    }

    /// How long after the last fault everything has to be in order.
    fn patience(&self) -> Duration {
        let lease = self.world.lease;
        // Applications may be slow to confirm what they were told, and keys of absent sessions wait
        // for the longest lease there may be.
        observed(lease) * 7 + lease + SETTLE_AT_MOST + SECOND * 5
    }

    /// What was written anew at revisions that a watch had passed already is not seen before the view
    /// is read again, where nothing of the node's own was lost. Servers that lost something were
    /// restarted, so every watch breaks at some time.
    fn renew_watches(&mut self) {
        for place in 0..self.world.hosts.len() {
            self.world.break_watches(place);
        }
        self.world.run_until(self.world.now + self.patience());
    }

    fn go(&mut self, class: Class) {
        self.populate();
        let span = SECOND * self.rng.u32(2..15);
        self.trouble(span, class);
        self.world.run_until(self.world.now + span);
        self.world.fault(Fault::Calm);
        self.world.run_until(self.world.now + self.patience());
        let nameless = self.world.member_deleted || self.world.lost.is_some();
        if nameless && !self.world.idle_keys().is_empty() {
            // A session without a lease record, whose member record a stranger deleted or the store
            // lost, is given the longest lease there is.
            self.world.run_until(self.world.now + observed(UNKNOWN_LEASE));
        }
        if class == Class::Lossy {
            self.renew_watches();
        }
        if self.world.violation.is_none() {
            self.world.check_settled();
            self.world.fault(Fault::Rebalance);
            self.world.run_until(self.world.now + SECOND * 3);
            self.world.check_settled();
            self.world.check_balance();
        }
        if self.world.violation.is_none() {
            self.world.check_idle(SECOND * 2);
        }
    }
}

/// Runs one seed: what was violated, and the story if it is wanted.
fn run(seed: u64, class: Class, told: bool) -> (World, Option<String>) {
    let mut run = Run::new(seed, told);
    run.go(class);
    let violation = run.world.violation.clone();
    (run.world, violation)
}

/// What a sweep of seeds came to.
#[derive(Debug, Default)]
struct Total {
    seeds: u64,
    steps: u64,
    counts: Counts,
    /// The longest time that a key had two owners, in leases.
    overlap: f64,
    /// The first seed that failed.
    failed: Option<u64>,
}

impl Total {
    fn add(&mut self, seed: u64, world: &World) {
        self.seeds += 1;
        self.steps += world.steps;
        self.counts += world.counts;
        self.overlap = self.overlap.max(world.longest_overlap_seen);
        if world.violation.is_some() {
            self.failed = Some(self.failed.map_or(seed, |first| first.min(seed)));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.counts += other.counts;
        self.overlap = self.overlap.max(other.overlap);
        self.failed = self.failed.into_iter().chain(other.failed).min();
    }
}

/// A number from the environment.
fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "how fast the simulation is; it does not know")]
fn wall_clock() -> Instant {
    Instant::now()
}

/// Runs many seeds on all cores, each for itself; the first that fails is told.
fn sweep(class: Class, default: u64) {
    if let Some(seed) = set("SEED") {
        let (world, violation) = run(seed, class, true);
        println!("{}", world.story.unwrap_or_default());
        assert_eq!(violation, None, "seed {seed}");
        return;
    }
    let (first, seeds) = (set("FIRST").unwrap_or(0), set("SEEDS").unwrap_or(default));
    let began = wall_clock();
    let total = sweep_range(class, first..first + seeds);
    if let Some(seed) = total.failed {
        tell(seed, class, &total);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{class:?}: {seconds:.1} s, {total:?}");
}

fn sweep_range(class: Class, seeds: Range<u64>) -> Total {
    let next = AtomicU64::new(seeds.start);
    // Whatever fails first by number is found, whoever runs it: smaller ones are under way or done.
    let (failed, all) = (AtomicBool::new(false), set("ALL").is_some());
    let work = || {
        let mut total = Total::default();
        while all || !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let (world, violation) = run(seed, class, false);
            total.add(seed, &world);
            if let Some(violation) = violation {
                failed.store(true, Ordering::Relaxed);
                println!("seed {seed} after {} steps: {violation}", world.steps);
            }
        }
        total
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut total = Total::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            total.merge(&worker.join().expect("a panic here is the test's"));
        }
    });
    total
}

/// Fails with the end of a seed's story.
fn tell(seed: u64, class: Class, total: &Total) -> ! {
    let (world, violation) = run(seed, class, true);
    let (steps, violation) = (world.steps, violation.unwrap_or_default());
    let story = world.story.unwrap_or_default();
    let lines: Vec<_> = story.lines().collect();
    let from = lines.len().saturating_sub(400);
    let seeds = total.seeds;
    panic!(
        "{}\nseed {seed} after {steps} steps, {seeds} seeds: {violation}",
        lines[from..].join("\n")
    );
}

mod tests {
    use super::*;

    #[test]
    fn durable() {
        sweep(Class::Durable, 2_000);
    }

    #[test]
    fn lossy() {
        sweep(Class::Lossy, 500);
    }

    #[test]
    fn the_same_seed_is_the_same_story() {
        for seed in 0..20 {
            let (one, _) = run(seed, Class::Durable, true);
            let (two, _) = run(seed, Class::Durable, true);
            assert_eq!(one.story, two.story, "seed {seed}");
        }
    }
}
