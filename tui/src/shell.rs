//! What every command is given: how to reach the group, and how to answer.

use crate::connection::{Connected, ConnectionArgs, Opened};
use crate::exit::Failure;
use crate::output::Output;

/// The surroundings of one run of the program.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) connection: ConnectionArgs,
    pub(crate) output: Output,
}

impl Shell {
    /// Connects and opens the group.
    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        self.connection.open().await
    }

    /// Connects, without opening a group.
    pub(crate) async fn connect(&self) -> Result<Connected, Failure> {
        self.connection.connect().await
    }
}
