//! Who runs PostgreSQL, which refuses to run as root.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use rustix::process::getuid;

/// The user that root runs PostgreSQL as.
pub(crate) const USER: &str = "postgres";

/// The user and group that run the server, if they are others than this process's.
pub(crate) fn other_user() -> Option<(u32, u32)> {
    if !getuid().is_root() {
        return None;
    }
    // The home of the user belongs to it wherever the package is installed.
    let id = |flag: &str| {
        let output = Command::new("id").args([flag, USER]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    id("-u").zip(id("-g"))
}

/// Gives a folder with everything below it to the user that runs the server.
pub(crate) fn give(folder: &Path) -> std::io::Result<()> {
    let Some((user, group)) = other_user() else { return Ok(()) };
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        chown(&path, Some(user), Some(group))?;
        if fs::symlink_metadata(&path)?.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        }
    }
    Ok(())
}
