//! `claim.<key>`: who owns a key.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::plain::Plain;
use super::{Malformed, check_version, from_json};
use crate::id::{NodeId, Session, Token};

/// The most nodes in the list `cooling_down` of a claim.
pub const MAX_COOL_DOWNS: usize = 8;

/// The longest reason of a quarantine, in bytes.
pub const MAX_REASON: usize = 512;

/// The value of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The session that owns the key. `None`: the claim is free.
    pub owner: Option<Owner>,
    /// The fencing token of this owner, or of the last one if the claim is free.
    pub token: Token,
    /// The nodes that released the key and should not get it back yet, oldest first.
    pub cooling_down: Vec<CoolDown>,
    /// How often the work on the key has failed.
    pub failed: Failed,
    /// Why no node works on the key. Only a free claim has it.
    pub quarantine: Option<Quarantine>,
}

/// How often the work on a key has failed in a row, before this claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failed {
    /// The runs that gave the key up because its work failed.
    pub runs: u32,
    /// The failed attempts of these runs.
    pub attempts: u32,
}

/// Why no node works on a key until an operator retries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// The node that ran the key last.
    pub node: NodeId,
    /// The last error, of at most [`MAX_REASON`] bytes.
    pub reason: String,
    /// Since when, in Unix ms by the clock of that node.
    pub at_ms: u64,
}

/// One session of one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The node.
    pub node: NodeId,
    /// Its session.
    pub session: Session,
}

/// A node that released the key, and for how long it stays away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoolDown {
    /// The node.
    pub node: NodeId,
    /// For how long, in ms from the receipt of the record.
    pub for_ms: u64,
}

/// A claim whose node id is not copied. Every node decodes every change of owner.
#[derive(Debug)]
pub struct ReadClaim<'a> {
    /// The owner. `None`: the claim is free.
    pub owner: Option<(Text<'a>, Session)>,
    /// The token.
    pub token: Token,
    /// The nodes that released the key and should not get it back yet.
    pub cooling_down: Vec<CoolDown>,
    /// How often the work on the key has failed.
    pub failed: Failed,
    /// Why no node works on the key.
    pub quarantine: Option<Quarantine>,
}

/// A text, copied only if its JSON has escapes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
struct Json<'a> {
    v: u32,
    #[serde(borrow)]
    node: Option<Text<'a>>,
    #[serde(borrow)]
    session: Option<Text<'a>>,
    token: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    cooling_down: Vec<JsonCoolDown<'a>>,
    #[serde(default, skip_serializing_if = "is_none_failed")]
    failed: Failed,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    quarantine: Option<JsonQuarantine<'a>>,
}

#[derive(Serialize, Deserialize)]
struct JsonCoolDown<'a> {
    #[serde(borrow)]
    node: Cow<'a, str>,
    for_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct JsonQuarantine<'a> {
    #[serde(borrow)]
    node: Cow<'a, str>,
    #[serde(default, borrow)]
    reason: Cow<'a, str>,
    #[serde(default)]
    at_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none_failed(failed: &Failed) -> bool {
    *failed == Failed::default()
}

impl<'a> ReadClaim<'a> {
    /// Decodes the value of a claim. The node id is not checked.
    pub fn read(value: &'a [u8]) -> Result<Self, Malformed> {
        let Some(Plain { node, session, token }) = Plain::read(value) else {
            return Self::of_json(value);
        };
        Ok(Self {
            owner: Some((Text(node.into()), session)),
            token,
            cooling_down: Vec::new(),
            failed: Failed::default(),
            quarantine: None,
        })
    }

    /// Decodes a claim in any JSON form.
    pub(super) fn of_json(value: &'a [u8]) -> Result<Self, Malformed> {
        let json: Json<'_> = from_json(value)?;
        check_version(json.v)?;
        if json.token > Token::MAX.0 {
            return Err(Malformed::OutOfBounds { field: "token" });
        }
        if json.cooling_down.len() > MAX_COOL_DOWNS {
            return Err(Malformed::OutOfBounds { field: "cooling_down" });
        }
        let owner = match (json.node, json.session) {
            (None, _) => None,
            (Some(node), Some(session)) => Some((node, session.as_str().parse()?)),
            (Some(_), None) => return Err(Malformed::OutOfBounds { field: "session" }),
        };
        let cooling_down = json
            .cooling_down
            .into_iter()
            .map(|json| Ok(CoolDown { node: NodeId::new(json.node)?, for_ms: json.for_ms }))
            .collect::<Result<_, Malformed>>()?;
        let quarantine = json.quarantine.filter(|_| owner.is_none());
        let quarantine = quarantine.map(Quarantine::of_json).transpose()?;
        Ok(Self { owner, token: Token(json.token), cooling_down, failed: json.failed, quarantine })
    }
}

impl Quarantine {
    fn of_json(json: JsonQuarantine<'_>) -> Result<Self, Malformed> {
        if json.reason.len() > MAX_REASON {
            return Err(Malformed::OutOfBounds { field: "quarantine" });
        }
        let node = NodeId::new(json.node)?;
        Ok(Self { node, reason: json.reason.into_owned(), at_ms: json.at_ms })
    }
}

impl ClaimRecord {
    /// A claim without nodes that are cooling down, and without failures.
    pub fn new(owner: Option<Owner>, token: Token) -> Self {
        Self { owner, token, cooling_down: Vec::new(), failed: Failed::default(), quarantine: None }
    }

    /// Decodes the value of a claim.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let ReadClaim { owner, token, cooling_down, failed, quarantine } = ReadClaim::read(value)?;
        let named = |(node, session): (Text<'_>, _)| {
            Ok::<_, Malformed>(Owner { node: NodeId::new(node.as_str())?, session })
        };
        let owner = owner.map(named).transpose()?;
        Ok(Self { owner, token, cooling_down, failed, quarantine })
    }

    /// Encodes this claim.
    pub fn encode(&self) -> Bytes {
        if let (Some(Owner { node, session }), []) = (&self.owner, &self.cooling_down[..])
            && is_none_failed(&self.failed)
        {
            let (node, session, token) = (node.as_str(), *session, self.token);
            return Plain { node, session, token }.write().into();
        }
        super::to_json(&Json {
            v: 1,
            node: self.owner.as_ref().map(|o| Text(o.node.as_str().into())),
            session: self.owner.as_ref().map(|o| Text(o.session.to_string().into())),
            token: self.token.0,
            cooling_down: self
                .cooling_down
                .iter()
                .map(|of| JsonCoolDown { node: of.node.as_str().into(), for_ms: of.for_ms })
                .collect(),
            failed: self.failed,
            quarantine: self.quarantine.as_ref().map(|of| JsonQuarantine {
                node: of.node.as_str().into(),
                reason: of.reason.as_str().into(),
                at_ms: of.at_ms,
            }),
        })
    }
}
