//! The servers that the group is on, of one backend: started, hurt, looked at.

mod nats;
mod postgres;
mod redis;
mod rights;
mod side;

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use divider::store::Store;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::settings::Settings;

pub(crate) use self::nats::NatsBed;
pub(crate) use self::postgres::PostgresBed;
pub(crate) use self::redis::RedisBed;
pub(crate) use self::rights::Taken;

/// The group.
pub(crate) const GROUP: &str = "chaos";

/// How long the servers may take to answer the harness, and to be there.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A backend, as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Backend {
    /// nats-servers, which are installed if there are none
    #[default]
    Nats,
    /// PostgreSQL: one server, or a primary and its synchronous standby
    Postgres,
    /// Redis or Valkey: one server, or a primary with two replicas and three Sentinels
    Redis,
}

impl Backend {
    /// How many servers there can be.
    pub(crate) fn servers(self) -> &'static [usize] {
        match self {
            Self::Nats | Self::Redis => &[1, 3],
            Self::Postgres => &[1, 2],
        }
    }

    /// Starts the servers. Each of these nodes will be a user of its own.
    pub(crate) fn start(
        self,
        settings: &Settings,
        nodes: &[String],
        runtime: &Handle,
    ) -> Result<Box<dyn Bed>, Failure> {
        Ok(match self {
            Self::Nats => Box::new(NatsBed::start(settings, nodes, runtime)?),
            Self::Postgres => Box::new(PostgresBed::start(settings, nodes, runtime)?),
            Self::Redis => Box::new(RedisBed::start(settings, nodes, runtime)?),
        })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nats => "nats",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        })
    }
}

/// Who connects to the servers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who<'a> {
    Admin,
    Announcer,
    Node(&'a str),
}

/// What is done to one server's process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Kill,
    Stop,
    Freeze,
}

/// The servers of one backend. Dropping it ends them and removes their files.
///
/// Faults that every backend has work with this alone; those of one backend know its own type.
pub(crate) trait Bed: Any {
    /// The servers' program, for texts.
    fn program(&self) -> &'static str;

    /// The version that the servers run now.
    fn version(&self) -> String;

    /// Where each of them listens.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// The address for a user, at these ports: one for each server.
    fn url(&self, who: Who<'_>, ports: &[u16]) -> String;

    /// The servers' logs, by their names.
    fn logs(&self) -> Vec<(String, String)>;

    /// The servers' process ids, of those that run.
    fn pids(&self) -> Vec<Option<u32>>;

    /// Hurts one server's process.
    fn hurt(&mut self, place: usize, how: How);

    /// Lets a frozen server go on; nothing happens to others.
    fn thaw(&mut self, place: usize);

    /// Starts those again that do not run, and waits until all are ready.
    fn revive(&mut self) -> Result<(), Failure>;

    /// The place of the server that takes the writes.
    fn leader(&mut self) -> Result<usize, Failure>;

    /// Creates the group where it is missing, as an operator does.
    fn make_group(&self) -> Result<Arc<dyn Store>, Failure>;

    /// Takes the group away, as an accident does.
    fn delete_group(&mut self) -> Result<(), Failure>;

    /// Writes a record's value past the library.
    fn put(&self, name: &str, value: &[u8]) -> Result<(), Failure>;

    /// Leaves room for hardly any record that grows the log, or all the room again.
    fn set_full(&mut self, is_full: bool) -> Result<(), Failure>;

    /// Copies the stores of all servers as they are at one moment.
    fn copy_stores(&mut self) -> Result<Vec<PathBuf>, Failure>;

    /// Kills all servers, puts the copies in place of their stores, and starts them.
    fn roll_back_stores(&mut self, copies: &[PathBuf]) -> Result<(), Failure>;

    /// Gives each node its rights but for what is taken from one, by its place.
    fn set_rights(&mut self, taken: Option<(usize, Taken)>) -> Result<(), Failure>;

    /// Whether the group goes on without any one of the servers, after an election.
    fn outlives_a_server(&self) -> bool;

    /// What the servers keep for nodes, which must be gone when the nodes are: its name, and how
    /// much of it there is.
    fn kept(&self) -> Result<(&'static str, u64), Failure>;

    /// What the log has under these names, as far as the servers answer.
    fn records(&self, names: &[String]) -> Vec<String>;
}

/// Tries again until it succeeds or the servers have had all the time that they may take.
async fn patiently<T, E: fmt::Display>(
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
            outcome => return outcome.map_err(|error| error.to_string()),
        }
    }
}
