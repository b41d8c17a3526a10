//! Unreadable records are harmless: every node knows which records are unreadable.

use super::Check;
use crate::sim::world::World;
use crate::wire::{ClaimRecord, ControlRecord, MemberRecord, RecordName};

fn is_readable(name: &str, value: &[u8]) -> bool {
    match RecordName::parse(name) {
        Ok(RecordName::Claim(_)) => ClaimRecord::decode(value).is_ok(),
        Ok(RecordName::Member(_)) => MemberRecord::decode(value).is_ok(),
        Ok(RecordName::Control(_)) => ControlRecord::decode(value).is_ok(),
        Ok(_) => true,
        Err(_) => !["key.", "claim.", "member.", "control."].iter().any(|p| name.starts_with(p)),
    }
}

impl World {
    pub(in crate::sim) fn check_garbage(&mut self) {
        let bad: Vec<String> = self
            .log
            .records()
            .filter(|r| r.value.as_deref().is_some_and(|value| !is_readable(&r.name, value)))
            .map(|r| r.name.clone())
            .collect();
        for place in 0..self.hosts.len() {
            let host = &self.hosts[place];
            if !host.is_up() || host.core.known().is_none() {
                continue;
            }
            let shown = host.core.problems();
            if let Some(missed) = bad.iter().find(|name| !shown.contains(*name)) {
                let what = format!("{} does not know that {missed} cannot be read", host.id);
                self.violate(Check::Garbage, what);
            }
        }
    }
}
