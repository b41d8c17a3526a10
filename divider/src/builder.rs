//! A node's settings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::divider::Divider;
use crate::engine::clock::Clock;
use crate::engine::{self, Launch, Shared};
use crate::error::{Ended, StartError};
use crate::events::Events;
use crate::host;
use crate::id::{NodeId, Revision};
use crate::key::Key;
use crate::store::{MAX_VALUE, Store};
use divider_core::config::{self, Config, RebalancePolicy, WORTH};
use divider_core::wire::{MemberRecord, MemberState};

/// The settings of a node, and the way to start it: see [`Divider::builder`].
///
/// Without any settings a node gets a name of its own, takes its full share of all keys, and moves
/// keys when nodes join.
///
/// Each method checks its value when it is called. So that calls chain, it does not return an error:
/// the builder keeps the first one, and [`start`](Self::start) returns it before it asks anything of
/// the store. Later values do not mend it.
#[must_use = "a node runs only after `start()`"]
pub struct Builder {
    store: Arc<dyn Store>,
    node: Option<NodeId>,
    affinity: u32,
    prefixes: Vec<String>,
    lease: Option<Duration>,
    start_timeout: Option<Duration>,
    stop_timeout: Option<Duration>,
    cool_down: Duration,
    join: JoinPolicy,
    rebalance: Rebalance,
    labels: BTreeMap<String, String>,
    build: String,
    /// The first value that was refused.
    invalid: Option<StartError>,
}

/// What a node does at its start while another session holds its node id.
///
/// A session holds an id from its join until it leaves. A process that crashed did not leave, so its
/// session holds the id until somebody observes that it is silent for a whole lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JoinPolicy {
    /// Observe the other session for its lease. If it sends no heartbeat, take its place; if it
    /// does, the start fails with [`StartError::NodeIdInUse`].
    ///
    /// It suits a fixed id on any platform: a restart after a crash waits one lease of the crashed
    /// process, a restart after a clean shutdown waits for nothing, and a second process with the id
    /// by mistake does no harm.
    #[default]
    Observe,
    /// Fail with [`StartError::NodeIdInUse`] at once, also where the other process is long dead and
    /// no node has observed that yet.
    ///
    /// For processes that something else restarts, and that shall rather fail than wait.
    FailIfInUse,
    /// Take the place of the other session at once. This gives up one owner for each key where the
    /// other process lives: its keys may run twice for up to its lease, and then it ends with
    /// [`Ended::Replaced`].
    ///
    /// Only for platforms that guarantee one process to an id, where it spares a restart after a
    /// crash the wait of a lease.
    TakeOver,
}

/// Whether keys that run move when a node joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Rebalance {
    /// They do: the new node gets its share, with the fewest moves.
    #[default]
    OnJoin,
    /// They do not, until somebody asks for it ([`Group::rebalance`](crate::Group::rebalance)). For
    /// work that is dear to move. One member that says so decides it for the whole group.
    Manual,
}

/// The shortest lease.
pub const MIN_LEASE: Duration = Duration::from_millis(300);

/// The longest lease.
pub const MAX_LEASE: Duration = Duration::from_mins(5);

impl Builder {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            node: None,
            affinity: 100,
            prefixes: Vec::new(),
            lease: None,
            start_timeout: None,
            stop_timeout: None,
            cool_down: Duration::from_secs(30),
            join: JoinPolicy::default(),
            rebalance: Rebalance::default(),
            labels: BTreeMap::new(),
            build: String::new(),
            invalid: None,
        }
    }

    /// Keeps the first error.
    fn refuse(mut self, error: StartError) -> Self {
        self.invalid.get_or_insert(error);
        self
    }

    /// The node's name in the group: a [`NodeId`], at most 64 bytes of `A-Z a-z 0-9 _ -`, and dots
    /// between them as a host name has. Longer host names have to be shortened: `worker-1` of
    /// `worker-1.shop.svc.cluster.local`.
    ///
    /// One process at a time may have it. A fixed name (a pod's of a stateful set, a machine's) lets
    /// an operator drain the node by name across restarts, and lets a restarted process find that it
    /// was there before: it waits one lease for the old process, then takes its place. Unless set,
    /// it is the machine's name with a random ending, so that a restart is another node.
    ///
    /// After a crash the keys of a fixed name are idle for that lease, however soon the process is
    /// back. Then they move twice: to the other nodes, and back when the new session's join is
    /// balanced. [`JoinPolicy::TakeOver`] spares the wait where it may be used.
    pub fn node(mut self, id: impl Into<String>) -> Self {
        match NodeId::new(id.into()) {
            Ok(id) => self.node = Some(id),
            Err(error) => return self.refuse(error.into()),
        }
        self
    }

    /// Its weight among the nodes, from 0 to `u32::MAX`, without a unit: a node of 200 gets twice as
    /// many keys as one of 100. 0: no new keys. 100 unless set, which leaves room on both sides.
    pub fn affinity(mut self, affinity: u32) -> Self {
        self.affinity = affinity;
        self
    }

    /// Take only keys that begin with this; call it again for further ones. A prefix is text of at
    /// least one byte that a key can begin with. Every key unless set, so that no key is left out by
    /// mistake.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        if let Err(source) = Key::new(&prefix) {
            return self.refuse(StartError::Prefix { prefix, source });
        }
        self.prefixes.push(prefix);
        self
    }

    /// How long the node keeps its keys without hearing of the store, from [`MIN_LEASE`] (300 ms) to
    /// [`MAX_LEASE`] (5 min).
    ///
    /// It is also how long the keys of a crashed node stay idle, and two thirds of it is how long an
    /// outage of the store may last before work stops: the rest is what has passed since the last
    /// heartbeat, and the time for stopping. A short lease finds crashes fast and costs more
    /// heartbeats (six to a lease) and more false alarms: below 1 s a pause of the process or an
    /// election of the servers costs it. Unless set it is 6 s on one server and 18 s on a replicated
    /// bucket, which outlasts the election of a new leader (5 to 8 s); a shorter one there is warned
    /// about. Nodes of one group may differ.
    pub fn lease(mut self, lease: Duration) -> Self {
        if !(MIN_LEASE..=MAX_LEASE).contains(&lease) {
            return self.refuse(StartError::LeaseOutOfRange { lease });
        }
        self.lease = Some(lease);
        self
    }

    /// A word about the node for operators, as `zone` = `eu-1`; the same name again replaces it. None
    /// unless set. All of them and the prefixes have to fit into the node's record, of 8 KiB.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The build that runs, for operators: a version, a commit. This library's version unless set.
    pub fn build_name(mut self, build: impl Into<String>) -> Self {
        self.build = build.into();
        self
    }

    /// What to do while another session holds the node id; it makes a difference for fixed ids
    /// ([`node`](Self::node)) only. [`JoinPolicy::Observe`] unless set: it is right on any platform,
    /// and costs a restart after a crash one lease.
    pub fn join_policy(mut self, policy: JoinPolicy) -> Self {
        self.join = policy;
        self
    }

    /// Whether keys that run move when a node joins. [`Rebalance::OnJoin`] unless set.
    pub fn rebalance(mut self, rebalance: Rebalance) -> Self {
        self.rebalance = rebalance;
        self
    }

    /// Hand a key over this long after its stop was told, confirmed or not. Never unless set, since
    /// any limit gives up one owner for each key; take several times what the slowest stop takes.
    ///
    /// This gives up exclusivity for a key whose stop takes longer: the old work may still run when
    /// the new one starts. [`run`](crate::run()) drops the handler at its next `await` then, and a log
    /// line says so; work that blocks goes on all the same. Without it a key waits for its confirmation
    /// for ever, which blocks that key alone.
    pub fn stop_timeout(mut self, after: Duration) -> Self {
        self.stop_timeout = Some(after);
        self
    }

    /// How long a key that this node released does not come back to it. 30 s unless set: long enough
    /// for most causes of a release to pass, and for the other nodes to try. Zero: it may come back at
    /// once.
    ///
    /// A key that every node which may take it has released is idle until the first of their cool-downs
    /// ends; so is one that eight nodes have, since a claim names no more of them. Each time a log line
    /// says so.
    pub fn cool_down(mut self, span: Duration) -> Self {
        self.cool_down = span;
        self
    }

    /// How long [`start`](Self::start) may take. Two leases and 30 s unless set: the time to watch a
    /// former process of the same id for its lease, and to live through an election. If that process
    /// had a much longer lease than this one, give more.
    pub fn start_timeout(mut self, after: Duration) -> Self {
        self.start_timeout = Some(after);
        self
    }

    /// Starts the node, off the application's executor, and waits until it is a member of the group.
    ///
    /// # Errors
    /// [`StartError`]: the first value that a method of this builder refused, before anything is asked
    /// of the store; a group that does not exist and a missing permission at once; other failures of
    /// the store are retried until [`start_timeout`](Self::start_timeout).
    ///
    /// # Cancel safety
    /// Dropping the future gives the start up; a session that had begun is ended in the background.
    pub async fn start(self) -> Result<(Divider, Events), StartError> {
        let timeout = self.start_timeout;
        let lease = self.lease;
        let store = Arc::clone(&self.store);
        let config = self.into_config()?;
        let clock = Clock::of_caller();
        if clock.runtime().is_some() && !store.keeps_paused_time() {
            return Err(StartError::PausedClock);
        }

        let group = store.group().clone();
        let shared = Shared::new(group, config.node.clone(), config.affinity, clock);
        let shared = Arc::new(shared);
        let (commands, requests) = mpsc::channel(engine::QUEUE);
        let (answer, started) = oneshot::channel();
        // Made before the wait: dropped with it, it cancels the node.
        let events = Events::new(Arc::clone(&shared));
        let divider = Divider::new(Arc::clone(&shared), commands);
        engine::launch(Launch { store, config, lease, timeout, shared, requests, answer })?;
        match started.await {
            Ok(joined) => joined.map(|()| (divider, events)),
            Err(_) => Err(StartError::Over(Ended::Failed)),
        }
    }

    fn into_config(self) -> Result<Config, StartError> {
        if let Some(error) = self.invalid {
            return Err(error);
        }
        let host = host::name();
        let node = match self.node {
            Some(id) => id,
            None => host::node_id(&host).map_err(StartError::System)?,
        };
        let config = Config {
            node,
            affinity: self.affinity,
            prefixes: self.prefixes,
            // The engine puts the store's in where none was asked for.
            lease: self.lease.unwrap_or(MIN_LEASE),
            join: match self.join {
                JoinPolicy::Observe => config::JoinPolicy::Observe,
                JoinPolicy::FailIfInUse => config::JoinPolicy::FailIfInUse,
                JoinPolicy::TakeOver => config::JoinPolicy::TakeOver,
            },
            rebalance: match self.rebalance {
                Rebalance::OnJoin => RebalancePolicy::OnJoin,
                Rebalance::Manual => RebalancePolicy::Manual,
            },
            stop_timeout: self.stop_timeout,
            cool_down: self.cool_down,
            worth: WORTH,
            labels: self.labels,
            host,
            build: if self.build.is_empty() { DEFAULT_BUILD.to_owned() } else { self.build },
            sessions: host::sessions().map_err(StartError::System)?,
        };
        check_size(&config)?;
        Ok(config)
    }
}

/// Checks that the node's record fits into a value.
fn check_size(config: &Config) -> Result<(), StartError> {
    let bytes = member_len(config);
    if bytes > MAX_VALUE {
        return Err(StartError::MemberTooLarge { bytes, most: MAX_VALUE });
    }
    Ok(())
}

/// The length of the node's record with its longest numbers.
fn member_len(config: &Config) -> usize {
    let record = MemberRecord {
        session: crate::id::Session::from_bits(u128::MAX),
        joined: Revision(u64::MAX),
        lease_ms: u64::MAX,
        affinity: u32::MAX,
        prefixes: config.prefixes.clone(),
        state: MemberState::Leaving,
        balanced: Revision(u64::MAX),
        settled: Revision(u64::MAX),
        manual: true,
        plan: (u32::MAX, u32::MAX),
        labels: config.labels.clone(),
        host: config.host.clone(),
        build: config.build.clone(),
    };
    record.encode().len()
}

const DEFAULT_BUILD: &str = concat!("divider ", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("store", &self.store)
            .field("node", &self.node)
            .field("affinity", &self.affinity)
            .field("prefixes", &self.prefixes)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;
    use crate::store::MemoryStore;

    fn builder() -> Builder {
        Builder::new(Arc::new(MemoryStore::new(GroupName::new("g").expect("legal"))))
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let check = |builder: Builder, want: &str| {
            let error = builder.into_config().expect_err(want);
            assert_eq!(error.to_string(), want);
        };
        check(builder().node(""), "node id is empty: expected 1 to 64 of A-Z a-z 0-9 _ - .");
        check(builder().prefix("a").prefix(""), "no key can have this prefix: \"\"");
        let lease = |ms| builder().lease(Duration::from_millis(ms));
        check(lease(299), "lease is out of range, from 300 ms to 5 min: 299ms");
        check(lease(300_001), "lease is out of range, from 300 ms to 5 min: 300.001s");
        let long = builder().label("x", "y".repeat(9000)).into_config();
        assert!(matches!(long, Err(StartError::MemberTooLarge { bytes: 9001.., most: 8192 })));
    }

    #[test]
    fn the_first_invalid_setting_is_the_one_that_is_reported() {
        let builder = builder().lease(Duration::ZERO).node("").lease(MIN_LEASE);
        let error = builder.into_config().expect_err("two are invalid");
        assert!(matches!(error, StartError::LeaseOutOfRange { lease: Duration::ZERO }));
    }

    #[test]
    fn the_ends_of_the_range_of_leases_are_legal() {
        for lease in [MIN_LEASE, MAX_LEASE] {
            assert_eq!(builder().lease(lease).into_config().expect("legal").lease, lease);
        }
    }

    #[test]
    fn settings_reach_the_core() {
        let config = builder()
            .node("w1")
            .affinity(7)
            .prefix("/a/")
            .prefix("/b/")
            .label("zone", "eu")
            .build_name("1.2.3")
            .join_policy(JoinPolicy::TakeOver)
            .rebalance(Rebalance::Manual)
            .stop_timeout(Duration::from_secs(9))
            .into_config()
            .expect("legal");
        assert_eq!(config.node.as_str(), "w1");
        assert_eq!(config.affinity, 7);
        assert_eq!(config.prefixes, ["/a/", "/b/"]);
        assert_eq!(config.labels["zone"], "eu");
        assert_eq!(config.build, "1.2.3");
        assert_eq!(config.join, config::JoinPolicy::TakeOver);
        assert_eq!(config.rebalance, RebalancePolicy::Manual);
        assert_eq!(config.stop_timeout, Some(Duration::from_secs(9)));
        assert_eq!(config.cool_down, Duration::from_secs(30));
    }

    #[test]
    fn a_node_without_a_name_gets_one_of_its_own() {
        let one = builder().into_config().expect("legal").node;
        let other = builder().into_config().expect("legal").node;
        assert_ne!(one, other);
    }
}
