//! Folds one delivered record into a view.

use std::time::Duration;

use super::entry::{CoolDownUntil, KeyEntry, KeyFlag};
use super::keys::KeyIx;
use super::leftovers::Cause;
use super::owners::OwnerIx;
use super::{Versioned, View};
use crate::id::{NodeId, Revision, Token};
use crate::log::Record;
use crate::time::{Now, Time};
use crate::wire::{
    ControlRecord, CoolDown, Failed, GroupRecord, LeaseRecord, Malformed, ManifestRecord,
    MemberRecord, Named, Part, ReadClaim, RetryRecord, StopsRecord,
};

/// The longest effective cool-down. Longer ones in a record are cut to this.
const LONGEST_COOL_DOWN: Duration = Duration::from_hours(1);

/// The problem of a `key` record that the server removes by itself.
const VANISHES: &str = "announced with Nats-TTL, after which the server would remove it without a \
    trace: announce it with Divider-TTL";

/// Tokens from this value on do not raise the tokens of other keys. Read as a clock, they would be
/// in the year 38 000, so they are forged.
const FORGED_TOKEN: u64 = 1 << 60;

/// What a record changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that a node acts on.
    Nothing,
    /// The key was announced, announced again, or is gone.
    Key(KeyIx),
    /// The claim of the key changed. The session is the one that the claim named before.
    Claim(KeyIx, OwnerIx),
    /// The node's member record changed.
    Member(NodeId),
    /// The control record of the node changed.
    Control(NodeId),
    /// The node's lease changed.
    Lease(NodeId),
    /// The stops record of the node changed.
    Stops(NodeId),
    /// A balance generation was requested.
    Rebalance,
    /// The group record changed.
    Group,
    /// The record is unreadable.
    Problem,
}

impl View {
    /// Begins a snapshot. Records that it has not shown at its end are gone.
    pub fn begin_snapshot(&mut self) {
        self.keys.begin_snapshot();
        self.owners.begin_snapshot();
        self.problems.begin_snapshot();
        self.manifests.clear();
        self.leftovers.clear();
        self.seen = Revision::NONE;
        self.members.clear();
        self.controls.clear();
        self.stops.clear();
        self.group = None;
        self.rebalance = Revision::NONE;
    }

    /// Ends the snapshot. Returns the keys whose `key` record it did not show, and the keys whose
    /// claim it did not show. They stay until [`drop_key`](Self::drop_key) and
    /// [`drop_claim`](Self::drop_claim).
    pub fn end_snapshot(&mut self) -> (Vec<KeyIx>, Vec<KeyIx>) {
        self.problems.end_snapshot();
        self.drop_superseded();
        self.keys.not_shown()
    }

    /// Ends the key although no tombstone was delivered.
    pub fn drop_key(&mut self, ix: KeyIx) -> Effect {
        self.keys.set_announced(ix, Revision::NONE);
        Effect::Key(ix)
    }

    /// Ends the key although its record has a value.
    pub fn leave_key(&mut self, ix: KeyIx, cause: Cause) -> Effect {
        let revision = self.keys.get(ix).map_or(Revision::NONE, |entry| entry.announced);
        if let Some(key) = self.keys.text(ix).filter(|_| revision != Revision::NONE) {
            self.leftovers.add(&Named::Key(key), revision, cause);
        }
        self.drop_key(ix)
    }

    /// Removes the claim of the key although no tombstone was delivered. Its token stays known.
    pub fn drop_claim(&mut self, ix: KeyIx) -> Effect {
        let from = self.keys.get(ix).map_or(OwnerIx::NONE, |e| e.claim.owner);
        self.set_owner(ix, OwnerIx::NONE);
        self.keys.set_cooling_down(ix, None);
        self.keys.set_failures(ix, Failed::default(), None);
        if let Some(entry) = self.keys.get_mut(ix) {
            entry.claim.revision = Revision::NONE;
            entry.claim.exists = false;
            entry.claim.unreadable = false;
        }
        Effect::Claim(ix, from)
    }

    /// Makes the claim free, although its last readable record names a session.
    pub fn disown(&mut self, ix: KeyIx) -> Effect {
        let from = self.keys.get(ix).map_or(OwnerIx::NONE, |e| e.claim.owner);
        self.set_owner(ix, OwnerIx::NONE);
        self.keys.set_failures(ix, Failed::default(), None);
        Effect::Claim(ix, from)
    }

    /// Folds one record.
    pub fn apply(&mut self, now: Now, record: &Record) -> Effect {
        self.seen = self.seen.max(record.revision);
        self.problems.clear(&record.name);
        let name = match Named::read(&record.name) {
            Ok(name) => name,
            Err(error) => return self.problem(record, &error),
        };
        let value = record.value.as_deref();
        let (at, revision) = (now.at, record.revision);
        match (value, record.ttl) {
            (None, None) => self.leftovers.add(&name, revision, Cause::Deleted),
            (None, Some(_)) => self.leftovers.collect(&name),
            (Some(_), _) => _ = self.leftovers.remove(&name),
        }
        let done = match name {
            Named::Key(key) => {
                let vanishes = value.is_some() && record.ttl.is_some();
                if vanishes {
                    self.problems.add(&record.name, revision, VANISHES.into());
                    self.leftovers.add(&Named::Key(&key), revision, Cause::Expired);
                }
                Ok(self.apply_key(&key, revision, value.is_some() && !vanishes))
            }
            Named::Claim(key) => return self.apply_claim(at, &key, record),
            Named::Member(node) => self.apply_member(at, node, revision, value),
            Named::Control(node) => {
                placed(&mut self.controls, &node, at, revision, value, ControlRecord::decode)
                    .map(|()| Effect::Control(node))
            }
            Named::Lease(node) => {
                placed(&mut self.leases, &node, at, revision, value, LeaseRecord::decode)
                    .map(|()| Effect::Lease(node))
            }
            Named::Stops(node) => {
                placed(&mut self.stops, &node, at, revision, value, StopsRecord::decode)
                    .map(|()| Effect::Stops(node))
            }
            Named::Manifest(part) => self.apply_manifest(part, revision, value),
            Named::Retry(key) => return self.apply_retry(&key, record),
            Named::Rebalance => {
                self.rebalance = revision;
                Ok(Effect::Rebalance)
            }
            Named::Group => value.map(GroupRecord::decode).transpose().map(|record| {
                self.group = record.map(|record| Versioned { record, revision, received: at });
                Effect::Group
            }),
        };
        done.unwrap_or_else(|error| self.problem(record, &error))
    }

    fn problem(&mut self, record: &Record, error: &dyn std::fmt::Display) -> Effect {
        if record.value.is_some() {
            self.problems.add(&record.name, record.revision, error.to_string());
        }
        Effect::Problem
    }

    /// Any value makes the key exist: announcers may write any value.
    fn apply_key(&mut self, key: &str, revision: Revision, exists: bool) -> Effect {
        if !exists && self.keys.find_text(key).is_none() {
            return Effect::Nothing;
        }
        let ix = self.keys.intern(key);
        let revision = if exists { revision } else { Revision::NONE };
        self.keys.set_announced(ix, revision);
        Effect::Key(ix)
    }

    fn apply_manifest(
        &mut self,
        part: Part,
        revision: Revision,
        value: Option<&[u8]>,
    ) -> Result<Effect, Malformed> {
        match value.map(ManifestRecord::decode).transpose() {
            Ok(Some(record)) => self.manifests.put(part, record, revision),
            Ok(None) => self.manifests.lose(part, revision),
            Err(error) => {
                self.manifests.lose(part, revision);
                return Err(error);
            }
        }
        Ok(Effect::Nothing)
    }

    fn apply_member(
        &mut self,
        at: Time,
        node: NodeId,
        revision: Revision,
        value: Option<&[u8]>,
    ) -> Result<Effect, Malformed> {
        placed(&mut self.members, &node, at, revision, value, MemberRecord::decode)?;
        if let Some(member) = self.members.get(&node)
            && self.owners.intern(&node, member.record.session, revision).is_none()
        {
            self.members.remove(&node);
            return Err(Malformed::OutOfBounds { field: "session" });
        }
        Ok(Effect::Member(node))
    }

    fn apply_claim(&mut self, at: Time, key: &str, record: &Record) -> Effect {
        let Some(value) = &record.value else { return self.apply_unclaim(key, record.revision) };
        let ix = self.keys.intern(key);
        let from = self.keys.get(ix).map_or(OwnerIx::NONE, |e| e.claim.owner);
        let read = ReadClaim::read(value).and_then(|claim| {
            let owner = match &claim.owner {
                Some((node, session)) => {
                    self.owners.intern_text(node.as_str(), *session, record.revision)?
                }
                None => OwnerIx::NONE,
            };
            Ok((claim, owner))
        });
        let Some(entry) = self.keys.get_mut(ix) else { return Effect::Nothing };
        entry.set(KeyFlag::ClaimShown);
        entry.claim.revision = record.revision;
        entry.claim.exists = true;
        entry.claim.unreadable = read.is_err();
        match read {
            Ok((claim, owner)) => {
                entry.claim.token = claim.token;
                self.keys.set_cooling_down(ix, cool_downs_until(at, &claim.cooling_down));
                self.keys.set_failures(ix, claim.failed, claim.quarantine);
                self.note_token(claim.token);
                self.set_owner(ix, owner);
            }
            Err(error) => {
                self.problem(record, &error);
            }
        }
        Effect::Claim(ix, from)
    }

    /// An operator ended the quarantine of the claim with that token. It stands below this record in the
    /// log, so it is known.
    fn apply_retry(&mut self, key: &str, record: &Record) -> Effect {
        let Some(value) = &record.value else { return Effect::Nothing };
        let retry = match RetryRecord::decode(value) {
            Ok(retry) => retry,
            Err(error) => return self.problem(record, &error),
        };
        let Some(ix) = self.keys.find_text(key) else { return Effect::Nothing };
        let ends = |e: &KeyEntry| e.is(KeyFlag::Quarantined) && e.claim.token == retry.token;
        if !self.keys.get(ix).is_some_and(ends) {
            return Effect::Nothing;
        }
        self.keys.set_failures(ix, Failed::default(), None);
        Effect::Claim(ix, OwnerIx::NONE)
    }

    /// Raises the highest known token, unless this one is forged.
    pub fn note_token(&mut self, token: Token) {
        if token.0 < FORGED_TOKEN {
            self.highest_token = self.highest_token.max(token.0);
        }
    }

    fn apply_unclaim(&mut self, key: &str, revision: Revision) -> Effect {
        let Some(ix) = self.keys.find_text(key) else { return Effect::Nothing };
        let effect = self.drop_claim(ix);
        if let Some(entry) = self.keys.get_mut(ix) {
            entry.set(KeyFlag::ClaimShown);
            entry.claim.revision = revision;
        }
        effect
    }
}

fn cool_downs_until(at: Time, listed: &[CoolDown]) -> Option<Box<[CoolDownUntil]>> {
    if listed.is_empty() {
        return None;
    }
    let until = |ms| at + Duration::from_millis(ms).min(LONGEST_COOL_DOWN);
    let end = |c: &CoolDown| CoolDownUntil { node: c.node.clone(), until: until(c.for_ms) };
    Some(listed.iter().map(end).collect())
}

/// Stores a node's record, or removes it after a deletion. An unreadable record changes nothing.
fn placed<T>(
    map: &mut std::collections::BTreeMap<NodeId, Versioned<T>>,
    node: &NodeId,
    received: Time,
    revision: Revision,
    value: Option<&[u8]>,
    decode: fn(&[u8]) -> Result<T, Malformed>,
) -> Result<(), Malformed> {
    match value {
        None => {
            map.remove(node);
        }
        Some(value) => {
            let record = decode(value)?;
            map.insert(node.clone(), Versioned { record, revision, received });
        }
    }
    Ok(())
}
