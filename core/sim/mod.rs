//! Simulation of whole groups: real cores over a simulated log, in virtual time, from a seed.
//!
//! `cargo test -p divider-core sim` runs some thousands of seeds. `SEEDS=1000000 cargo test --release -p
//! divider-core --lib sim::tests::durable` runs as many as wanted, from `FIRST` on; `SEED=17` a single one
//! with its story. A seed that fails is made small, and says how it is run again.

mod app;
mod broken;
mod check;
mod counts;
mod event;
mod faults;
mod feed;
mod host;
mod link;
mod log;
mod process;
mod run;
mod scenarios;
mod schedule;
mod shrink;
mod style;
mod sweep;
mod trace;
mod traps;
mod world;

use std::time::Duration;

/// What the store does to a group, and what is asked of it afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// What the store acknowledged, it keeps: never two owners.
    Durable,
    /// The store may lose its tail or be made anew: two owners may overlap for a moment.
    Lossy,
    /// Durable; and in the end some nodes work again while the others never do.
    Live,
}

impl Class {
    /// The name of its test.
    fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Lossy => "lossy",
            Self::Live => "live",
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

mod tests {
    use super::Class;
    use super::run::{Told, play};
    use super::schedule::Schedule;
    use super::sweep::sweep;

    #[test]
    fn durable() {
        sweep(Class::Durable, 3_000);
    }

    #[test]
    fn lossy() {
        sweep(Class::Lossy, 1_000);
    }

    #[test]
    fn live() {
        sweep(Class::Live, 1_000);
    }

    #[test]
    fn the_same_seed_is_the_same_story() {
        for class in [Class::Durable, Class::Lossy, Class::Live] {
            for seed in 0..100 {
                let schedule = Schedule::new(seed, class);
                let (one, two) = (play(&schedule, Told::No), play(&schedule, Told::Yes));
                assert_eq!((one.trace, one.steps), (two.trace, two.steps), "{class:?} {seed}");
            }
        }
    }
}
