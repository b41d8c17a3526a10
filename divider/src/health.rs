//! The health of a node, for probes, status pages and alerts.
//!
//! | question | answer | for |
//! |---|---|---|
//! | does the node run? | [`Health::live`] | a liveness probe: restart the process if it is false |
//! | may the node work now? | [`Health::ready`], [`Health::not_ready`] | a readiness probe |
//! | will the node get new keys? | [`Health::no_new_keys`] | a status page |
//!
//! A node that is not ready becomes ready by itself, when its store answers again. So readiness is no
//! reason for a restart: a restart of all nodes during an outage of the store only makes it longer.
//!
//! A node whose server is not there at its start does not start: [`Builder::start`](crate::Builder::start)
//! needs an open store. `NatsOptions::wait_for_server` makes the store wait for a server. Serve
//! the probes before that, with "not ready" as the answer until the node has started: a process that
//! waits for its server is alive.
//!
//! ```
//! # use divider::{Divider, GroupName, MemoryStore};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let store = MemoryStore::new(GroupName::new("orders")?);
//! let (divider, events) = Divider::builder(store).start().await?;
//! // In the handler of `/readyz`:
//! let health = divider.health();
//! let (status, text) = match &health.not_ready {
//!     None => (200, "ready".to_owned()),
//!     Some(why) => (503, why.to_string()),
//! };
//! # assert_eq!((status, text.as_str()), (200, "ready"));
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::watch;

use crate::engine::{Facts, Shared};
use crate::error::Ended;
use crate::id::Session;
use divider_core::node::Phase;
use divider_core::wire::ControlRecord;

pub use divider_core::wire::Mode;

/// The health of a node at one moment: see [`Divider::health`](crate::Divider::health).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether the node runs: it is not over, and its engine got to run within the last lease. It is
    /// true while the store is away.
    pub live: bool,
    /// Whether the node may work, as [`Divider::is_ready`](crate::Divider::is_ready).
    pub ready: bool,
    /// Why the node is not ready. `None` exactly where it is.
    pub not_ready: Option<NotReady>,
    /// Why the node gets no new keys. `None`: it gets its share. What is in
    /// [`not_ready`](Self::not_ready) is here, too.
    pub no_new_keys: Option<NotReady>,
    /// How long the node's keys stay its own if nothing is heard of the store any more, as
    /// [`Divider::lease_remaining`](crate::Divider::lease_remaining).
    pub lease_remaining: Duration,
    /// Whether the connection to the store is up. `None`: the store does not say.
    pub connected: Option<bool>,
    /// The current session.
    pub session: Session,
    /// What operators request of the node. `None`: they never requested anything.
    pub requested: Option<Requested>,
}

/// What operators request of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requested {
    /// Whether the node keeps its keys and gets new ones.
    pub mode: Mode,
    /// The affinity that replaces the node's own, where there is one.
    pub affinity: Option<u32>,
    /// Who requested it. Empty if that is unknown.
    pub by: String,
    /// Why. Empty if no reason was given.
    pub reason: String,
}

/// Why a node is not ready, or gets no new keys. `Display` is a sentence for a status page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotReady {
    /// The node has not been a member of the group yet.
    Joining,
    /// The lease is about to end, since no heartbeat was acknowledged: the store is away, or the
    /// process did not get to run. The keys are lost, or will be in a moment.
    LeaseEnding,
    /// The lease ended, and all keys were lost. The node joins again by itself when the store answers.
    Fenced,
    /// The node leaves by the application's own request
    /// ([`flush`](crate::Divider::flush), [`cancel`](crate::Divider::cancel)).
    Leaving,
    /// The node is over.
    Over(Ended),
    /// The node reads the log again, after a lost connection for example. It goes on with the keys that
    /// it has. Only in [`Health::no_new_keys`].
    ViewIncomplete,
    /// An operator drains the node. Only in [`Health::no_new_keys`].
    Drained {
        /// Who requested it.
        by: String,
    },
    /// An operator cordoned the node. Only in [`Health::no_new_keys`].
    Cordoned {
        /// Who requested it.
        by: String,
    },
    /// The affinity of the node is 0. Only in [`Health::no_new_keys`].
    NoAffinity,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joining => f.write_str("the node is joining the group"),
            Self::LeaseEnding => f.write_str(
                "the lease is about to end: the store does not answer, or this process does not get to run",
            ),
            Self::Fenced => {
                f.write_str("the lease ended and all keys were lost; the node is joining again")
            }
            Self::Leaving => f.write_str("the node is shutting down"),
            Self::Over(ended) => write!(f, "the node is over: {ended}"),
            Self::ViewIncomplete => f.write_str("the node is reading the log again"),
            Self::Drained { by } => write!(f, "drained by {}", somebody(by)),
            Self::Cordoned { by } => write!(f, "cordoned by {}", somebody(by)),
            Self::NoAffinity => f.write_str("the affinity of the node is 0"),
        }
    }
}

fn somebody(by: &str) -> &str {
    if by.is_empty() { "an operator" } else { by }
}

impl Health {
    pub(crate) fn of(shared: &Shared) -> Self {
        let facts = shared.vitals.facts();
        let ended = shared.ended();
        let not_ready = (!shared.is_ready()).then(|| match &ended {
            Some(ended) => NotReady::Over(ended.clone()),
            None if shared.is_leaving() => NotReady::Leaving,
            None => not_ready(&facts),
        });
        let no_new_keys = not_ready.clone().or_else(|| no_new_keys(&facts, shared.affinity()));
        Self {
            live: ended.is_none() && shared.vitals.is_running(shared.clock().time()),
            ready: not_ready.is_none(),
            no_new_keys,
            lease_remaining: shared.lease_remaining(),
            connected: shared.services().store().and_then(|store| store.is_connected()),
            session: shared.session(),
            requested: facts.requested.map(Requested::from),
            not_ready,
        }
    }

    /// Whether only times differ.
    fn is_like(&self, other: &Self) -> bool {
        let lease_remaining = self.lease_remaining;
        *self == Self { lease_remaining, ..other.clone() }
    }
}

/// Why a node is not ready that neither leaves nor is over.
fn not_ready(facts: &Facts) -> NotReady {
    match facts.condition.phase {
        Phase::Joining => NotReady::Joining,
        Phase::Member => NotReady::LeaseEnding,
        Phase::Fenced => NotReady::Fenced,
        Phase::Ending => NotReady::Leaving,
    }
}

/// Why a node that is ready gets no new keys.
fn no_new_keys(facts: &Facts, own_affinity: u32) -> Option<NotReady> {
    let requested = facts.requested.as_ref();
    let by = || requested.map(|control| control.by.clone()).unwrap_or_default();
    match requested.map_or(Mode::Active, |control| control.mode) {
        Mode::Drain => return Some(NotReady::Drained { by: by() }),
        Mode::Cordon => return Some(NotReady::Cordoned { by: by() }),
        _ => {}
    }
    let affinity = requested.and_then(|control| control.affinity).unwrap_or(own_affinity);
    if affinity == 0 {
        return Some(NotReady::NoAffinity);
    }
    (!facts.condition.is_view_complete).then_some(NotReady::ViewIncomplete)
}

impl From<ControlRecord> for Requested {
    fn from(control: ControlRecord) -> Self {
        let ControlRecord { mode, affinity, by, reason, .. } = control;
        Self { mode, affinity, by, reason }
    }
}

/// The health of a node, and each change of it: see
/// [`Divider::watch_health`](crate::Divider::watch_health).
#[derive(Debug)]
pub struct HealthWatch {
    shared: Arc<Shared>,
    facts: watch::Receiver<Facts>,
    /// What was returned last.
    last: Option<Health>,
}

impl HealthWatch {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { facts: shared.vitals.subscribe(), shared, last: None }
    }

    /// The health of the node: at the first call as it is, then after the next change of anything but
    /// [`Health::lease_remaining`]. `None` after the node is over, once that was returned.
    ///
    /// What the node itself notices is returned at once. A lost connection, a lease that runs out and a
    /// stuck engine are noticed within a quarter of a second. Changes that are undone before the next
    /// call are not seen.
    ///
    /// # Cancel safety
    /// Cancel safe: a change that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Health> {
        loop {
            self.facts.mark_unchanged();
            let health = Health::of(&self.shared);
            if self.last.as_ref().is_none_or(|last| !last.is_like(&health)) {
                self.last = Some(health.clone());
                return Some(health);
            }
            let ended = pin!(self.shared.wait_ended());
            if matches!(health.not_ready, Some(NotReady::Over(_))) {
                return None;
            }
            select! {
                _ = self.facts.changed() => {}
                _ = ended => {}
                () = tokio::time::sleep(SAMPLE) => {}
            }
        }
    }
}

/// How often a watch looks for what nobody reports.
const SAMPLE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
