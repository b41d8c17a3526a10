//! A watch: an ordered consumer of our own, which says at once when it lost its place.

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::super::{Change, Filter, StoreError, Watch};
use super::NatsStore;
use super::consumer::{self, IDLE_HEARTBEAT};
use super::message;

/// After how many heartbeats' time without a word the consumer counts as gone.
const MISSED_HEARTBEATS: u32 = 3;

/// Follows one consumer, checks that nothing is missing, and proves when everything has come.
pub(super) struct NatsWatch {
    store: NatsStore,
    consumer: String,
    subjects: Vec<String>,
    deliveries: Subscriber,
    /// How often the connection had been made when the watch was opened.
    connects: u64,
    /// How many messages the consumer has delivered.
    delivered: u64,
    /// The newest of them in the stream.
    sequence: u64,
    /// What it said was left then.
    pending: u64,
    /// The stream's last sequence once the consumer was made: a delivery below it does not end the
    /// snapshot, whatever it says is pending.
    until: u64,
    snapshot: Snapshot,
    /// How many heartbeats in a row said that the deliveries wait for our answer.
    stalled: u32,
    /// Since when nothing has come while it was waited for.
    quiet_since: Option<Instant>,
}

/// Whether everything that was there has been delivered.
enum Snapshot {
    /// Records are coming.
    Reading,
    /// It looks complete; the leader is asked for anything above what was delivered.
    Proving(BoxFuture<'static, Result<Option<u64>, StoreError>>),
    /// It is complete, and has to be said.
    Complete,
    /// It was said.
    Said,
}

impl NatsWatch {
    pub(super) async fn open(store: NatsStore, filter: &Filter) -> Result<Self, StoreError> {
        let connection = &store.inner.api.connection;
        let connects = connection.connects();
        let deliver = connection.client.new_inbox();
        let deliveries = connection
            .client
            .subscribe(deliver.clone())
            .await
            .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        let (consumer, subjects) = (consumer::new_name()?, store.subjects(filter));
        let pending = store.create_consumer(&consumer, &deliver, &subjects).await?;
        // Read after the consumer was made: a record rewritten while older ones are delivered is
        // left out where it was, and comes again above this.
        let until = store.stream_info().await?.state.last_seq;
        let mut watch = Self {
            store,
            consumer,
            subjects,
            deliveries,
            connects,
            delivered: 0,
            sequence: 0,
            pending,
            until,
            snapshot: Snapshot::Reading,
            stalled: 0,
            quiet_since: None,
        };
        watch.look_for_end();
        Ok(watch)
    }

    /// What there is now, without waiting: a change, an end, or nothing.
    async fn on_message(&mut self, message: Message) -> Result<Option<Change>, StoreError> {
        self.quiet_since = None;
        if self.store.inner.api.connection.connects() != self.connects {
            return Err(gap("the connection was made anew"));
        }
        match message.status {
            None => self.on_delivery(message),
            Some(StatusCode::IDLE_HEARTBEAT) => {
                self.on_idle(&message).await?;
                Ok(None)
            }
            Some(status) => {
                let words = message.description.unwrap_or_default();
                Err(gap(format!("the server ended the consumer: {words} ({status})")))
            }
        }
    }

    /// A record.
    fn on_delivery(&mut self, message: Message) -> Result<Option<Change>, StoreError> {
        let Some(place) = message.reply.as_deref().and_then(Place::parse) else {
            // Not of our consumer: a stranger may publish to any inbox.
            return Ok(None);
        };
        if place.delivered != self.delivered + 1 {
            let (found, lost) = (place.delivered, self.delivered + 1);
            return Err(gap(format!("expected delivery {lost}, found {found}")));
        }
        if place.sequence <= self.sequence {
            let (found, before) = (place.sequence, self.sequence);
            return Err(gap(format!("sequence {found} came after {before}")));
        }
        self.delivered = place.delivered;
        self.sequence = place.sequence;
        self.pending = place.pending;
        self.stalled = 0;
        self.look_for_end();
        let Some(name) = message.subject.strip_prefix(self.store.inner.names.records.as_str())
        else {
            return Ok(None);
        };
        let (headers, value) = (message.headers.as_ref(), message.payload);
        Ok(Some(Change::Record(message::record(name, self.sequence, headers, value))))
    }

    /// An idle heartbeat, or a question whose answer paces the deliveries.
    async fn on_idle(&mut self, message: &Message) -> Result<(), StoreError> {
        let header = |name: &str| message.headers.as_ref().and_then(|headers| headers.get(name));
        let stalled = header("Nats-Consumer-Stalled").map(|value| value.as_str().to_owned());
        if let Some(subject) = &stalled {
            self.on_stall(subject)?;
        }
        if let Some(answer) = message.reply.as_ref().map(ToString::to_string).or(stalled) {
            let client = &self.store.inner.api.connection.client;
            client
                .publish(answer, Bytes::new())
                .await
                .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        }
        let Some(last) = header("Nats-Last-Consumer") else { return Ok(()) };
        let (last, delivered) = (last.as_str(), self.delivered);
        if last.parse() != Ok(delivered) {
            return Err(gap(format!("the server delivered {last}, {delivered} came")));
        }
        if matches!(self.snapshot, Snapshot::Reading) {
            self.prove_end();
        }
        Ok(())
    }

    /// The server waits for an answer that it was given: it may not hear it.
    fn on_stall(&mut self, subject: &str) -> Result<(), StoreError> {
        self.stalled += 1;
        let connection = &self.store.inner.api.connection;
        let denied = connection.denials.as_ref();
        if let Some(what) = denied.and_then(|denials| denials.find(subject, &connection.inbox(), 0))
        {
            return Err(StoreError::Denied { what });
        }
        if self.stalled < MISSED_HEARTBEATS {
            return Ok(());
        }
        Err(gap(format!("deliveries stall; check that the user may publish to {subject}")))
    }

    /// Looks whether the last delivery completes the snapshot, or whether that has to be proved.
    fn look_for_end(&mut self) {
        if !matches!(self.snapshot, Snapshot::Reading) || self.pending > 0 {
            return;
        }
        if self.sequence >= self.until {
            self.snapshot = Snapshot::Complete;
        } else {
            // The stream's last record may be of a name that is not watched, or may have expired.
            self.prove_end();
        }
    }

    fn prove_end(&mut self) {
        let (store, subjects, sequence) =
            (self.store.clone(), self.subjects.clone(), self.sequence);
        let answer = async move { store.newer_than(&subjects, sequence).await };
        self.snapshot = Snapshot::Proving(answer.boxed());
    }

    /// The leader's answer: what it knows above the sequence that was asked for.
    fn on_proof(&mut self, newer: Option<u64>) {
        let Some(newer) = newer else {
            // At that moment the log ended, for this filter, where the deliveries were.
            self.snapshot = Snapshot::Complete;
            return;
        };
        self.snapshot = Snapshot::Reading;
        if self.sequence >= newer {
            self.look_for_end();
        }
        // If not, that one is still to come; or it expires before, and the next heartbeat asks again.
    }

    async fn step(&mut self) -> Result<Option<Change>, StoreError> {
        if matches!(self.snapshot, Snapshot::Complete) {
            self.snapshot = Snapshot::Said;
            return Ok(Some(Change::CaughtUp));
        }
        // What has come is read first: only then is silence the server's.
        if let Some(message) = self.deliveries.next().now_or_never() {
            return self.on_message(message.ok_or_else(closed)?).await;
        }
        let quiet_since = *self.quiet_since.get_or_insert_with(Instant::now);
        let proof = async {
            match &mut self.snapshot {
                Snapshot::Proving(answer) => answer.await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            message = self.deliveries.next() => self.on_message(message.ok_or_else(closed)?).await,
            newer = proof => {
                self.on_proof(newer?);
                Ok(None)
            }
            () = tokio::time::sleep_until(quiet_since + IDLE_HEARTBEAT * MISSED_HEARTBEATS) => {
                Err(gap("the server has been silent for three heartbeats"))
            }
        }
    }
}

impl Watch for NatsWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(async move {
            loop {
                if let Some(change) = self.step().await? {
                    return Ok(change);
                }
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Self { store, consumer, mut deliveries, .. } = *self;
            store.delete_consumer(&consumer).await;
            if let Err(error) = deliveries.unsubscribe().await {
                tracing::debug!(%error, "the connection was closed before its watch");
            }
        })
    }
}

/// Where a delivery stands, as its reply subject says.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    sequence: u64,
    delivered: u64,
    pending: u64,
}

impl Place {
    /// Reads `$JS.ACK.<stream>.<consumer>.<times>.<sequence>.<delivered>.<time>.<pending>`, or the
    /// newer form with domain and account before the stream, and perhaps a random end.
    fn parse(reply: &str) -> Option<Self> {
        let tokens = reply.strip_prefix("$JS.ACK.")?.split('.');
        let before = match tokens.clone().count() {
            7 => 3,
            9 | 10 => 5,
            _ => return None,
        };
        let mut tokens = tokens.skip(before);
        let mut number = || tokens.next()?.parse::<u64>().ok();
        let (sequence, delivered) = (number()?, number()?);
        let _time = number()?;
        Some(Self { sequence, delivered, pending: number()? })
    }
}

fn gap(what: impl Into<String>) -> StoreError {
    StoreError::Gap { what: what.into() }
}

fn closed() -> StoreError {
    gap("the connection was closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_delivery_are_read() {
        let check = |reply: &str, want: Option<(u64, u64, u64)>| {
            let place = |(sequence, delivered, pending)| Place { sequence, delivered, pending };
            assert_eq!(Place::parse(reply), want.map(place), "{reply}");
        };
        check("$JS.ACK.KV_divider_g.c.1.12.5.1700000000000000000.3", Some((12, 5, 3)));
        check("$JS.ACK._.hash.KV_divider_g.c.1.12.5.1700000000000000000.3", Some((12, 5, 3)));
        check("$JS.ACK.hub.hash.KV_divider_g.c.1.12.5.1700000000000000000.3.rnd", Some((12, 5, 3)));
        check("$JS.ACK.KV_divider_g.c.1.x.5.1700000000000000000.3", None);
        check("$JS.ACK.KV.c.1.2", None);
        check("_INBOX.a.b", None);
    }
}
