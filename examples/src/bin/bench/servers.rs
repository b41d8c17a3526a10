//! The servers of a measurement, of any backend.

use clap::ValueEnum;
use divider::Group;
use divider::store::StoreOptions;
use divider::store::nats::{NatsStore, StreamOptions};
use divider_local_server::{Cluster, LocalPostgres, LocalServer, RedisServer};

use crate::setup::{Failure, Setup};

/// What keeps the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Backend {
    /// A nats-server, or three
    #[default]
    Nats,
    /// A PostgreSQL that syncs what it acknowledges
    Postgres,
    /// A Redis or Valkey that syncs what it acknowledges
    Redis,
}

/// One server or a cluster of three, of the bench's own.
pub(crate) enum Servers {
    One(Box<LocalServer>),
    Three(Cluster),
    Postgres(Box<LocalPostgres>),
    Redis(Box<RedisServer>),
}

impl Servers {
    pub(crate) fn start(setup: &Setup) -> Result<Self, Failure> {
        Ok(match (setup.store, setup.replicas) {
            (Backend::Nats, 1) => Self::One(Box::new(LocalServer::start()?)),
            (Backend::Nats, _) => Self::Three(Cluster::start()?),
            (Backend::Postgres, _) => Self::Postgres(Box::new(LocalPostgres::with(&[])?)),
            (Backend::Redis, _) => Self::Redis(Box::new(RedisServer::start()?)),
        })
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::One(server) => server.url(),
            Self::Three(cluster) => cluster.url(),
            Self::Postgres(server) => server.url(),
            Self::Redis(server) => server.url(),
        }
    }

    /// The nats-servers; none of another backend.
    pub(crate) fn each(&mut self) -> &mut [LocalServer] {
        match self {
            Self::One(server) => std::slice::from_mut(server),
            Self::Three(cluster) => cluster.servers_mut(),
            Self::Postgres(_) | Self::Redis(_) => &mut [],
        }
    }

    /// All processes of the servers that run now.
    pub(crate) fn pids(&self) -> Vec<u32> {
        match self {
            Self::One(server) => server.pid().into_iter().collect(),
            Self::Three(cluster) => cluster.servers().iter().filter_map(LocalServer::pid).collect(),
            Self::Postgres(server) => server.pids(),
            Self::Redis(server) => server.pid().into_iter().collect(),
        }
    }

    /// Makes a group; what keeps it is configured as all of divider's are.
    pub(crate) async fn make(&self, name: &str) -> Result<Group, Failure> {
        let (url, group) = (self.url(), name.parse()?);
        let replicas = match self {
            Self::One(_) => 1,
            Self::Three(cluster) => cluster.servers().len(),
            Self::Postgres(_) | Self::Redis(_) => {
                let options = StoreOptions::default().create_if_missing();
                return Ok(Group::open(options.connect(&url, group).await?));
            }
        };
        let stream = StreamOptions::default().replicas(replicas);
        let options = NatsStore::options().create_if_missing(stream);
        Ok(Group::open(options.connect(url, group).await?))
    }
}
