//! What happened in a group.

use std::time::Duration;

use super::{Group, unix_ms};
use crate::id::NodeId;
use crate::store::{HistoryStart, Record, StoreError};
use divider_core::wire::{
    ControlRecord, GroupRecord, HistoryEntry, HistoryKind, LeaseRecord, LeaseState, Mode,
    RecordName,
};

/// What is known of the past of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// The entries, oldest first.
    pub entries: Vec<HistoryEntry>,
    /// Why the group keeps no history. Then the entries are what the records of the log still show: the
    /// ends of the last day, and the newest request for each node. `None`: it keeps one.
    pub missing: Option<StoreError>,
}

/// How long a tool waits for an entry of the history to be stored. Its request is on record already.
const PATIENCE: Duration = Duration::from_secs(2);

impl Group {
    /// What happened in the group in the last time: joins, deaths, drains and who requested them.
    ///
    /// A group keeps a history beside its log if one was made, as `divider init` does
    /// (`NatsAccount::create_history`). It takes the rights of a viewer.
    ///
    /// # Errors
    /// [`StoreError`]. A group without a history is no error; see [`History::missing`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// # use divider::group::{HistoryKind, Requester};
    /// # use divider::{Group, GroupName, MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let group = Group::open(MemoryStore::new(GroupName::new("orders")?));
    /// group.rebalance(&Requester::new("ana@ops", "new nodes")).await?;
    /// let history = group.history(Duration::from_secs(3600)).await?;
    /// assert_eq!(history.entries[0].kind, HistoryKind::RebalanceRequested);
    /// assert_eq!(history.entries[0].by, "ana@ops");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn history(&self, since: Duration) -> Result<History, StoreError> {
        match self.store.read_history(HistoryStart::Ago(since)).await {
            Ok(records) => Ok(History { entries: read(records), missing: None }),
            Err(missing @ StoreError::NoHistory { .. }) => {
                let entries = self.entries_of_records(since).await?;
                Ok(History { entries, missing: Some(missing) })
            }
            Err(error) => Err(error),
        }
    }

    /// The entries after this [number](HistoryEntry::number), to follow a history.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::NoHistory`] where the group keeps none.
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn history_after(&self, number: u64) -> Result<Vec<HistoryEntry>, StoreError> {
        self.store.read_history(HistoryStart::After(number)).await.map(read)
    }

    /// Appends what an operator did. The request itself is on record, so a failure changes nothing.
    pub(super) async fn note(&self, entry: HistoryEntry) {
        let number = getrandom::u64().unwrap_or_else(|_| unix_ms());
        let appended = self.store.append_history(&format!("{number:016x}"), entry.encode());
        match tokio::time::timeout(PATIENCE, appended).await {
            Ok(Ok(()) | Err(StoreError::NoHistory { .. })) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the history has no entry of this request"),
            Err(_) => tracing::debug!("the history has no entry of this request: no answer"),
        }
    }

    /// What the records of the log show: how sessions ended, and the newest request for each node.
    async fn entries_of_records(&self, since: Duration) -> Result<Vec<HistoryEntry>, StoreError> {
        let now_ms = unix_ms();
        let mut entries = Vec::new();
        for below in ["lease.>", "control.>", "group"] {
            for (record, age) in self.records_with_ages(below).await? {
                let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                let at_ms = now_ms.saturating_sub(millis);
                let Some(mut entry) = entry_of(&record) else { continue };
                entry.revision = record.revision;
                entry.at_ms = at_ms;
                if age <= since {
                    entries.push(entry);
                }
            }
        }
        entries.sort_by_key(|entry| entry.at_ms);
        Ok(entries)
    }
}

fn read(records: Vec<crate::store::HistoryRecord>) -> Vec<HistoryEntry> {
    let entry = |record: crate::store::HistoryRecord| {
        HistoryEntry::decode(record.number, record.at_ms, &record.value)
    };
    records.into_iter().filter_map(entry).collect()
}

/// What a record says about the past.
fn entry_of(record: &Record) -> Option<HistoryEntry> {
    let value = record.value.as_ref()?;
    match RecordName::parse(&record.name).ok()? {
        RecordName::Lease(node) => {
            let lease = LeaseRecord::decode(value).ok()?;
            let kind = match lease.state {
                LeaseState::Live => return None,
                LeaseState::Ended => HistoryKind::Left,
                LeaseState::Dead => HistoryKind::Died,
            };
            let by = lease.by.map_or_else(String::new, |by| by.to_string());
            Some(entry(kind, &node).by(by, ""))
        }
        RecordName::Control(node) => {
            let control = ControlRecord::decode(value).ok()?;
            let kind = match (control.mode, control.affinity) {
                (Mode::Drain, _) => HistoryKind::DrainRequested,
                (Mode::Cordon, _) => HistoryKind::Cordoned,
                (_, Some(_)) => HistoryKind::AffinitySet,
                (_, None) => HistoryKind::Resumed,
            };
            Some(entry(kind, &node).by(control.by, control.reason))
        }
        RecordName::Group => {
            let freeze = GroupRecord::decode(value).ok()?.freeze?;
            Some(HistoryEntry::new(HistoryKind::Frozen).by(freeze.by, freeze.reason))
        }
        _ => None,
    }
}

/// An entry about a node.
pub(super) fn entry(kind: HistoryKind, node: &NodeId) -> HistoryEntry {
    HistoryEntry::new(kind).of(node)
}
