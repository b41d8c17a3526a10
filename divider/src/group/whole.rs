//! Requests of operators for the whole group.

use std::time::Duration;

use super::{Group, OperateError, Requester, WriteResult};
use divider_core::wire::{
    Freeze, GroupRecord, HistoryEntry, HistoryKind, PROTOCOL, RebalanceRecord, RecordName,
};

impl Group {
    /// Moves as few keys as possible so that every node has its share.
    ///
    /// # Errors
    /// Those of every request, as [`cordon`](Self::cordon) has them.
    ///
    /// # Cancel safety
    /// Dropped before it is done, it may or may not be on record. Making it again is one more
    /// rebalance, which finds nothing to move.
    pub async fn rebalance(&self, requester: &Requester) -> Result<WriteResult, OperateError> {
        let (by, reason) = requester.texts()?;
        let wanted = RebalanceRecord::new(by, reason);
        // The same words are a new request: it is the record's revision that counts.
        let edited = self.edit(&RecordName::Rebalance, |_| Ok(Some(wanted.clone()))).await?;
        self.note_group(HistoryKind::RebalanceRequested, requester, edited).await;
        Ok(edited)
    }

    /// Holds back the moves of joins and rebalances for this span, or (`None`) until
    /// [`thaw`](Self::thaw). After that they follow once. Moves that are fixed already continue, as do
    /// drains, releases and take-overs. A second freeze replaces the first.
    ///
    /// # Errors
    /// [`OperateError::Protocol`], and those of every request, as [`cordon`](Self::cordon) has them.
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn freeze(
        &self,
        span: Option<Duration>,
        requester: &Requester,
    ) -> Result<WriteResult, OperateError> {
        let (by, reason) = requester.texts()?;
        let end = |span: Duration| {
            let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            super::unix_ms().saturating_add(millis)
        };
        let edited = self.set_freeze(Some(Freeze::new(by, reason, span.map(end)))).await?;
        self.note_group(HistoryKind::Frozen, requester, edited).await;
        Ok(edited)
    }

    /// Ends a freeze.
    ///
    /// # Errors
    /// As [`freeze`](Self::freeze).
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn thaw(&self) -> Result<WriteResult, OperateError> {
        let edited = self.set_freeze(None).await?;
        self.note_group(HistoryKind::Thawed, &Requester::default(), edited).await;
        Ok(edited)
    }

    async fn note_group(&self, kind: HistoryKind, requester: &Requester, edited: WriteResult) {
        if let WriteResult::Changed(revision) = edited {
            self.note(requester.entry(HistoryEntry::new(kind).at(revision))).await;
        }
    }

    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<WriteResult, OperateError> {
        self.edit(&RecordName::Group, |record: Option<GroupRecord>| {
            let record = record.unwrap_or_default();
            if record.protocol != PROTOCOL {
                return Err(OperateError::Protocol { found: record.protocol });
            }
            let as_wanted = record.freeze == freeze;
            Ok((!as_wanted).then(|| GroupRecord { freeze: freeze.clone(), ..record }))
        })
        .await
    }
}
