use std::time::Duration;

use crate::deadline::Deadline;
use crate::error::ServerError;
use crate::routes::Routes;
use crate::server::{LocalServer, Startup};

/// Three servers of our own that form one cluster, so that streams may have three replicas.
///
/// Dropping it kills them and removes their stores.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<LocalServer>,
}

impl Cluster {
    /// Starts three of what [`Binary::find`](crate::Binary::find) finds.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn start() -> Result<Self, ServerError> {
        LocalServer::builder().patience(Duration::from_mins(1)).start_cluster()
    }

    /// Where clients connect, all three with commas between them.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.servers.iter().map(LocalServer::url).collect();
        urls.join(",")
    }

    /// The servers.
    pub fn servers(&self) -> &[LocalServer] {
        &self.servers
    }

    /// The servers, to be hurt.
    pub fn servers_mut(&mut self) -> &mut [LocalServer] {
        &mut self.servers
    }

    /// The place in [`servers`](Self::servers) of the running one that most of the cluster says
    /// leads the stream.
    ///
    /// # Errors
    /// [`ServerError::NoLeader`] if there is none in time.
    pub fn leader(&mut self, stream: &str, patience: Duration) -> Result<usize, ServerError> {
        let found = Deadline::after(patience).poll(|| self.leader_now(stream));
        found.ok_or_else(|| ServerError::NoLeader { stream: stream.to_owned(), after: patience })
    }

    /// Starts the servers, each with its routes to the others; `None` if a port was taken meanwhile.
    pub(crate) fn form(
        mut servers: Vec<LocalServer>,
        routes: Vec<Routes>,
        deadline: Deadline,
        patience: Duration,
    ) -> Result<Option<Self>, ServerError> {
        for (server, routes) in servers.iter_mut().zip(routes) {
            server.join_cluster(routes);
            server.launch()?;
        }
        for server in &mut servers {
            match server.wait(deadline, patience) {
                Ok(()) => {}
                Err(Startup::PortTaken) if !deadline.is_over() => return Ok(None),
                Err(startup) => return Err(server.explain(startup)),
            }
        }
        Ok(Some(Self { servers }))
    }

    fn leader_now(&mut self, stream: &str) -> Option<usize> {
        let most = self.servers.len() / 2 + 1;
        // One that is frozen or was cut off may still name an older leader.
        let said: Vec<String> =
            self.servers.iter().filter_map(|it| it.monitor().leader(stream)).collect();
        let agreed = |server: &LocalServer| said.iter().filter(|it| *it == server.name()).count();
        let leader = self.servers.iter().position(|server| agreed(server) >= most)?;
        self.servers[leader].is_running().then_some(leader)
    }
}
