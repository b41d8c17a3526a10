//! How many keys move a second.

use std::collections::VecDeque;
use std::time::Duration;

use divider::snapshot::Moment;

/// Moves, second by second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rate {
    /// The oldest first; the last is of the second that runs.
    seconds: VecDeque<u64>,
    /// When the second that runs began.
    begun: Option<Moment>,
}

/// So many seconds are kept.
const KEPT: usize = 60;

impl Rate {
    /// Lets time pass.
    pub(crate) fn on_time(&mut self, now: Moment) {
        let begun = *self.begun.get_or_insert(now);
        let passed = now.since(begun).as_secs();
        if passed == 0 && !self.seconds.is_empty() {
            return;
        }
        self.begun = Some(begun + Duration::from_secs(passed));
        for _ in 0..passed.clamp(1, KEPT as u64) {
            if self.seconds.len() == KEPT {
                self.seconds.pop_front();
            }
            self.seconds.push_back(0);
        }
    }

    /// So many keys moved now.
    pub(crate) fn add(&mut self, moves: u64, now: Moment) {
        self.on_time(now);
        if let Some(last) = self.seconds.back_mut() {
            *last += moves;
        }
    }

    /// Moves a second, the newest last, at most so many.
    pub(crate) fn last(&self, count: usize) -> impl Iterator<Item = u64> {
        self.seconds.iter().skip(self.seconds.len().saturating_sub(count)).copied()
    }

    /// Moves in the last second that is over.
    pub(crate) fn last_second(&self) -> u64 {
        self.seconds.iter().rev().nth(1).copied().unwrap_or(0)
    }

    /// Moves a second over the last ten seconds, in tenths.
    pub(crate) fn tenths(&self) -> u64 {
        self.last(10).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_counted_in_the_second_they_came_in() {
        let begun = Moment::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut rate = Rate::default();
        rate.add(3, at(0));
        rate.add(4, at(999));
        rate.add(5, at(1000));
        rate.on_time(at(3500));
        assert_eq!(rate.last(9).collect::<Vec<_>>(), [7, 5, 0, 0]);
        assert_eq!(rate.last(2).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(rate.tenths(), 12);
        rate.on_time(at(500_000));
        assert_eq!((rate.last(100).count(), rate.tenths()), (KEPT, 0));
    }
}
