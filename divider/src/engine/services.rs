//! What an assignment can reach beyond its lease.

use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::Registers;
use crate::requests::Closer;
use crate::store::Store;

/// The store of a node, for what an application does with its keys. It does not keep the store open.
#[derive(Debug)]
pub(crate) struct Services {
    closer: Closer,
    registers: Registers,
}

impl Services {
    /// The services of a node on this store. The checkpoints of retracted keys are kept for that long.
    pub(crate) fn new(store: &Arc<dyn Store>, checkpoint_retention: Duration) -> Self {
        Self { closer: Closer::default(), registers: Registers::new(store, checkpoint_retention) }
    }

    /// The services of a node in a test that uses none: its store is gone.
    #[cfg(test)]
    pub(crate) fn unused(group: &crate::id::GroupName) -> Self {
        let store: Arc<dyn Store> = Arc::new(crate::store::MemoryStore::new(group.clone()));
        Self::new(&store, Duration::from_secs(1))
    }

    /// Answers requests that nobody else answers.
    pub(crate) fn closer(&self) -> &Closer {
        &self.closer
    }

    /// The checkpoints of the node's assignments.
    pub(crate) fn registers(&self) -> &Registers {
        &self.registers
    }

    /// The store, while the node or somebody else has it.
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.registers.store()
    }
}
