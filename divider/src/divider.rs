//! The application's handle on its node.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::assignment::Assignment;
use crate::builder::Builder;
use crate::engine::clock::Clock;
use crate::engine::{Request, Shared};
use crate::error::{Ended, KeyError};
use crate::id::{GroupName, NodeId, Session, Token};
use crate::key::Key;
use crate::store::Store;
use divider_core::edge::{Command, Reply};

/// A node of a group: the application's handle on it.
///
/// Cheap to clone, and every clone is the same node. The node itself runs on its store's thread, or on one of its own;
/// what it has to say comes out of [`Events`](crate::Events).
///
/// # Ending a node
/// [`flush_and_cancel`](Self::flush_and_cancel) is the way to shut down: every key is handed over
/// without a pause. Dropping all handles changes nothing while the events are still listened to;
/// dropping the events cancels the node, which gives up its keys without handing them over. A process
/// that just exits looks like a crash: the others take its keys over when its lease has run out.
#[derive(Clone)]
pub struct Divider {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Request>,
}

/// A node's affinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Affinity {
    /// The node's own.
    pub own: u32,
    /// The operator's, which counts instead of the node's own while it is set.
    pub overridden: Option<u32>,
}

/// What became of the keys of a node that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Flushed {
    /// Keys that another node has now.
    pub handed: u64,
    /// Keys that no node could take; they wait for one.
    pub freed: u64,
    /// Keys that could not be handed over, since the node's lease was lost before: others take them
    /// when it is over. The application was told [`Event::Lost`](crate::Event::Lost) for each.
    pub lost: u64,
}

impl Divider {
    /// A node of the group that the store holds, to be set up and started.
    ///
    /// The store is one itself or an [`Arc`] of one, also of a `dyn Store`.
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

    /// The node's current session. A node that was fenced goes on with a new one.
    pub fn session(&self) -> Session {
        self.shared.session()
    }

    /// Whether the node may work at this moment: it is a member, its lease is not about to end, and
    /// neither [`flush`](Self::flush) nor [`cancel`](Self::cancel) was called. For readiness probes.
    ///
    /// It is true from [`start`](Builder::start) on, also without any key. While the store is away it
    /// stays true for as long as work may go on, four sixths to five sixths of a lease; it is false from
    /// the loss of the keys until the node is a member again. It reads the clock by itself, so it is
    /// right also where the node's engine does not get to run. Do not make it a liveness probe: a node
    /// that is not ready comes back by itself, and a restart helps nothing.
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

    /// How long the node's keys stay its own if nothing is heard of the store any more; zero when it
    /// holds nothing. Measured on a clock that runs on while the machine is suspended.
    ///
    /// Each heartbeat that the store acknowledges, six a lease, sets it to nearly a whole lease. At a
    /// sixth of one the keys are lost ([`Event::Lost`](crate::Event::Lost)), and what is left is for
    /// stopping: [`is_ready`](Self::is_ready) is false then.
    pub fn lease_remaining(&self) -> Duration {
        self.shared.lease_remaining()
    }

    /// The keys that the application was told to start and has not stopped, in the order of the keys.
    /// It includes keys that were lost and not confirmed: [`Assignment::is_valid`] tells.
    pub fn assigned(&self) -> Vec<Assignment> {
        let mut assigned = self.shared.assigned();
        assigned.sort_by(|a, b| a.key().cmp(b.key()));
        assigned
    }

    /// Says that the work on a key has stopped that was told to stop or was lost: the same as
    /// [`Handoff::confirm`](crate::Handoff::confirm), for whoever knows the key and the token.
    ///
    /// Returns whether that was waited for. Where it was not (the token is of another assignment, it
    /// was confirmed already, nobody asked for a stop) nothing happens; to stop of its own accord, the
    /// application calls [`release`](Self::release) or [`complete`](Self::complete). Never blocks.
    pub fn confirm_stop(&self, key: &Key, token: Token) -> bool {
        self.shared.confirm(key, token)
    }

    /// Gives the key to another node: "I have stopped with it and cannot go on". No stop follows.
    ///
    /// It is this run of the key that ends; a later one of the same key is left alone.
    ///
    /// The node does not get it back for a while (the [`cool_down`](Builder::cool_down)). Returns when
    /// the key is on its way: it is written to the best other node, or, where every one has released it
    /// lately, left without an owner until a cool-down is over.
    ///
    /// # How long it takes
    /// It returns at once, whatever the store does. Where the store refuses the hand-over for lack of
    /// a right, the node is fenced two leases later, so that others can take the key.
    ///
    /// # Errors
    /// [`KeyError::NotHeld`], [`KeyError::Lost`]: the key was not this node's any more.
    /// [`KeyError::Over`].
    ///
    /// # Cancel safety
    /// Dropped before it has sent the command, it has done nothing; after that, the key is released.
    pub async fn release(&self, assignment: &Assignment) -> Result<(), KeyError> {
        self.stop_with(assignment, Command::Release).await?;
        self.shared.key_released();
        Ok(())
    }

    /// Ends the key: "I have stopped with it, for the work is done". It exists no more, on any node,
    /// until somebody announces it again. No stop follows. A key that was told to stop can be completed
    /// too, in place of its confirmation.
    ///
    /// # How long it takes
    /// It returns when the key is deleted, within three leases in any case. A deletion that the store
    /// refuses for lack of a right is answered at once; anything else that fails is tried again for two
    /// leases.
    ///
    /// # Errors
    /// [`KeyError::AnnouncedAgain`]: somebody announced it since it started here, so there is more to
    /// do; it is started again, here or elsewhere. [`KeyError::NotDeleted`]: the store refused the
    /// deletion or did not answer, so the key is given to another node, which does the work again; a
    /// worker needs the right to write `$KV.divider_<group>.key.>`. [`KeyError::NotHeld`],
    /// [`KeyError::Lost`]: the key was not this node's any more, so nothing was deleted.
    /// [`KeyError::Unknown`]: it was lost while it was deleted. [`KeyError::Over`].
    ///
    /// # Cancel safety
    /// Dropped before it has sent the command, it has done nothing; after that, the key is completed.
    pub async fn complete(&self, assignment: &Assignment) -> Result<(), KeyError> {
        self.stop_with(assignment, Command::Complete).await
    }

    /// The node's own affinity. An operator's, where there is one, counts instead of it:
    /// [`set_affinity`](Self::set_affinity) tells.
    pub fn affinity(&self) -> u32 {
        self.shared.affinity()
    }

    /// Sets the node's own affinity. Nothing that runs moves; new keys and the next balancing go by
    /// it once the node's record is written. It returns at once, a moment before that.
    ///
    /// # Errors
    /// The node is over.
    ///
    /// # Cancel safety
    /// Dropped before it has sent the command, it has done nothing; after that, the affinity is set.
    pub async fn set_affinity(&self, affinity: u32) -> Result<Affinity, Ended> {
        self.change_affinity(Command::SetAffinity(affinity)).await
    }

    /// Changes the node's own affinity by that much, at most to 0 and to `u32::MAX`. Changes of
    /// several callers add up; several in a short time are one write. It returns at once, like
    /// [`set_affinity`](Self::set_affinity).
    ///
    /// # Errors
    /// The node is over.
    ///
    /// # Cancel safety
    /// Dropped before it has sent the command, it has done nothing; after that, it is changed.
    pub async fn alter_affinity(&self, by: i64) -> Result<Affinity, Ended> {
        self.change_affinity(Command::AlterAffinity(by)).await
    }

    /// Hands over every key and takes nothing more; the node stays a member, leaving. After it only
    /// [`cancel`](Self::cancel) makes sense. Returns when all stops are confirmed and handed over.
    ///
    /// Each key gets its [`Event::Stop`](crate::Event::Stop): go on reading the events and confirming
    /// while this runs. A node that cannot keep its lease meanwhile has nothing to hand over any more,
    /// and says so in [`Flushed::lost`].
    ///
    /// # How long it takes
    /// As long as the slowest confirmation: put a time-out around it and call
    /// [`cancel`](Self::cancel) where that may be for ever. The store does not hold it up for ever:
    /// where the application owes no confirmation and for four leases no key could be handed over (a
    /// right is missing, the group is full), the node ends its session, and counts the keys that are
    /// left as [`Flushed::lost`].
    ///
    /// # Errors
    /// The node is over before all of it was done.
    ///
    /// # Cancel safety
    /// Dropped before it has sent the command, it has done nothing; after that, the flush goes on, and
    /// calling it again waits for the same one.
    pub async fn flush(&self) -> Result<Flushed, Ended> {
        match self.ask(Command::Flush).await? {
            Reply::Flushed { handed, freed, lost } => Ok(Flushed { handed, freed, lost }),
            _ => Err(self.shared.wait_ended().await),
        }
    }

    /// Ends the node: every key it still holds is lost
    /// ([`Reason::Cancelled`](crate::Reason::Cancelled)), not handed over. Returns when the node is
    /// over, and nothing of it is left running: once all is confirmed and the session's end is
    /// written.
    ///
    /// # How long it takes
    /// A lease at most, whatever the store and the application do, and two seconds for closing the
    /// watch.
    ///
    /// # Cancel safety
    /// Once polled, the node ends, whether or not this is waited for.
    pub async fn cancel(&self) -> Ended {
        self.shared.request_cancel();
        self.shared.wait_ended().await
    }

    /// Hands over every key, then ends the node: the way to shut down. See [`flush`](Self::flush) for
    /// what the application does meanwhile, and how long both take.
    ///
    /// # Errors
    /// The node was over before all keys were handed over.
    ///
    /// # Cancel safety
    /// Dropped while it flushes, the flush goes on, but the node is not ended.
    pub async fn flush_and_cancel(&self) -> Result<Flushed, Ended> {
        let flushed = self.flush().await?;
        self.cancel().await;
        Ok(flushed)
    }

    /// Waits until the node is over, and says why.
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
        // In one step with the sending: no stop of it is told after this.
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
        let leaves = command == Command::Flush;
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

impl fmt::Debug for Divider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Divider").field("group", self.group()).field("node", self.node()).finish()
    }
}
