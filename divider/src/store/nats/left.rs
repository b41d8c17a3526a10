//! Consumers that could not be deleted when their watches ended.
//!
//! The server forgets one whose watcher is gone, after its inactive threshold; but a cluster in which a
//! server was frozen keeps some for ever (seen with 2.12.8). So they are deleted again when the server
//! is there again, which the next watch shows.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The most that are remembered.
const MOST: usize = 8;

/// Their names.
#[derive(Debug, Default)]
pub(super) struct Left(Mutex<BTreeSet<String>>);

impl Left {
    /// One is about to be deleted.
    pub(super) fn add(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < MOST {
            names.insert(name.to_owned());
        }
    }

    /// One is gone.
    pub(super) fn remove(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// One is about to be made: unless it is kept, it is left as soon as nobody waits for it any more.
    pub(super) fn about_to_make<'a>(&'a self, name: &'a str) -> Making<'a> {
        Making { left: self, name: Some(name) }
    }

    /// All of them, to be deleted again.
    pub(super) fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A consumer that is being made.
pub(super) struct Making<'a> {
    left: &'a Left,
    name: Option<&'a str>,
}

impl Making<'_> {
    /// It is there, and somebody sees to its end.
    pub(super) fn keep(mut self) {
        self.name = None;
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            self.left.add(name);
        }
    }
}
