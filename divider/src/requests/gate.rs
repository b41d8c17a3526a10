//! What keeps a key from being handed over: requests that are not answered.

use std::sync::{Arc, PoisonError};

use tokio::sync::Notify;

use crate::sync::{Mutex, MutexGuard};

/// The requests of one assignment: whether somebody listens, and how many are accepted and not
/// answered.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    listening: Listening,
    accepted: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Listening {
    /// Nobody listens.
    #[default]
    No,
    /// There is a [`Requests`](super::Requests).
    Open,
    /// What arrived and was not accepted is being answered.
    Closing,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// Begins to listen, once a former listener has closed. `None`: somebody listens.
    pub(super) async fn open(self: &Arc<Self>) -> Option<OpenGuard> {
        let mut found = None;
        self.wait(|state| {
            if state.listening == Listening::Closing {
                return false;
            }
            found = Some(std::mem::replace(&mut state.listening, Listening::Open));
            true
        })
        .await;
        (found == Some(Listening::No)).then(|| OpenGuard(Arc::clone(self)))
    }

    /// Waits until nobody listens and nothing accepted is unanswered.
    pub(crate) async fn settled(&self) {
        self.wait(|state| state.listening == Listening::No && state.accepted == 0).await;
    }

    /// Waits until nobody listens.
    pub(super) async fn closed(&self) {
        self.wait(|state| state.listening == Listening::No).await;
    }

    async fn wait(&self, mut is_over: impl FnMut(&mut State) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before the look, so that no change after it is missed.
            changed.as_mut().enable();
            if is_over(&mut self.lock()) {
                return;
            }
            changed.await;
        }
    }
}

/// Somebody listens, until this is dropped.
#[derive(Debug)]
pub(super) struct OpenGuard(Arc<Gate>);

impl OpenGuard {
    /// It stops listening.
    pub(super) fn begin_to_close(&self) {
        self.0.change(|state| state.listening = Listening::Closing);
    }

    /// One more request is accepted.
    pub(super) fn accept(&self) -> AcceptGuard {
        self.0.change(|state| state.accepted += 1);
        AcceptGuard(Arc::clone(&self.0))
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.change(|state| state.listening = Listening::No);
    }
}

/// An accepted request, until this is dropped.
#[derive(Debug)]
pub(super) struct AcceptGuard(Arc<Gate>);

impl Drop for AcceptGuard {
    fn drop(&mut self) {
        self.0.change(|state| state.accepted -= 1);
    }
}
