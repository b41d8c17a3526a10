use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::Deadline;

/// What to run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Its working directory.
    pub(crate) dir: PathBuf,
    /// Where what it prints is appended.
    pub(crate) log: PathBuf,
}

/// A child that dies with this process where that can be had, and that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts the program in a process group of its own, so that a Ctrl-C in the terminal is not its
    /// business.
    pub(crate) fn spawn(program: Program) -> io::Result<Self> {
        let (reply, answer) = sync_channel(1);
        let job = Job { program, reply };
        KEEPER.send(job).map_err(io::Error::other)?;
        let child = answer.recv().map_err(io::Error::other)??;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal; nothing happens to a process that has ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        // Not reaped yet, so the id is still this child's.
        if self.ended().is_none() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }

    /// Asks it to end and kills it if it does not in time, frozen or not.
    pub(crate) fn stop(&mut self, patience: Duration) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
        if Deadline::after(patience).poll(|| self.ended()).is_none() {
            self.kill();
        }
    }

    /// Kills it, and returns when it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Job {
    program: Program,
    reply: SyncSender<io::Result<Child>>,
}

/// The thread that starts all children. The system sends the death signal when the *thread* that
/// started the child ends, so a test's or a runtime's thread must not be the one.
static KEEPER: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (jobs, work) = channel::<Job>();
    thread::spawn(move || {
        for job in work {
            // Whoever asked waits for the answer.
            let _ = job.reply.send(start(&job.program));
        }
    });
    jobs
});

fn start(program: &Program) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(&program.log)?;
    dying_with_us(&program.path)
        .args(&program.args)
        .current_dir(&program.dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
}

/// Starts the program through `setpriv`, which asks the system to kill it when its parent dies and
/// then becomes it. The call behind it needs unsafe code in this process, which is forbidden here.
fn dying_with_us(path: &Path) -> Command {
    if !*HAS_SETPRIV {
        return Command::new(path);
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--pdeathsig", "KILL", "--"]).arg(path);
    setpriv
}

static HAS_SETPRIV: LazyLock<bool> = LazyLock::new(|| {
    let tried = Command::new("setpriv").args(["--pdeathsig", "KILL", "--", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
});
