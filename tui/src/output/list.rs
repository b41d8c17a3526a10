//! Things of one kind, one a row.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Format, Output, Tone, answer, answer_json, json_line, padded, width};
use crate::exit::Outcome;

/// One column: its heading, and what stands in it.
pub(crate) struct Column<T> {
    pub(crate) heading: &'static str,
    pub(crate) cell: fn(&T) -> String,
    /// Whether only wide tables have it.
    pub(crate) wide: bool,
    /// Whether it is a number, and ends where the heading ends.
    pub(crate) right: bool,
    /// Its colour on a terminal.
    pub(crate) tone: fn(&T) -> Tone,
}

impl<T> Column<T> {
    /// A column of words.
    pub(crate) const fn new(heading: &'static str, cell: fn(&T) -> String) -> Self {
        Self { heading, cell, wide: false, right: false, tone: |_| Tone::Plain }
    }

    /// A column of numbers.
    pub(crate) const fn number(heading: &'static str, cell: fn(&T) -> String) -> Self {
        Self { heading, cell, wide: false, right: true, tone: |_| Tone::Plain }
    }

    /// With a colour on a terminal; what the colour says is in the words, too.
    pub(crate) const fn toned(self, tone: fn(&T) -> Tone) -> Self {
        Self { tone, ..self }
    }

    /// Only for those who asked for more.
    pub(crate) const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }
}

/// A list, and how to write it.
pub(crate) struct List<'a, T> {
    pub(crate) columns: &'a [Column<T>],
    pub(crate) rows: &'a [T],
    /// What a thing is, for `-o name`: `node`.
    pub(crate) kind: &'a str,
}

impl Output {
    /// Answers with a list; as JSON it is the document.
    pub(crate) fn list<T: Serialize>(
        &self,
        list: &List<'_, T>,
        document: &impl Serialize,
    ) -> Outcome {
        let text = match self.format(&Format::OF_LISTS)? {
            Format::Json => return answer_json(document),
            Format::Table => self.table(list, |column| !column.wide),
            Format::Wide => self.table(list, |_| true),
            Format::Csv => self.csv(list),
            Format::Plain => self.tabbed(list),
            Format::Name => self.names(list),
            Format::Jsonl => {
                let lines: Result<Vec<_>, _> = list.rows.iter().map(json_line).collect();
                lines?.concat()
            }
        };
        Ok(answer(&text)?)
    }

    /// Rows under their headings, in columns.
    pub(crate) fn table<T>(
        &self,
        list: &List<'_, T>,
        shows: impl Fn(&Column<T>) -> bool,
    ) -> String {
        let columns: Vec<_> = list.columns.iter().filter(|column| shows(column)).collect();
        let cells = |row| columns.iter().map(|c| self.plain(&(c.cell)(row))).collect::<Vec<_>>();
        let rows: Vec<Vec<String>> = list.rows.iter().map(cells).collect();
        let headings: Vec<String> = columns.iter().map(|c| c.heading.to_owned()).collect();
        let all = || rows.iter().chain(self.headings.then_some(&headings));
        // A cell that is longer than that takes its place in its own row, and none in the others.
        let fits = |cell: &String| width(cell).min(WIDEST);
        let widest = |at: usize| all().map(|row| fits(&row[at])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns.len()).map(widest).collect();
        let line = |cells: &[String], tone: &dyn Fn(&Column<T>) -> Tone| {
            let mut line = String::new();
            for (at, (cell, column)) in cells.iter().zip(&columns).enumerate() {
                let is_last = at + 1 == cells.len();
                let cell = match column.right {
                    true => right(cell, widths[at]),
                    false if is_last => cell.clone(),
                    false => padded(cell, widths[at]),
                };
                let tone = if self.color { tone(column) } else { Tone::Plain };
                line = line + &tone.paint(&cell) + if is_last { "" } else { "  " };
            }
            line.trim_end().to_owned() + "\n"
        };
        let headings = self.headings.then(|| line(&headings, &|_| Tone::Plain));
        let body = rows.iter().zip(list.rows).map(|(cells, row)| line(cells, &|c| (c.tone)(row)));
        headings.into_iter().chain(body).collect()
    }

    fn csv<T>(&self, list: &List<'_, T>) -> String {
        let mut text = String::new();
        if self.headings {
            let headings: Vec<_> = list.columns.iter().map(|c| c.heading.to_lowercase()).collect();
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{}", headings.join(","));
        }
        for row in list.rows {
            let cell = |c: &Column<T>| quoted(&self.plain(&(c.cell)(row)));
            let cells: Vec<_> = list.columns.iter().map(cell).collect();
            let _ = writeln!(text, "{}", cells.join(","));
        }
        text
    }

    fn tabbed<T>(&self, list: &List<'_, T>) -> String {
        let line = |row| {
            let cells = list.columns.iter().map(|c| self.plain(&(c.cell)(row)));
            cells.collect::<Vec<_>>().join("\t") + "\n"
        };
        list.rows.iter().map(line).collect()
    }

    fn names<T>(&self, list: &List<'_, T>) -> String {
        let name = |row| {
            let name = self.plain(&(list.columns[0].cell)(row));
            // A key may begin with anything: only without a prefix do other commands accept it.
            if list.kind == "key" { name + "\n" } else { format!("{}/{name}\n", list.kind) }
        };
        list.rows.iter().map(name).collect()
    }
}

/// The width to which a column grows at most.
const WIDEST: usize = 64;

fn right(text: &str, to: usize) -> String {
    format!("{}{text}", " ".repeat(to.saturating_sub(width(text))))
}

/// A cell of a CSV, with quotes where it needs them.
fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::OutputArgs;

    const COLUMNS: &[Column<(&str, u32)>] = &[
        Column::new("NODE", |row| row.0.to_owned()),
        Column::number("KEYS", |row| row.1.to_string()),
        Column::new("HOST", |_| "h\u{1b}".to_owned()).wide(),
    ];
    const LIST: List<'_, (&str, u32)> =
        List { columns: COLUMNS, rows: &[("w1", 7), ("a,\"b", 12345)], kind: "node" };

    fn output() -> Output {
        Output::new(&OutputArgs::default())
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let expected = "NODE   KEYS\nw1        7\na,\"b  12345\n";
        assert_eq!(output().table(&LIST, |column| !column.wide), expected);
        let wide = "NODE   KEYS  HOST\nw1        7  h\\u{1b}\na,\"b  12345  h\\u{1b}\n";
        assert_eq!(output().table(&LIST, |_| true), wide);
    }

    #[test]
    fn one_long_cell_does_not_widen_every_row() {
        let long: &'static str = "x".repeat(300).leak();
        let rows = [("w1", 7), (long, 8)];
        let list = List { columns: COLUMNS, rows: &rows, kind: "node" };
        let table = output().table(&list, |column| !column.wide);
        let widths: Vec<_> = table.lines().map(str::len).collect();
        assert_eq!(widths, [70, 70, 306]);
    }

    #[test]
    fn a_key_is_named_as_commands_accept_it() {
        let list = List { columns: COLUMNS, rows: &[("/a", 7)], kind: "key" };
        assert_eq!(output().names(&list), "/a\n");
    }

    #[test]
    fn every_other_form_has_every_column() {
        assert_eq!(
            output().csv(&LIST),
            "node,keys,host\nw1,7,h\\u{1b}\n\"a,\"\"b\",12345,h\\u{1b}\n"
        );
        assert_eq!(output().tabbed(&LIST), "w1\t7\th\\u{1b}\na,\"b\t12345\th\\u{1b}\n");
        assert_eq!(output().names(&LIST), "node/w1\nnode/a,\"b\n");
    }
}
