//! What waits to be told to the application: at most one item for each key.
//!
//! The engine puts in, the application takes out, neither waits for the other. An application that
//! does not read makes nothing grow beyond one item a key, and costs the node no heartbeat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::clock::Clock;
use super::effects::Effects;
use super::lease::SessionLease;
use super::runs::{Ending, Phase, RunEntry, Runs};
use super::services::Services;
use super::unacked::{Backlog, Unacked};
use crate::assignment::Assignment;
use crate::event::Reason;
use crate::id::{Session, Token};
use crate::key::Key;
use divider_core::time::Time;

/// The runs of this node that are not confirmed to be over, and what is to be told about them.
#[derive(Debug)]
pub(super) struct Queue {
    runs: Runs,
    starts: BTreeMap<u64, Key>,
    ends: BTreeMap<u64, Key>,
    next: u64,
    /// Runs that are over, for the engine to tell the core.
    confirmed: Vec<(Key, Token)>,
    unacked: Unacked,
    lease: Arc<SessionLease>,
    start_waker: Option<Waker>,
    end_waker: Option<Waker>,
    closed: bool,
    effects: Effects,
}

/// A stop or loss that the application takes.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) assignment: Assignment,
    pub(crate) reason: Reason,
    pub(crate) deadline: Option<Time>,
}

/// A start, stop or loss that the application takes.
#[derive(Debug)]
pub(crate) enum TakenEvent {
    Start(Assignment),
    End(Taken),
}

/// What a look into the queue found.
#[derive(Debug)]
pub(super) enum Look<T> {
    /// This.
    Item(T),
    /// Nothing now; the waker is called when that changes.
    Nothing,
    /// Nothing, for ever.
    Closed,
}

impl Queue {
    pub(super) fn new(clock: Clock, services: Arc<Services>) -> Self {
        Self {
            runs: Runs::default(),
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
            next: 0,
            confirmed: Vec::new(),
            unacked: Unacked::default(),
            lease: Arc::new(SessionLease::new(Session::from_bits(0), clock, services)),
            start_waker: None,
            end_waker: None,
            closed: false,
            effects: Effects::default(),
        }
    }

    /// What is to be carried out once the lock is let go.
    pub(super) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    // ---- the engine's side ----

    /// A session begins. Starts of the one before are withdrawn.
    pub(super) fn begin(&mut self, session: Session) {
        let (clock, services) = (self.lease.clock().clone(), Arc::clone(self.lease.services()));
        self.lease = Arc::new(SessionLease::new(session, clock, services));
        self.withdraw_starts();
    }

    /// The node is a member by its session, or was fenced.
    pub(super) fn set_member(&self, member: bool) {
        self.lease.set_member(member);
    }

    /// The lease of the session lasts until then.
    pub(super) fn extend(&mut self, until: Time, start_until: Time) {
        self.lease.set(until, start_until);
        // Starts that were held back may be taken again.
        if !self.starts.is_empty() {
            self.wake_starts();
        }
    }

    /// Tells the application to start.
    pub(super) fn start(&mut self, key: Key, token: Token) {
        debug_assert!(self.runs.get(&key).is_none(), "a run of {key} is not confirmed");
        self.remove_run(&key);
        let number = self.number();
        let assignment = Assignment::new(key.clone(), token, Arc::clone(&self.lease));
        self.starts.insert(number, key);
        self.runs.insert(RunEntry { assignment, phase: Phase::Untold(number) });
        self.wake_starts();
    }

    /// Tells the application to stop, unless it was never told to start.
    pub(super) fn stop(&mut self, key: Key, token: Token, reason: Reason, deadline: Option<Time>) {
        if let Some(run) = self.run_to_end(&key, token) {
            match deadline {
                // Then it is handed over, confirmed or not.
                Some(deadline) => run.stop_until(reason, deadline),
                None => run.stop(reason),
            }
            self.end(key, reason, deadline);
        }
    }

    /// Tells the application that the key is lost at that moment, unless it was never told to start.
    pub(super) fn lose(&mut self, key: Key, token: Token, reason: Reason, until: Time) {
        if let Some(run) = self.run_to_end(&key, token) {
            run.stop_until(reason, until);
            self.end(key, reason, Some(until));
        }
    }

    /// Takes what was confirmed since the last call.
    pub(super) fn take_confirmed(&mut self) -> Vec<(Key, Token)> {
        std::mem::take(&mut self.confirmed)
    }

    /// The node is over. What runs is lost when the lease is; what was not started never is.
    pub(super) fn close(&mut self, reason: Reason) {
        self.withdraw_starts();
        let until = self.lease.until();
        let running: Vec<_> = self
            .runs
            .iter()
            .filter(|run| matches!(run.phase, Phase::Running))
            .map(|run| (run.assignment.key().clone(), run.assignment.token()))
            .collect();
        for (key, token) in running {
            self.lose(key, token, reason, until);
        }
        self.closed = true;
        self.wake_starts();
        self.wake_ends();
    }

    // ---- the application's side ----

    /// The next start, if there is time for it: what is left of the lease is looked at here, at the
    /// moment the application takes it.
    ///
    /// A start whose time is over stays: either the lease is renewed, or it is withdrawn by the loss
    /// that follows.
    pub(super) fn take_start(&mut self, now: Time, waker: Option<&Waker>) -> Look<Assignment> {
        let Some(entry) = self.starts.first_entry() else {
            return self.nothing(waker, |queue| &mut queue.start_waker);
        };
        let run = self.runs.get_mut(entry.get()).expect("what is in `starts` is in `runs`");
        if now >= run.assignment.start_until() {
            return self.nothing(waker, |queue| &mut queue.start_waker);
        }
        run.phase = Phase::Running;
        entry.remove();
        self.unacked.taken();
        Look::Item(run.assignment.clone())
    }

    /// The next stop or loss.
    pub(super) fn take_end(&mut self, waker: Option<&Waker>) -> Look<Taken> {
        while let Some((_, key)) = self.ends.pop_first() {
            let run = self.runs.get_mut(&key).expect("what is in `ends` is in `runs`");
            if let Phase::Ending(ending) = &mut run.phase {
                ending.waits = None;
                self.unacked.taken();
                let Ending { reason, deadline, .. } = **ending;
                return Look::Item(Taken { assignment: run.assignment.clone(), reason, deadline });
            }
        }
        self.nothing(waker, |queue| &mut queue.end_waker)
    }

    /// The next stop or loss, or else the next start.
    pub(super) fn take_event(&mut self, clock: &Clock, waker: &Waker) -> Look<TakenEvent> {
        match self.take_end(Some(waker)) {
            Look::Item(taken) => Look::Item(TakenEvent::End(taken)),
            Look::Closed if self.starts.is_empty() => Look::Closed,
            Look::Nothing | Look::Closed => match self.take_start(clock.time(), Some(waker)) {
                Look::Item(assignment) => Look::Item(TakenEvent::Start(assignment)),
                Look::Nothing => Look::Nothing,
                Look::Closed => Look::Closed,
            },
        }
    }

    /// The application has stopped with a run that it was told to end. `None`: there is no such run.
    pub(super) fn confirm(&mut self, key: &Key, token: Token) -> Option<Reason> {
        let run = self.runs.get(key).filter(|run| run.assignment.token() == token)?;
        let Phase::Ending(ending) = &run.phase else { return None };
        let Ending { waits, reason, .. } = **ending;
        if let Some(number) = waits {
            self.ends.remove(&number);
        }
        self.over(key);
        Some(reason)
    }

    /// The application has stopped with this run by itself, and says so to the core in a command.
    pub(super) fn give_up(&mut self, key: &Key, token: Token) {
        if self.runs.get(key).is_some_and(|run| run.assignment.token() == token) {
            self.remove_run(key);
        }
    }

    fn remove_run(&mut self, key: &Key) {
        let Some(run) = self.runs.remove(key) else { return };
        match &run.phase {
            Phase::Untold(number) => _ = self.starts.remove(number),
            Phase::Ending(ending) => {
                let waits = ending.waits.as_ref();
                waits.and_then(|number| self.ends.remove(number));
            }
            Phase::Running => {}
        }
        self.forget_stop(&run);
        run.assignment.mark_over();
        self.effects.cancel.push(run.assignment);
    }

    /// Whether the newest stop or loss of the run has this reason, and the run is not confirmed. A loss can
    /// come after a stop.
    pub(super) fn is_unconfirmed(&self, key: &Key, token: Token, reason: Reason) -> bool {
        self.runs.get(key).filter(|run| run.assignment.token() == token).is_some_and(
            |run| matches!(&run.phase, Phase::Ending(ending) if ending.reason == reason),
        )
    }

    /// What the application was told to start and has not stopped.
    pub(super) fn assigned(&self) -> Vec<Assignment> {
        let told = self.runs.iter().filter(|run| !matches!(run.phase, Phase::Untold(_)));
        told.map(|run| run.assignment.clone()).collect()
    }

    /// How many runs there are, told or about to be.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// What waits for the application.
    pub(super) fn backlog(&self) -> Backlog {
        self.unacked.backlog(self.starts.len() + self.ends.len())
    }

    /// The lease of the current session.
    pub(super) fn lease(&self) -> &SessionLease {
        &self.lease
    }

    /// The current session.
    pub(super) fn session(&self) -> Session {
        self.lease.session()
    }

    // ---- both ----

    /// The run that has to end. One that was not told is withdrawn, and one that the application has
    /// given up is over already: both are confirmed here.
    fn run_to_end(&mut self, key: &Key, token: Token) -> Option<&Assignment> {
        let run = self.runs.get(key).filter(|run| run.assignment.token() == token);
        let Some(run) = run else {
            self.confirmed.push((key.clone(), token));
            return None;
        };
        if let Phase::Untold(number) = run.phase {
            self.starts.remove(&number);
            self.over(key);
            return None;
        }
        self.runs.get(key).map(|run| &run.assignment)
    }

    fn end(&mut self, key: Key, reason: Reason, deadline: Option<Time>) {
        let number = self.number();
        let run = self.runs.get_mut(&key).expect("the caller looked");
        self.effects.cancel.push(run.assignment.clone());
        let first = run.phase.first_stop().unwrap_or_else(|| {
            self.unacked.stop(number, key.clone(), self.lease.clock().time());
            number
        });
        let ending = Ending { waits: Some(number), first, reason, deadline };
        if let Phase::Ending(earlier) =
            std::mem::replace(&mut run.phase, Phase::Ending(Box::new(ending)))
            && let Some(number) = earlier.waits
        {
            self.ends.remove(&number);
        }
        self.ends.insert(number, key);
        self.wake_ends();
    }

    fn withdraw_starts(&mut self) {
        for (_, key) in std::mem::take(&mut self.starts) {
            self.over(&key);
        }
    }

    fn over(&mut self, key: &Key) {
        if let Some(run) = self.runs.remove(key) {
            self.forget_stop(&run);
            run.assignment.mark_over();
            self.confirmed.push((run.assignment.key().clone(), run.assignment.token()));
            self.effects.cancel.push(run.assignment);
        }
    }

    /// The run is over, and its stop needs no confirmation.
    fn forget_stop(&mut self, run: &RunEntry) {
        if let Some(first) = run.phase.first_stop() {
            self.unacked.over(first);
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn nothing<T>(
        &mut self,
        waker: Option<&Waker>,
        slot: impl Fn(&mut Self) -> &mut Option<Waker>,
    ) -> Look<T> {
        if self.closed {
            return Look::Closed;
        }
        let Some(waker) = waker else { return Look::Nothing };
        let slot = slot(self);
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let earlier = slot.replace(waker.clone());
            self.effects.discard.extend(earlier);
        }
        Look::Nothing
    }

    fn wake_starts(&mut self) {
        self.effects.wake.extend(self.start_waker.take());
    }

    fn wake_ends(&mut self) {
        self.effects.wake.extend(self.end_waker.take());
    }
}
