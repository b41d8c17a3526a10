//! One node of a group: the state machine behind a `Divider`.
//!
//! The caller drives it with four methods. [`Node::handle`] takes an input.
//! [`Node::handle_timeout`] runs what is due at the time that [`Node::poll_timeout`] returned.
//! After either call, the caller calls [`Node::poll_action`] until it returns `None`, and then
//! calls [`Node::poll_timeout`] once.
//!
//! Only the compare-and-set writes of claims and the leases decide which node owns a key.
//! Everything else here only decides which writes to try.

mod answers;
mod collect;
mod command;
mod condition;
mod follow;
#[cfg(test)]
mod inspect;
mod io;
mod keys;
mod leave;
mod lifecycle;
mod member;
mod numbers;
mod peers;
mod register;
mod session;
mod timers;
mod trust;
#[cfg(test)]
mod vectors;

use self::collect::{CollectHandler, Collector};
pub use self::condition::{Condition, Phase};
use self::io::Io;
use self::keys::{KeyHandler, Keys};
use self::member::{MemberHandler, OwnMember};
pub use self::numbers::{Fullest, Numbers};
use self::peers::{PeerHandler, Peers};
use self::session::{OwnSession, SessionHandler};
use self::timers::{Timer, TimerTable};
use self::trust::{Audit, AuditHandler, LogWatch};
use super::config::Config;
use super::edge::{Action, Input, Notice};
use super::planner::Planner;
use super::time::{Now, Time};
use super::timing::Timing;
use super::view::View;

/// A node.
///
/// A node consists of components. Each component owns its state. A *handler* borrows a component
/// and only the other fields that its rules may touch. A component *demands* (`io::Demand`) what
/// concerns the whole node.
#[derive(Debug)]
pub struct Node {
    config: Config,
    timing: Timing,
    /// The state of the log, as far as this node knows it.
    view: View,
    /// Plans an owner for every key.
    planner: Planner,
    /// The lease, and the phase of the session.
    session: OwnSession,
    /// This node's own member record.
    member: OwnMember,
    /// The watch that fills the view.
    watch: LogWatch,
    /// Asks the leader from time to time whether the view is correct.
    audit: Audit,
    /// The other nodes.
    peers: Peers,
    /// The keys that this node owns, takes or gives away.
    keys: Keys,
    /// Deletes records in the log whose key or node no longer exists.
    collector: Collector,
    io: Io,
    timers: TimerTable,
    /// When the node last did everything that was due.
    driven_at: Time,
    problems_reported: u64,
    pending: Option<Now>,
}

impl Node {
    /// A node that starts to join. Its first actions are available immediately.
    pub fn new(config: Config, now: Now) -> Self {
        let timing = Timing::of(config.lease);
        let mut node = Self {
            timing,
            member: OwnMember::new(config.affinity),
            config,
            view: View::default(),
            planner: Planner::default(),
            session: OwnSession::new(),
            watch: LogWatch::new(now.at),
            audit: Audit::new(now.at),
            peers: Peers::new(now.at),
            keys: Keys::default(),
            collector: Collector::new(now.at),
            io: Io::new(timing.ack),
            timers: TimerTable::default(),
            driven_at: now.at,
            problems_reported: 0,
            pending: None,
        };
        node.open_watch(now, std::time::Duration::ZERO);
        node.set_timers();
        node
    }

    /// Processes one input.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.session.is_over() {
            return self.refuse(input);
        }
        // A process that was frozen for longer than its lease must notice this before anything
        // else.
        self.check_lease(now);
        match input {
            Input::Opening(id) => self.on_opening(now, id),
            Input::Change(id, change) => self.on_change(now, id, change),
            Input::WatchEnded(id, error) => self.on_watch_ended(now, id, error),
            Input::Wrote(id, outcome) => self.on_wrote(now, id, &outcome),
            Input::Withdrawn(id) => self.on_withdrawn(now, id),
            Input::Read(id, answer) => self.on_read(now, id, answer),
            Input::Info(info) => self.audit().on_info(info),
            Input::Confirm(key, token) => self.keys().on_confirm(now, &key, token),
            Input::Command(request, command) => self.on_command(now, request, command),
        }
        self.settle(now);
        self.pending = Some(now);
    }

    /// Runs what is due at the time that [`poll_timeout`](Self::poll_timeout) returned. An early
    /// call does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.session.is_over() {
            return;
        }
        self.check_lease(now);
        self.pending = Some(now);
    }

    /// The next action for the caller to carry out.
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(now) = self.pending.take() {
            self.drive_due(now);
        }
        self.io.actions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). Every call may change this time: poll
    /// it again after each one.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next_after(self.driven_at)
    }

    /// The number of keys that use memory here, in any state.
    #[cfg(test)]
    pub fn known_keys(&self) -> usize {
        self.view.keys.iter().count()
    }

    /// Sets every timer from the current state. So no timer is forgotten, and none stays set
    /// without a reason.
    fn set_timers(&mut self) {
        let driven_at = self.driven_at;
        let timers = [
            (Timer::Plan, self.planner.next()),
            (Timer::Watch, self.watch_timeout()),
            (Timer::Expiry, self.keys.expiry.next().filter(|_| self.watch.is_live())),
            (Timer::Key, self.keys.next()),
            (Timer::Audit, self.audit.timeout(self.session.me)),
            (Timer::Session, self.session.timeout(&self.timing, &self.member, self.driven_at)),
            (Timer::Peers, self.peers().timeout(driven_at)),
            (Timer::Member, self.member().timeout()),
            (Timer::Drain, self.keys.moves.timeout()),
            (Timer::Collection, self.collector.timeout(&self.view, self.session.me)),
            (Timer::Flush, self.flush_timeout()),
            (Timer::Turn, self.keys.next_turn()),
        ];
        for (timer, at) in timers {
            self.timers.set(timer, at.filter(|_| !self.session.is_over()));
        }
    }

    /// Takes every step that is possible now. Runs a second time if the first run made something
    /// due immediately.
    fn drive_due(&mut self, now: Now) {
        if self.session.is_over() {
            return self.set_timers();
        }
        self.drive(now);
        self.driven_at = now.at;
        self.set_timers();
        if self.timers.is_due(now.at) {
            self.drive(now);
            self.set_timers();
        }
    }

    /// Every step starts from the current state.
    fn drive(&mut self, now: Now) {
        self.drive_watch(now);
        self.drive_expiry(now);
        self.keys().drive_later(now);
        self.audit().drive(now);
        self.planner.on_time(&mut self.view, now);
        self.session().drive(now);
        self.settle(now);
        self.peers().drive(now);
        self.keys().drive_deadline(now);
        self.keys().drive_dirty(now);
        self.keys().drive_takes(now);
        if let Some(generation) = self.keys().drive_moves(now) {
            self.member.set_balanced(generation);
        }
        self.member().drive(now);
        self.drive_leaving(now);
        self.collection().drive(now);
        self.settle(now);
        self.report_problems();
    }

    fn session(&mut self) -> SessionHandler<'_> {
        SessionHandler {
            config: &mut self.config,
            timing: &self.timing,
            view: &self.view,
            keys: &self.keys,
            member: &self.member,
            watch: &mut self.watch,
            session: &mut self.session,
            io: &mut self.io,
        }
    }

    fn member(&mut self) -> MemberHandler<'_> {
        MemberHandler {
            config: &self.config,
            timing: &self.timing,
            view: &self.view,
            planner: &self.planner,
            session: &self.session,
            watch: &self.watch,
            member: &mut self.member,
            io: &mut self.io,
        }
    }

    fn audit(&mut self) -> AuditHandler<'_> {
        AuditHandler {
            timing: &self.timing,
            session: &self.session,
            watch: &self.watch,
            view: &self.view,
            keys: &self.keys,
            audit: &mut self.audit,
            io: &mut self.io,
        }
    }

    fn peers(&mut self) -> PeerHandler<'_> {
        PeerHandler {
            config: &self.config,
            timing: &self.timing,
            session: &self.session,
            watch: &self.watch,
            view: &mut self.view,
            planner: &mut self.planner,
            io: &mut self.io,
            peers: &mut self.peers,
        }
    }

    fn keys(&mut self) -> KeyHandler<'_> {
        KeyHandler {
            config: &self.config,
            timing: &self.timing,
            session: &self.session,
            member: &self.member,
            watch: &self.watch,
            view: &mut self.view,
            planner: &mut self.planner,
            peers: &mut self.peers,
            io: &mut self.io,
            keys: &mut self.keys,
        }
    }

    fn collection(&mut self) -> CollectHandler<'_> {
        CollectHandler {
            config: &self.config,
            timing: &self.timing,
            session: &self.session,
            watch: &self.watch,
            view: &self.view,
            planner: &self.planner,
            collector: &mut self.collector,
            io: &mut self.io,
        }
    }

    fn report_problems(&mut self) {
        let count = self.view.problems.found();
        if count != self.problems_reported {
            self.problems_reported = count;
            self.io.notice(Notice::Problems { count });
        }
    }
}
