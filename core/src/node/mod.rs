//! One node of a group: the state machine behind a `Divider`.
//!
//! It is driven by four verbs. [`Node::handle`] takes what happened, [`Node::handle_timeout`] says
//! that the time of [`Node::poll_timeout`] has come; after either, [`Node::poll_action`] is called
//! until it is empty, and then [`Node::poll_timeout`] once.
//!
//! Who owns a key is decided by the claims' compare-and-sets and by the leases alone; everything
//! else here only decides what to try.

mod audit;
#[cfg(test)]
mod broken;
mod collect;
mod command;
mod confirm;
mod fence;
mod gone;
mod hand_over;
mod heartbeat;
mod hold;
#[cfg(test)]
mod inspect;
mod join;
mod kill;
mod lease;
mod leave;
mod member;
mod moves;
mod numbers;
mod observe;
mod outcome;
mod proof;
mod reconcile;
mod ring;
mod take;
mod turn;
#[cfg(test)]
mod vectors;
mod watch;

use std::collections::{BTreeSet, HashMap, VecDeque};

use self::audit::Audit;
use self::collect::Collector;
use self::hold::Holds;
use self::join::Life;
use self::leave::Leaving;
use self::member::OwnMember;
use self::moves::OutgoingMoves;
pub use self::numbers::Numbers;
use self::observe::Observer;
use self::outcome::{Asked, ReadFor, WriteFor};
use self::proof::Proofs;
use self::take::Takes;
use self::turn::Turns;
use self::watch::LogWatch;
use super::config::Config;
use super::edge::{Action, End, Input, Notice, ReadId, WatchId, WriteId};
use super::planner::Planner;
use super::time::{Now, Time};
use super::timing::Timing;
use super::view::{KeyIx, OwnerIx, View};
use crate::id::{Revision, Session};
use crate::log::Write;
use crate::wire::RecordName;

/// A node.
#[derive(Debug)]
pub struct Node {
    config: Config,
    timing: Timing,
    view: View,
    planner: Planner,
    life: Life,
    /// The sessions of this process that were fenced; a record of the last may still stand.
    old_sessions: Vec<Session>,
    /// The record that could not be written, where that is why the node is away.
    probe: Option<RecordName>,
    /// This session's place among the owners; nobody while there is none.
    me: OwnerIx,
    watch: LogWatch,
    observer: Observer,
    proofs: Proofs,
    holds: Holds,
    takes: Takes,
    turns: Turns,
    moves: OutgoingMoves,
    member: OwnMember,
    leaving: Leaving,
    audit: Audit,
    collector: Collector,
    /// What to look at again, and when.
    later: BTreeSet<(Time, KeyIx)>,
    /// What was asked for, with the newest revision that was known when it was, and for which key.
    writes: HashMap<WriteId, (WriteFor, Revision, Asked)>,
    /// The newest revision of the log as far as it is known, since the view was last read anew.
    newest: Revision,
    reads: HashMap<ReadId, (ReadFor, Asked)>,
    last_id: u64,
    /// When everything that was due was last done.
    looked: Time,
    problems_told: u64,
    actions: VecDeque<Action>,
    pending: Option<Now>,
}

impl Node {
    /// A node that begins to join. Its first actions are there at once.
    pub fn new(config: Config, now: Now) -> Self {
        let mut node = Self {
            timing: Timing::of(config.lease),
            member: OwnMember::new(config.affinity),
            config,
            view: View::default(),
            planner: Planner::default(),
            life: Life::Opening,
            old_sessions: Vec::new(),
            probe: None,
            me: OwnerIx::NONE,
            watch: LogWatch::new(now.at),
            observer: Observer::new(now.at),
            proofs: Proofs::default(),
            holds: Holds::default(),
            takes: Takes::default(),
            turns: Turns::default(),
            moves: OutgoingMoves::default(),
            leaving: Leaving::default(),
            audit: Audit::new(now.at),
            collector: Collector::new(now.at),
            later: BTreeSet::new(),
            writes: HashMap::new(),
            newest: Revision::NONE,
            reads: HashMap::new(),
            last_id: 0,
            looked: now.at,
            problems_told: 0,
            actions: VecDeque::new(),
            pending: None,
        };
        node.open_watch(now, std::time::Duration::ZERO);
        node
    }

    /// Something happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.is_over() {
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
            Input::Info(info) => self.on_info(now, info),
            Input::Confirm(key, token) => self.on_confirm(now, &key, token),
            Input::Command(request, command) => self.on_command(now, request, command),
        }
        self.pending = Some(now);
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come; calling it early does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.is_over() {
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
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted; to be asked again after every call.
    pub fn poll_timeout(&self) -> Option<Time> {
        // What was due at the last call was looked at then, and waits for something else.
        self.timeouts().filter(|at| *at > self.looked).min()
    }

    /// How many keys take room here, whatever is known of them.
    #[cfg(test)]
    pub fn known_keys(&self) -> usize {
        self.view.keys.iter().count()
    }

    fn timeouts(&self) -> impl Iterator<Item = Time> {
        let open = !self.is_over();
        [
            self.planner.next(),
            self.watch_timeout(),
            self.later.first().map(|(at, _)| *at),
            self.proofs.next(),
            self.audit_timeout(),
            self.life_timeout(),
            self.observer_timeout(),
            self.member_timeout(),
            self.moves_timeout(),
            self.collect_timeout(),
            self.leaving_timeout(),
            self.turns.next(),
        ]
        .into_iter()
        .flatten()
        .filter(move |_| open)
    }

    /// Does what has become possible; a second time if that made something else due at once.
    fn pump(&mut self, now: Now) {
        self.drive(now);
        self.looked = now.at;
        if self.timeouts().any(|at| at <= now.at) {
            self.drive(now);
        }
    }

    /// Every step is worked out from the state as it is.
    fn drive(&mut self, now: Now) {
        self.drive_watch(now);
        self.drive_later(now);
        self.drive_proofs(now);
        self.drive_audit(now);
        self.planner.on_time(&mut self.view, now);
        self.drive_life(now);
        self.drive_observer(now);
        self.drive_deadline(now);
        while let Some(ix) = self.planner.pop_dirty() {
            self.reconcile_key(now, ix);
            self.view.keys.forget_if_idle(ix);
        }
        self.drive_takes(now);
        self.drive_moves(now);
        self.drive_member(now);
        self.drive_leaving(now);
        self.drive_collect(now);
        self.tell_problems();
    }

    /// Whether keys may be started, taken and handed over: a member, on a complete and fresh view,
    /// with a lease that is not about to end.
    fn is_working(&self, now: Now) -> bool {
        matches!(self.life, Life::Active(_)) && self.watch.is_live() && !self.is_fence_due(now)
    }

    fn is_over(&self) -> bool {
        matches!(self.life, Life::Over)
    }

    fn end(&mut self, end: End) {
        self.drop_runs_for(&end);
        self.close_watch();
        self.life = Life::Over;
        self.answer_all_over();
        self.actions.push_back(Action::End(end));
    }

    fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn write(&mut self, purpose: WriteFor, write: Write) -> WriteId {
        let id = WriteId(self.next_id());
        let asked = self.asked(purpose.key());
        self.writes.insert(id, (purpose, self.newest.max(self.view.seen), asked));
        self.actions.push_back(Action::Write(id, write, self.timing.ack));
        id
    }

    fn read(&mut self, purpose: ReadFor, name: &RecordName) -> ReadId {
        let id = ReadId(self.next_id());
        let asked = self.asked(purpose.key());
        self.reads.insert(id, (purpose, asked));
        self.actions.push_back(Action::Read(id, name.to_string(), self.timing.ack));
        id
    }

    fn watch_id(&mut self) -> WatchId {
        WatchId(self.next_id())
    }

    fn reconcile_at(&mut self, at: Time, ix: KeyIx) {
        self.later.insert((at, ix));
    }

    /// The times that were set for single keys.
    fn drive_later(&mut self, now: Now) {
        while let Some(&(at, ix)) = self.later.first()
            && at <= now.at
        {
            self.later.pop_first();
            self.on_later(now, ix);
        }
    }

    fn tell_problems(&mut self) {
        let count = self.view.problems.found();
        if count != self.problems_told {
            self.problems_told = count;
            self.notice(Notice::Problems { count });
        }
    }
}
