//! The last ten minutes of the group, second by second.

use std::collections::VecDeque;

/// How the group was in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sample {
    /// How many keys moved in it.
    pub(crate) moves: u64,
    /// How many keys had no owner.
    pub(crate) orphans: u64,
    /// For how many seconds the oldest stop had waited.
    pub(crate) oldest_stop: u64,
}

/// The samples, the oldest first. `None`: nothing was heard in that second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trend {
    samples: VecDeque<Option<Sample>>,
    /// The Unix second of the newest sample.
    newest: u64,
}

/// So many seconds are kept.
pub(crate) const SECONDS: usize = 600;

impl Trend {
    /// Notes how the group is in that Unix second. Seconds that were left out are unknown.
    pub(crate) fn push(&mut self, second: u64, sample: Option<Sample>) {
        if self.samples.is_empty() {
            self.newest = second.saturating_sub(1);
        }
        if second <= self.newest {
            return;
        }
        let passed = usize::try_from(second - self.newest).unwrap_or(SECONDS).min(SECONDS);
        for _ in 1..passed {
            self.push_one(None);
        }
        self.push_one(sample);
        self.newest = second;
    }

    fn push_one(&mut self, sample: Option<Sample>) {
        if self.samples.len() == SECONDS {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The highest value in each of so many equal parts of the ten minutes, the newest last.
    ///
    /// The parts begin at round seconds, so that what is drawn moves and does not flicker.
    pub(crate) fn parts(&self, count: usize, value: impl Fn(&Sample) -> u64) -> Vec<Option<u64>> {
        let span = SECONDS.div_ceil(count.max(1)).max(1) as u64;
        let mut parts = vec![None; count];
        let last = self.newest / span;
        for (back, sample) in self.samples.iter().rev().enumerate() {
            let Some(sample) = sample else { continue };
            let part = (self.newest - back as u64) / span;
            let at = usize::try_from(last - part).ok().and_then(|b| (count - 1).checked_sub(b));
            let Some(part) = at.and_then(|at| parts.get_mut(at)) else { break };
            *part = (*part).max(Some(value(sample)));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(moves: u64) -> Sample {
        Sample { moves, ..Sample::default() }
    }

    #[test]
    fn ten_minutes_are_kept_and_gaps_are_unknown() {
        let mut trend = Trend::default();
        trend.push(1000, Some(sample(3)));
        trend.push(1000, Some(sample(9)));
        trend.push(1003, Some(sample(5)));
        let parts = trend.parts(SECONDS, |sample| sample.moves);
        assert_eq!(parts[SECONDS - 4..], [Some(3), None, None, Some(5)]);
        trend.push(90_000, Some(sample(1)));
        let parts = trend.parts(SECONDS, |sample| sample.moves);
        assert_eq!(parts.iter().flatten().collect::<Vec<_>>(), [&1]);
        assert_eq!(trend.samples.len(), SECONDS);
    }

    #[test]
    fn a_part_is_as_high_as_its_highest_second() {
        let mut trend = Trend::default();
        for second in 0..120 {
            trend.push(1200 + second, Some(sample(second)));
        }
        let parts = trend.parts(10, |sample| sample.moves);
        assert_eq!(parts, [[None; 8].as_slice(), &[Some(59), Some(119)]].concat());
    }
}
