//! When a schedule is due, and what becomes of what was missed.

use clap::ValueEnum;
use divider::{BoxError, Key};
use serde::{Deserialize, Serialize};

/// What becomes of runs that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Misfire {
    /// The newest of them runs.
    Once,
    /// None runs.
    Skip,
}

/// What is saved of a schedule: when it is due next, in Unix ms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) due_ms: u64,
}

impl Plan {
    /// The first time is the next multiple of the period, so that it is the same for every node.
    pub(crate) fn first(now_ms: u64, period_ms: u64) -> Self {
        Self { due_ms: (now_ms / period_ms + 1) * period_ms }
    }

    /// What runs now, of what is due, if anything does. The plan is then due after now.
    pub(crate) fn take(&mut self, now_ms: u64, period_ms: u64, misfire: Misfire) -> Option<u64> {
        let late_by = now_ms.checked_sub(self.due_ms)?;
        let missed = late_by / period_ms;
        let newest = self.due_ms + missed * period_ms;
        self.due_ms = newest + period_ms;
        (missed == 0 || misfire == Misfire::Once).then_some(newest)
    }
}

/// A key is `name@period_ms`.
pub(crate) fn parse(key: &Key) -> Result<(&str, u64), BoxError> {
    let (name, period) = key.as_str().rsplit_once('@').ok_or("not NAME@PERIOD")?;
    let period: u64 = period.parse()?;
    if period == 0 { Err("the period is zero".into()) } else { Ok((name, period)) }
}
