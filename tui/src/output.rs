//! Writing: data to standard output, words to standard error.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};

/// Writes data. Whoever reads it may stop early, as `head` does.
pub(crate) fn answer(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a line of words.
pub(crate) fn tell(line: &str) {
    // Without a standard error there is nobody to tell that to either.
    let _ = writeln!(io::stderr(), "{line}");
}

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

/// Rows under their headings, in columns.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([headings[at].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let start = text.len();
        for (cell, width) in cells.iter().zip(widths) {
            // A String takes whatever is written to it.
            let _ = write!(text, "{cell:<width$}  ");
        }
        text.truncate(start + text[start..].trim_end().len());
        text.push('\n');
    };
    line(headings);
    for row in rows {
        line(std::array::from_fn(|at| row[at].as_str()));
    }
    text
}

/// A text from elsewhere, such as a key, without anything that a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let visible = |c: char| !c.is_control();
    if text.chars().all(visible) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if visible(c) { c.to_string() } else { c.escape_default().to_string() })
        .collect()
}

/// `one key`, `2 keys`.
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
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["w1".to_owned(), "ready".to_owned()], ["worker-2".to_owned(), String::new()]];
        let expected = "NODE      STATE\nw1        ready\nworker-2\n";
        assert_eq!(table(["NODE", "STATE"], &rows), expected);
    }

    #[test]
    fn a_key_cannot_give_orders_to_a_terminal() {
        assert_eq!(plain("/é/1 2"), "/é/1 2");
        assert_eq!(plain("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
    }
}
