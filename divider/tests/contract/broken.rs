//! A store in memory with one flaw.

mod checkpoints;
mod watch;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use divider::store::{
    Checkpoints, Filter, HistoryRecord, HistoryStart, Info, Outcome, Record, Store, StoreError,
    Watch, Write, Writer, check_filter, check_name,
};
use divider::{GroupName, MemoryStore, Revision};
use futures_util::future::BoxFuture;

use crate::flaw::Flaw;
use crate::memory::Groups;
use watch::{BrokenWatch, Epoch};
use writer::BrokenWriter;

#[derive(Debug, Clone)]
pub(crate) struct BrokenStore {
    group: GroupName,
    inner: MemoryStore,
    flaw: Option<Flaw>,
    number: i128,
    epoch: Epoch,
}

impl BrokenStore {
    pub(crate) fn new(groups: &Groups, group: &GroupName, flaw: Option<Flaw>) -> Self {
        static NUMBER: AtomicI64 = AtomicI64::new(1 << 40);
        let one = GroupName::new("one").expect("legal");
        let inner = groups.open(if flaw == Some(Flaw::AllGroupsAreOne) { &one } else { group });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).into();
        Self { group: group.clone(), inner, flaw, number, epoch: Epoch::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// The write as the flaw changes it.
    fn changed(&self, mut write: Write) -> Write {
        match self.flaw {
            Some(Flaw::EmptyValueIsATombstone) => {
                write.value = write.value.filter(|value| !value.is_empty());
            }
            Some(Flaw::ValueIsText) => {
                let text = |value: Bytes| String::from_utf8_lossy(&value).into_owned().into();
                write.value = write.value.map(text);
            }
            Some(Flaw::LongValueIsCut) => {
                write.value = write.value.map(|value| value.slice(..value.len().min(8192)));
            }
            Some(Flaw::ExpectedIsIgnored) => write.expected = None,
            Some(Flaw::NeverExpectedIsNoCondition) => {
                write.expected = write.expected.filter(|revision| revision.0 < 1 << 62);
            }
            Some(Flaw::NamesIgnoreCase) => write.name = write.name.to_lowercase(),
            Some(Flaw::ExpiresEarly) => {
                write.ttl = write.ttl.map(|ttl| ttl.saturating_sub(Duration::from_secs(1)));
            }
            Some(Flaw::NeverExpires) => write.ttl = None,
            Some(Flaw::TimeLeftIsForgotten) => write.expires_in = None,
            _ => {}
        }
        write
    }

    async fn write_broken(self, write: Write) -> Outcome {
        let mut write = self.changed(write);
        if self.has(Flaw::CreateReplacesATombstone) && write.expected == Some(Revision::NONE) {
            let newest = self.inner.read(&write.name).await.ok().flatten();
            if let Some(tombstone) = newest.filter(|record| record.value.is_none()) {
                write.expected = Some(tombstone.revision);
            }
        }
        if self.has(Flaw::CompareThenSet) && write.expected.is_some() {
            let newest = self.inner.read(&write.name).await.ok().flatten();
            if newest.map_or(Revision::NONE, |record| record.revision)
                != write.expected.expect("it is")
            {
                return Outcome::Conflict;
            }
            write.expected = None;
            tokio::task::yield_now().await;
        }
        if self.has(Flaw::FullStoreRefusesRenewals) {
            let info = self.inner.info().await;
            if let Some(max) = info.ok().and_then(|info| info.max_bytes) {
                return Outcome::Refused(StoreError::Full { what: format!("{max} bytes") });
            }
        }
        let before = self.inner.read(&write.name).await.ok().flatten();
        let outcome = self.inner.write(write.clone()).await;
        self.write_after(&write, before, &outcome);
        match outcome {
            Outcome::Acked(revision) if self.has(Flaw::AckNamesAnotherRevision) => {
                Outcome::Acked(Revision(revision.0 + 1))
            }
            Outcome::Conflict if self.has(Flaw::ConflictAlthoughItLanded) => {
                write.expected = None;
                self.inner.write(write).await;
                Outcome::Conflict
            }
            Outcome::Unknown(error) if self.has(Flaw::TimedOutWriteIsRefused) => {
                Outcome::Refused(error)
            }
            outcome => outcome,
        }
    }

    /// What the flaw does later.
    fn write_after(&self, write: &Write, before: Option<Record>, outcome: &Outcome) {
        let (Some(ttl), Outcome::Acked(revision)) = (write.ttl, outcome) else { return };
        let (inner, name, revision) = (self.inner.clone(), write.name.clone(), *revision);
        let later = match self.flaw {
            Some(Flaw::ExpiryIsShown) => Write::delete(name, Some(revision)),
            Some(Flaw::OldTimeStaysInForce) => Write::delete(name, None),
            Some(Flaw::SupersededComesBack) => {
                let Some(value) = before.and_then(|record| record.value) else { return };
                Write::put(name, value, Some(Revision::NONE))
            }
            _ => return,
        };
        let wait = match self.flaw {
            Some(Flaw::ExpiryIsShown) => ttl.saturating_sub(Duration::from_millis(50)),
            _ => ttl + Duration::from_millis(1),
        };
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            inner.write(later.with_ttl(Duration::from_secs(1))).await;
        });
    }

    async fn read_broken(self, name: String) -> Result<Option<Record>, StoreError> {
        check_name(&name)?;
        let lower = name.to_lowercase();
        let asked = if self.has(Flaw::NamesIgnoreCase) { &lower } else { &name };
        let record = match self.inner.read(asked).await {
            Err(StoreError::Timeout { .. }) if self.has(Flaw::TimedOutReadIsNothing) => None,
            record => record?,
        };
        Ok(match self.flaw {
            Some(Flaw::ReadIsOld) => record.map(|mut record| {
                record.revision = Revision(record.revision.0 - 1);
                record
            }),
            Some(Flaw::TombstoneReadsAsNothing) => record.filter(|record| record.value.is_some()),
            _ => record,
        })
    }

    async fn info_broken(self) -> Result<Info, StoreError> {
        let mut info = self.inner.info().await?;
        match self.flaw {
            Some(Flaw::InfoIsOld) => info.last = Revision(info.last.0.saturating_sub(1)),
            Some(Flaw::SecondStoreHasAnotherIdentity) => info.created = self.number,
            Some(Flaw::LostLogKeepsItsIdentity) => info.created = 17,
            _ => {}
        }
        Ok(info)
    }
}

impl Store for BrokenStore {
    fn group(&self) -> &GroupName {
        &self.group
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        let mut writing = Box::pin(self.clone().write_broken(write));
        if self.has(Flaw::WritesBeforeItIsPolled) {
            let outcome = futures_util::FutureExt::now_or_never(&mut writing);
            return Box::pin(async move { outcome.expect("memory does not wait") });
        }
        writing
    }
    fn writer(&self) -> Option<Box<dyn Writer>> {
        let flaw = self.flaw.filter(|flaw| flaw.is_of_writers())?;
        Some(Box::new(BrokenWriter::new(self.inner.clone(), flaw)))
    }
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        Box::pin(self.clone().read_broken(name.to_owned()))
    }
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            check_filter(&filter)?;
            let wide = match this.flaw {
                Some(Flaw::PrefixWithoutItsDot | Flaw::UnderscoreIsAnyCharacter) => {
                    Filter::everything()
                }
                _ => filter.clone(),
            };
            let inner = this.inner.watch(wide).await?;
            let watch = BrokenWatch::new(inner, this.inner.clone(), filter, this.flaw);
            Ok(Box::new(watch.in_epoch(&this.epoch)) as Box<dyn Watch>)
        })
    }
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        Box::pin(self.clone().info_broken())
    }
    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        if self.has(Flaw::HistoryRepeats) {
            static NUMBER: AtomicI64 = AtomicI64::new(1);
            let other = format!("{id}.{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            return self.inner.append_history(&other, entry);
        }
        self.inner.append_history(id, entry)
    }
    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        self.inner.read_history(from)
    }
    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        let inner = self.inner.checkpoints()?;
        if self.has(Flaw::CheckpointLosesItsToken) {
            return Ok(Arc::new(checkpoints::WithoutToken(inner)));
        }
        Ok(inner)
    }
    fn keeps_paused_time(&self) -> bool {
        true
    }
}
