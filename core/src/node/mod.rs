//! One node of a group: the state machine behind a `Divider`.
//!
//! It is driven by four verbs. [`Node::handle`] takes what happened, [`Node::handle_timeout`] says
//! that the time of [`Node::poll_timeout`] has come; after either, [`Node::poll_action`] is called
//! until it is empty, and then [`Node::poll_timeout`] once.
//!
//! Who owns a key is decided by the claims' compare-and-sets and by the leases alone; everything
//! else here only decides what to try.

mod answers;
mod collect;
mod command;
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
use self::io::Io;
use self::keys::{KeyHandler, Keys};
use self::member::{MemberHandler, OwnMember};
pub use self::numbers::Numbers;
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
/// It is made of components. Each owns its state; a *handler* lends a component what its rules may
/// touch, and no more. What is the whole node's business a component *demands* ([`io::Demand`]).
#[derive(Debug)]
pub struct Node {
    config: Config,
    timing: Timing,
    /// The log as far as it is known.
    view: View,
    /// Where every key is to go.
    planner: Planner,
    /// The lease, and how far it is between opening and its end.
    session: OwnSession,
    /// The own member record.
    member: OwnMember,
    /// The watch that fills the view.
    watch: LogWatch,
    /// Now and then asks the leader whether the view is right.
    audit: Audit,
    /// The other nodes.
    peers: Peers,
    /// The keys that this node has, gets or gives away.
    keys: Keys,
    /// Collects what the log keeps of names that are gone.
    collector: Collector,
    io: Io,
    timers: TimerTable,
    /// When everything that was due was last done.
    looked: Time,
    problems_reported: u64,
    pending: Option<Now>,
}

impl Node {
    /// A node that begins to join. Its first actions are there at once.
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
            looked: now.at,
            problems_reported: 0,
            pending: None,
        };
        node.open_watch(now, std::time::Duration::ZERO);
        node.set_timers();
        node
    }

    /// Something happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.session.is_over() {
            return self.refuse(input);
        }
        // A process that was frozen past its lease learns of that before anything else.
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

    /// The time of [`poll_timeout`](Self::poll_timeout) has come; calling it early does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.session.is_over() {
            return;
        }
        self.check_lease(now);
        self.pending = Some(now);
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(now) = self.pending.take() {
            self.pump(now);
        }
        self.io.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted; to be asked again after every call.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next_after(self.looked)
    }

    /// How many keys take room here, whatever is known of them.
    #[cfg(test)]
    pub fn known_keys(&self) -> usize {
        self.view.keys.iter().count()
    }

    /// Sets every timer from the state as it is: a timer cannot be forgotten, nor outlive its reason.
    fn set_timers(&mut self) {
        let timers = [
            (Timer::Plan, self.planner.next()),
            (Timer::Watch, self.watch_timeout()),
            (Timer::Expiry, self.keys.expiry.next().filter(|_| self.watch.is_live())),
            (Timer::Key, self.keys.next()),
            (Timer::Audit, self.audit.timeout(self.session.me)),
            (Timer::Session, self.session.timeout(&self.timing, &self.member, self.looked)),
            (Timer::Peers, self.peers().timeout()),
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

    /// Does what has become possible; a second time if that made something else due at once.
    fn pump(&mut self, now: Now) {
        self.drive(now);
        self.looked = now.at;
        self.set_timers();
        if self.timers.is_due(now.at) {
            self.drive(now);
            self.set_timers();
        }
    }

    /// Every step is worked out from the state as it is.
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
        self.report_problems();
        debug_assert!(self.io.demands.is_empty(), "{:?}", self.io.demands);
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
