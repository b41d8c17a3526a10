//! Follows the log: opens a watch, and a new one after each failure.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::audit::Audit;
use super::model::Due;
use crate::backoff::Backoff;
use crate::engine::clock::Clock;
use crate::id::Revision;
use crate::snapshot::{Link, Moment};
use crate::store::{Change, Filter, Record, Store, StoreError, Watch};
use divider_core::time::{Now, Time};

/// One watch after another on the same store.
pub(super) struct Line {
    store: Arc<dyn Store>,
    clock: Clock,
    state: State,
    link: Link,
    /// Whether the link differs from the one shown last.
    link_changed: bool,
    /// Since when the store is lost, and how many attempts have failed.
    trouble: Option<(Moment, u32)>,
    waits: Backoff,
    audit: Audit,
    /// When the store was heard last.
    heard: Time,
}

enum State {
    Down(Time),
    Opening(BoxFuture<'static, Result<Box<dyn Watch>, StoreError>>),
    /// The watch. While a snapshot is read: the time by which it must make progress.
    Open(Box<dyn Watch>, Option<Time>),
}

/// An event of the followed log.
pub(super) enum News {
    /// A watch begins: its snapshot follows.
    Begun,
    /// A record, and how long ago it was stored, as far as that is known.
    Record(Record, Duration),
    CaughtUp,
}

/// How long a snapshot may go without a record.
const NO_PROGRESS: Duration = Duration::from_secs(10);

/// How many records are read between two updates of the progress.
const PROGRESS: u64 = 1000;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

impl Line {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let state = State::Down(clock.time());
        let (link, audit) = (Link::Opening, Audit::default());
        Self {
            store,
            clock,
            state,
            link,
            link_changed: true,
            trouble: None,
            waits: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            audit,
            heard: Time::default(),
        }
    }

    /// The time of the viewer's clocks.
    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Whether the link has changed since the last call.
    pub(super) fn take_link_change(&mut self) -> bool {
        std::mem::take(&mut self.link_changed)
    }

    /// When the store was heard last: a record came, or an answer to a question that was asked then.
    pub(super) fn heard(&self) -> Time {
        self.heard
    }

    /// Waits for an event, until something is due, or until the link changes. Where a node is due and
    /// the store was not heard since, the store is asked first.
    pub(super) async fn news(&mut self, due: Due) -> Option<News> {
        let now = self.clock.time();
        let unheard = due.of_nodes.is_some_and(|at| at <= now && self.heard < at);
        let due = due.of_nodes.filter(|_| !unheard).into_iter().chain(due.others).min();
        match &mut self.state {
            State::Down(retry) => {
                self.clock.sleep_until(*retry).await;
                let filter = Filter::everything();
                self.state = State::Opening(self.store.watch(filter));
                None
            }
            State::Opening(opening) => match opening.await {
                Ok(watch) => {
                    self.state = State::Open(watch, Some(self.clock.time() + NO_PROGRESS));
                    self.set_link(Link::Reading { records: 0 });
                    Some(News::Begun)
                }
                Err(error) => self.lose(error),
            },
            State::Open(watch, progress) => {
                let until = due.into_iter().chain(*progress).min();
                if unheard {
                    self.audit.ask_now(&self.store, &self.clock);
                }
                tokio::select! {
                    biased;
                    result = watch.next() => self.on_result(result),
                    answer = self.audit.answer(&self.store, &self.clock) => self.on_answer(answer),
                    () = sleep_to(&self.clock, until) => self.on_time(),
                }
            }
        }
    }

    /// An event that needs no waiting.
    pub(super) fn news_at_hand(&mut self) -> Option<News> {
        let State::Open(watch, _) = &mut self.state else { return None };
        let result = watch.next().now_or_never()?;
        self.on_result(result)
    }

    pub(super) async fn close(self) {
        if let State::Open(watch, _) = self.state {
            watch.close().await;
        }
    }

    fn on_result(&mut self, result: Result<Change, StoreError>) -> Option<News> {
        match result {
            Ok(Change::Record(record)) => {
                self.on_record(record.revision);
                let State::Open(watch, _) = &self.state else { return None };
                Some(News::Record(record, watch.last_age().unwrap_or_default()))
            }
            Ok(Change::CaughtUp) => {
                if let State::Open(_, progress) = &mut self.state {
                    *progress = None;
                }
                self.trouble = None;
                self.heard = self.clock.time();
                self.waits.reset();
                self.set_link(Link::Live);
                Some(News::CaughtUp)
            }
            Err(error) => self.lose(error),
        }
    }

    /// The store answered, or did not. One that is asked whether it is there, and does not say so in
    /// time, may only be busy: its watch decides whether it is lost.
    fn on_answer(&mut self, answer: Result<Time, StoreError>) -> Option<News> {
        match answer {
            Ok(asked) => {
                self.on_heard(asked);
                None
            }
            Err(StoreError::Timeout { .. })
                if matches!(self.link, Link::Live | Link::Silent { .. }) =>
            {
                let since = Moment(self.heard);
                self.set_link(Link::Silent { since });
                None
            }
            Err(error) => self.lose(error),
        }
    }

    fn on_heard(&mut self, at: Time) {
        self.heard = self.heard.max(at);
        if matches!(self.link, Link::Silent { .. }) {
            self.set_link(Link::Live);
        }
    }

    fn on_record(&mut self, revision: Revision) {
        self.on_heard(self.clock.time());
        self.audit.on_record(revision);
        let Link::Reading { records } = &mut self.link else { return };
        *records += 1;
        if *records % PROGRESS == 0 {
            self.link_changed = true;
        }
        if let State::Open(_, Some(progress)) = &mut self.state {
            *progress = self.clock.time() + NO_PROGRESS;
        }
    }

    fn on_time(&mut self) -> Option<News> {
        let State::Open(_, Some(progress)) = self.state else { return None };
        if self.clock.time() < progress {
            return None;
        }
        let what = "reading the whole log: nothing received".to_owned();
        self.lose(StoreError::Timeout { what, after: NO_PROGRESS })
    }

    fn lose(&mut self, error: StoreError) -> Option<News> {
        let now = self.clock.time();
        let (since, before) = self.trouble.unwrap_or((Moment(now), 0));
        let attempts = before.saturating_add(1);
        self.trouble = Some((since, attempts));
        let retry = now + self.waits.next(getrandom::u32().unwrap_or(0));
        self.state = State::Down(retry);
        self.audit = Audit::default();
        self.set_link(Link::Lost { error, since, attempts, retry: Moment(retry) });
        None
    }

    fn set_link(&mut self, link: Link) {
        self.link_changed |= self.link != link;
        self.link = link;
    }
}

async fn sleep_to(clock: &Clock, until: Option<Time>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => pending().await,
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("link", &self.link).finish_non_exhaustive()
    }
}
