//! Faults of a store in memory, which [`testing`](crate::testing) asks for.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::super::{Outcome, StoreError, Write};
use super::{MemoryStore, REQUEST_TIMEOUT, State};

/// What becomes of one write instead of the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    not(any(test, feature = "testing")),
    expect(dead_code, unreachable_pub, reason = "only `testing` asks for faults")
)]
pub enum Fault {
    /// It lands, and its acknowledgement is lost: [`Outcome::Unknown`].
    LostAck,
    /// It never arrives: [`Outcome::Unknown`].
    LostWrite,
    /// It is held back until [`MemoryStore::release_held`]: [`Outcome::Unknown`], and it is judged
    /// when it lands.
    Late,
}

/// The faults that are waiting to happen.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: VecDeque<Fault>,
    frozen: bool,
    held: Vec<Held>,
    /// Grows when every watch is broken off.
    pub(super) epoch: u64,
}

/// A write that lands later, and who waits for its outcome.
type Held = (Write, Option<oneshot::Sender<Outcome>>);

impl Faults {
    pub(super) fn frozen(&self) -> bool {
        self.frozen
    }
}

#[cfg(any(test, feature = "testing"))]
impl Faults {
    pub(crate) fn fail_next(&mut self, fault: Fault) {
        self.next.push_back(fault);
    }

    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
    }

    pub(crate) fn thaw(&mut self) {
        self.frozen = false;
    }

    pub(crate) fn take_held(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.held)
    }

    /// Every watch is over.
    pub(crate) fn end_epoch(&mut self) {
        self.epoch += 1;
    }
}

impl MemoryStore {
    pub(super) async fn write_with_faults(&self, write: Write) -> Outcome {
        match self.start_write(write) {
            Ok(outcome) => outcome,
            Err(answer) => tokio::time::timeout(REQUEST_TIMEOUT, answer)
                .await
                .map_or_else(|_| unanswered(), |outcome| outcome.unwrap_or_else(|_| unanswered())),
        }
    }

    /// The outcome, or where it will come from once the store thaws.
    fn start_write(&self, write: Write) -> Result<Outcome, oneshot::Receiver<Outcome>> {
        let mut state = self.shared.lock();
        if state.faults.frozen {
            let (answer, outcome) = oneshot::channel();
            state.faults.held.push((write, Some(answer)));
            return Err(outcome);
        }
        let outcome = match state.faults.next.pop_front() {
            None => self.apply(&mut state, write),
            Some(Fault::LostWrite) => unanswered(),
            Some(Fault::LostAck) => {
                self.apply(&mut state, write);
                unanswered()
            }
            Some(Fault::Late) => {
                state.faults.held.push((write, None));
                unanswered()
            }
        };
        drop(state);
        self.shared.notify();
        Ok(outcome)
    }

    pub(crate) fn apply(&self, state: &mut State, write: Write) -> Outcome {
        match &mut state.log {
            Some(log) => log.write(write),
            None => Outcome::Unknown(self.no_group()),
        }
    }
}

pub(super) fn unanswered() -> Outcome {
    Outcome::Unknown(StoreError::Timeout { what: "write".into(), after: REQUEST_TIMEOUT })
}
