//! A key, as programs read it.

use std::sync::Arc;

use divider::snapshot::{KeyStatus, Moment, Phase, Quarantine, Snapshot};
use divider::{Key, Revision, Token};
use serde::{Deserialize, Serialize};

use super::{Anchor, Viewer};

/// One key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    pub(crate) key: String,
    pub(crate) owner: Option<String>,
    pub(crate) phase: String,
    /// The planned owner, if it differs from the owner.
    pub(crate) to: Option<String>,
    pub(crate) token: u64,
    pub(crate) revision: u64,
    /// Since when owner and phase are so; null where neither the records show it nor anybody saw it.
    pub(crate) since: Option<String>,
    /// Why no node works on it; null unless it is quarantined.
    #[serde(default)]
    pub(crate) quarantine: Option<QuarantineRow>,
}

/// Why no node works on a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QuarantineRow {
    pub(crate) reason: String,
    /// The node that ran it last.
    pub(crate) node: String,
    /// The failed attempts in a row.
    pub(crate) attempts: u32,
    /// How many times in a row a node gave it up.
    pub(crate) runs: u32,
    /// Since when, by the clock of that node, in Unix ms.
    pub(crate) at_unix_ms: u64,
}

impl QuarantineRow {
    fn new(of: &Quarantine) -> Self {
        let Quarantine { reason, node, attempts, runs, at_ms, .. } = of;
        let (attempts, runs, at_unix_ms) = (*attempts, *runs, *at_ms);
        Self { reason: reason.clone(), node: node.to_string(), attempts, runs, at_unix_ms }
    }

    fn quarantine(self) -> Result<Quarantine, String> {
        let node = self.node.parse().map_err(|error| format!("{error}"))?;
        let mut quarantine = Quarantine::new(self.reason, node, self.at_unix_ms);
        (quarantine.attempts, quarantine.runs) = (self.attempts, self.runs);
        Ok(quarantine)
    }
}

impl KeyRow {
    pub(crate) fn new(key: &Key, status: &KeyStatus, since: Option<Moment>, at: &Anchor) -> Self {
        Self {
            key: key.to_string(),
            owner: status.owner.as_ref().map(ToString::to_string),
            phase: status.phase.as_str().to_owned(),
            to: status.to.as_ref().map(ToString::to_string),
            token: status.token.0,
            revision: status.revision.0,
            since: since.and_then(|since| at.time(since)),
            quarantine: status.quarantine.as_deref().map(QuarantineRow::new),
        }
    }

    /// The key that it was made of.
    pub(super) fn status(self, anchor: &Anchor) -> Result<(Key, KeyStatus), String> {
        let node = |node: Option<String>| {
            node.map(|node| node.parse()).transpose().map_err(|error| format!("{error}"))
        };
        let since = anchor.read(self.since.as_deref()).unwrap_or(anchor.moment());
        let mut status = KeyStatus::new(phase_of(&self.phase)?, since);
        status.owner = node(self.owner)?;
        status.to = node(self.to)?;
        status.token = Token(self.token);
        status.revision = Revision(self.revision);
        let quarantine = self.quarantine.map(QuarantineRow::quarantine).transpose()?;
        status.quarantine = quarantine.map(Arc::new);
        Ok((Key::new(&self.key).map_err(|error| error.to_string())?, status))
    }
}

/// Since when a key is as it is: by its node's word where it was told to stop, else by what the
/// viewer saw.
pub(crate) fn since(
    snapshot: &Snapshot,
    key: &Key,
    status: &KeyStatus,
    viewer: &Viewer,
) -> Option<Moment> {
    let owner = status.owner.as_ref().filter(|_| status.phase == Phase::Stopping);
    let stops = owner.and_then(|owner| snapshot.node(owner)).map(|node| &node.unconfirmed.oldest);
    let told = stops.and_then(|stops| stops.iter().find(|stop| stop.key == *key));
    told.map(|stop| stop.told).or_else(|| viewer.known(status.since))
}

/// A phase by its word.
pub(crate) fn phase_of(word: &str) -> Result<Phase, String> {
    let phases = Phase::ALL;
    let found = phases.into_iter().find(|phase| phase.as_str() == word);
    found.ok_or_else(|| {
        format!("unknown phase {word:?}, expected one of {}", phases.map(Phase::as_str).join(", "))
    })
}
