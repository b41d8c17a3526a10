//! The one task of a node, and the only clock.
//!
//! The engine asks the store, tells the application and looks at the clock as the core says; it
//! decides nothing. It runs on the thread of the store's connection where that has one, since then an
//! answer wakes one thread and not two, and on a thread of its own where it has not: never on the
//! application's executor, which may be blocked for longer than a lease.

mod chronicle;
pub(crate) mod clock;
mod driver;
mod effects;
mod failures;
mod lease;
mod metrics;
mod outage;
#[cfg(test)]
pub(crate) mod played;
mod queue;
mod reads;
mod reminder;
mod reporter;
mod requests;
mod runs;
mod services;
mod shared;
mod starting;
mod telling;
#[cfg(test)]
mod tests;
mod thread;
#[cfg(all(test, shuttle))]
mod threads;
mod unacked;
mod unwanted;
mod vitals;
mod watches;
mod window;
mod writes;

pub(crate) use lease::SessionLease;
pub(crate) use queue::{Taken, TakenEvent};
pub(crate) use requests::{QUEUE, Request};
pub(crate) use services::Services;
pub(crate) use shared::Shared;
pub(crate) use thread::{Launch, launch};
pub(crate) use vitals::Facts;

use divider_core::edge::{Action, Input};
use divider_core::node::{Condition, Fullest, Node, Numbers};
use divider_core::time::{Now, Time};
use divider_core::wire::ControlRecord;

/// What the engine drives: the verbs of the core's edge.
pub(crate) trait Core {
    /// Something happened. Poll actions and the time-out afterwards.
    fn handle(&mut self, now: Now, input: Input);
    /// The time of `poll_timeout` has come. Poll actions and the time-out afterwards.
    fn handle_timeout(&mut self, now: Now);
    /// The next thing to do; ask until there is none.
    fn poll_action(&mut self) -> Option<Action>;
    /// When `handle_timeout` is to be called if nothing happens before.
    fn poll_timeout(&self) -> Option<Time>;
    /// What there is to be measured.
    fn numbers(&self) -> Numbers;
    /// The node with the most keys for its share, if it has too many.
    fn fullest(&self) -> Option<Fullest>;
    /// What there is to be said about the node's health.
    fn condition(&self) -> Condition;
    /// What operators request of the node.
    fn requested(&self) -> Option<&ControlRecord>;
}

impl Core for Node {
    fn handle(&mut self, now: Now, input: Input) {
        self.handle(now, input);
    }
    fn handle_timeout(&mut self, now: Now) {
        self.handle_timeout(now);
    }
    fn poll_action(&mut self) -> Option<Action> {
        self.poll_action()
    }
    fn poll_timeout(&self) -> Option<Time> {
        self.poll_timeout()
    }
    fn numbers(&self) -> Numbers {
        self.numbers()
    }
    fn fullest(&self) -> Option<Fullest> {
        self.fullest()
    }
    fn condition(&self) -> Condition {
        self.condition()
    }
    fn requested(&self) -> Option<&ControlRecord> {
        self.requested()
    }
}
