//! Spans of time on the command line: `50ms`, `2s`, `1.5s`, `5m`, `1h`.

use std::time::Duration;

/// Reads a span of time.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("expected a number with ms, s, m or h, found {text:?}")),
    };
    let number: f64 =
        number.parse().map_err(|_| format!("expected a number at the start, found {text:?}"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| format!("{error}: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_unit() {
        let check = |text: &str, expected: Option<u64>| {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(parse_span(text).ok(), expected, "{text:?}");
        };
        check("50ms", Some(50));
        check("2s", Some(2000));
        check("1.5s", Some(1500));
        check("5m", Some(300_000));
        check("1h", Some(3_600_000));
        check("2", None);
        check("s", None);
        check("-1s", None);
        check("1 day", None);
        check("", None);
    }
}
