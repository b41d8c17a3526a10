//! The spans that follow from a lease.

use std::time::Duration;

use super::guard::broken;

/// The tolerated error of a clock's rate, in percent.
const RATE_ERROR_PERCENT: u32 = 1;

/// The spans of one node. They all follow from the length of its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a lease lasts that is not renewed (L).
    pub lease: Duration,
    /// The time between heartbeats (H).
    pub heartbeat: Duration,
    /// The end of the lease that is left to the application for stopping (S).
    pub stop_budget: Duration,
    /// How long a node waits for the answer to a write or a read (A).
    pub ack: Duration,
    /// The pause between a failed attempt and the next (R).
    pub retry: Duration,
}

impl Timing {
    /// The spans that follow from this length.
    pub fn of(lease: Duration) -> Self {
        let heartbeat = lease / 6;
        Self {
            lease,
            heartbeat,
            stop_budget: lease / 6,
            ack: (heartbeat / 2).clamp(Duration::from_millis(50), Duration::from_secs(2)),
            retry: lease / 30,
        }
    }
}

/// How long an observer must see a lease of this length unchanged, on its own clock, before its session
/// is over by every clock: with the rate error of both clocks, and a grace.
pub fn observed(lease: Duration) -> Duration {
    if broken!(Grace) {
        return lease;
    }
    let grace = (lease / 20).max(Duration::from_millis(25));
    lease + lease * RATE_ERROR_PERCENT / 100 + grace
}

/// The length of a lease that no record gives: the longest one allowed.
pub const UNKNOWN_LEASE: Duration = Duration::from_mins(5);

/// How long after the newest join the joins settle.
pub const SETTLE: Duration = Duration::from_millis(500);

/// The longest time for which joins can delay placing.
pub const SETTLE_AT_MOST: Duration = Duration::from_secs(3);

/// How long a rollout holds joins back at most, after a node of the new deploy has begun its session.
pub const LONGEST_ROLLOUT: Duration = Duration::from_hours(1);

/// The time to live of tombstones that may expire.
pub const TOMBSTONE_TTL: Duration = Duration::from_hours(1);

/// The time to live of the lease record of a session that is over. It is long, so that a node that
/// finds old claims of the session can prove that it is over.
pub const ENDED_LEASE_TTL: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observer_with_the_fastest_clock_waits_out_a_holder_with_the_slowest() {
        for ms in [300, 500, 1_000, 6_000, 18_000, 300_000] {
            let lease = Duration::from_millis(ms);
            let longest_hold = lease.as_secs_f64() / 0.99;
            let shortest_wait = observed(lease).as_secs_f64() / 1.01;
            assert!(shortest_wait > longest_hold, "lease {ms} ms");
        }
    }

    #[derive(serde::Deserialize)]
    struct Given {
        lease_ms: u64,
    }

    #[test]
    fn vectors() {
        let micros = |span: Duration| u64::try_from(span.as_micros()).expect("at most minutes");
        crate::vectors::check("timing", |Given { lease_ms }| {
            let lease = Duration::from_millis(lease_ms);
            let timing = Timing::of(lease);
            serde_json::json!({
                "heartbeat_us": micros(timing.heartbeat),
                "stop_budget_us": micros(timing.stop_budget),
                "ack_us": micros(timing.ack),
                "retry_us": micros(timing.retry),
                "observed_us": micros(observed(lease)),
            })
        });
    }

    #[test]
    fn several_renewals_fit_between_a_heartbeat_and_the_fence() {
        for ms in [300, 1_000, 6_000, 18_000, 300_000] {
            let t = Timing::of(Duration::from_millis(ms));
            let attempt = t.ack * 2 + t.retry;
            assert!(t.heartbeat + attempt < t.lease.saturating_sub(t.stop_budget), "lease {ms} ms");
        }
    }
}
