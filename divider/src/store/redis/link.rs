//! The connection of a store, which is made again when it is lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::super::StoreError;
use super::address;
use super::error::{Connection, Failure, of_request};
use super::keys::Keys;
use super::record::{data, number, parts};
use super::script::{self, Script};
use crate::id::GroupName;

/// A store's connection to its server; clones are the same one.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    group: GroupName,
    shown: String,
    keys: Keys,
    timeout: Duration,
    runtime: Handle,
    /// The thread of the runtime ends with it.
    _stop: oneshot::Sender<()>,
    live: Mutex<Option<Live>>,
    connecting: tokio::sync::Mutex<Connecting>,
    is_up: AtomicBool,
    /// Grows with each connection. Watches of an earlier one are over.
    generation: watch::Sender<u64>,
    /// The highest revision that was seen of this log.
    newest: AtomicU64,
}

/// A connection that has answered.
#[derive(Clone)]
pub(super) struct Live {
    connection: MultiplexedConnection,
    pub(super) generation: u64,
    server: ConnectionInfo,
}

/// What is known for the next connection.
struct Connecting {
    servers: Vec<ConnectionInfo>,
    /// The log that this store is about.
    id: String,
    /// When the last attempt failed, and why: who has waited for it meanwhile does not try again.
    failed: Option<(Instant, StoreError)>,
}

/// What a link is made of.
pub(super) struct Setup {
    pub(super) group: GroupName,
    pub(super) urls: String,
    pub(super) servers: Vec<ConnectionInfo>,
    pub(super) timeout: Duration,
    pub(super) runtime: Handle,
    pub(super) stop: oneshot::Sender<()>,
}

impl Link {
    /// A link without a connection, which the first request makes.
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { group, urls, servers, timeout, runtime, stop } = setup;
        let connecting = Connecting { servers, id: String::new(), failed: None };
        Self(Arc::new(Inner {
            shown: address::without_credentials(&urls),
            keys: Keys::new(&group),
            group,
            timeout,
            runtime,
            _stop: stop,
            live: Mutex::default(),
            connecting: tokio::sync::Mutex::new(connecting),
            is_up: AtomicBool::new(false),
            generation: watch::Sender::new(0),
            newest: AtomicU64::new(0),
        }))
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(super) fn servers(&self) -> &str {
        &self.0.shown
    }

    pub(super) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(super) fn runtime(&self) -> Handle {
        self.0.runtime.clone()
    }

    pub(super) fn is_up(&self) -> bool {
        self.0.is_up.load(Ordering::Relaxed)
    }

    /// Notified of each new connection.
    pub(super) fn generations(&self) -> watch::Receiver<u64> {
        self.0.generation.subscribe()
    }

    /// A revision of this log was seen.
    pub(super) fn saw(&self, revision: u64) {
        self.0.newest.fetch_max(revision, Ordering::Relaxed);
    }

    /// The connection, which is made if there is none.
    ///
    /// # Errors
    /// Nothing was sent of what the caller wants to send.
    pub(super) async fn live(&self) -> Result<Live, StoreError> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let (link, asked) = (self.clone(), Instant::now());
        self.apart(async move { link.connect_unless_live(asked).await }).await
    }

    /// Makes the group if it does not exist, on a new connection.
    pub(super) async fn create(&self) -> Result<(), StoreError> {
        let link = self.clone();
        self.apart(async move {
            let mut connecting = link.0.connecting.lock().await;
            link.connect(&mut connecting, "1").await.map(drop)
        })
        .await
    }

    /// Does what needs the lock of the attempts to connect, in a task of its own: a caller that is
    /// not polled for a while, as a writer without writes, would keep the lock from all others.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = |_| Err(unreachable(self.servers(), "the thread of the connections ended"));
        self.0.runtime.spawn(work).await.unwrap_or_else(ended)
    }

    async fn connect_unless_live(&self, asked: Instant) -> Result<Live, StoreError> {
        let mut connecting = self.0.connecting.lock().await;
        if let Some(live) = self.current() {
            return Ok(live);
        }
        match &connecting.failed {
            Some((at, error)) if *at > asked => return Err(error.clone()),
            _ => {}
        }
        match self.connect(&mut connecting, "0").await {
            Ok(live) => Ok(live),
            Err(error) => {
                connecting.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn current(&self) -> Option<Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tries each server once. The first that takes writes is tried first the next time.
    async fn connect(&self, connecting: &mut Connecting, create: &str) -> Result<Live, StoreError> {
        let mut failed = None;
        for at in 0..connecting.servers.len() {
            let server = connecting.servers[at].clone();
            match self.connect_to(server, connecting, create).await {
                Ok(live) => {
                    connecting.servers.swap(0, at);
                    return Ok(live);
                }
                // This one would be said by every server, or is more to the point than a replica.
                Err(error @ (StoreError::NoGroup { .. } | StoreError::Denied { .. })) => {
                    failed = Some(error);
                }
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        Err(failed.unwrap_or_else(|| unreachable(self.servers(), "there is no address")))
    }

    async fn connect_to(
        &self,
        server: ConnectionInfo,
        connecting: &mut Connecting,
        create: &str,
    ) -> Result<Live, StoreError> {
        let connection = self.connection_to(server.clone()).await?;
        let generation = *self.0.generation.borrow() + 1;
        let mut live = Live { connection, generation, server };
        let newest = self.0.newest.load(Ordering::Relaxed).to_string();
        let args = [create.as_bytes(), connecting.id.as_bytes(), newest.as_bytes()];
        let answer = self.eval_once(&mut live, &script::OPEN, &self.keys().write(), &args).await;
        let answer = answer.map_err(|(failure, _)| failure.into_error())?;
        let [id, last, _made] = parts(answer)?;
        let id = String::from_utf8_lossy(data(&id)?).into_owned();
        if connecting.id != id {
            if !connecting.id.is_empty() {
                tracing::warn!(servers = self.servers(), "the store has another log than before");
            }
            connecting.id = id;
            self.0.newest.store(0, Ordering::Relaxed);
        }
        self.saw(number(&last)?);
        *self.0.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
        self.0.is_up.store(true, Ordering::Relaxed);
        self.0.generation.send_replace(generation);
        tracing::info!(servers = self.servers(), "connected to the store");
        Ok(live)
    }

    /// A connection to the first server that can be reached, which may have no group.
    pub(super) async fn for_tools(&self) -> Result<Live, StoreError> {
        let link = self.clone();
        let servers = async move { Ok(link.0.connecting.lock().await.servers.clone()) };
        let servers = self.apart(servers).await?;
        let mut failed = None;
        for server in servers {
            match self.connection_to(server.clone()).await {
                Ok(connection) => return Ok(Live { connection, generation: 0, server }),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| unreachable(self.servers(), "there is no address")))
    }

    /// A connection of its own to the same server, for a watch.
    pub(super) async fn beside(&self, live: &Live) -> Result<Live, StoreError> {
        let connection = self.connection_to(live.server.clone()).await?;
        Ok(Live { connection, ..live.clone() })
    }

    async fn connection_to(
        &self,
        server: ConnectionInfo,
    ) -> Result<MultiplexedConnection, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.0.timeout))
            .set_response_timeout(None);
        let connecting = async move {
            let client = Client::open(server)?;
            client.get_multiplexed_async_connection_with_config(&config).await
        };
        // Its driver runs where it was made.
        let connecting = self.0.runtime.spawn(connecting);
        match tokio::time::timeout(self.0.timeout, connecting).await {
            Ok(Ok(Ok(connection))) => Ok(connection),
            Ok(Ok(Err(error))) => Err(self.not_connected(&error)),
            Ok(Err(_)) => Err(unreachable(self.servers(), "the thread of the connections ended")),
            Err(_) => {
                let what = format!("no answer within {:?}", self.0.timeout);
                Err(unreachable(self.servers(), &what))
            }
        }
    }

    fn not_connected(&self, error: &RedisError) -> StoreError {
        match of_request(error, self.0.group.as_str()).0.into_error() {
            StoreError::Denied { what } => StoreError::Denied { what },
            _ => unreachable(self.servers(), &error.to_string()),
        }
    }

    /// Runs a script, on the connection of the store.
    pub(super) async fn eval(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> Result<Value, Failure> {
        let live = self.live().await.map_err(Failure::Refused)?;
        self.eval_on(live, script, keys, args).await
    }

    /// Runs a script on a connection, which is given up if it turns out to be of no use.
    pub(super) async fn eval_on(
        &self,
        mut live: Live,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> Result<Value, Failure> {
        let answer = self.eval_once(&mut live, script, keys, args).await;
        answer.map_err(|(failure, connection)| {
            if connection == Connection::Useless {
                self.give_up(live.generation, &failure);
            }
            failure
        })
    }

    /// Runs a script on the connection of a watch.
    pub(super) async fn eval_beside(
        &self,
        live: &mut Live,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> Result<Value, Failure> {
        self.eval_once(live, script, keys, args).await.map_err(|(failure, _)| failure)
    }

    async fn eval_once(
        &self,
        live: &mut Live,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> Result<Value, (Failure, Connection)> {
        match self.send(live, &script.by_hash(keys, args)).await {
            Err(Error::Redis(error)) if error.code() == Some("NOSCRIPT") => {
                self.send(live, &script.by_code(keys, args)).await
            }
            answer => answer,
        }
        .map_err(|error| self.failure(error))
    }

    /// Sends a command, and waits for its answer for as long as it may take.
    pub(super) async fn command(&self, live: &mut Live, command: &Cmd) -> Result<Value, Failure> {
        self.send(live, command).await.map_err(|error| self.failure(error).0)
    }

    async fn send(&self, live: &mut Live, command: &Cmd) -> Result<Value, Error> {
        let sending = live.connection.send_packed_command(command);
        match tokio::time::timeout(self.0.timeout, sending).await {
            Ok(Ok(Value::ServerError(error))) => Err(Error::Redis(error.into())),
            Ok(answer) => answer.map_err(Error::Redis),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Sends a command that waits at the server, for a time that the caller limits.
    pub(super) async fn blocking(live: &mut Live, command: &Cmd) -> Result<Value, RedisError> {
        live.connection.send_packed_command(command).await
    }

    fn failure(&self, error: Error) -> (Failure, Connection) {
        match error {
            Error::Redis(error) => of_request(&error, self.0.group.as_str()),
            Error::Timeout => {
                let what = format!("a request to {}", self.servers());
                let error = StoreError::Timeout { what, after: self.0.timeout };
                (Failure::Unknown(error), Connection::Useless)
            }
        }
    }

    /// The connection is of no use any more: the next request makes another.
    fn give_up(&self, generation: u64, failure: &Failure) {
        let mut live = self.0.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.as_ref().is_some_and(|live| live.generation == generation) {
            *live = None;
            self.0.is_up.store(false, Ordering::Relaxed);
            let error = failure.clone().into_error();
            tracing::warn!(servers = self.servers(), %error, "lost the connection to the store");
        }
    }
}

enum Error {
    Redis(RedisError),
    Timeout,
}

fn unreachable(servers: &str, what: &str) -> StoreError {
    StoreError::Unreachable { what: format!("{servers}: {what}") }
}
