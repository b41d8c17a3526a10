//! `claim.<key>`: who owns a key.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::plain::Plain;
use super::{Malformed, check_version, from_json};
use crate::id::{NodeId, Session, Token};

/// The most nodes in the list `cooling_down` of a claim.
pub const MAX_COOL_DOWNS: usize = 8;

/// The value of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The session that owns the key. `None`: the claim is free.
    pub owner: Option<Owner>,
    /// The fencing token of this owner, or of the last one if the claim is free.
    pub token: Token,
    /// The nodes that released the key and should not get it back yet, oldest first.
    pub cooling_down: Vec<CoolDown>,
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
}

#[derive(Serialize, Deserialize)]
struct JsonCoolDown<'a> {
    #[serde(borrow)]
    node: Cow<'a, str>,
    for_ms: u64,
}

impl<'a> ReadClaim<'a> {
    /// Decodes the value of a claim. The node id is not checked.
    pub fn read(value: &'a [u8]) -> Result<Self, Malformed> {
        let Some(Plain { node, session, token }) = Plain::read(value) else {
            return Self::of_json(value);
        };
        Ok(Self { owner: Some((Text(node.into()), session)), token, cooling_down: Vec::new() })
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
        Ok(Self { owner, token: Token(json.token), cooling_down })
    }
}

impl ClaimRecord {
    /// Decodes the value of a claim.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let ReadClaim { owner, token, cooling_down } = ReadClaim::read(value)?;
        let named = |(node, session): (Text<'_>, _)| {
            Ok::<_, Malformed>(Owner { node: NodeId::new(node.as_str())?, session })
        };
        Ok(Self { owner: owner.map(named).transpose()?, token, cooling_down })
    }

    /// Encodes this claim.
    pub fn encode(&self) -> Bytes {
        if let (Some(Owner { node, session }), []) = (&self.owner, &self.cooling_down[..]) {
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
        })
    }
}
