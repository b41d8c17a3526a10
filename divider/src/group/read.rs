//! Reads all records of one kind once.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::backoff::retried;
use super::{AnnounceError, Group};
use crate::id::{NodeId, Revision};
use crate::key::Key;
use crate::store::{Change, Filter, Record, StoreError};
use divider_core::view::{Manifests, hash_of};
use divider_core::wire::{ManifestRecord, Named, RecordName};

/// How long a snapshot may deliver nothing.
const NO_PROGRESS: Duration = Duration::from_secs(10);

/// Up to this many keys are read one by one. For more, all keys are read.
const SINGLY: usize = 64;

impl Group {
    /// The newest record of this name, or its tombstone.
    pub(super) async fn record(&self, name: &str) -> Result<Option<Record>, StoreError> {
        retried(|| self.store.read(name)).await
    }

    /// The newest revision of the log.
    pub(super) async fn newest_revision(&self) -> Result<Revision, StoreError> {
        retried(|| self.store.info()).await.map(|info| info.last)
    }

    /// The newest records below a name, without tombstones.
    pub(super) async fn records(&self, below: &str) -> Result<Vec<Record>, StoreError> {
        let mut records = self.records_and_tombstones(below).await?;
        records.retain(|record| record.value.is_some());
        Ok(records)
    }

    /// The newest records below a name, with tombstones.
    pub(super) async fn records_and_tombstones(
        &self,
        below: &str,
    ) -> Result<Vec<Record>, StoreError> {
        let records = retried(|| self.read_once(below)).await?;
        Ok(records.into_iter().map(|(record, _)| record).collect())
    }

    /// The newest records below a name, without tombstones, and how long ago each was stored.
    pub(super) async fn records_with_ages(
        &self,
        below: &str,
    ) -> Result<Vec<(Record, Duration)>, StoreError> {
        let mut records = retried(|| self.read_once(below)).await?;
        records.retain(|(record, _)| record.value.is_some());
        Ok(records)
    }

    async fn read_once(&self, below: &str) -> Result<Vec<(Record, Duration)>, StoreError> {
        let filter = Filter::new([below]);
        let mut watch = self.store.watch(filter).await?;
        let mut records = Vec::new();
        let result = loop {
            let next = tokio::time::timeout(NO_PROGRESS, watch.next()).await;
            match next.unwrap_or_else(|_| Err(no_progress(below))) {
                Ok(Change::Record(record)) => {
                    records.push((record, watch.last_age().unwrap_or_default()));
                }
                Ok(Change::CaughtUp) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        watch.close().await;
        result.map(|()| newest(records))
    }

    /// The newest record of every key. A record whose time is over, or that is superseded, becomes a
    /// tombstone.
    pub(super) async fn key_records(&self) -> Result<Vec<Record>, StoreError> {
        let manifests = self.manifests().await?;
        let mut keys = self.records_and_tombstones("key.>").await?;
        for record in &mut keys {
            if !stands(&manifests, record) {
                record.value = None;
            }
        }
        Ok(keys)
    }

    async fn manifests(&self) -> Result<Manifests, StoreError> {
        let mut manifests = Manifests::default();
        for record in self.records("manifest.>").await? {
            let (Ok(RecordName::Manifest(part)), Some(value)) =
                (RecordName::parse(&record.name), &record.value)
            else {
                continue;
            };
            if let Ok(manifest) = ManifestRecord::decode(value) {
                manifests.put(part, manifest, record.revision);
            }
        }
        Ok(manifests)
    }

    /// The keys that exist now, of these keys. Needs the rights of a viewer.
    ///
    /// # Errors
    /// [`AnnounceError::Unread`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn existing(&self, keys: &[Key]) -> Result<BTreeSet<Key>, AnnounceError> {
        let mut existing = BTreeSet::new();
        if keys.len() <= SINGLY {
            let manifests = self.manifests().await?;
            for key in keys {
                let record = self.record(&RecordName::Key(key.clone()).to_string()).await?;
                if record.is_some_and(|record| stands(&manifests, &record)) {
                    existing.insert(key.clone());
                }
            }
            return Ok(existing);
        }
        let wanted: BTreeSet<&Key> = keys.iter().collect();
        for record in self.key_records().await? {
            if let Ok(RecordName::Key(key)) = RecordName::parse(&record.name)
                && record.value.is_some()
                && wanted.contains(&key)
            {
                existing.insert(key);
            }
        }
        Ok(existing)
    }

    /// The nodes that have a member record.
    pub(super) async fn members(&self) -> Result<Vec<NodeId>, StoreError> {
        let name = |record: Record| match RecordName::parse(&record.name) {
            Ok(RecordName::Member(node)) => Some(node),
            _ => None,
        };
        let mut nodes: Vec<NodeId> =
            self.records("member.>").await?.into_iter().filter_map(name).collect();
        nodes.sort_unstable();
        Ok(nodes)
    }
}

/// Whether a record makes its key exist.
fn stands(manifests: &Manifests, record: &Record) -> bool {
    let hash = Named::read(&record.name).ok().and_then(|name| hash_of(&name));
    let back = hash.is_some_and(|hash| manifests.is_superseded(hash, record.revision));
    record.value.is_some() && record.expires_in != Some(Duration::ZERO) && !back
}

/// A record that changed during the read was delivered twice. Keeps the later one.
fn newest(records: Vec<(Record, Duration)>) -> Vec<(Record, Duration)> {
    let mut by_name = HashMap::with_capacity(records.len());
    for (record, age) in records {
        by_name.insert(record.name.clone(), (record, age));
    }
    by_name.into_values().collect()
}

fn no_progress(below: &str) -> StoreError {
    StoreError::Timeout { what: format!("reading the records {below}"), after: NO_PROGRESS }
}
