//! A watch: an ordered consumer of our own, which ends as soon as it has lost its position.

use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::super::{Change, Filter, StoreError, Watch};
use super::NatsStore;
use super::connect::{connects, reconnected};
use super::consumer;
use super::delivery_info::DeliveryInfo;
use super::message;
use super::progress::Progress;
use super::silence::{RECONNECTED, SILENCE, Silence, answer_of};

/// Follows one consumer, checks that nothing is missing, and proves when everything has come.
pub(super) struct NatsWatch {
    store: NatsStore,
    consumer: String,
    subject: String,
    filter: Filter,
    reader: Client,
    deliveries: Subscriber,
    /// What was taken from the deliveries and has to be looked at by [`Watch::next`].
    put_back: Option<Message>,
    /// How often the reader's connection had been made when the watch was opened.
    connects: u64,
    /// Whether the deliveries ended with the connection.
    cut: bool,
    progress: Progress,
    /// When the newest delivery was stored, by the server's clock.
    stored_ns: u64,
    /// The leader's answer to whether anything is missing of the snapshot.
    answer: Option<BoxFuture<'static, Result<Option<u64>, StoreError>>>,
    /// Since when heartbeats say that the deliveries wait for our answer, although it was given.
    stalled_since: Option<Instant>,
    silence: Silence,
}

/// How long a watch that is to be opened waits for the connection.
const UP: Duration = Duration::from_secs(10);

impl NatsWatch {
    pub(super) async fn open(store: NatsStore, filter: &Filter) -> Result<Self, StoreError> {
        let connection = &store.inner.api.connection;
        // Whoever tried again and again instead would be between two attempts when it is back.
        if tokio::time::timeout(UP, connection.up()).await.is_err() {
            return Err(connection.unreachable());
        }
        let reader = connection.reader().await?;
        let connects = connects(&reader);
        let deliver = reader.new_inbox();
        let deliveries = reader
            .subscribe(deliver.clone())
            .await
            .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        let mut watch = Self {
            consumer: consumer::new_name()?,
            subject: store.subject(filter),
            filter: filter.clone(),
            store,
            reader,
            deliveries,
            put_back: None,
            connects,
            cut: false,
            progress: Progress::new(1, u64::MAX),
            stored_ns: 0,
            answer: None,
            stalled_since: None,
            silence: Silence::default(),
        };
        let (creator, name) = (watch.store.clone(), watch.consumer.clone());
        let guard = creator.inner.leaked.begin_create(&name);
        let made = watch.start(&deliver).await;
        guard.keep();
        match made {
            Ok(()) => {
                watch.store.delete_leaked();
                Ok(watch)
            }
            Err(error) => {
                watch.store.delete_consumer(&watch.consumer).await;
                Err(watch.after_cut(error).await)
            }
        }
    }

    async fn start(&mut self, deliver: &str) -> Result<(), StoreError> {
        let (store, consumer, subject) = (&self.store, &self.consumer, &self.subject);
        let made = async move {
            let pending = store.create_consumer(consumer, deliver, subject).await?;
            Ok((pending, store.stream_info_at_leisure().await?.state.last_seq))
        };
        let (pending, until) = tokio::select! {
            made = made => made?,
            error = store.lose_patience(&self.reader, self.connects) => return Err(error),
        };
        self.progress = Progress::new(pending, until);
        Ok(())
    }

    /// The error to end with. If the connection was cut, the next message may have done it.
    async fn after_cut(&mut self, error: StoreError) -> StoreError {
        if !self.cut && connects(&self.reader) == self.connects {
            return error;
        }
        // What came before it and was not read yet; only their delivery info counts now.
        while let Some(Some(message)) = self.deliveries.next().now_or_never() {
            let info = message.reply.as_deref().and_then(DeliveryInfo::parse);
            if info.is_some_and(|info| self.progress.on_delivery(info).is_err()) {
                break;
            }
        }
        self.store.mend(&self.subject, self.progress.sequence()).await.unwrap_or(error)
    }

    /// What there is now, without waiting: a change, an end, or nothing.
    async fn on_message(&mut self, message: Option<Message>) -> Result<Option<Change>, StoreError> {
        self.silence.end();
        let Some(message) = message else {
            self.cut = true;
            return Err(StoreError::gap("the connection was closed"));
        };
        let info = message.reply.as_deref().and_then(DeliveryInfo::parse);
        if connects(&self.reader) != self.connects {
            // It may have come before the cut, and tells where that was.
            if let Some(Err(what)) = info.map(|info| self.progress.on_delivery(info)) {
                return Err(StoreError::gap(what));
            }
            return Err(StoreError::gap(RECONNECTED));
        }
        if let Some(info) = info {
            return self.on_delivery(info, message);
        }
        match message.status {
            // Not of our consumer: a stranger may publish to any inbox.
            None => Ok(None),
            Some(StatusCode::IDLE_HEARTBEAT) => {
                self.on_idle(&message).await?;
                Ok(None)
            }
            Some(status) => {
                let words = message.description.unwrap_or_default();
                Err(StoreError::gap(format!("the server ended the consumer: {words} ({status})")))
            }
        }
    }

    /// A record.
    fn on_delivery(
        &mut self,
        info: DeliveryInfo,
        message: Message,
    ) -> Result<Option<Change>, StoreError> {
        self.progress.on_delivery(info).map_err(StoreError::gap)?;
        Ok(self.on_record(info, message))
    }

    /// The info of the message, if it is the delivery that comes next, on the first connection.
    fn next_delivery(&mut self, message: &Message) -> Option<DeliveryInfo> {
        let info = DeliveryInfo::parse(message.reply.as_deref()?)?;
        let next = connects(&self.reader) == self.connects;
        (next && self.progress.on_delivery(info).is_ok()).then_some(info)
    }

    /// A message that is the next delivery.
    fn on_record(&mut self, info: DeliveryInfo, message: Message) -> Option<Change> {
        self.stalled_since = None;
        let (stored, before) = (info.stored_ns, self.stored_ns);
        let (clock, live) = (&self.store.inner.clock, self.progress.is_live());
        self.stored_ns = stored;
        if live {
            clock.note_new(stored, before);
        }
        let name = message.subject.strip_prefix(self.store.inner.names.records.as_str())?;
        if !self.filter.covers(name) {
            return None;
        }
        let (headers, value) = (message.headers.as_ref(), message.payload);
        let age =
            || if live { clock.age_of_new(stored) } else { clock.age(stored).unwrap_or_default() };
        Some(Change::Record(message::record(name, info.sequence, headers, value, age)))
    }

    /// An idle heartbeat, or a question whose answer paces the deliveries.
    async fn on_idle(&mut self, message: &Message) -> Result<(), StoreError> {
        let header = |name: &str| message.headers.as_ref().and_then(|headers| headers.get(name));
        let stalled = header("Nats-Consumer-Stalled").map(|value| value.as_str().to_owned());
        if let Some(subject) = &stalled {
            self.on_stall(subject)?;
        }
        if let Some(answer) = message.reply.as_ref().map(ToString::to_string).or(stalled) {
            self.reader
                .publish(answer, Bytes::new())
                .await
                .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        }
        let Some(last) = header("Nats-Last-Consumer") else { return Ok(()) };
        let last = last.as_str().parse().map_err(|_| StoreError::gap("unreadable heartbeat"))?;
        self.progress.on_heartbeat(last).map_err(StoreError::gap)
    }

    /// The server waits for an answer that it was given: it may not hear it.
    fn on_stall(&mut self, subject: &str) -> Result<(), StoreError> {
        let connection = &self.store.inner.api.connection;
        let denied = connection.denials.as_ref();
        if let Some(what) = denied.and_then(|denials| denials.find(subject, &connection.inbox(), 0))
        {
            return Err(StoreError::Denied { what });
        }
        // Several may have come while nobody read: what counts is time since the first was answered.
        if self.stalled_since.get_or_insert_with(Instant::now).elapsed() < SILENCE {
            return Ok(());
        }
        Err(StoreError::gap(format!(
            "deliveries stall; check that the user may publish to {subject}"
        )))
    }

    /// Asks the leader for anything above what was delivered, if there is a doubt.
    fn ask_leader(&mut self) {
        if let Some(sequence) = self.progress.take_question() {
            let (store, subject) = (self.store.clone(), self.subject.clone());
            let answer = async move {
                let newer = store.newer_than(&subject, sequence).await?;
                Ok(newer.map(|message| message.sequence()))
            };
            self.answer = Some(answer.boxed());
        }
    }

    async fn step(&mut self) -> Result<Option<Change>, StoreError> {
        if self.progress.take_end() {
            return Ok(Some(Change::CaughtUp));
        }
        self.ask_leader();
        // What has come is read first: only then is silence the server's.
        let put_back = self.put_back.take().map(Some);
        if let Some(message) = put_back.or_else(|| self.deliveries.next().now_or_never()) {
            return self.on_message(message).await;
        }
        let answer = answer_of(&mut self.answer);
        tokio::select! {
            biased;
            message = self.deliveries.next() => self.on_message(message).await,
            newer = answer => {
                self.answer = None;
                self.progress.on_answer(newer?);
                Ok(None)
            }
            () = reconnected(&self.reader, self.connects) => Err(StoreError::gap(RECONNECTED)),
            error = self.silence.outlast(&self.store) => Err(error),
        }
    }
}

impl Watch for NatsWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(async move {
            loop {
                match self.step().await {
                    Ok(Some(change)) => return Ok(change),
                    Ok(None) => {}
                    Err(error) => return Err(self.after_cut(error).await),
                }
            }
        })
    }

    fn ready(&mut self) -> Option<Result<Change, StoreError>> {
        if self.put_back.is_some() {
            return None;
        }
        if self.progress.take_end() {
            return Some(Ok(Change::CaughtUp));
        }
        loop {
            // That nothing comes any more is said again to whoever asks again.
            let message = self.deliveries.next().now_or_never()??;
            let Some(info) = self.next_delivery(&message) else {
                self.put_back = Some(message);
                return None;
            };
            self.silence.end();
            if let Some(change) = self.on_record(info, message) {
                return Some(Ok(change));
            }
        }
    }

    fn last_age(&self) -> Option<Duration> {
        self.store.inner.clock.age(self.stored_ns)
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
