//! How a command ends when it does not end well.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use divider::group::AnnounceError;
use divider::group::OperateError;
use divider::store::nats::OpenError;
use divider::store::{ConnectError, StoreError};
use serde::Serialize;

use crate::output::{chain, plain};

/// What a command comes to.
pub(crate) type Outcome = Result<(), Failure>;

/// The exit codes that mean something. 0 is done; `check` has those of its own trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It failed: the server, a right, a file.
    Failed,
    /// It was asked for in a way that there is not, or nobody was there to be asked.
    Usage,
    /// The deadline is over and keys are left.
    KeysLeft,
    /// It was refused, and nothing was changed.
    Refused,
    /// There is no such node, key, group or context.
    NotFound,
    /// The connection was lost while it was watched; what was begun goes on.
    ConnectionLost,
    /// What was decided on has changed meanwhile; nothing was changed.
    Conflict,
    /// Nothing is left on the nodes of a drain, and not every stop was confirmed or not every key has
    /// an owner.
    NotDrained,
    /// Ctrl-C: it is watched no more, and nothing else.
    Interrupted,
}

impl Exit {
    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::KeysLeft => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::ConnectionLost => 6,
            Self::Conflict => 7,
            Self::NotDrained => 8,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do what it was asked, in words, and how it ends.
///
/// It is no [`Error`], so that any error becomes one by itself.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: u8,
    words: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit: exit.code(), words: words.into() }
    }

    /// One that was told already: nothing is said about it any more.
    pub(crate) fn silent(exit: u8) -> Self {
        Self { exit, words: String::new() }
    }

    /// Says it, if there is something to say, and gives what the process ends with. Programs are told
    /// in one line of JSON.
    pub(crate) fn end(self, as_json: bool) -> ExitCode {
        if as_json && !self.words.is_empty() {
            let error = ErrorLine {
                schema: "divider.error.v1",
                exit: self.exit,
                kind: kind_of(self.exit),
                error: &self.words,
            };
            crate::output::tell_json(&error);
        } else if !self.words.is_empty() {
            crate::output::tell(&format!("error: {}", plain(&self.words)));
        }
        ExitCode::from(self.exit)
    }

    /// Whether it means that.
    pub(crate) fn is(&self, exit: Exit) -> bool {
        self.exit == exit.code()
    }

    /// Adds to what is said.
    pub(crate) fn with(mut self, more: &str) -> Self {
        self.words.push_str(more);
        self
    }
}

/// `divider.error.v1`
#[derive(Serialize)]
struct ErrorLine<'a> {
    schema: &'static str,
    exit: u8,
    kind: &'static str,
    error: &'a str,
}

/// A stable name for an exit code.
fn kind_of(exit: u8) -> &'static str {
    match exit {
        2 => "usage",
        3 => "keys_left",
        4 => "refused",
        5 => "not_found",
        6 => "connection_lost",
        7 => "conflict",
        8 => "not_drained",
        130 => "interrupted",
        _ => "failed",
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(exit_of(&error), chain(&error))
    }
}

/// What an error of the library means to a script.
fn exit_of(error: &(dyn Error + 'static)) -> Exit {
    if let Some(OpenError::NoGroup { .. }) = error.downcast_ref() {
        return Exit::NotFound;
    }
    if let Some(ConnectError::NoGroup { .. }) = error.downcast_ref() {
        return Exit::NotFound;
    }
    if let Some(error) = error.downcast_ref() {
        return exit_of_request(error);
    }
    if let Some(error) = error.downcast_ref() {
        return exit_of_store(error);
    }
    match error.downcast_ref() {
        Some(AnnounceError::NotTaken { source, .. } | AnnounceError::Unread { source }) => {
            exit_of_store(source)
        }
        Some(AnnounceError::OutsidePrefix { .. }) => Exit::Usage,
        Some(AnnounceError::EmptyList { .. } | AnnounceError::TooManyRetracted { .. }) => {
            Exit::Refused
        }
        _ => Exit::Failed,
    }
}

fn exit_of_request(error: &OperateError) -> Exit {
    match error {
        OperateError::UnknownNode { .. } | OperateError::NoSuchKey { .. } => Exit::NotFound,
        OperateError::NoNode | OperateError::TooLong { .. } => Exit::Usage,
        OperateError::NotDraining { .. } | OperateError::NotQuarantined { .. } => Exit::Refused,
        OperateError::Contended { .. } | OperateError::Overtaken { .. } => Exit::Conflict,
        OperateError::Store { source, .. } => exit_of_store(source),
        _ => Exit::Failed,
    }
}

fn exit_of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::NoGroup { .. } => Exit::NotFound,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use divider::NodeId;

    use super::*;

    #[test]
    fn an_error_ends_with_the_code_of_what_it_means() {
        let check = |failure: Failure, code: u8| assert_eq!(failure.exit, code, "{failure}");
        let node = NodeId::new("w1").expect("legal");
        check(OpenError::NoGroup { group: "g".into() }.into(), 5);
        check(OperateError::UnknownNode { node: node.clone(), known: vec![] }.into(), 5);
        check(OperateError::NotDraining { node }.into(), 4);
        check(OperateError::Contended { name: "group".into() }.into(), 7);
        check(std::io::Error::other("broken").into(), 1);
        let source = StoreError::NoGroup { group: "g".into() };
        check(OperateError::Store { name: "x".into(), source: source.clone() }.into(), 5);
        check(AnnounceError::Unread { source }.into(), 5);
        check(Failure::new(Exit::Interrupted, ""), 130);
    }
}
