//! Numbers, times and bars as words.

use divider::Revision;

use super::Words;
use super::theme::{Role, Theme};

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

/// A bar of so many columns: how much of the most there is, and a mark where it should end. Where
/// every node has its share, every bar ends at its mark, and there is room for more than a share.
pub(crate) fn share_bar(
    width: u16,
    (keys, target): (u64, u64),
    most: u64,
    role: Role,
    theme: Theme,
) -> Words {
    let width = u64::from(width);
    let all = most.saturating_add(most / 4).max(1);
    let columns = |value: u64| (value.saturating_mul(width) / all).min(width);
    // The smallest number of keys is seen, too.
    let full = columns(keys).max(u64::from(keys > 0)).min(width);
    let mark = (target > 0).then(|| columns(target).min(width.saturating_sub(1)));
    let cell = |at: u64| match at {
        at if mark == Some(at) => (theme.sign("│", "|"), Role::Plain),
        at if at < full => (theme.sign("━", "#"), role),
        _ => (theme.sign("─", "."), Role::Dim),
    };
    let mut words = Words::new();
    for (sign, role) in (0..width).map(cell) {
        match words.last_mut().filter(|last| last.1 == role) {
            Some((text, _)) => text.push_str(sign),
            None => words.push((sign.to_owned(), role)),
        }
    }
    words
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
    let values: Vec<Option<u64>> = values.map(Some).collect();
    let most = values.iter().flatten().copied().max().unwrap_or(0);
    sparkline_of(&values, most, theme)
}

/// Numbers as columns, of which one is as high as `most`. What is not known is left out.
pub(crate) fn sparkline_of(values: &[Option<u64>], most: u64, theme: Theme) -> String {
    const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 8] = ["_", ".", "-", "=", "+", "*", "%", "#"];
    let bars = if theme.ascii { ASCII } else { BARS };
    let bar = |value: &Option<u64>| {
        let Some(value) = value else { return " " };
        let at = if *value == 0 { 0 } else { value.saturating_mul(7).div_ceil(most.max(1)) };
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
        let share = |width, shares, most| -> String {
            let words = share_bar(width, shares, most, Role::Good, theme);
            words.into_iter().map(|word| word.0).collect()
        };
        assert_eq!(share(10, (50, 80), 80), "#####...|.");
        assert_eq!(share(10, (80, 50), 80), "#####|##..");
        assert_eq!(share(10, (80, 80), 80), "########|.");
        assert_eq!(share(10, (1, 0), 100), "#.........");
        assert_eq!(share(10, (0, 0), 0), "..........");
        assert_eq!(share(0, (7, 7), 7), "");
        assert_eq!(progress_bar(10, 5, 2, 10, theme), "#####++...");
        assert_eq!(progress_bar(0, 5, 2, 10, theme), "");
        assert_eq!(sparkline([0, 1, 50, 100].into_iter(), theme), "_.+#");
        assert_eq!(sparkline_of(&[Some(0), None, Some(50)], 100, theme), "_ +");
    }
}
