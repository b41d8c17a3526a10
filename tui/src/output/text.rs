//! Texts from elsewhere, made harmless and brought to a width.

use std::error::Error;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

/// An error with what caused it, and so on. A cause that is in the text already is not said again.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        cause = error.source();
    }
    words
}

/// A text from elsewhere, such as a key, without anything that a terminal would obey or that would
/// show it as another text.
pub(crate) fn plain(text: &str) -> String {
    escaped(text, is_visible)
}

/// The same with nothing but ASCII in it.
pub(crate) fn ascii(text: &str) -> String {
    escaped(text, |c| c.is_ascii() && !c.is_ascii_control())
}

/// JSON that means the same and has nothing in it that a terminal would obey: what JSON itself lets
/// pass can only stand in its texts.
pub(crate) fn json_escaped(json: &str) -> String {
    let is_fine = |c: char| c == '\n' || is_visible(c);
    if json.chars().all(is_fine) {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_fine(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // A String takes whatever is written to it.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

fn escaped(text: &str, is_fine: impl Fn(char) -> bool) -> String {
    if text.chars().all(&is_fine) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if is_fine(c) { c.to_string() } else { c.escape_default().to_string() })
        .collect()
}

/// Neither a control character nor one that only changes how others are shown: marks of direction,
/// joiners, spaces without a width.
fn is_visible(c: char) -> bool {
    let changes_others = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !c.is_control() && !changes_others
}

/// How many columns of a terminal a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// A text with spaces behind it up to a width.
pub(crate) fn padded(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// `1 key`, `2 keys`.
pub(crate) fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_give_orders_to_a_terminal() {
        assert_eq!(plain("/é/1 2"), "/é/1 2");
        assert_eq!(plain("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
        assert_eq!(plain("a\u{9b}2J"), "a\\u{9b}2J");
        assert_eq!(plain("abc\u{202e}cba"), "abc\\u{202e}cba");
        assert_eq!(ascii("/é\t"), "/\\u{e9}\\t");
    }

    #[test]
    fn json_means_the_same_when_it_is_made_harmless() {
        let text = "a\u{1b}\u{9b}2J\u{202e}\u{e0041}é\n";
        let json = json_escaped(&serde_json::to_string(text).expect("a text"));
        assert_eq!(json, "\"a\\u001b\\u009b2J\\u202e\\udb40\\udc41é\\n\"");
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(padded("日本", 6), "日本  ");
        assert_eq!(padded("abc", 2), "abc");
    }
}
