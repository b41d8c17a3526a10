use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::binary::Binary;
use crate::builder::ServerBuilder;
use crate::deadline::Deadline;
use crate::error::ServerError;
use crate::monitor::Monitor;
use crate::port::{self, Port};
use crate::process::{Process, Program};
use crate::routes::Routes;
use crate::scratch::{self, Scratch};
use crate::version::Version;

/// A nats-server of our own on loopback, over a store of its own.
///
/// Dropping it kills it and removes its store.
#[derive(Debug)]
pub struct LocalServer {
    // Before the folder, so that it is gone before its folder is.
    process: Option<Process>,
    settings: Settings,
    name: String,
    ports: Ports,
    routes: Routes,
    /// Where the log began at the last launch.
    log_start: usize,
    scratch: Scratch,
}

impl LocalServer {
    /// Starts the one that [`Binary::find`] finds, with `JetStream`, and waits until it is ready.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn start() -> Result<Self, ServerError> {
        Self::builder().start()
    }

    /// Starts one that differs from the default.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Where clients connect, as `nats://127.0.0.1:23456`. It stays the same over restarts.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// The port of [`url`](Self::url).
    pub fn port(&self) -> u16 {
        self.ports.client.number()
    }

    /// The server's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's version.
    pub fn version(&self) -> Version {
        self.settings.binary.version()
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Whether its process is there, frozen or not.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// How many subscriptions there are on the server, its own included.
    ///
    /// # Errors
    /// [`ServerError::Io`] if it does not say.
    pub fn subscriptions(&self) -> Result<u64, ServerError> {
        self.monitor().subscriptions().map_err(ServerError::io("read the subscriptions"))
    }

    /// What went in and out since it started, as it says itself.
    ///
    /// # Errors
    /// [`ServerError::Io`] if it does not say.
    pub fn traffic(&self) -> Result<Traffic, ServerError> {
        self.monitor().traffic().map_err(ServerError::io("read the traffic"))
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Stops it with SIGTERM, and with SIGKILL if that takes over ten seconds.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(Duration::from_secs(10));
        }
    }

    /// Kills it with SIGKILL, as a crash does, and returns when it is gone.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Freezes it with SIGSTOP: connections stay open and nothing is answered.
    pub fn freeze(&mut self) {
        if let Some(process) = &mut self.process {
            process.freeze();
        }
    }

    /// Lets a frozen one go on with SIGCONT.
    pub fn thaw(&mut self) {
        if let Some(process) = &mut self.process {
            process.thaw();
        }
    }

    /// Starts it again after a [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and
    /// over the same store, and waits until it is ready.
    ///
    /// # Errors
    /// [`ServerError::Running`] if it runs, and whatever keeps it from starting.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.launch()?;
        self.wait_until_ready(Duration::from_secs(30))
    }

    /// The first half of [`restart`](Self::restart), for a cluster of which too few run to be ready.
    ///
    /// # Errors
    /// [`ServerError::Running`] if it runs, [`ServerError::Io`] if its program cannot be started.
    pub fn launch(&mut self) -> Result<(), ServerError> {
        if self.is_running() {
            return Err(ServerError::Running { url: self.url() });
        }
        let prepare = || -> io::Result<()> {
            fs::create_dir_all(self.data_path())?;
            self.write_config()
        };
        prepare().map_err(ServerError::io("write the server's folder"))?;
        self.log_start = self.log().len();
        let process = Process::spawn(self.program()).map_err(ServerError::io("start a process"))?;
        self.process = Some(process);
        Ok(())
    }

    /// The second half of [`restart`](Self::restart). It leaves a server running that is late.
    ///
    /// # Errors
    /// [`ServerError::Ended`] or [`ServerError::NotReady`].
    pub fn wait_until_ready(&mut self, patience: Duration) -> Result<(), ServerError> {
        self.wait(Deadline::after(patience), patience).map_err(|startup| self.explain(startup))
    }

    /// Replaces the configuration's text, and has a running server read it (SIGHUP). As with
    /// [`ServerBuilder::config`], addresses, ports and the server's name stay what they are.
    ///
    /// # Errors
    /// [`ServerError::Reload`] if the server does not take it, [`ServerError::Io`].
    pub fn reload(&mut self, config: impl Into<String>) -> Result<(), ServerError> {
        self.settings.text = config.into();
        self.settings.config = None;
        self.write_config().map_err(ServerError::io("write the server's folder"))?;
        let before = fs::metadata(self.log_path()).map_or(0, |log| log.len());
        let Some(process) = &mut self.process else { return Ok(()) };
        process.hang_up();
        let said = Deadline::after(Duration::from_secs(10)).poll(|| {
            let log = self.log();
            let news = log.get(usize::try_from(before).ok()?..)?;
            let refused = news.lines().find(|line| line.contains("Failed to reload"));
            let taken = news.contains("Reloaded server configuration");
            refused.map(|line| Err(line.to_owned())).or(taken.then_some(Ok(())))
        });
        let late = || Err("it does not report that it has read the configuration".to_owned());
        said.unwrap_or_else(late).map_err(|why| ServerError::Reload { url: self.url(), why })
    }

    /// Lets the next [`restart`](Self::restart) run another binary, as an upgrade does.
    pub fn set_binary(&mut self, binary: Binary) {
        self.settings.binary = binary;
    }

    /// Copies the store, and returns the copy, which goes away with the server. Stop the server
    /// first for a copy that is whole; a copy under a running one is what a backup tool would get.
    ///
    /// # Errors
    /// [`ServerError::Io`].
    pub fn copy_store(&self) -> Result<PathBuf, ServerError> {
        let copy = self.scratch.path().join(format!("copy-{:016x}", port::random()));
        scratch::copy(&self.data_path(), &copy).map_err(ServerError::io("copy the store"))?;
        Ok(copy)
    }

    /// Puts a copy in place of the store, as a restored backup or a rolled back volume does.
    ///
    /// # Errors
    /// [`ServerError::Running`] if it runs, [`ServerError::Io`].
    pub fn roll_back_store(&mut self, copy: &Path) -> Result<(), ServerError> {
        self.wipe_store()?;
        scratch::copy(copy, &self.data_path()).map_err(ServerError::io("copy the store"))
    }

    /// Removes the store.
    ///
    /// # Errors
    /// [`ServerError::Running`] if it runs, [`ServerError::Io`].
    pub fn wipe_store(&mut self) -> Result<(), ServerError> {
        if self.is_running() {
            return Err(ServerError::Running { url: self.url() });
        }
        fs::remove_dir_all(self.data_path()).map_err(ServerError::io("remove the store"))
    }

    /// One that is not started yet, with ports and a folder.
    pub(crate) fn new(settings: Settings, name: &str) -> Result<Self, ServerError> {
        let scratch = Scratch::new().map_err(ServerError::io("create a temporary folder"))?;
        Ok(Self {
            process: None,
            settings,
            name: format!("{name}-{:016x}", port::random()),
            ports: Ports::free(),
            routes: Routes::default(),
            log_start: 0,
            scratch,
        })
    }

    pub(crate) fn route_port(&self) -> u16 {
        self.ports.route.number()
    }

    pub(crate) fn join_cluster(&mut self, routes: Routes) {
        self.routes = routes;
    }

    pub(crate) fn monitor(&self) -> Monitor {
        Monitor::new(self.ports.monitor.number())
    }

    pub(crate) fn wait(&mut self, deadline: Deadline, patience: Duration) -> Result<(), Startup> {
        let mut last = String::new();
        let ready = deadline.poll(|| {
            // Asked first: once it has ended, the monitoring port may be another one's.
            if let Some(status) = self.process.as_mut().and_then(Process::ended) {
                return Some(Err(self.ended(status)));
            }
            self.monitor().is_ready(&self.name).map_err(|said| last = said).ok().map(Ok)
        });
        ready.unwrap_or(Err(Startup::NotReady { after: patience, last }))
    }

    pub(crate) fn explain(&self, startup: Startup) -> ServerError {
        let log = self.log_end();
        match startup {
            Startup::PortTaken => ServerError::Ended { status: "a port was taken".into(), log },
            Startup::Ended(status) => ServerError::Ended { status: status.to_string(), log },
            Startup::NotReady { after, last } => ServerError::NotReady { after, last, log },
        }
    }

    fn ended(&self, status: ExitStatus) -> Startup {
        let log = self.log();
        if log.get(self.log_start..).is_some_and(|log| log.contains("address already in use")) {
            Startup::PortTaken
        } else {
            Startup::Ended(status)
        }
    }

    fn program(&self) -> Program {
        Program {
            path: self.settings.binary.path().to_owned(),
            args: self.args(),
            dir: self.data_path(),
            log: self.log_path(),
        }
    }

    fn args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: OsString| args.extend([name.into(), value]);
        add("-c", self.settings.config.clone().unwrap_or_else(|| self.config_path()).into());
        add("-a", "127.0.0.1".into());
        add("-p", self.port().to_string().into());
        add("-m", self.ports.monitor.number().to_string().into());
        add("-n", self.name.clone().into());
        if self.settings.jetstream && self.settings.own_store {
            add("-sd", self.data_path().into());
        }
        args.extend(self.routes.args(self.route_port()));
        if self.settings.jetstream {
            args.push("-js".into());
        }
        args
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Writes the text with the name at its end, where it counts: a server that reads it again
    /// refuses another name than it has.
    fn write_config(&self) -> io::Result<()> {
        let mut text = format!("{}\nserver_name: {}\n", self.settings.text, self.name);
        if !self.routes.to.is_empty() {
            text.push_str("cluster { name: local }\n");
        }
        fs::write(self.config_path(), text)
    }

    fn data_path(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn config_path(&self) -> PathBuf {
        self.scratch.path().join("nats.conf")
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }
}

/// What went through a server, both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a server is started with, the same each time.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) binary: Binary,
    /// A configuration file in its own place; without one, `text` is written to one.
    pub(crate) config: Option<PathBuf>,
    pub(crate) text: String,
    pub(crate) own_store: bool,
    pub(crate) jetstream: bool,
}

/// Why a server did not become ready.
#[derive(Debug)]
pub(crate) enum Startup {
    PortTaken,
    Ended(ExitStatus),
    NotReady { after: Duration, last: String },
}

#[derive(Debug)]
struct Ports {
    client: Port,
    monitor: Port,
    route: Port,
}

impl Ports {
    fn free() -> Self {
        Self { client: Port::free(), monitor: Port::free(), route: Port::free() }
    }
}
