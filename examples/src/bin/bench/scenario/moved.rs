//! Keys that went from one node to another.

use std::collections::HashMap;
use std::time::Duration;

use crate::bare::{self, Over, Writes};
use crate::node::What;
use crate::report::{Row, Spread};
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

/// What was heard of a move of keys.
pub(super) struct Moved {
    moves: u32,
    /// From the first stop told to the last start.
    took: Duration,
    /// From the confirmed stop of each key to its start elsewhere.
    pub(super) gaps: Spread,
}

impl Moved {
    pub(super) fn since(stage: &Stage, mark: usize) -> Self {
        let seen = stage.since(mark);
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
        Self { moves, took: Duration::from_nanos(last.saturating_sub(first)), gaps }
    }

    pub(super) fn count(&self) -> f64 {
        f64::from(self.moves)
    }

    /// Its rate next to as many bare writes by so many writers before so many watchers.
    pub(super) fn rate_row(
        &self,
        setup: &Setup,
        what: &str,
        [writers, watchers]: [u32; 2],
    ) -> Result<Row, Failure> {
        let (keys, replicas, over) = (self.moves, setup.replicas, Over::Claims);
        let alike = Writes { keys, writers, watchers, replicas, over };
        let bare = tokio::task::block_in_place(|| bare::rate(alike))?;
        Ok(Row::rates(setup.name(what), self.count() / self.took.as_secs_f64(), bare))
    }
}
