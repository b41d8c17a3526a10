//! What is measured, and what that means.

use std::cmp::Ordering;

use divider::snapshot::NodeState;
use divider::store::Info;
use serde::Serialize;

use super::threshold::{Limits, number};
use crate::contract::Summary;
use crate::look::Look;

/// What a value comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// The exit code, as monitoring plugins have it.
    pub(super) const fn exit(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => super::UNKNOWN,
        }
    }
}

/// One value with its limits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measure {
    pub(super) name: &'static str,
    /// What it counts: `{}` is the value, `{s}` the plural.
    pub(super) what: &'static str,
    /// None where it cannot be known, which is no fault.
    pub(super) value: Option<f64>,
    pub(super) warn: Option<f64>,
    pub(super) crit: Option<f64>,
    pub(super) bad: Bad,
}

/// On which side of its limits a value is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    Above,
    Below,
}

impl Measure {
    /// The value in words.
    pub(super) fn words(&self) -> String {
        let value = self.value.map_or_else(|| "-".to_owned(), shown);
        let plural = if value == "1" { "" } else { "s" };
        self.what.replace("{}", &value).replace("{s}", plural)
    }

    /// What is wrong with the value, in words.
    pub(super) fn breach(&self) -> String {
        let limit = if self.verdict() == Verdict::Critical { self.crit } else { self.warn };
        let (words, limit) = (self.words(), limit.map_or_else(String::new, shown));
        match self.bad {
            Bad::Below => format!("{words}, fewer than the {limit} expected"),
            Bad::Above => format!("{words} (limit {limit})"),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let bad = match self.bad {
            Bad::Above => Ordering::Greater,
            Bad::Below => Ordering::Less,
        };
        let is_beyond = |limit: Option<f64>| {
            let compared =
                self.value.zip(limit).and_then(|(value, limit)| value.partial_cmp(&limit));
            compared == Some(bad)
        };
        match (is_beyond(self.crit), is_beyond(self.warn)) {
            (true, _) => Verdict::Critical,
            (_, true) => Verdict::Warning,
            _ => Verdict::Ok,
        }
    }
}

/// A number with at most two digits behind the point.
pub(super) fn shown(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Everything that is measured.
pub(super) fn measures(look: &Look, info: Option<&Info>, limits: &Limits) -> Vec<Measure> {
    let Look { snapshot, viewer } = look;
    let summary = Summary::new(snapshot);
    let stops = snapshot.nodes().filter_map(|node| node.unconfirmed.oldest.first());
    let oldest = stops.map(|stop| viewer.anchor.moment().since(stop.told)).max();
    let measure = |name, what, value| {
        let (warn, crit) = limits.of(name);
        Measure { name, what, value, warn, crit, bad: Bad::Above }
    };
    let of = |state| number(snapshot.nodes().filter(|node| node.state == state).count() as u64);
    let problems = number(snapshot.problems().shown.len() as u64);
    vec![
        Measure {
            bad: Bad::Below,
            ..measure("ready", "{} node{s} ready", Some(number(summary.ready)))
        },
        measure("late", "{} node{s} late", Some(of(NodeState::Late))),
        measure("lost", "{} node{s} lost", Some(of(NodeState::Lost))),
        measure("orphaned", "{} key{s} without an owner", Some(number(summary.orphaned))),
        measure("quarantined", "{} key{s} in quarantine", Some(number(summary.quarantined))),
        measure("spread", "fullest node: {}× its share", summary.spread),
        measure(
            "handover",
            "oldest unconfirmed stop: {} s",
            Some(oldest.unwrap_or_default().as_secs_f64()),
        ),
        measure("problems", "{} unreadable record{s}", Some(problems)),
        measure("full", "size: {} % of the limit", info.and_then(full)),
    ]
}

fn full(info: &Info) -> Option<f64> {
    info.max_bytes.map(|max| number(info.bytes) * 100.0 / number(max.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_beyond_its_limit_is_bad_on_its_side_only() {
        let check = |bad, value: Option<f64>, expected| {
            let (warn, crit) = (Some(2.0), Some(4.0));
            let (warn, crit) = if bad == Bad::Above { (warn, crit) } else { (crit, warn) };
            let measure = Measure { name: "x", what: "x", value, warn, crit, bad };
            assert_eq!(measure.verdict(), expected, "{measure:?}");
        };
        check(Bad::Above, Some(2.0), Verdict::Ok);
        check(Bad::Above, Some(2.5), Verdict::Warning);
        check(Bad::Above, Some(5.0), Verdict::Critical);
        check(Bad::Below, Some(4.0), Verdict::Ok);
        check(Bad::Below, Some(3.0), Verdict::Warning);
        check(Bad::Below, Some(1.0), Verdict::Critical);
        check(Bad::Above, None, Verdict::Ok);
    }
}
