//! The time from the loss of all keys until keys run again.

use std::time::Duration;

use divider_core::time::Time;

/// Whether the node's work is interrupted, and since when.
#[derive(Debug, Default)]
pub(super) struct Outage(Option<Interrupted>);

#[derive(Debug)]
struct Interrupted {
    since: Time,
    lost: u64,
    /// When the node was a member again, and how many keys it had at the last look.
    back: Option<(Time, usize)>,
}

/// That keys run again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Over {
    /// How many the node has.
    keys: usize,
    /// How many it lost.
    lost: u64,
    /// How long it had none.
    after: Duration,
}

impl Outage {
    /// The node was fenced. An interruption that goes on keeps its beginning.
    pub(super) fn fenced(&mut self, now: Time, held: u64) {
        match &mut self.0 {
            Some(interrupted) => interrupted.back = None,
            None if held > 0 => {
                self.0 = Some(Interrupted { since: now, lost: held, back: None });
            }
            None => {}
        }
    }

    /// The node is a member again.
    pub(super) fn joined(&mut self, now: Time) {
        if let Some(interrupted) = &mut self.0 {
            interrupted.back = Some((now, 0));
        }
    }

    /// Looks at how many keys the node has, and writes a log line when they have come back.
    pub(super) fn look(&mut self, now: Time, held: usize, lease: Duration) {
        if let Some(Over { keys, lost, after }) = self.over(now, held, lease) {
            tracing::info!(keys, lost, ?after, "keys run again");
        }
    }

    /// They have when their number has not changed between two looks. A node that gets none within a
    /// lease has lost them to others, and says nothing.
    fn over(&mut self, now: Time, held: usize, lease: Duration) -> Option<Over> {
        let Interrupted { since, lost, back } = self.0.as_mut()?;
        let (joined, last) = back.as_mut()?;
        let settled = held > 0 && held == *last;
        *last = held;
        if settled {
            let over = Over { keys: held, lost: *lost, after: now.since(*since) };
            self.0 = None;
            return Some(over);
        }
        if held == 0 && now.since(*joined) > lease {
            self.0 = None;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(6);

    fn at(secs: u64) -> Time {
        Time::default() + Duration::from_secs(100 + secs)
    }

    #[test]
    fn it_is_over_when_keys_have_come_back_and_no_more_do() {
        let mut outage = Outage::default();
        outage.fenced(at(0), 7);
        assert_eq!(outage.over(at(1), 7, LEASE), None, "these are lost");
        outage.fenced(at(5), 0);
        outage.joined(at(20));
        for (secs, held) in [(20, 0), (21, 2), (22, 5)] {
            assert_eq!(outage.over(at(secs), held, LEASE), None);
        }
        let over = Over { keys: 5, lost: 7, after: Duration::from_secs(23) };
        assert_eq!(outage.over(at(23), 5, LEASE), Some(over));
        assert_eq!(outage.over(at(24), 5, LEASE), None, "it is told once");
    }

    #[test]
    fn a_node_that_had_nothing_or_gets_nothing_back_says_nothing() {
        let mut outage = Outage::default();
        outage.fenced(at(0), 0);
        outage.joined(at(1));
        assert_eq!(outage.over(at(1), 3, LEASE), None);
        assert_eq!(outage.over(at(2), 3, LEASE), None);
        outage.fenced(at(10), 3);
        outage.joined(at(11));
        assert_eq!(outage.over(at(18), 0, LEASE), None);
        assert_eq!(outage.over(at(30), 4, LEASE), None, "these are others");
        assert_eq!(outage.over(at(31), 4, LEASE), None);
    }
}
