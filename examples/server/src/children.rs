//! The processes that a process has started.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::Process;

/// Kills a process with all that it has started.
pub(crate) fn kill_with_children(process: &mut Process) {
    let all = children(process.id());
    process.kill();
    for child in all {
        signal(child, Signal::KILL);
    }
}

/// The processes that a process has started and that run.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// Sends a signal to a process that another one has started.
pub(crate) fn signal(id: u32, signal: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended hears nothing.
        let _ = kill_process(pid, signal);
    }
}
