//! The server's clock, as far as it is known: how old a stored message is.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What the server's clock says. It comes from the server's answers and goes on by the clock here, so
/// that the wall clock of this machine may be wrong.
#[derive(Debug, Default)]
pub(super) struct ServerClock(Mutex<Option<(Instant, u64)>>);

impl ServerClock {
    /// The server said that it is now this many nanoseconds after 1970.
    pub(super) fn set(&self, unix_ns: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), unix_ns));
    }

    /// How long ago a message was stored, by the time that the server gave it. `None` while nothing is
    /// known of the clock.
    pub(super) fn age(&self, stored_ns: u64) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, unix_ns) = (*known)?;
        let gone = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(unix_ns.saturating_add(gone).saturating_sub(stored_ns)))
    }

    /// The same for a message that was stored while its watch was listening. One that is stored ahead of
    /// the clock shows that the clock is late; any other may have been stored by a wrong one.
    pub(super) fn age_of_new(&self, stored_ns: u64) -> Duration {
        let age = self.age(stored_ns).unwrap_or_default();
        if age.is_zero() {
            self.set(stored_ns);
        }
        age
    }

    /// A message was stored while its watch was listening, after one that has this other time. With an
    /// earlier one it shows that the server's clock was set back: what is stored from then on would be
    /// old at once otherwise.
    pub(super) fn note_new(&self, stored_ns: u64, before_ns: u64) {
        if stored_ns < before_ns {
            self.set(stored_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_messages_age_is_by_the_servers_clock() {
        const SECOND: u64 = 1_000_000_000;
        let clock = ServerClock::default();
        assert_eq!(clock.age(5 * SECOND), None, "nothing is known yet");
        clock.set(100 * SECOND);
        assert_eq!(clock.age(90 * SECOND), Some(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.age(90 * SECOND), Some(Duration::from_secs(15)));
        assert_eq!(clock.age(200 * SECOND), Some(Duration::ZERO), "it was stored by a wrong clock");
        assert_eq!(clock.age(90 * SECOND), Some(Duration::from_secs(15)));
    }
    #[tokio::test(start_paused = true)]
    async fn what_is_new_is_not_old_when_the_servers_clock_was_set_back() {
        const SECOND: u64 = 1_000_000_000;
        let clock = ServerClock::default();
        clock.set(100 * SECOND);
        assert_eq!(clock.age_of_new(200 * SECOND), Duration::ZERO, "set ahead");
        assert_eq!(clock.age(190 * SECOND), Some(Duration::from_secs(10)));
        assert_eq!(clock.age_of_new(101 * SECOND), Duration::from_secs(99));
        clock.note_new(101 * SECOND, 200 * SECOND);
        assert_eq!(clock.age_of_new(101 * SECOND), Duration::ZERO, "set back");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.age_of_new(103 * SECOND), Duration::from_secs(3));
        assert_eq!(clock.age(101 * SECOND), Some(Duration::from_secs(5)));
    }
}
