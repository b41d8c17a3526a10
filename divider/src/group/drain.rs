//! Draining nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Group, OperateError, Requester, WriteResult};
use crate::id::{NodeId, Revision};
use crate::store::{MAX_VALUE, Record};
use divider_core::wire::{
    ControlRecord, DEFAULT_PARALLEL, HistoryKind, Mode, OnDeadline, RecordName,
};

/// The longest control record of a drain, in bytes. It leaves room for fields of newer versions.
const MAX_TOLD: usize = MAX_VALUE - 1024;

/// The id of one drain, of one or more nodes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrainId(Arc<str>);

impl DrainId {
    fn new() -> Self {
        // Two drains with one id would appear as one. Without a source of randomness the clock
        // distinguishes them.
        let number = getrandom::u64().unwrap_or_else(|_| super::unix_ms());
        Self(format!("{number:016x}").into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DrainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DrainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The options of a drain.
///
/// ```
/// # use std::time::Duration;
/// # use divider::group::{DrainOptions, Requester};
/// let hour = Duration::from_secs(3600);
/// let requester = Requester::new("ana@ops", "kernel 6.8");
/// let options = DrainOptions::new().deadline(hour).parallel(8).requester(requester);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nothing is drained before `Group::drain`"]
pub struct DrainOptions {
    deadline: Option<Duration>,
    on_deadline: OnDeadline,
    parallel: u32,
    paused: bool,
    planned: Option<Revision>,
    requester: Requester,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl DrainOptions {
    /// No deadline, and 256 keys at a time.
    pub fn new() -> Self {
        Self {
            deadline: None,
            on_deadline: OnDeadline::Keep,
            parallel: DEFAULT_PARALLEL,
            paused: false,
            planned: None,
            requester: Requester::default(),
        }
    }

    /// The time after which the drain counts as failed. Default: it goes on until it has finished or is
    /// undone. One hour suits keys that stop within seconds. A stop that is never confirmed holds up a
    /// drain for ever, so set a deadline if somebody waits for it.
    pub fn deadline(mut self, after: Duration) -> Self {
        self.deadline = Some(after);
        self
    }

    /// What happens at the deadline to keys without a receiver. Default: they keep running, and the
    /// drain has failed and reports what is left. Otherwise they are stopped, and have no owner.
    pub fn on_deadline(mut self, then: OnDeadline) -> Self {
        self.on_deadline = then;
        self
    }

    /// The most stops of a node that are sent and not handed over. Default: 256. 0: no limit. Fewer
    /// spare the receivers a burst of starts; more is faster if stopping takes long.
    ///
    /// It is no hard limit: a stop that is not confirmed within a sixth of the lease no longer counts, so
    /// that one that is never confirmed does not hold up the others. With slow stops more keys are
    /// stopping at a time than this.
    pub fn parallel(mut self, keys: u32) -> Self {
        self.parallel = keys;
        self
    }

    /// The nodes get nothing new, and nothing of theirs is stopped before
    /// [`continue_drain`](Group::continue_drain). Unless set, the stops begin at once.
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    /// The revision of the preview on which this drain is based. If another node was drained or
    /// cordoned between the preview and this drain, the preview no longer holds, and nothing is drained
    /// ([`OperateError::Overtaken`]). Default: the drain begins in any case.
    pub fn planned(mut self, revision: Revision) -> Self {
        self.planned = Some(revision);
        self
    }

    /// Who requests the drain, and why: both empty unless set, since a program may drain its own node.
    pub fn requester(mut self, requester: Requester) -> Self {
        self.requester = requester;
        self
    }
}

impl Group {
    /// Makes nodes hand over all keys and gives them no new ones, also after a restart, until they are
    /// resumed. Returns when the request is recorded; watch the nodes to see the end.
    ///
    /// From the first record on, none of the nodes gets new keys, so no key goes from one to another. A
    /// node that drains already goes on with this drain's id and options.
    ///
    /// # Errors
    /// [`OperateError::UnknownNode`] and [`OperateError::NoNode`] before anything is written,
    /// [`OperateError::Partly`] and [`OperateError::Overtaken`] after; and those of every request, as
    /// [`cordon`](Self::cordon) has them.
    ///
    /// # Cancel safety
    /// If the future is dropped, some of the nodes may be cordoned or drain.
    pub async fn drain(
        &self,
        nodes: &[NodeId],
        options: &DrainOptions,
    ) -> Result<DrainId, OperateError> {
        options.requester.texts()?;
        let mut nodes = nodes.to_vec();
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.is_empty() {
            return Err(OperateError::NoNode);
        }
        for node in &nodes {
            self.check_known(node).await?;
        }
        let drain = DrainId::new();
        let wanted = self.drain_record(&drain, options).await?;
        // Only a drain that may be taken back needs the records from before.
        let before = match options.planned {
            Some(_) => self.controls().await?,
            None => BTreeMap::new(),
        };
        let (mut told, mut first) = (Vec::new(), Revision(u64::MAX));
        for (at, node) in nodes.iter().enumerate() {
            let also = nodes[at + 1..].iter().map(ToString::to_string).collect();
            match self.tell(node, &ControlRecord { also, ..wanted.clone() }).await {
                Ok(WriteResult::Changed(revision) | WriteResult::Already(revision)) => {
                    told.push(node.clone());
                    first = first.min(revision);
                }
                Err(error) if told.is_empty() => return Err(error),
                Err(error) => {
                    let (node, source) = (node.clone(), Box::new(error));
                    return Err(OperateError::Partly { drain, told, node, source });
                }
            }
        }
        if let Some(planned) = options.planned
            && let Some((node, by)) = self.overtaken_by(&nodes, planned, first).await?
        {
            for told in &nodes {
                let before = before.get(told).map(|(_, record)| record);
                self.take_back(told, &drain, before).await?;
            }
            return Err(OperateError::Overtaken { node, by });
        }
        for node in &nodes {
            let edited = WriteResult::Changed(first);
            self.note_change(HistoryKind::DrainRequested, node, &options.requester, edited).await;
        }
        Ok(drain)
    }

    /// Another node that was drained or cordoned after the preview and before the first record of this
    /// drain, and by whom. Of two concurrent drains, the later one in the log finds the other.
    async fn overtaken_by(
        &self,
        nodes: &[NodeId],
        planned: Revision,
        told: Revision,
    ) -> Result<Option<(NodeId, String)>, OperateError> {
        let controls = self.controls().await?;
        let other = controls.into_iter().find(|(node, (revision, record))| {
            let between = planned < *revision && *revision < told;
            between && record.mode != Mode::Active && !nodes.contains(node)
        });
        Ok(other.map(|(node, (_, record))| (node, record.by)))
    }

    /// The readable control record of each node.
    async fn controls(&self) -> Result<BTreeMap<NodeId, (Revision, ControlRecord)>, OperateError> {
        let fail = |source| OperateError::Store { name: "control.>".to_owned(), source };
        let records = self.records("control.>").await.map_err(fail)?;
        let read = |record: Record| {
            let Ok(RecordName::Control(node)) = RecordName::parse(&record.name) else {
                return None;
            };
            let control = ControlRecord::decode(&record.value?).ok()?;
            Some((node, (record.revision, control)))
        };
        Ok(records.into_iter().filter_map(read).collect())
    }

    /// Restores the control record from before the drain, unless somebody has changed it since.
    async fn take_back(
        &self,
        node: &NodeId,
        drain: &DrainId,
        before: Option<&ControlRecord>,
    ) -> Result<(), OperateError> {
        let name = RecordName::Control(node.clone());
        let edited = self.edit(&name, |record: Option<ControlRecord>| {
            let is_it = |record: &ControlRecord| record.drain_id.as_deref() == Some(drain.as_str());
            let active = || ControlRecord::new(Mode::Active);
            Ok(record.filter(is_it).map(|_| before.cloned().unwrap_or_else(active)))
        });
        edited.await.map(drop)
    }

    /// Makes a draining node send no further stops. Stops that were sent go on.
    ///
    /// # Errors
    /// [`OperateError::NotDraining`], and those of every request, as [`cordon`](Self::cordon) has them.
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn pause_drain(&self, node: &NodeId) -> Result<WriteResult, OperateError> {
        self.set_paused(node, true).await
    }

    /// Continues a paused drain.
    ///
    /// # Errors
    /// As [`pause_drain`](Self::pause_drain).
    ///
    /// # Cancel safety
    /// As [`cordon`](Self::cordon).
    pub async fn continue_drain(&self, node: &NodeId) -> Result<WriteResult, OperateError> {
        self.set_paused(node, false).await
    }

    async fn drain_record(
        &self,
        drain: &DrainId,
        options: &DrainOptions,
    ) -> Result<ControlRecord, OperateError> {
        let fail = |source| OperateError::Store { name: "the log".to_owned(), source };
        let planned = match options.planned {
            Some(revision) => revision,
            None => self.newest_revision().await.map_err(fail)?,
        };
        let (by, reason) = options.requester.texts()?;
        let at_ms = super::unix_ms();
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Ok(ControlRecord {
            by,
            reason,
            at_ms,
            deadline_ms: options.deadline.map(|span| at_ms.saturating_add(millis(span))),
            on_deadline: options.on_deadline,
            parallel: options.parallel,
            paused: options.paused,
            drain_id: Some(drain.to_string()),
            plan_rev: planned.0,
            ..ControlRecord::new(Mode::Drain)
        })
    }

    /// Writes a drain's request for one node.
    async fn tell(
        &self,
        node: &NodeId,
        wanted: &ControlRecord,
    ) -> Result<WriteResult, OperateError> {
        let len = wanted.encode().len();
        if len > MAX_TOLD {
            let what = "the record of the drain, with its nodes and its reason,";
            return Err(OperateError::TooLong { what, most: MAX_TOLD, len });
        }
        self.edit(&RecordName::Control(node.clone()), |before: Option<ControlRecord>| {
            let mut after = wanted.clone();
            if let Some(before) = before {
                (after.affinity, after.rest) = (before.affinity, before.rest);
            }
            Ok(Some(after))
        })
        .await
    }

    async fn set_paused(&self, node: &NodeId, paused: bool) -> Result<WriteResult, OperateError> {
        self.check_known(node).await?;
        let name = RecordName::Control(node.clone());
        let edited = self.edit(&name, |record: Option<ControlRecord>| {
            let Some(record) = record.filter(|record| record.mode == Mode::Drain) else {
                return Err(OperateError::NotDraining { node: node.clone() });
            };
            let as_wanted = record.paused == paused;
            Ok((!as_wanted).then_some(ControlRecord { paused, also: Vec::new(), ..record }))
        });
        let edited = edited.await?;
        let kind = if paused { HistoryKind::DrainPaused } else { HistoryKind::DrainContinued };
        self.note_change(kind, node, &Requester::default(), edited).await;
        Ok(edited)
    }
}
