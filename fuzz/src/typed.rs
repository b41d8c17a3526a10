//! What operators type: spans of time, sizes, patterns for keys, and lists of keys.

#[path = "../../tui/src/glob.rs"]
mod glob;
#[path = "../../tui/src/size.rs"]
mod size;
#[path = "../../tui/src/span.rs"]
mod span;

use divider::Key;

/// One text, read as each of them; divided by a line feed, a pattern and a text.
pub fn typed(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(span) = span::parse_span(&text) {
        let millis = u64::try_from(span.as_millis());
        if let Ok(millis) = millis {
            assert_eq!(span::parse_span(&format!("{millis}ms")), Ok(span));
        }
    }
    if let Ok(bytes) = size::parse_size(&text) {
        assert_eq!(size::parse_size(&bytes.to_string()), Ok(bytes));
    }
    let (pattern, name) = text.split_once('\n').unwrap_or((&text, ""));
    let (pattern, name) = (start(pattern), start(name));
    assert_eq!(glob::is_meant(&pattern, &name), is_meant(&pattern, &name), "{pattern:?} {name:?}");
    for line in text.lines() {
        if let Ok(key) = Key::new(line) {
            assert_eq!(key.as_str(), line);
        }
    }
}

fn start(text: &str) -> String {
    text.chars().take(64).collect()
}

/// What a pattern means, by a table of whether each beginning of it means each beginning of a text.
fn is_meant(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return text.starts_with(pattern);
    }
    let text: Vec<char> = text.chars().collect();
    let mut means = vec![false; text.len() + 1];
    means[0] = true;
    for sign in pattern.chars() {
        let before = means.clone();
        means[0] = before[0] && sign == '*';
        for at in 1..means.len() {
            means[at] = match sign {
                '*' => before[at] || means[at - 1],
                '?' => before[at - 1],
                sign => before[at - 1] && text[at - 1] == sign,
            };
        }
    }
    means[text.len()]
}
