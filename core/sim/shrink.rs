//! Reduces a schedule that fails, as long as it fails in the same way.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::check::Violation;
use super::faults::Fault;
use super::run::Told;
use super::schedule::{Air, Schedule, key};
use super::sweep::try_play;
use crate::key::Key;

/// The most schedules that are tried.
const MOST_TRIES: usize = 400;

/// The part of a schedule that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Only {
    nodes: usize,
    keys: usize,
    faults: BTreeSet<usize>,
    traps: BTreeSet<usize>,
    /// Whether the permanent faults are active.
    weather: u8,
}

impl Only {
    fn all(schedule: &Schedule) -> Self {
        Self {
            nodes: schedule.nodes.len(),
            keys: schedule.keys.len(),
            faults: (0..schedule.faults.len()).collect(),
            traps: (0..schedule.traps.len()).collect(),
            weather: 31,
        }
    }

    /// Removes what is not in this part, and what has no meaning without it.
    pub(super) fn apply(&self, schedule: &mut Schedule) {
        schedule.nodes.truncate(self.nodes.max(1));
        schedule.keys.truncate(self.keys);
        schedule.healed = schedule.healed.min(self.nodes);
        let keys: BTreeSet<Key> = (0..self.keys).map(key).collect();
        let faults = std::mem::take(&mut schedule.faults).into_iter().enumerate();
        let kept = faults.filter(|(at, (_, fault))| {
            self.faults.contains(at)
                && place_of(fault).is_none_or(|place| place < self.nodes)
                && key_of(fault).is_none_or(|key| keys.contains(key))
        });
        schedule.faults = kept.map(|(_, fault)| fault).collect();
        let traps = std::mem::take(&mut schedule.traps).into_iter().enumerate();
        schedule.traps = traps.filter(|(at, _)| self.traps.contains(at)).map(|(_, t)| t).collect();
        let air = schedule.weather;
        let kept = |bit: u8| self.weather & 1 << bit != 0;
        schedule.weather = Air {
            lost: if kept(0) { air.lost } else { 0 },
            slow: if kept(1) { air.slow } else { 0 },
            ambiguous: if kept(2) { air.ambiguous } else { 0 },
            stale: if kept(3) { air.stale } else { 0 },
            lag: if kept(4) { air.lag } else { 0 },
        };
    }

    /// All slightly smaller parts, the largest steps first.
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let less = |number: usize| [number / 2, number.saturating_sub(1)];
        for nodes in less(self.nodes).into_iter().filter(|n| *n > 0 && *n < self.nodes) {
            all.push(Self { nodes, ..self.clone() });
        }
        for keys in less(self.keys).into_iter().filter(|k| *k > 0 && *k < self.keys) {
            all.push(Self { keys, ..self.clone() });
        }
        for faults in without(&self.faults) {
            all.push(Self { faults, ..self.clone() });
        }
        for traps in without(&self.traps) {
            all.push(Self { traps, ..self.clone() });
        }
        for bit in (0..5).filter(|bit| self.weather & 1 << bit != 0) {
            all.push(Self { weather: self.weather & !(1 << bit), ..self.clone() });
        }
        all
    }
}

/// The set without its first half, without its second half, and without each single element.
fn without(set: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
    let mut all = Vec::new();
    if set.len() > 3 {
        let half = set.len() / 2;
        all.push(set.iter().copied().skip(half).collect());
        all.push(set.iter().copied().take(half).collect());
    }
    for one in set {
        all.push(set.iter().copied().filter(|other| other != one).collect());
    }
    all
}

fn place_of(fault: &Fault) -> Option<usize> {
    match fault {
        Fault::Pause(at, _)
        | Fault::Resume(at, _)
        | Fault::Crash(at)
        | Fault::Restart(at, _)
        | Fault::Twin(at, _)
        | Fault::Cut(at, ..)
        | Fault::Heal(at)
        | Fault::BreakWatches(at)
        | Fault::SilenceWatches(at)
        | Fault::Deny(at, _)
        | Fault::Control(at, _)
        | Fault::Command(at, _)
        | Fault::DeleteMember(at) => Some(*at),
        _ => None,
    }
}

fn key_of(fault: &Fault) -> Option<&Key> {
    match fault {
        Fault::Announce(key)
        | Fault::AnnounceFor(key, _)
        | Fault::Retract(key)
        | Fault::Churn(key, _)
        | Fault::Smother(key)
        | Fault::Garbage(key) => Some(key),
        _ => None,
    }
}

/// The smallest part found that still fails in the same way.
pub(super) fn shrink(schedule: &Schedule, violation: &Violation) -> (Schedule, Only) {
    let part = |only: &Only| {
        let mut part = schedule.clone();
        only.apply(&mut part);
        part
    };
    let mut tries = 0;
    let mut fails = |only: &Only| {
        tries += 1;
        let found = try_play(&part(only), Told::No).violation;
        tries <= MOST_TRIES && found.is_some_and(|found| found.check == violation.check)
    };
    let mut best = Only::all(schedule);
    while let Some(smaller) = best.smaller().into_iter().find(|only| fails(only)) {
        best = smaller;
    }
    (part(&best), best)
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |set: &BTreeSet<usize>| {
            set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        let (nodes, keys, weather) = (self.nodes, self.keys, self.weather);
        let (faults, traps) = (list(&self.faults), list(&self.traps));
        write!(f, "nodes={nodes} keys={keys} weather={weather} faults={faults} traps={traps}")
    }
}

impl FromStr for Only {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |name: &str| {
            let mut parts = text.split_whitespace();
            parts
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .ok_or(format!("no {name}"))
        };
        let number = |name: &str| part(name)?.parse::<usize>().map_err(|e| format!("{name}: {e}"));
        let list = |name: &str| {
            let numbers = part(name)?.split(',').filter(|n| !n.is_empty());
            numbers
                .map(|n| n.parse::<usize>().map_err(|e| format!("{name}: {e}")))
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            nodes: number("nodes")?,
            keys: number("keys")?,
            weather: u8::try_from(number("weather")?).map_err(|e| e.to_string())?,
            faults: list("faults")?,
            traps: list("traps")?,
        })
    }
}

mod tests {
    use super::*;
    use crate::sim::Class;

    #[test]
    fn a_printed_part_parses_back() {
        let mut only = Only::all(&Schedule::new(7, Class::Durable));
        only.faults.remove(&1);
        assert_eq!(only.to_string().parse(), Ok(only));
    }
}
