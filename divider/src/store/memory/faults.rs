//! Faults on request: what a test can do to a store in memory.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::super::{Outcome, StoreError, Write};
use super::{MemoryStore, REQUEST_TIMEOUT, State, new_log};

/// What becomes of one write instead of the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
pub(super) struct Faults {
    next: VecDeque<Fault>,
    frozen: bool,
    held: Vec<(Write, Option<oneshot::Sender<Outcome>>)>,
    /// Grows when every watch is broken off.
    pub(super) epoch: u64,
}

impl Faults {
    pub(super) fn frozen(&self) -> bool {
        self.frozen
    }
}

/// Faults, for tests of what is built on a store.
impl MemoryStore {
    /// Has this happen to the next write for which no fault is waiting yet.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.lock().faults.next.push_back(fault);
    }

    /// Stops answering, as a stopped server does: reads and new watches time out after 2 s, watches
    /// are silent, writes time out and land when the store thaws.
    pub fn freeze(&self) {
        self.shared.lock().faults.frozen = true;
    }

    /// Answers again; what was written meanwhile lands now, in order.
    pub fn thaw(&self) {
        self.shared.lock().faults.frozen = false;
        self.release_held();
    }

    /// Lets the writes land that [`Fault::Late`] held back.
    pub fn release_held(&self) {
        let mut state = self.shared.lock();
        for (write, answer) in std::mem::take(&mut state.faults.held) {
            let outcome = self.apply(&mut state, write);
            if let Some(answer) = answer {
                // Nobody listens any more once the write has timed out.
                let _ = answer.send(outcome);
            }
        }
        drop(state);
        self.shared.changed.send_replace(());
    }

    /// Ends every watch with [`StoreError::Gap`], as a lost connection does.
    pub fn break_watches(&self) {
        self.shared.lock().faults.epoch += 1;
        self.shared.changed.send_replace(());
    }

    /// Deletes the group with its records; every watch ends.
    pub fn delete_group(&self) {
        self.shared.lock().log = None;
        self.break_watches();
    }

    /// Makes the group again, empty: another log, with revisions from 1.
    pub fn create_group(&self) {
        self.shared.lock().log = Some(new_log());
        self.break_watches();
    }

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
        self.shared.changed.send_replace(());
        Ok(outcome)
    }

    fn apply(&self, state: &mut State, write: Write) -> Outcome {
        match &mut state.log {
            Some(log) => log.write(write),
            None => Outcome::Unknown(self.no_group()),
        }
    }
}

fn unanswered() -> Outcome {
    Outcome::Unknown(StoreError::Timeout { what: "write".into(), after: REQUEST_TIMEOUT })
}
