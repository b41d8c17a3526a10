//! The application's handle on its node.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::assignment::Assignment;
use crate::builder::Builder;
use crate::engine::clock::Clock;
use crate::engine::{Request, Shared};
use crate::error::{Ended, KeyError, LeaveError};
use crate::health::{Health, HealthWatch};
use crate::id::{GroupName, NodeId, Session, Token};
use crate::key::Key;
use crate::store::Store;
use divider_core::edge::{Command, Failure, Reply};
use divider_core::wire::LONGEST_AWAY_MS;

/// The application's handle on a node of a group.
///
/// It is cheap to clone, and all clones are handles on one node. The node itself runs on the thread
/// of its store, or on its own thread. Its requests to the application come as
/// [`Events`](crate::Events).
///
/// # Ending a node
/// Use [`flush_and_cancel`](Self::flush_and_cancel) to shut down: it hands over every key, so that
/// other nodes start the keys at once. Dropping all handles changes nothing while the application
/// holds the events. Dropping the events cancels the node: it gives up its keys without handing
/// them over. If a process exits without ending its node, other nodes treat this as a crash: they
/// take over its keys when its lease has ended.
#[derive(Clone)]
pub struct Divider {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Request>,
}

/// The affinity of a node: its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Affinity {
    /// The node's own affinity.
    pub own: u32,
    /// The affinity that an operator has set, if any. It replaces the node's own.
    pub overridden: Option<u32>,
}

/// What became of the keys of a node that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Flushed {
    /// Keys that another node has now.
    pub handed: u64,
    /// Keys that no node could take. They have no owner until a node can take them.
    pub freed: u64,
    /// Keys that could not be handed over, because the node lost its lease before. Other nodes take
    /// these keys when the lease has ended. The application got [`Event::Lost`](crate::Event::Lost)
    /// for each of them.
    pub lost: u64,
    /// Keys that wait for the return of this node, after [`leave_for`](Divider::leave_for). Otherwise 0.
    pub kept: u64,
}

impl Divider {
    /// Returns a [`Builder`] to set up and start a node of the store's group.
    ///
    /// `store` can be a store, an [`Arc`] of a store, or an `Arc<dyn Store>`.
    pub fn builder(store: impl Store) -> Builder {
        Builder::new(Arc::new(store))
    }

    pub(crate) fn new(shared: Arc<Shared>, commands: mpsc::Sender<Request>) -> Self {
        Self { shared, commands }
    }

    /// The node's name.
    pub fn node(&self) -> &NodeId {
        self.shared.node()
    }

    /// The group's name.
    pub fn group(&self) -> &GroupName {
        self.shared.group()
    }

    /// The id of the node's current session. A session begins when the node joins. It ends when the
    /// node leaves, or when the node is *fenced*: when it loses its lease. After a fence, the node
    /// joins again by itself, with a new session.
    pub fn session(&self) -> Session {
        self.shared.session()
    }

    /// Whether the node may work at this moment. It may work if it is a member, if more than a
    /// sixth of its lease is left, and if neither [`flush`](Self::flush) nor
    /// [`cancel`](Self::cancel) was called. Use it for readiness probes.
    ///
    /// The value is true from [`start`](Builder::start) on, even if the node has no key. While the
    /// store is unavailable, it stays true as long as work may continue: for four sixths to five
    /// sixths of a lease from the start of the outage. After that, the node has lost its keys, and
    /// the value is false until the node is a member again. The method reads the clock itself, so
    /// its value is correct even if the node's engine is delayed. Do not use it as a liveness
    /// probe: a node that is not ready recovers by itself, and a restart does not help.
    ///
    /// ```
    /// # use divider::{Divider, GroupName, MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryStore::new(GroupName::new("orders")?);
    /// let (divider, events) = Divider::builder(store).start().await?;
    /// // In the handler of `/readyz`:
    /// let status = if divider.is_ready() { 200 } else { 503 };
    /// # assert_eq!(status, 200);
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// The health of the node at this moment: whether it lives, whether it is ready, and why not.
    ///
    /// It waits for nothing and asks nobody. [`Health::ready`] agrees with
    /// [`is_ready`](Self::is_ready), and [`Health::lease_remaining`] with
    /// [`lease_remaining`](Self::lease_remaining). [`health`](crate::health) says which probe should
    /// use what.
    pub fn health(&self) -> Health {
        Health::of(&self.shared)
    }

    /// The health of the node as it is now, and each change of it.
    pub fn watch_health(&self) -> HealthWatch {
        HealthWatch::new(Arc::clone(&self.shared))
    }

    /// How long the lease still lasts if the store does not answer any more; zero if the node has
    /// no lease. It is measured on a clock that continues while the machine is suspended.
    ///
    /// Each heartbeat that the store acknowledges sets the value to nearly a whole lease; a node
    /// sends six heartbeats per lease. When a sixth of a lease is left, the keys are lost
    /// ([`Event::Lost`](crate::Event::Lost)), and [`is_ready`](Self::is_ready) is false. The
    /// remaining time is for stopping.
    pub fn lease_remaining(&self) -> Duration {
        self.shared.lease_remaining()
    }

    /// The keys whose start the application has read and whose stop it has not confirmed, sorted by
    /// key. The list includes lost keys whose stop is not confirmed. For such a key,
    /// [`Assignment::is_valid`] becomes false when the time to stop has passed.
    pub fn assigned(&self) -> Vec<Assignment> {
        let mut assigned = self.shared.assigned();
        assigned.sort_by(|a, b| a.key().cmp(b.key()));
        assigned
    }

    /// Confirms that the work on a key has stopped, after a stop or a loss. Use it in place of
    /// [`Handoff::confirm`](crate::Handoff::confirm) if you have the key and the token but not the
    /// [`Handoff`](crate::Handoff).
    ///
    /// Returns `true` if the node was waiting for this confirmation. Otherwise nothing happens: the
    /// token belongs to another assignment, the stop was confirmed already, or no stop was
    /// requested. To stop work without a request, call [`release`](Self::release) or
    /// [`complete`](Self::complete). This method never blocks.
    pub fn confirm_stop(&self, key: &Key, token: Token) -> bool {
        self.shared.confirm(key, token)
    }

    /// Gives the key to another node. Call it when the work on the key has stopped and this node
    /// cannot continue it. No [`Event::Stop`](crate::Event::Stop) follows.
    ///
    /// Only the run of this assignment ends. A later run of the same key is not affected.
    ///
    /// The key does not return to this node before the [`cool_down`](Builder::cool_down) has
    /// passed. The method returns when the node has accepted the release. The node then hands the
    /// key over to the best other node. If every other node has recently released the key, the key
    /// has no owner until a cool-down has passed.
    ///
    /// # How long it takes
    /// It returns at once, even if the store does not answer. If the store refuses the hand-over
    /// because a right is missing, the node is fenced two leases later, so that other nodes can
    /// take the key.
    ///
    /// # Errors
    /// [`KeyError::NotHeld`], [`KeyError::Lost`]: this node no longer owned the key.
    /// [`KeyError::Over`]: the node has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped before it has sent the command, nothing happens. If it is dropped
    /// later, the key is released.
    pub async fn release(&self, assignment: &Assignment) -> Result<(), KeyError> {
        self.stop_with(assignment, Command::Release).await?;
        self.shared.registers().take(assignment.key(), assignment.token());
        self.shared.key_released();
        Ok(())
    }

    /// Puts the key into quarantine. Call it when the work on the key has stopped because no node can do
    /// it: no node works on the key, until an operator retries it ([`Group::retry`](crate::Group::retry),
    /// `divider retry`) or it is retracted. No [`Event::Stop`](crate::Event::Stop) follows. After a stop
    /// request, you can also call it in place of confirming the stop.
    ///
    /// The claim of the key says `reason`, of which the first 512 bytes are kept, and this node, the time
    /// and the number of attempts. Announcing the key again changes nothing.
    ///
    /// It returns at once, as [`release`](Self::release) does.
    ///
    /// # Errors
    /// [`KeyError::NotHeld`], [`KeyError::Lost`]: this node no longer owned the key.
    /// [`KeyError::Over`]: the node has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped before it has sent the command, nothing happens. If it is dropped
    /// later, the key goes into quarantine.
    pub async fn quarantine(
        &self,
        assignment: &Assignment,
        reason: impl Into<String>,
    ) -> Result<(), KeyError> {
        let attempts = assignment.attempt();
        let failure = Failure { reason: reason.into(), attempts, goes_on: true, limit: 0 };
        self.fail(assignment, failure).await
    }

    /// Gives the key up because its work failed: to another node, or into quarantine.
    pub(crate) async fn fail(
        &self,
        assignment: &Assignment,
        failure: Failure,
    ) -> Result<(), KeyError> {
        self.stop_with(assignment, |key, token| Command::Fail(key, token, failure)).await?;
        self.shared.registers().take(assignment.key(), assignment.token());
        self.shared.key_released();
        Ok(())
    }

    /// Ends the key. Call it when the work on the key has stopped because it is done. The key no
    /// longer exists, on any node, until a client announces it again. No
    /// [`Event::Stop`](crate::Event::Stop) follows. After a stop request, you can also complete the
    /// key in place of confirming the stop.
    ///
    /// # How long it takes
    /// It returns when the key is deleted or the deletion has failed, at the latest after three
    /// leases. If the store refuses the deletion because a right is missing, it returns at once.
    /// After any other failure, the node tries again for two leases.
    /// If the assignment has opened the [checkpoint](crate::checkpoint) of the key, the checkpoint is
    /// deleted after the key. This takes at most the request time-out of the store.
    ///
    /// # Errors
    /// - [`KeyError::AnnouncedAgain`]: the key was announced again after it started here, so there
    ///   is more to do. It starts again, on this node or another one.
    /// - [`KeyError::NotDeleted`]: the store refused the deletion or did not answer. The key is
    ///   given to another node, which does the work again. A worker needs the right to write
    ///   `$KV.divider_<group>.key.>`.
    /// - [`KeyError::NotHeld`], [`KeyError::Lost`]: this node no longer owned the key, so nothing
    ///   was deleted.
    /// - [`KeyError::Unknown`]: the key was lost during its deletion. Either it was deleted, or it
    ///   starts again, on this node or another one.
    /// - [`KeyError::Over`]: the node has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped before it has sent the command, nothing happens. If it is dropped
    /// later, the key is completed.
    pub async fn complete(&self, assignment: &Assignment) -> Result<(), KeyError> {
        let completed = self.stop_with(assignment, Command::Complete).await;
        let registers = self.shared.registers();
        let register = registers.take(assignment.key(), assignment.token());
        if let (Ok(()), Some(register)) = (&completed, register) {
            registers.delete(&register).await;
        }
        completed
    }

    /// The node's own affinity. If an operator has set an affinity for the node, that one counts
    /// instead; [`set_affinity`](Self::set_affinity) returns both.
    pub fn affinity(&self) -> u32 {
        self.shared.affinity()
    }

    /// Sets the node's own affinity. No running key moves. The new value applies to new keys and to
    /// the next rebalance, as soon as the node's record is written. The method returns before that
    /// write.
    ///
    /// # Errors
    /// The node has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped before it has sent the command, nothing happens. If it is dropped
    /// later, the affinity is set.
    pub async fn set_affinity(&self, affinity: u32) -> Result<Affinity, Ended> {
        self.change_affinity(Command::SetAffinity(affinity)).await
    }

    /// Adds `by` to the node's own affinity. The result is limited to the range from 0 to
    /// `u32::MAX`. Changes of several callers add up; several changes in a short time are one
    /// write. The method returns before that write, like [`set_affinity`](Self::set_affinity).
    ///
    /// # Errors
    /// The node has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped before it has sent the command, nothing happens. If it is dropped
    /// later, the affinity is changed.
    pub async fn alter_affinity(&self, by: i64) -> Result<Affinity, Ended> {
        self.change_affinity(Command::AlterAffinity(by)).await
    }

    /// Hands over every key and takes no more keys. The node remains a member, in the state
    /// *leaving*. After a flush, the only useful call is [`cancel`](Self::cancel). The method
    /// returns when all stops are confirmed and all keys are handed over.
    ///
    /// Each key gets its [`Event::Stop`](crate::Event::Stop): continue to read the events and to
    /// confirm the stops during the flush. If the node loses its lease meanwhile, it can hand over
    /// no more keys. [`Flushed::lost`] counts the keys that it lost in this way.
    ///
    /// # How long it takes
    /// It takes as long as the slowest confirmation. If a confirmation may never come, use a
    /// time-out and then call [`cancel`](Self::cancel). The store cannot block a flush for ever: if
    /// no confirmation is missing, and no key could be handed over for four leases, the node ends
    /// its session. [`Flushed::lost`] counts the remaining keys. Possible causes are a missing
    /// right and a full group.
    ///
    /// # Errors
    /// The node ended before all keys were handed over.
    ///
    /// # Cancel safety
    /// If the future is dropped before it has sent the command, nothing happens. If it is dropped
    /// later, the flush continues, and a second call waits for the same flush.
    pub async fn flush(&self) -> Result<Flushed, Ended> {
        match self.ask(Command::Flush).await? {
            Reply::Flushed { handed, freed, kept, lost } => {
                Ok(Flushed { handed, freed, lost, kept })
            }
            _ => Err(self.shared.wait_ended().await),
        }
    }

    /// Stops every key and ends the node, for a restart: the keys are not handed over. They wait for
    /// the next node with this id. It gets exactly these keys back at once, and no other key moves.
    /// If no such node has joined when `grace` has passed, the other nodes take the keys.
    ///
    /// The wait begins when the other nodes see the end of the session. Each of them measures it on
    /// its own clock. Meanwhile the keys do not run on any node, joins of other nodes move no keys,
    /// and new keys go to the other nodes. An operator ends the wait with `divider drain` or
    /// [`Group::drain`](crate::Group::drain).
    ///
    /// Use it where the platform starts the process again under the same id
    /// ([`Builder::node`](crate::Builder::node)), as a `StatefulSet` does. Choose a `grace`
    /// somewhat longer than a restart takes. Use [`flush_and_cancel`](Self::flush_and_cancel) if
    /// the node does not return.
    ///
    /// Each key gets its [`Event::Stop`](crate::Event::Stop), with
    /// [`Reason::Restart`](crate::Reason::Restart): continue to read the events and to confirm the
    /// stops. If the process dies before all stops are confirmed, the keys wait, too: the wait then
    /// begins when other nodes have observed its death. [`flush`](Self::flush) says how long the
    /// call takes. If a flush already runs, it continues and hands the keys over.
    ///
    /// [`Flushed::kept`] counts the keys that wait.
    ///
    /// # Errors
    /// [`LeaveError::Grace`] if `grace` is not between 1 ms and one hour: nothing was done.
    /// [`LeaveError::Over`] if the node ended before all keys were stopped.
    ///
    /// # Cancel safety
    /// If the future is dropped before it has sent the command, nothing happens. If it is dropped
    /// later, the keys are stopped, but the node does not end before [`cancel`](Self::cancel).
    pub async fn leave_for(&self, grace: Duration) -> Result<Flushed, LeaveError> {
        check_grace(grace)?;
        match self.ask(Command::LeaveFor(grace)).await? {
            Reply::Flushed { handed, freed, kept, lost } => {
                self.cancel().await;
                Ok(Flushed { handed, freed, lost, kept })
            }
            _ => Err(self.shared.wait_ended().await.into()),
        }
    }

    /// Ends the node. Every key that it still holds is lost
    /// ([`Reason::Cancelled`](crate::Reason::Cancelled)) and not handed over. The method returns
    /// when the node has ended and nothing of it runs any more. The node ends when every key is
    /// confirmed and the end of its session is written, or when its lease has ended.
    ///
    /// # How long it takes
    /// At most one lease, even if the store or the application does not answer, plus two seconds
    /// for closing the watch.
    ///
    /// # Cancel safety
    /// Once the future was polled, the node ends, even if the future is dropped.
    pub async fn cancel(&self) -> Ended {
        self.shared.request_cancel();
        self.shared.wait_ended().await
    }

    /// Hands over every key, then ends the node. Use it to shut down. [`flush`](Self::flush)
    /// explains what the application must do meanwhile. [`flush`](Self::flush) and
    /// [`cancel`](Self::cancel) state how long each step takes.
    ///
    /// # Errors
    /// The node ended before all keys were handed over.
    ///
    /// # Cancel safety
    /// If the future is dropped during the flush, the flush continues, but the node does not end.
    pub async fn flush_and_cancel(&self) -> Result<Flushed, Ended> {
        let flushed = self.flush().await?;
        self.cancel().await;
        Ok(flushed)
    }

    /// Waits until the node has ended, and returns the reason.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) -> Ended {
        self.shared.wait_ended().await
    }

    /// The clock that the node goes by.
    pub(crate) fn clock(&self) -> &Clock {
        self.shared.clock()
    }

    /// Counts a failure of a handler.
    pub(crate) fn handler_failed(&self) {
        self.shared.handler_failed();
    }

    async fn change_affinity(&self, command: Command) -> Result<Affinity, Ended> {
        match self.ask(command).await? {
            Reply::Affinity { own, overridden } => Ok(Affinity { own, overridden }),
            _ => Err(self.shared.wait_ended().await),
        }
    }

    async fn stop_with(
        &self,
        assignment: &Assignment,
        command: impl FnOnce(Key, Token) -> Command,
    ) -> Result<(), KeyError> {
        let (key, token) = (assignment.key(), assignment.token());
        let Ok(permit) = self.commands.reserve().await else {
            return Err(KeyError::Over(self.shared.wait_ended().await));
        };
        // In one step with the sending: no stop of this run is reported after this.
        self.shared.give_up(key, token);
        let (answer, reply) = oneshot::channel();
        permit.send(Request { command: command(key.clone(), token), answer });
        match reply.await {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::NotHeld) => Err(KeyError::NotHeld { key: key.clone() }),
            Ok(Reply::Lost) => Err(KeyError::Lost { key: key.clone() }),
            Ok(Reply::Doubtful) => Err(KeyError::Unknown { key: key.clone() }),
            Ok(Reply::AnnouncedAgain) => Err(KeyError::AnnouncedAgain { key: key.clone() }),
            Ok(Reply::NotDeleted(source)) => Err(KeyError::NotDeleted { key: key.clone(), source }),
            _ => Err(KeyError::Over(self.shared.wait_ended().await)),
        }
    }

    async fn ask(&self, command: Command) -> Result<Reply, Ended> {
        let leaves = matches!(command, Command::Flush | Command::LeaveFor(_));
        let (answer, reply) = oneshot::channel();
        if self.commands.send(Request { command, answer }).await.is_ok() {
            if leaves {
                self.shared.set_leaving();
            }
            if let Ok(reply) = reply.await {
                return Ok(reply);
            }
        }
        Err(self.shared.wait_ended().await)
    }
}

/// The longest time for which keys can wait for a node that restarts ([`Divider::leave_for`]): one hour.
pub const MAX_RESTART_GRACE: Duration = Duration::from_millis(LONGEST_AWAY_MS);

/// Whether keys can wait for so long for a node that restarts.
pub(crate) fn check_grace(grace: Duration) -> Result<(), LeaveError> {
    let most = MAX_RESTART_GRACE;
    let is_in_range = (Duration::from_millis(1)..=most).contains(&grace);
    if is_in_range { Ok(()) } else { Err(LeaveError::Grace { grace, most }) }
}

impl fmt::Debug for Divider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Divider").field("group", self.group()).field("node", self.node()).finish()
    }
}
