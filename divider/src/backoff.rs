//! How long to wait before the next attempt.

use std::time::Duration;

use tokio::time::Instant;

/// Waits that double from the first to the longest, each shortened by up to a half at random, so
/// that what failed together does not try again together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with `first` and never exceeds `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let first = first.min(longest);
        Self { first, longest, next: first }
    }

    /// The next wait: `random` decides how much of it.
    pub(crate) fn next(&mut self, random: u32) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.longest);
        whole.saturating_sub(whole.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0))
    }

    /// Something went well: begins anew.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Waits until then; for ever if there is no such time.
///
/// # Cancel safety
/// Cancel safe.
pub(crate) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        let waits: Vec<_> = (0..5).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 500, 500]);
        backoff.reset();
        assert_eq!(backoff.next(0).as_millis(), 100);
    }

    #[test]
    fn chance_shortens_a_wait_by_at_most_a_half() {
        let check = |random: u32, want_ms: u128| {
            let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
            assert_eq!(backoff.next(random).as_millis(), want_ms, "random {random}");
        };
        check(0, 100);
        check(u32::MAX / 2, 75);
        check(u32::MAX, 50);
    }

    #[test]
    fn a_first_wait_beyond_the_longest_is_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(9), Duration::from_secs(1));
        assert_eq!(backoff.next(0), Duration::from_secs(1));
    }

    #[test]
    fn the_longest_span_there_is_does_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        assert_eq!(backoff.next(0), Duration::MAX);
        assert!(backoff.next(u32::MAX) <= Duration::MAX);
    }
}
