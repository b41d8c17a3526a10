//! One node of a test.

use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::task::JoinHandle;

use super::super::gate::Gate;
use super::super::link::Link;
use super::super::runs::Runs;
use super::{Bed, records};
use crate::assignment::Assignment;
use crate::builder::Builder;
use crate::divider::{Divider, Flushed};
use crate::events::Events;
use crate::id::{NodeId, Token};
use crate::key::Key;
use crate::run::{Finish, Run};

/// The handler of a node in a test: the application's own, which the test can pause.
pub type Handler = Box<dyn Fn(Assignment) -> BoxFuture<'static, Finish> + Send + Sync>;

/// The settings of a node, and the ways to start it: see [`Cluster::node`](super::Cluster::node).
#[must_use = "a node runs only after `run` or `serve`"]
#[derive(Debug)]
pub struct NodeSetup {
    bed: Arc<Bed>,
    builder: Builder,
    gate: Gate,
}

/// A node in a test. Clones are the same node.
#[derive(Clone)]
pub struct Node(Arc<NodeState>);

struct NodeState {
    bed: Arc<Bed>,
    divider: Divider,
    gate: Gate,
    lease: Duration,
    /// The application's task.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl NodeSetup {
    pub(super) fn new(bed: Arc<Bed>, name: &str) -> Self {
        let gate = Gate::default();
        let link = Link::new(bed.store.clone(), gate.clone());
        let builder = Divider::builder(link).gate(gate.clone()).node(name);
        Self { bed, builder, gate }
    }

    /// Changes the settings of the node, such as its lease or its affinity.
    pub fn configure(mut self, change: impl FnOnce(Builder) -> Builder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// Starts the node, and runs this handler for each of its keys, as [`run`](crate::run()) does.
    ///
    /// # Panics
    /// If the node cannot start.
    pub async fn run<H, Fut>(self, handler: H) -> Node
    where
        H: Fn(Assignment) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Finish>> + Send + 'static,
    {
        self.run_with(handler, |run| run).await
    }

    /// The same with settings of [`Run`], such as [`max_attempts`](Run::max_attempts).
    ///
    /// # Panics
    /// If the node cannot start.
    pub async fn run_with<H, Fut>(
        self,
        handler: H,
        change: impl FnOnce(Run<Handler, Pending<()>>) -> Run<Handler, Pending<()>>,
    ) -> Node
    where
        H: Fn(Assignment) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Finish>> + Send + 'static,
    {
        let (runs, gate) = (self.bed.runs.clone(), self.gate.clone());
        self.serve(move |divider, events| {
            let handler = watched(divider.node().clone(), runs, gate, handler);
            let running = change(crate::run(divider, events, handler)).into_future();
            async move {
                // A test that looks at the end looks at the node.
                let _ = running.await;
            }
        })
        .await
    }

    /// Starts the node, and gives it to an application that handles its events by itself.
    ///
    /// A pause halts the node, its way to the store, and this future; tasks that it spawned go on
    /// until they ask the store.
    ///
    /// # Panics
    /// If the node cannot start.
    pub async fn serve<F>(self, application: impl FnOnce(Divider, Events) -> F) -> Node
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { bed, builder, gate } = self;
        let started = builder.start().await;
        let (divider, events) = started.unwrap_or_else(|error| panic!("no node: {error:?}"));
        let application = gate.pass(application(divider.clone(), events));
        let task = tokio::spawn(async move { _ = application.await });
        let lease_ms = records::lease_ms(&bed.store, &divider).await;
        let lease = Duration::from_millis(lease_ms.expect("a member has a lease"));
        let task = Mutex::new(Some(task));
        let node = Node(Arc::new(NodeState { bed, divider, gate, lease, task }));
        let mut nodes = node.0.bed.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.push(node.clone());
        drop(nodes);
        node
    }
}

/// The handler behind the gate of its node, with a record of its steps.
fn watched<H, Fut>(node: NodeId, runs: Runs, gate: Gate, handler: H) -> Handler
where
    H: Fn(Assignment) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Finish>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Box::new(move |mine: Assignment| {
        let (gate, handler) = (gate.clone(), Arc::clone(&handler));
        let run = runs.begin(&node, &mine, &gate);
        Box::pin(async move {
            let work = async move { handler(mine).await.into() };
            let mut work = pin!(gate.pass(work));
            let step = poll_fn(|cx| {
                if gate.is_open() {
                    run.step();
                }
                work.as_mut().poll(cx)
            });
            match step.await {
                Some(finish) => finish,
                None => pending().await,
            }
        })
    })
}

impl Node {
    /// Its id.
    pub fn name(&self) -> &str {
        self.0.divider.node().as_str()
    }

    /// The handle on the node, as the application has it.
    pub fn divider(&self) -> &Divider {
        &self.0.divider
    }

    /// The keys that it runs now, sorted; none while it is paused or after its crash.
    pub fn keys(&self) -> Vec<Key> {
        self.running().map(|mine| mine.key().clone()).collect()
    }

    /// Its process is gone without a word, as after SIGKILL: its handlers are dropped at their next
    /// `await`, and nothing that it has begun to write arrives. Its keys are idle until its lease
    /// has ended: wait for them with [`owner`](super::Cluster::owner) or
    /// [`settled`](super::Cluster::settled).
    ///
    /// What a drop does is done, in contrast to a real crash. Tasks that the application spawned by
    /// itself live on, without the store.
    pub async fn crash(&self) {
        self.0.gate.kill();
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It ends by the gate, or by a panic of the application.
            let _ = task.await;
        }
        // Time passes when all that was woken by this has ended.
        tokio::time::sleep(super::STEP).await;
    }

    /// Halts the node with its handlers, as SIGSTOP does with a process, until
    /// [`resume`](Self::resume).
    pub fn pause(&self) {
        self.0.gate.pause();
    }

    /// Lets it go on where it was.
    pub fn resume(&self) {
        self.0.gate.resume();
    }

    /// Halts the node until its lease has ended and others run its keys, then lets it go on, and
    /// waits until it has noticed: it is a member again, with a new session.
    ///
    /// When it goes on, its handlers are in the middle of work on keys that others own, a *zombie*,
    /// and may write once more before they are cancelled. So a test looks at whatever they write
    /// to: it has to refuse the older fencing token.
    ///
    /// Where no other node may take the keys, it only waits for three leases.
    pub async fn pause_past_lease(&self) {
        let (bed, divider) = (&self.0.bed, &self.0.divider);
        let (session, held) = (divider.session(), self.keys());
        self.pause();
        let is_over = || divider.lease_remaining().is_zero();
        bed.wait_until("the end of the lease", is_over).await;
        let taken = || held.iter().all(|key| bed.runs(key).is_some());
        let taken = bed.wait_until("other owners", taken);
        if tokio::time::timeout(bed.longest_lease() * 3, taken).await.is_err() {
            tracing::debug!("no other node took all keys of a paused one");
        }
        self.resume();
        self.is_back(session).await;
    }

    /// Ends the session of the node, as other nodes do that have not seen its heartbeats: it loses
    /// all its keys at once ([`Reason::Fenced`](crate::Reason::Fenced)). Waits until it is a member
    /// again.
    pub async fn fence(&self) {
        let session = self.0.divider.session();
        records::end_session(&self.0.bed.store, &self.0.divider, session).await;
        self.is_back(session).await;
    }

    /// Shuts the node down as a deploy does: it stops its keys, hands them over and ends.
    ///
    /// # Panics
    /// If the node has ended before.
    pub async fn shut_down(&self) -> Flushed {
        let flushed = self.0.divider.flush_and_cancel().await;
        flushed.unwrap_or_else(|ended| panic!("{} has ended before: {ended}", self.name()))
    }

    /// Waits until it is a member with another session than this.
    async fn is_back(&self, session: crate::id::Session) {
        let divider = &self.0.divider;
        let is_back = || divider.session() != session && divider.is_ready();
        let what = format!("{} as a member again", self.name());
        self.0.bed.wait_until(&what, is_back).await;
    }

    pub(super) fn lease(&self) -> Duration {
        self.0.lease
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn is_running(&self) -> bool {
        self.0.gate.is_open() && self.0.divider.ended().now_or_never().is_none()
    }

    /// The token with which it runs the key.
    pub(super) fn token_of(&self, key: &Key) -> Option<Token> {
        self.running().find(|mine| mine.key() == key).map(|mine| mine.token())
    }

    fn running(&self) -> impl Iterator<Item = Assignment> {
        let assigned = if self.is_running() { self.0.divider.assigned() } else { Vec::new() };
        assigned.into_iter().filter(|mine| mine.is_valid() && !mine.is_cancelled())
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.name()).finish()
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
