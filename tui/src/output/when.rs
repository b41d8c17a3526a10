//! Points in time and spans, for people and for programs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in Unix milliseconds as programs read it: `2026-08-23T12:04:31.250Z`. None beyond the year
/// 9999.
pub(crate) fn rfc3339(unix_ms: u64) -> Option<String> {
    let nanos = i128::from(unix_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
}

/// A time in Unix milliseconds as a clock in UTC shows it: `12:04:31`.
pub(crate) fn clock(unix_ms: u64) -> String {
    let s = unix_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The same with its date: `2026-08-23 12:04:31`.
pub(crate) fn date_time(unix_ms: u64) -> String {
    let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    let date = date.map_or_else(|_| "?".to_owned(), |at| at.date().to_string());
    format!("{date} {}", clock(unix_ms))
}

/// The wall clock, in Unix milliseconds.
#[expect(clippy::disallowed_methods, reason = "it only shows the time; nothing is decided by it")]
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// How long ago something in Unix milliseconds was, by this machine's clock.
pub(crate) fn ago(unix_ms: u64) -> Duration {
    Duration::from_millis(now_ms().saturating_sub(unix_ms))
}

/// A span in milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A span for people, in its two largest units: `46ms`, `0.8s`, `13s`, `2m05s`, `3h10m`, `9d11h`.
pub(crate) fn age(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_millis() < 100 => format!("{}ms", span.as_millis()),
        0..10 => format!("{}.{}s", seconds, span.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_at_most_two_units() {
        let check = |ms: u64, text: &str| assert_eq!(age(Duration::from_millis(ms)), text);
        check(46, "46ms");
        check(850, "0.8s");
        check(13_999, "13s");
        check(125_000, "2m05s");
        check(11_400_000, "3h10m");
        check(817_200_000, "9d11h");
    }

    #[test]
    fn a_time_is_written_for_programs_in_utc() {
        assert_eq!(rfc3339(1_787_486_671_250).as_deref(), Some("2026-08-23T12:04:31.25Z"));
        assert_eq!(rfc3339(1_787_486_671_000).as_deref(), Some("2026-08-23T12:04:31Z"));
        assert_eq!(rfc3339(u64::MAX), None);
        assert_eq!(date_time(1_787_486_671_250), "2026-08-23 12:04:31");
    }
}
