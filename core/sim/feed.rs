//! Watches, on the server.

use std::time::Duration;

use super::event::Event;
use super::world::World;
use crate::edge::{Input, WatchId};
use crate::log::{Change, Filter, Record, StoreError};

/// A watch on the server.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) filter: Filter,
    position: u64,
    /// The end of the log when the watch was opened. Everything up to there belongs to the snapshot.
    end: u64,
    caught_up: bool,
    /// Whether it delivers nothing, without ending.
    pub(super) silent: bool,
    stepping: bool,
    created: i128,
}

impl World {
    pub(super) fn open(&mut self, place: usize, epoch: u32, watch: WatchId, filter: Filter) {
        let host = &self.hosts[place];
        if host.epoch != epoch || !host.is_up() || !host.wanted.contains(&watch) {
            return;
        }
        if host.link.is_cut() {
            let gap = StoreError::Gap { what: "simulated".into() };
            let ended = Input::WatchEnded(watch, gap);
            return self.after(self.lease / 6, Event::Input(place, epoch, ended));
        }
        let feed = Feed {
            position: self.resumed(place, &filter),
            filter,
            end: self.log.last().0,
            caught_up: false,
            silent: self.hosts[place].link.silent,
            stepping: true,
            created: self.log.created,
        };
        self.hosts[place].resume = None;
        self.hosts[place].watches.insert(watch, feed);
        let wait = self.latency();
        self.after(wait, Event::Feed(place, epoch, watch));
    }

    /// Where a watch begins: at the start of the log, unless the guard for that is broken.
    fn resumed(&self, place: usize, filter: &Filter) -> u64 {
        let before = self.hosts[place].resume.as_ref();
        before.filter(|(old, _)| old == filter).map_or(0, |(_, position)| *position)
    }

    /// A record was written, so every watch may have a next record.
    pub(super) fn wake_feeds(&mut self) {
        for place in 0..self.hosts.len() {
            let host = &mut self.hosts[place];
            let (epoch, lag) = (host.epoch, host.link.lag);
            let mut woken = Vec::new();
            for (id, feed) in host.watches.iter_mut().filter(|(_, f)| !f.stepping && !f.silent) {
                feed.stepping = true;
                woken.push(*id);
            }
            for id in woken {
                let wait = self.latency() + Duration::from_micros(self.rng.u64(..=lag));
                self.after(wait, Event::Feed(place, epoch, id));
            }
        }
    }

    /// The store sends the next record of a watch.
    pub(super) fn feed(&mut self, place: usize, epoch: u32, watch: WatchId) {
        let created = self.log.created;
        let host = &mut self.hosts[place];
        if host.epoch != epoch {
            return;
        }
        let (cut, paused) = (host.link.is_cut(), host.paused.is_some());
        let Some(feed) = host.watches.get_mut(&watch) else { return };
        if cut || paused && self.rng.u8(..8) != 0 {
            // Nothing gets through now. The watch breaks, or continues later.
            return self.after(self.lease / 10, Event::Feed(place, epoch, watch));
        }
        if feed.silent || feed.created != created || self.log.is_absent() {
            feed.stepping = false;
            return;
        }
        let Some(change) = self.next_change(place, watch) else { return };
        let input = Input::Change(watch, change);
        let wait = Duration::from_micros(self.rng.u64(1..300));
        let when = (self.now + wait).max(self.hosts[place].link.last_answer);
        self.at(when, Event::Input(place, epoch, input));
        self.at(when, Event::Feed(place, epoch, watch));
    }

    fn next_change(&mut self, place: usize, watch: WatchId) -> Option<Change> {
        let early = self.rng.bool();
        let feed = self.hosts[place].watches.get_mut(&watch)?;
        let record = self.log.next(self.now, feed.position, &feed.filter);
        // A snapshot does not show a single moment: a record that is written again during the
        // snapshot may be delivered after it.
        let beyond = |record: &Record| record.revision.0 > feed.end && early;
        if !feed.caught_up && record.as_ref().is_none_or(beyond) {
            feed.caught_up = true;
            return Some(Change::CaughtUp);
        }
        let Some(record) = record else {
            feed.stepping = false;
            return None;
        };
        debug_assert!(feed.filter.covers(&record.name));
        feed.position = record.revision.0;
        Some(Change::Record(record))
    }

    /// Ends every watch of a process, as a broken connection does.
    pub(super) fn break_watches(&mut self, place: usize) {
        let epoch = self.hosts[place].epoch;
        for (watch, feed) in std::mem::take(&mut self.hosts[place].watches) {
            self.note_position(place, feed);
            let gap = StoreError::Gap { what: "simulated".into() };
            let wait = self.latency();
            self.after(wait, Event::Input(place, epoch, Input::WatchEnded(watch, gap)));
        }
    }

    /// The position of a watch that ended. Only a broken node resumes there.
    pub(super) fn note_position(&mut self, place: usize, feed: Feed) {
        if crate::guard::broken!(FreshSnapshot) {
            self.hosts[place].resume = Some((feed.filter, feed.position));
        }
    }
}
