//! Retrying keys that are in quarantine.

use super::{Group, OperateError, Requester, WriteResult};
use crate::id::{NodeId, Token};
use crate::key::Key;
use crate::store::{Outcome, Write};
use divider_core::wire::{
    ClaimRecord, HistoryEntry, HistoryKind, RETRY_TTL, RecordName, RetryRecord,
};

impl Group {
    /// Ends the quarantine of a key: a node takes it and starts it at once. Its failures are forgotten.
    /// [`WriteResult::Already`]: this quarantine is ended on record, and no node has taken the key yet.
    ///
    /// Only the quarantine that is in force now is ended, so a request that arrives late does no harm.
    /// The request stands for a day; a node must take the key in that time.
    ///
    /// # Errors
    /// [`OperateError::NoSuchKey`], [`OperateError::NotQuarantined`] before anything is written;
    /// [`OperateError::TooLong`], [`OperateError::Malformed`]; [`OperateError::Contended`] if another
    /// operator retries the key at the same moment; [`OperateError::Store`].
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn retry(
        &self,
        key: &Key,
        requester: &Requester,
    ) -> Result<WriteResult, OperateError> {
        let (by, reason) = requester.texts()?;
        let (node, token) = self.quarantine_of(key).await?;
        let name = RecordName::Retry(key.clone()).to_string();
        let fail = |source| OperateError::Store { name: name.clone(), source };
        let before = self.record(&name).await.map_err(fail)?;
        let revision = before.as_ref().map(|record| record.revision).unwrap_or_default();
        let value = before.and_then(|record| record.value);
        let earlier = value.and_then(|value| RetryRecord::decode(&value).ok());
        if earlier.is_some_and(|earlier| earlier.token == token) {
            return Ok(WriteResult::Already(revision));
        }
        let value = RetryRecord::new(token, by, reason).encode();
        let write = Write::put(name.clone(), value, Some(revision)).with_ttl(RETRY_TTL);
        let revision = match self.store.write(write).await {
            Outcome::Acked(revision) => revision,
            Outcome::Conflict => return Err(OperateError::Contended { name }),
            Outcome::Refused(source) | Outcome::Unknown(source) => return Err(fail(source)),
        };
        let mut entry = HistoryEntry::new(HistoryKind::Retried).at(revision).with_keys(Some(1));
        entry.node = Some(node);
        let because = if requester.reason().is_empty() { "" } else { ": " };
        let reason = format!("{key}{because}{}", requester.reason());
        self.note(entry.by(requester.by(), reason.as_str())).await;
        Ok(WriteResult::Changed(revision))
    }

    /// The node that put the key into quarantine, and the token of the claim.
    async fn quarantine_of(&self, key: &Key) -> Result<(NodeId, Token), OperateError> {
        let name = RecordName::Claim(key.clone()).to_string();
        let fail = |source| OperateError::Store { name: name.clone(), source };
        let record = self.record(&name).await.map_err(fail)?;
        let Some(value) = record.and_then(|record| record.value) else {
            let name = RecordName::Key(key.clone()).to_string();
            let announced = self.record(&name).await;
            let announced = announced.map_err(|source| OperateError::Store { name, source })?;
            let exists = announced.is_some_and(|record| record.value.is_some());
            let key = key.clone();
            return Err(if exists {
                OperateError::NotQuarantined { key }
            } else {
                OperateError::NoSuchKey { key }
            });
        };
        let malformed = |source| OperateError::Malformed { name: name.clone(), source };
        let claim = ClaimRecord::decode(&value).map_err(malformed)?;
        match claim.quarantine {
            Some(quarantine) => Ok((quarantine.node, claim.token)),
            None => Err(OperateError::NotQuarantined { key: key.clone() }),
        }
    }
}
