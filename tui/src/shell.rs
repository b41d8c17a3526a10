//! What every command is given: how to reach the group, and how to answer.

use std::time::Duration;

use crate::connection::{Connected, ConnectionArgs, Environment, Opened, Settings};
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

    /// How long an answer of the store is waited for. What is wrong with it is said on connecting.
    pub(crate) fn timeout(&self) -> Duration {
        let settings = Settings::resolve(&self.connection, &Environment::of_process());
        settings.map_or(Duration::from_secs(5), |settings| settings.timeout())
    }
}
