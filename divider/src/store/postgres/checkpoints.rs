//! The saved state of keys, in a table of its own.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::super::{
    CheckpointContent, CheckpointRecord, CheckpointWrite, Checkpoints, Outcome, Position,
    StoreError,
};
use super::PostgresStore;
use super::error::Failed;
use super::link::Param;
use super::records::unreadable;
use crate::id::{Revision, Token};
use crate::key::Key;
use divider_core::log::whole_seconds;

/// The checkpoints of a group.
#[derive(Debug)]
pub(super) struct PostgresCheckpoints(pub(super) PostgresStore);

impl Checkpoints for PostgresCheckpoints {
    fn request_timeout(&self) -> Duration {
        self.0.inner.connector.request_timeout
    }

    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>> {
        let (this, key) = (self.0.clone(), key.clone());
        Box::pin(async move { this.read_checkpoint(&key).await.map_err(Failed::into_error) })
    }

    fn write(&self, write: CheckpointWrite) -> BoxFuture<'static, Outcome> {
        let this = self.0.clone();
        Box::pin(async move {
            match this.write_checkpoint(write).await {
                Ok(outcome) => outcome,
                Err(failed) => failed.outcome(),
            }
        })
    }
}

impl PostgresStore {
    async fn read_checkpoint(&self, key: &Key) -> Result<Option<CheckpointRecord>, Failed> {
        let (group, schema) = (self.inner.group.as_str(), &self.inner.schema);
        let statement = format!(
            "SELECT c.revision, c.token::text, c.is_saved, c.value, c.positions \
             FROM {schema}.groups AS g LEFT JOIN {schema}.checkpoints AS c ON c.group_id = g.id \
             AND c.key = $2 AND (c.removed_at IS NULL OR c.removed_at > clock_timestamp()) \
             WHERE g.name = $1"
        );
        let params: [Param<'_>; 2] = [(&group, Type::TEXT), (&key.as_str(), Type::TEXT)];
        let rows = self.others().query("read a checkpoint", &statement, &params).await?;
        let Some(row) = rows.first() else { return Err(self.no_group()) };
        record(row).map_err(|error| unreadable(&error))
    }

    async fn write_checkpoint(&self, write: CheckpointWrite) -> Result<Outcome, Failed> {
        let group = self.inner.group.as_str();
        let expected = i64::try_from(write.expected.0).unwrap_or(i64::MAX);
        let is_saved = write.content.is_some();
        let content = write.content.unwrap_or_default();
        let positions = content.positions.iter().map(Position::line).collect::<Vec<_>>().join("\n");
        let value = content.value.as_deref();
        let token = write.token.0.to_string();
        let ttl =
            write.ttl.map(|ttl| i64::try_from(whole_seconds(ttl).as_secs()).unwrap_or(i64::MAX));
        let params: [Param<'_>; 8] = [
            (&group, Type::TEXT),
            (&write.key.as_str(), Type::TEXT),
            (&expected, Type::INT8),
            (&token, Type::TEXT),
            (&is_saved, Type::BOOL),
            (&value, Type::BYTEA),
            (&positions, Type::TEXT),
            (&ttl, Type::INT8),
        ];
        let call = "write_checkpoint_v1($1, $2, $3, $4, $5, $6, $7, $8)";
        let statement = self.inner.schema.call(call);
        let rows = self.others().query("write a checkpoint", &statement, &params).await?;
        let revision = rows.first().and_then(|row| row.try_get::<_, Option<i64>>(0).ok()).flatten();
        match revision.map(i64::cast_unsigned) {
            None => Err(self.no_group()),
            Some(0) => Ok(Outcome::Conflict),
            Some(revision) => Ok(Outcome::Acked(Revision(revision))),
        }
    }

    fn no_group(&self) -> Failed {
        Failed::Refused(StoreError::NoGroup { group: self.inner.group.to_string() })
    }
}

/// A row's record. `None`: it has none.
fn record(row: &Row) -> Result<Option<CheckpointRecord>, tokio_postgres::Error> {
    let Some(revision) = row.try_get::<_, Option<i64>>(0)? else { return Ok(None) };
    let token = row.try_get::<_, &str>(1)?.parse().unwrap_or(0);
    let content = if row.try_get(2)? {
        let value = row.try_get::<_, Option<Vec<u8>>>(3)?.map(Bytes::from);
        let positions = row.try_get::<_, &str>(4)?.lines().filter_map(Position::of_line).collect();
        Some(CheckpointContent::new(value, positions))
    } else {
        None
    };
    let revision = Revision(revision.cast_unsigned());
    Ok(Some(CheckpointRecord::new(revision, Token(token), content)))
}
