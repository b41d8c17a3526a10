//! Spans of time on the command line: `30s`, `5m`, `1h`.

use std::time::Duration;

/// Reads a span of time.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a whole number with s, m or h: {text:?}");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_its_unit() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(parse_span(text).ok(), seconds.map(Duration::from_secs), "{text:?}");
        };
        check("30s", Some(30));
        check("5m", Some(300));
        check("1h", Some(3600));
        check("5", None);
        check("h", None);
        check("-1s", None);
        check("1.5h", None);
        check("99999999999999999999s", None);
    }
}
