use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use crate::binary::Binary;
use crate::cluster::Cluster;
use crate::deadline::Deadline;
use crate::error::ServerError;
use crate::routes::Routes;
use crate::server::{LocalServer, Settings, Startup};
use crate::version::Version;

/// How a server is to be started.
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    binary: Option<Binary>,
    version: Option<Version>,
    config: Config,
    jetstream: JetStream,
    patience: Duration,
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            binary: None,
            version: None,
            config: Config::None,
            jetstream: JetStream::On,
            patience: Duration::from_secs(30),
        }
    }

    /// Run this binary instead of the one that [`Binary::find`] finds.
    #[must_use]
    pub fn binary(mut self, binary: Binary) -> Self {
        self.binary = Some(binary);
        self
    }

    /// Run the release with this version, installed under the target folder when it is missing.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Use this configuration file. Addresses, ports and the server's name are overridden; a relative
    /// `store_dir` ends up in the temporary folder, where the server is started. `include`s are
    /// relative to the file.
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Config::File(path.into());
        self
    }

    /// Use a configuration with this text, such as `authorization { ... }`; the same is overridden
    /// as with [`config_file`](Self::config_file).
    #[must_use]
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Config::Text(text.into());
        self
    }

    /// Leave `JetStream` off, unless the configuration turns it on.
    #[must_use]
    pub fn without_jetstream(mut self) -> Self {
        self.jetstream = JetStream::Off;
        self
    }

    /// How long a start may take, installing aside; 30 s unless set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts one server and waits until it is ready.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn start(self) -> Result<LocalServer, ServerError> {
        let binary = self.find_binary()?;
        let deadline = Deadline::after(self.patience);
        loop {
            let mut server = LocalServer::new(self.settings(&binary)?, "local")?;
            server.launch()?;
            match server.wait(deadline, self.patience) {
                Ok(()) => return Ok(server),
                Err(Startup::PortTaken) if !deadline.is_over() => {}
                Err(startup) => return Err(server.explain(startup)),
            }
        }
    }

    /// Starts three servers that form a cluster, and waits until each is ready and all have a leader.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn start_cluster(self) -> Result<Cluster, ServerError> {
        self.form_cluster(|ports| {
            Ok(ports.iter().map(|_| Routes { to: ports.to_vec(), only: false }).collect())
        })
    }

    /// The same, where servers reach each other through proxies alone. Given the ports on which they
    /// listen for each other, `ways` says for each server on which ports it reaches the others. It
    /// may be asked again, with other ports.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn start_cluster_through(
        self,
        mut ways: impl FnMut(&[u16]) -> io::Result<Vec<Vec<u16>>>,
    ) -> Result<Cluster, ServerError> {
        self.form_cluster(|ports| {
            let ways = ways(ports).map_err(ServerError::io("open the ways between servers"))?;
            Ok(ways.into_iter().map(|to| Routes { to, only: true }).collect())
        })
    }

    fn form_cluster(
        self,
        mut routes: impl FnMut(&[u16]) -> Result<Vec<Routes>, ServerError>,
    ) -> Result<Cluster, ServerError> {
        let binary = self.find_binary()?;
        let deadline = Deadline::after(self.patience);
        loop {
            let mut servers = Vec::new();
            for name in ["n1", "n2", "n3"] {
                servers.push(LocalServer::new(self.settings(&binary)?, name)?);
            }
            let ports: Vec<u16> = servers.iter().map(LocalServer::route_port).collect();
            let routes = routes(&ports)?;
            // Otherwise a port was taken between its choice and its use: others, then.
            if let Some(cluster) = Cluster::form(servers, routes, deadline, self.patience)? {
                return Ok(cluster);
            }
        }
    }

    fn find_binary(&self) -> Result<Binary, ServerError> {
        match (&self.binary, self.version) {
            (Some(binary), _) => Ok(binary.clone()),
            (None, Some(version)) => Binary::installed(version),
            (None, None) => Binary::find(),
        }
    }

    fn settings(&self, binary: &Binary) -> Result<Settings, ServerError> {
        let (config, text) = match &self.config {
            Config::None => (None, String::new()),
            Config::Text(text) => (None, text.clone()),
            Config::File(path) => {
                let read = |error| ServerError::io(format!("read {}", path.display()))(error);
                let path = path.canonicalize().map_err(read)?;
                (Some(path.clone()), fs::read_to_string(&path).map_err(read)?)
            }
        };
        Ok(Settings {
            binary: binary.clone(),
            config,
            // The server refuses one that is given twice.
            own_store: !text.contains("store_dir"),
            text,
            jetstream: self.jetstream == JetStream::On,
        })
    }
}

#[derive(Debug, Clone)]
enum Config {
    None,
    Text(String),
    File(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JetStream {
    On,
    Off,
}
