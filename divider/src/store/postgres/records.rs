//! Rows as records.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::super::{Filter, Record, StoreError};
use super::PostgresStore;
use super::error::Failed;
use crate::id::Revision;

/// Where the log is, and the next records of it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) position: Position,
    pub(super) records: Vec<Aged>,
    /// Whether there may be more records up to the log's last revision.
    pub(super) is_full: bool,
}

/// What one look at the group's row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// The identity of the log.
    pub(super) log: (i64, i64),
    pub(super) last: u64,
    /// The highest revision that was swept.
    pub(super) swept: u64,
    /// When the server process started: after that, commits may be lost.
    server_started: std::time::SystemTime,
}

impl Position {
    /// Why what follows this position may not be the rest of the log.
    pub(super) fn broken_by(&self, next: &Self) -> Option<&'static str> {
        if self.log != next.log {
            Some("the group was created again")
        } else if next.last < self.last {
            Some("the log has lost its newest records")
        } else if self.server_started != next.server_started {
            Some("the server was restarted, or it is another one")
        } else {
            None
        }
    }
}

/// A record, and how old it is.
#[derive(Debug)]
pub(super) struct Aged {
    pub(super) record: Record,
    pub(super) stored: Instant,
}

/// What a page has.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    names: Option<Vec<String>>,
    prefixes: Vec<String>,
}

/// The most records of a page.
const PAGE: i32 = 1000;

impl Wanted {
    pub(super) fn new(filter: &Filter) -> Self {
        if filter.names.iter().any(|name| name == ">") {
            return Self { names: None, prefixes: Vec::new() };
        }
        let (prefixes, names): (Vec<_>, Vec<_>) =
            filter.names.iter().cloned().partition(|name| name.ends_with('>'));
        let bare = |prefix: String| prefix.trim_end_matches('>').to_owned();
        Self { names: Some(names), prefixes: prefixes.into_iter().map(bare).collect() }
    }
}

impl PostgresStore {
    /// The next records after a revision. Up to the revision `fresh`, without what has expired.
    pub(super) async fn page(
        &self,
        wanted: &Wanted,
        after: u64,
        fresh: Option<u64>,
    ) -> Result<Page, Failed> {
        let group = self.inner.group.as_str();
        let number = |revision: u64| i64::try_from(revision).unwrap_or(i64::MAX);
        let (after, fresh) = (number(after), fresh.map(number));
        let rows = self
            .inner
            .reader
            .query(
                "watch",
                &self.inner.schema.call("page_v1($1, $2, $3, $4, $5, $6)"),
                &[
                    (&group, Type::TEXT),
                    (&after, Type::INT8),
                    (&fresh, Type::INT8),
                    (&wanted.names, Type::TEXT_ARRAY),
                    (&wanted.prefixes, Type::TEXT_ARRAY),
                    (&PAGE, Type::INT4),
                ],
            )
            .await?;
        let Some(first) = rows.first() else {
            return Err(Failed::Refused(StoreError::NoGroup { group: group.to_owned() }));
        };
        let read = || -> Result<Page, tokio_postgres::Error> {
            let position = Position {
                log: (first.try_get(0)?, first.try_get(1)?),
                last: first.try_get::<_, i64>(2)?.cast_unsigned(),
                swept: first.try_get::<_, i64>(3)?.cast_unsigned(),
                server_started: first.try_get(4)?,
            };
            let mut records = Vec::with_capacity(rows.len());
            for row in &rows {
                records.extend(aged(row, 5)?);
            }
            let is_full = records.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
            Ok(Page { position, records, is_full })
        };
        read().map_err(|error| unreadable(&error))
    }

    /// The newest record of a name.
    pub(super) async fn newest(&self, name: &str) -> Result<Option<Record>, Failed> {
        let (group, schema) = (self.inner.group.as_str(), &self.inner.schema);
        let statement = format!(
            "SELECT r.name, r.revision, r.value, r.ttl_s, r.expires_s, \
             (extract(epoch FROM clock_timestamp() - r.stored_at) * 1000000)::bigint \
             FROM {schema}.groups AS g LEFT JOIN {schema}.records AS r \
             ON r.group_id = g.id AND r.name = $2 \
             AND (r.removed_at IS NULL OR r.removed_at > clock_timestamp()) WHERE g.name = $1"
        );
        let params: [super::link::Param<'_>; 2] = [(&group, Type::TEXT), (&name, Type::TEXT)];
        let rows = self.inner.reader.query("read", &statement, &params).await?;
        let Some(row) = rows.first() else {
            return Err(Failed::Refused(StoreError::NoGroup { group: group.to_owned() }));
        };
        let found = aged(row, 0).map_err(|error| unreadable(&error))?;
        Ok(found.map(|aged| aged.record))
    }
}

pub(super) fn unreadable(error: &tokio_postgres::Error) -> Failed {
    let what = format!("the tables are not as this build expects them: {error}");
    Failed::Refused(StoreError::Other { what })
}

/// A row's record, from this column on. `None`: it has none.
fn aged(row: &Row, at: usize) -> Result<Option<Aged>, tokio_postgres::Error> {
    let Some(name) = row.try_get::<_, Option<String>>(at)? else { return Ok(None) };
    let revision = Revision(row.try_get::<_, i64>(at + 1)?.cast_unsigned());
    let value = row.try_get::<_, Option<Vec<u8>>>(at + 2)?.map(Bytes::from);
    let span = |column: usize| {
        let seconds = row.try_get::<_, Option<i64>>(column)?;
        Ok(seconds.map(|seconds| Duration::from_secs(seconds.max(0).cast_unsigned())))
    };
    let age = Duration::from_micros(row.try_get::<_, i64>(at + 5)?.max(0).cast_unsigned());
    let mut record = Record::new(name, revision, value);
    record.ttl = span(at + 3)?;
    record.expires_in = span(at + 4)?.map(|end: Duration| end.saturating_sub(age));
    let now = Instant::now();
    Ok(Some(Aged { record, stored: now.checked_sub(age).unwrap_or(now) }))
}
