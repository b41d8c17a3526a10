//! Numbers, times and bars as words.

use divider::Revision;

use super::theme::Theme;

/// `184 201`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 node`, `2 000 keys`
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {thing}{end}", grouped(number))
}

/// `2.4k`
pub(crate) fn short(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        1000..10_000 => format!("{}.{}k", number / 1000, number % 1000 / 100),
        10_000..1_000_000 => format!("{}k", number / 1000),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

/// `1.02` of 102 hundredths.
pub(crate) fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

/// `rev 184 201`
pub(crate) fn revision(revision: Revision) -> String {
    format!("rev {}", grouped(revision.0))
}

pub(crate) use crate::output::clock as time;

/// A text in lines of about that many columns, broken between words.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// A bar of so many columns: how much of the most there is, and where it ought to be.
pub(crate) fn share_bar(width: u16, keys: u64, target: u64, most: u64, theme: Theme) -> String {
    let columns = |value: u64| value.saturating_mul(u64::from(width)) / most.max(1);
    let (full, target) = (columns(keys), columns(target).min(u64::from(width).saturating_sub(1)));
    let cell = |at: u64| match at {
        at if at == target && at >= full && target > 0 => theme.sign("│", "|"),
        at if at < full => theme.sign("█", "#"),
        _ => theme.sign("·", "."),
    };
    (0..u64::from(width)).map(cell).collect()
}

/// A bar of what is done, what is being done, and what is left.
pub(crate) fn progress_bar(width: u16, done: u64, doing: u64, all: u64, theme: Theme) -> String {
    let columns = |value: u64| value.saturating_mul(u64::from(width)) / all.max(1);
    let (full, half) = (columns(done), columns(done + doing));
    let cell = |at: u64| match at {
        at if at < full => theme.sign("█", "#"),
        at if at < half => theme.sign("▒", "+"),
        _ => theme.sign("·", "."),
    };
    (0..u64::from(width)).map(cell).collect()
}

/// Numbers as columns, the highest as high as there is room for.
pub(crate) fn sparkline(values: impl Iterator<Item = u64>, theme: Theme) -> String {
    const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 8] = ["_", ".", "-", "=", "+", "*", "%", "#"];
    let values: Vec<u64> = values.collect();
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let bars = if theme.ascii { ASCII } else { BARS };
    let bar = |value: &u64| {
        let at = if *value == 0 { 0 } else { (value * 7).div_ceil(most) };
        bars[usize::try_from(at).unwrap_or(7).min(7)]
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::model::settings::Settings;

    #[test]
    fn numbers_can_be_read() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(184_201), "184 201");
        assert_eq!(grouped(1_000_000), "1 000 000");
        let shorts = [999, 2400, 99_999, 1_250_000].map(short);
        assert_eq!(shorts, ["999", "2.4k", "99k", "1.2M"]);
        assert_eq!(hundredths(102), "1.02");
        assert_eq!(time(1_700_000_000_000), "22:13:20");
    }

    #[test]
    fn texts_are_broken_between_words() {
        assert_eq!(
            wrapped("permission denied: control.w1", 18),
            ["permission denied:", "control.w1"]
        );
        assert_eq!(wrapped("averylongword", 3), ["averylongword"]);
        assert_eq!(wrapped("", 3), [""]);
    }

    #[test]
    fn bars_are_as_wide_as_they_should() {
        let theme = Theme::of(&Settings { ascii: true, ..Settings::default() });
        assert_eq!(share_bar(10, 50, 80, 100, theme), "#####...|.");
        assert_eq!(share_bar(10, 80, 50, 100, theme), "########..");
        assert_eq!(share_bar(10, 0, 0, 0, theme), "..........");
        assert_eq!(share_bar(4, 100, 100, 100, theme), "####");
        assert_eq!(progress_bar(10, 5, 2, 10, theme), "#####++...");
        assert_eq!(progress_bar(0, 5, 2, 10, theme), "");
        assert_eq!(sparkline([0, 1, 50, 100].into_iter(), theme), "_.+#");
    }
}
