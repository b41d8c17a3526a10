//! Several nodes of a service in one test.

mod node;
mod records;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::runs::{Overlap, Runs};
use crate::assignment::Assignment;
use crate::engine::clock::Clock;
use crate::group::Group;
use crate::id::{GroupName, Token};
use crate::key::Key;
use crate::run::Finish;
use crate::store::{MemoryStore, Store};

pub use node::{Handler, Node, NodeSetup};

/// Several nodes of a service in the process of a test, on a store in memory and in virtual time:
/// see [`testing`](crate::testing#a-test-of-a-service).
///
/// Nothing depends on the speed of the machine. Only the ids of sessions, the tokens and the pauses
/// between attempts differ from run to run.
///
/// # Panics
/// Its methods panic where a test should fail: when what they wait for has not come within
/// a hundred leases of virtual time, and when they are used in a way that makes no sense, such as with
/// a text that is not a [`Key`].
#[derive(Debug)]
pub struct Cluster {
    bed: Arc<Bed>,
}

/// What the nodes of one test have in common.
#[derive(Debug)]
struct Bed {
    store: MemoryStore,
    runs: Runs,
    nodes: Mutex<Vec<Node>>,
}

impl Cluster {
    /// A group without keys and nodes.
    ///
    /// # Panics
    /// If the clock of the runtime is not paused. Write the test with
    /// `#[tokio::test(start_paused = true)]`.
    #[expect(clippy::new_without_default, reason = "it needs a runtime whose time is paused")]
    pub fn new() -> Self {
        assert!(
            Clock::of_caller().runtime().is_some(),
            "the time of the test goes on by itself, pause it: #[tokio::test(start_paused = true)]"
        );
        let name = GroupName::new("test").expect("a legal name");
        let (store, runs) = (MemoryStore::new(name), Runs::default());
        Self { bed: Arc::new(Bed { store, runs, nodes: Mutex::default() }) }
    }

    /// A group with a node for each name, which runs this handler for each of its keys, as
    /// [`run`](crate::run()) does. [`node`](Self::node) has more settings.
    ///
    /// # Panics
    /// As [`new`](Self::new), and if a node cannot start.
    pub async fn start<H, Fut>(names: impl IntoIterator<Item = &str>, handler: H) -> Self
    where
        H: Fn(Assignment) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: Into<Finish>> + Send + 'static,
    {
        let cluster = Self::new();
        for name in names {
            cluster.node(name).run(handler.clone()).await;
        }
        cluster
    }

    /// The settings of one more node with this id, or of one that comes back after its crash.
    pub fn node(&self, name: &str) -> NodeSetup {
        NodeSetup::new(Arc::clone(&self.bed), name)
    }

    /// The nodes that were started, crashed ones included, in the order of their starts.
    pub fn nodes(&self) -> Vec<Node> {
        self.bed.nodes()
    }

    /// The store of all nodes, for its [faults](crate::testing#faults-of-the-store).
    pub fn store(&self) -> &MemoryStore {
        &self.bed.store
    }

    /// A handle on the group, as announcers, operators and callers have it.
    pub fn group(&self) -> Group {
        Group::open(self.bed.store.clone())
    }

    /// Makes these keys exist, and waits until each has an owner.
    ///
    /// # Panics
    /// If the store is [frozen](MemoryStore::freeze), or no node takes a key.
    pub async fn announce(&self, keys: impl IntoIterator<Item = impl AsRef<str>>) {
        for key in keys {
            let key = key.as_ref();
            self.group().announce(&parse(key)).await.expect("the store answers");
            self.owner(key).await;
        }
    }

    /// Waits until a node runs the key, and returns it. A node that is paused, has crashed, or has
    /// to stop the key does not run it. If several nodes do, it is the one with the highest token.
    pub async fn owner(&self, key: &str) -> Node {
        self.bed.owner(&parse(key)).await
    }

    /// Waits until every key that exists runs on one node, and no key has started or moved for two
    /// leases.
    ///
    /// # Panics
    /// If that does not come true within a hundred leases.
    pub async fn settled(&self) {
        let lease = self.bed.longest_lease();
        let (mut last, mut waited) = (None, Duration::ZERO);
        while waited < lease * PATIENCE {
            let owners = self.bed.owners().await;
            if owners.is_some() && owners == last {
                return;
            }
            last = owners;
            // Looked at in between, too: a key may go and come back.
            for _ in 0..20 {
                tokio::time::sleep(lease / 10).await;
                waited += lease / 10;
                if last.is_some() && self.bed.owners().await != last {
                    last = None;
                }
            }
        }
        panic!("the keys did not settle: {:#?}", self.group().snapshot().await);
    }

    /// What is saved in the [checkpoint](crate::checkpoint) of the key, if it has one and its value
    /// is JSON of this type.
    pub async fn saved<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let checkpoints = self.bed.store.checkpoints().ok()?;
        let record = checkpoints.read(&parse(key)).await.ok()??;
        serde_json::from_slice(&record.content?.value?).ok()
    }

    /// Waits until the condition holds. `what` is the text of the failure: what did not come true.
    ///
    /// It looks each ten milliseconds of virtual time.
    pub async fn wait_until(&self, what: &str, condition: impl FnMut() -> bool) {
        self.bed.wait_until(what, condition).await;
    }

    /// Has another node own the key, and waits until it runs there and the old owner was told of
    /// the loss ([`Reason::ClaimLost`](crate::Reason::ClaimLost)). Returns the owner; while nodes
    /// join or leave, the key may have moved on by then, also back.
    ///
    /// That is what an owner sees after the server has lost writes that it had acknowledged. So
    /// both nodes may run the key for a moment: only the fencing token protects what they write to.
    ///
    /// # Panics
    /// If no other node runs.
    pub async fn steal(&self, key: &str) -> Node {
        self.bed.steal(&parse(key)).await
    }

    /// Has the store lose what was written in this last span of time, records and checkpoints,
    /// although it was acknowledged ([`MemoryStore::lose_tail`]), and waits until the keys have
    /// [settled](Self::settled).
    pub async fn lose_tail(&self, span: Duration) {
        self.bed.store.lose_tail(span);
        self.settled().await;
    }

    /// The handlers that ran for one key at the same time, as the application saw it, oldest first.
    /// Only handlers of [`NodeSetup::run`] and [`Cluster::start`] are looked at.
    ///
    /// After [`pause_past_lease`](Node::pause_past_lease), [`steal`](Self::steal) and
    /// [`lose_tail`](Self::lose_tail) there may be one, since no library can prevent it. After
    /// every other fault there is none.
    pub fn overlaps(&self) -> Vec<Overlap> {
        self.bed.runs.overlaps()
    }

    /// Checks that there was no [overlap](Self::overlaps).
    ///
    /// # Panics
    /// If there was one.
    #[track_caller]
    pub fn assert_no_overlap(&self) {
        let overlaps = self.overlaps();
        let lines: Vec<_> = overlaps.iter().map(ToString::to_string).collect();
        assert!(overlaps.is_empty(), "{}", lines.join("\n"));
    }
}

/// The nodes are in the bed, and each has the bed.
impl Drop for Cluster {
    fn drop(&mut self) {
        self.bed.nodes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Bed {
    fn nodes(&self) -> Vec<Node> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The nodes that run, without this one.
    fn others(&self, than: &Node) -> Vec<Node> {
        let is_other = |node: &Node| node.is_running() && !node.is_same(than);
        self.nodes().into_iter().filter(is_other).collect()
    }

    fn longest_lease(&self) -> Duration {
        self.nodes().iter().map(Node::lease).max().unwrap_or(Duration::from_secs(6))
    }

    async fn wait_until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let patience = self.longest_lease() * PATIENCE;
        let begun = tokio::time::Instant::now();
        while !condition() {
            assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
            tokio::time::sleep(STEP).await;
        }
    }

    /// The node that runs the key now, and its token.
    fn runs(&self, key: &Key) -> Option<(Node, Token)> {
        let of = |node: Node| node.token_of(key).map(|token| (node, token));
        self.nodes().into_iter().filter_map(of).max_by_key(|(_, token)| *token)
    }

    async fn owner(&self, key: &Key) -> Node {
        let mut owner = None;
        let look = || {
            owner = self.runs(key);
            owner.is_some()
        };
        self.wait_until(&format!("an owner of {key}"), look).await;
        owner.expect("waited for it").0
    }

    /// The token of every key that exists; `None`: one of them does not run, or on several nodes.
    async fn owners(&self) -> Option<Vec<(Key, Token)>> {
        let snapshot = Group::open(self.store.clone()).snapshot().await.ok()?;
        let mut owners = Vec::new();
        for (key, _) in snapshot.keys() {
            let tokens: Vec<_> =
                self.nodes().iter().filter_map(|node| node.token_of(key)).collect();
            let [token] = tokens[..] else { return None };
            owners.push((key.clone(), token));
        }
        Some(owners)
    }

    async fn steal(&self, key: &Key) -> Node {
        let owner = self.owner(key).await;
        let old = owner.token_of(key).expect("it was found by that");
        let thief = self.others(&owner).into_iter().min_by_key(|node| node.keys().len());
        let thief = thief.expect("another node has to run that the key can go to");
        records::claim_for(&self.store, key, thief.divider()).await;
        // A plan may move it on at once, so it is not waited for on that node.
        let is_newer = || self.runs(key).is_some_and(|(_, token)| token > old);
        self.wait_until(&format!("a new owner of {key}"), is_newer).await;
        self.owner(key).await
    }
}

fn parse(key: &str) -> Key {
    Key::new(key).unwrap_or_else(|error| panic!("{error}"))
}

/// How often is looked at a condition.
const STEP: Duration = Duration::from_millis(10);

/// After how many leases a condition is given up.
const PATIENCE: u32 = 100;
