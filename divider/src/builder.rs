//! The settings of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::divider::Divider;
use crate::engine::clock::Clock;
use crate::engine::{self, Launch, Services, Shared};
use crate::error::{Ended, StartError};
use crate::events::Events;
use crate::host;
use crate::id::{NodeId, Revision};
use crate::key::Key;
use crate::store::{MAX_VALUE, Store};
#[cfg(any(test, feature = "testing"))]
use crate::testing::gate::Gate;
use divider_core::config::{self, Config, RebalancePolicy, WORTH};
use divider_core::wire::{LONGEST_AWAY_MS, MemberRecord, MemberState};

/// The settings of a node, and the way to start it: see [`Divider::builder`].
///
/// All settings are optional. By default, a node has a unique name, takes its share of all keys,
/// and lets a join move running keys.
///
/// Each method checks its value when it is called. It does not return an error, so that calls can
/// be chained. The builder keeps the first error, and [`start`](Self::start) returns that error
/// before it sends any request to the store. A later valid value does not remove the error.
#[must_use = "a node runs only after `start()`"]
pub struct Builder {
    store: Arc<dyn Store>,
    node: Option<NodeId>,
    affinity: u32,
    rollout: u64,
    prefixes: Vec<String>,
    lease: Option<Duration>,
    start_timeout: Option<Duration>,
    stop_timeout: Option<Duration>,
    cool_down: Duration,
    checkpoint_retention: Duration,
    join: JoinPolicy,
    rebalance: Rebalance,
    labels: BTreeMap<String, String>,
    build: String,
    /// The first value that was refused.
    invalid: Option<StartError>,
    #[cfg(any(test, feature = "testing"))]
    gate: Gate,
}

/// What a node does at its start while another session holds its node id.
///
/// A *session* begins when a node joins the group, and holds the node id until the node leaves. A
/// process that crashed did not leave. Its session holds the id until a node has observed for a
/// whole lease that the session sends no heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JoinPolicy {
    /// Observe the other session for its lease. If that session sends no heartbeat, take its place.
    /// Otherwise the start fails with [`StartError::NodeIdInUse`].
    ///
    /// This policy suits a fixed id on any platform. A restart after a crash waits for one lease of
    /// the crashed process. A restart after a clean shutdown does not wait. A second process that
    /// uses the id by mistake does no harm.
    #[default]
    Observe,
    /// Fail with [`StartError::NodeIdInUse`] at once, even if the other process has ended and no
    /// node has observed that yet.
    ///
    /// Use this policy if a supervisor restarts the process, and the process should fail rather
    /// than wait.
    FailIfInUse,
    /// Take the place of the other session at once. If the other process is still alive, this gives
    /// up the one-owner guarantee: its keys may run twice for up to one lease of that process. Then
    /// that process ends with [`Ended::Replaced`].
    ///
    /// Use it only on platforms that guarantee one process for each id. There it avoids the wait of
    /// one lease after a crash.
    TakeOver,
}

/// Whether keys that run move when a node joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Rebalance {
    /// Running keys move until the new node has its share. If nodes have different
    /// [prefixes](Builder::prefix), some keys may also move between the other nodes.
    #[default]
    OnJoin,
    /// Running keys move only when an operator requests it
    /// ([`Group::rebalance`](crate::Group::rebalance)). Use this for work that is expensive to
    /// move. If one member has this setting, it applies to the whole group.
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
            rollout: 0,
            prefixes: Vec::new(),
            lease: None,
            start_timeout: None,
            stop_timeout: None,
            cool_down: Duration::from_secs(30),
            checkpoint_retention: Duration::from_hours(7 * 24),
            join: JoinPolicy::default(),
            rebalance: Rebalance::default(),
            labels: BTreeMap::new(),
            build: String::new(),
            invalid: None,
            #[cfg(any(test, feature = "testing"))]
            gate: Gate::default(),
        }
    }

    /// Has the node's own task pass this gate.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// Keeps the first error.
    fn refuse(mut self, error: StartError) -> Self {
        self.invalid.get_or_insert(error);
        self
    }

    /// The node's name in the group: a [`NodeId`], at most 64 bytes of `A-Z a-z 0-9 _ -`. A dot may
    /// stand between two of these bytes. Cut a host name that is too long at a dot, for example
    /// `worker-1.shop.svc.cluster.local` to `worker-1`.
    ///
    /// Only one process at a time may use a name. Examples of a fixed name are the name of a pod in
    /// a stateful set and the name of a machine. With a fixed name, an operator can drain the node
    /// by name across restarts. A restarted process with a fixed name waits one lease for the old
    /// process, then takes its place. The default is the machine's name with a random suffix, so
    /// each restart is a new node.
    ///
    /// After a crash, the keys of a node with a fixed name are idle during this wait, even if the
    /// process restarts at once. Then other nodes take them over, and the rebalance for the
    /// restarted node moves keys back. [`JoinPolicy::TakeOver`] avoids the wait, but only some
    /// platforms allow it.
    pub fn node(mut self, id: impl Into<String>) -> Self {
        match NodeId::new(id.into()) {
            Ok(id) => self.node = Some(id),
            Err(error) => return self.refuse(error.into()),
        }
        self
    }

    /// The node's weight, from 0 to `u32::MAX`, without a unit: a node with 200 gets twice as many
    /// keys as a node with 100. With 0, the node gets no new keys. The default is 100, so that a
    /// node can have less or more.
    pub fn affinity(mut self, affinity: u32) -> Self {
        self.affinity = affinity;
        self
    }

    /// The number of the deploy that the node belongs to, such as a build number or the time of the
    /// deploy. Every deploy needs a higher number than the one before. 0, the default: none.
    ///
    /// It is for deploys that start new nodes beside the old ones. While nodes of several deploys
    /// are members, joins move no keys, and all keys that need a node go to nodes of the newest
    /// deploy. So when the old nodes leave, one after another, every key moves exactly once. Only a
    /// key that no node of the newest deploy may take still goes to an old one.
    ///
    /// The rollout is over when the last node of an earlier deploy leaves; when an operator
    /// requests a rebalance; and in any case one hour after a node of the newest deploy has joined.
    /// From then on all members share the keys as usual.
    pub fn rollout(mut self, number: u64) -> Self {
        self.rollout = number;
        self
    }

    /// Makes the node take only keys that begin with this prefix. Call the method again to add more
    /// prefixes. A prefix is valid if it is a valid [`Key`]. By default, the node takes every key,
    /// so that no key is left out by mistake.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        if let Err(source) = Key::new(&prefix) {
            return self.refuse(StartError::Prefix { prefix, source });
        }
        self.prefixes.push(prefix);
        self
    }

    /// How long the node keeps its keys without an answer from the store, from [`MIN_LEASE`] (300
    /// ms) to [`MAX_LEASE`] (5 min).
    ///
    /// The keys of a crashed node are idle for one lease. An outage of the store may last two
    /// thirds of a lease before work stops. The last third has two uses: when the outage begins, up
    /// to a sixth of the lease has passed since the last heartbeat; and a sixth is kept for
    /// stopping the work.
    ///
    /// With a short lease, other nodes detect a crash sooner. But a short lease costs more writes
    /// (six heartbeats per lease) and is lost more easily: below 1 s, a pause of the process or the
    /// election of a new leader is enough. The default is 6 s on one server and 18 s on a
    /// replicated bucket, which is longer than the election of a new leader (5 to 8 s). A shorter
    /// lease on a replicated bucket logs a warning. Nodes of one group may have different leases.
    pub fn lease(mut self, lease: Duration) -> Self {
        if !(MIN_LEASE..=MAX_LEASE).contains(&lease) {
            return self.refuse(StartError::LeaseOutOfRange { lease });
        }
        self.lease = Some(lease);
        self
    }

    /// Adds a label to the node for operators, such as `zone` = `eu-1`. A second label with the
    /// same name replaces the first one. By default, a node has no labels. All labels and prefixes
    /// together must fit into the node's record of 8 KiB.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The build of the application, for operators: a version or a commit. The default is the
    /// version of this library.
    pub fn build_name(mut self, build: impl Into<String>) -> Self {
        self.build = build.into();
        self
    }

    /// What to do while another session holds the node id. This matters only for fixed ids
    /// ([`node`](Self::node)). The default is [`JoinPolicy::Observe`]: it is safe on any platform,
    /// and a restart after a crash waits one lease.
    pub fn join_policy(mut self, policy: JoinPolicy) -> Self {
        self.join = policy;
        self
    }

    /// Whether running keys move when a node joins. The default is [`Rebalance::OnJoin`].
    pub fn rebalance(mut self, rebalance: Rebalance) -> Self {
        self.rebalance = rebalance;
        self
    }

    /// How long a stop may stay unconfirmed. After that time, the key is handed over anyway. By
    /// default there is no limit, because any limit gives up the one-owner guarantee. Choose
    /// several times the duration of the slowest stop.
    ///
    /// The guarantee is given up only for a key whose stop takes longer: its old work may still run
    /// when the new work starts. After the limit, [`run`](crate::run()) drops the handler at its
    /// next `await`, and a log line reports this. A handler that blocks its thread continues.
    /// Without a limit, a key waits until its stop is confirmed, and blocks no other key.
    pub fn stop_timeout(mut self, after: Duration) -> Self {
        self.stop_timeout = Some(after);
        self
    }

    /// How long a key that this node has released stays away from this node. The default is 30 s:
    /// long enough for most causes of a release to pass, and for other nodes to try the key. With
    /// zero, the key may return at once.
    ///
    /// If every eligible node has released a key, the key is idle until the first of their
    /// cool-downs ends. The key is also idle while eight cool-downs of the key run, because its
    /// claim lists at most eight. A log line reports each of these cases.
    ///
    /// The time begins when the hand-over is recorded. If the node loses its lease before that, no
    /// cool-down begins.
    pub fn cool_down(mut self, span: Duration) -> Self {
        self.cool_down = span;
        self
    }

    /// How long the [checkpoint](crate::checkpoint) of a key stays after the key was retracted
    /// while this node owned it, in whole seconds. The default is 7 days, the shortest time is a
    /// second. A key that is announced again within that time finds its checkpoint. The tombstone
    /// of a deleted checkpoint stays as long, too.
    pub fn checkpoint_retention(mut self, span: Duration) -> Self {
        self.checkpoint_retention = span.max(Duration::from_secs(1));
        self
    }

    /// How long [`start`](Self::start) may take. The default is two leases plus 30 s. In this time,
    /// the node can observe an earlier process with the same id for one lease, and the servers can
    /// elect a new leader. If the earlier process had a much longer lease, choose a longer time.
    pub fn start_timeout(mut self, after: Duration) -> Self {
        self.start_timeout = Some(after);
        self
    }

    /// Starts the node outside the application's executor, and waits until the node is a member of
    /// the group.
    ///
    /// # Errors
    /// [`StartError`]. If a method of this builder refused a value, that error is returned before
    /// any request to the store. A group that does not exist, or a missing permission, is reported
    /// at once. Other failures of the store are retried until
    /// [`start_timeout`](Self::start_timeout).
    ///
    /// # Cancel safety
    /// If the future is dropped, the start is cancelled. A session that had begun is ended in the
    /// background.
    pub async fn start(self) -> Result<(Divider, Events), StartError> {
        let timeout = self.start_timeout;
        let (lease, checkpoint_retention) = (self.lease, self.checkpoint_retention);
        let store = Arc::clone(&self.store);
        #[cfg(any(test, feature = "testing"))]
        let gate = self.gate.clone();
        let config = self.into_config()?;
        let clock = Clock::of_caller();
        if clock.runtime().is_some() && !store.keeps_paused_time() {
            return Err(StartError::PausedClock);
        }

        let group = store.group().clone();
        let (node, services) = (config.node.clone(), Services::new(&store, checkpoint_retention));
        let shared = Shared::with_services(group, node, config.affinity, clock, services);
        let shared = Arc::new(shared);
        let (commands, requests) = mpsc::channel(engine::QUEUE);
        let (answer, started) = oneshot::channel();
        // Made before the wait: dropped with it, it cancels the node.
        let events = Events::new(Arc::clone(&shared));
        let divider = Divider::new(Arc::clone(&shared), commands);
        engine::launch(Launch {
            store,
            config,
            lease,
            timeout,
            shared,
            requests,
            answer,
            #[cfg(any(test, feature = "testing"))]
            gate,
        })?;
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
            rollout: self.rollout,
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
        away_ms: LONGEST_AWAY_MS,
        previous: Some(crate::id::Session::from_bits(u128::MAX)),
        balanced: Revision(u64::MAX),
        settled: Revision(u64::MAX),
        manual: true,
        rollout: u64::MAX,
        rollout_over: true,
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
