//! The limits of every backend, checked before anything is sent.

use std::time::Duration;

use super::{Filter, MAX_VALUE, StoreError, Write};

/// The longest name of a record, in bytes: the kind, and 512 bytes of a key.
const MAX_NAME: usize = 640;

/// The most names in the filter of one watch.
const MAX_FILTERS: usize = 64;

/// The longest time to live in NATS, in seconds: about 292 years.
const LONGEST_TTL: u64 = i64::MAX.cast_unsigned() / 1_000_000_000;

/// Checks the name, the value and the times of a write.
pub fn check_write(write: &Write) -> Result<(), StoreError> {
    check_name(&write.name)?;
    let len = write.value.as_ref().map_or(0, bytes::Bytes::len);
    if len > MAX_VALUE {
        let what = format!("the value of {} is longer than {MAX_VALUE} bytes: {len}", write.name);
        return Err(StoreError::Invalid { what });
    }
    Ok(())
}

/// A span as a write has it: whole seconds, rounded up, because NATS counts seconds.
pub fn whole_seconds(span: Duration) -> Duration {
    let seconds = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0));
    Duration::from_secs(seconds.clamp(1, LONGEST_TTL))
}

/// Checks that a text is a legal name: a legal key in a NATS key-value bucket.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-/_=.".contains(&b);
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_NAME {
        "is longer than 640 bytes"
    } else if !name.bytes().all(legal) {
        "has a character that is not one of A-Z a-z 0-9 - / _ = ."
    } else if name.split('.').any(str::is_empty) {
        "has an empty token"
    } else {
        return Ok(());
    };
    let start: String = name.chars().take(64).collect();
    Err(StoreError::Invalid { what: format!("a record's name {reason}: {start:?}") })
}

/// Checks that a filter has legal names, and that they do not overlap, which NATS refuses.
pub fn check_filter(filter: &Filter) -> Result<(), StoreError> {
    let invalid = |what: String| Err(StoreError::Invalid { what });
    if filter.names.is_empty() || filter.names.len() > MAX_FILTERS {
        return invalid(format!("a watch takes 1 to {MAX_FILTERS} names: {}", filter.names.len()));
    }
    for (at, name) in filter.names.iter().enumerate() {
        if name != ">" {
            check_name(name.strip_suffix(".>").unwrap_or(name))?;
        }
        let overlap = |other: &&String| covers(name, other) || covers(other, name);
        if let Some(other) = filter.names[..at].iter().find(overlap) {
            return invalid(format!("two names of a watch overlap: {other} and {name}"));
        }
    }
    Ok(())
}

impl Filter {
    /// Whether a watch with this filter follows the record of this name.
    pub fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| covers(pattern, name))
    }
}

/// Whether a name of a filter covers this name, or every name of another filter's prefix.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('>') {
        Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_the_names_that_nats_delivers() {
        let check = |pattern: &str, name: &str, want: bool| {
            assert_eq!(covers(pattern, name), want, "{pattern} over {name}");
        };
        check(">", "group", true);
        check("key.>", "key.a", true);
        check("key.>", "key.a.b", true);
        check("key.>", "key", false);
        check("key.>", "keys.a", false);
        check("lease.w1", "lease.w1", true);
        check("lease.w1", "lease.w10", false);
        check("key.>", "key.a.>", true);
    }

    #[test]
    fn filters_that_nats_refuses_are_refused() {
        let check = |names: &[&str], ok: bool| {
            let filter = Filter { names: names.iter().map(ToString::to_string).collect() };
            assert_eq!(check_filter(&filter).is_ok(), ok, "{names:?}");
        };
        check(&[">"], true);
        check(&["key.>", "claim.>", "lease.w1"], true);
        check(&[], false);
        check(&["key.>", "key.a"], false);
        check(&["key.a", "key.a"], false);
        check(&["group", ">"], false);
        check(&["key.*"], false);
        check(&["key..>"], false);
    }

    #[test]
    fn a_span_is_whole_seconds_and_at_least_one() {
        let check = |ms: u64, want: u64| {
            let whole = whole_seconds(Duration::from_millis(ms));
            assert_eq!(whole, Duration::from_secs(want), "{ms} ms");
        };
        check(0, 1);
        check(1, 1);
        check(3_000, 3);
        check(3_500, 4);
        assert_eq!(whole_seconds(Duration::MAX), Duration::from_secs(LONGEST_TTL));
    }
}
