//! A key that this node owns.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::checkpoint::Registers;
use crate::engine::{Services, SessionLease};
use crate::event::Reason;
use crate::id::{Session, Token};
use crate::key::Key;
use crate::requests::{Gate, Requests, ServeError};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use divider_core::time::Time;

/// A key that this node owns, from [`Event::Start`](crate::Event::Start) until its stop is
/// confirmed or the node's lease ends. It is cheap to clone, and all clones share one state.
/// Dropping it changes nothing: the node still owns the key. To give the key up, call
/// [`Divider::release`](crate::Divider::release) or
/// [`Divider::complete`](crate::Divider::complete).
///
/// When the work writes to another system, pass [`token`](Self::token) to it, and let that system
/// reject every token that is lower than the highest one it has seen for the key. This is the only
/// protection against a process that pauses between its check and its write.
#[derive(Clone)]
pub struct Assignment(Arc<AssignmentState>);

/// What the clones of an assignment share.
struct AssignmentState {
    key: Key,
    token: Token,
    lease: Arc<SessionLease>,
    /// When it ends by itself, if that is before the lease does.
    until: AtomicU64,
    /// How often the handler of `run` was called for it, this call included.
    attempt: AtomicU32,
    /// The number of the [`Reason`] why it has to stop; 0: it does not have to.
    reason: AtomicU8,
    stopping: AtomicBool,
    over: AtomicBool,
    // Made when somebody asks for it: of ten thousand keys that start at once, few ask at once.
    cancel: OnceLock<CancellationToken>,
    // Made when somebody asks for its requests.
    gate: OnceLock<Arc<Gate>>,
}

impl Assignment {
    pub(crate) fn new(key: Key, token: Token, lease: Arc<SessionLease>) -> Self {
        Self(Arc::new(AssignmentState {
            key,
            token,
            lease,
            until: AtomicU64::new(NEVER),
            attempt: AtomicU32::new(1),
            reason: AtomicU8::new(0),
            stopping: AtomicBool::new(false),
            over: AtomicBool::new(false),
            cancel: OnceLock::new(),
            gate: OnceLock::new(),
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

    /// The session of this node that owns the key.
    pub fn session(&self) -> Session {
        self.0.lease.session()
    }

    /// How long this node certainly owns the key if the store does not answer any more; zero when
    /// the node no longer owns the key. It is measured on a clock that continues while the machine
    /// is suspended.
    ///
    /// Each heartbeat that the store acknowledges extends this time.
    pub fn remaining(&self) -> Duration {
        if self.0.over.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        self.until().since(self.0.lease.clock().time())
    }

    /// Whether this node owns the key at this moment: the lease has not ended, and the stop was not
    /// confirmed.
    ///
    /// This method reads only the clock and the state in memory, so its value is correct even if
    /// the node's engine is delayed. A process can pause between this check and its next step; only
    /// the [`token`](Self::token) protects against that.
    pub fn is_valid(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// Whether the work has to stop. This is already true shortly before the application can read
    /// the stop from its events.
    pub fn is_cancelled(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Waits until the work has to stop: because of a stop, a loss, or the end of the node.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.cancellation_token().cancelled_owned()
    }

    /// A token that is cancelled when the work has to stop. If you cancel it yourself, this does
    /// not affect the assignment, but it wakes all other code that waits for the token. To cancel
    /// only your own work, use a child token.
    pub fn cancellation_token(&self) -> CancellationToken {
        self.0.cancel.get_or_init(CancellationToken::new).clone()
    }

    /// The checkpoints of the node's assignments.
    pub(crate) fn registers(&self) -> &Registers {
        self.0.lease.services().registers()
    }

    /// Why it has to stop: the reason of the newest [`Event::Stop`](crate::Event::Stop) or
    /// [`Event::Lost`](crate::Event::Lost) of this assignment, as in
    /// [`Handoff::reason`](crate::Handoff::reason). It is known before [`cancelled`](Self::cancelled)
    /// returns.
    ///
    /// `None`: it does not have to stop, or the application gave it up by itself, with
    /// [`release`](crate::Divider::release) or [`complete`](crate::Divider::complete).
    pub fn reason(&self) -> Option<Reason> {
        Reason::of_number(self.0.reason.load(Ordering::Acquire))
    }

    /// How long the work may still take to end, where there is a limit; zero when that time is over.
    ///
    /// After a loss, the limit is the moment at which the key may run on another node: the end of the
    /// lease. After a stop, it is the end of [`Builder::stop_timeout`](crate::Builder::stop_timeout),
    /// where that is set. At this moment [`run`](crate::run()) drops the handler.
    ///
    /// `None`: there is no limit, since it does not have to stop, or may take as long as it needs.
    pub fn deadline(&self) -> Option<Duration> {
        let until = self.0.until.load(Ordering::Acquire);
        (until != NEVER).then(|| Time(until).since(self.0.lease.clock().time()))
    }

    /// Which call of its handler by [`run`](crate::run()) this is: 1 for the first, 2 for the first
    /// call after a failure, and so on. All clones show the newest call. It starts with 1 again for
    /// each assignment: a key that comes back to this node is a new one.
    ///
    /// An application that handles events by itself always finds 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt.load(Ordering::Relaxed)
    }

    /// Listens for the requests of the key, which callers send with
    /// [`Group::request`](crate::Group::request). It returns when requests that are sent from then on
    /// arrive. [`requests`](crate::requests) has an example and says what holds.
    ///
    /// # Errors
    /// [`ServeError`]: the key has to stop, its requests are served already, the store refused, or the
    /// store carries no requests. A worker needs the rights to subscribe and to publish to
    /// `divider.<group>.to.>`, and to answer what it receives (`allow_responses`).
    ///
    /// # Cancel safety
    /// Cancel safe: dropped before it returns, nothing is listened for.
    pub async fn requests(&self) -> Result<Requests, ServeError> {
        Requests::open(self).await
    }

    /// Waits until nobody listens for its requests, and each that was accepted is answered.
    pub(crate) async fn requests_settled(&self) {
        if let Some(gate) = self.0.gate.get() {
            gate.settled().await;
        }
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        self.0.gate.get_or_init(Arc::default)
    }

    pub(crate) fn services(&self) -> &Services {
        self.0.lease.services()
    }

    /// The handler is called once more.
    pub(crate) fn count_attempt(&self) {
        let next = |attempt: u32| Some(attempt.saturating_add(1));
        let _ = self.0.attempt.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// When it ends if nothing more is heard.
    pub(crate) fn until(&self) -> Time {
        self.0.lease.until().min(Time(self.0.until.load(Ordering::Acquire)))
    }

    /// The last moment at which the application may take its start.
    pub(crate) fn start_until(&self) -> Time {
        self.0.lease.start_until()
    }

    /// The application has to stop for this reason. [`fire`](Self::fire) wakes those who wait for it.
    pub(crate) fn stop(&self, reason: Reason) {
        self.0.reason.store(reason.number(), Ordering::Release);
        self.mark_stopping();
    }

    fn mark_stopping(&self) {
        self.0.stopping.store(true, Ordering::Release);
    }

    /// It has to stop for this reason, and ends at that moment, whatever becomes of the lease.
    pub(crate) fn stop_until(&self, reason: Reason, until: Time) {
        self.0.until.fetch_min(until.0, Ordering::AcqRel);
        self.stop(reason);
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

/// No end of its own.
const NEVER: u64 = u64::MAX;

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
