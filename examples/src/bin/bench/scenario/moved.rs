//! Keys that went from one node to another.

use std::collections::HashMap;
use std::time::Duration;

use crate::bare::{self, Over, Writes};
use crate::node::What;
use crate::report::{Row, Spread};
use crate::servers::Backend;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;
use crate::usage::CpuTime;

/// The moment before a move of keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    seen: usize,
    cpu: CpuTime,
}

impl Mark {
    pub(super) fn now(stage: &mut Stage) -> Result<Self, Failure> {
        Ok(Self { seen: stage.seen.len(), cpu: CpuTime::now(&stage.servers)? })
    }

    /// How much was seen since then.
    pub(super) fn count(self, stage: &Stage) -> usize {
        stage.since(self.seen).len()
    }
}

/// What was heard of a move of keys.
pub(super) struct Moved {
    moves: u32,
    /// From the first stop told to the last start.
    took: Duration,
    /// The CPU time that was used since the mark.
    cpu: CpuTime,
    /// From the confirmed stop of each key to its start elsewhere.
    pub(super) gaps: Spread,
}

impl Moved {
    pub(super) fn since(stage: &mut Stage, mark: Mark) -> Result<Self, Failure> {
        let cpu = CpuTime::now(&stage.servers)?.since(mark.cpu);
        let seen = stage.since(mark.seen);
        let mut stops: HashMap<u32, u64> = HashMap::new();
        for seen in seen {
            if let What::Stop(key) = seen.what {
                stops.insert(key, seen.at_ns);
            }
        }
        let (mut moves, mut last, mut gaps) = (0, 0, Spread::default());
        for seen in seen {
            if let What::Start(key) = seen.what
                && let Some(&stopped) = stops.get(&key)
            {
                moves += 1;
                last = last.max(seen.at_ns);
                gaps.add(Duration::from_nanos(seen.at_ns.saturating_sub(stopped)));
            }
        }
        let first = stops.values().copied().min().unwrap_or(last);
        Ok(Self { moves, took: Duration::from_nanos(last.saturating_sub(first)), cpu, gaps })
    }

    pub(super) fn count(&self) -> f64 {
        f64::from(self.moves)
    }

    /// Its rate, and its CPU time for each key, next to as many bare writes by so many writers before
    /// so many watchers.
    pub(super) fn rows(
        &self,
        setup: &Setup,
        what: &str,
        [writers, watchers]: [u32; 2],
    ) -> Result<[Row; 3], Failure> {
        let (keys, over) = (self.moves, Over::Claims);
        let alike = Writes { keys, writers, watchers, setup: *setup, over };
        let bare = tokio::task::block_in_place(|| bare::measure(alike))?;
        let rate = self.count() / self.took.as_secs_f64();
        let rate = bounded(setup, Row::rates(setup.name(what), rate, bare.rate));
        let [servers, clients] = self.cpu.rows(bare.cpu, setup, what, keys);
        Ok([rate, servers, clients])
    }
}

/// A rate on NATS has to be near the bare one. The tools of other backends do something else.
pub(super) fn bounded(setup: &Setup, rate: Row) -> Row {
    if setup.store == Backend::Nats { rate.at_least(0.8) } else { rate }
}
