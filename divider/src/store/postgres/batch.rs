//! Many writes in one transaction.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::super::{Outcome, StoreError};
use super::error::Failed;
use super::link::Link;
use super::queue::{Queue, Queued};
use super::schema::Schema;
use super::sweep::Sweeper;
use crate::id::{GroupName, Revision};
use divider_core::log::whole_seconds;

/// Writes what waits in the queue, one transaction after another. While one commits, the next one
/// gathers, so that the rate grows with the load.
pub(super) struct Batcher {
    pub(super) queue: Arc<Queue>,
    pub(super) link: Link,
    pub(super) group: GroupName,
    pub(super) schema: Schema,
    pub(super) request_timeout: Duration,
    /// The channel that others listen to, if they do.
    pub(super) channel: Option<String>,
    /// Tells the watches of this process, where nobody listens.
    pub(super) changed: watch::Sender<()>,
    pub(super) sweeper: Sweeper,
}

/// One value of each write.
type Column<T> = Vec<T>;

impl Batcher {
    /// Works until the queue is closed.
    pub(super) async fn run(mut self) {
        while let Some(oldest) = self.queue.filled().await {
            // Nothing is taken before there is a connection: until then a write can be given up.
            if let Err(error) = self.link.ready(oldest + self.request_timeout).await {
                self.refuse_old(&error);
                continue;
            }
            let batch = self.queue.take_batch();
            if batch.is_empty() {
                continue;
            }
            let outcomes = self.write(&batch).await;
            for (queued, outcome) in batch.into_iter().zip(outcomes) {
                queued.reply.send(outcome);
            }
            // Who listens hears of it with the commit.
            if self.channel.is_none() {
                self.changed.send_replace(());
            }
            self.sweeper.sweep_if_due(&self.link, &self.schema, &self.group).await;
        }
    }

    /// Refuses what has waited for a connection as long as a request may take.
    fn refuse_old(&self, error: &StoreError) {
        let Some(before) = Instant::now().checked_sub(self.request_timeout) else { return };
        for queued in self.queue.take_older(before) {
            queued.reply.send(Outcome::Refused(error.clone()));
        }
    }

    async fn write(&self, batch: &[Queued]) -> Vec<Outcome> {
        let failed = match self.send(batch).await {
            Ok(outcomes) => return outcomes,
            Err(failed) => failed,
        };
        // One record that the user may not write has undone the others.
        if batch.len() > 1 && matches!(failed, Failed::Refused(StoreError::Denied { .. })) {
            let mut outcomes = Vec::with_capacity(batch.len());
            for at in 0..batch.len() {
                match self.send(&batch[at..=at]).await {
                    Ok(outcome) => outcomes.extend(outcome),
                    Err(failed) => outcomes.push(failed.outcome()),
                }
            }
            return outcomes;
        }
        batch.iter().map(|_| failed.outcome()).collect()
    }

    /// Sends one transaction: a statement of its own, in one round trip.
    async fn send(&self, batch: &[Queued]) -> Result<Vec<Outcome>, Failed> {
        let writes = || batch.iter().map(|queued| &queued.write);
        let names: Column<&str> = writes().map(|write| write.name.as_str()).collect();
        let values: Column<Option<&[u8]>> =
            writes().map(|write| write.value.as_ref().map(Bytes::as_ref)).collect();
        let expected: Column<Option<i64>> = writes()
            .map(|write| {
                // None is that high, so it is a conflict as any other.
                write.expected.map(|revision| i64::try_from(revision.0).unwrap_or(i64::MAX))
            })
            .collect();
        let seconds = |span: Option<Duration>| {
            span.map(|span| i64::try_from(whole_seconds(span).as_secs()).unwrap_or(i64::MAX))
        };
        let ttls: Column<Option<i64>> = writes().map(|write| seconds(write.ttl)).collect();
        let ends: Column<Option<i64>> = writes().map(|write| seconds(write.expires_in)).collect();
        let group = self.group.as_str();
        let rows = self
            .link
            .query(
                "write",
                &self.schema.call("write_v1($1, $2, $3, $4, $5, $6, $7)"),
                &[
                    (&group, Type::TEXT),
                    (&names, Type::TEXT_ARRAY),
                    (&values, Type::BYTEA_ARRAY),
                    (&expected, Type::INT8_ARRAY),
                    (&ttls, Type::INT8_ARRAY),
                    (&ends, Type::INT8_ARRAY),
                    (&self.channel, Type::TEXT),
                ],
            )
            .await?;
        let strange = || Failed::Unknown(StoreError::Other { what: "an odd result".into() });
        let row = rows.first().ok_or_else(strange)?;
        let revisions: Option<Vec<i64>> = row.try_get(0).map_err(|_| strange())?;
        let Some(revisions) = revisions else {
            return Err(Failed::Refused(StoreError::NoGroup { group: group.to_owned() }));
        };
        if revisions.len() != batch.len() {
            return Err(strange());
        }
        Ok(revisions.into_iter().map(|revision| self.outcome(revision)).collect())
    }

    /// What the function says of one write.
    fn outcome(&self, revision: i64) -> Outcome {
        match u64::try_from(revision) {
            Ok(0) => Outcome::Conflict,
            Ok(revision) => Outcome::Acked(Revision(revision)),
            Err(_) => {
                let what = format!("the group {} has reached its max_bytes", self.group);
                Outcome::Refused(StoreError::Full { what })
            }
        }
    }
}
