//! The numbers of one node, for whoever installed a recorder of the `metrics` crate.
//!
#![doc = include_str!("metrics.md")]

use metrics::{Counter, Gauge, Histogram, Label};

use crate::core::node::Numbers;
use crate::id::{GroupName, NodeId};

/// The handles of all metrics of one node.
pub(crate) struct Meters {
    pub(super) held: Gauge,
    pub(super) started: Counter,
    pub(super) stopped: Counter,
    pub(super) lost: Counter,
    pub(super) handover: Histogram,
    pub(super) takeover: Histogram,
    pub(super) fences: Counter,
    pub(super) resyncs: Counter,
    pub(super) cas_conflicts: Counter,
    pub(super) view_lag: Gauge,
    pub(super) unowned: Gauge,
    pub(super) dropped_handoffs: Counter,
    pub(super) store_failures: Counter,
    pub(super) problems: Gauge,
}

impl Meters {
    /// Asks the recorder for them.
    pub(crate) fn new(group: &GroupName, node: &NodeId) -> Self {
        let labels =
            vec![Label::new("group", group.to_string()), Label::new("node", node.to_string())];
        let counter = |name| metrics::counter!(name, labels.clone());
        let gauge = |name| metrics::gauge!(name, labels.clone());
        let histogram = |name| metrics::histogram!(name, labels.clone());
        Self {
            held: gauge(HELD),
            started: counter(STARTED),
            stopped: counter(STOPPED),
            lost: counter(LOST),
            handover: histogram(HANDOVER),
            takeover: histogram(TAKEOVER),
            fences: counter(FENCES),
            resyncs: counter(RESYNCS),
            cas_conflicts: counter(CAS_CONFLICTS),
            view_lag: gauge(VIEW_LAG),
            unowned: gauge(UNOWNED),
            dropped_handoffs: counter(DROPPED_HANDOFFS),
            store_failures: counter(STORE_FAILURES),
            problems: gauge(PROBLEMS),
        }
    }
}

impl Meters {
    /// Sets the gauges that are read off now and then.
    pub(super) fn measure(&self, held: usize, numbers: Numbers) {
        self.held.set(gauge(held as u64));
        self.unowned.set(gauge(numbers.unowned));
        self.view_lag.set(gauge(numbers.view_lag));
    }
}

/// A number as a gauge has it.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(super) fn gauge(number: u64) -> f64 {
    number as f64
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}

const HELD: &str = "divider_held";
const STARTED: &str = "divider_started";
const STOPPED: &str = "divider_stopped";
const LOST: &str = "divider_lost";
const HANDOVER: &str = "divider_handover_seconds";
const TAKEOVER: &str = "divider_takeover_seconds";
const FENCES: &str = "divider_fences";
const RESYNCS: &str = "divider_resyncs";
const CAS_CONFLICTS: &str = "divider_cas_conflicts";
const VIEW_LAG: &str = "divider_view_lag";
const UNOWNED: &str = "divider_unowned_keys";
const DROPPED_HANDOFFS: &str = "divider_dropped_handoffs";
const STORE_FAILURES: &str = "divider_store_failures";
const PROBLEMS: &str = "divider_problems";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;

    /// Writes down what is registered: `name kind`.
    #[derive(Default)]
    struct Register(Mutex<BTreeSet<String>>);

    impl Register {
        fn add(&self, key: &Key, kind: &str) {
            let labels: Vec<_> = key.labels().map(|l| (l.key(), l.value())).collect();
            assert_eq!(labels, [("group", "g"), ("node", "n")]);
            let mut register = self.0.lock().expect("not poisoned");
            register.insert(format!("{} {kind}", key.name()));
        }
    }

    impl Recorder for Register {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.add(key, "counter");
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.add(key, "gauge");
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.add(key, "histogram");
            Histogram::noop()
        }
    }

    #[test]
    fn the_table_lists_every_metric_and_no_other() {
        let register = Register::default();
        metrics::with_local_recorder(&register, || {
            Meters::new(&GroupName::new("g").expect("legal"), &NodeId::new("n").expect("legal"));
        });
        let table: BTreeSet<_> = include_str!("metrics.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|line| line.split_once("` | "))
            .filter_map(|(name, rest)| Some(format!("{name} {}", rest.split_once(" | ")?.0)))
            .collect();
        assert_eq!(*register.0.lock().expect("not poisoned"), table);
    }
}
