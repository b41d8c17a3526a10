//! The inboxes that an assignment has opened.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many inboxes were opened, by stream and filter.
#[derive(Debug, Default)]
pub(super) struct Inboxes(Mutex<HashMap<(String, String), Arc<AtomicU64>>>);

impl Inboxes {
    /// Opens one, which ends the ones with the same stream and filter.
    pub(super) fn open(&self, stream: &str, filter: &str) -> InboxClaim {
        let mut inboxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = inboxes.entry((stream.to_owned(), filter.to_owned())).or_default();
        let own = newest.fetch_add(1, Ordering::AcqRel) + 1;
        InboxClaim { newest: Arc::clone(newest), own }
    }
}

/// The right of an inbox to give out messages: only the newest one of a stream and filter has it.
#[derive(Debug)]
pub(crate) struct InboxClaim {
    newest: Arc<AtomicU64>,
    own: u64,
}

impl InboxClaim {
    /// Whether no later inbox of the same stream and filter was opened.
    pub(crate) fn is_newest(&self) -> bool {
        self.newest.load(Ordering::Acquire) == self.own
    }
}
