//! Connections: one of our own on its own thread, or a client that was handed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ClientError, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::StoreError;
use super::address::{parse_servers, with_credentials, without_credentials};
use super::denials::Denials;
use super::error::OpenError;
use super::servers::{good_first, next_server};

/// How many messages of a subscription wait for their reader before some are dropped. The server's
/// flow control stops at 32 MiB, a few hundred thousand small records.
const SUBSCRIPTION_CAPACITY: usize = 1 << 20;

/// How often a connection is looked at that is waited for.
const CHECK: Duration = Duration::from_millis(20);

/// How often one that is there is looked at: the client tells nobody that it was made again.
const RECONNECT_CHECK: Duration = Duration::from_millis(50);

/// The longest wait between two attempts to reconnect.
const MAX_RECONNECT_DELAY_MS: u64 = 500;

/// A connection and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// Where the tasks of this store run.
    pub(super) runtime: Handle,
    /// What the server refused; only a connection of our own hears it.
    pub(super) denials: Option<Arc<Denials>>,
    /// What a connection of our own is made of.
    own: Option<Arc<Own>>,
}

/// How further connections are made; the thread ends with the last holder of this.
#[derive(Debug)]
struct Own {
    servers: Vec<ServerAddr>,
    options: ConnectOptions,
    timeout: Duration,
    _stop: oneshot::Sender<()>,
}

/// How soon a connection of our own notices that a server does not answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two questions whether the server is there.
    pub(super) ping: Duration,
    /// How long one attempt to connect may take.
    pub(super) timeout: Duration,
}

impl Connection {
    /// Uses a client that somebody else made; tasks run on the runtime of the caller.
    pub(super) fn of_client(client: Client) -> Self {
        Self { client, runtime: Handle::current(), denials: None, own: None }
    }

    /// Connects on a thread with a runtime of its own, so that whatever blocks the application's
    /// executor does not stop the heartbeats.
    pub(super) async fn open(
        urls: &str,
        options: ConnectOptions,
        pace: Pace,
    ) -> Result<Self, OpenError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Connect {
            servers: without_credentials(urls),
            source,
        };
        let servers = parse_servers(urls).map_err(|error| failed(error.into()))?;
        let denials = Arc::new(Denials::default());
        let options = with_credentials(options, &servers);
        let options = tuned(options, pace);
        let writer = options.clone().event_callback({
            let (denials, servers) = (denials.clone(), without_credentials(urls));
            let refused = AtomicBool::new(false);
            move |event| {
                on_event(&servers, &denials, &refused, &event);
                std::future::ready(())
            }
        });
        let (ready, connected) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let connecting = connect(writer, servers.clone(), pace.timeout);
        std::thread::Builder::new()
            .name("divider-nats".into())
            .spawn(move || run_thread(connecting, ready, stopped))
            .map_err(|error| failed(error.into()))?;
        match connected.await {
            Ok(Ok((client, runtime))) => Ok(Self {
                client,
                runtime,
                denials: Some(denials),
                own: Some(Arc::new(Own { servers, options, timeout: pace.timeout, _stop: stop })),
            }),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed("the connection's thread ended".into())),
        }
    }

    /// A client for one watch: a connection beside this one, so that the answers to heartbeats do
    /// not queue behind a snapshot, and a message that kills its reader kills no writer.
    pub(super) async fn reader(&self) -> Result<Client, StoreError> {
        self.beside(SUBSCRIPTION_CAPACITY).await
    }

    /// A connection for requests to owners and their answers, which queue there and not before
    /// heartbeats. A subscription keeps this many messages for its reader.
    pub(super) async fn requester(&self, capacity: usize) -> Result<Self, StoreError> {
        Ok(Self { client: self.beside(capacity).await?, ..self.clone() })
    }

    async fn beside(&self, capacity: usize) -> Result<Client, StoreError> {
        let (Some(own), Some(denials)) = (&self.own, &self.denials) else {
            return Ok(self.client.clone());
        };
        let denials = denials.clone();
        let (mut options, mut servers) = (own.options.clone(), own.servers.clone());
        // The client answers when it is not about to connect again.
        let pool = tokio::time::timeout(own.timeout, self.client.server_pool()).await;
        if let Ok(Ok(pool)) = pool
            && let Some(sorted) = good_first(&servers, &pool)
        {
            (options, servers) = (options.retain_servers_order(), sorted);
        }
        let options = options.subscription_capacity(capacity);
        let options = options.event_callback(move |event| {
            if let Event::ServerError(async_nats::ServerError::Other(words)) = event {
                denials.record(&words);
            }
            std::future::ready(())
        });
        let what = match self.runtime.spawn(connect(options, servers, own.timeout)).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the thread of the connections ended".to_owned(),
        };
        Err(StoreError::Unreachable { what })
    }

    /// The runtime of the thread that this connection has to itself.
    pub(super) fn own_runtime(&self) -> Option<Handle> {
        self.own.is_some().then(|| self.runtime.clone())
    }

    /// Whether the connection is up at this moment, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits for the connection: the client would keep what is sent before, and send it then, late.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn up(&self) {
        while !self.is_up() {
            tokio::time::sleep(CHECK).await;
        }
    }

    /// Comes back when the answer to what is asked now was cut off: not where it is asked while there is
    /// no connection, since the client sends that on the next one.
    pub(super) fn cut(&self) -> impl Future<Output = ()> + use<'_> {
        let (was_up, before) = (self.is_up(), connects(&self.client));
        async move {
            if was_up {
                reconnected(&self.client, before).await;
            } else {
                std::future::pending::<()>().await;
            }
        }
    }

    /// That it is not up.
    pub(super) fn unreachable(&self) -> StoreError {
        let state = self.client.connection_state();
        StoreError::Unreachable { what: format!("the connection is {state}") }
    }

    /// What the inboxes of this client begin with, up to and with a dot.
    pub(super) fn inbox(&self) -> String {
        let inbox = self.client.new_inbox();
        inbox[..=inbox.rfind('.').unwrap_or(inbox.len() - 1)].to_owned()
    }

    /// How many refusals were heard of so far.
    pub(super) fn denial_count(&self) -> u64 {
        self.denials.as_ref().map_or(0, |denials| denials.count())
    }

    /// Waits until the server refuses the subject; never returns if it does not, or not audibly.
    pub(super) async fn denied(&self, subject: &str, since: u64) -> String {
        match &self.denials {
            Some(denials) => denials.wait(subject, &self.inbox(), since).await,
            None => std::future::pending().await,
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Ready = Result<(Client, Handle), Failure>;

/// Connects. With `retry_on_initial_connect` the client is there before its connection.
async fn connect(
    options: ConnectOptions,
    servers: Vec<ServerAddr>,
    timeout: Duration,
) -> Result<Client, Failure> {
    let client = options.connect(servers).await?;
    let connected = async {
        while client.try_server_info().is_none() {
            tokio::time::sleep(CHECK).await;
        }
    };
    let late = |_| {
        let what = format!("no server answered within {timeout:?}");
        std::io::Error::new(std::io::ErrorKind::TimedOut, what)
    };
    tokio::time::timeout(timeout, connected).await.map_err(late)?;
    Ok(client)
}

/// The thread: connects, says so, and drives the connections until nobody holds them any more.
fn run_thread(
    connecting: impl Future<Output = Result<Client, Failure>>,
    ready: oneshot::Sender<Ready>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Whoever opens has gone away if nobody listens.
            let _ = ready.send(Err(error.into()));
            return;
        }
    };
    runtime.block_on(async {
        let connected = connecting.await;
        let client = connected.map(|client| (client, Handle::current()));
        let failed = client.is_err();
        let unheard = ready.send(client).is_err();
        if !failed && !unheard {
            // An error says that the sender is gone, which is what is waited for.
            let _ = stopped.await;
        }
    });
}

/// What a lease rests on is set here, whatever the options say; the rest is theirs.
fn tuned(options: ConnectOptions, pace: Pace) -> ConnectOptions {
    options
        .ping_interval(pace.ping)
        .connection_timeout(pace.timeout)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .reconnect_delay_callback(reconnect_delay)
        .reconnect_to_server_callback(|pool, _| {
            std::future::ready(next_server(&pool, getrandom::u64().unwrap_or(0)))
        })
        .max_reconnects(None)
}

fn on_event(servers: &str, denials: &Denials, refused: &AtomicBool, event: &Event) {
    match event {
        Event::ServerError(async_nats::ServerError::Other(words)) => denials.record(words),
        Event::Connected => {
            denials.clear();
            refused.store(false, Ordering::Relaxed);
            tracing::info!(servers, "connected to the store");
        }
        Event::Disconnected => tracing::warn!(servers, "lost the connection to the store"),
        // The client tries on for ever: it is told once for each time that the connection was lost.
        Event::ClientError(ClientError::Other(words))
            if is_refusal(words) && !refused.swap(true, Ordering::Relaxed) =>
        {
            tracing::warn!(servers, error = words, "the store rejects the credentials");
        }
        other => tracing::debug!(event = %other, "event of the connection"),
    }
}

/// Whether it is the client's word for credentials that are refused, or cannot be used.
fn is_refusal(words: &str) -> bool {
    use ConnectErrorKind::{Authentication, AuthorizationViolation};
    [Authentication, AuthorizationViolation].iter().any(|kind| kind.to_string() == words)
}

/// At once, then twice as long each time up to half a second, half of it at random: after a restart of
/// the server its clients do not all come in the same moment.
fn reconnect_delay(attempts: usize) -> Duration {
    if attempts <= 1 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(16);
    let longest = (5u64 << doublings).min(MAX_RECONNECT_DELAY_MS);
    let random = getrandom::u64().unwrap_or(0);
    Duration::from_millis(longest / 2 + random % (longest / 2 + 1))
}

/// How often a client's connection was made; grows with every reconnect.
pub(super) fn connects(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}

/// Comes back when the connection was made again since it had been made that often: what was on its
/// way then does not come any more.
///
/// # Cancel safety
/// Cancel safe.
pub(super) async fn reconnected(client: &Client, before: u64) {
    while connects(client) == before {
        tokio::time::sleep(RECONNECT_CHECK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconnects_slow_down_to_half_a_second() {
        assert_eq!(reconnect_delay(1), Duration::ZERO);
        for attempts in 2..100 {
            assert!(reconnect_delay(attempts) <= Duration::from_millis(500));
        }
        assert!(reconnect_delay(99) >= Duration::from_millis(250));
    }
}
