//! Commands of the application, on their way to the core and back.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use divider_core::edge::{Command, Reply, RequestId};

/// A command, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Reply>,
}

/// How many commands may wait to be taken.
pub(crate) const QUEUE: usize = 64;

/// The commands that were taken and not answered: completions, each of a key that the node holds, and
/// flushes. None holds up another one.
#[derive(Debug)]
pub(super) struct Requests {
    incoming: mpsc::Receiver<Request>,
    answers: HashMap<RequestId, oneshot::Sender<Reply>>,
    next: u64,
}

impl Requests {
    pub(super) fn new(incoming: mpsc::Receiver<Request>) -> Self {
        Self { incoming, answers: HashMap::new(), next: 0 }
    }

    /// The next command; pending while nobody is left to ask.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> (RequestId, Command) {
        let Some(request) = self.incoming.recv().await else {
            return std::future::pending().await;
        };
        let id = self.number();
        self.answers.insert(id, request.answer);
        (id, request.command)
    }

    /// A number for a command of the engine's own, whose answer nobody waits for.
    pub(super) fn number(&mut self) -> RequestId {
        self.next += 1;
        RequestId(self.next)
    }

    /// Hands the answer to whoever asked.
    pub(super) fn answer(&mut self, id: RequestId, reply: Reply) {
        if let Some(answer) = self.answers.remove(&id) {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(reply);
        }
    }
}
