//! Keys: no key is lost, and no unknown key runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Check;
use crate::edge::StopReason;
use crate::key::Key;
use crate::log::{Record, Write};
use crate::sim::world::World;
use crate::time::Time;
use crate::wire::RecordName;

/// The announced and retracted keys.
#[derive(Debug, Default)]
pub(in crate::sim) struct Announced {
    /// Every key that was ever announced, and when it was last known not to exist.
    known: BTreeMap<Key, Time>,
    /// Keys with a time to live.
    fleeting: BTreeSet<Key>,
}

fn key_of(name: &str) -> Option<Key> {
    match RecordName::parse(name) {
        Ok(RecordName::Key(key)) => Some(key),
        _ => None,
    }
}

impl World {
    pub(in crate::sim) fn note_announced(&mut self, key: &Key, ttl: Option<Duration>) {
        let name = RecordName::Key(key.clone()).to_string();
        let exists = self.log.read(self.now, &name).is_some_and(|r| r.value.is_some());
        let keys = &mut self.checks.keys;
        let gone = keys.known.entry(key.clone()).or_default();
        if !exists {
            *gone = self.now;
        }
        if ttl.is_some() {
            keys.fleeting.insert(key.clone());
        }
    }

    pub(in crate::sim) fn note_retracted(&mut self, key: &Key) {
        self.checks.keys.known.insert(key.clone(), self.now);
    }

    /// A key that starts was announced.
    pub(super) fn check_announced(&mut self, place: usize, key: &Key) {
        if !self.checks.keys.known.contains_key(key) {
            let id = self.hosts[place].id.clone();
            self.violate(Check::Keys, format!("{id} starts {key}, which nobody announced"));
        }
    }

    /// A key that is stopped because it does not exist did not exist at some moment.
    pub(in crate::sim) fn check_stop(&mut self, place: usize, key: &Key, reason: StopReason) {
        let fleeting = self.checks.keys.fleeting.contains(key);
        if reason != StopReason::Retracted || fleeting || self.lost.is_some() {
            return;
        }
        let Some(run) = self.hosts[place].app.runs.get(key) else { return };
        let since = run.since;
        let name = RecordName::Key(key.clone()).to_string();
        let exists = self.log.read(self.now, &name).is_some_and(|r| r.value.is_some());
        let gone = self.checks.keys.known.get(key).copied().unwrap_or_default();
        if exists && gone + self.lease * 5 < since {
            let id = self.hosts[place].id.clone();
            self.violate(Check::Keys, format!("{id} stops {key}, which has existed all the time"));
        }
    }

    /// A node has deleted a key. It must have seen that announcement.
    pub(super) fn check_completion(
        &mut self,
        place: usize,
        epoch: u32,
        write: &Write,
        before: Option<&Record>,
    ) {
        if write.value.is_some() || !write.name.starts_with("key.") {
            return;
        }
        let Some(key) = key_of(&write.name) else { return };
        self.note_retracted(&key);
        let Some(before) = before.filter(|record| record.value.is_some()) else { return };
        let host = &self.hosts[place];
        let unseen = host.core.seen().is_some_and(|seen| before.revision > seen);
        if host.epoch == epoch && unseen && self.lost.is_none() {
            let id = host.id.clone();
            self.violate(Check::Keys, format!("{id} completes {key}, announced again unseen"));
        }
    }

    /// The keys that exist in the log.
    pub(in crate::sim) fn announced(&self) -> BTreeSet<Key> {
        let records = self.log.records().filter(|r| r.value.is_some() && !self.log.is_back(r));
        records.filter_map(|r| key_of(&r.name)).collect()
    }

    /// The running keys with their processes.
    pub(in crate::sim) fn runs(&self) -> BTreeMap<Key, Vec<usize>> {
        let mut runs: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (place, host) in self.hosts.iter().enumerate().filter(|(_, h)| h.is_up()) {
            for (key, run) in &host.app.runs {
                if host.holds(self.now, run) {
                    runs.entry(key.clone()).or_default().push(place);
                }
            }
        }
        runs
    }

    /// Whether a key with a time to live may have ended unseen. Nodes then go by their own clocks. If
    /// the server's clock was set back, they are right that the key has ended.
    pub(super) fn is_uncertain(&self, key: &Key) -> bool {
        let name = RecordName::Key(key.clone()).to_string();
        let soon = self.lease + Duration::from_secs(1);
        let ending = self.log.is_ending(self.now, &name, soon);
        ending || self.log.set_back && self.checks.keys.fleeting.contains(key)
    }

    pub(in crate::sim) fn is_any_uncertain(&self) -> bool {
        self.announced().iter().any(|key| self.is_uncertain(key))
    }

    /// The keys that exist and do not run, although a node is eligible and they are not in quarantine.
    pub(in crate::sim) fn idle_keys(&self) -> Vec<Key> {
        let runs = self.runs();
        let taken = |key: &Key| self.hosts.iter().any(|host| host.is_up() && host.takes(key));
        let rests = self.quarantined();
        let may_rest = |key: &Key| self.is_uncertain(key) || rests.contains(key);
        let idle = |key: &Key| !runs.contains_key(key) && !may_rest(key) && taken(key);
        self.announced().into_iter().filter(idle).collect()
    }

    /// Some time after the last fault every key that exists runs, and no other key does.
    pub(in crate::sim) fn check_settled(&mut self) {
        if !self.hosts.iter().any(super::super::host::Host::is_up) {
            return;
        }
        self.check_progress();
        self.check_quarantined_rest();
        let announced = self.announced();
        let runs = self.runs();
        let odd: Vec<_> = runs.keys().filter(|k| !announced.contains(*k)).collect();
        if !odd.is_empty() {
            self.violate(Check::Keys, format!("keys run and do not exist at the end: {odd:?}"));
        }
    }

    /// Every key that exists runs.
    pub(in crate::sim) fn check_progress(&mut self) {
        let idle = self.idle_keys();
        if !idle.is_empty() {
            self.violate(Check::Keys, format!("keys without an owner at the end: {idle:?}"));
        }
    }
}
