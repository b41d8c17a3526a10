//! A backend in an `SQLite` file, as an example for backends of your own: the nodes are processes on one
//! machine that share the file. `docs/backends.md` explains it part by part.

use std::fmt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use divider::store::{
    Change, Filter, Info, Outcome, Record, Store, StoreError, Watch, Write, check_filter,
    check_name, check_write, whole_seconds,
};
use divider::{GroupName, Revision};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, params};
use tokio::sync::oneshot;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL; -- FULL where a power cut must lose nothing, at the cost of a sync a write
    CREATE TABLE IF NOT EXISTS log (grp TEXT PRIMARY KEY, created INTEGER, last INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS record (grp TEXT, name TEXT, revision INTEGER, stored_ms INTEGER,
        ttl INTEGER, holds INTEGER, value BLOB, PRIMARY KEY (grp, name)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_revision ON record (grp, revision);
    CREATE INDEX IF NOT EXISTS by_end ON record (grp, stored_ms + ttl * 1000) WHERE ttl IS NOT NULL;";

/// The clock of `SQLite`, so that all processes have the same.
const NOW_MS: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// How long a request waits for the file, and how often a watch looks.
const TIMEOUT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

/// One thread has the file; everybody else sends it what to do.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    group: GroupName,
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

impl SqliteStore {
    /// Opens the file, and the group in it, which are created where they do not exist.
    pub(crate) async fn open(path: &Path, group: GroupName) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let (jobs, work) = mpsc::channel::<Job>();
        let (ready, opened) = oneshot::channel();
        std::thread::spawn(move || match Connection::open(path).and_then(prepared) {
            Ok(mut connection) => {
                let _ = ready.send(Ok(()));
                for job in work {
                    job(&mut connection);
                }
            }
            Err(error) => drop(ready.send(Err(failed(error)))),
        });
        opened.await.map_err(|_| closed())??;
        let (this, name) = (Self { group: group.clone(), jobs }, group.to_string());
        this.ask(move |file| {
            // The identity of the log: nobody who was here before takes a new file for the old one.
            let made = "INSERT OR IGNORE INTO log
                VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000000, 0)";
            file.execute(made, [name]).map(drop)
        })
        .await?;
        Ok(this)
    }

    /// Does something on the thread that has the file, which limits each wait for a lock.
    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |file| drop(reply.send(job(file))));
        self.jobs.send(job).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?.map_err(failed)
    }
}

fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(TIMEOUT)?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// A write that was not committed has no effect, so a failure before the commit is final.
enum Written {
    Outcome(Outcome),
    InDoubt(rusqlite::Error),
}

fn write(file: &mut Connection, group: &str, write: &Write) -> rusqlite::Result<Written> {
    // The lock is taken before anything is read: writes are ordered by it.
    let tx = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now: i64 = tx.query_row(NOW_MS, [], |row| row.get(0))?;
    // Strictly later, because times are cut to milliseconds: never early.
    let expired = "DELETE FROM record
        WHERE grp = ?1 AND ttl IS NOT NULL AND stored_ms + ttl * 1000 < ?2";
    tx.execute(expired, params![group, now])?;
    let newest = "SELECT revision FROM record WHERE grp = ?1 AND name = ?2";
    let newest: Option<u64> =
        tx.query_row(newest, [group, &write.name], |row| row.get(0)).optional()?;
    if write.expected.is_some_and(|expected| expected.0 != newest.unwrap_or(0)) {
        return Ok(Written::Outcome(Outcome::Conflict));
    }
    let next = "UPDATE log SET last = last + 1 WHERE grp = ?1 RETURNING last";
    let Some(revision) = tx.query_row(next, [group], |row| row.get(0)).optional()? else {
        let error = StoreError::NoGroup { group: group.to_owned() };
        return Ok(Written::Outcome(Outcome::Refused(error)));
    };
    let seconds = |span: Option<Duration>| span.map(|span| whole_seconds(span).as_secs());
    let (ttl, holds) = (seconds(write.ttl), seconds(write.expires_in));
    let value = write.value.as_deref();
    tx.execute(
        "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![group, write.name, revision, now, ttl, holds, value],
    )?;
    Ok(match tx.commit() {
        Ok(()) => Written::Outcome(Outcome::Acked(Revision(revision))),
        Err(error) => Written::InDoubt(error),
    })
}

const COLUMNS: &str = "name, revision, stored_ms, ttl, holds, value";

fn record(row: &Row<'_>, now: i64) -> rusqlite::Result<(Record, Duration)> {
    let age = now.saturating_sub(row.get(2)?);
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    let value: Option<Vec<u8>> = row.get(5)?;
    let name: String = row.get(0)?;
    let mut record = Record::new(name, Revision(row.get(1)?), value.map(Into::into));
    let span = |seconds: Option<u64>| seconds.map(Duration::from_secs);
    record.ttl = span(row.get(3)?);
    record.expires_in = span(row.get(4)?).map(|holds| holds.saturating_sub(age));
    Ok((record, age))
}

/// What a watch sees at one look: the log, and the records after a revision.
struct Page {
    created: i64,
    last: u64,
    records: Vec<(Record, Duration)>,
}

/// One transaction, so that no write comes between the records and the newest revision.
fn page(file: &mut Connection, group: &str, after: u64) -> rusqlite::Result<Option<Page>> {
    let tx = file.transaction()?;
    let log = tx.query_row("SELECT created, last FROM log WHERE grp = ?1", [group], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    let Some((created, last)) = log.optional()? else { return Ok(None) };
    let now: i64 = tx.query_row(NOW_MS, [], |row| row.get(0))?;
    let mut found = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM record WHERE grp = ?1 AND revision > ?2
         AND (ttl IS NULL OR stored_ms + ttl * 1000 >= ?3) ORDER BY revision"
    ))?;
    let records = found.query_map(params![group, after, now], |row| record(row, now))?;
    Ok(Some(Page { created, last, records: records.collect::<Result<_, _>>()? }))
}

impl Store for SqliteStore {
    fn group(&self) -> &GroupName {
        &self.group
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        let (this, group) = (self.clone(), self.group.to_string());
        Box::pin(async move {
            if let Err(error) = check_write(&write) {
                return Outcome::Refused(error);
            }
            match this.ask(move |file| self::write(file, &group, &write)).await {
                Ok(Written::Outcome(outcome)) => outcome,
                Ok(Written::InDoubt(error)) => Outcome::Unknown(failed(error)),
                Err(error) => Outcome::Refused(error),
            }
        })
    }
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        let (this, group, name) = (self.clone(), self.group.to_string(), name.to_owned());
        Box::pin(async move {
            check_name(&name)?;
            this.ask(move |file| {
                let now: i64 = file.query_row(NOW_MS, [], |row| row.get(0))?;
                let found = format!(
                    "SELECT {COLUMNS} FROM record WHERE grp = ?1 AND name = ?2
                     AND (ttl IS NULL OR stored_ms + ttl * 1000 >= ?3)"
                );
                let row = |row: &Row<'_>| Ok(record(row, now)?.0);
                file.query_row(&found, params![group, name, now], row).optional()
            })
            .await
        })
    }
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        let store = self.clone();
        Box::pin(async move {
            check_filter(&filter)?;
            let created = store.info().await?.created;
            let (queue, seen, age) = (Vec::new().into_iter(), 0, Duration::ZERO);
            let watch = SqliteWatch { store, filter, created, queue, seen, caught_up: false, age };
            Ok(Box::new(watch) as Box<dyn Watch>)
        })
    }
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        let (this, group) = (self.clone(), self.group.to_string());
        Box::pin(async move {
            let name = group.clone();
            let page = this.ask(move |file| page(file, &name, i64::MAX.cast_unsigned())).await?;
            let page = page.ok_or(StoreError::NoGroup { group })?;
            let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            let bytes = this.ask(move |file| file.query_row(pages, [], |row| row.get(0))).await?;
            let mut info = Info::new(page.created.into(), Revision(page.last));
            info.bytes = bytes;
            Ok(info)
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("group", &self.group).finish_non_exhaustive()
    }
}

/// A place in the log. What was superseded since the last look is not in the table any more.
struct SqliteWatch {
    store: SqliteStore,
    filter: Filter,
    created: i128,
    queue: std::vec::IntoIter<(Record, Duration)>,
    seen: u64,
    caught_up: bool,
    age: Duration,
}

impl SqliteWatch {
    /// Takes the next records; `false` if there are none.
    async fn look(&mut self) -> Result<bool, StoreError> {
        let (group, after) = (self.store.group.to_string(), self.seen);
        let page = self.store.ask(move |file| page(file, &group, after)).await?;
        // Nothing was taken before this point, so a `next` that is dropped loses nothing.
        match page {
            Some(page) if i128::from(page.created) == self.created && page.last >= self.seen => {
                self.seen = page.last;
                self.queue = page.records.into_iter();
                Ok(self.queue.len() > 0)
            }
            _ => Err(StoreError::gap("the log was deleted or replaced")),
        }
    }
}

impl Watch for SqliteWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(async move {
            loop {
                for (record, age) in self.queue.by_ref() {
                    if self.filter.covers(&record.name) {
                        self.age = age;
                        return Ok(Change::Record(record));
                    }
                }
                if self.look().await? {
                    continue;
                }
                // Only here, with nothing left to show: a record that was written again while older
                // ones were being read has moved to the end.
                if !std::mem::replace(&mut self.caught_up, true) {
                    return Ok(Change::CaughtUp);
                }
                tokio::time::sleep(POLL).await;
            }
        })
    }
    fn last_age(&self) -> Option<Duration> {
        Some(self.age)
    }
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: rusqlite::Error) -> StoreError {
    let what = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => StoreError::Timeout { what, after: TIMEOUT },
        Some(ErrorCode::DiskFull) => StoreError::Full { what },
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => StoreError::Denied { what },
        _ => StoreError::Other { what },
    }
}

fn closed() -> StoreError {
    StoreError::Unreachable { what: "the thread that had the file has ended".into() }
}
