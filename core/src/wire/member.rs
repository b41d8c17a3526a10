//! `member.<node>` and `stops.<node>`: how others plan with a node, and its unconfirmed stops.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Malformed, check_version, from_json};
use crate::id::{Revision, Session, Token};
use crate::key::Key;

/// The value of a member record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// The session of the node.
    pub session: Session,
    /// The revision of the lease record with which the session began.
    pub joined: Revision,
    /// The length of the lease in ms, constant for the session.
    pub lease_ms: u64,
    /// The node's own affinity.
    pub affinity: u32,
    /// The node takes keys that begin with one of these. Empty: all keys.
    pub prefixes: Vec<String>,
    /// Whether the node takes keys.
    pub state: MemberState,
    /// In state [`Away`](MemberState::Away): how long the keys of the session wait for the node after
    /// the session has ended, in ms. Otherwise 0.
    pub away_ms: u64,
    /// The session from which the node returned, if it was away. Its keys go to this session.
    pub previous: Option<Session>,
    /// The newest balance generation whose moves the node has finished.
    pub balanced: Revision,
    /// Joins up to this revision are settled. Waiting keys are placed at the position of this record in
    /// the log.
    pub settled: Revision,
    /// Joins move no keys while any member has this.
    pub manual: bool,
    /// The number of the deploy that the node belongs to. Later deploys have higher numbers. 0: none.
    pub rollout: u64,
    /// The rollout of this node's deploy is over, although nodes of earlier deploys still live.
    pub rollout_over: bool,
    /// The lowest and the highest plan version that the node supports.
    pub plan: (u32, u32),
    /// Labels for operators.
    pub labels: BTreeMap<String, String>,
    /// The name of the machine.
    pub host: String,
    /// The name and version of the build.
    pub build: String,
}

/// Whether a member takes keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It takes keys.
    Active,
    /// It hands over all keys and takes no new ones.
    Leaving,
    /// It restarts: it stops all keys, ends its session without handing them over, and takes no new
    /// ones. For some time no other node takes them.
    Away,
}

#[derive(Serialize, Deserialize)]
struct Json {
    v: u32,
    session: String,
    joined: u64,
    lease_ms: u64,
    affinity: u32,
    #[serde(default)]
    prefixes: Vec<String>,
    state: MemberState,
    #[serde(default, skip_serializing_if = "is_none")]
    away_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(default)]
    balanced: u64,
    #[serde(default)]
    settled: u64,
    #[serde(default)]
    manual: bool,
    #[serde(default, skip_serializing_if = "is_none")]
    rollout: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rollout_over: bool,
    plan: (u32, u32),
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    host: String,
    #[serde(default)]
    build: String,
}

/// The highest [`MemberRecord::away_ms`]: one hour. The record of an ended lease, which proves that the
/// session is over, lives much longer.
pub const LONGEST_AWAY_MS: u64 = 3_600_000;

impl MemberRecord {
    /// For how long the keys of the session wait for the node after the session has ended.
    pub fn away(&self) -> Option<Duration> {
        (self.state == MemberState::Away).then(|| Duration::from_millis(self.away_ms))
    }

    /// Decodes the value of a member record.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let json: Json = from_json(value)?;
        check_version(json.v)?;
        // There is no version 0. A member that allowed only it would keep every new node out.
        if json.plan.0 == 0 || json.plan.0 > json.plan.1 {
            return Err(Malformed::OutOfBounds { field: "plan" });
        }
        let away = json.state == MemberState::Away;
        let bounds = if away { 1..=LONGEST_AWAY_MS } else { 0..=0 };
        if !bounds.contains(&json.away_ms) {
            return Err(Malformed::OutOfBounds { field: "away_ms" });
        }
        Ok(Self {
            session: json.session.parse()?,
            joined: Revision(json.joined),
            lease_ms: json.lease_ms,
            affinity: json.affinity,
            prefixes: json.prefixes,
            state: json.state,
            away_ms: json.away_ms,
            previous: json.previous.map(|session| session.parse()).transpose()?,
            balanced: Revision(json.balanced),
            settled: Revision(json.settled),
            manual: json.manual,
            rollout: json.rollout,
            rollout_over: json.rollout_over,
            plan: json.plan,
            labels: json.labels,
            host: json.host,
            build: json.build,
        })
    }

    /// Encodes this record.
    pub fn encode(&self) -> Bytes {
        super::to_json(&Json {
            v: 1,
            session: self.session.to_string(),
            joined: self.joined.0,
            lease_ms: self.lease_ms,
            affinity: self.affinity,
            prefixes: self.prefixes.clone(),
            state: self.state,
            away_ms: self.away_ms,
            previous: self.previous.map(|session| session.to_string()),
            balanced: self.balanced.0,
            settled: self.settled.0,
            manual: self.manual,
            rollout: self.rollout,
            rollout_over: self.rollout_over,
            plan: self.plan,
            labels: self.labels.clone(),
            host: self.host.clone(),
            build: self.build.clone(),
        })
    }
}

/// The most stops in the list of one record.
pub const MAX_STOPS: usize = 32;

/// The value of a stops record: the stops that the application received and has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopsRecord {
    /// The session of the node.
    pub session: Session,
    /// How many there are.
    pub count: u64,
    /// How many of them are of keys that the node gave away or lost, or gives away once this is
    /// recorded. Their runs may go on beside the next owner's.
    pub given: u64,
    /// The oldest stops, at most [`MAX_STOPS`], oldest first.
    pub oldest: Vec<OldestStop>,
}

/// One unconfirmed stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldestStop {
    /// The key.
    pub key: Key,
    /// The token of the run.
    pub token: Token,
    /// The age of the stop when this was written, in ms.
    pub since_ms: u64,
    /// The key is given away, confirmed or not.
    pub given: bool,
}

#[derive(Serialize, Deserialize)]
struct StopsJson {
    v: u32,
    session: String,
    count: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    given: u64,
    oldest: Vec<OldestJson>,
}

#[derive(Serialize, Deserialize)]
struct OldestJson {
    key: String,
    token: u64,
    since_ms: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    given: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl StopsRecord {
    /// Decodes the value of a stops record.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let json: StopsJson = from_json(value)?;
        check_version(json.v)?;
        if json.oldest.len() > MAX_STOPS {
            return Err(Malformed::OutOfBounds { field: "oldest" });
        }
        let oldest = json
            .oldest
            .into_iter()
            .map(|stop| {
                Ok(OldestStop {
                    key: Key::new(stop.key)?,
                    token: Token(stop.token),
                    since_ms: stop.since_ms,
                    given: stop.given,
                })
            })
            .collect::<Result<_, Malformed>>()?;
        let (session, count, given) = (json.session.parse()?, json.count, json.given);
        Ok(Self { session, count, given, oldest })
    }

    /// Encodes this record. Entries at the end are left out until it fits.
    pub fn encode(&self) -> Bytes {
        let mut json = StopsJson {
            v: 1,
            session: self.session.to_string(),
            count: self.count,
            given: self.given,
            oldest: self
                .oldest
                .iter()
                .take(MAX_STOPS)
                .map(|stop| OldestJson {
                    key: stop.key.as_str().to_owned(),
                    token: stop.token.0,
                    since_ms: stop.since_ms,
                    given: stop.given,
                })
                .collect(),
        };
        loop {
            let bytes = super::to_json(&json);
            if bytes.len() <= crate::log::MAX_VALUE || json.oldest.pop().is_none() {
                return bytes;
            }
        }
    }
}
