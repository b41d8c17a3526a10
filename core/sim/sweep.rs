//! Runs many seeds on all cores.

use std::num::NonZero;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::Class;
use super::check::{Check, Violation};
use super::counts::Counts;
use super::run::{Told, play};
use super::schedule::Schedule;
use super::shrink::{Only, shrink};
use super::world::World;
use crate::guard::{Guard, break_guard};

/// The result of a sweep.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) seeds: u64,
    pub(super) steps: u64,
    pub(super) counts: Counts,
    /// The longest time that a key had two owners, in leases.
    pub(super) overlap: f64,
    /// The first seed that failed, after how many steps, and how.
    pub(super) failed: Option<Failure>,
}

/// A seed that failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) seed: u64,
    pub(super) steps: u64,
    pub(super) violation: Violation,
}

impl Total {
    fn add(&mut self, played: &Played) {
        self.seeds += 1;
        self.steps += played.steps;
        self.counts += played.counts;
        self.overlap = self.overlap.max(played.overlap);
    }

    fn fail(&mut self, failure: Failure) {
        if self.failed.as_ref().is_none_or(|first| failure.seed < first.seed) {
            self.failed = Some(failure);
        }
    }

    fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.counts += other.counts;
        self.overlap = self.overlap.max(other.overlap);
        if let Some(failure) = other.failed {
            self.fail(failure);
        }
    }
}

/// The result of one seed.
pub(super) struct Played {
    pub(super) steps: u64,
    pub(super) counts: Counts,
    overlap: f64,
    pub(super) violation: Option<Violation>,
    pub(super) story: Option<String>,
}

impl From<World> for Played {
    fn from(world: World) -> Self {
        Self {
            steps: world.steps,
            counts: world.counts,
            overlap: world.checks.overlaps.longest,
            violation: world.violation,
            story: world.story,
        }
    }
}

/// Runs a schedule. A panic counts as a violation.
pub(super) fn try_play(schedule: &Schedule, told: Told) -> Played {
    let played = catch_unwind(AssertUnwindSafe(|| play(schedule, told)));
    played.map_or_else(
        |_| Played {
            steps: 0,
            counts: Counts::default(),
            overlap: 0.0,
            violation: Some(Violation { check: Check::Panic, what: "a panic, see above".into() }),
            story: None,
        },
        Played::from,
    )
}

/// A number from the environment.
pub(super) fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "how fast the simulation is; it does not know")]
fn wall_clock() -> Instant {
    Instant::now()
}

/// Runs the number of seeds that the environment sets. The first failing seed is reduced and
/// printed.
pub(super) fn sweep(class: Class, default: u64) {
    if let Some(seed) = set("SEED") {
        return tell_one(seed, class);
    }
    let (first, seeds) = (set("FIRST").unwrap_or(0), set("SEEDS").unwrap_or(default));
    let began = wall_clock();
    let total = sweep_range(class, first..first + seeds, None);
    let seconds = began.elapsed().as_secs_f64();
    println!("{class:?}: {seconds:.1} s, {total:?}");
    if let Some(failure) = total.failed {
        tell_small(&failure, class);
    }
}

/// Runs seeds on all cores, with one guard broken or none, up to the first that fails, or all of them
/// with `ALL`.
pub(super) fn sweep_range(class: Class, seeds: Range<u64>, broken: Option<Guard>) -> Total {
    let next = AtomicU64::new(seeds.start);
    // The failing seed with the lowest number is found: lower seeds are running or done.
    let (failed, all) = (AtomicBool::new(false), set("ALL").is_some());
    let work = || {
        break_guard(broken);
        let mut total = Total::default();
        while all || !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let played = try_play(&Schedule::new(seed, class), Told::No);
            total.add(&played);
            if let Some(violation) = played.violation {
                failed.store(true, Ordering::Relaxed);
                if broken.is_none() {
                    println!("seed {seed} after {} steps: {violation:?}", played.steps);
                }
                total.fail(Failure { seed, steps: played.steps, violation });
            }
        }
        total
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let cores = set("CORES").map_or(cores, |n| usize::try_from(n).expect("few cores"));
    let mut total = Total::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            total.merge(worker.join().expect("panics are caught inside"));
        }
    });
    total
}

/// Prints the story of the seed in the environment, or of a part of it.
fn tell_one(seed: u64, class: Class) {
    let mut schedule = Schedule::new(seed, class);
    if let Ok(only) = std::env::var("ONLY") {
        let only: Only = only.parse().expect("ONLY as a failure prints it");
        only.apply(&mut schedule);
    }
    let played = try_play(&schedule, Told::Yes);
    println!("{schedule}\n{}", played.story.unwrap_or_default());
    assert_eq!(played.violation, None, "seed {seed} after {} steps", played.steps);
}

/// Fails with the end of the reduced story of a failed seed.
fn tell_small(failure: &Failure, class: Class) -> ! {
    let (schedule, only) = shrink(&Schedule::new(failure.seed, class), &failure.violation);
    let played = try_play(&schedule, Told::Yes);
    let story = played.story.unwrap_or_default();
    let lines: Vec<_> = story.lines().collect();
    let from = lines.len().saturating_sub(400);
    let name = class.name();
    panic!(
        "{}\n{schedule}\n{:?}\nseed {} after {} steps, made small:\nSEED={} ONLY='{only}' cargo test \
         --release -p divider-core --lib sim::tests::{name} -- --nocapture\nall of it: without ONLY",
        lines[from..].join("\n"),
        failure.violation,
        failure.seed,
        failure.steps,
        failure.seed,
    );
}
