//! The viewer's clock.

use crate::core::time::{Now, Time};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What the clocks say now.
#[expect(clippy::disallowed_methods, reason = "stands in for the engine's clock")]
pub(crate) fn now() -> Now {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let at = Time(3_600_000_000_000) + ORIGIN.get_or_init(Instant::now).elapsed();
    Now { at, unix_us: super::unix_ms() * 1000 }
}

/// Sleeps until the moment has come.
pub(crate) async fn sleep_until(due: Time) {
    while now().at < due {
        tokio::time::sleep(due.since(now().at).min(Duration::from_millis(500))).await;
    }
}
