//! The history of a group, in a table of its own beside the log.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::super::{HistoryRecord, HistoryStart, StoreError};
use super::PostgresStore;
use super::error::Failed;
use super::records::unreadable;

impl PostgresStore {
    pub(super) async fn append(&self, id: &str, entry: &[u8]) -> Result<(), StoreError> {
        let group = self.inner.group.as_str();
        let statement = self.inner.schema.call("append_history_v1($1, $2, $3)");
        let params: [super::link::Param<'_>; 3] =
            [(&group, Type::TEXT), (&id, Type::TEXT), (&entry, Type::BYTEA)];
        let rows = self.others().query("append to the history", &statement, &params).await;
        let rows = rows.map_err(Failed::into_error)?;
        match rows.first().map(|row| row.try_get::<_, bool>(0)) {
            Some(Ok(true)) => Ok(()),
            _ => Err(StoreError::NoGroup { group: group.to_owned() }),
        }
    }

    pub(super) async fn entries(
        &self,
        from: HistoryStart,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        let (group, schema) = (self.inner.group.as_str(), &self.inner.schema);
        let (after, ago) = match from {
            HistoryStart::After(number) => (i64::try_from(number).unwrap_or(i64::MAX), None),
            HistoryStart::Ago(span) => (0, Some(span.as_secs_f64())),
        };
        let statement = format!(
            "SELECT h.number, h.at, h.value FROM {schema}.groups AS g \
             JOIN {schema}.history AS h ON h.group_id = g.id \
             WHERE g.name = $1 AND h.number > $2 \
             AND ($3 IS NULL OR h.at >= clock_timestamp() - least($3, 3e9) * interval '1 second') \
             ORDER BY h.number"
        );
        let params: [super::link::Param<'_>; 3] =
            [(&group, Type::TEXT), (&after, Type::INT8), (&ago, Type::FLOAT8)];
        let rows = self.others().query("read the history", &statement, &params).await;
        let rows = rows.map_err(Failed::into_error)?;
        let entries = rows.iter().map(entry).collect::<Result<_, _>>();
        entries.map_err(|error| unreadable(&error).into_error())
    }
}

fn entry(row: &Row) -> Result<HistoryRecord, tokio_postgres::Error> {
    let at: SystemTime = row.try_get(1)?;
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    let value = Bytes::from(row.try_get::<_, Vec<u8>>(2)?);
    Ok(HistoryRecord::new(row.try_get::<_, i64>(0)?.cast_unsigned(), at_ms, value))
}
