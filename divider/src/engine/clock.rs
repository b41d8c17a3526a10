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
//!
//! A test can pause tokio's clock. A node that is started then, on a store in memory, goes by that
//! clock; one on any other store is refused. Nobody pauses the clock of a service.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Handle;

use divider_core::time::{Now, Time};

/// The clock of one node, or of one look at a group.
#[derive(Debug, Clone)]
pub(crate) enum Clock {
    /// The machine's.
    Machine,
    /// That of a runtime whose time a test has paused.
    Paused(Handle),
}

impl Clock {
    /// The clock that the caller lives by.
    pub(crate) fn of_caller() -> Self {
        match Handle::try_current() {
            Ok(runtime) if is_paused() => Self::Paused(runtime),
            _ => Self::Machine,
        }
    }

    /// The runtime whose time is paused.
    pub(crate) fn runtime(&self) -> Option<&Handle> {
        match self {
            Self::Machine => None,
            Self::Paused(runtime) => Some(runtime),
        }
    }

    /// What the clocks say now.
    pub(crate) fn now(&self) -> Now {
        match self {
            Self::Machine => Now { at: machine_time(), unix_us: unix_us() },
            Self::Paused(runtime) => paused_now(runtime),
        }
    }

    /// Nanoseconds since some moment, the same for every clock of this kind.
    pub(crate) fn time(&self) -> Time {
        match self {
            Self::Machine => machine_time(),
            Self::Paused(runtime) => paused_now(runtime).at,
        }
    }

    /// Sleeps until the moment comes, or for `at_most`, whichever is first. Whoever calls it looks at
    /// the clock again afterwards.
    pub(crate) async fn sleep_towards(&self, due: Option<Time>, at_most: Duration) {
        let span = due.map_or(at_most, |due| due.since(self.time()).min(at_most));
        tokio::time::sleep(span).await;
    }

    /// Sleeps until the moment has come.
    pub(crate) async fn sleep_until(&self, due: Time) {
        while self.time() < due {
            self.sleep_towards(Some(due), NAP).await;
        }
    }
}

/// Whether tokio's clock stands still here while the real one goes on.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn is_paused() -> bool {
    let before = tokio::time::Instant::now();
    let begun = Instant::now();
    while Instant::now() <= begun {
        std::hint::spin_loop();
    }
    tokio::time::Instant::now() == before
}

/// What the paused clock of that runtime says, on any thread.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn paused_now(runtime: &Handle) -> Now {
    /// The same moment by the real clocks: where a paused one counts from.
    static ORIGIN: OnceLock<(Instant, Now)> = OnceLock::new();

    let (origin, real) = ORIGIN.get_or_init(|| (Instant::now(), Clock::Machine.now()));
    let _inside = runtime.enter();
    let instant = tokio::time::Instant::now().into_std();
    let after = instant.saturating_duration_since(*origin);
    let before = origin.saturating_duration_since(instant);
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Now {
        at: Time(real.at.0.saturating_add(nanos(after)).saturating_sub(nanos(before))),
        unix_us: real.unix_us.saturating_add(micros(after)).saturating_sub(micros(before)),
    }
}

/// What the machine's clock shows when the machine starts: one year. So a viewer on a machine that has
/// just started can show that a record is a day old.
const BEFORE_START: u64 = 365 * 24 * 3_600 * 1_000_000_000;

/// The machine's clock: nanoseconds since the machine started, and [`BEFORE_START`].
#[cfg(unix)]
fn machine_time() -> Time {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;

    let now = clock_gettime(CLOCK);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    Time(BEFORE_START + seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// The machine's clock: nanoseconds since it was first asked, and [`BEFORE_START`].
#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn machine_time() -> Time {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();

    Time(BEFORE_START) + ORIGIN.get_or_init(Instant::now).elapsed()
}

/// The wall clock in microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The longest sleep where nothing says how long a suspend may go unnoticed.
const NAP: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_does_not_go_back() {
        let mut last = Clock::Machine.time();
        for _ in 0..10_000 {
            let next = Clock::Machine.time();
            assert!(next >= last, "{next:?} came after {last:?}");
            last = next;
        }
    }

    #[test]
    fn the_wall_clock_is_in_microseconds_since_1970() {
        let year_2020 = 1_577_836_800_000_000;
        let year_2200 = 7_258_118_400_000_000;
        assert!((year_2020..year_2200).contains(&Clock::Machine.now().unix_us));
    }

    #[tokio::test]
    async fn a_sleep_does_not_end_before_its_moment() {
        let clock = Clock::Machine;
        let due = clock.time() + Duration::from_millis(20);
        clock.sleep_until(due).await;
        assert!(clock.time() >= due);
    }

    #[tokio::test]
    async fn a_sleep_towards_a_far_moment_ends_early_to_look_at_the_clock() {
        let clock = Clock::Machine;
        let due = clock.time() + Duration::from_hours(1);
        clock.sleep_towards(Some(due), Duration::from_millis(5)).await;
        assert!(clock.time() < due);
    }

    #[tokio::test]
    async fn time_that_goes_on_is_the_machines() {
        for _ in 0..10_000 {
            assert!(matches!(Clock::of_caller(), Clock::Machine));
        }
    }

    #[test]
    fn outside_a_runtime_time_is_the_machines() {
        assert!(matches!(Clock::of_caller(), Clock::Machine));
    }

    #[tokio::test(start_paused = true)]
    async fn paused_time_is_that_of_its_runtime_on_every_thread() {
        let clock = Clock::of_caller();
        assert!(matches!(clock, Clock::Paused(_)));
        let (begun, elsewhere) = (clock.now(), clock.clone());
        tokio::time::sleep(Duration::from_hours(100)).await;
        let read = move || (elsewhere.now(), Clock::of_caller().now());
        let (there, by_another) = std::thread::spawn(read).join().expect("no panic");
        assert_eq!((there.at, there.unix_us), (clock.now().at, clock.now().unix_us));
        assert_eq!(there.at.since(begun.at), Duration::from_hours(100));
        let unix = Duration::from_micros(there.unix_us - begun.unix_us + 1);
        assert!(unix >= Duration::from_hours(100), "{unix:?}");
        assert!(by_another.at < there.at, "a thread of its own lives by the machine's");
        assert_eq!(Clock::of_caller().time(), clock.time());
    }
}
