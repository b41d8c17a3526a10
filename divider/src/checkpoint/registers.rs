//! The checkpoints that the assignments of one node have opened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::error::CheckpointError;
use super::register::Register;
use crate::assignment::Assignment;
use crate::id::Token;
use crate::key::Key;
use crate::report::chain;
use crate::store::{MessageStreams, Store, StoreError};

/// The registers of a node's assignments. An assignment that opens no checkpoint has no entry.
#[derive(Debug)]
pub(crate) struct Registers {
    /// Not kept open: an application may hold an assignment for longer than the node lives.
    store: Weak<dyn Store>,
    /// How long the checkpoint of a retracted key is kept.
    retention: Duration,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    open: HashMap<(Key, Token), Arc<Register>>,
    /// Those of keys that were retracted, for the engine.
    retracted: Vec<Arc<Register>>,
}

impl Registers {
    pub(crate) fn new(store: &Arc<dyn Store>, retention: Duration) -> Self {
        let store = Arc::downgrade(store);
        Self { store, retention, tables: Mutex::default() }
    }

    /// The register of an assignment, opened: what was saved is read and sealed.
    pub(crate) async fn open(&self, mine: &Assignment) -> Result<Arc<Register>, CheckpointError> {
        let register = self.get(mine)?;
        register.open().await?;
        Ok(register)
    }

    /// The same for an inbox. It does not ask the store if this assignment has opened the register.
    pub(crate) async fn open_once(
        &self,
        mine: &Assignment,
    ) -> Result<Arc<Register>, CheckpointError> {
        let register = self.get(mine)?;
        register.open_once().await?;
        Ok(register)
    }

    /// The store, while the node or somebody else has it.
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.upgrade()
    }

    /// The streams of messages of the store.
    pub(crate) fn messages(&self) -> Result<Arc<dyn MessageStreams>, StoreError> {
        let gone = || StoreError::Other { what: "the node has ended".to_owned() };
        self.store().ok_or_else(gone)?.messages()
    }

    fn get(&self, mine: &Assignment) -> Result<Arc<Register>, CheckpointError> {
        let key = mine.key();
        let refused = |source| CheckpointError::Refused { key: key.clone(), source };
        let over = || CheckpointError::Over { key: key.clone() };
        let checkpoints = self.store().ok_or_else(over)?.checkpoints().map_err(refused)?;
        let mut tables = self.lock();
        // Looked at under the lock, in which the entries of assignments that are over are removed.
        if mine.is_over() {
            return Err(over());
        }
        let entry = tables.open.entry((key.clone(), mine.token()));
        let new = || Arc::new(Register::new(checkpoints, key.clone(), mine.token()));
        Ok(Arc::clone(entry.or_insert_with(new)))
    }

    /// The assignment is over. Its register, if it has one.
    pub(crate) fn take(&self, key: &Key, token: Token) -> Option<Arc<Register>> {
        let mut tables = self.lock();
        if tables.open.is_empty() {
            return None;
        }
        tables.open.remove(&(key.clone(), token))
    }

    /// The assignment is over because its key was retracted.
    pub(crate) fn retract(&self, key: &Key, token: Token) {
        let mut tables = self.lock();
        if tables.open.is_empty() {
            return;
        }
        let register = tables.open.remove(&(key.clone(), token));
        tables.retracted.extend(register);
    }

    /// Gives what was saved for retracted keys a time to live.
    pub(crate) fn expire_retracted(&self) {
        for register in std::mem::take(&mut self.lock().retracted) {
            let retention = self.retention;
            tokio::spawn(async move {
                if let Err(error) = register.expire(retention).await {
                    report_leftover(&register, &error);
                }
            });
        }
    }

    /// Deletes the checkpoint of a key that was completed.
    pub(crate) async fn delete(&self, register: &Register) {
        if let Err(error) = register.delete(self.retention).await {
            report_leftover(register, &error);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report_leftover(register: &Register, error: &CheckpointError) {
    match error {
        // A newer assignment has the record, or nothing was sealed: there is nothing to remove.
        CheckpointError::Fenced { .. }
        | CheckpointError::Gone { .. }
        | CheckpointError::Over { .. } => {}
        error => {
            let key = register.key();
            tracing::warn!(%key, error = %chain(error), "the checkpoint of an ended key was not removed");
        }
    }
}
