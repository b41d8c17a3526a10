//! How to open a group.

use std::time::Duration;

/// How to open a group on a PostgreSQL server; begins with
/// [`PostgresStore::options`](super::PostgresStore::options).
///
/// ```no_run
/// # use divider::GroupName;
/// # use divider::store::postgres::PostgresStore;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::options()
///     .create_if_missing()
///     .connect("postgres://me@db1,db2/app?sslmode=verify-full", GroupName::new("orders")?)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    pub(super) schema: String,
    pub(super) create: bool,
    pub(super) request_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) wait: Option<Duration>,
    pub(super) notify: bool,
    pub(super) poll_interval: Option<Duration>,
    pub(super) max_bytes: Option<u64>,
    pub(super) history_age: Duration,
    pub(super) history_entries: u32,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "divider".to_owned(),
            create: false,
            request_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(2),
            wait: None,
            notify: true,
            poll_interval: None,
            max_bytes: None,
            history_age: Duration::from_hours(7 * 24),
            history_entries: 10_000,
        }
    }
}

impl PostgresOptions {
    /// The schema of the tables: `divider` unless set. Groups in different schemas are different
    /// groups. The name has 1 to 63 of a-z, 0-9 and `_`.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Creates the schema, its tables and the group where they do not exist. The user then needs
    /// the right to create a schema in the database, unless the schema exists. Without it, opening
    /// a group that does not exist fails, since a group that was deleted, or mistyped, should not
    /// come to life by itself.
    #[must_use]
    pub fn create_if_missing(mut self) -> Self {
        self.create = true;
        self
    }

    /// How long to wait for the answer to a request: 2 s unless set, a third of the shortest
    /// default lease. The server ends a statement after the same time, except with
    /// [`notify(false)`](Self::notify).
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long one attempt to connect may take, with TLS and log-in: 2 s unless set. Keep it at a
    /// third of a lease or below.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long to wait for a server that is not ready when a group is opened. Unless set, there is
    /// one attempt. A connection that was made once is made again for ever.
    #[must_use]
    pub fn wait_for_server(mut self, longest: Duration) -> Self {
        self.wait = Some(longest);
        self
    }

    /// Whether to use `NOTIFY` and `LISTEN`: yes unless set. With `false`, watches find changes by
    /// polling alone, every 100 ms. Set `false`
    ///
    /// - behind PgBouncer in transaction mode, which has neither; with `true`, connecting to it
    ///   fails;
    /// - if commits of the database wait for the lock that `NOTIFY` takes, as with many busy groups
    ///   in
    ///   one database.
    ///
    /// All members of a group should use the same value: a member that uses `NOTIFY` polls only
    /// every 500 ms, so it sees the changes of one that does not use it late.
    #[must_use]
    pub fn notify(mut self, notify: bool) -> Self {
        self.notify = notify;
        self
    }

    /// How often a watch looks for changes that nobody has notified it of: 500 ms unless set, or
    /// 100 ms with [`notify(false)`](Self::notify). A shorter interval finds changes sooner and
    /// costs more queries: each node has one watch. At most a second, at least 10 ms.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// The most bytes that a new group may take; no limit unless set. A full group goes on with
    /// what it has and takes nothing new. A key with its claim counts about 400 bytes, and takes
    /// about three times as much in tables and indexes. What exists is not changed.
    #[must_use]
    pub fn max_bytes(mut self, max: u64) -> Self {
        self.max_bytes = Some(max);
        self
    }

    /// How old an entry of the history may get: a week unless set.
    #[must_use]
    pub fn history_age(mut self, age: Duration) -> Self {
        self.history_age = age;
        self
    }

    /// How many entries the history keeps: 10 000 unless set.
    #[must_use]
    pub fn history_entries(mut self, entries: u32) -> Self {
        self.history_entries = entries;
        self
    }

    /// The poll interval in use.
    pub(super) fn poll(&self) -> Duration {
        let usual = Duration::from_millis(if self.notify { 500 } else { 100 });
        let (least, most) = (Duration::from_millis(10), Duration::from_secs(1));
        self.poll_interval.unwrap_or(usual).clamp(least, most)
    }
}
