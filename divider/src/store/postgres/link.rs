//! One connection, which is made again when it is lost.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Row};

use super::super::StoreError;
use super::error::{Failed, words};
use super::tls::Tls;
use crate::backoff::Backoff;

/// A parameter of a statement, with its type: so a statement needs no round trip to be prepared,
/// and works through a pooler that gives each transaction another connection.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// How connections are made.
#[derive(Clone)]
pub(super) struct Connector {
    /// One for each host.
    pub(super) configs: Arc<[Config]>,
    /// The host that was connected to last: it is tried first.
    pub(super) last_good: Arc<AtomicUsize>,
    pub(super) tls: Tls,
    pub(super) runtime: Handle,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) group: Arc<str>,
    /// Where it is, without secrets.
    pub(super) address: Arc<str>,
}

/// A connection, or the attempt to make one.
pub(super) struct Link {
    connector: Connector,
    /// What is run first on each connection.
    greeting: Option<String>,
    /// Told of each notification and each new connection.
    changed: Option<watch::Sender<()>>,
    state: Mutex<State>,
    is_up: AtomicBool,
}

struct State {
    live: Option<Arc<Live>>,
    /// It goes on when the one who began it stops waiting.
    connecting: Option<Connecting>,
    waits: Backoff,
    not_before: Instant,
}

/// A connection that was made.
pub(super) struct Live {
    client: Client,
    driver: AbortHandle,
    is_cut: AtomicBool,
}

impl Live {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn is_usable(&self) -> bool {
        !self.is_cut.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    /// Gives the connection up, with everything that waits on it.
    fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.driver.abort();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connector {
    /// Makes a connection. It ends when the result is dropped.
    pub(super) async fn connect(
        &self,
        greeting: Option<String>,
        changed: Option<watch::Sender<()>>,
    ) -> Result<Live, ConnectFailed> {
        self.begin(greeting, changed).await.unwrap_or(Err(ConnectFailed::Ended))
    }

    /// Begins to make a connection, to the first host that is as it should be.
    fn begin(&self, greeting: Option<String>, changed: Option<watch::Sender<()>>) -> Connecting {
        let this = self.clone();
        self.runtime.spawn(async move {
            let mut failed = ConnectFailed::Ended;
            let (first, hosts) = (this.last_good.load(Ordering::Relaxed), this.configs.len());
            for at in (0..hosts).map(|step| (first + step) % hosts) {
                let one = this.connect_to(&this.configs[at], greeting.as_deref(), changed.clone());
                match tokio::time::timeout(this.connect_timeout, one).await {
                    Ok(Ok(live)) => {
                        this.last_good.store(at, Ordering::Relaxed);
                        return Ok(live);
                    }
                    Ok(Err(error)) => failed = error,
                    Err(_) => failed = ConnectFailed::Late(this.connect_timeout),
                }
            }
            Err(failed)
        })
    }

    async fn connect_to(
        &self,
        config: &Config,
        greeting: Option<&str>,
        changed: Option<watch::Sender<()>>,
    ) -> Result<Live, ConnectFailed> {
        let connected = config.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(ConnectFailed::Client)?;
        let driver = tokio::spawn(drive(connection, changed)).abort_handle();
        let live = Live { client, driver, is_cut: AtomicBool::new(false) };
        if let Some(greeting) = greeting {
            live.client.batch_execute(greeting).await.map_err(ConnectFailed::Client)?;
        }
        Ok(live)
    }
}

/// A connection that is being made.
type Connecting = JoinHandle<Result<Live, ConnectFailed>>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFailed {
    #[error(transparent)]
    Client(tokio_postgres::Error),
    #[error("no server answered within {0:?}")]
    Late(Duration),
    #[error("the thread of the connections ended")]
    Ended,
}

impl ConnectFailed {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Client(error) => words(error),
            other => other.to_string(),
        }
    }
}

/// Reads and writes a connection until it ends.
async fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    changed: Option<watch::Sender<()>>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => {
                if let Some(changed) = &changed {
                    changed.send_replace(());
                }
            }
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::debug!(notice = %notice.message(), "a notice of PostgreSQL");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = %words(&error), "a connection to PostgreSQL was lost");
                return;
            }
        }
    }
}

impl Link {
    pub(super) fn new(
        connector: Connector,
        greeting: Option<String>,
        changed: Option<watch::Sender<()>>,
    ) -> Self {
        let waits = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let state = State { live: None, connecting: None, waits, not_before: Instant::now() };
        Self {
            connector,
            greeting,
            changed,
            state: Mutex::new(state),
            is_up: AtomicBool::new(true),
        }
    }

    /// Whether the connection was up when it was used last.
    pub(super) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// The connection, made again if it was lost. It may wait between attempts.
    async fn live(&self) -> Result<Arc<Live>, StoreError> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live
            && live.is_usable()
        {
            return Ok(Arc::clone(live));
        }
        if state.live.take().is_some() {
            self.on_lost();
        }
        self.is_up.store(false, Ordering::Relaxed);
        tokio::time::sleep_until(state.not_before).await;
        let begin = || self.connector.begin(self.greeting.clone(), self.changed.clone());
        let made = state.connecting.get_or_insert_with(begin).await;
        state.connecting = None;
        match made.unwrap_or(Err(ConnectFailed::Ended)) {
            Ok(live) => {
                let live = Arc::new(live);
                state.live = Some(Arc::clone(&live));
                state.waits.reset();
                self.is_up.store(true, Ordering::Relaxed);
                if let Some(changed) = &self.changed {
                    tracing::info!(servers = &*self.connector.address, "connected to the store");
                    changed.send_replace(());
                }
                Ok(live)
            }
            Err(error) => {
                let wait = state.waits.next(getrandom::u32().unwrap_or(0));
                state.not_before = Instant::now() + wait;
                Err(StoreError::Unreachable { what: error.words() })
            }
        }
    }

    fn on_lost(&self) {
        // One link speaks for all of the store.
        if self.changed.is_some() {
            tracing::warn!(servers = &*self.connector.address, "lost the connection to the store");
        }
    }

    /// Waits until there is a connection.
    pub(super) async fn ready(&self, deadline: Instant) -> Result<(), StoreError> {
        match tokio::time::timeout_at(deadline, self.live()).await {
            Ok(live) => live.map(drop),
            Err(_) => Err(StoreError::Unreachable { what: "there is no connection".to_owned() }),
        }
    }

    /// Runs one statement.
    pub(super) async fn query(
        &self,
        what: &str,
        statement: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Failed> {
        let after = self.connector.request_timeout;
        let deadline = Instant::now() + after;
        let late = || StoreError::Timeout { what: what.to_owned(), after };
        let Ok(live) = tokio::time::timeout_at(deadline, self.live()).await else {
            let what = format!("no connection within {after:?}");
            return Err(Failed::NotSent(StoreError::Unreachable { what }));
        };
        let live = live.map_err(Failed::NotSent)?;
        match tokio::time::timeout_at(deadline, live.client.query_typed(statement, params)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                let failed = Failed::of(&error, &self.connector.group);
                if failed.is_unreachable() {
                    live.cut();
                }
                Err(match failed {
                    Failed::Refused(StoreError::Timeout { what, .. }) => {
                        Failed::Refused(StoreError::Timeout { what, after })
                    }
                    failed => failed,
                })
            }
            Err(_) => {
                // What it answers later is for nobody, and the next statement would wait behind it.
                live.cut();
                Err(Failed::Unknown(late()))
            }
        }
    }
}
