//! How often the same thing is said.

use std::time::Duration;

/// Says when something that lasts is worth a line: after a first span, then each time it has lasted
/// twice as long, and at least every [`AT_LEAST`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Reminder {
    first: Duration,
    next: Duration,
}

/// What is to be said now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remark {
    /// Nothing.
    Nothing,
    /// It lasts.
    Lasts,
    /// What was said to last is over.
    Over,
}

impl Reminder {
    pub(super) fn new(first: Duration) -> Self {
        Self { first, next: first }
    }

    /// It has lasted for so long.
    pub(super) fn look(&mut self, age: Duration) -> Remark {
        if age < self.first {
            let was_said = self.next > self.first;
            self.next = self.first;
            return if was_said { Remark::Over } else { Remark::Nothing };
        }
        if age < self.next {
            return Remark::Nothing;
        }
        self.next = (age * 2).min(age + AT_LEAST);
        Remark::Lasts
    }
}

/// What lasts is said again after this at the latest.
const AT_LEAST: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: &[u64]) -> Vec<Remark> {
        let mut reminder = Reminder::new(Duration::from_secs(6));
        secs.iter().map(|secs| reminder.look(Duration::from_secs(*secs))).collect()
    }

    #[test]
    fn what_lasts_is_said_again_when_it_has_lasted_twice_as_long() {
        use Remark::{Lasts, Nothing};
        assert_eq!(
            at(&[0, 5, 6, 7, 11, 12, 23, 24]),
            [Nothing, Nothing, Lasts, Nothing, Nothing, Lasts, Nothing, Lasts]
        );
        assert_eq!(at(&[3600, 4199, 4200]), [Lasts, Nothing, Lasts]);
    }

    #[test]
    fn the_end_is_said_once_and_only_of_what_was_said() {
        use Remark::{Lasts, Nothing, Over};
        assert_eq!(at(&[5, 0, 6, 0, 0, 6]), [Nothing, Nothing, Lasts, Over, Nothing, Lasts]);
    }
}
