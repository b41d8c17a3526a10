use std::collections::BTreeMap;

use divider_examples::journal::now_ns;
use divider_examples::resident::resident;
use serde::Serialize;

use crate::arena::Arena;

/// How much processes that live throughout take, from time to time.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// By what it is, the moment and the bytes.
    samples: BTreeMap<String, Vec<(u64, u64)>>,
}

/// How much one took over the whole time, in bytes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Trend {
    pub(crate) what: String,
    /// The median of the second quarter of all samples: it has warmed up by then.
    pub(crate) early: u64,
    /// The median of the last quarter.
    pub(crate) late: u64,
    pub(crate) most: u64,
    /// How long it was looked at.
    pub(crate) seconds: u64,
}

impl Memory {
    /// Looks at the first worker, which is never killed, and at the servers.
    pub(crate) fn look(&mut self, arena: &mut Arena) {
        let mut pids = Vec::new();
        if arena.workers.is_running(0)
            && let Some(worker) = arena.workers.current(0)
        {
            pids.push((format!("worker {}", worker.node()), worker.pid()));
        }
        for (place, pid) in arena.bed.pids().into_iter().enumerate() {
            let what = format!("server {}", place + 1);
            pids.extend(pid.map(|pid| (what, pid)));
        }
        for (what, pid) in pids {
            // One that ended just now has no memory to be looked at.
            if let Ok(bytes) = resident(pid) {
                self.samples.entry(what).or_default().push((now_ns(), bytes));
            }
        }
    }

    /// What became of each.
    pub(crate) fn trends(&self) -> Vec<Trend> {
        let trend = |(what, samples): (&String, &Vec<(u64, u64)>)| {
            let bytes: Vec<u64> = samples.iter().map(|(_, bytes)| *bytes).collect();
            let quarter = bytes.len() / 4;
            let seconds = samples.last().map_or(0, |last| (last.0 - samples[0].0) / 1_000_000_000);
            Trend {
                what: what.clone(),
                early: median(&bytes[quarter..(2 * quarter).max(1)]),
                late: median(&bytes[3 * quarter..]),
                most: bytes.iter().copied().max().unwrap_or(0),
                seconds,
            }
        };
        self.samples.iter().map(trend).collect()
    }
}

impl Trend {
    /// Whether it grew by more than warming up and noise explain. Less than five minutes say nothing.
    pub(crate) fn grows(&self) -> bool {
        self.seconds >= 300 && self.late > self.early + self.early / 3 + (8 << 20)
    }
}

fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_shows_against_the_warmed_up_state() {
        let check = |mib: &dyn Fn(u64) -> u64, grows: bool| {
            let samples = (0..400).map(|n| (n * 1_000_000_000, mib(n) << 20)).collect();
            let memory = Memory { samples: BTreeMap::from([("it".to_owned(), samples)]) };
            assert_eq!(memory.trends()[0].grows(), grows, "{:?}", memory.trends());
        };
        check(&|_| 20, false);
        check(&|n| if n < 50 { n } else { 50 }, false);
        check(&|n| 20 + n / 4, true);
    }
}
