//! What the engine's thread and the application's handles share.

use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::clock::Clock;
use super::metrics::Metrics;
use super::queue::{Look, Queue, Taken, TakenEvent};
use super::services::Services;
use super::vitals::Vitals;
use crate::assignment::Assignment;
use crate::checkpoint::Registers;
use crate::error::Ended;
use crate::event::Reason;
use crate::id::{GroupName, NodeId, Session, Token};
use crate::key::Key;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The meeting place of the engine and the application. Nobody holds its lock for longer than a
/// few dozen operations on a map, and nobody waits for anything else while holding it.
#[derive(Debug)]
pub(crate) struct Shared {
    node: NodeId,
    group: GroupName,
    clock: Clock,
    queue: Mutex<Queue>,
    /// Wakes the engine: something was confirmed, or the node is to be cancelled.
    pub(super) wake: Notify,
    cancel: AtomicBool,
    /// The application has asked for everything to be handed over.
    leaving: AtomicBool,
    affinity: AtomicU32,
    warned_of_drop: AtomicBool,
    ended: watch::Sender<Option<Ended>>,
    pub(crate) vitals: Vitals,
    services: Arc<Services>,
    pub(super) metrics: Metrics,
}

impl Shared {
    /// With services that no test uses.
    #[cfg(test)]
    pub(crate) fn new(group: GroupName, node: NodeId, affinity: u32, clock: Clock) -> Self {
        let services = Services::unused(&group);
        Self::with_services(group, node, affinity, clock, services)
    }

    pub(crate) fn with_services(
        group: GroupName,
        node: NodeId,
        affinity: u32,
        clock: Clock,
        services: Services,
    ) -> Self {
        let services = Arc::new(services);
        Self {
            metrics: Metrics::new(&group, &node),
            node,
            group,
            queue: Mutex::new(Queue::new(clock.clone(), Arc::clone(&services))),
            clock,
            wake: Notify::new(),
            cancel: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            affinity: AtomicU32::new(affinity),
            warned_of_drop: AtomicBool::new(false),
            ended: watch::Sender::new(None),
            vitals: Vitals::new(),
            services,
        }
    }

    pub(crate) fn node(&self) -> &NodeId {
        &self.node
    }

    pub(crate) fn group(&self) -> &GroupName {
        &self.group
    }

    /// The checkpoints of the node's assignments.
    pub(crate) fn registers(&self) -> &Registers {
        self.services.registers()
    }

    /// The clock that the node goes by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Changes or reads the queue, then carries out what that entails, outside the lock.
    pub(super) fn queue<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        // No code of others runs under the lock. Were there a panic nevertheless, the queue is whole.
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut queue);
        let effects = queue.take_effects();
        drop(queue);
        effects.carry_out();
        result
    }

    // ---- the application's side ----

    /// The next stop or loss, or else the next start, taken at this very moment.
    pub(crate) fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<TakenEvent>> {
        match self.queue(|queue| queue.take_event(&self.clock, cx.waker())) {
            Look::Item(event) => {
                if let TakenEvent::Start(_) = event {
                    self.metrics.started.increment(1);
                }
                Poll::Ready(Some(event))
            }
            Look::Nothing => Poll::Pending,
            Look::Closed => Poll::Ready(None),
        }
    }

    /// The next start, taken at this very moment.
    pub(crate) fn poll_start(&self, cx: &mut Context<'_>) -> Poll<Option<Assignment>> {
        // The clock is read under the lock, at the very moment of taking.
        match self.queue(|queue| queue.take_start(self.clock.time(), Some(cx.waker()))) {
            Look::Item(assignment) => {
                self.metrics.started.increment(1);
                Poll::Ready(Some(assignment))
            }
            Look::Nothing => Poll::Pending,
            Look::Closed => Poll::Ready(None),
        }
    }

    /// The next stop or loss.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Option<Taken>> {
        match self.queue(|queue| queue.take_end(Some(cx.waker()))) {
            Look::Item(taken) => Poll::Ready(Some(taken)),
            Look::Nothing => Poll::Pending,
            Look::Closed => Poll::Ready(None),
        }
    }

    /// The application has stopped with this run; `false`: nobody waits for that.
    pub(crate) fn confirm(&self, key: &Key, token: Token) -> bool {
        let confirmed = self.queue(|queue| queue.confirm(key, token));
        if let Some(reason) = confirmed {
            if reason == Reason::Retracted {
                self.services.registers().retract(key, token);
            } else {
                self.services.registers().take(key, token);
            }
            if !reason.is_loss() {
                self.metrics.stopped.increment(1);
            }
            self.wake.notify_one();
        }
        confirmed.is_some()
    }

    /// A hand-off was dropped unconfirmed.
    pub(crate) fn handoff_dropped(&self, key: &Key, token: Token, reason: Reason) {
        if !self.queue(|queue| queue.is_unconfirmed(key, token, reason)) || self.ended().is_some() {
            return;
        }
        self.metrics.dropped_handoffs.increment(1);
        if !self.warned_of_drop.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                group = %self.group, node = %self.node, %key, %token,
                "Handoff dropped without confirmation (logged once)"
            );
        }
    }

    /// A handler failed.
    pub(crate) fn handler_failed(&self) {
        self.metrics.handler_failures.increment(1);
    }

    /// A key was released.
    pub(crate) fn key_released(&self) {
        self.metrics.released.increment(1);
    }

    /// The application has stopped with the key by itself.
    pub(crate) fn give_up(&self, key: &Key, token: Token) {
        self.queue(|queue| queue.give_up(key, token));
    }

    pub(crate) fn assigned(&self) -> Vec<Assignment> {
        self.queue(|queue| queue.assigned())
    }

    pub(crate) fn session(&self) -> Session {
        self.queue(|queue| queue.session())
    }

    /// Whether the node may work: a member with a lease that is not about to end, and not leaving.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_leaving()
            && self.ended.borrow().is_none()
            && self.queue(|queue| queue.lease().is_good())
    }

    /// How long the keys stay this node's if nothing is heard of the store any more.
    pub(crate) fn lease_remaining(&self) -> Duration {
        if self.ended.borrow().is_some() {
            return Duration::ZERO;
        }
        self.queue(|queue| queue.lease().until()).since(self.clock.time())
    }

    /// Whether the application asked the node to leave or to end.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire) || self.is_cancel_requested()
    }

    /// What assignments can reach beyond their lease.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// The node is asked to hand over everything.
    pub(crate) fn set_leaving(&self) {
        self.leaving.store(true, Ordering::Release);
        self.vitals.leave();
    }

    /// Wants the node to end; the engine does it.
    pub(crate) fn request_cancel(&self) {
        self.cancel.store(true, Ordering::Release);
        self.vitals.leave();
        self.wake.notify_one();
    }

    /// Why the node is over, if it is.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Waits for the node to be over.
    pub(crate) async fn wait_ended(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await.expect("the sender is in `self`");
        ended.clone().expect("waited for it")
    }

    /// The node's own affinity, as last answered by the core.
    pub(crate) fn affinity(&self) -> u32 {
        self.affinity.load(Ordering::Relaxed)
    }

    // ---- the engine's side ----

    pub(super) fn set_affinity(&self, own: u32) {
        self.affinity.store(own, Ordering::Relaxed);
    }

    pub(super) fn is_cancel_requested(&self) -> bool {
        self.cancel.load(Ordering::Acquire)
    }

    /// Waits for the node to be cancelled.
    pub(super) async fn cancel_requested(&self) {
        while !self.is_cancel_requested() {
            self.wake.notified().await;
        }
        // Whoever else waits for it gets another one.
        self.wake.notify_one();
    }

    fn tell_end(&self, ended: &Ended) {
        let (group, node) = (&self.group, &self.node);
        if *ended == Ended::Cancelled {
            tracing::info!(%group, %node, "node ended");
        } else {
            tracing::error!(%group, %node, why = %ended, "node ended and will not start again");
        }
    }

    /// The node is over: ends the stream of events and wakes everybody who waits.
    pub(super) fn end(&self, ended: Ended) {
        let reason = match ended {
            Ended::Cancelled => Reason::Cancelled,
            Ended::Replaced { .. } => Reason::Replaced,
            _ => Reason::Fenced,
        };
        self.queue(|queue| queue.close(reason));
        self.metrics.held.set(0.0);
        self.metrics.lease_remaining.set(0.0);
        self.tell_end(&ended);
        self.ended.send_if_modified(|slot| {
            let first = slot.is_none();
            slot.get_or_insert(ended);
            first
        });
    }
}
