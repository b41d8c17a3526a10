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

    /// How long ago a message was stored, by the time that the server gave it. Zero where nothing is
    /// known of the clock. A message that is stored ahead of it shows that the clock is late.
    pub(super) fn age(&self, stored_ns: u64) -> Duration {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, unix_ns)) = *known else { return Duration::ZERO };
        let gone = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let now = unix_ns.saturating_add(gone);
        if stored_ns > now {
            *known = Some((Instant::now(), stored_ns));
        }
        Duration::from_nanos(now.saturating_sub(stored_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_messages_age_is_by_the_servers_clock() {
        const SECOND: u64 = 1_000_000_000;
        let clock = ServerClock::default();
        assert_eq!(clock.age(5 * SECOND), Duration::ZERO, "nothing is known yet");
        clock.set(100 * SECOND);
        assert_eq!(clock.age(90 * SECOND), Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.age(90 * SECOND), Duration::from_secs(15));
        assert_eq!(clock.age(200 * SECOND), Duration::ZERO, "the server's clock was set");
        assert_eq!(clock.age(190 * SECOND), Duration::from_secs(10));
    }
}
