use std::ffi::OsString;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::children::{children, kill_with_children, signal};
use crate::deadline::Deadline;
use crate::error::ServerError;
use crate::owner::{USER, give, other_user};
use crate::port::{self, Port};
use crate::process::{Process, Program};
use crate::scratch::{self, Scratch};

/// A PostgreSQL server of our own on loopback, over a cluster of its own, without passwords.
///
/// It uses the programs in `POSTGRES_BIN`, on `PATH`, or where Debian installs them. PostgreSQL
/// refuses to run as root, so root runs it as the user `postgres`. Dropping it kills it and removes
/// its cluster.
#[derive(Debug)]
pub struct LocalPostgres {
    // Before the folder, so that it is gone before its folder is.
    process: Option<Process>,
    programs: PathBuf,
    port: Port,
    settings: Vec<String>,
    scratch: Scratch,
}

impl LocalPostgres {
    /// What was started, for tests. Without PostgreSQL there is nothing to test: that is said loudly, and
    /// the answer is `None`.
    ///
    /// # Panics
    /// If it cannot be started, and with the environment variable `CI` also if it is not there.
    pub fn or_skip(started: Result<Self, ServerError>) -> Option<Self> {
        match started {
            Ok(server) => Some(server),
            Err(error @ ServerError::NoPostgres { .. }) if std::env::var_os("CI").is_none() => {
                eprintln!("SKIPPED: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts a server, and waits until it is ready.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn start() -> Result<Self, ServerError> {
        // A crash of the process alone loses nothing that the system has.
        Self::with(&["fsync=off"])
    }

    /// Starts a server with further settings, such as `synchronous_commit=off`.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn with(settings: &[&str]) -> Result<Self, ServerError> {
        let mut server = Self::prepare(settings)?;
        server.run("initdb", &["-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync", "-D"])?;
        server.restart()?;
        Ok(server)
    }

    /// Starts a standby that follows this server, on a port of its own.
    ///
    /// # Errors
    /// Any [`ServerError`]; nothing is left behind then.
    pub fn standby(&self, settings: &[&str]) -> Result<Self, ServerError> {
        let mut standby = Self::prepare(settings)?;
        standby.follow(self)?;
        Ok(standby)
    }

    /// Replaces the data of a server that does not run by a copy of another one's, and starts it as
    /// the standby of that one.
    ///
    /// # Errors
    /// [`ServerError::Running`] if it runs, and whatever keeps it from starting.
    pub fn follow(&mut self, primary: &Self) -> Result<(), ServerError> {
        if self.is_running() {
            return Err(ServerError::Running { url: self.url() });
        }
        let data = self.data_path();
        if data.is_dir() {
            fs::remove_dir_all(data).map_err(ServerError::io("remove the data"))?;
        }
        let port = primary.port().to_string();
        let args = ["-h", "127.0.0.1", "-p", &port, "-U", USER, "-c", "fast", "-R", "-N", "-D"];
        self.run("pg_basebackup", &args)?;
        self.restart()
    }

    fn prepare(settings: &[&str]) -> Result<Self, ServerError> {
        let programs = find()?;
        let scratch = Scratch::new().map_err(ServerError::io("make a folder"))?;
        let settings = settings.iter().map(ToString::to_string).collect();
        let server = Self { process: None, programs, port: Port::free(), settings, scratch };
        let folder = server.scratch.path();
        let prepare = || {
            if let Some((user, group)) = other_user() {
                chown(folder, Some(user), Some(group))?;
            }
            Ok(())
        };
        prepare().map_err(ServerError::io("give a folder to the user postgres"))?;
        Ok(server)
    }

    /// Where clients connect, as `postgres://postgres@127.0.0.1:23456/postgres`.
    pub fn url(&self) -> String {
        self.url_of(USER, "postgres")
    }

    /// Where another user connects to another database.
    pub fn url_of(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port())
    }

    /// The port that it listens at. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The process ids of the server and of all that it has started, while it runs.
    pub fn pids(&self) -> Vec<u32> {
        let Some(pid) = self.pid() else { return Vec::new() };
        let mut pids = children(pid);
        pids.push(pid);
        pids
    }

    /// Whether its process is there, frozen or not.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// The folder of its programs, such as `psql` and `pgbench`.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Runs statements with `psql` as the superuser, and returns what it prints.
    ///
    /// # Errors
    /// [`ServerError::Io`] with what `psql` says.
    pub fn sql(&self, statements: &str) -> Result<String, ServerError> {
        self.psql(&["-c".into(), statements.into()])
    }

    fn psql(&self, args: &[OsString]) -> Result<String, ServerError> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url()])
            .args(args)
            .output()
            .map_err(ServerError::io("run psql"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(ServerError::io("run statements with psql")(std::io::Error::other(words)))
    }

    /// Runs a file of statements with `psql` as the superuser.
    ///
    /// # Errors
    /// [`ServerError::Io`] with what `psql` says.
    pub fn sql_file(&self, file: &Path) -> Result<(), ServerError> {
        self.psql(&["-f".into(), file.into()]).map(drop)
    }

    /// Starts a session of the superuser under this application name, which runs one statement after
    /// another. It ends when the statements are done, or by `pg_terminate_backend`: a server does not
    /// notice at once that a client was killed.
    ///
    /// # Errors
    /// [`ServerError::Io`].
    pub fn session(&self, name: &str, statements: &[&str]) -> Result<Process, ServerError> {
        let url = format!("{}?application_name={name}", self.url());
        let mut args: Vec<OsString> =
            ["-X", "-q", "-d", &url].into_iter().map(OsString::from).collect();
        args.extend(statements.iter().flat_map(|it| [OsString::from("-c"), it.into()]));
        let path = self.programs.join("psql");
        let dir = self.scratch.path().to_owned();
        let log = dir.join(format!("{name}.log"));
        Process::spawn(Program { path, args, dir, log }).map_err(ServerError::io("run psql"))
    }

    /// Copies the data, and returns the copy, which goes away with the server. Freeze the server
    /// first: the copy is then what a crash at that moment would have left.
    ///
    /// # Errors
    /// [`ServerError::Io`].
    pub fn copy_store(&self) -> Result<PathBuf, ServerError> {
        let copy = self.scratch.path().join(format!("copy-{:016x}", port::random()));
        scratch::copy(&self.data_path(), &copy).map_err(ServerError::io("copy the data"))?;
        Ok(copy)
    }

    /// Puts a copy in place of the data, as a restored backup does.
    ///
    /// # Errors
    /// [`ServerError::Running`] if it runs, [`ServerError::Io`].
    pub fn roll_back_store(&mut self, copy: &Path) -> Result<(), ServerError> {
        if self.is_running() {
            return Err(ServerError::Running { url: self.url() });
        }
        let data = self.data_path();
        let replace = || {
            fs::remove_dir_all(&data)?;
            scratch::copy(copy, &data)?;
            // A server that was killed does not remove it, and its process id may be another one's.
            match fs::remove_file(data.join("postmaster.pid")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
            give(&data)
        };
        replace().map_err(ServerError::io("copy the data"))
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Stops it with SIGTERM, without waiting for its clients, and with SIGKILL if that takes long.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // SIGTERM would wait until all clients have gone.
        signal(process.id(), Signal::INT);
        if process.wait(Duration::from_secs(10)).is_none() {
            kill_with_children(&mut process);
        }
    }

    /// Kills it with all its processes, as a crash does, and returns when it is gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill_with_children(&mut process);
        }
    }

    /// Freezes it with all its processes: connections stay open and nothing is answered.
    pub fn freeze(&mut self) {
        if let Some(process) = &mut self.process {
            process.freeze();
            for child in children(process.id()) {
                signal(child, Signal::STOP);
            }
        }
    }

    /// Lets a frozen one go on.
    pub fn thaw(&mut self) {
        if let Some(process) = &mut self.process {
            for child in children(process.id()) {
                signal(child, Signal::CONT);
            }
            process.thaw();
        }
    }

    /// Starts it again after a [`stop`](Self::stop) or [`kill`](Self::kill), and waits until it is
    /// ready.
    ///
    /// # Errors
    /// [`ServerError::Running`] if it runs, and whatever keeps it from starting.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        if self.is_running() {
            return Err(ServerError::Running { url: self.url() });
        }
        let deadline = Deadline::after(Duration::from_mins(1));
        loop {
            let program = self.program();
            let mut process =
                Process::spawn(program).map_err(ServerError::io("start a process"))?;
            let ready = deadline.poll(|| match process.ended() {
                Some(status) => Some(Err(status)),
                None => self.is_ready().then_some(Ok(())),
            });
            match ready {
                Some(Ok(())) => {
                    self.process = Some(process);
                    return Ok(());
                }
                // Processes of one that was killed may take a moment to end.
                Some(Err(_)) if self.log().contains("still in use") && !deadline.is_over() => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Some(Err(status)) => {
                    let (status, log) = (status.to_string(), self.log());
                    return Err(ServerError::PostgresEnded { status, log });
                }
                None => {
                    kill_with_children(&mut process);
                    let status = "it was not ready after 60 s".to_owned();
                    return Err(ServerError::PostgresEnded { status, log: self.log() });
                }
            }
        }
    }

    /// Makes a standby the primary, and waits until it is.
    ///
    /// # Errors
    /// [`ServerError::Io`] with what the server says.
    pub fn promote(&self) -> Result<(), ServerError> {
        self.sql("SELECT pg_promote()").map(drop)
    }

    fn is_ready(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port())).is_ok() && self.sql("SELECT 1").is_ok()
    }

    fn data_path(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }

    fn program(&self) -> Program {
        let mut args = vec![OsString::from("-D"), self.data_path().into()];
        let folder = self.scratch.path().display();
        let own = [
            format!("port={}", self.port()),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={folder}"),
            "max_connections=200".to_owned(),
        ];
        for setting in own.iter().chain(&self.settings) {
            args.extend([OsString::from("-c"), setting.into()]);
        }
        self.as_user("postgres", args)
    }

    /// Runs a program that makes the cluster.
    fn run(&self, name: &str, args: &[&str]) -> Result<(), ServerError> {
        let mut args: Vec<OsString> = args.iter().map(OsString::from).collect();
        args.push(self.data_path().into());
        let program = self.as_user(name, args);
        let mut process = Process::spawn(program).map_err(ServerError::io("start a process"))?;
        match process.wait(Duration::from_mins(2)) {
            Some(status) if status.success() => Ok(()),
            status => {
                let status = status.map_or_else(|| "late".to_owned(), |status| status.to_string());
                Err(ServerError::PostgresEnded { status, log: self.log() })
            }
        }
    }

    /// A program of PostgreSQL, as a user that may run it.
    fn as_user(&self, name: &str, args: Vec<OsString>) -> Program {
        let path = self.programs.join(name);
        let (dir, log) = (self.scratch.path().to_owned(), self.log_path());
        if other_user().is_none() {
            return Program { path, args, dir, log };
        }
        // The death signal is lost when the user changes, so it is set again here.
        let user =
            ["--reuid", USER, "--regid", USER, "--clear-groups", "--pdeathsig", "KILL", "--"];
        let mut all: Vec<OsString> = user.iter().map(OsString::from).collect();
        all.push(path.into());
        all.extend(args);
        Program { path: "setpriv".into(), args: all, dir, log }
    }
}

impl Drop for LocalPostgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The folder of the programs of the newest PostgreSQL.
fn find() -> Result<PathBuf, ServerError> {
    let has = |folder: &Path| folder.join("postgres").is_file() && folder.join("initdb").is_file();
    if let Some(folder) = std::env::var_os("POSTGRES_BIN").map(PathBuf::from) {
        let why = || format!("POSTGRES_BIN has no postgres and initdb: {}", folder.display());
        return if has(&folder) { Ok(folder) } else { Err(ServerError::NoPostgres { why: why() }) };
    }
    let version =
        |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian.map(|entry| entry.path().join("bin")).filter(|folder| has(folder));
    if let Some(folder) = newest.max_by_key(version) {
        return Ok(folder);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).find(|folder| has(folder));
    let why = "neither /usr/lib/postgresql/*/bin nor PATH has postgres and initdb".to_owned();
    found.ok_or(ServerError::NoPostgres { why })
}
