//! A watch: first the records by their revisions, then the stream of changes.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::{Change, Filter, StoreError, Watch};
use super::error::{Failure, of_request};
use super::link::{Link, Live};
use super::record::{Stored, data, list, number, parts, unexpected};
use super::script;

/// How long the server waits for a change. Then the watch looks whether the log is still there.
const BLOCK: Duration = Duration::from_secs(2);

/// How many changes come at once.
const AT_ONCE: usize = 500;

pub(super) struct RedisWatch {
    link: Link,
    live: Live,
    generations: watch::Receiver<u64>,
    filter: Filter,
    /// The id of the log.
    id: Vec<u8>,
    /// Everything up to this revision was shown, or is in `queue`.
    seen: u64,
    caught_up: bool,
    /// Whether changes are to be had from the stream; otherwise from the records.
    follows: bool,
    queue: VecDeque<(Change, u64)>,
    /// What is asked at this moment: it survives when `next` is dropped.
    asked: Option<BoxFuture<'static, Result<Found, StoreError>>>,
    clock: ServerClock,
    last_at_ms: Option<u64>,
}

/// What the server answered.
enum Found {
    Page(Value),
    Changes(Value),
}

/// The server's time, as of its last answer.
#[derive(Clone, Copy)]
struct ServerClock {
    ms: u64,
    at: Instant,
}

impl ServerClock {
    fn now_ms(self) -> u64 {
        self.ms.saturating_add(u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl RedisWatch {
    /// Opens it and reads the first records.
    pub(super) async fn open(link: Link, filter: Filter) -> Result<Self, StoreError> {
        let generations = link.generations();
        let live = link.live().await?;
        let live = link.beside(&live).await?;
        let clock = ServerClock { ms: 0, at: Instant::now() };
        let mut watch = Self {
            link,
            live,
            generations,
            filter,
            id: Vec::new(),
            seen: 0,
            caught_up: false,
            follows: false,
            queue: VecDeque::new(),
            asked: None,
            clock,
            last_at_ms: None,
        };
        let found = watch.ask().await?;
        watch.take(found)?;
        Ok(watch)
    }

    /// Asks for what comes next.
    fn ask(&self) -> BoxFuture<'static, Result<Found, StoreError>> {
        let (link, mut live, seen) = (self.link.clone(), self.live.clone(), self.seen.to_string());
        if !self.follows {
            let names = self.filter.names.clone();
            return Box::pin(async move {
                let mut args = vec![seen.as_bytes()];
                args.extend(names.iter().map(String::as_bytes));
                let keys = link.keys().read();
                let page = link.eval_beside(&mut live, &script::PAGE, &keys, &args).await;
                Ok(Found::Page(page.map_err(Failure::into_error)?))
            });
        }
        let block = BLOCK.min(link.timeout());
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(block.as_millis().to_string());
        command.arg("STREAMS").arg(link.keys().changes()).arg(format!("{seen}-0"));
        Box::pin(async move {
            let longest = block + link.timeout();
            let reading = Link::blocking(&mut live, &command);
            match tokio::time::timeout(longest, reading).await {
                Ok(Ok(changes)) => Ok(Found::Changes(changes)),
                Ok(Err(error)) => Err(of_request(&error, "").0.into_error()),
                Err(_) => Err(StoreError::gap(format!("the server was silent for {longest:?}"))),
            }
        })
    }

    fn take(&mut self, found: Found) -> Result<(), StoreError> {
        match found {
            Found::Page(page) => self.take_page(page),
            Found::Changes(changes) => self.take_changes(changes),
        }
    }

    fn take_page(&mut self, page: Value) -> Result<(), StoreError> {
        let mut values = list(page)?.into_iter();
        let mut value = || values.next().ok_or_else(|| unexpected("a page that is too short"));
        let (id, last, now, seen, ended) = (value()?, value()?, value()?, value()?, value()?);
        self.check_id(data(&id)?)?;
        let (last, seen) = (number(&last)?, number(&seen)?);
        if last < self.seen {
            return Err(StoreError::gap(format!("revision {} was lost", self.seen)));
        }
        self.link.saw(last);
        self.clock = ServerClock { ms: number(&now)?, at: Instant::now() };
        while let (Some(name), Some(record)) = (values.next(), values.next()) {
            self.push(&name, &record)?;
        }
        self.seen = seen;
        if number(&ended)? == 1 {
            self.follows = true;
            if !std::mem::replace(&mut self.caught_up, true) {
                self.queue.push_back((Change::CaughtUp, 0));
            }
        }
        Ok(())
    }

    fn take_changes(&mut self, changes: Value) -> Result<(), StoreError> {
        let Some(stream) = list(changes)?.into_iter().next() else {
            // Nothing came: is the log still there?
            self.follows = false;
            return Ok(());
        };
        let [_, entries] = parts(stream)?;
        for entry in list(entries)? {
            let [number, fields] = parts(entry)?;
            let revision = revision_of(data(&number)?)?;
            let [id, name, _, record] = parts(fields)?;
            self.check_id(data(&id)?)?;
            if revision != self.seen + 1 {
                // The stream has let go of changes that this watch has not seen; the records have them.
                self.follows = false;
                return Ok(());
            }
            self.push(&name, &record)?;
            self.seen = revision;
        }
        self.link.saw(self.seen);
        Ok(())
    }

    fn check_id(&mut self, id: &[u8]) -> Result<(), StoreError> {
        if self.id.is_empty() {
            self.id = id.to_vec();
        }
        if self.id == id { Ok(()) } else { Err(StoreError::gap("there is another log")) }
    }

    fn push(&mut self, name: &Value, record: &Value) -> Result<(), StoreError> {
        let name = std::str::from_utf8(data(name)?).map_err(|_| unexpected("a name"))?;
        if self.filter.covers(name) {
            let stored = Stored::parse(name, data(record)?, self.clock.now_ms())?;
            self.queue.push_back((Change::Record(stored.record), stored.at_ms));
        }
        Ok(())
    }

    async fn next_change(&mut self) -> Result<Change, StoreError> {
        loop {
            if *self.generations.borrow() != self.live.generation {
                return Err(StoreError::gap("the connection was established again"));
            }
            if let Some((change, at_ms)) = self.queue.pop_front() {
                self.last_at_ms = (at_ms > 0).then_some(at_ms);
                return Ok(change);
            }
            let asked = match self.asked.take() {
                Some(asked) => asked,
                None => self.ask(),
            };
            let asked = self.asked.insert(asked);
            tokio::select! {
                found = asked => {
                    self.asked = None;
                    self.take(found.map_err(end)?)?;
                }
                changed = self.generations.changed() => {
                    // The sender is in the link that this watch holds.
                    changed.map_err(|_| StoreError::gap("the store was closed"))?;
                }
            }
        }
    }
}

/// How a watch ends that has lost its server or its log.
fn end(error: StoreError) -> StoreError {
    match error {
        StoreError::NoGroup { .. } => StoreError::gap("the group was deleted"),
        StoreError::Unreachable { what } => StoreError::gap(what),
        StoreError::Timeout { what, after } => {
            StoreError::gap(format!("no answer within {after:?}: {what}"))
        }
        other => other,
    }
}

fn revision_of(id: &[u8]) -> Result<u64, StoreError> {
    let text = std::str::from_utf8(id).ok().and_then(|id| id.strip_suffix("-0"));
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| unexpected(&format!("a change {:?}", String::from_utf8_lossy(id))))
}

impl Watch for RedisWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        self.next_change().boxed()
    }

    fn last_age(&self) -> Option<Duration> {
        let at_ms = self.last_at_ms?;
        Some(Duration::from_millis(self.clock.now_ms().saturating_sub(at_ms)))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        // The connection ends when the last request on it is dropped.
        drop(self);
        Box::pin(std::future::ready(()))
    }
}
