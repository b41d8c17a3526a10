//! Processes that pause, end, return, or have the id of another one.

use std::time::Duration;

use super::{Fault, RIGHTS};
use crate::config::JoinPolicy;
use crate::edge::Command;
use crate::id::NodeId;
use crate::sim::app::Manners;
use crate::sim::event::Event;
use crate::sim::host::{FEW, Fate, Setting};
use crate::sim::world::World;
use crate::wire::RecordName;

impl World {
    pub(super) fn pause_for(&mut self, at: usize, span: Duration) {
        if self.is_up(at) && self.hosts[at].paused.is_none() {
            self.pause(at);
            let epoch = self.hosts[at].epoch;
            self.after(span, Event::Fault(Fault::Resume(at, epoch)));
        }
    }

    pub(super) fn restart(&mut self, at: usize, same: bool) {
        if self.is_up(at) {
            return;
        }
        let seed = self.rng.u64(..);
        let id = if same {
            self.hosts[at].id.clone()
        } else {
            NodeId::new(format!("n{at}-{}", seed % 1_000)).expect("a legal id")
        };
        let manners = Manners::any(&mut self.rng, self.lease);
        self.start(at, &id, &Setting::new(self.lease, seed), manners);
    }

    pub(in crate::sim) fn leave_for(&mut self, at: usize, away: Duration, back: Option<Duration>) {
        let host = &mut self.hosts[at];
        if !host.is_up() || host.fate != Fate::Stays || host.usurped.is_some() {
            return;
        }
        host.fate = Fate::Flushed;
        host.back = back;
        self.counts.restarts += 1;
        self.command(at, Command::LeaveFor(away));
    }

    /// Starts one more process, with a new id.
    pub(super) fn newcomer(&mut self) {
        let (place, seed) = (self.hosts.len(), self.rng.u64(..));
        let id = NodeId::new(format!("x{place}")).expect("a legal id");
        let manners = Manners::any(&mut self.rng, self.lease);
        self.start(place, &id, &Setting::new(self.lease, seed), manners);
    }

    /// Starts another process with the same id. If it takes over at once, the platform has promised
    /// that the earlier process is over. If the earlier process lives, it no longer counts as an
    /// owner.
    pub(super) fn twin(&mut self, at: usize, join: JoinPolicy) {
        let of = |name: RecordName| name.to_string();
        let id = &self.hosts[at].id;
        let named = [of(RecordName::Lease(id.clone())), of(RecordName::Member(id.clone()))];
        if named.iter().all(|name| self.log.read(self.now, name).is_none_or(|r| r.value.is_none()))
        {
            // A known case: without the member record (deleted by a stranger) and the lease (expired),
            // nothing shows that the process lives.
            return;
        }
        let (id, place) = (self.hosts[at].id.clone(), self.hosts.len());
        let setting = Setting { join, worth: FEW, ..Setting::new(self.lease, self.rng.u64(..)) };
        let manners = Manners::any(&mut self.rng, self.lease);
        self.start(place, &id, &setting, manners);
        self.hosts[place].fate = Fate::Twin;
    }

    /// Whether a process lives whose id was taken over.
    pub(super) fn is_any_usurped(&self) -> bool {
        self.hosts.iter().any(|host| host.is_up() && host.usurped.is_some())
    }

    /// A process never recovers. The kind of fault differs. The process still confirms its stops,
    /// because a run that continues would hold its key for ever.
    pub(in crate::sim) fn damn(&mut self, at: usize) {
        self.hosts[at].app.manners.stubborn = false;
        self.confirm_all(at);
        self.hosts[at].app.manners = Manners::GOOD;
        match self.rng.u8(..8) {
            0 => self.crash_if_up(at),
            1 => self.pause(at),
            2 => self.hosts[at].link.silent = true,
            3 => self.hosts[at].link.lost = 900,
            7 => {
                let kind = RIGHTS[self.rng.usize(..RIGHTS.len())];
                self.hosts[at].link.denied.insert(kind);
            }
            4 => (self.hosts[at].link.cut_out, self.hosts[at].link.cut_in) = (true, true),
            5 => (self.hosts[at].link.cut_out, self.hosts[at].link.cut_in) = (false, true),
            _ => (self.hosts[at].link.cut_out, self.hosts[at].link.cut_in) = (true, false),
        }
        if self.hosts[at].link.silent {
            self.silence_all(at);
        }
    }

    pub(super) fn resume_epoch(&mut self, at: usize, epoch: u32) {
        if self.hosts[at].epoch == epoch {
            self.resume(at);
        }
    }

    pub(super) fn crash_if_up(&mut self, at: usize) {
        if self.is_up(at) {
            self.crash(at);
        }
    }
}
