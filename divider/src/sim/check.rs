//! What must hold: after every step, and once the faults are over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::overlap::Side;
use super::world::World;
use crate::core::time::Time;
use crate::key::Key;
use crate::wire::RecordName;

impl World {
    /// One owner: no two processes hold a key at the same moment.
    pub(super) fn check_owner(&mut self, place: usize, key: &Key) {
        let holds = |at: usize| {
            let host = &self.hosts[at];
            let run = host.app.runs.get(key)?;
            host.holds(self.now, run).then_some(Side {
                place: at,
                epoch: host.epoch,
                token: run.token,
            })
        };
        let Some(mine) = holds(place) else { return };
        let other = (0..self.hosts.len()).filter(|at| *at != place).find_map(holds);
        let Some(other) = other else { return };
        if self.lost.is_some() {
            return self.begin_overlap(key, mine, other);
        }
        let named = |side: Side| (self.hosts[side.place].id.clone(), side.token);
        self.violate(format!("{key} is held by {:?} and {:?}", named(mine), named(other)));
    }

    /// The same for all keys of a process whose lease was extended.
    pub(super) fn check_owners(&mut self, place: usize) {
        let keys: Vec<Key> = self.hosts[place].app.runs.keys().cloned().collect();
        for key in keys {
            self.check_owner(place, &key);
        }
    }

    /// The keys that exist, by the log.
    pub(super) fn announced(&self) -> BTreeSet<Key> {
        let key = |name: &str| match RecordName::parse(name) {
            Ok(RecordName::Key(key)) => Some(key),
            _ => None,
        };
        let records = self.log.records().filter(|r| r.value.is_some());
        records.filter_map(|r| key(&r.name)).collect()
    }

    /// Every process that works, by the node's id.
    pub(super) fn runs(&self) -> BTreeMap<Key, Vec<String>> {
        let mut runs: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        for host in self.hosts.iter().filter(|h| h.ended.is_none()) {
            for (key, run) in &host.app.runs {
                if host.holds(self.now, run) {
                    runs.entry(key.clone()).or_default().push(host.id.to_string());
                }
            }
        }
        runs
    }

    /// The keys that exist and do not run.
    pub(super) fn idle_keys(&self) -> Vec<Key> {
        let runs = self.runs();
        self.announced().into_iter().filter(|key| !runs.contains_key(key)).collect()
    }

    /// Nothing stays orphaned: some time after the last fault every key that exists runs, and no
    /// other does.
    pub(super) fn check_settled(&mut self) {
        let announced = self.announced();
        let runs = self.runs();
        let up = self.hosts.iter().filter(|h| h.ended.is_none()).count();
        if up == 0 {
            return;
        }
        let idle = self.idle_keys();
        if !idle.is_empty() {
            self.violate(format!("keys without an owner at the end: {idle:?}"));
        }
        let odd: Vec<_> = runs.keys().filter(|k| !announced.contains(*k)).collect();
        if !odd.is_empty() {
            self.violate(format!("keys that run and do not exist at the end: {odd:?}"));
        }
    }

    /// Idle means idle: nobody writes claims any more.
    pub(super) fn check_idle(&mut self, span: Duration) {
        let before = self.log.claims_written();
        let end: Time = self.now + span;
        self.run_until(end);
        let after = self.log.claims_written();
        if after != before && self.violation.is_none() {
            self.violate(format!("{} claims were written by an idle group", after - before));
        }
    }

    /// Balance: with equal affinities every process is within one key of its share.
    pub(super) fn check_balance(&mut self) {
        let mut held: Vec<usize> = Vec::new();
        for host in self.hosts.iter().filter(|h| h.ended.is_none()) {
            held.push(host.app.runs.values().filter(|run| host.holds(self.now, run)).count());
        }
        let (Some(least), Some(most)) = (held.iter().min(), held.iter().max()) else { return };
        if most - least > 1 {
            self.violate(format!("out of balance at the end: {held:?}"));
        }
    }
}
