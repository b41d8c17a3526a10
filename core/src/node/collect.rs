//! Deletes records in the log whose names are no longer in use. A crash of the store cannot undo
//! this.
//!
//! A tombstone stays until a *manifest* covers it. A manifest lists the revisions of the current
//! records in one part of the names. After that the tombstone may be deleted. If the store later
//! shows the replaced record again, the manifest shows that this record was superseded.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::io::{Io, ReadFor, WriteFor, answer_revision};
use super::register::{Register, Verdict};
use super::session::OwnSession;
use super::trust::LogWatch;
use crate::config::Config;
use crate::edge::{ReadId, WriteId};
use crate::guard::broken;
use crate::id::Revision;
use crate::log::{MAX_VALUE, Outcome, Record, StoreError, Write};
use crate::plan::{key_hash, score};
use crate::planner::Planner;
use crate::time::{Now, Time};
use crate::timing::{TOMBSTONE_TTL, Timing};
use crate::view::{Cause, InOrder, Leftover, OwnerIx, View, hash_of};
use crate::wire::{ManifestRecord, Named, Part, RecordName};

/// The highest number of keys in a part. The list of their revisions usually fits into one record.
const PART_KEYS: usize = 1024;

/// The highest number of parallel deletions, so that claims do not wait for them.
const WINDOW: usize = 128;

/// The pause between two steps while there are records to delete. With the window, this is about
/// 2,500 deletions a second.
const BATCH_INTERVAL: Duration = Duration::from_millis(50);

/// The state of the collection.
#[derive(Debug)]
pub(super) struct Collector {
    /// When the next step is due.
    at: Time,
    /// The counters of leftovers and manifests when there was last nothing to do.
    idle: Option<(u64, u64)>,
    /// The progress of all nodes at the last step.
    done: (u64, u64),
    /// Since when there is work that no node has done.
    waits: Option<Time>,
    /// This node's turn has come. It lasts until there is nothing left to do.
    turn: bool,
    /// The register of the manifest that is being written.
    write: Register,
    /// The revision of a part's record according to the leader, if the watch showed another one.
    stands: Option<(Part, Revision)>,
    /// The deletions in flight or done: the name of each record, and the deleted revision.
    deleting: HashMap<Box<str>, Revision>,
}

impl Collector {
    pub(super) fn new(now: Time) -> Self {
        Self {
            at: now,
            idle: None,
            done: (0, 0),
            waits: None,
            turn: false,
            write: Register::Idle,
            stands: None,
            deleting: HashMap::new(),
        }
    }

    /// The log was read again. A deleted record that is there again was restored by a loss.
    pub(super) fn forget(&mut self) {
        self.deleting.clear();
    }

    /// When the next step is due.
    pub(super) fn timeout(&self, view: &View, me: OwnerIx) -> Option<Time> {
        let nothing = view.leftovers.is_empty() && view.manifests.lost().is_none();
        let idle = nothing || self.idle == Some(leftover_changes(view));
        (!idle && me.is_some()).then_some(self.at)
    }
}

/// A value that changes whenever the leftovers or manifests change.
fn leftover_changes(view: &View) -> (u64, u64) {
    (view.leftovers.changes(), view.manifests.changes())
}

/// The collection, and the fields that its rules may touch. It only reads the view.
pub(super) struct CollectHandler<'a> {
    pub(super) config: &'a Config,
    pub(super) timing: &'a Timing,
    pub(super) session: &'a OwnSession,
    pub(super) watch: &'a LogWatch,
    pub(super) view: &'a View,
    pub(super) planner: &'a Planner,
    pub(super) collector: &'a mut Collector,
    pub(super) io: &'a mut Io,
}

impl CollectHandler<'_> {
    /// Collects if it is this node's turn. The node with the best score is first. Each further node
    /// gets its turn after one more lease time in which there is work and no node does it.
    pub(super) fn drive(&mut self, now: Now) {
        let due = self.collector.timeout(self.view, self.session.me);
        if due.is_none_or(|at| at > now.at)
            || !self.session.is_working(now, self.timing, self.watch)
        {
            return;
        }
        let rank = u32::try_from(self.collector_rank()).unwrap_or(u32::MAX);
        // A step costs time in proportion to the waiting records, so a node that waits for others
        // checks rarely.
        let first = rank == 0 || self.collector.turn;
        let pause = if first { self.timing.heartbeat } else { self.timing.lease };
        self.collector.at = now.at + pause;
        self.forget_deleted();
        let due = self.due();
        // The search for a part costs time in proportion to the waiting records. It is skipped
        // while there is enough to do.
        let busy = self.collector.deleting.len() + due.len() >= WINDOW;
        let part = if busy { None } else { self.worthy_part() };
        let lost = self.view.manifests.lost().is_some();
        if due.is_empty() && part.is_none() && !busy && !lost {
            (self.collector.waits, self.collector.turn) = (None, false);
            // Deletions in flight may fail.
            let nothing = self.collector.deleting.is_empty();
            self.collector.idle = nothing.then(|| leftover_changes(self.view));
            return;
        }
        if !self.is_turn(now, rank) {
            return;
        }
        if !due.is_empty() {
            self.collector.at = now.at + BATCH_INTERVAL;
        }
        for (name, leftover) in due {
            self.collect(&name, leftover);
        }
        if self.collector.write.is_open() {
            return;
        }
        if lost {
            self.restore_manifest();
        } else if let Some((part, seed)) = part {
            self.write_manifest(part, seed);
        }
    }

    /// Whether this node may collect now.
    fn is_turn(&mut self, now: Now, rank: u32) -> bool {
        let done = (self.view.leftovers.collected(), self.view.manifests.changes());
        let collector = &mut *self.collector;
        if collector.done != done {
            (collector.done, collector.waits) = (done, None);
        }
        let waits = *collector.waits.get_or_insert(now.at);
        collector.turn |= waits + self.timing.lease * rank <= now.at;
        collector.turn
    }

    /// The number of members with a better score for the collection than this one.
    fn collector_rank(&self) -> usize {
        let of = |hash, owner| (score(hash, key_hash("manifest"), 1), owner);
        let standings = self.planner.standings().values().filter(|s| !s.away);
        let all: Vec<_> = standings.map(|s| (of(s.hash, s.owner), s.owner)).collect();
        let mine = all.iter().find(|(_, owner)| *owner == self.session.me).map(|(score, _)| *score);
        all.iter().filter(|(score, _)| mine.as_ref().is_some_and(|mine| score > mine)).count()
    }

    /// Forgets the deletions that the watch has shown.
    fn forget_deleted(&mut self) {
        let leftovers = &self.view.leftovers;
        self.collector.deleting.retain(|name, revision| {
            let hash = Named::read(name).ok().and_then(|name| hash_of(&name));
            let left = hash.and_then(|hash| leftovers.get(hash, name));
            left.is_some_and(|left| left.revision == *revision)
        });
    }

    /// Whether a record may be deleted. A tombstone may be deleted when a manifest covers it, any
    /// other obsolete record immediately.
    fn is_due(manifests: &mut InOrder<'_>, leftover: &Leftover) -> bool {
        leftover.cause != Cause::Deleted
            || manifests.is_superseded(leftover.hash, leftover.revision)
            || broken!(CoveredGoes)
    }

    /// The records that may be deleted now and whose deletion is not in flight, up to the limit.
    fn due(&self) -> Vec<(Box<str>, Leftover)> {
        let deleting = &self.collector.deleting;
        let mut manifests = self.view.manifests.in_order();
        let due = self.view.leftovers.iter().filter(|(name, leftover)| {
            Self::is_due(&mut manifests, leftover) && !deleting.contains_key(*name)
        });
        let room = WINDOW.saturating_sub(deleting.len());
        due.take(room).map(|(name, leftover)| (name.into(), *leftover)).collect()
    }

    /// A part of the names with enough tombstones to be worth a manifest, and a hash in this part.
    fn worthy_part(&self) -> Option<(Part, u64)> {
        let bits = part_bits(self.view.keys.announced());
        let mut counted = (None, 0);
        let mut manifests = self.view.manifests.in_order();
        let all = self.view.leftovers.iter();
        let waiting = all.filter(|(_, left)| !Self::is_due(&mut manifests, left));
        for (_, leftover) in waiting {
            let part = Some(Part::of(leftover.hash, bits));
            counted = (part, if counted.0 == part { counted.1 + 1 } else { 1 });
            if counted.1 >= self.config.worth {
                return part.map(|part| (part, leftover.hash));
            }
        }
        None
    }

    /// Deletes an obsolete record. If the record expired by itself, its tombstone stays. In every
    /// other case a manifest covers the name.
    fn collect(&mut self, name: &str, leftover: Leftover) {
        let ttl = (leftover.cause != Cause::Expired).then_some(TOMBSTONE_TTL);
        self.delete_leftover(name, leftover.revision, ttl);
        self.collector.deleting.insert(name.into(), leftover.revision);
    }

    fn delete_leftover(&mut self, name: &str, over: Revision, ttl: Option<Duration>) {
        let write = Write { ttl, ..Write::delete(name, Some(over)) };
        self.io.write(self.view, WriteFor::Collect(name.into()), write);
    }

    /// The outcome of a deletion. After a failure, the record is checked again later.
    pub(super) fn on_collect_wrote(&mut self, now: Now, name: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Acked(_) => {}
            Outcome::Conflict => {
                if let Ok(name) = RecordName::parse(name) {
                    self.io.read(self.view, ReadFor::Collect(name.to_string().into()), &name);
                }
            }
            Outcome::Refused(_) | Outcome::Unknown(_) => {
                self.collector.deleting.remove(name);
                self.collector.at = now.at + self.timing.lease;
            }
        }
    }

    /// The record differed from what the watch showed. If the leader does not have it, it came back
    /// only on another server. A write that expects no record is replicated to every server.
    pub(super) fn on_collect_read(
        &mut self,
        name: &str,
        answer: &Result<Option<Record>, StoreError>,
    ) {
        let known = self.collector.deleting.contains_key(name);
        if known && matches!(answer, Ok(None)) {
            let hash = Named::read(name).ok().and_then(|name| hash_of(&name));
            let left = hash.and_then(|hash| self.view.leftovers.get(hash, name));
            // A tombstone that no manifest covers stays.
            let ttl =
                left.is_some_and(|left| left.cause != Cause::Expired).then_some(TOMBSTONE_TTL);
            return self.delete_leftover(name, Revision::NONE, ttl);
        }
        self.collector.deleting.remove(name);
    }

    /// Lists the current records of the part. If the list does not fit into one record, it covers a
    /// smaller part around the seed.
    fn write_manifest(&mut self, mut part: Part, seed: u64) {
        let upto = self.view.seen;
        let value = loop {
            let value = ManifestRecord { upto, live: self.standing_in(part, upto) }.encode();
            if value.len() <= MAX_VALUE || part.half(seed) == part {
                break value;
            }
            part = part.half(seed);
        };
        let shown = self.view.manifests.get(part).map_or(Revision::NONE, |(_, revision)| revision);
        let stands = self.collector.stands.filter(|(of, _)| *of == part);
        let stands = stands.map(|(_, revision)| revision);
        let stands = stands.filter(|at| *at == Revision::NONE || *at > shown);
        let expected = stands.unwrap_or(shown);
        self.collector.stands = None;
        if expected > upto {
            // The record in the log may cover more than this view knows. It is read again.
            return;
        }
        self.send_manifest(part, value, expected);
    }

    /// Writes a lost manifest again, over a record without content. Tombstones that the manifest
    /// covers are already deleted.
    fn restore_manifest(&mut self) {
        if let Some((part, over, manifest)) = self.view.manifests.lost() {
            let value = manifest.encode();
            // The record without content may have expired. The watch shows any other record.
            let nothing = self.collector.stands == Some((part, Revision::NONE));
            let over = if nothing { Revision::NONE } else { over };
            self.collector.stands = None;
            self.send_manifest(part, value, over);
        }
    }

    fn send_manifest(&mut self, part: Part, value: Bytes, expected: Revision) {
        let write = Write {
            name: RecordName::Manifest(part).to_string(),
            value: Some(value),
            expected: Some(expected),
            ttl: None,
            expires_in: None,
        };
        let id = self.io.write(self.view, WriteFor::Manifest(part), write);
        self.collector.write = Register::Writing(id);
    }

    /// After a conflict, the node reads the record from the leader. The view does not have
    /// tombstones, or records that are unreadable or not credible.
    pub(super) fn on_manifest_wrote(
        &mut self,
        now: Now,
        part: Part,
        id: WriteId,
        outcome: &Outcome,
    ) {
        match (self.collector.write.on_wrote(id, outcome), outcome) {
            (Some(Verdict::MustRead), Outcome::Conflict) => {
                let name = RecordName::Manifest(part);
                let id = self.io.read(self.view, ReadFor::Manifest(part), &name);
                self.collector.write = Register::Reading(id);
            }
            (Some(Verdict::MustRead | Verdict::Refused(_)), _) => {
                self.collector.at = now.at + self.timing.lease;
            }
            (Some(Verdict::Landed(_)) | None, _) => {}
        }
    }

    pub(super) fn on_manifest_read(
        &mut self,
        now: Now,
        part: Part,
        id: ReadId,
        answer: &Result<Option<Record>, StoreError>,
    ) {
        if !self.collector.write.on_read(id) {
            return;
        }
        self.collector.at = now.at + self.timing.heartbeat;
        if let Ok(record) = answer {
            self.collector.stands = Some((part, answer_revision(record.as_ref())));
        }
    }

    /// The revisions up to `upto` of the current records of the part. This includes unreadable
    /// records, and expired records whose deletion no node has written yet.
    fn standing_in(&self, part: Part, upto: Revision) -> Vec<Revision> {
        let view = self.view;
        let keys = view.keys.iter().map(|(_, entry)| (entry.hash, entry.announced));
        let members = view.members.iter().map(|(node, m)| (key_hash(node.as_str()), m.revision));
        let ended = view.leftovers.iter().filter(|(_, left)| left.cause == Cause::Expired);
        let ended = ended.map(|(_, left)| (left.hash, left.revision));
        let unreadable = view.problems.iter().filter_map(|(name, problem)| {
            Some((hash_of(&Named::read(name).ok()?)?, problem.revision))
        });
        let all = keys.chain(members).chain(ended).chain(unreadable);
        let of_part = |(hash, revision): &(u64, Revision)| {
            part.covers(*hash) && *revision <= upto && *revision != Revision::NONE
        };
        let mut live: Vec<_> = all.filter(of_part).map(|(_, revision)| revision).collect();
        live.sort_unstable();
        live.dedup();
        live
    }
}

/// The base-2 logarithm of the number of parts for that many keys.
fn part_bits(keys: usize) -> u8 {
    let parts = keys.div_ceil(PART_KEYS).max(1).next_power_of_two();
    u8::try_from(parts.trailing_zeros()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_a_bounded_number_of_keys() {
        for (keys, bits) in [(0, 0), (1, 0), (PART_KEYS, 0), (PART_KEYS + 1, 1), (PART_KEYS * 5, 3)]
        {
            assert_eq!(part_bits(keys), bits, "{keys}");
        }
    }
}
