//! Simulation of whole groups: real cores over a simulated log, in virtual time, from a seed.
//!
//! `cargo test -p divider-core sim` runs some thousands of seeds. `SEEDS=1000000 cargo test --release
//! -p divider-core --lib sim::tests::durable` runs as many as you like, starting at `FIRST`. `SEED=17`
//! runs one seed and prints its story. A seed that fails is reduced, and the command that runs it again
//! is printed.

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

/// What the store may do to a group, and what must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The store keeps what it acknowledged. A key never has two owners.
    Durable,
    /// The store may lose its tail or be created again. Two owners may overlap briefly.
    Lossy,
    /// As durable. In the end some nodes recover, and the others never do.
    Live,
}

impl Class {
    /// The name of the class's test.
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
        sweep(Class::Durable, 1_500);
    }

    #[test]
    fn lossy() {
        sweep(Class::Lossy, 600);
    }

    #[test]
    fn live() {
        sweep(Class::Live, 600);
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
