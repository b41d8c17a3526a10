//! Where the engine runs: on the thread of the store's connection, or on one of its own. Where a test
//! has paused the time of its runtime, it runs there, since nowhere else would that time be.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use super::driver::Driver;
use super::requests::{Request, Requests};
use super::shared::Shared;
use super::starting::Starting;
use crate::error::{Ended, StartError};
use crate::store::{Info, Store, StoreError};
#[cfg(any(test, feature = "testing"))]
use crate::testing::gate::Gate;
use divider_core::config::Config;
use divider_core::node::Node;

/// All that a node starts with.
pub(crate) struct Launch {
    /// Where the group's log is.
    pub(crate) store: Arc<dyn Store>,
    /// The node's settings; without a lease of its own, it gets the store's.
    pub(crate) config: Config,
    /// The lease that was asked for.
    pub(crate) lease: Option<Duration>,
    /// How long it may take to become a member.
    pub(crate) timeout: Option<Duration>,
    /// What the engine and the application share.
    pub(crate) shared: Arc<Shared>,
    /// The application's commands.
    pub(crate) requests: mpsc::Receiver<Request>,
    /// Who waits for the node to become a member.
    pub(crate) answer: oneshot::Sender<Result<(), StartError>>,
    /// Halts the node while a test says so.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) gate: Gate,
}

/// Starts the engine. It ends by itself when the node is over.
pub(crate) fn launch(launch: Launch) -> Result<(), StartError> {
    // Of the highest level, so that it is there whatever lines are listened to.
    let span = tracing::error_span!(
        "divider", group = %launch.shared.group(), node = %launch.shared.node()
    );
    let paused = launch.shared.clock().runtime().cloned();
    if let Some(runtime) = paused.or_else(|| launch.store.runtime()) {
        #[cfg(any(test, feature = "testing"))]
        let gate = launch.gate.clone();
        let node = run_to_end(launch).instrument(span);
        #[cfg(any(test, feature = "testing"))]
        let node = gate.pass(node);
        runtime.spawn(node);
        return Ok(());
    }
    let name = format!("divider-{}", launch.config.node);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::System)?;
    let main = move || runtime.block_on(run_to_end(launch).instrument(span));
    std::thread::Builder::new().name(name).spawn(main).map_err(StartError::System)?;
    Ok(())
}

/// Runs the node, and reports its end, also after a panic.
async fn run_to_end(launch: Launch) {
    // Dropped last: those who wait for the end are woken when nothing of the node is left.
    let mut guard = EndGuard { shared: Arc::clone(&launch.shared), ended: Ended::Failed };
    guard.ended = Box::pin(run(launch)).await;
}

/// Reports the end of the node when it is dropped.
struct EndGuard {
    shared: Arc<Shared>,
    ended: Ended,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.shared.end(self.ended.clone());
    }
}

async fn run(launch: Launch) -> Ended {
    let Launch { store, mut config, lease, timeout, shared, requests, answer, .. } = launch;
    let begun = shared.clock().time();
    match choose_lease(&*store, &shared, lease, timeout).await {
        Ok(lease) => config.lease = lease,
        Err(error) => {
            let _ = answer.send(Err(error));
            return Ended::Cancelled;
        }
    }
    let lease = config.lease;
    let timeout = timeout.unwrap_or(config.lease * 2 + START_TIMEOUT);
    let starting = Starting::new(answer, begun, timeout);
    let core = Node::new(config, shared.clock().now());
    let driver = Driver::new(core, store, shared, Requests::new(requests), starting, lease);
    Box::pin(driver.drive()).await
}

/// The lease that was asked for, or the one that suits the store.
pub(super) async fn choose_lease(
    store: &dyn Store,
    shared: &Shared,
    asked: Option<Duration>,
    timeout: Option<Duration>,
) -> Result<Duration, StartError> {
    let info = ask(store, shared, timeout.unwrap_or(START_TIMEOUT)).await?;
    let replicated = info.replicas > 1;
    let lease = asked.unwrap_or(if replicated { REPLICATED_LEASE } else { SINGLE_LEASE });
    if replicated && lease < REPLICATED_LEASE {
        tracing::warn!(
            ?lease,
            replicas = info.replicas,
            "lease is shorter than 18 s on a replicated store"
        );
    }
    Ok(lease)
}

/// Asks about the log until there is an answer.
async fn ask(store: &dyn Store, shared: &Shared, span: Duration) -> Result<Info, StartError> {
    let mut last = None;
    let asked = async {
        loop {
            match store.info().await {
                Ok(info) => return Ok(info),
                Err(error @ (StoreError::NoGroup { .. } | StoreError::Denied { .. })) => {
                    return Err(StartError::Store(error));
                }
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    let answer = select! {
        answer = tokio::time::timeout(span, asked) => answer,
        () = shared.cancel_requested() => return Err(StartError::Over(Ended::Cancelled)),
    };
    answer.unwrap_or(Err(StartError::TimedOut { after: span, last }))
}

/// The lease on one server.
const SINGLE_LEASE: Duration = Duration::from_secs(6);

/// The lease on several: it outlasts the worst election.
const REPLICATED_LEASE: Duration = Duration::from_secs(18);

/// How long a node may take to join beyond two leases, which the process before it may cost.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause before the store is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);
