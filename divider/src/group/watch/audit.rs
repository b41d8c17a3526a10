//! Detects a watch that is silent although it seems healthy.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::engine::clock::Clock;
use crate::id::Revision;
use crate::store::{Info, Store, StoreError};
use divider_core::time::Time;

/// Reads the state of the log at times, and compares it with what the watch delivered.
///
/// A watch on a log that lost its tail, or was made again, neither fails nor ends. A node would miss
/// its own heartbeats; a viewer has none.
#[derive(Default)]
pub(super) struct Audit {
    /// The newest delivered revision.
    seen: Revision,
    /// The state of the log at the last check.
    last: Option<Info>,
    asking: Option<Question>,
    /// When the store was asked last.
    asked: Option<Time>,
    /// The time of the next check.
    next: Option<Time>,
    /// By this time a record above this revision must be delivered.
    overdue: Option<(Revision, Time)>,
}

struct Question {
    /// The newest delivered revision when the check began.
    seen: Revision,
    at: Time,
    answer: BoxFuture<'static, Result<Info, StoreError>>,
}

/// The shortest time between two questions.
const PAUSE: Duration = Duration::from_secs(1);

const INTERVAL: Duration = Duration::from_secs(10);

/// How long a delivery may take.
const LAG: Duration = Duration::from_secs(5);

impl Audit {
    pub(super) fn on_record(&mut self, revision: Revision) {
        self.seen = self.seen.max(revision);
    }

    /// Asks the store whether it is there, unless it is being asked, or was asked a moment ago.
    pub(super) fn ask_now(&mut self, store: &Arc<dyn Store>, clock: &Clock) {
        let now = clock.time();
        if self.asking.is_none() && self.asked.is_none_or(|at| now.since(at) >= PAUSE) {
            self.ask(store, now);
        } else if self.asking.is_none() {
            let soon = self.asked.map_or(now, |at| at + PAUSE);
            self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
        }
    }

    fn ask(&mut self, store: &Arc<dyn Store>, now: Time) {
        self.next = Some(now + INTERVAL);
        self.asked = Some(now);
        self.asking = Some(Question { seen: self.seen, at: now, answer: store.info() });
    }

    /// The next answer of the store, as the time at which it was asked; or what is wrong.
    ///
    /// Cancel safe: a request on its way is kept.
    pub(super) async fn answer(
        &mut self,
        store: &Arc<dyn Store>,
        clock: &Clock,
    ) -> Result<Time, StoreError> {
        loop {
            let Some(question) = &mut self.asking else {
                self.wait(store, clock).await?;
                continue;
            };
            let (seen, at, answer) = (question.seen, question.at, (&mut question.answer).await);
            self.asking = None;
            return answer.and_then(|info| self.on_answer(&info, seen, clock)).map(|()| at);
        }
    }

    /// Waits for the time of the next check, and sends its request.
    async fn wait(&mut self, store: &Arc<dyn Store>, clock: &Clock) -> Result<(), StoreError> {
        let next = *self.next.get_or_insert_with(|| clock.time() + INTERVAL);
        let by = self.overdue.map_or(next, |(_, by)| by.min(next));
        clock.sleep_until(by).await;
        if let Some((than, _)) = self.overdue.take_if(|(_, by)| *by <= clock.time())
            && self.seen <= than
        {
            let what = format!("no record newer than revision {than} for {LAG:?}");
            return Err(StoreError::gap(what));
        }
        if clock.time() >= next {
            self.ask(store, clock.time());
        }
        Ok(())
    }

    fn on_answer(&mut self, info: &Info, seen: Revision, clock: &Clock) -> Result<(), StoreError> {
        if info.last < seen {
            let what = format!("the log ends at revision {}, but {seen} was received", info.last);
            return Err(StoreError::gap(what));
        }
        let before = self.last.replace(info.clone());
        let Some(before) = before else { return Ok(()) };
        if before.created != info.created {
            return Err(StoreError::gap("the log was created again"));
        }
        // Only records above the last check count: the newest record may have expired before the watch
        // read it.
        if info.last > before.last && self.seen <= before.last && self.overdue.is_none() {
            self.overdue = Some((before.last, clock.time() + LAG));
        }
        Ok(())
    }
}
