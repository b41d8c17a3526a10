use std::io::{self, Write};

use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    what: String,
    divider: f64,
    /// The same without divider, where there is such a thing.
    bare: Option<f64>,
    ratio: Option<f64>,
    unit: &'static str,
    bound: Option<Bound>,
    /// Whether it keeps the bound.
    kept: Option<bool>,
}

/// What the ratio, or else the figure itself, has to be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    /// Two rates.
    pub(crate) fn rates(what: String, divider: f64, bare: f64) -> Self {
        Self::pair(what, divider, bare, "/s")
    }

    /// Two figures of one unit.
    pub(crate) fn pair(what: String, divider: f64, bare: f64, unit: &'static str) -> Self {
        let ratio = Some(divider / bare);
        Self { what, divider, bare: Some(bare), ratio, unit, bound: None, kept: None }
    }

    /// A figure with nothing to compare it to.
    pub(crate) fn alone(what: String, divider: f64, unit: &'static str) -> Self {
        Self { what, divider, bare: None, ratio: None, unit, bound: None, kept: None }
    }

    pub(crate) fn at_least(self, bound: f64) -> Self {
        let kept = self.judged() >= bound;
        Self { bound: Some(Bound::AtLeast(bound)), kept: Some(kept), ..self }
    }

    pub(crate) fn at_most(self, bound: f64) -> Self {
        let kept = self.judged() <= bound;
        Self { bound: Some(Bound::AtMost(bound)), kept: Some(kept), ..self }
    }

    fn judged(&self) -> f64 {
        self.ratio.unwrap_or(self.divider)
    }
}

impl Report {
    pub(crate) fn extend(&mut self, rows: Vec<Row>) {
        self.0.extend(rows);
    }

    /// Prints a table, or the same as JSON.
    pub(crate) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            serde_json::to_writer_pretty(&mut out, &self.0)?;
            return writeln!(out);
        }
        writeln!(out, "{:<38} {:>12} {:>12} {:>7}  bound", "", "divider", "bare", "ratio")?;
        for row in &self.0 {
            let number = |value: f64| format!("{value:.*} {}", digits(value), row.unit);
            let bare = row.bare.map_or(String::new(), number);
            let ratio = row.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let (what, divider) = (&row.what, number(row.divider));
            let bound = bound(row);
            writeln!(out, "{what:<38} {divider:>12} {bare:>12} {ratio:>7}  {bound}")?;
        }
        Ok(())
    }
}

fn bound(row: &Row) -> String {
    let bound = match row.bound {
        None => return String::new(),
        Some(Bound::AtLeast(bound)) => format!("at least {bound}"),
        Some(Bound::AtMost(bound)) => format!("at most {bound}"),
    };
    if row.kept == Some(false) { format!("{bound}: MISSED") } else { bound }
}

/// As many digits behind the point as the value has use for.
fn digits(value: f64) -> usize {
    if value < 10.0 { 2 } else { 0 }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 50)
}

/// The value below which that many per cent of the sorted ones are.
pub(crate) fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).or(sorted.last()).copied().unwrap_or(f64::NAN)
}
