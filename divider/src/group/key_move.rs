//! Moving one key to a named node.

use super::history::entry;
use super::{Group, OperateError, Requester, WriteResult};
use crate::id::{NodeId, Revision};
use crate::key::Key;
use divider_core::wire::{ClaimRecord, ControlRecord, HistoryKind, KeyMove, RecordName};

/// A requested move of one key: what [`Group::move_key`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestedMove {
    /// The key.
    pub key: Key,
    /// The owner at the time of the request.
    pub from: NodeId,
    /// The node that gets the key.
    pub to: NodeId,
    /// The revision of the claim that the move replaces.
    pub claim: Revision,
    /// [`WriteResult::Already`]: the node owns the key, or the same move is on record.
    pub result: WriteResult,
}

/// The most moves that the control record of a node lists. The oldest goes when another one comes.
const MOST: usize = 16;

impl Group {
    /// Requests that a running key moves from its owner to this node, once. It moves as in a rebalance:
    /// stop, confirmation, one write. Returns when the request is on record; [`watch`](Self::watch) the
    /// owner of the key to see the end.
    ///
    /// Nothing keeps the key there: a later drain or rebalance may move it on. A node that may not take
    /// the key (it is cordoned or drained, has affinity 0 or other prefixes, or released the key a moment
    /// ago) does not get it. Such a request waits until the node may take the key, until the key has
    /// another claim, or until it is [withdrawn](Self::withdraw_move).
    /// [`candidates`](super::GroupWatch::candidates) shows beforehand which nodes may take it.
    ///
    /// # Errors
    /// [`OperateError::NoSuchKey`], [`OperateError::NotOwned`], [`OperateError::UnknownNode`] before
    /// anything is written; and those of every request, as [`cordon`](Self::cordon) has them.
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn move_key(
        &self,
        key: &Key,
        to: &NodeId,
        requester: &Requester,
    ) -> Result<RequestedMove, OperateError> {
        requester.texts()?;
        self.check_known(to).await?;
        let (from, claim) = self.owner_of(key).await?;
        let answer = |result| {
            let (key, from, to) = (key.clone(), from.clone(), to.clone());
            RequestedMove { key, from, to, claim, result }
        };
        if from == *to {
            return Ok(answer(WriteResult::Already(claim)));
        }
        let wanted = KeyMove { key: key.to_string(), claim: claim.0, to: to.to_string() };
        let name = RecordName::Control(from.clone());
        let edited = self.edit(&name, |record| {
            let mut record: ControlRecord = record.unwrap_or_default();
            if record.moves.contains(&wanted) {
                return Ok(None);
            }
            record.moves.retain(|other| other.key != wanted.key);
            record.moves.push(wanted.clone());
            let surplus = record.moves.len().saturating_sub(MOST);
            record.moves.drain(..surplus);
            Ok(Some(record))
        });
        let edited = edited.await?;
        if let WriteResult::Changed(revision) = edited {
            let note = entry(HistoryKind::MoveRequested, &from).at(revision).with_keys(Some(1));
            let because = if requester.reason().is_empty() { "" } else { ": " };
            let reason = format!("{key} to {to}{because}{}", requester.reason());
            self.note(note.by(requester.by(), reason.as_str())).await;
        }
        Ok(answer(edited))
    }

    /// Removes a requested move from the record. A key whose stop is sent already, but whose claim is not
    /// changed yet, then starts again where it was.
    ///
    /// # Errors
    /// Those of every request, as [`cordon`](Self::cordon) has them.
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn withdraw_move(
        &self,
        requested: &RequestedMove,
    ) -> Result<WriteResult, OperateError> {
        let name = RecordName::Control(requested.from.clone());
        let is_it = |other: &KeyMove| {
            other.key == requested.key.as_str() && other.claim == requested.claim.0
        };
        self.edit(&name, |record: Option<ControlRecord>| {
            let Some(mut record) = record.filter(|record| record.moves.iter().any(is_it)) else {
                return Ok(None);
            };
            record.moves.retain(|other| !is_it(other));
            Ok(Some(record))
        })
        .await
    }

    /// The node that the claim of a key names, and the revision of the claim.
    async fn owner_of(&self, key: &Key) -> Result<(NodeId, Revision), OperateError> {
        let name = RecordName::Claim(key.clone()).to_string();
        let fail = |source| OperateError::Store { name: name.clone(), source };
        let Some(record) = self.record(&name).await.map_err(fail)? else {
            return Err(OperateError::NoSuchKey { key: key.clone() });
        };
        let Some(value) = record.value else {
            return Err(OperateError::NoSuchKey { key: key.clone() });
        };
        let malformed = |source| OperateError::Malformed { name: name.clone(), source };
        match ClaimRecord::decode(&value).map_err(malformed)?.owner {
            Some(owner) => Ok((owner.node, record.revision)),
            None => Err(OperateError::NotOwned { key: key.clone() }),
        }
    }
}
