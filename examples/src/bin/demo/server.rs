//! The server that the story is played on.

use std::error::Error;
use std::path::Path;

use clap::ValueEnum;
use divider_local_server::{Binary, LocalPostgres, LocalServer, RedisServer, ServerError};

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A nats-server, which is installed if there is none.
    Nats,
    /// A PostgreSQL that is installed.
    Postgres,
    /// A Redis or Valkey that is installed.
    Redis,
}

/// What a server can be started from.
pub(crate) enum Found {
    Nats(Binary),
    Postgres,
    Redis,
}

/// A server that runs. Dropping it ends it and removes its files.
pub(crate) enum Server {
    Nats(Box<LocalServer>, String),
    Postgres(Box<LocalPostgres>),
    Redis(Box<RedisServer>),
}

impl Kind {
    /// Looks for the programs, which for NATS may take a while.
    pub(crate) fn find(self) -> Result<Found, ServerError> {
        match self {
            Self::Nats => Binary::find().map(Found::Nats),
            Self::Postgres => Ok(Found::Postgres),
            Self::Redis => Ok(Found::Redis),
        }
    }
}

impl Found {
    /// Starts the server: a nats-server with the repository's configuration.
    pub(crate) fn start(self) -> Result<Server, Box<dyn Error>> {
        let binary = match self {
            Self::Nats(binary) => binary,
            Self::Postgres => return Ok(Server::Postgres(Box::new(LocalPostgres::start()?))),
            Self::Redis => return Ok(Server::Redis(Box::new(RedisServer::start()?))),
        };
        let version = format!("nats-server {}", binary.version());
        let mut server = LocalServer::builder().binary(binary);
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nats.conf");
        if config.is_file() {
            server = server.config_file(config);
        }
        Ok(Server::Nats(Box::new(server.start()?), version))
    }
}

impl Server {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Nats(_, version) => version,
            Self::Postgres(_) => "PostgreSQL",
            Self::Redis(_) => "Redis",
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Nats(server, _) => server.url(),
            Self::Postgres(server) => server.url(),
            Self::Redis(server) => server.url(),
        }
    }
}
