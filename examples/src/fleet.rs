//! Worker processes: started, hurt, and asked for their journals.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use divider_local_server::{Process, Program};

use crate::history::Run;
use crate::journal::{self, now_ns};

/// How to start workers of one group.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The program, and what comes before a worker's own arguments.
    pub program: PathBuf,
    /// What comes before a worker's own arguments.
    pub before: Vec<OsString>,
    /// The server's URL.
    pub server: String,
    /// The group.
    pub group: String,
    /// Where the journals and logs go.
    pub folder: PathBuf,
    /// Further arguments of all workers, such as `--lease 2s`.
    pub after: Vec<OsString>,
}

impl Fleet {
    /// Starts a worker with this node id and further arguments.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn start(&self, node: &str, more: &[&str]) -> io::Result<Worker> {
        let run = format!("{node}-{}", now_ns());
        let journal = self.folder.join(format!("{run}.jsonl"));
        let log = self.folder.join(format!("{run}.log"));
        let mut args = self.before.clone();
        let own = ["--server", &self.server, "--group", &self.group, "--node", node, "--log"];
        args.extend(own.map(OsString::from));
        args.push(journal.clone().into());
        args.extend(self.after.iter().cloned());
        args.extend(more.iter().map(OsString::from));
        let (path, dir) = (self.program.clone(), self.folder.clone());
        let process = Process::spawn(Program { path, args, dir, log: log.clone() })?;
        let node = node.to_owned();
        Ok(Worker {
            node,
            journal,
            log,
            process,
            ended_ns: None,
            asleep_ns: None,
            naps: Vec::new(),
        })
    }
}

/// A worker process. Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    node: String,
    journal: PathBuf,
    log: PathBuf,
    process: Process,
    ended_ns: Option<u64>,
    asleep_ns: Option<u64>,
    naps: Vec<(u64, u64)>,
}

impl Worker {
    /// Its node id.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its journal's file.
    pub fn journal(&self) -> &Path {
        &self.journal
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether its process is there, frozen or not.
    pub fn is_running(&mut self) -> bool {
        let running = self.process.ended().is_none();
        if !running {
            self.ended_ns.get_or_insert_with(now_ns);
        }
        running
    }

    /// Asks it to hand over everything and leave.
    pub fn terminate(&mut self) {
        self.process.terminate();
    }

    /// Waits until it has ended; `None` if it has not in time.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let status = self.process.wait(patience);
        self.is_running();
        status
    }

    /// Kills it, as a crash does, and returns when it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
        self.is_running();
    }

    /// Freezes it.
    pub fn freeze(&mut self) {
        self.process.freeze();
        self.asleep_ns = Some(now_ns());
    }

    /// Lets it go on. The freeze counts as one of more than a lease: see [`Run::frozen_ns`].
    pub fn thaw(&mut self) {
        if let Some(asleep) = self.asleep_ns.take() {
            self.naps.push((asleep, now_ns()));
        }
        self.process.thaw();
    }

    /// Its journal so far with what was done to it. A worker that was killed before it wrote
    /// anything has an empty one.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn run(&mut self) -> io::Result<Run> {
        // First: what it writes after this look is not missed in one that has ended.
        self.is_running();
        let entries = match journal::read(&self.journal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let mut frozen_ns = self.naps.clone();
        // It is asleep still: it holds nothing since then, and has not woken yet.
        frozen_ns.extend(self.asleep_ns.map(|asleep| (asleep, u64::MAX)));
        Ok(Run { entries, ended_ns: self.ended_ns, frozen_ns })
    }
}
