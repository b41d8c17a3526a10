//! Asking whoever sits at the terminal.

use std::io::{IsTerminal, Write, stderr, stdin};

use tokio::sync::oneshot::{self, error::RecvError};

use crate::exit::{Exit, Failure};

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// Asks for a yes; the answer comes when it is given. Anything but a yes is a no.
pub(crate) fn ask(
    question: &str,
) -> Result<impl Future<Output = Result<Answer, RecvError>> + use<>, Failure> {
    let line = ask_for(&format!("{question} [y/N] "), "--yes")?;
    Ok(async move {
        Ok(match line.await?.to_lowercase().as_str() {
            "y" | "yes" => Answer::Yes,
            _ => Answer::No,
        })
    })
}

/// Asks for a line of text. Without a terminal, `option` gives the answer.
///
/// The thread that reads is left behind where nobody answers: it ends with the process.
pub(crate) fn ask_for(question: &str, option: &str) -> Result<oneshot::Receiver<String>, Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let words = format!("cannot ask for confirmation without a terminal, pass {option}");
        return Err(Failure::new(Exit::Usage, words));
    }
    // Without a standard error the line above has returned.
    let _ = write!(stderr(), "{question}");
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = stdin().read_line(&mut line);
        // Nobody waits any more after Ctrl-C.
        let _ = send.send(read.map_or_else(|_| String::new(), |_| line.trim().to_owned()));
    });
    Ok(receive)
}
