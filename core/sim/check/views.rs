//! Views converge: when the group is quiet, every view equals the log, record by record.

use std::collections::BTreeMap;

use super::Check;
use crate::id::Revision;
use crate::log::Record;
use crate::sim::host::Host;
use crate::sim::world::World;
use crate::wire::{ClaimRecord, ControlRecord, MemberRecord, RecordName};

impl World {
    /// The records that every view must have, with their revisions: no tombstones, and no unreadable
    /// records except claims, which count as unreadable.
    fn shown(&self) -> BTreeMap<String, Revision> {
        let mut shown = BTreeMap::new();
        for record in self.log.records() {
            let Some(value) = record.value.as_deref() else { continue };
            if self.log.is_back(record) && !record.name.starts_with("claim.") {
                continue;
            }
            let readable = match RecordName::parse(&record.name) {
                Ok(RecordName::Key(key)) => !self.is_uncertain(&key),
                Ok(RecordName::Claim(_)) => ClaimRecord::decode(value).is_ok(),
                Ok(RecordName::Member(_)) => MemberRecord::decode(value).is_ok(),
                Ok(RecordName::Control(_)) => ControlRecord::decode(value).is_ok(),
                _ => false,
            };
            if readable {
                shown.insert(record.name.clone(), record.revision);
            }
        }
        shown
    }

    fn is_uncertain_name(&self, name: &str) -> bool {
        matches!(RecordName::parse(name), Ok(RecordName::Key(key)) if self.is_uncertain(&key))
    }

    /// A node that reads the log for the first time sees every join as settled.
    fn check_newcomers_view(&mut self) {
        let records = self.log.records().filter(|record| record.name.starts_with("member."));
        let decode = |record: &Record| {
            let member = MemberRecord::decode(record.value.as_deref()?).ok()?;
            // Revisions in a record that are not below its own do not count.
            let past = |said: Revision| if said < record.revision { said } else { Revision::NONE };
            Some((past(member.joined), past(member.settled)))
        };
        let members: Vec<_> = records.filter_map(decode).collect();
        let newest = members.iter().map(|(joined, _)| *joined).max().unwrap_or_default();
        let settled = members.iter().map(|(_, settled)| *settled).max().unwrap_or_default();
        // Without a live node, no node can settle the join.
        if newest > settled && self.hosts.iter().any(Host::is_up) {
            let what = format!("the join at {newest:?} seems unsettled, only {settled:?} is");
            self.violate(Check::Views, what);
        }
    }

    pub(in crate::sim) fn check_views(&mut self) {
        self.check_newcomers_view();
        let shown = self.shown();
        for place in 0..self.hosts.len() {
            let host = &self.hosts[place];
            let Some(known) = host.core.known().filter(|_| host.is_up()) else { continue };
            let differs =
                |(name, revision): &(&String, &Revision)| known.get(*name) != Some(revision);
            let missed: Vec<_> = shown.iter().filter(differs).collect();
            let known = known.keys().filter(|name| !self.is_uncertain_name(name));
            // An unreadable record changes nothing for nodes that knew the record before it.
            let stands = |name: &String| {
                let back = self.log.newest(name).is_some_and(|r| self.log.is_back(r));
                self.log.has_value(name) && !back
            };
            let gone: Vec<_> =
                known.filter(|name| !shown.contains_key(*name) && !stands(name)).collect();
            if !missed.is_empty() || !gone.is_empty() {
                let what = format!("{} has not seen {missed:?}, and still {gone:?}", host.id);
                self.violate(Check::Views, what);
            }
        }
    }
}
