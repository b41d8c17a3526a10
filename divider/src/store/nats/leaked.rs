//! Consumers that could not be deleted when their watches ended.
//!
//! The server deletes a consumer without a watcher after its inactive threshold. But a cluster in which
//! a server was frozen keeps some for ever (seen with 2.12.8). So the store deletes them again when it
//! has opened the next watch: the server answers again then.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The most names that are kept.
const MOST: usize = 8;

/// The names of leaked consumers, and of those that are being deleted.
#[derive(Debug, Default)]
pub(super) struct LeakedConsumers(Mutex<BTreeSet<String>>);

impl LeakedConsumers {
    /// Adds a consumer that is about to be deleted.
    pub(super) fn add(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < MOST {
            names.insert(name.to_owned());
        }
    }

    /// Removes a consumer that no longer exists.
    pub(super) fn remove(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Begins to create a consumer. If the guard is dropped without [`keep`](CreateGuard::keep), the
    /// consumer counts as leaked.
    pub(super) fn begin_create<'a>(&'a self, name: &'a str) -> CreateGuard<'a> {
        CreateGuard { leaked: self, name: Some(name) }
    }

    /// Takes all names, to delete the consumers again.
    pub(super) fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A consumer that is being created.
pub(super) struct CreateGuard<'a> {
    leaked: &'a LeakedConsumers,
    name: Option<&'a str>,
}

impl CreateGuard<'_> {
    /// The caller deletes the consumer when its watch ends.
    pub(super) fn keep(mut self) {
        self.name = None;
    }
}

impl Drop for CreateGuard<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            self.leaked.add(name);
        }
    }
}
