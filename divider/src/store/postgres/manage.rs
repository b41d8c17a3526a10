//! What tools do on a server: list groups, delete one, look at the settings.

use std::time::Duration;

use super::super::StoreError;
use super::error::OpenError;
use super::options::PostgresOptions;
use super::server::Server;
use crate::id::GroupName;

/// What a server says of itself, as far as leases and commits depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Its version, such as `15.18`.
    pub version: String,
    /// Whether it is a standby, which accepts no writes.
    pub is_standby: bool,
    /// The setting `synchronous_commit` of the user's sessions. With `off`, this library sets it to
    /// `on` for its writes.
    pub synchronous_commit: String,
    /// The setting `synchronous_standby_names`. If it is empty, commits are on the primary's disk
    /// alone, and a standby that is promoted may lack the last ones.
    pub synchronous_standbys: String,
    /// How many standbys are connected now, where the user may see that.
    pub standbys: Option<u64>,
    /// The setting `fsync`. With `off`, a crash of the machine may lose or damage everything.
    pub fsync: String,
    /// How long the oldest transaction of the database has been open: for so long, dead rows stay.
    pub oldest_transaction: Option<Duration>,
    /// The clock of the server, in Unix ms.
    pub at_ms: u64,
}

impl Inspection {
    /// A primary without standbys and with the server's own defaults. The fields are public.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            is_standby: false,
            synchronous_commit: "on".to_owned(),
            synchronous_standbys: String::new(),
            standbys: Some(0),
            fsync: "on".to_owned(),
            oldest_transaction: None,
            at_ms: 0,
        }
    }
}

/// A tool's request may take longer than a node's.
const TIMEOUT: Duration = Duration::from_secs(30);

impl PostgresOptions {
    /// The groups in the schema, sorted by name. Without the schema there are none.
    ///
    /// # Errors
    /// Any [`OpenError`] but [`NoGroup`](OpenError::NoGroup).
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn groups(&self, url: impl AsRef<str>) -> Result<Vec<GroupName>, OpenError> {
        let server = Server::new(self, url.as_ref(), "tool")?;
        let groups = in_time("list the groups", async {
            let live = server.connect().await?;
            server.groups(live.client()).await
        });
        match groups.await {
            Err(OpenError::NoSchema { .. }) => Ok(Vec::new()),
            groups => groups,
        }
    }

    /// Deletes a group for good, with its keys, claims, history and checkpoints. Its nodes stop all
    /// work when they notice it, at the latest when their leases end.
    ///
    /// # Errors
    /// Any [`OpenError`].
    ///
    /// # Cancel safety
    /// If it is dropped before it is done, the group may be there or not.
    pub async fn delete(&self, url: impl AsRef<str>, group: &GroupName) -> Result<(), OpenError> {
        let server = Server::new(self, url.as_ref(), "tool")?;
        in_time("delete the group", async {
            let live = server.connect().await?;
            server.delete(live.client(), group).await
        })
        .await
    }

    /// Reads the settings of the server that promises depend on.
    ///
    /// # Errors
    /// Any [`OpenError`] but [`NoGroup`](OpenError::NoGroup).
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn inspect(&self, url: impl AsRef<str>) -> Result<Inspection, OpenError> {
        let server = Server::new(self, url.as_ref(), "tool")?;
        in_time("inspect the server", async {
            let live = server.connect().await?;
            inspect(&server, live.client()).await
        })
        .await
    }
}

async fn inspect(
    server: &Server,
    client: &tokio_postgres::Client,
) -> Result<Inspection, OpenError> {
    let statement = "SELECT current_setting('server_version'), pg_is_in_recovery(), \
         current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), \
         (SELECT count(*) FROM pg_stat_replication), current_setting('fsync'), \
         (SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::float8 \
          FROM pg_stat_activity WHERE datname = current_database()), \
         (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let rows = client.query_typed(statement, &[]).await.map_err(|error| server.error(&error))?;
    let missing = || StoreError::Other { what: "the server says nothing of itself".to_owned() };
    let row = rows.first().ok_or_else(missing)?;
    let read = || -> Result<Inspection, tokio_postgres::Error> {
        let oldest: Option<f64> = row.try_get(6)?;
        Ok(Inspection {
            version: row.try_get(0)?,
            is_standby: row.try_get(1)?,
            synchronous_commit: row.try_get(2)?,
            synchronous_standbys: row.try_get(3)?,
            standbys: row.try_get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
            fsync: row.try_get(5)?,
            oldest_transaction: oldest.and_then(|age| Duration::try_from_secs_f64(age).ok()),
            at_ms: row.try_get::<_, i64>(7)?.cast_unsigned(),
        })
    };
    read().map_err(|error| server.error(&error))
}

async fn in_time<T>(
    what: &str,
    request: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    tokio::time::timeout(TIMEOUT, request).await.map_err(|_| {
        OpenError::Store(StoreError::Timeout { what: what.to_owned(), after: TIMEOUT })
    })?
}
