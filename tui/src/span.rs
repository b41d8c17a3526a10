//! Spans of time on the command line: `500ms`, `30s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

/// Reads a span of time: whole numbers, each with its unit.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("expected a time with ms, s, m, h or d, such as 30s or 1h30m, found {text:?}");
    let mut span = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)?;
        span = span.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    Ok(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_numbers_with_their_units() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(parse_span(text).ok(), millis.map(Duration::from_millis), "{text:?}");
        };
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("1h30m", Some(5_400_000));
        check("2d", Some(172_800_000));
        check("0s", Some(0));
        check("5", None);
        check("h", None);
        check("", None);
        check("-1s", None);
        check("1.5h", None);
        check("99999999999999999999s", None);
    }
}
