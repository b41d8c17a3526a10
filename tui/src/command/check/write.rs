//! The forms that monitoring programs read.

use std::fmt::Write as _;

use divider::snapshot::Snapshot;
use serde::Serialize;

use super::measure::{Bad, Measure, Verdict, shown};
use crate::contract::Summary;
use crate::exit::Outcome;
use crate::output::{Output, Tone, answer_json, count, tone_of};

/// What was found.
pub(super) struct Report {
    group: Option<String>,
    summary: Option<Summary>,
    measures: Vec<Measure>,
    result: Verdict,
    /// Why nothing could be found out.
    error: Option<String>,
}

/// `divider.check.v1`
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    group: Option<&'a str>,
    result: Verdict,
    exit: u8,
    checks: Vec<Row<'a>>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Row<'a> {
    check: &'a str,
    result: Verdict,
    value: Option<f64>,
    warn: Option<f64>,
    crit: Option<f64>,
}

impl Report {
    pub(super) fn new(snapshot: &Snapshot, measures: Vec<Measure>) -> Self {
        let result = measures.iter().map(Measure::verdict).max().unwrap_or(Verdict::Ok);
        let group = Some(snapshot.group().to_string());
        Self { group, summary: Some(Summary::new(snapshot)), measures, result, error: None }
    }

    pub(super) fn unknown(why: &str) -> Self {
        let (measures, error) = (Vec::new(), Some(why.to_owned()));
        Self { group: None, summary: None, measures, result: Verdict::Unknown, error }
    }

    pub(super) fn exit(&self) -> u8 {
        self.result.exit()
    }

    /// One line, with performance data behind a bar.
    pub(super) fn nagios(&self) -> String {
        let word = self.result.as_str().to_uppercase();
        let what = self.sentence();
        let data: Vec<_> = self.measures.iter().filter_map(performance).collect();
        let data = if data.is_empty() { String::new() } else { format!(" | {}", data.join(" ")) };
        // A bar in the sentence would begin the data.
        format!("DIVIDER {word} - {}{data}", what.replace('|', "/"))
    }

    /// A line for each limit.
    pub(super) fn text(&self, output: &Output) -> String {
        let mut text = String::new();
        for measure in self.measures.iter().filter(|measure| measure.value.is_some()) {
            let word = measure.verdict().as_str();
            let tone = if output.color { tone_of(word) } else { Tone::Plain };
            let padded = format!("{word:<8}");
            // A String takes whatever is written to it.
            let words = output.plain(&measure.words());
            let _ = writeln!(text, "{}  {words}", tone.paint(&padded));
        }
        if let Some(error) = &self.error {
            let _ = writeln!(text, "unknown   {}", output.plain(error));
        }
        text
    }

    pub(super) fn json(&self) -> Outcome {
        let row = |measure: &'_ Measure| Row {
            check: measure.name,
            result: measure.verdict(),
            value: measure.value,
            warn: measure.warn,
            crit: measure.crit,
        };
        answer_json(&Document {
            schema: "divider.check.v1",
            group: self.group.as_deref(),
            result: self.result,
            exit: self.exit(),
            checks: self.measures.iter().map(row).collect(),
            error: self.error.as_deref(),
        })
    }

    /// Metrics. Group names have no character that would have to be escaped in a label.
    pub(super) fn prometheus(&self) -> String {
        let group = self.group.as_deref().unwrap_or_default();
        let mut text = String::new();
        let mut metric = |name: &str, help: &str, values: &[(String, f64)]| {
            let _ = writeln!(text, "# HELP divider_{name} {help}\n# TYPE divider_{name} gauge");
            for (labels, value) in values {
                let _ = writeln!(text, "divider_{name}{{group=\"{group}\"{labels}}} {value}");
            }
        };
        let exit = [(String::new(), f64::from(self.exit()))];
        metric("check", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", &exit);
        if let Some(summary) = &self.summary {
            let number = super::threshold::number;
            let state = |state: &str, nodes| (format!(",state=\"{state}\""), number(nodes));
            let nodes = [
                state("ready", summary.ready),
                state("joining", summary.joining),
                state("cordoned", summary.cordoned),
                state("draining", summary.draining),
                state("drained", summary.drained),
                state("emptied", summary.emptied),
                state("leaving", summary.leaving),
                state("late", summary.late),
                state("lost", summary.lost),
            ];
            metric("nodes", "Nodes by state.", &nodes);
            let phase = |phase: &str, keys| (format!(",phase=\"{phase}\""), number(keys));
            let keys = [
                phase("running", summary.running),
                phase("stopping", summary.stopping),
                phase("orphaned", summary.orphaned),
                phase("quarantined", summary.quarantined),
            ];
            metric("keys", "Keys by phase.", &keys);
        }
        let named = [
            ("spread", "spread_ratio", "Keys of the fullest node, as a multiple of its share."),
            ("handover", "oldest_unconfirmed_stop_seconds", "Age of the oldest unconfirmed stop."),
            ("problems", "problem_records", "Unreadable records."),
            ("full", "size_percent", "Size in percent of the size limit."),
        ];
        for (of, name, help) in named {
            let value = self.measures.iter().find(|measure| measure.name == of);
            if let Some(value) = value.and_then(|measure| measure.value) {
                metric(name, help, &[(String::new(), value)]);
            }
        }
        text
    }

    /// What is bad, or how things are.
    fn sentence(&self) -> String {
        if let Some(error) = &self.error {
            return error.clone();
        }
        let group = self.group.as_deref().unwrap_or_default();
        let bad = self.measures.iter().filter(|measure| measure.verdict() > Verdict::Ok);
        let bad: Vec<_> = bad.map(Measure::breach).collect();
        match (&self.summary, bad.is_empty()) {
            (Some(summary), true) => {
                let (nodes, keys) = (count(summary.ready, "node"), count(summary.keys, "key"));
                format!("{group}: {nodes} ready, {keys}")
            }
            _ => format!("{group}: {}", bad.join("; ")),
        }
    }
}

/// `'label'=value;warn;crit;min`
fn performance(measure: &Measure) -> Option<String> {
    let value = shown(measure.value?);
    let limit = |limit: Option<f64>| match (limit, measure.bad) {
        (None, _) => String::new(),
        (Some(limit), Bad::Above) => shown(limit),
        (Some(limit), Bad::Below) => format!("{}:", shown(limit)),
    };
    let unit = match measure.name {
        "handover" => "s",
        "full" => "%",
        _ => "",
    };
    Some(format!(
        "{}={value}{unit};{};{};0",
        measure.name,
        limit(measure.warn),
        limit(measure.crit)
    ))
}
