use std::ffi::OsString;
use std::fs::{self, File};
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
#[derive(Debug, Clone)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory.
    pub dir: PathBuf,
    /// Where what it prints is appended.
    pub log: PathBuf,
}

/// A child that dies with this process where that can be had, and that is killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts the program in a process group of its own, so that a Ctrl-C in the terminal is not its
    /// business.
    ///
    /// # Errors
    /// When the system cannot start it, or the log cannot be opened.
    pub fn spawn(program: Program) -> io::Result<Self> {
        let (reply, answer) = sync_channel(1);
        let job = Job { program, reply };
        KEEPER.send(job).map_err(io::Error::other)?;
        let child = answer.recv().map_err(io::Error::other)??;
        Ok(Self { child })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal; nothing happens to a process that has ended.
    fn signal(&mut self, signal: Signal) {
        // Not reaped yet, so the id is still this child's.
        if self.ended().is_none() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }

    /// Waits until it has ended; `None` if it has not in time.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        Deadline::after(patience).poll(|| self.ended())
    }

    /// Freezes it with SIGSTOP and returns when it stands still.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        // Other systems than Linux say it elsewhere; there the signal has to do.
        let stat = PathBuf::from(format!("/proc/{}/stat", self.id()));
        let stands_still = || {
            let Ok(stat) = fs::read_to_string(&stat) else { return Some(()) };
            let state = stat.rsplit(')').next().unwrap_or_default();
            state.trim_start().starts_with(['T', 'Z', 'X']).then_some(())
        };
        let _ = Deadline::after(Duration::from_secs(10)).poll(stands_still);
    }

    /// Lets a frozen one go on with SIGCONT.
    pub fn thaw(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to end, with SIGTERM.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to read its configuration again, with SIGHUP.
    pub fn hang_up(&mut self) {
        self.signal(Signal::HUP);
    }

    /// Asks it to end and kills it if it does not in time, frozen or not.
    pub fn stop(&mut self, patience: Duration) {
        self.terminate();
        self.thaw();
        if self.wait(patience).is_none() {
            self.kill();
        }
    }

    /// Kills it, and returns when it is gone.
    pub fn kill(&mut self) {
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
