//! What a change of the queue makes others do.

use std::task::Waker;

use crate::assignment::Assignment;

/// Wakers and assignments. It is carried out after the queue's lock is let go:
/// whoever is woken may well come back to the queue, even from a destructor.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) wake: Vec<Waker>,
    pub(super) cancel: Vec<Assignment>,
    pub(super) discard: Vec<Waker>,
}

impl Effects {
    /// Carries them out; nobody may hold the queue's lock.
    pub(super) fn carry_out(self) {
        for assignment in self.cancel {
            assignment.fire();
        }
        for waker in self.wake {
            waker.wake();
        }
    }
}
