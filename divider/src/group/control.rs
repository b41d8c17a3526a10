//! Requests of operators for one node.

use super::history::entry;
use super::{Group, OperateError};
use crate::id::{NodeId, Revision};
use crate::store::{Outcome, Write};
use divider_core::wire::{ControlRecord, HistoryEntry, HistoryKind, Mode, RecordName};

/// Who requests something of a group, and why: kept on record, and shown by every tool.
///
/// Both texts are empty by default. Longer ones than the record takes are refused by the request, with
/// [`OperateError::TooLong`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requester {
    by: String,
    reason: String,
}

impl Requester {
    /// `by` as in `ana@ops`, at most 128 bytes; `reason` as in `kernel 6.8`, at most 1024.
    pub fn new(by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { by: by.into(), reason: reason.into() }
    }

    /// Who requests it.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// An entry of the history, as requested by this requester.
    pub(super) fn entry(&self, entry: HistoryEntry) -> HistoryEntry {
        entry.by(self.by.as_str(), self.reason.as_str())
    }

    /// Both texts, if they are short enough for a record.
    pub(super) fn texts(&self) -> Result<(String, String), OperateError> {
        for (what, text, most) in [("by", &self.by, 128), ("reason", &self.reason, 1024)] {
            let len = text.len();
            if len > most {
                return Err(OperateError::TooLong { what, most, len });
            }
        }
        Ok((self.by.clone(), self.reason.clone()))
    }
}

/// Whether a request of an operator changed its record. There is no third case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteResult {
    /// It is on record now, at this revision.
    Changed(Revision),
    /// The record had this content already. Nothing was written.
    Already(Revision),
}

impl WriteResult {
    /// The revision of the record, whether or not this request wrote it.
    pub const fn revision(self) -> Revision {
        match self {
            Self::Changed(revision) | Self::Already(revision) => revision,
        }
    }
}

/// Whether keys move when a node is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AfterResume {
    /// No key moves. The node gets its share of keys that are announced or orphaned later.
    #[default]
    MoveNothing,
    /// As few keys as possible move so that every node has its share.
    Rebalance,
}

impl Group {
    /// Lets the node keep its keys, but gives it no new ones, also after a restart, until it is
    /// resumed. This ends a drain of the node: keys that are not handed over yet stay.
    ///
    /// # Errors
    /// [`OperateError::UnknownNode`] where no such node is a member and nothing is on record for it;
    /// and those of every request: [`TooLong`](OperateError::TooLong),
    /// [`Malformed`](OperateError::Malformed), [`Contended`](OperateError::Contended),
    /// [`Store`](OperateError::Store).
    ///
    /// # Cancel safety
    /// Dropped before it is done, the request may or may not be on record. Making it again is harmless.
    pub async fn cordon(
        &self,
        node: &NodeId,
        requester: &Requester,
    ) -> Result<WriteResult, OperateError> {
        let edited = self.set_mode(node, Mode::Cordon, requester).await?;
        self.note_change(HistoryKind::Cordoned, node, requester, edited).await;
        Ok(edited)
    }

    /// Ends a cordon or a drain.
    ///
    /// # Errors
    /// As [`cordon`](Self::cordon). If the rebalance fails, the node is resumed all the same.
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon). The rebalance is requested last.
    pub async fn resume(
        &self,
        node: &NodeId,
        after: AfterResume,
        requester: &Requester,
    ) -> Result<WriteResult, OperateError> {
        let edited = self.set_mode(node, Mode::Active, requester).await?;
        self.note_change(HistoryKind::Resumed, node, requester, edited).await;
        if after == AfterResume::Rebalance {
            self.rebalance(requester).await?;
        }
        Ok(edited)
    }

    /// Replaces the node's own affinity, or (`None`) lets the node's own apply again. No running key
    /// moves; use [`rebalance`](Self::rebalance) for that.
    ///
    /// # Errors
    /// As [`cordon`](Self::cordon).
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn set_affinity(
        &self,
        node: &NodeId,
        affinity: Option<u32>,
        requester: &Requester,
    ) -> Result<WriteResult, OperateError> {
        let edited = self
            .control(node, requester, |record| {
                let as_wanted = record.affinity == affinity;
                (!as_wanted).then_some(ControlRecord { affinity, ..record })
            })
            .await?;
        self.note_change(HistoryKind::AffinitySet, node, requester, edited).await;
        Ok(edited)
    }

    /// Removes the request for a node that is no member: it starts without a cordon, a drain or an
    /// affinity of operators if it ever returns. [`WriteResult::Already`] if there is none.
    ///
    /// # Errors
    /// [`OperateError::Present`] where the node is a member; [`OperateError::Contended`],
    /// [`OperateError::Store`].
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn forget(
        &self,
        node: &NodeId,
        requester: &Requester,
    ) -> Result<WriteResult, OperateError> {
        requester.texts()?;
        let member = RecordName::Member(node.clone()).to_string();
        let name = RecordName::Control(node.clone()).to_string();
        let fail = |source| OperateError::Store { name: name.clone(), source };
        if self.record(&member).await.map_err(fail)?.is_some_and(|record| record.value.is_some()) {
            return Err(OperateError::Present { node: node.clone() });
        }
        let Some(record) = self.record(&name).await.map_err(fail)? else {
            return Ok(WriteResult::Already(Revision::NONE));
        };
        if record.value.is_none() {
            return Ok(WriteResult::Already(record.revision));
        }
        let write = Write::delete(name.clone(), Some(record.revision));
        let forgotten = match self.store.write(write).await {
            Outcome::Acked(revision) => WriteResult::Changed(revision),
            Outcome::Conflict => return Err(OperateError::Contended { name }),
            Outcome::Refused(source) | Outcome::Unknown(source) => return Err(fail(source)),
        };
        self.note_change(HistoryKind::Forgotten, node, requester, forgotten).await;
        Ok(forgotten)
    }

    /// Appends to the history that a request changed its record.
    pub(super) async fn note_change(
        &self,
        kind: HistoryKind,
        node: &NodeId,
        requester: &Requester,
        edited: WriteResult,
    ) {
        if let WriteResult::Changed(revision) = edited {
            self.note(requester.entry(entry(kind, node).at(revision))).await;
        }
    }

    async fn set_mode(
        &self,
        node: &NodeId,
        mode: Mode,
        requester: &Requester,
    ) -> Result<WriteResult, OperateError> {
        self.control(node, requester, |record| {
            let as_wanted = record.mode == mode;
            let (affinity, rest) = (record.affinity, record.rest);
            (!as_wanted).then_some(ControlRecord { affinity, rest, ..ControlRecord::new(mode) })
        })
        .await
    }

    /// Changes a node's control record, and writes into it who did it, why and when.
    async fn control(
        &self,
        node: &NodeId,
        requester: &Requester,
        change: impl Fn(ControlRecord) -> Option<ControlRecord>,
    ) -> Result<WriteResult, OperateError> {
        let (by, reason) = requester.texts()?;
        let at_ms = super::unix_ms();
        self.check_known(node).await?;
        self.edit(&RecordName::Control(node.clone()), |record: Option<ControlRecord>| {
            let record = record.unwrap_or_else(|| ControlRecord::new(Mode::Active));
            let signed =
                |record| ControlRecord { by: by.clone(), reason: reason.clone(), at_ms, ..record };
            Ok(change(record).map(signed))
        })
        .await
    }

    /// Checks that the node is a member or has a control record.
    pub(super) async fn check_known(&self, node: &NodeId) -> Result<(), OperateError> {
        for name in [RecordName::Member(node.clone()), RecordName::Control(node.clone())] {
            let name = name.to_string();
            let found = self.record(&name).await;
            let fail = |source| OperateError::Store { name, source };
            if found.map_err(fail)?.is_some_and(|record| record.value.is_some()) {
                return Ok(());
            }
        }
        let fail = |source| OperateError::Store { name: "member.>".to_owned(), source };
        let known = self.members().await.map_err(fail)?;
        Err(OperateError::UnknownNode { node: node.clone(), known })
    }
}
