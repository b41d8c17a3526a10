//! `claim.<key>`: who owns a key.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Malformed, check_version, from_json};
use crate::id::{NodeId, Session, Token};

/// The most nodes that one claim remembers as having released the key.
pub const MAX_NOT: usize = 8;

/// The value of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The session that owns the key; `None`: free.
    pub owner: Option<Owner>,
    /// The fencing token of this ownership, or the last one's if free.
    pub token: Token,
    /// Who released it and should not get it back yet.
    pub not: Vec<NotNode>,
}

/// One session of one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The node.
    pub node: NodeId,
    /// Its session.
    pub session: Session,
}

/// A node that released the key, and for how long it does not want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNode {
    /// The node.
    pub node: NodeId,
    /// How long from the receipt of the record, in milliseconds.
    pub for_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Json<'a> {
    v: u32,
    #[serde(borrow)]
    node: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    session: Option<std::borrow::Cow<'a, str>>,
    token: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    not: Vec<JsonNot<'a>>,
}

#[derive(Serialize, Deserialize)]
struct JsonNot<'a> {
    #[serde(borrow)]
    node: std::borrow::Cow<'a, str>,
    for_ms: u64,
}

impl ClaimRecord {
    /// Reads a claim's value.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let json: Json<'_> = from_json(value)?;
        check_version(json.v)?;
        if json.token > Token::MAX.0 {
            return Err(Malformed::OutOfBounds { field: "token" });
        }
        if json.not.len() > MAX_NOT {
            return Err(Malformed::OutOfBounds { field: "not" });
        }
        let owner = match (json.node, json.session) {
            (None, _) => None,
            (Some(node), Some(session)) => {
                Some(Owner { node: NodeId::new(node)?, session: session.parse()? })
            }
            (Some(_), None) => return Err(Malformed::OutOfBounds { field: "session" }),
        };
        let not = json
            .not
            .into_iter()
            .map(|not| Ok(NotNode { node: NodeId::new(not.node)?, for_ms: not.for_ms }))
            .collect::<Result<_, Malformed>>()?;
        Ok(Self { owner, token: Token(json.token), not })
    }

    /// The value of this claim.
    pub fn encode(&self) -> Bytes {
        super::to_json(&Json {
            v: 1,
            node: self.owner.as_ref().map(|o| o.node.as_str().into()),
            session: self.owner.as_ref().map(|o| o.session.to_string().into()),
            token: self.token.0,
            not: self
                .not
                .iter()
                .map(|not| JsonNot { node: not.node.as_str().into(), for_ms: not.for_ms })
                .collect(),
        })
    }
}
