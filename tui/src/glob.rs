//! Patterns for keys.

/// Whether a text is meant by a pattern: `*` stands for any characters, `?` for one. A pattern with
/// neither means what begins with it.
pub(crate) fn is_meant(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return text.starts_with(pattern);
    }
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and what it stands for so far: it takes one more when the rest fails.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_it_spells() {
        let check = |pattern: &str, text: &str, meant: bool| {
            assert_eq!(is_meant(pattern, text), meant, "{pattern} {text}");
        };
        check("", "anything", true);
        check("/eu/", "/eu/17", true);
        check("/eu/", "x/eu/17", false);
        check("*/eu/*", "x/eu/17", true);
        check("orders.*.7", "orders.eu.7", true);
        check("orders.*.7", "orders.eu.78", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*a*b", "aabab", true);
        check("*", "", true);
        check("?é*", "aéx", true);
    }
}
