//! The only clock.
//!
//! Leases are measured on a clock that runs on while the machine is suspended: a node that slept
//! past its lease has to know it when it wakes. On Linux and Android that is `CLOCK_BOOTTIME`, on
//! other Unix systems `CLOCK_MONOTONIC` (which does run on during sleep on macOS; elsewhere it may
//! stand still, and a machine that is suspended there should not run a node). Without either it is
//! the standard library's monotonic clock, for which the same holds.
//!
//! Tokio's timers run on a clock that stands still during suspend. So nothing here sleeps longer
//! than a small part of the lease at once: after a suspend, the engine looks at this clock at the
//! latest that much later, and [`Assignment::is_valid`](crate::Assignment::is_valid) needs no
//! waking at all, since it reads the clock itself.

use std::time::{Duration, SystemTime};

use crate::core::time::{Now, Time};

/// What the clocks say now.
pub(crate) fn now() -> Now {
    Now { at: time(), unix_us: unix_us() }
}

/// The engine's clock: nanoseconds since the machine started.
#[cfg(unix)]
pub(crate) fn time() -> Time {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;

    let now = clock_gettime(CLOCK);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    Time(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// The engine's clock: nanoseconds since it was first asked.
#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub(crate) fn time() -> Time {
    use std::sync::OnceLock;
    use std::time::Instant;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();

    // Not zero at the start, so that spans before the origin can be told.
    Time(3_600_000_000_000) + ORIGIN.get_or_init(Instant::now).elapsed()
}

/// The wall clock in microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Sleeps until the moment comes, or for `at_most`, whichever is first. Whoever calls it looks at
/// the clock again afterwards.
pub(crate) async fn sleep_towards(due: Option<Time>, at_most: Duration) {
    let span = due.map_or(at_most, |due| due.since(time()).min(at_most));
    tokio::time::sleep(span).await;
}

/// Sleeps until the moment has come.
pub(crate) async fn sleep_until(due: Time) {
    while time() < due {
        sleep_towards(Some(due), NAP).await;
    }
}

/// The longest sleep where nothing says how long a suspend may go unnoticed.
const NAP: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_does_not_go_back() {
        let mut last = time();
        for _ in 0..10_000 {
            let next = time();
            assert!(next >= last, "{next:?} came after {last:?}");
            last = next;
        }
    }

    #[test]
    fn the_wall_clock_is_in_microseconds_since_1970() {
        let year_2020 = 1_577_836_800_000_000;
        let year_2200 = 7_258_118_400_000_000;
        assert!((year_2020..year_2200).contains(&now().unix_us));
    }

    #[tokio::test]
    async fn a_sleep_does_not_end_before_its_moment() {
        let due = time() + Duration::from_millis(20);
        sleep_until(due).await;
        assert!(time() >= due);
    }

    #[tokio::test]
    async fn a_sleep_towards_a_far_moment_ends_early_to_look_at_the_clock() {
        let due = time() + Duration::from_hours(1);
        sleep_towards(Some(due), Duration::from_millis(5)).await;
        assert!(time() < due);
    }
}
