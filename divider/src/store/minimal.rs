//! A store that has only what every backend must have, for tests.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{
    Checkpoints, Filter, Info, MemoryStore, Outcome, Record, Store, StoreError, Watch, Write,
    no_checkpoints,
};
use crate::id::GroupName;

/// The log of a store in memory, and checkpoints if the test has some.
#[derive(Debug)]
pub(crate) struct MinimalStore {
    log: MemoryStore,
    checkpoints: Option<Arc<dyn Checkpoints>>,
}

impl MinimalStore {
    pub(crate) fn new(log: MemoryStore) -> Self {
        Self { log, checkpoints: None }
    }

    pub(crate) fn with_checkpoints(log: MemoryStore, checkpoints: Arc<dyn Checkpoints>) -> Self {
        Self { log, checkpoints: Some(checkpoints) }
    }
}

impl Store for MinimalStore {
    fn group(&self) -> &GroupName {
        self.log.group()
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        self.log.write(write)
    }
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        self.log.read(name)
    }
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        self.log.watch(filter)
    }
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        self.log.info()
    }
    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        self.checkpoints.clone().ok_or_else(no_checkpoints)
    }
}
