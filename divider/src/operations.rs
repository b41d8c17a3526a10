#![doc = include_str!("../docs/operations.md")]

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The lines at `info` and above that are written in this source text: level and words.
    fn lines_in(source: &str) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        for level in ["info", "warn", "error"] {
            let begin = format!("tracing::{level}!(");
            lines.extend(source.split(&begin).skip(1).map(|call| (level, last_text(call))));
        }
        lines
    }

    /// The last text in the arguments of a call, in one line.
    fn last_text(call: &str) -> String {
        let (mut depth, mut inside, mut escaped) = (1, false, false);
        let (mut text, mut last) = (String::new(), String::new());
        for c in call.chars() {
            match c {
                '"' if !escaped => {
                    inside = !inside;
                    last = std::mem::take(&mut text);
                }
                '(' if !inside => depth += 1,
                ')' if !inside => depth -= 1,
                '\\' | '\n' if inside => {}
                _ if inside => text.push(c),
                _ => {}
            }
            escaped = c == '\\' && !escaped;
            if depth == 0 {
                break;
            }
        }
        last.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn sources(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of this crate") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                sources(&path, texts);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                texts.push(std::fs::read_to_string(&path).expect("text"));
            }
        }
    }

    #[test]
    fn every_log_line_from_info_on_is_explained() {
        let guide = include_str!("../docs/operations.md");
        let mut texts = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        let this_file = include_str!("operations.rs");
        let lines: Vec<_> = texts
            .iter()
            .filter(|text| *text != this_file)
            .flat_map(|text| lines_in(text))
            .collect();
        assert!(lines.len() > 20, "{lines:?}");
        let rows = lines.iter().map(|(level, words)| format!("| {level} | `{words}` |"));
        let missing: Vec<_> = rows.filter(|row| !guide.contains(row.as_str())).collect();
        assert!(missing.is_empty(), "not in operations.md: {missing:#?}");
        let explained = guide.lines().filter(|line| {
            ["| info | `", "| warn | `", "| error | `"].iter().any(|row| line.starts_with(row))
        });
        for row in explained {
            let words = row.split('`').nth(1).expect("has a line");
            let is_written = lines.iter().any(|(_, line)| line == words);
            assert!(is_written, "nobody writes: {words}");
        }
    }
}
