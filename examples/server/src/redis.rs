//! A redis-server of our own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::port::{self, Port};
use crate::process::{Process, Program};
use crate::scratch::{self, Scratch};

/// How long a server may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs that are looked for on `PATH`.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// A Redis or Valkey server of our own on loopback, over a folder of its own. Unless its settings say
/// otherwise, it syncs each write to its append-only file before it acknowledges it.
///
/// Dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct RedisServer {
    // Before the folder, so that it is gone before its folder is.
    process: Option<Process>,
    program: PathBuf,
    settings: Vec<String>,
    mode: Mode,
    port: Port,
    scratch: Scratch,
}

/// What the program is started as.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Server,
    Sentinel,
}

impl Mode {
    /// What comes first in its configuration, and last in its command.
    fn settings(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Server => ("save \"\"", None),
            Self::Sentinel => ("", Some("--sentinel")),
        }
    }
}

/// Why there is no Redis server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisServerError {
    /// None was found.
    #[error(
        "no redis-server was found: install one (`apt-get install redis-server`), or set REDIS_SERVER \
         to the path of a redis-server or valkey-server"
    )]
    NotFound,
    /// It ended, or did not answer in time.
    #[error("redis-server at {path} does not start: {why}\n{log}", path = path.display())]
    NotReady {
        /// The program.
        path: PathBuf,
        /// What was seen last.
        why: String,
        /// What it printed.
        log: String,
    },
    /// It answered with an error.
    #[error("redis-server refused {command}: {error}")]
    Refused {
        /// What it was asked for.
        command: String,
        /// What it said.
        error: String,
    },
    /// The machine refused something.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn cannot(what: &'static str) -> impl FnOnce(io::Error) -> RedisServerError {
    move |source| RedisServerError::Io { what, source }
}

impl RedisServer {
    /// The program: what `REDIS_SERVER` names, else the first of `redis-server` and `valkey-server` on
    /// `PATH`.
    ///
    /// # Errors
    /// [`RedisServerError::NotFound`].
    pub fn find() -> Result<PathBuf, RedisServerError> {
        if let Some(path) = env::var_os("REDIS_SERVER").filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            return if path.is_file() { Ok(path) } else { Err(RedisServerError::NotFound) };
        }
        let folders = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = env::split_paths(&folders).collect();
        let programs = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |f| f.join(name)));
        programs.into_iter().find(|path| path.is_file()).ok_or(RedisServerError::NotFound)
    }

    /// Whether tests with a server can run. If there is none it says so loudly; with the environment
    /// variable `CI` set, the tests are not to be skipped, and the server's absence is their failure.
    pub fn is_here_or_skip(test: &str) -> bool {
        let found = Self::find();
        if let Err(error) = &found {
            eprintln!("SKIPPED {test}: {error}");
        }
        found.is_ok() || env::var_os("CI").is_some()
    }

    /// Starts one that keeps what it has acknowledged, and waits until it answers.
    ///
    /// # Errors
    /// Any [`RedisServerError`]; nothing is left behind then.
    pub fn start() -> Result<Self, RedisServerError> {
        Self::with(["appendonly yes", "appendfsync always"])
    }

    /// Starts one with these lines as its configuration.
    ///
    /// # Errors
    /// Any [`RedisServerError`]; nothing is left behind then.
    pub fn with<S: Into<String>>(
        settings: impl IntoIterator<Item = S>,
    ) -> Result<Self, RedisServerError> {
        Self::launch(settings.into_iter().map(Into::into).collect(), Mode::Server)
    }

    /// Starts a Sentinel with these lines as its configuration, such as `sentinel monitor …`.
    ///
    /// # Errors
    /// Any [`RedisServerError`]; nothing is left behind then.
    pub fn sentinel<S: Into<String>>(
        settings: impl IntoIterator<Item = S>,
    ) -> Result<Self, RedisServerError> {
        Self::launch(settings.into_iter().map(Into::into).collect(), Mode::Sentinel)
    }

    fn launch(settings: Vec<String>, mode: Mode) -> Result<Self, RedisServerError> {
        let mut server = Self {
            process: None,
            program: Self::find()?,
            settings,
            mode,
            port: Port::free(),
            scratch: Scratch::new().map_err(cannot("create a temporary folder"))?,
        };
        server.restart()?;
        Ok(server)
    }

    /// Where clients connect, as `redis://127.0.0.1:23456`. It stays the same over restarts.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// The port of [`url`](Self::url).
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Whether its process is there, frozen or not.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir().join("log")).unwrap_or_default()).into_owned()
    }

    /// One value of `INFO`, such as `role`.
    ///
    /// # Errors
    /// [`RedisServerError::Refused`] or [`RedisServerError::Io`].
    pub fn info(&self, name: &str) -> Result<String, RedisServerError> {
        let all = self.command("INFO")?;
        let value = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.unwrap_or_default().trim().to_owned())
    }

    /// Copies the append-only file, and returns the copy, which goes away with the server. Freeze the
    /// server first for a copy of one moment.
    ///
    /// # Errors
    /// [`RedisServerError::Io`].
    pub fn copy_store(&self) -> Result<PathBuf, RedisServerError> {
        let copy = self.dir().join(format!("copy-{:016x}", port::random()));
        let copied = fs::create_dir(&copy).and_then(|()| {
            let data = self.data_path();
            match data.file_name() {
                Some(name) if data.is_dir() => scratch::copy(&data, &copy.join(name)),
                Some(name) => fs::copy(&data, copy.join(name)).map(drop),
                None => Ok(()),
            }
        });
        copied.map_err(cannot("copy the append-only file"))?;
        Ok(copy)
    }

    /// Puts a copy in place of the append-only file of a server that does not run, as a restored
    /// backup or a power cut does.
    ///
    /// # Errors
    /// [`RedisServerError::Io`].
    pub fn roll_back_store(&mut self, copy: &Path) -> Result<(), RedisServerError> {
        let data = self.data_path();
        let removed = match fs::metadata(&data) {
            Ok(it) if it.is_dir() => fs::remove_dir_all(&data),
            Ok(_) => fs::remove_file(&data),
            Err(_) => Ok(()),
        };
        let copied = removed.and_then(|()| scratch::copy(copy, &self.dir()));
        copied.map_err(cannot("copy the append-only file"))
    }

    /// The append-only file: a folder since Redis 7.
    fn data_path(&self) -> PathBuf {
        let folder = self.dir().join("appendonlydir");
        if folder.is_dir() { folder } else { self.dir().join("appendonly.aof") }
    }

    /// Its folder, with its data and its log.
    pub fn dir(&self) -> PathBuf {
        self.scratch.path().to_owned()
    }

    /// Kills it with SIGKILL, as a crash does, and returns when it is gone.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops it with SIGTERM, and with SIGKILL if that takes over ten seconds.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(Duration::from_secs(10));
        }
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

    /// Starts it again over the same folder, after a [`stop`](Self::stop) or [`kill`](Self::kill),
    /// and waits until it answers.
    ///
    /// # Errors
    /// Any [`RedisServerError`].
    pub fn restart(&mut self) -> Result<(), RedisServerError> {
        let (dir, log) = (self.dir(), self.dir().join("log"));
        let config = dir.join("redis.conf");
        let (first, last) = self.mode.settings();
        // A Sentinel has the server rewrite it: what it was made since then, it is again.
        if !config.is_file() {
            let lines = format!(
                "bind 127.0.0.1\nport {}\ndir {}\n{first}\n{}\n",
                self.port(),
                dir.display(),
                self.settings.join("\n")
            );
            fs::write(&config, lines).map_err(cannot("write the server's configuration"))?;
        }
        let mut args: Vec<OsString> = vec![config.into()];
        args.extend(last.map(OsString::from));
        let program = Program { path: self.program.clone(), args, dir, log: log.clone() };
        self.process = Some(Process::spawn(program).map_err(cannot("start a process"))?);
        let mut why = String::from("it does not answer");
        let ready = Deadline::after(PATIENCE).poll(|| {
            if let Some(status) = self.process.as_mut().and_then(Process::ended) {
                why = format!("it ended ({status})");
                return Some(false);
            }
            let answer = self.raw("PING").ok()?;
            // A server that wants a password is ready, too.
            (answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")).then_some(true)
        });
        if ready == Some(true) {
            return Ok(());
        }
        self.process = None;
        let log = fs::read_to_string(log).unwrap_or_default();
        Err(RedisServerError::NotReady { path: self.program.clone(), why, log })
    }

    /// Sends one command as a line, beside every client, and returns the first line of the answer; of
    /// a text, the text.
    ///
    /// # Errors
    /// [`RedisServerError::Refused`] or [`RedisServerError::Io`].
    pub fn command(&self, command: &str) -> Result<String, RedisServerError> {
        let answer = self.raw(command).map_err(cannot("send a command to redis-server"))?;
        match answer.strip_prefix('-') {
            Some(error) => {
                let (command, error) = (command.to_owned(), error.to_owned());
                Err(RedisServerError::Refused { command, error })
            }
            None => Ok(answer),
        }
    }

    fn raw(&self, command: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        let Some(length) = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok())
        else {
            return Ok(line);
        };
        let mut text = vec![0; length];
        reader.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
