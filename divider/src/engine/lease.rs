//! How long the assignments of one session are valid, read without the engine.

use std::sync::Arc;

use super::clock::Clock;
use super::services::Services;
use crate::id::Session;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use divider_core::time::Time;

/// The lease of one session, shared by the engine that renews it and the assignments under it.
#[derive(Debug)]
pub(crate) struct SessionLease {
    session: Session,
    clock: Clock,
    services: Arc<Services>,
    /// The others know the session as a member's, and it was not given up.
    member: AtomicBool,
    until: AtomicU64,
    start_until: AtomicU64,
}

impl SessionLease {
    /// A session that holds nothing yet.
    pub(crate) fn new(session: Session, clock: Clock, services: Arc<Services>) -> Self {
        Self {
            session,
            clock,
            services,
            member: AtomicBool::new(false),
            until: AtomicU64::new(0),
            start_until: AtomicU64::new(0),
        }
    }

    /// The clock that the lease is measured on.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What assignments under the lease can reach.
    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.services
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

    /// Whether the node may work under it now: a member, with a lease that is not about to end.
    pub(crate) fn is_good(&self) -> bool {
        self.member.load(Ordering::Acquire) && self.clock.time() < self.start_until()
    }

    /// The session became a member's, or was given up.
    pub(crate) fn set_member(&self, member: bool) {
        self.member.store(member, Ordering::Release);
    }

    /// The engine renewed it, or gave it up.
    pub(crate) fn set(&self, until: Time, start_until: Time) {
        self.until.store(until.0, Ordering::Release);
        self.start_until.store(start_until.0, Ordering::Release);
    }
}
