//! Halts the tasks of one node, as a scheduler does with a process.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What all tasks of one node pass at each step. Clones are one gate. A new one is open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    /// The tasks that have passed it or wait for it, by number.
    tasks: BTreeMap<u64, Waker>,
    last: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Open,
    Paused,
    Killed,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the tasks run.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().mode == Mode::Open
    }

    /// No task does another step until the gate is opened again.
    pub(crate) fn pause(&self) {
        self.set(Mode::Paused);
    }

    /// The tasks go on where they were. Timers that have run out meanwhile have run out.
    pub(crate) fn resume(&self) {
        self.set(Mode::Open);
    }

    /// Every task is dropped, and none goes on ever.
    pub(crate) fn kill(&self) {
        self.set(Mode::Killed);
    }

    fn set(&self, mode: Mode) {
        let mut state = self.lock();
        if state.mode == Mode::Killed {
            return;
        }
        state.mode = mode;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        // The handlers began last. They go on before the node's own task, which would cancel them:
        // after a pause, a process may do its next step before it looks at the time.
        for task in tasks.into_values().rev() {
            task.wake();
        }
    }

    /// A future that does its steps only while the gate is open. `None`: it was killed.
    pub(crate) fn pass<F: Future>(&self, future: F) -> Passing<F> {
        let mut state = self.lock();
        state.last += 1;
        Passing { gate: self.clone(), number: state.last, future: Some(Box::pin(future)) }
    }

    /// Waits until the gate is open. Nothing is ever heard again of one that was killed.
    pub(crate) async fn opened(&self) {
        if self.pass(poll_fn(|_| Poll::Ready(()))).await.is_none() {
            pending::<()>().await;
        }
    }
}

/// A future behind a gate.
pub(crate) struct Passing<F> {
    gate: Gate,
    number: u64,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Passing<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let number = self.number;
        let mode = {
            let mut state = self.gate.lock();
            state.tasks.insert(number, cx.waker().clone());
            state.mode
        };
        match (mode, &mut self.future) {
            (Mode::Open, Some(future)) => future.as_mut().poll(cx).map(Some),
            (Mode::Paused, Some(_)) => Poll::Pending,
            (Mode::Killed, _) | (_, None) => {
                self.future = None;
                Poll::Ready(None)
            }
        }
    }
}

impl<F> Drop for Passing<F> {
    fn drop(&mut self) {
        self.gate.lock().tasks.remove(&self.number);
    }
}
