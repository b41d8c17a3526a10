//! The one task: it turns what happens into inputs and actions into what is done.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;

use super::Core;
use super::chronicle::Chronicle;
use super::queue::Queue;
use super::reads::{Question, Reads};
use super::reporter::Reporter;
use super::requests::Requests;
use super::shared::Shared;
use super::starting::Starting;
use super::telling::{Telling, Told};
use super::watches::Watches;
use super::writes::Writes;
use crate::error::Ended;
use crate::store::{Store, Write};
use divider_core::edge::{Action, Command, End, Input, Notice, Reply, RequestId, WriteId};
use divider_core::time::{Now, Time};

/// Drives a core until it ends. It decides nothing.
pub(super) struct Driver<C> {
    core: C,
    shared: Arc<Shared>,
    beats: Writes,
    writes: Writes,
    reads: Reads,
    watches: Watches,
    requests: Requests,
    starting: Option<Starting>,
    cancelled: bool,
    /// Writes that were withdrawn; the core has not heard of it yet.
    withdrawn: Vec<WriteId>,
    nap: Duration,
    telling: Telling,
    reporter: Reporter,
    chronicle: Chronicle,
    numbers_at: Time,
}

impl<C: Core> Driver<C> {
    pub(super) fn new(
        core: C,
        store: Arc<dyn Store>,
        shared: Arc<Shared>,
        requests: Requests,
        starting: Starting,
        lease: Duration,
    ) -> Self {
        shared.vitals.begin(lease);
        Self {
            core,
            telling: Telling::new(Arc::clone(&shared)),
            reporter: Reporter::new(Arc::clone(&shared), lease),
            chronicle: Chronicle::new(Arc::clone(&store), shared.node().clone()),
            shared,
            beats: Writes::new(&store, BEATS),
            writes: Writes::new(&store, WRITES),
            reads: Reads::new(Arc::clone(&store), READS),
            watches: Watches::new(store),
            requests,
            starting: Some(starting),
            cancelled: false,
            withdrawn: Vec::new(),
            nap: lease / NAPS_PER_LEASE,
            numbers_at: Time::default(),
        }
    }

    /// Until the node is over. Each source hands over what is ready, a bounded batch at a time, so
    /// that none starves the others; leases have a pipeline of their own and wait behind nothing.
    pub(super) async fn drive(mut self) -> Ended {
        loop {
            if let Some(end) = self.drive_core() {
                return self.drive_end(end).await;
            }
            let due = self.due();
            let inputs = select! {
                () = self.shared.clock().sleep_towards(due, self.nap) => Vec::new(),
                () = self.shared.wake.notified() => Vec::new(),
                inputs = self.beats.next_batch() => inputs,
                inputs = self.reads.next_batch() => inputs,
                inputs = self.writes.next_batch() => inputs,
                inputs = self.watches.next_batch() => inputs,
                () = self.chronicle.send() => Vec::new(),
                (id, command) = self.requests.next() => vec![Input::Command(id, command)],
            };
            // Read after the inputs came, so that nothing counts as received before it was.
            let now = self.shared.clock().now();
            self.drive_inputs(now, inputs);
        }
    }

    /// Timers, requests and actions, until the core has nothing more to do now.
    fn drive_core(&mut self) -> Option<End> {
        let now = self.shared.clock().now();
        self.shared.vitals.run(now.at);
        if self.core.poll_timeout().is_some_and(|due| due <= now.at) {
            self.core.handle_timeout(now);
        }
        self.drive_starting(now);
        self.drive_cancel(now);
        loop {
            while let Some(action) = self.core.poll_action() {
                if let Some(end) = self.drive_action(now.at, action) {
                    return Some(end);
                }
            }
            self.telling.tell();
            // Also those that the actions just confirmed: starts that were withdrawn.
            let confirmed = self.shared.queue(Queue::take_confirmed);
            if confirmed.is_empty() && self.withdrawn.is_empty() {
                self.drive_numbers(now.at);
                self.shared.vitals.tell(self.core.condition(), || self.core.requested());
                return None;
            }
            self.shared.registers().expire_retracted();
            for id in std::mem::take(&mut self.withdrawn) {
                self.core.handle(now, Input::Withdrawn(id));
            }
            for (key, token) in confirmed {
                self.core.handle(now, Input::Confirm(key, token));
            }
        }
    }

    fn drive_inputs(&mut self, now: Now, inputs: Vec<Input>) {
        for input in inputs {
            if let Input::Info(Ok(info)) = &input {
                self.reporter.on_info(info);
            }
            if self.starting.as_mut().is_some_and(|starting| starting.is_hopeless(&input))
                && let Some(starting) = self.starting.take()
            {
                starting.give_up();
                self.shared.request_cancel();
            }
            self.core.handle(now, input);
        }
    }

    fn drive_starting(&mut self, now: Now) {
        if let Some(starting) = self.starting.take_if(|starting| starting.deadline <= now.at) {
            starting.time_out();
            self.shared.request_cancel();
        }
    }

    fn drive_cancel(&mut self, now: Now) {
        if !self.cancelled && self.shared.is_cancel_requested() {
            self.cancelled = true;
            let id = self.requests.number();
            self.core.handle(now, Input::Command(id, Command::Cancel));
        }
    }

    fn drive_action(&mut self, now: Time, action: Action) -> Option<End> {
        if is_seen(&action) {
            self.telling.tell();
        }
        match action {
            Action::Write(id, write, span) => {
                let writes = if is_beat(&write) { &mut self.beats } else { &mut self.writes };
                writes.push(id, write, span);
            }
            Action::Withdraw => {
                self.withdrawn.extend(self.beats.withdraw());
                self.withdrawn.extend(self.writes.withdraw());
            }
            Action::Read(id, name, span) => self.reads.push(Question::Record(id, name, span)),
            Action::Watch(id, filter, delay) => self.watches.open(id, filter, delay),
            Action::Unwatch(id) => self.watches.close(id),
            Action::Info => self.reads.push(Question::Info),
            Action::Session(session) => self.shared.queue(|queue| queue.begin(session)),
            Action::Lease { until, start_until } => {
                self.reporter.on_renewed(now);
                self.shared.queue(|queue| queue.extend(until, start_until));
            }
            Action::Start(key, token) => {
                tracing::debug!(%key, %token, "starting key");
                self.telling.add(Told::Start(key, token));
            }
            Action::Stop(key, token, reason, until) => {
                tracing::debug!(%key, %token, ?reason, "stopping key");
                self.telling.add(Told::Stop(key, token, reason.into(), until));
            }
            Action::Lost(key, token, reason, until) => {
                tracing::debug!(%key, %token, ?reason, "key lost");
                self.shared.metrics.lost.increment(1);
                self.telling.add(Told::Lost(key, token, reason.into(), until));
            }
            Action::Reply(id, reply) => self.drive_reply(id, reply),
            Action::Notice(notice) => self.drive_notice(now, &notice),
            Action::End(end) => return Some(end),
        }
        None
    }

    fn drive_reply(&mut self, id: RequestId, reply: Reply) {
        if let Reply::Affinity { own, .. } = reply {
            self.shared.set_affinity(own);
        }
        self.requests.answer(id, reply);
    }

    /// The gauges, as often as a suspend is looked for.
    fn drive_numbers(&mut self, now: Time) {
        if now >= self.numbers_at {
            self.numbers_at = now + self.nap;
            let numbers = self.core.numbers();
            self.chronicle.on_numbers(now, numbers);
            // An incomplete view shows fewer keys than there are.
            if numbers.is_first && self.core.condition().is_view_complete {
                self.chronicle.on_shares(now, || self.core.fullest());
            }
            self.reporter.measure(now, numbers);
        }
    }

    fn drive_notice(&mut self, now: Time, notice: &Notice) {
        self.reporter.report(now, notice);
        self.chronicle.on_notice(notice);
        match notice {
            Notice::Joined { .. } => {
                self.shared.queue(|queue| queue.set_member(true));
                if let Some(starting) = self.starting.take() {
                    starting.answer(Ok(()));
                }
            }
            Notice::Fenced { .. } => self.shared.queue(|queue| queue.set_member(false)),
            _ => {}
        }
    }

    /// Leaves nothing behind: neither a watch on the server nor somebody who waits.
    async fn drive_end(self, end: End) -> Ended {
        self.watches.close_all().await;
        if let Some(starting) = self.starting {
            starting.end(end.clone());
        }
        let ended = Ended::from(end);
        let why = (ended != Ended::Cancelled).then(|| ended.to_string());
        self.chronicle.end(why).await;
        ended
    }

    /// When the core or the start has to be looked at again.
    fn due(&self) -> Option<Time> {
        let starting = self.starting.as_ref().map(|starting| starting.deadline);
        [self.core.poll_timeout(), starting].into_iter().flatten().min()
    }
}

/// Whether the application can see that this came before or after what it was told.
fn is_seen(action: &Action) -> bool {
    match action {
        Action::Session(_) | Action::Lease { .. } | Action::Reply(..) | Action::End(_) => true,
        Action::Write(..)
        | Action::Read(..)
        | Action::Watch(..)
        | Action::Unwatch(_)
        | Action::Info
        | Action::Withdraw
        | Action::Start(..)
        | Action::Stop(..)
        | Action::Lost(..)
        | Action::Notice(_) => false,
    }
}

fn is_beat(write: &Write) -> bool {
    write.name.starts_with("lease.")
}

/// Leases under way at most: the node's own, and those of the dead that it ends.
const BEATS: usize = 64;

/// Other writes under way at most: enough to keep a server busy over a round trip, few enough to leave a
/// heartbeat no queue to speak of.
const WRITES: usize = 512;

/// Leader reads under way at most.
const READS: usize = 256;

/// A suspend is noticed at the latest this part of a lease after it: half the time that a stop may
/// take.
const NAPS_PER_LEASE: u32 = 12;
