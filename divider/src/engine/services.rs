//! What an assignment can reach beyond its lease.

use std::sync::{Arc, Weak};

use crate::requests::Closer;
use crate::store::Store;

/// The store of a node, for what an application does with its keys. A node that is over has none.
#[derive(Debug, Default)]
pub(crate) struct Services {
    store: Option<Weak<dyn Store>>,
    closer: Closer,
}

impl Services {
    /// The services of a node on this store. They do not keep it open.
    pub(crate) fn new(store: &Arc<dyn Store>) -> Self {
        Self { store: Some(Arc::downgrade(store)), closer: Closer::default() }
    }

    /// Answers requests that nobody else answers.
    pub(crate) fn closer(&self) -> &Closer {
        &self.closer
    }

    /// The store, while the node or somebody else has it.
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.as_ref()?.upgrade()
    }
}
