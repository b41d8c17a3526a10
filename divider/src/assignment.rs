//! One key, given to this node.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::SessionLease;
use crate::id::{Session, Token};
use crate::key::Key;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use divider_core::time::Time;

/// A key that is this node's, from [`Event::Start`](crate::Event::Start) to its confirmed stop or
/// the end of its lease. Cheap to clone; all clones tell the same. Dropping it changes nothing: the
/// key is this node's until it is [released](crate::Divider::release),
/// [completed](crate::Divider::complete), or stopped and confirmed.
///
/// Whoever writes to something outside passes [`token`](Self::token) along and has a lower one
/// refused there: that is what stops a process that was frozen between a check and its write.
#[derive(Clone)]
pub struct Assignment(Arc<AssignmentState>);

/// What the clones of an assignment share.
struct AssignmentState {
    key: Key,
    token: Token,
    lease: Arc<SessionLease>,
    /// When it ends by itself, if that is before the lease does.
    until: AtomicU64,
    stopping: AtomicBool,
    over: AtomicBool,
    // Made when somebody asks for it: of ten thousand keys that start at once, few ask at once.
    cancel: OnceLock<CancellationToken>,
}

impl Assignment {
    pub(crate) fn new(key: Key, token: Token, lease: Arc<SessionLease>) -> Self {
        Self(Arc::new(AssignmentState {
            key,
            token,
            lease,
            until: AtomicU64::new(u64::MAX),
            stopping: AtomicBool::new(false),
            over: AtomicBool::new(false),
            cancel: OnceLock::new(),
        }))
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// The fencing token: higher than that of every earlier assignment of this key, on any node.
    pub fn token(&self) -> Token {
        self.0.token
    }

    /// The session of the node that it was given to.
    pub fn session(&self) -> Session {
        self.0.lease.session()
    }

    /// How long it is certain to stay this node's if nothing is heard of the store any more; zero
    /// when it is over. Measured on a clock that runs on while the machine is suspended.
    ///
    /// It grows with every heartbeat that the store acknowledged.
    pub fn remaining(&self) -> Duration {
        if self.0.over.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        self.until().since(self.0.lease.clock().time())
    }

    /// Whether the key is this node's at this moment: its lease runs and its stop was not confirmed.
    ///
    /// It reads a clock and two numbers and involves nobody else, so it is right also where the
    /// node's engine does not get to run. A process can be frozen between this check and what it
    /// does next; only the [`token`](Self::token) helps against that.
    pub fn is_valid(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// Whether the application was told, or is about to be told, to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Waits until the application has to stop: a stop, a loss, or the node's end.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.cancellation_token().cancelled_owned()
    }

    /// A token that is cancelled when the application has to stop. Cancelling it oneself has no
    /// effect on the assignment, only on who else waits for it: use a child token for that.
    pub fn cancellation_token(&self) -> CancellationToken {
        self.0.cancel.get_or_init(CancellationToken::new).clone()
    }

    /// When it ends if nothing more is heard.
    pub(crate) fn until(&self) -> Time {
        self.0.lease.until().min(Time(self.0.until.load(Ordering::Acquire)))
    }

    /// The last moment at which the application may take its start.
    pub(crate) fn start_until(&self) -> Time {
        self.0.lease.start_until()
    }

    /// The application has to stop. [`fire`](Self::fire) tells those who wait for it.
    pub(crate) fn mark_stopping(&self) {
        self.0.stopping.store(true, Ordering::Release);
    }

    /// It ends at that moment, whatever becomes of the lease.
    pub(crate) fn lose(&self, until: Time) {
        self.0.until.fetch_min(until.0, Ordering::AcqRel);
        self.mark_stopping();
    }

    /// The application has stopped.
    pub(crate) fn mark_over(&self) {
        self.0.over.store(true, Ordering::Release);
        self.mark_stopping();
    }

    /// Whether the application has stopped, and said so.
    pub(crate) fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Acquire)
    }

    /// Wakes those who wait for its end.
    pub(crate) fn fire(&self) {
        // Set here if nobody asked yet, so that there is no moment at which one that is made just
        // then could be missed.
        self.0.cancel.get_or_init(|| FIRED.clone()).cancel();
    }
}

/// One for all that nobody asked about before they were over.
static FIRED: LazyLock<CancellationToken> = LazyLock::new(|| {
    let fired = CancellationToken::new();
    fired.cancel();
    fired
});

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assignment")
            .field("key", self.key())
            .field("token", &self.token())
            .field("session", &self.session())
            .finish_non_exhaustive()
    }
}
