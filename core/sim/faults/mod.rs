//! Faults, and actions of announcers and operators.

mod network;
mod people;
mod processes;
mod stores;
mod strangers;

use std::time::Duration;

use super::host::Fate;
use super::world::World;
use crate::config::JoinPolicy;
use crate::edge::Command;
use crate::key::Key;
use crate::wire::Mode;

/// The rights that a process may lose: the prefixes of record names.
pub(super) const RIGHTS: [&str; 5] = ["claim.", "key.", "member.", "lease.", "stops."];

/// One fault. The number is the place of the process.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    // Processes.
    /// Pauses a process: it is frozen, or its machine is suspended.
    Pause(usize, Duration),
    Resume(usize, u32),
    Crash(usize),
    /// Another process replaces it if it is down, with the same id or a new one.
    Restart(usize, bool),
    /// A process restarts with the same id. Its keys wait for it for the first span after the end of
    /// its session, and it is back after the second one.
    LeaveFor(usize, Duration, Duration),
    /// Another process starts with the same id.
    Twin(usize, JoinPolicy),
    // The network.
    /// What it sends, what it receives, or both is lost.
    Cut(usize, bool, bool, Duration),
    Heal(usize),
    BreakWatches(usize),
    SilenceWatches(usize),
    /// Its writes of records with this prefix are refused from now on.
    Deny(usize, &'static str),
    // The store.
    /// The store has no leader for a while.
    Outage(Duration),
    /// The store crashes, and shows superseded records again of names without a record.
    StoreCrash(usize),
    /// Sets how wrong the server's clock is, in s.
    Skew(i64),
    LoseTail(usize),
    /// The bucket is deleted, and made again later.
    Delete(Duration),
    Recreate,
    /// A deleted record is shown again.
    Resurrect(usize),
    // People.
    Announce(Key),
    AnnounceFor(Key, Duration),
    Retract(Key),
    /// Retracts and announces the key in turn, this many times.
    Churn(Key, u8),
    Control(usize, Mode),
    Rebalance,
    /// Retries every key that is in quarantine.
    Retry,
    Command(usize, u8),
    // Strangers.
    /// Writes an unreadable value over a claim.
    Garbage(Key),
    /// Writes a foreign record of this kind.
    StaleClaim(u8),
    DeleteMember(usize),
    /// Writes an unreadable value over a claim that its owner can no longer write, and starts a
    /// process that has never seen its owner.
    Smother(Key),
    /// Writes a member record of a node that does not exist, with these plan versions. It is deleted
    /// when the faults are over.
    Ghost(u32, u32),
    // The end.
    /// Everything works from now on.
    Calm,
}

impl World {
    pub(super) fn fault(&mut self, fault: Fault) {
        self.counts.faults += 1;
        self.tell(|| format!("        fault: {fault:?}"));
        match fault {
            Fault::Pause(at, span) => self.pause_for(at, span),
            Fault::Resume(at, epoch) => self.resume_epoch(at, epoch),
            Fault::Crash(at) => self.crash_if_up(at),
            Fault::Restart(at, same) => self.restart(at, same),
            Fault::LeaveFor(at, away, back) => self.leave_for(at, away, Some(back)),
            Fault::Twin(at, join) => self.twin(at, join),
            Fault::Cut(at, out, back, span) => self.cut(at, (out, back), span),
            Fault::Heal(at) => self.heal(at),
            Fault::BreakWatches(at) => self.break_watches(at),
            Fault::SilenceWatches(at) => self.silence_watches(at),
            Fault::Deny(at, kind) => _ = self.hosts[at].link.denied.insert(kind),
            Fault::Outage(span) => self.outage(span),
            Fault::StoreCrash(number) => self.crash_store(number),
            // A known case: for a heartbeat, no node would know that the id was just taken over.
            Fault::Skew(_) if self.is_any_usurped() => {}
            Fault::Skew(seconds) => self.log.set_clock(seconds),
            Fault::LoseTail(count) => self.lose(|log| log.lose_tail(count)),
            Fault::Delete(span) => self.delete_group(span),
            Fault::Recreate => self.recreate_group(),
            Fault::Resurrect(number) => self.resurrect(number),
            Fault::Announce(key) => self.announce(key, None),
            Fault::AnnounceFor(key, ttl) => self.announce(key, Some(ttl)),
            Fault::Retract(key) => self.retract(key),
            Fault::Churn(key, times) => self.churn(key, times),
            Fault::Control(at, mode) => self.control(at, mode),
            Fault::Rebalance => self.rebalance(),
            Fault::Retry => self.retry(|_| true),
            Fault::Command(at, which) => self.random_command(at, which),
            Fault::Garbage(key) => self.garble(key),
            Fault::Smother(key) => self.smother(&key),
            Fault::StaleClaim(kind) => self.litter(kind),
            Fault::DeleteMember(at) => self.delete_member(at),
            Fault::Ghost(lowest, highest) => self.ghost((lowest, highest)),
            Fault::Calm => self.calm(),
        }
    }

    /// The faults are over. Everything works from now on.
    fn calm(&mut self) {
        self.traps.clear();
        self.weather = super::link::Weather { down_until: self.now, ..Default::default() };
        self.settle_strangers();
        // The others must rest until the end.
        self.retry(|key| key.as_str().ends_with(['0', '2', '4', '6', '8']));
        for at in 0..self.hosts.len() {
            self.calm_process(at);
        }
    }

    /// The group exists, and has no foreign members.
    pub(super) fn settle_strangers(&mut self) {
        if self.log.is_absent() {
            self.recreate_group();
        }
        self.delete_ghost();
    }

    /// A process that works from now on, or its replacement.
    pub(super) fn calm_process(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        host.link.heal();
        let id = host.id.clone();
        self.resume(at);
        self.uncontrol(&id);
        self.hosts[at].app.manners = super::app::Manners::GOOD;
        self.confirm_all(at);
        let twin = self.hosts[at].fate == Fate::Twin;
        if self.hosts[at].fate == Fate::Flushed && self.is_up(at) {
            self.crash(at);
        }
        if !twin {
            self.restart(at, false);
        }
        self.hosts[at].app.manners = super::app::Manners::GOOD;
        self.command(at, Command::SetAffinity(100));
    }
}
