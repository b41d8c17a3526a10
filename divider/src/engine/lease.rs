//! How long the assignments of one session are valid, read without the engine.

use crate::core::time::Time;
use crate::id::Session;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The lease of one session, shared by the engine that renews it and the assignments under it.
#[derive(Debug)]
pub(crate) struct SessionLease {
    session: Session,
    until: AtomicU64,
    start_until: AtomicU64,
}

impl SessionLease {
    /// A session that holds nothing yet.
    pub(crate) fn new(session: Session) -> Self {
        Self { session, until: AtomicU64::new(0), start_until: AtomicU64::new(0) }
    }

    /// The session.
    pub(crate) fn session(&self) -> Session {
        self.session
    }

    /// When nothing is held any more.
    pub(crate) fn until(&self) -> Time {
        Time(self.until.load(Ordering::Acquire))
    }

    /// The last moment at which the application may take a start.
    pub(crate) fn start_until(&self) -> Time {
        Time(self.start_until.load(Ordering::Acquire))
    }

    /// The engine renewed it, or gave it up.
    pub(crate) fn set(&self, until: Time, start_until: Time) {
        self.until.store(until.0, Ordering::Release);
        self.start_until.store(start_until.0, Ordering::Release);
    }
}
