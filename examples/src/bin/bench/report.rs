use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    what: String,
    /// Not there in a row of bare figures.
    divider: Option<f64>,
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
        let (divider, bare) = (Some(divider), Some(bare));
        Self { what, divider, bare, ratio, unit, bound: None, kept: None }
    }

    /// A figure with nothing to compare it to.
    pub(crate) fn alone(what: String, divider: f64, unit: &'static str) -> Self {
        let divider = Some(divider);
        Self { what, divider, bare: None, ratio: None, unit, bound: None, kept: None }
    }

    /// A ceiling.
    pub(crate) fn bare(what: String, bare: f64, unit: &'static str) -> Self {
        let bare = Some(bare);
        Self { what, divider: None, bare, ratio: None, unit, bound: None, kept: None }
    }

    /// What the ratio, or else the figure itself, is to be at least.
    pub(crate) fn at_least(self, bound: f64) -> Self {
        Self { bound: Some(Bound::AtLeast(bound)), ..self }.judged()
    }

    /// What it is to be at most.
    pub(crate) fn at_most(self, bound: f64) -> Self {
        Self { bound: Some(Bound::AtMost(bound)), ..self }.judged()
    }

    fn judged(self) -> Self {
        let figure = self.ratio.or(self.divider);
        let kept = self.bound.zip(figure).map(|(bound, figure)| match bound {
            Bound::AtLeast(bound) => figure >= bound,
            Bound::AtMost(bound) => figure <= bound,
        });
        Self { kept, ..self }
    }

    /// The median of several of the same.
    fn median_of(rows: &[&Self]) -> Option<Self> {
        let of = |get: fn(&Self) -> Option<f64>| -> Option<f64> {
            let values: Vec<f64> = rows.iter().filter_map(|row| get(row)).collect();
            (!values.is_empty()).then(|| median(values))
        };
        let (divider, bare, ratio) = (of(|r| r.divider), of(|r| r.bare), of(|r| r.ratio));
        let first = rows.first()?;
        let row = Self { what: first.what.clone(), divider, bare, ratio, ..**first };
        Some(row.judged())
    }
}

impl Report {
    /// Adds what several rounds of one scenario gave.
    pub(crate) fn add(&mut self, rounds: &[Vec<Row>]) {
        let count = rounds.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..count {
            let same: Vec<&Row> = rounds.iter().filter_map(|round| round.get(at)).collect();
            self.0.extend(Row::median_of(&same));
        }
    }

    /// Prints a table, or the same as JSON.
    pub(crate) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            serde_json::to_writer_pretty(&mut out, &self.0)?;
            return writeln!(out);
        }
        writeln!(out, "{:<58} {:>12} {:>12} {:>7}  bound", "", "divider", "bare", "ratio")?;
        for row in &self.0 {
            let number = |value: f64| format!("{value:.*} {}", digits(value), row.unit);
            let bare = row.bare.map_or(String::new(), number);
            let ratio = row.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let (what, divider) = (&row.what, row.divider.map_or(String::new(), number));
            let bound = bound(row);
            writeln!(out, "{what:<58} {divider:>12} {bare:>12} {ratio:>7}  {bound}")?;
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
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Times as they are spread.
#[derive(Debug, Clone)]
pub(crate) struct Spread(Histogram<u64>);

impl Default for Spread {
    fn default() -> Self {
        // Of nanoseconds up to a minute, to three digits.
        Self(Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("legal bounds"))
    }
}

impl Spread {
    pub(crate) fn add(&mut self, span: Duration) {
        self.0.saturating_record(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The time that this share of them does not exceed, in milliseconds.
    pub(crate) fn at(&self, share: f64) -> f64 {
        Duration::from_nanos(self.0.value_at_quantile(share)).as_secs_f64() * 1000.0
    }
}
