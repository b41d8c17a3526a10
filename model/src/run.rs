//! Running a model, and saying what came of it.

use std::fmt;
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// When a run ends before everything was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// After so many steps, of which most lead to states that are known.
    pub steps: Option<usize>,
    /// After so long.
    pub time: Option<Duration>,
    /// How many threads look.
    pub threads: usize,
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    /// How many different states were seen.
    pub states: usize,
    /// How many steps were looked at.
    pub steps: usize,
    /// How long that took.
    pub took: Duration,
    /// How many steps lead to the farthest of them.
    pub depth: usize,
    /// Whether those are all that there are.
    pub exhaustive: bool,
    /// What must never be, and is.
    pub broken: Vec<Found>,
    /// What ought to happen, and was not seen.
    pub unseen: Vec<&'static str>,
}

/// A way to break something.
#[derive(Debug)]
pub struct Found {
    /// What it breaks.
    pub property: &'static str,
    /// What happens, in order.
    pub steps: Vec<String>,
}

/// Looks at every state of a model, the nearest first, until one breaks what must hold.
#[expect(clippy::disallowed_methods, reason = "how long it took is of no consequence")]
pub fn run<M>(model: M, limits: Limits) -> Run
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + fmt::Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + fmt::Debug + PartialEq + Send + Sync,
{
    let properties: Vec<_> =
        model.properties().iter().map(|p| (p.name, p.expectation.clone())).collect();
    let mut builder =
        model.checker().threads(limits.threads.max(1)).finish_when(HasDiscoveries::AnyFailures);
    if let Some(steps) = limits.steps {
        builder = builder.target_state_count(steps);
    }
    if let Some(time) = limits.time {
        builder = builder.timeout(time);
    }
    let start = Instant::now();
    let checker = builder.spawn_bfs().join();
    let took = start.elapsed();
    let full = limits.steps.is_some_and(|steps| checker.state_count() >= steps);
    let ended = full || limits.time.is_some_and(|time| took >= time);
    let found = checker.discoveries();
    let broken: Vec<_> = properties
        .iter()
        .filter(|(_, expectation)| *expectation == Expectation::Always)
        .filter_map(|(property, _)| {
            let path = found.get(property)?.clone();
            let steps = path.into_actions().into_iter().map(|action| format!("{action:?}"));
            Some(Found { property, steps: steps.collect() })
        })
        .collect();
    let unseen = properties
        .iter()
        .filter(|(name, e)| *e == Expectation::Sometimes && !found.contains_key(name))
        .map(|(name, _)| *name)
        .collect();
    Run {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        took,
        depth: checker.max_depth(),
        exhaustive: broken.is_empty() && !ended,
        broken,
        unseen,
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = if self.exhaustive { ", all that there are" } else { "" };
        let (states, steps, depth) = (self.states, self.steps, self.depth);
        writeln!(f, "{states} states{all}, {depth} deep, {steps} steps, {:.0?}", self.took)?;
        for Found { property, steps } in &self.broken {
            writeln!(f, "broken: {property}")?;
            for step in steps {
                writeln!(f, "  {step}")?;
            }
        }
        for name in &self.unseen {
            writeln!(f, "never seen: {name}")?;
        }
        Ok(())
    }
}
