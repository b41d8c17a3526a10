//! Asking whoever sits at the terminal.

use std::io::{IsTerminal, Write, stderr, stdin};

use tokio::sync::oneshot;

use crate::exit::{Exit, Failure};

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// Asks; the answer comes when it is given. Anything but a yes is a no.
///
/// The thread that reads is left behind where nobody answers: it ends with the process.
pub(crate) fn ask(question: &str) -> Result<oneshot::Receiver<Answer>, Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let words = "cannot ask for confirmation without a terminal, pass --yes";
        return Err(Failure::new(Exit::Usage, words));
    }
    // Without a standard error the line above has returned.
    let _ = write!(stderr(), "{question} [y/N] ");
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let answer = match stdin().read_line(&mut line) {
            Ok(_) if matches!(line.trim().to_lowercase().as_str(), "y" | "yes") => Answer::Yes,
            _ => Answer::No,
        };
        // Nobody waits any more after Ctrl-C.
        let _ = send.send(answer);
    });
    Ok(receive)
}
