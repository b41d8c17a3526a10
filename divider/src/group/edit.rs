//! Changing one record by compare-and-set.

use super::backoff::Attempts;
use super::{Group, OperateError, WriteResult};
use crate::id::Revision;
use crate::store::{Outcome, Record, StoreError, Write};
use divider_core::wire::{ControlRecord, GroupRecord, Malformed, RebalanceRecord, RecordName};

use bytes::Bytes;

/// A record that operators change.
pub(super) trait Editable: Sized {
    fn decode(value: &[u8]) -> Result<Self, Malformed>;
    fn encode(&self) -> Bytes;
}

impl Group {
    /// Reads a record, changes it, and writes it at the revision that was read. After a conflict it
    /// starts again. `change` returns `None` if the record needs no change.
    pub(super) async fn edit<R: Editable>(
        &self,
        name: &RecordName,
        change: impl Fn(Option<R>) -> Result<Option<R>, OperateError>,
    ) -> Result<WriteResult, OperateError> {
        let name = name.to_string();
        let fail = |source| OperateError::Store { name: name.clone(), source };
        let mut attempts = Attempts::new();
        let mut unanswered = None;
        loop {
            let record = self.record(&name).await.map_err(fail)?;
            let (revision, value) = parts(record);
            if landed(unanswered.as_ref(), revision, value.as_ref()) {
                return Ok(WriteResult::Changed(revision));
            }
            let Some(after) = change(decode(&name, value)?)? else {
                return Ok(WriteResult::Already(revision));
            };
            let value = after.encode();
            let write = Write::put(name.clone(), value.clone(), Some(revision));
            let error = match self.store.write(write).await {
                Outcome::Acked(revision) => return Ok(WriteResult::Changed(revision)),
                Outcome::Refused(source) => return Err(fail(source)),
                Outcome::Conflict => None,
                Outcome::Unknown(source) => {
                    unanswered = Some((revision, value));
                    Some(source)
                }
            };
            if !attempts.waited_after(error.as_ref().unwrap_or(&conflict())).await {
                let contended = OperateError::Contended { name: name.clone() };
                return Err(error.map_or(contended, fail));
            }
        }
    }
}

/// Whether the current record is an earlier attempt of this edit that got no answer.
fn landed(sent: Option<&(Revision, Bytes)>, revision: Revision, value: Option<&Bytes>) -> bool {
    sent.is_some_and(|(over, sent)| *over != revision && Some(sent) == value)
}

/// The revision and the value of a record. A tombstone has a revision and no value.
fn parts(record: Option<Record>) -> (Revision, Option<Bytes>) {
    record.map_or((Revision::NONE, None), |record| (record.revision, record.value))
}

fn decode<R: Editable>(name: &str, value: Option<Bytes>) -> Result<Option<R>, OperateError> {
    let malformed = |source| OperateError::Malformed { name: name.to_owned(), source };
    value.map(|value| R::decode(&value)).transpose().map_err(malformed)
}

fn conflict() -> StoreError {
    StoreError::Other { what: "others changed the record".to_owned() }
}

impl Editable for ControlRecord {
    fn decode(value: &[u8]) -> Result<Self, Malformed> {
        Self::decode(value)
    }
    fn encode(&self) -> Bytes {
        self.encode()
    }
}

impl Editable for GroupRecord {
    fn decode(value: &[u8]) -> Result<Self, Malformed> {
        Self::decode(value)
    }
    fn encode(&self) -> Bytes {
        self.encode()
    }
}

impl Editable for RebalanceRecord {
    fn decode(value: &[u8]) -> Result<Self, Malformed> {
        Self::decode(value)
    }
    fn encode(&self) -> Bytes {
        self.encode()
    }
}
