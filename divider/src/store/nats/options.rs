//! How to open a group, and how to make one.

use std::time::Duration;

use async_nats::{Client, ConnectOptions};

use super::NatsStore;
use super::account::NatsAccount;
use super::connect::{Connection, Pace};
use super::error::OpenError;
use super::patience::Patience;
use crate::id::GroupName;

/// How to open a group on a NATS server; begins with [`NatsStore::options`].
///
/// ```no_run
/// # use divider::{GroupName, NatsStore};
/// # use divider::store::nats::StreamOptions;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = NatsStore::options()
///     .create_if_missing(StreamOptions::default().replicas(3))
///     .connect("nats://n1,nats://n2", GroupName::new("orders")?)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct NatsOptions {
    pub(super) prefix: String,
    pub(super) create: Option<StreamOptions>,
    pub(super) request_timeout: Duration,
    ping_interval: Duration,
    connect_timeout: Duration,
    pub(super) wait: Option<Duration>,
    only_given: bool,
    connect: Option<ConnectOptions>,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self {
            prefix: DEFAULT_PREFIX.into(),
            create: None,
            request_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_millis(700),
            connect_timeout: Duration::from_secs(2),
            wait: None,
            only_given: false,
            connect: None,
        }
    }
}

/// The API of the account's own `JetStream`.
pub(super) const DEFAULT_PREFIX: &str = "$JS.API";

impl NatsOptions {
    /// Makes the group where there is none. Without it, opening a group that is not there fails,
    /// since a group that was deleted, or mistyped, should not come to life by itself.
    #[must_use]
    pub fn create_if_missing(mut self, stream: StreamOptions) -> Self {
        self.create = Some(stream);
        self
    }

    /// Uses the `JetStream` of another domain, as behind a leaf node.
    #[must_use]
    pub fn domain(self, domain: impl AsRef<str>) -> Self {
        let prefix = format!("$JS.{}.API", domain.as_ref());
        self.api_prefix(prefix)
    }

    /// Uses a `JetStream` whose API is imported under another prefix than `$JS.API`. Records are
    /// then written below it, too, as other clients of key-value buckets do.
    #[must_use]
    pub fn api_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a write, a read or another request is waited for: 2 s unless set, a third of the
    /// shortest default lease. A node waits for its writes by its own deadlines, which are at most 2 s
    /// and shorter where its lease is short. For everything else this is the bound. Give more to tools
    /// far from their server.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a connection may be silent before the server is asked whether it is there: 700 ms
    /// unless set. After three times this it is given up and another server tried. Keep three times
    /// this below half a lease; far below the round-trip time it cuts good connections.
    ///
    /// Only for [`connect`](Self::connect): a client that is handed in brings its own, of 60 s
    /// unless it was told otherwise, with which no lease outlives a frozen server.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long a single attempt to connect to a server may take, with TLS and log-in: 2 s unless
    /// set. Nodes with short leases lose them while an attempt hangs at a server that is frozen, or at
    /// an address that nobody answers at: keep it at a third of a lease or below, but not below a few
    /// times of what a connection takes. Tools far from their server may give it more.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a server is waited for that is not there yet, or whose `JetStream` is not ready, when a
    /// group is opened; unless set, not at all. The last attempt may take a little longer. It ends with
    /// [`OpenError::NotThere`], which names the last reason; at once where waiting does not help, as
    /// with a group that does not exist or a user that is not let in.
    ///
    /// For services that start beside their server. It is for the start only: a connection that was
    /// made once comes back by itself, for ever.
    #[must_use]
    pub fn wait_for_server(mut self, longest: Duration) -> Self {
        self.wait = Some(longest);
        self
    }

    /// Connects to the addresses that are given and to no others. Unless set, the client tries those
    /// as well that the servers tell of each other, after the given ones have failed some times.
    ///
    /// For where those cannot be reached: behind a forwarded port, from outside a container network.
    /// Each of them takes the [time of an attempt](Self::connect_timeout), which short leases do not
    /// outlast. Give every server's address then.
    #[must_use]
    pub fn ignore_discovered_servers(mut self) -> Self {
        self.only_given = true;
        self
    }

    /// Credentials, TLS, the connection's name and inbox prefix for [`connect`](Self::connect).
    ///
    /// The store sets by itself what leases rest on: ping interval, reconnecting, which server comes
    /// next, time-out, capacity of subscriptions and the event callback. For credentials that expire
    /// use [`credentials_file`](super::credentials_file). With `retry_on_initial_connect` the first
    /// connection is still waited for: as long as an attempt may take, or as
    /// [`wait_for_server`](Self::wait_for_server) says.
    #[must_use]
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.connect = Some(options);
        self
    }

    /// Connects to a server (or several, divided by commas) and opens the group.
    ///
    /// Each server is tried once: where none is there yet this fails, so that a wrong address is
    /// noticed, unless [`wait_for_server`](Self::wait_for_server) is set. A connection that was made once comes back by itself, for ever.
    ///
    /// The connection has a thread of its own, so that nothing that blocks the application's
    /// executor stops the heartbeats. It ends when the store and everything made of it is dropped.
    ///
    /// # Errors
    /// Any [`OpenError`]: no server, one that is too old or has no `JetStream`, a group that is missing
    /// or breaks the protocol's rules, a right that lacks.
    ///
    /// # Cancel safety
    /// Cancel safe: a connection that is half made is closed. With
    /// [`create_if_missing`](Self::create_if_missing) the group may have been made.
    pub async fn connect(
        mut self,
        urls: impl AsRef<str>,
        group: GroupName,
    ) -> Result<NatsStore, OpenError> {
        self.connect.get_or_insert_with(|| ConnectOptions::new().name(format!("divider {group}")));
        let mut patience = Patience::new(self.wait);
        let account = self.account_with(urls.as_ref(), &mut patience).await?;
        account.options.open_with(&account.connection, group, patience).await
    }

    /// Connects without opening a group: to list the groups that there are, make one, or open
    /// several over one connection.
    ///
    /// The connection has a thread of its own, as with [`connect`](Self::connect).
    ///
    /// # Errors
    /// [`OpenError::Connect`], [`OpenError::NotThere`].
    ///
    /// # Cancel safety
    /// Cancel safe: a connection that is half made is closed.
    pub async fn account(self, urls: impl AsRef<str>) -> Result<NatsAccount, OpenError> {
        let mut patience = Patience::new(self.wait);
        self.account_with(urls.as_ref(), &mut patience).await
    }

    async fn account_with(
        mut self,
        urls: &str,
        patience: &mut Patience,
    ) -> Result<NatsAccount, OpenError> {
        let connect = self.connect.take();
        let mut connect = connect.unwrap_or_else(|| ConnectOptions::new().name("divider"));
        if self.only_given {
            connect = connect.ignore_discovered_servers();
        }
        let pace = Pace { ping: self.ping_interval, timeout: self.connect_timeout };
        loop {
            match Connection::open(urls, connect.clone(), pace).await {
                Ok(connection) => return Ok(NatsAccount { connection, options: self }),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    /// Opens the group on a client that the application has.
    ///
    /// Its tasks run on the current tokio runtime. Give the client a short ping interval, and a
    /// subscription capacity that holds a snapshot of the group (`1 << 20` for a million keys). A
    /// missing permission shows as a time-out only, since the server tells it to the client's event
    /// callback.
    ///
    /// # Errors
    /// Any [`OpenError`] but [`Connect`](OpenError::Connect). The text of a time-out lists the rights
    /// to check.
    ///
    /// # Cancel safety
    /// Cancel safe, as [`connect`](Self::connect).
    pub async fn open(self, client: Client, group: GroupName) -> Result<NatsStore, OpenError> {
        let patience = Patience::new(self.wait);
        self.open_with(&Connection::of_client(client), group, patience).await
    }
}

/// How the stream of a new group is made; what exists is never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOptions {
    pub(super) replicas: usize,
    pub(super) max_bytes: Option<u64>,
    pub(super) cluster: Option<String>,
    pub(super) tags: Vec<String>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { replicas: 1, max_bytes: None, cluster: None, tags: Vec::new() }
    }
}

impl StreamOptions {
    /// How many servers keep a copy, from 1 to 5 and no more than the cluster has: 1 unless set, which
    /// any server can do. With 3 a server can fail without the group standing still; a lease then has
    /// to outlast an election (18 s, against 6 s with one).
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// The most bytes that the group may take, at least 1; no limit unless set, but the account's. A
    /// full group goes on with what it has and takes nothing new. A key with its claim takes about 400
    /// bytes.
    #[must_use]
    pub fn max_bytes(mut self, max: u64) -> Self {
        self.max_bytes = Some(max);
        self
    }

    /// The cluster whose servers keep the group.
    #[must_use]
    pub fn cluster(mut self, cluster: impl Into<String>) -> Self {
        self.cluster = Some(cluster.into());
        self
    }

    /// Which servers are to keep it, as the server reads it.
    pub(super) fn placement(&self) -> Option<serde_json::Value> {
        let cluster = self.cluster.as_deref().unwrap_or_default();
        let is_set = self.cluster.is_some() || !self.tags.is_empty();
        is_set.then(|| serde_json::json!({"cluster": cluster, "tags": self.tags}))
    }

    /// A tag that the servers must have which keep the group; may be said more than once.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}
