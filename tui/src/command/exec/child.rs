//! A process group of its own for each command.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use divider::Assignment;
use rustix::process::{Pid, Signal, getppid, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// A command and everything that it started in its process group. Dropping it kills all of them.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) child: Child,
    group: Pid,
    /// Whether all processes of the group have ended.
    ended: bool,
}

/// Starts a command, as the first process of a group of its own.
///
/// It is started by way of this program ([`become_child`]), which asks the system to be killed with its
/// parent, and becomes the command then.
pub(super) fn spawn(
    command: &[OsString],
    variables: &[(&str, String)],
    piped: bool,
) -> io::Result<Running> {
    let output = || if piped { Stdio::piped() } else { Stdio::inherit() };
    let child = Command::new(this_program()?)
        .args(command)
        .env(PARENT, std::process::id().to_string())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output())
        .stderr(output())
        .spawn()?;
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let group = id.ok_or_else(|| io::Error::other("the process has no id"))?;
    Ok(Running { child, group, ended: false })
}

/// This program, also after its file was replaced.
fn this_program() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// In a process that [`spawn`] started: becomes the command. Otherwise it returns at once.
pub(crate) fn become_child() {
    let Some(parent) = std::env::var_os(PARENT) else { return };
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        crate::output::tell(&format!("warning: the command will outlive this process: {error}"));
    }
    // The parent may have died before the system knew that.
    let is_alive = getppid()
        .is_some_and(|pid| *parent == *std::ffi::OsStr::new(&pid.as_raw_nonzero().to_string()));
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next().filter(|_| is_alive) else {
        std::process::exit(NOT_STARTED);
    };
    let error = std::process::Command::new(&program).args(words).env_remove(PARENT).exec();
    crate::output::tell(&format!("error: cannot run {}: {error}", program.display()));
    std::process::exit(NOT_STARTED);
}

impl Running {
    /// Waits until the command has exited. What it started may go on.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends the whole group: with SIGTERM, then with SIGKILL after the time-out or when the lease is
    /// about to end. Returns when none of it is left, and whether it had to be killed.
    pub(super) async fn stop(&mut self, mine: &Assignment, at_most: Duration) -> bool {
        let begun = Instant::now();
        let mut killed = None;
        self.signal(Signal::TERM);
        while self.is_alive() {
            match killed {
                None if begun.elapsed() >= at_most || mine.remaining() <= MARGIN => {
                    self.signal(Signal::KILL);
                    killed = Some(Instant::now());
                }
                // What is left are processes that ended and that nobody waits for.
                Some(at) if at.elapsed() >= AFTER_KILL => break,
                _ => {}
            }
            tokio::time::sleep(LOOK).await;
        }
        self.ended = true;
        killed.is_some()
    }

    /// Whether any process of the group is left.
    fn is_alive(&mut self) -> bool {
        // One that has ended stays in its group until somebody has waited for it.
        let _ = self.child.try_wait();
        test_kill_process_group(self.group).is_ok()
    }

    fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::KILL);
        }
    }
}

/// The process that started this one, in a process that is to become a command.
const PARENT: &str = "DIVIDER_EXEC_PARENT";

/// What shells exit with where a command cannot be started.
const NOT_STARTED: i32 = 127;

/// How often a group that has to end is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A group is killed when this is left of the lease.
const MARGIN: Duration = Duration::from_millis(200);

/// How long a killed group is waited for.
const AFTER_KILL: Duration = Duration::from_secs(1);
