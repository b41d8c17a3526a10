//! A group in a scenario. Time advances only when the script says so.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::host::{Setting, config};
use super::super::log::{Log, no_answer};
use super::fate::Message;
use super::player::{Player, Run, clock};
use crate::config::Config;
use crate::edge::{Action, Command, Input, RequestId, WatchId};
use crate::id::{NodeId, Token};
use crate::key::Key;
use crate::log::Outcome;
use crate::node::Node;
use crate::time::Time;

/// How long a message takes, in one direction.
pub(super) const LATENCY: Duration = Duration::from_millis(1);

/// More steps than any scenario has.
const MOST_STEPS: u64 = 2_000_000;

/// An event at a time.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Arrive(usize, Message),
    Input(usize, Input),
    Feed(usize, WatchId),
    Timer(usize),
}

/// The whole state of a scenario.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) now: Time,
    pub(super) log: Log,
    pub(super) players: Vec<Player>,
    lease: Duration,
    queue: BTreeMap<(Time, u64), Event>,
    next: u64,
    steps: u64,
    highest: BTreeMap<Key, Token>,
}

impl Play {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            now: Time(1_000_000_000),
            log: Log::default(),
            players: Vec::new(),
            lease,
            queue: BTreeMap::new(),
            next: 0,
            steps: 0,
            highest: BTreeMap::new(),
        }
    }

    /// Starts a process.
    pub(super) fn start(&mut self, id: &str) -> usize {
        self.start_with(id, 0, |_| ())
    }

    /// Starts a process with its own settings, and a wall clock that is ahead.
    pub(super) fn start_with(
        &mut self,
        id: &str,
        ahead_us: u64,
        set: impl FnOnce(&mut Config),
    ) -> usize {
        let id = NodeId::new(id).expect("a legal id");
        let place = self.players.len();
        let seed = u64::try_from(place).expect("few") + 1;
        let setting = Setting::new(self.lease, seed);
        let mut config = config(&id, &setting);
        set(&mut config);
        let core = Node::new(config, clock(self.now, ahead_us));
        self.players.push(Player::new(core, id, ahead_us));
        self.settle(place);
        place
    }

    pub(super) fn at(&mut self, when: Time, event: Event) {
        self.next += 1;
        self.queue.insert((when.max(self.now), self.next), event);
    }

    pub(super) fn after(&mut self, span: Duration, event: Event) {
        self.at(self.now + span, event);
    }

    /// Advances by a span of time.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
        self.check_plans();
    }

    /// Advances until a condition holds. Returns how long that took.
    pub(super) fn until(&mut self, limit: Duration, so: impl Fn(&Self) -> bool) -> Duration {
        let (start, end) = (self.now, self.now + limit);
        while !so(self) {
            assert!(self.step(end), "not so within {limit:?}:\n{}", self.story());
        }
        self.now.since(start)
    }

    fn step(&mut self, end: Time) -> bool {
        let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= end) else {
            return false;
        };
        let ((when, _), event) = entry.remove_entry();
        self.now = when;
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "it goes round in circles");
        match event {
            Event::Arrive(place, message) => self.arrive(place, message),
            Event::Feed(place, watch) => self.feed(place, watch),
            Event::Input(place, input) => self.input(place, input),
            Event::Timer(place) => self.timer(place),
        }
        true
    }

    pub(super) fn input(&mut self, place: usize, input: Input) {
        let player = &mut self.players[place];
        if player.frozen {
            player.deferred.push(Event::Input(place, input));
        } else if player.up && player.end.is_none() {
            let now = player.clock(self.now);
            player.core.handle(now, input);
            self.settle(place);
        }
    }

    fn timer(&mut self, place: usize) {
        let player = &mut self.players[place];
        if player.frozen {
            return player.deferred.push(Event::Timer(place));
        }
        player.timer = None;
        if player.up && player.end.is_none() {
            let now = player.clock(self.now);
            player.core.handle_timeout(now);
            self.settle(place);
        }
    }

    /// Carries out a core's actions and sets its timer.
    fn settle(&mut self, place: usize) {
        while let Some(action) = self.players[place].core.poll_action() {
            self.players[place].done.push((self.now, action.clone()));
            self.act(place, action);
        }
        let player = &mut self.players[place];
        if let Some(at) = player.core.poll_timeout()
            && player.timer.is_none_or(|set| at < set)
        {
            player.timer = Some(at);
            self.at(at.max(self.now + Duration::from_nanos(1)), Event::Timer(place));
        }
    }

    fn act(&mut self, place: usize, action: Action) {
        match action {
            Action::Write(id, write, patience) => {
                let late = Input::Wrote(id, Outcome::Unknown(no_answer()));
                self.after(patience, Event::Input(place, late));
                self.send(place, Message::Write(id, write));
            }
            Action::Read(id, name, patience) => {
                let late = Input::Read(id, Err(no_answer()));
                self.after(patience, Event::Input(place, late));
                self.send(place, Message::Read(id, name));
            }
            Action::Watch(id, filter, delay) => {
                self.after(delay + LATENCY, Event::Arrive(place, Message::Open(id, filter)));
            }
            Action::Unwatch(id) => {
                self.players[place].watches.remove(&id);
            }
            Action::Info => self.send(place, Message::Info),
            Action::Session(_) => self.players[place].app.until = Time(0),
            Action::Lease { until, start_until } => {
                let app = &mut self.players[place].app;
                (app.until, app.start_until) = (until, start_until);
                self.check_owners(place);
            }
            Action::Start(key, token) => self.begin(place, &key, token),
            Action::Stop(key, token, _, until) => self.end_run(place, &key, token, until),
            Action::Lost(key, token, _, until) => self.end_run(place, &key, token, Some(until)),
            Action::End(end) => {
                self.players[place].watches.clear();
                self.players[place].end = Some(end);
            }
            Action::Withdraw | Action::Reply(..) | Action::Notice(_) => {}
        }
    }

    /// The application takes a start, if the lease leaves time for it.
    fn begin(&mut self, place: usize, key: &Key, token: Token) {
        let app = &mut self.players[place].app;
        if self.now >= app.start_until {
            return self.at(self.now, Event::Input(place, Input::Confirm(key.clone(), token)));
        }
        let before = app.runs.insert(key.clone(), Run { token, lost_at: None });
        assert!(before.is_none(), "{key} starts before its last run is over:\n{}", self.story());
        let highest = self.highest.insert(key.clone(), token);
        assert!(highest < Some(token), "a token that does not grow:\n{}", self.story());
        self.check_owners(place);
    }

    fn end_run(&mut self, place: usize, key: &Key, token: Token, lost: Option<Time>) {
        let app = &mut self.players[place].app;
        let Some(run) = app.runs.get_mut(key).filter(|run| run.token == token) else { return };
        run.lost_at = lost.or(run.lost_at);
        if app.confirms {
            self.confirm(place, key.as_str());
        }
    }

    /// **Same plan everywhere:** nodes that have seen the log up to the same record have the same plan,
    /// and their counts are right.
    fn check_plans(&self) {
        let mut plans = BTreeMap::new();
        let follows = |p: &&Player| p.up && p.end.is_none() && !(p.silent || p.cut || p.frozen);
        // Only the node itself counts its writes in flight, and not all nodes know the owner of an
        // unreadable claim.
        let knows_all = |p: &&Player| {
            p.core.sizes().writes == 0 && p.hidden.is_empty() && p.core.problems().is_empty()
        };
        for player in self.players.iter().filter(follows) {
            let (Some(seen), Some(plan)) = (player.core.seen(), player.core.plan()) else {
                continue;
            };
            assert_eq!(player.core.wrong_counts(), None, "{}:\n{}", player.id, self.story());
            if !knows_all(&player) {
                continue;
            }
            let first = plans.entry(seen).or_insert_with(|| plan.clone());
            assert_eq!(*first, plan, "{} plans otherwise:\n{}", player.id, self.story());
        }
    }

    /// **One owner:** no other process holds a key that this one holds.
    fn check_owners(&self, place: usize) {
        let mine = self.players[place].app.runs.keys();
        for key in mine.filter(|key| self.players[place].holds(self.now, key)) {
            let holders = self.players.iter().filter(|p| p.holds(self.now, key));
            assert_eq!(holders.count(), 1, "{key} has two owners:\n{}", self.story());
        }
    }

    /// The application confirms the run of a key.
    pub(super) fn confirm(&mut self, place: usize, key: &str) {
        let (key, token) = self.done_with(place, key);
        self.at(self.now, Event::Input(place, Input::Confirm(key, token)));
    }

    /// The application sends a command. The reply has the same id.
    pub(super) fn command(&mut self, place: usize, command: Command) -> RequestId {
        self.next += 1;
        let request = RequestId(self.next);
        self.input(place, Input::Command(request, command));
        request
    }

    /// The application ends the newest run of a key and releases it.
    pub(super) fn release(&mut self, place: usize, key: &str) -> RequestId {
        let (key, token) = self.done_with(place, key);
        self.command(place, Command::Release(key, token))
    }

    /// The application completes the newest run of a key.
    pub(super) fn complete(&mut self, place: usize, key: &str) -> RequestId {
        let (key, token) = self.done_with(place, key);
        self.command(place, Command::Complete(key, token))
    }

    pub(super) fn done_with(&mut self, place: usize, key: &str) -> (Key, Token) {
        let key = Key::new(key).expect("a legal key");
        let run = self.players[place].app.runs.remove(&key).expect("a key that runs");
        (key, run.token)
    }

    /// Crashes a process.
    pub(super) fn crash(&mut self, place: usize) {
        self.players[place].up = false;
        self.players[place].watches.clear();
    }

    /// Freezes a process, as a signal does.
    pub(super) fn freeze(&mut self, place: usize) {
        self.players[place].frozen = true;
    }

    /// Wakes a frozen process: everything that it missed arrives at once.
    pub(super) fn thaw(&mut self, place: usize) {
        self.players[place].frozen = false;
        for event in std::mem::take(&mut self.players[place].deferred) {
            self.at(self.now, event);
        }
    }
}
