//! The record of unconfirmed stops. It is written with a heartbeat and on change.

use super::KeyHandler;
use crate::edge::{ReadId, WriteId};
use crate::id::Revision;
use crate::log::{Outcome, Record, StoreError, Write};
use crate::node::io::{ReadFor, WriteFor, answer_revision};
use crate::node::register::{Register, Verdict};
use crate::node::session::Life;
use crate::time::{Now, Time};
use crate::timing::TOMBSTONE_TTL;
use crate::view::KeyIx;
use crate::wire::{MAX_STOPS, OldestStop, RecordName, StopsRecord};

/// The state of the record of unconfirmed stops.
#[derive(Debug, Default)]
pub(super) struct OwnStops {
    revision: Revision,
    written: Option<(u64, u64, Time)>,
    write: Register,
    /// When the record is written again without a change.
    again: Time,
    /// The creation time of the newest version that is in flight or recorded.
    made: Option<Time>,
    /// The creation time of the newest version that is recorded.
    recorded: Option<Time>,
}

impl OwnStops {
    /// The content of the record is unknown. Until it is read, it counts as content that must be
    /// replaced.
    fn forget_written(&mut self) {
        self.written = Some((u64::MAX, 0, Time::default()));
        self.made = self.recorded;
    }
}

impl KeyHandler<'_> {
    /// Whether a record created at or after `since` lists the runs that outlast their claims. Only
    /// then may a key be given away whose run is not confirmed over, so that no viewer takes the
    /// run for confirmed. If there is no such record, requests its write. After one lease without
    /// it, the key is given away in any case: the permission to write it may be missing.
    pub(super) fn is_announced_given(&mut self, now: Now, since: Time) -> bool {
        let recorded = self.keys.stops.recorded.is_some_and(|made| made >= since);
        if !recorded && self.keys.stops.made.is_none_or(|made| made < since) {
            self.keys.stops.again = now.at;
            self.write_stops(now);
        }
        recorded || since + self.timing.lease <= now.at
    }

    /// Writes the requested stops that are not confirmed, with a heartbeat and on change.
    pub(crate) fn write_stops(&mut self, now: Now) {
        if !matches!(self.session.life, Life::Active(_)) || !self.keys.stops.write.is_due(now.at) {
            return;
        }
        let count = self.keys.holds.open_count() as u64;
        let given = self.keys.holds.given(now.at).count() as u64;
        let oldest = self.keys.holds.open(now.at, MAX_STOPS);
        let state =
            (count, given, oldest.first().map_or(Time::default(), |open| open.ending_since));
        let before = self.keys.stops.written;
        let is_known = before == Some(state) && now.at < self.keys.stops.again;
        if is_known || count == 0 && before.is_none_or(|(count, ..)| count == 0) {
            return;
        }
        // A later reader counts the ages from the time when it read the record. The ages may be too
        // short by at most a fifth. Also, the record must not expire before its stops end.
        let again = (now.at.since(state.2) / 4).clamp(self.timing.heartbeat * 2, TOMBSTONE_TTL / 4);
        self.keys.stops.again = now.at + again;
        let oldest = oldest.into_iter().filter_map(|open| {
            let key = self.view.keys.key(open.ix)?;
            let since_ms =
                u64::try_from(now.at.since(open.ending_since).as_millis()).unwrap_or(u64::MAX);
            Some(OldestStop { key, token: open.token, since_ms, given: open.given })
        });
        let session = self.member.session();
        let record = StopsRecord { session, count, given, oldest: oldest.collect() };
        let write = Write {
            name: RecordName::Stops(self.config.node.clone()).to_string(),
            value: (count > 0).then(|| record.encode()),
            expected: Some(self.keys.stops.revision),
            ttl: Some(TOMBSTONE_TTL),
            expires_in: None,
        };
        self.keys.stops.made = Some(now.at);
        self.keys.stops.written = Some(state);
        self.keys.stops.write = Register::Writing(self.io.write(self.view, WriteFor::Stops, write));
    }

    pub(crate) fn on_stops_wrote(&mut self, now: Now, id: WriteId, outcome: &Outcome) {
        let stops = &mut self.keys.stops;
        match stops.write.on_wrote(id, outcome) {
            Some(Verdict::Landed(revision)) => {
                stops.revision = revision;
                stops.recorded = stops.made;
                // The keys that waited for this record can be given away now.
                let made = stops.made.unwrap_or_default();
                let given: Vec<KeyIx> = self.keys.holds.given(made).collect();
                for ix in given {
                    self.keys.reconcile_at(made, ix);
                }
            }
            Some(Verdict::MustRead) => {
                stops.forget_written();
                let name = RecordName::Stops(self.config.node.clone());
                let id = self.io.read(self.view, ReadFor::Stops, &name);
                self.keys.stops.write = Register::Reading(id);
            }
            Some(Verdict::Refused(_)) => {
                stops.forget_written();
                stops.write = Register::Retry(now.at + self.timing.heartbeat);
            }
            None => {}
        }
    }

    pub(crate) fn on_stops_read(&mut self, id: ReadId, answer: Result<Option<Record>, StoreError>) {
        let stops = &mut self.keys.stops;
        if stops.write.on_read(id)
            && let Ok(record) = answer
        {
            stops.revision = answer_revision(record.as_ref());
            if record.is_none_or(|record| record.value.is_none()) {
                stops.written = None;
            }
        }
    }
}
