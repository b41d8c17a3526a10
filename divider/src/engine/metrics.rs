//! The metrics of one node, for an application that installed a recorder of the `metrics` crate.
//!
#![doc = include_str!("metrics.md")]

use metrics::{Counter, Gauge, Histogram, Label, Unit};

use crate::id::{GroupName, NodeId};

/// The handles of all metrics of one node.
pub(crate) struct Metrics {
    pub(super) held: Gauge,
    pub(super) started: Counter,
    pub(super) stopped: Counter,
    pub(super) released: Counter,
    pub(super) lost: Counter,
    pub(super) handover: Histogram,
    pub(super) takeover: Histogram,
    pub(super) fences: Counter,
    pub(super) resyncs: Counter,
    pub(super) cas_conflicts: Counter,
    pub(super) view_lag: Gauge,
    pub(super) unowned: Gauge,
    pub(super) quarantined: Gauge,
    pub(super) dropped_handoffs: Counter,
    pub(super) store_failures: Counter,
    pub(super) problems: Gauge,
    pub(super) unconfirmed: Gauge,
    pub(super) oldest_unconfirmed: Gauge,
    pub(super) untaken: Gauge,
    pub(super) lease_remaining: Gauge,
    pub(super) store_bytes: Gauge,
    pub(super) store_limit: Gauge,
    pub(super) handler_failures: Counter,
}

impl Metrics {
    /// Describes the metrics to the recorder, and gets their handles from it.
    pub(crate) fn new(group: &GroupName, node: &NodeId) -> Self {
        describe();
        // Not `node`: that is the machine where Prometheus finds its targets in Kubernetes.
        let node = Label::new("divider_node", node.to_string());
        let labels = vec![Label::new("group", group.to_string()), node];
        let counter = |name| metrics::counter!(name, labels.clone());
        let gauge = |name| metrics::gauge!(name, labels.clone());
        let histogram = |name| metrics::histogram!(name, labels.clone());
        Self {
            held: gauge(HELD),
            started: counter(STARTED),
            stopped: counter(STOPPED),
            released: counter(RELEASED),
            lost: counter(LOST),
            handover: histogram(HANDOVER),
            takeover: histogram(TAKEOVER),
            fences: counter(FENCES),
            resyncs: counter(RESYNCS),
            cas_conflicts: counter(CAS_CONFLICTS),
            view_lag: gauge(VIEW_LAG),
            unowned: gauge(UNOWNED),
            quarantined: gauge(QUARANTINED),
            dropped_handoffs: counter(DROPPED_HANDOFFS),
            store_failures: counter(STORE_FAILURES),
            problems: gauge(PROBLEMS),
            unconfirmed: gauge(UNCONFIRMED),
            oldest_unconfirmed: gauge(OLDEST_UNCONFIRMED),
            untaken: gauge(UNTAKEN),
            lease_remaining: gauge(LEASE_REMAINING),
            store_bytes: gauge(STORE_BYTES),
            store_limit: gauge(STORE_LIMIT),
            handler_failures: counter(HANDLER_FAILURES),
        }
    }
}

/// Tells the recorder, for each line of the table, the unit and what is counted.
fn describe() {
    for (name, kind, what) in table() {
        let unit = unit(name);
        match kind {
            "gauge" => metrics::describe_gauge!(name, unit, what),
            "counter" => metrics::describe_counter!(name, unit, what),
            _ => metrics::describe_histogram!(name, unit, what),
        }
    }
}

/// Name, kind and description of every metric.
fn table() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    include_str!("metrics.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.splitn(3, " | ");
        Some((cells.next()?.strip_suffix('`')?, cells.next()?, cells.next()?))
    })
}

/// The unit, which stands at the end of the name; without one it is a number of things.
fn unit(name: &str) -> Unit {
    match name.rsplit('_').next() {
        Some("seconds") => Unit::Seconds,
        Some("bytes") => Unit::Bytes,
        _ => Unit::Count,
    }
}

/// A number as a gauge has it.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(super) fn gauge(number: u64) -> f64 {
    number as f64
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

const HELD: &str = "divider_held";
const STARTED: &str = "divider_started_total";
const STOPPED: &str = "divider_stopped_total";
const RELEASED: &str = "divider_released_total";
const LOST: &str = "divider_lost_total";
const HANDOVER: &str = "divider_handover_seconds";
const TAKEOVER: &str = "divider_takeover_seconds";
const FENCES: &str = "divider_fences_total";
const RESYNCS: &str = "divider_resyncs_total";
const CAS_CONFLICTS: &str = "divider_cas_conflicts_total";
const VIEW_LAG: &str = "divider_view_lag";
const UNOWNED: &str = "divider_unowned_keys";
const QUARANTINED: &str = "divider_quarantined_keys";
const DROPPED_HANDOFFS: &str = "divider_dropped_handoffs_total";
const STORE_FAILURES: &str = "divider_store_failures_total";
const PROBLEMS: &str = "divider_problems";
const UNCONFIRMED: &str = "divider_unconfirmed_stops";
const OLDEST_UNCONFIRMED: &str = "divider_oldest_unconfirmed_seconds";
const UNTAKEN: &str = "divider_untaken_events";
const LEASE_REMAINING: &str = "divider_lease_remaining_seconds";
const STORE_BYTES: &str = "divider_store_bytes";
const STORE_LIMIT: &str = "divider_store_limit_bytes";
const HANDLER_FAILURES: &str = "divider_handler_failures_total";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, MutexGuard};

    use metrics::{Key, KeyName, Metadata, Recorder, SharedString};

    use super::*;

    /// Writes down what is registered and what is described: `name kind`.
    #[derive(Default)]
    struct Register {
        registered: Mutex<BTreeSet<String>>,
        described: Mutex<BTreeSet<String>>,
    }

    impl Register {
        fn add(&self, key: &Key, kind: &str) {
            let labels: Vec<_> = key.labels().map(|l| (l.key(), l.value())).collect();
            assert_eq!(labels, [("group", "g"), ("divider_node", "n")]);
            assert_eq!(kind == "counter", key.name().ends_with("_total"), "{key:?}");
            lock(&self.registered).insert(format!("{} {kind}", key.name()));
        }

        fn describe(&self, name: &KeyName, kind: &str, unit: Option<Unit>) {
            let word = unit.map_or("", |unit| unit.as_str());
            lock(&self.described).insert(format!("{} {kind}", name.as_str()));
            let ends_in = |ending| name.as_str().ends_with(ending);
            assert_eq!(word == "seconds", ends_in("_seconds"), "{name:?}");
            assert_eq!(word == "bytes", ends_in("_bytes"), "{name:?}");
        }
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("not poisoned")
    }

    impl Recorder for Register {
        fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
            self.describe(&name, "counter", unit);
        }
        fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
            self.describe(&name, "gauge", unit);
        }
        fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
            self.describe(&name, "histogram", unit);
        }
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
    fn the_table_lists_and_describes_every_metric_and_no_other() {
        let register = Register::default();
        metrics::with_local_recorder(&register, || {
            Metrics::new(&GroupName::new("g").expect("legal"), &NodeId::new("n").expect("legal"));
        });
        let registered = lock(&register.registered);
        assert_eq!(registered.len(), 23);
        assert_eq!(*registered, *lock(&register.described));
    }
}
