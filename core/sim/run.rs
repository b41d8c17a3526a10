//! Runs a schedule: the group starts, faults happen, and after them the invariants are checked.

use std::time::Duration;

use super::app::Manners;
use super::event::Event;
use super::faults::Fault;
use super::host::{FEW, Host, Setting};
use super::link::Weather;
use super::schedule::{Schedule, key};
use super::world::World;
use super::{Class, SECOND};
use crate::edge::Command;
use crate::id::NodeId;
use crate::time::Time;
use crate::timing::{SETTLE_AT_MOST, UNKNOWN_LEASE, observed};

/// One group and its faults.
pub(super) struct Run<'a> {
    pub(super) world: World,
    schedule: &'a Schedule,
}

/// Whether the story is kept as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    No,
}

/// Runs a schedule to its end, or to the first violation.
pub(super) fn play(schedule: &Schedule, told: Told) -> World {
    let world = World::new(schedule, told);
    let mut run = Run { world, schedule };
    run.populate();
    run.trouble();
    if schedule.class == Class::Live {
        run.heal_some();
    } else {
        run.calm();
    }
    run.world
}

impl Run<'_> {
    fn populate(&mut self) {
        for (place, start) in self.schedule.nodes.iter().enumerate() {
            let id = NodeId::new(format!("n{place}")).expect("a legal id");
            let setting = Setting {
                affinity: start.affinity,
                prefixes: start.prefixes.clone(),
                stop_timeout: start.stop_timeout,
                rollout: start.rollout,
                worth: FEW,
                ..Setting::new(self.schedule.lease, start.seed)
            };
            self.world.start(place, &id, &setting, start.manners);
            self.world.run(start.wait);
        }
        for (number, wait) in self.schedule.keys.iter().enumerate() {
            self.world.after(*wait, Event::Fault(Fault::Announce(key(number))));
        }
    }

    fn trouble(&mut self) {
        let air = self.schedule.weather;
        self.world.weather =
            Weather { ambiguous: air.ambiguous, stale: air.stale, down_until: Time(0) };
        for host in &mut self.world.hosts {
            (host.link.lost, host.link.slow, host.link.lag) = (air.lost, air.slow, air.lag);
        }
        self.world.traps.clone_from(&self.schedule.traps);
        for (when, fault) in &self.schedule.faults {
            self.world.after(*when, Event::Fault(fault.clone()));
        }
        self.world.run(self.schedule.span);
    }

    /// How long after the last fault everything must be in order.
    fn patience(&self) -> Duration {
        let lease = self.schedule.lease;
        // Applications may confirm slowly, and keys of absent sessions wait for the longest possible
        // lease.
        observed(lease) * 7 + lease + SETTLE_AT_MOST + SECOND * 5 + self.schedule.longest_away() * 2
    }

    fn wait_until_settled(&mut self) {
        self.world.run(self.patience());
        let nameless = self.world.is_any_proved_late()
            || self.world.member_deleted
            || self.world.lost.is_some();
        if nameless && !self.world.idle_keys().is_empty() {
            // A session without lease and member record counts with the longest lease. (A stranger,
            // or the observer that killed the session before it, deleted the member record, or the
            // store lost it.)
            self.world.run(observed(UNKNOWN_LEASE));
        }
    }

    /// Everything works again, and the group must recover.
    fn calm(&mut self) {
        self.world.fault(Fault::Calm);
        self.wait_until_settled();
        if self.schedule.class == Class::Lossy {
            self.renew_watches();
        }
        self.look("the faults");
        let before = self.world.counts.resyncs;
        self.balance();
        if self.schedule.class == Class::Lossy && self.world.counts.resyncs != before {
            // The node may have noticed the new log only now.
            self.balance();
        }
        self.look("a balance generation");
        let agreed = !self.world.is_any_kept_away() && !self.world.is_any_uncertain();
        if self.is_sound() && agreed {
            self.world.check_balance();
        }
        if self.is_sound() && !self.world.is_any_proved_late() {
            self.world.check_idle(SECOND * 2);
        }
        // A key that ends by a clock that was set back exists for some nodes and not for others.
        let for_all = |host: &Host| host.is_up() && host.prefixes.is_empty();
        let clear = self.world.hosts.iter().any(for_all) && !self.world.log.set_back;
        if self.schedule.exam && clear && self.is_sound() {
            self.examine();
        }
    }

    fn balance(&mut self) {
        self.world.fault(Fault::Rebalance);
        self.world.run(SECOND * 3);
    }

    fn is_sound(&self) -> bool {
        self.world.violation.is_none()
    }

    /// Checks what holds whenever the group is quiet.
    fn look(&mut self, after: &str) {
        if self.is_sound() {
            self.world.tell(|| format!("        quiet after {after}"));
            self.world.check_settled();
            self.world.check_views();
            self.world.check_garbage();
        }
    }

    /// Breaks every watch. A record that was written again at a revision that a watch had passed stays
    /// unseen until the node resyncs, unless the node lost a record of its own. Servers that lose
    /// records are restarted, so every watch breaks at some time.
    fn renew_watches(&mut self) {
        for place in 0..self.world.hosts.len() {
            self.world.break_watches(place);
        }
        self.world.run(self.patience());
    }

    /// Checks a join, new keys, a restart and a death: each moves the fewest possible keys.
    fn examine(&mut self) {
        let before = self.world.before();
        let place = self.world.hosts.len();
        let id = NodeId::new("late").expect("a legal id");
        let setting = Setting::new(self.schedule.lease, self.schedule.seed);
        self.world.start(place, &id, &setting, Manners::GOOD);
        self.world.run(self.schedule.lease + SETTLE_AT_MOST + SECOND * 2);
        self.world.check_join(&before);
        self.look("a join");
        self.examine_restart(place, &id);
        self.world.compare_plans();
        let before = self.world.before();
        for number in 24..32 {
            self.world.fault(Fault::Announce(key(number)));
        }
        self.world.run(self.schedule.lease + SECOND);
        self.look("new keys");
        if self.is_sound() {
            self.world.check_new_keys(&before, 8);
        }
        if self.is_sound() && self.world.hosts.iter().filter(|h| h.is_up()).count() > 1 {
            let before = self.world.before();
            self.world.fault(Fault::Crash(place));
            self.world.run(observed(self.schedule.lease) * 2 + SECOND * 2);
            self.world.check_death(&before, place);
            self.look("a death");
        }
        self.examine_rollout();
    }

    /// A process restarts while its keys wait for it. It gets all of them back, and nothing else moves.
    fn examine_restart(&mut self, place: usize, id: &NodeId) {
        let lease = self.schedule.lease;
        // Another seed, for other sessions.
        let setting = Setting::new(lease, self.schedule.seed + 1);
        self.balance();
        let before = self.world.before();
        self.world.leave_for(place, lease * 4 + SECOND, None);
        self.world.run(lease * 2);
        if self.is_sound() {
            self.world.start(place, id, &setting, Manners::GOOD);
            self.world.run(lease + SETTLE_AT_MOST + SECOND);
            self.look("a restart");
        }
        if self.is_sound() {
            self.world.check_restart(&before, place);
        }
    }

    /// New nodes of a later deploy start, and then the old ones leave: every key moves exactly once.
    fn examine_rollout(&mut self) {
        if !self.is_sound() || self.world.is_any_kept_away() || self.world.is_any_uncertain() {
            return;
        }
        self.balance();
        self.world.ignore_plans();
        let before = self.world.before();
        let old: Vec<_> = (0..self.world.hosts.len()).filter(|at| self.world.is_up(*at)).collect();
        for (number, _) in old.iter().enumerate() {
            let (place, seed) = (self.world.hosts.len(), self.schedule.seed + 10 + number as u64);
            let id = NodeId::new(format!("new{number}")).expect("a legal id");
            let setting = Setting { rollout: 7, ..Setting::new(self.schedule.lease, seed) };
            self.world.start(place, &id, &setting, Manners::GOOD);
        }
        self.world.run(self.schedule.lease + SETTLE_AT_MOST + SECOND);
        for at in old {
            self.world.command(at, Command::Flush);
            self.world.run(self.schedule.lease + SECOND);
            self.world.command(at, Command::Cancel);
            self.world.run(self.schedule.lease);
        }
        self.world.run(self.schedule.lease + SETTLE_AT_MOST + SECOND);
        self.look("a rollout");
        if self.is_sound() {
            self.world.check_rollout(&before);
            self.world.check_balance();
        }
    }

    /// Some nodes recover and the others never do. The keys of the latter move on.
    fn heal_some(&mut self) {
        self.world.traps.clear();
        self.world.weather = Weather { down_until: self.world.now, ..Weather::default() };
        self.world.settle_strangers();
        for place in 0..self.world.hosts.len() {
            if place < self.schedule.healed {
                self.world.calm_process(place);
            } else {
                self.world.damn(place);
            }
        }
        for _ in 0..5 {
            self.world.run(self.schedule.lease);
            for place in 0..self.schedule.healed {
                // It may have ended just before, or a late write of the process before it looked like
                // another session of its id.
                if !self.world.is_up(place) {
                    self.world.calm_process(place);
                }
            }
        }
        self.wait_until_settled();
        self.check_progress();
        self.progress();
    }

    /// New keys are taken, and so are keys of a node that ends.
    fn progress(&mut self) {
        for number in 24..32 {
            self.world.fault(Fault::Announce(key(number)));
        }
        self.world.run(self.patience());
        self.check_progress();
        if self.schedule.healed > 1 && self.is_sound() {
            // The first node takes every key.
            self.world.fault(Fault::Crash(self.schedule.healed - 1));
            self.world.run(self.patience());
            self.check_progress();
        }
    }

    /// Every key that exists runs, now or soon. A key of a node that never recovers may be moving.
    fn check_progress(&mut self) {
        let mut idle = self.world.idle_keys();
        for _ in 0..10 {
            if idle.is_empty() {
                return;
            }
            self.world.run(self.schedule.lease / 2);
            let now = self.world.idle_keys();
            idle.retain(|key| now.contains(key));
        }
        if self.is_sound() {
            self.world.check_progress();
        }
    }
}
