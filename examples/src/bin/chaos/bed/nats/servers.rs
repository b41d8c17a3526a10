use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use divider_examples::proxy::{Flow, Link};
use divider_local_server::{Binary, Cluster, LocalServer, Version};

use super::super::{PATIENCE, Who};
use super::rights::{self, STREAM};
use crate::Failure;

/// One server, or three with the group on all of them.
#[derive(Debug)]
pub(super) enum Servers {
    One(Box<LocalServer>),
    Three(Cluster, Ways),
}

/// The ways between three servers: by who goes, then by where to.
#[derive(Debug, Default)]
pub(super) struct Ways(Vec<Vec<Option<Link>>>);

impl Ways {
    /// A way from each of these ports' servers to each other one.
    fn open(&mut self, ports: &[u16]) -> io::Result<Vec<Vec<u16>>> {
        let way = |from: usize, to: usize| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[to]));
            (from != to).then(|| Link::open(address)).transpose()
        };
        let all = 0..ports.len();
        let from = |from| all.clone().map(|to| way(from, to)).collect();
        self.0 = all.clone().map(from).collect::<io::Result<_>>()?;
        let ports = |ways: &Vec<Option<Link>>| ways.iter().flatten().map(Link::port).collect();
        Ok(self.0.iter().map(ports).collect())
    }

    /// What happens from now on to what a server sends to the others, and to what it is sent.
    fn set(&self, server: usize, sent: Flow, received: Flow) {
        for (from, ways) in self.0.iter().enumerate() {
            for (to, way) in ways.iter().enumerate() {
                match way {
                    Some(way) if from == server => way.set(sent, received),
                    Some(way) if to == server => way.set(received, sent),
                    _ => {}
                }
            }
        }
    }
}

impl Servers {
    /// Starts so many of this version, or of what is found.
    pub(super) fn start(
        count: usize,
        version: Option<Version>,
        config: String,
    ) -> Result<Self, Failure> {
        let mut server = LocalServer::builder().config(config).patience(PATIENCE);
        if let Some(version) = version {
            server = server.version(version);
        }
        Ok(if count == 1 {
            Self::One(Box::new(server.start()?))
        } else {
            let mut ways = Ways::default();
            let cluster = server.start_cluster_through(|ports| ways.open(ports))?;
            Self::Three(cluster, ways)
        })
    }

    /// The servers.
    pub(super) fn all(&self) -> &[LocalServer] {
        match self {
            Self::One(server) => std::slice::from_ref(server),
            Self::Three(cluster, _) => cluster.servers(),
        }
    }

    /// The servers, to be hurt.
    pub(super) fn all_mut(&mut self) -> &mut [LocalServer] {
        match self {
            Self::One(server) => std::slice::from_mut(server),
            Self::Three(cluster, _) => cluster.servers_mut(),
        }
    }

    /// How many copies the group's stream has.
    pub(super) fn replicas(&self) -> usize {
        self.all().len()
    }

    /// Where each listens.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let ports = self.all().iter().map(LocalServer::port);
        ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).collect()
    }

    /// All addresses for a user, with commas between them.
    pub(super) fn url(&self, who: Who<'_>) -> String {
        let urls: Vec<String> =
            self.all().iter().map(|server| rights::url(who, server.port())).collect();
        urls.join(",")
    }

    /// Starts those again that do not run, and waits until all are ready.
    pub(super) fn revive(&mut self) -> Result<(), Failure> {
        for server in self.all_mut() {
            if !server.is_running() {
                server.launch()?;
            }
        }
        for server in self.all_mut() {
            server.wait_until_ready(PATIENCE)?;
        }
        Ok(())
    }

    /// The place of the server that leads the stream; the first where there is but one.
    pub(super) fn leader(&mut self) -> Result<usize, Failure> {
        match self {
            Self::One(_) => Ok(0),
            Self::Three(cluster, _) => Ok(cluster.leader(STREAM, PATIENCE)?),
        }
    }

    /// What happens from now on to what a server sends to the others, and to what it is sent.
    pub(super) fn set_flow(&self, server: usize, sent: Flow, received: Flow) {
        if let Self::Three(_, ways) = self {
            ways.set(server, sent, received);
        }
    }

    /// Runs the next newer release from now on, one server after the other; the same again where
    /// there is none.
    pub(super) fn upgrade(&mut self) -> Result<(), Failure> {
        let now = self.all()[0].version();
        let next = RELEASES.iter().find(|release| **release > now);
        for place in 0..self.all().len() {
            let server = &mut self.all_mut()[place];
            server.stop();
            if let Some(next) = next {
                server.set_binary(Binary::installed(*next)?);
            }
            server.restart()?;
            // Before the next one goes away, so that two of three are always there.
            self.leader()?;
        }
        Ok(())
    }
}

/// What is upgraded through: the newest patch of each line that divider runs on.
const RELEASES: [Version; 4] = [
    Version::OLDEST,
    Version { major: 2, minor: 12, patch: 8 },
    Version { major: 2, minor: 14, patch: 6 },
    Version::PINNED,
];
