//! A node, as programs read it.

use std::collections::BTreeMap;
use std::time::Duration;

use divider::group::OnDeadline;
use divider::snapshot::Mode;
use divider::snapshot::{DesiredState, NodeState, NodeStatus, Unconfirmed, UnconfirmedStop};
use divider::{Key, Revision, Token};
use serde::{Deserialize, Serialize};

use super::Viewer;
use super::anchor::{Anchor, unix_ms};
use crate::output::{millis, rfc3339};
use crate::words::signature;

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NodeRow {
    pub(crate) node: String,
    pub(crate) state: String,
    /// Since when it is so; null where neither the records show it nor anybody saw it.
    pub(crate) since: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) joined: u64,
    pub(crate) affinity: u32,
    pub(crate) effective_affinity: u32,
    /// The number of its deploy; 0: none.
    #[serde(default)]
    pub(crate) rollout: u64,
    pub(crate) keys: u64,
    pub(crate) target: u64,
    pub(crate) held: u64,
    pub(crate) stopping: u64,
    /// Null before its first heartbeat.
    pub(crate) last_beat_ms_ago: Option<u64>,
    pub(crate) lease_ms: u64,
    pub(crate) seen: u64,
    /// Up to which balance generation it has given what it was to give.
    pub(crate) balanced: u64,
    pub(crate) prefixes: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) host: String,
    pub(crate) build: String,
    /// For how long its keys wait for it, if it restarts.
    #[serde(default)]
    pub(crate) away_ms: Option<u64>,
    /// For how long they have waited.
    #[serde(default)]
    pub(crate) away_since_ms: Option<u64>,
    pub(crate) unconfirmed: UnconfirmedRow,
    pub(crate) intent: Option<IntentRow>,
}

/// The stops that a node was told and that its application has not confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UnconfirmedRow {
    pub(crate) count: u64,
    /// How many of them are of keys that were given away all the same.
    #[serde(default)]
    pub(crate) given: u64,
    pub(crate) oldest: Vec<StopRow>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StopRow {
    pub(crate) key: String,
    pub(crate) token: u64,
    pub(crate) age_ms: u64,
    /// The key was given away all the same.
    #[serde(default)]
    pub(crate) given: bool,
}

/// The operator's request for a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IntentRow {
    /// The drain's name; null where it is none.
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    pub(crate) affinity: Option<u32>,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) at: Option<String>,
    pub(crate) revision: u64,
    pub(crate) deadline: Option<String>,
    pub(crate) on_deadline: String,
    pub(crate) parallel: u32,
    pub(crate) paused: bool,
    pub(crate) planned: u64,
    pub(crate) drained_from: u64,
    pub(crate) adrift: u64,
    #[serde(default)]
    pub(crate) taken_over: u64,
}

impl NodeRow {
    pub(crate) fn new(status: &NodeStatus, viewer: &Viewer) -> Self {
        let stop = |stop: &UnconfirmedStop| StopRow {
            key: stop.key.to_string(),
            token: stop.token.0,
            age_ms: millis(viewer.anchor.moment().since(stop.told)),
            given: stop.given,
        };
        let unconfirmed = &status.unconfirmed;
        Self {
            node: status.node.to_string(),
            state: status.state.as_str().to_owned(),
            since: viewer.known(status.since).and_then(|since| viewer.anchor.time(since)),
            session: status.session.map(|session| session.to_string()),
            joined: status.joined.0,
            affinity: status.affinity,
            effective_affinity: status.effective_affinity,
            rollout: status.rollout,
            keys: status.keys,
            target: status.target,
            held: status.held,
            stopping: status.stopping,
            last_beat_ms_ago: status.last_beat.map(|beat| millis(viewer.beat_age(beat))),
            lease_ms: millis(status.lease),
            seen: status.seen.0,
            balanced: status.balanced.0,
            prefixes: status.prefixes.clone(),
            labels: status.labels.clone(),
            host: status.host.clone(),
            build: status.build.clone(),
            away_ms: status.away.map(millis),
            away_since_ms: (status.state == NodeState::Away)
                .then(|| millis(viewer.anchor.moment().since(status.since))),
            unconfirmed: UnconfirmedRow {
                count: unconfirmed.count,
                given: unconfirmed.given,
                oldest: unconfirmed.oldest.iter().map(stop).collect(),
            },
            intent: status.desired.as_ref().map(IntentRow::new),
        }
    }

    /// The node that it was made of, as far as it says. What no node can be is said in words.
    pub(super) fn status(self, anchor: &Anchor) -> Result<NodeStatus, String> {
        let state = state_of(&self.state)?;
        let since = anchor.read(self.since.as_deref()).unwrap_or(anchor.moment());
        let id = self.node.parse().map_err(|error| format!("{error}"))?;
        let mut status = NodeStatus::new(id, state, since);
        status.session = self.session.and_then(|session| session.parse().ok());
        status.joined = Revision(self.joined);
        status.affinity = self.affinity;
        status.effective_affinity = self.effective_affinity;
        status.rollout = self.rollout;
        status.keys = self.keys;
        status.target = self.target;
        status.held = self.held;
        status.stopping = self.stopping;
        let ago = |ms| anchor.moment() - Duration::from_millis(ms);
        status.last_beat = self.last_beat_ms_ago.map(ago);
        status.lease = Duration::from_millis(self.lease_ms);
        status.away = self.away_ms.map(Duration::from_millis);
        status.seen = Revision(self.seen);
        status.balanced = Revision(self.balanced);
        status.prefixes = self.prefixes;
        status.labels = self.labels;
        status.host = self.host;
        status.build = self.build;
        let stop = |stop: StopRow| {
            let key = Key::new(&stop.key).map_err(|error| error.to_string())?;
            let mut row = UnconfirmedStop::new(key, Token(stop.token), ago(stop.age_ms));
            row.given = stop.given;
            Ok(row)
        };
        let oldest = self.unconfirmed.oldest.into_iter().map(stop);
        let mut unconfirmed = Unconfirmed::default();
        unconfirmed.count = self.unconfirmed.count;
        unconfirmed.given = self.unconfirmed.given;
        unconfirmed.oldest = oldest.collect::<Result<_, String>>()?;
        status.unconfirmed = unconfirmed;
        status.desired = self.intent.map(IntentRow::desired).transpose()?;
        Ok(status)
    }
}

impl IntentRow {
    pub(super) fn new(desired: &DesiredState) -> Self {
        Self {
            id: desired.drain_id.clone(),
            kind: desired.mode.as_str().to_owned(),
            affinity: desired.affinity,
            by: desired.by.clone(),
            reason: desired.reason.clone(),
            at: rfc3339(desired.at_ms),
            revision: desired.revision.0,
            deadline: desired.deadline_ms.and_then(rfc3339),
            on_deadline: desired.on_deadline.as_str().to_owned(),
            parallel: desired.parallel,
            paused: desired.paused,
            planned: desired.planned.0,
            drained_from: desired.drained_from,
            adrift: desired.adrift,
            taken_over: desired.taken_over,
        }
    }

    /// The request in words: `drain by ana: kernel 6.8`.
    pub(crate) fn line(&self) -> String {
        let paused = if self.paused { " paused" } else { "" };
        let what = match (self.kind.as_str(), self.affinity) {
            ("active", None) if self.by.is_empty() => return "no request".to_owned(),
            ("active", None) => "resume".to_owned(),
            ("active", Some(affinity)) => format!("affinity {affinity}"),
            (kind, None) => format!("{kind}{paused}"),
            (kind, Some(affinity)) => format!("{kind}{paused}, affinity {affinity},"),
        };
        format!("{what} {}", signature(&self.by, &self.reason))
    }

    fn desired(self) -> Result<DesiredState, String> {
        let modes = [Mode::Active, Mode::Cordon, Mode::Drain];
        let mode = modes.into_iter().find(|mode| mode.as_str() == self.kind);
        let mut desired =
            DesiredState::new(mode.ok_or_else(|| format!("no kind of intent: {}", self.kind))?);
        desired.affinity = self.affinity;
        desired.by = self.by;
        desired.reason = self.reason;
        desired.at_ms = self.at.as_deref().and_then(unix_ms).unwrap_or_default();
        desired.revision = Revision(self.revision);
        desired.drain_id = self.id;
        desired.deadline_ms = self.deadline.as_deref().and_then(unix_ms);
        desired.on_deadline =
            if self.on_deadline == "free" { OnDeadline::Free } else { OnDeadline::Keep };
        desired.parallel = self.parallel;
        desired.paused = self.paused;
        desired.planned = Revision(self.planned);
        desired.drained_from = self.drained_from;
        desired.adrift = self.adrift;
        desired.taken_over = self.taken_over;
        Ok(desired)
    }
}

/// Every state of a node.
pub(crate) const STATES: [NodeState; 11] = [
    NodeState::Lost,
    NodeState::Late,
    NodeState::Draining,
    NodeState::Drained,
    NodeState::Emptied,
    NodeState::Leaving,
    NodeState::Away,
    NodeState::Cordoned,
    NodeState::Joining,
    NodeState::Ready,
    NodeState::Absent,
];

/// A state by its word.
pub(crate) fn state_of(word: &str) -> Result<NodeState, String> {
    let found = STATES.into_iter().find(|state| state.as_str() == word);
    let words = || STATES.map(NodeState::as_str).join(", ");
    found.ok_or_else(|| format!("unknown state {word:?}, expected one of {}", words()))
}
